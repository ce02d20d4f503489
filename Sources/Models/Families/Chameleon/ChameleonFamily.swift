import Checkpoints
import Foundation
import Imaging
import StrictJSON
import Tokenization

/// Chameleon 7B and 30B: pictures are codes, codes are tokens, and one decoder reads them all (models.md §1).
struct ChameleonFamily: ModelFamily {
    static let name = "chameleon"

    let vocabulary: ChameleonVocabulary
    let encoder: VQEncoder
    let recipe: PreprocessingRecipe
    let presets: [PromptPreset]
    let stopTokenIDs: Set<Int>

    var placeholder: String { vocabulary.placeholder.text }
    var imageTokenIDs: Set<Int> { vocabulary.imageTokenIDs }

    /// The message and the separator, as `ChameleonProcessor` has it unless it is told `return_for_text_completion`.
    var chatTemplate: String? { vocabulary.separator.map { "{message}" + $0.text } }

    /// `<racm3:break>`, one placeholder a code, `<eoss>`.
    var imageText: String {
        vocabulary.start.text + String(repeating: placeholder, count: encoder.configuration.codesPerImage)
            + vocabulary.end.text
    }

    init(
        _ configuration: ChameleonConfiguration, vocabulary: ChameleonVocabulary, encoder: VQEncoder,
        recipe: PreprocessingRecipe, stopTokenIDs: Set<Int>
    ) {
        self.vocabulary = vocabulary
        self.encoder = encoder
        self.recipe = recipe
        self.stopTokenIDs = stopTokenIDs
        presets = Self.presets(large: configuration.decoder.normPlacement == .branchOutput)
    }

    /// The usual prompts, and those of the Narrow Gate authors' scripts under `.paper`. Completion mode: no separator.
    private static func presets(large: Bool) -> [PromptPreset] {
        let caption = "<image>Provide a one-sentence caption for the provided image."
        let question = "<image>{question}\nAnswer the question using a single word or phrase. Answer:"
        let animal =
            large
            ? "<image> Answer the question using a single word, number, or short phrase. This animal is a"
            : "<image> This animal is a"
        return [
            PromptPreset(name: "caption", text: caption),
            PromptPreset(name: "vqa", text: question),
            PromptPreset(name: "caption.paper", text: caption),
            PromptPreset(name: "vqa.paper", text: question),
            PromptPreset(name: "imagenet.paper", text: animal),
        ]
    }

    func layout(of ids: [Int], bos: Int?, images: Int) throws -> PromptLayout {
        let (length, side) = (encoder.configuration.codesPerImage, encoder.configuration.grid)
        var blocks: [PromptLayout.ImageBlock] = []
        var position = 0
        while position < ids.count {
            guard ids[position] == vocabulary.placeholder.id else {
                position += 1
                continue
            }
            let end = position + length
            guard end < ids.count, ids[position..<end].allSatisfy({ $0 == vocabulary.placeholder.id }),
                ids[end] == vocabulary.end.id, position > 0, ids[position - 1] == vocabulary.start.id
            else {
                throw ModelError(.prompt, "the tokenizer took the picture at token \(position) apart")
            }
            blocks.append(
                .init(
                    soi: position - 1, image: position..<end, breaks: [], gridRows: side, gridColumns: side, eoi: end))
            position = end + 1
        }
        guard blocks.count == images else {
            throw ModelError(.prompt, "the tokenizer found \(blocks.count) pictures where the text has \(images)")
        }
        return PromptLayout(tokens: ids.count, bos: bos, images: blocks)
    }

    func pixelValues(of picture: Picture) throws -> [Float] { try recipe.pixels(of: picture).values }

    func encode(pixelValues: [Float], boundary: (() throws -> Void)?) throws -> EncodedImage {
        let side = encoder.configuration.resolution
        guard pixelValues.count == 3 * side * side else {
            throw ModelError(.image, "the model takes pictures of [3, \(side), \(side)]")
        }
        let codes = try encoder.codes(pixelValues, boundary: boundary)
        return EncodedImage(
            pixelValues: pixelValues, height: side, width: side, codes: codes,
            tokenIDs: codes.map { vocabulary.idOfCode[$0] })
    }
}
