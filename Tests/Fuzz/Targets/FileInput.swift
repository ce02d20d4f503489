import Checkpoints
import Imaging
import Interventions
import Jobs
import Tokenization

/// A PNG or JPEG file, under limits that keep an input's time in milliseconds.
enum PictureInput {
    private static let limits = ImageLimits(pixels: 1 << 18, side: 4096, scannedPixels: 1 << 22)

    static func run(_ input: [UInt8]) throws {
        // As the server's limits have it, without decoding.
        _ = try? ImageHeader(input)
        guard let header = try? ImageHeader(input, limits: limits),
            let picture = try? Picture(decoding: input, limits: limits)
        else { return }
        try demand(
            picture.width == header.width && picture.height == header.height,
            "\(header.width)×\(header.height) in the header, \(picture.width)×\(picture.height) decoded")
        guard picture.width * picture.height <= 4096 else { return }
        let again: Picture
        do { again = try Picture(decoding: picture.png()) } catch {
            throw BrokenProperty(description: "its own PNG is not read: \(error)")
        }
        try demand(again == picture, "its own PNG is another picture")
    }
}

/// A state's file, safetensors or `.npy`, as it is uploaded.
enum StateInput {
    static func run(_ input: [UInt8]) throws {
        if let file = try? SafetensorsFile(content: input, name: "input") {
            var total = 0
            for tensor in file.tensors {
                total += try file.withBytes(of: tensor.name) { $1.count }
                _ = try? file.floats(of: tensor.name)
            }
            try demand(total < input.count, "tensors of \(total) bytes in \(input.count)")
        }
        if let array = try? NPYFile(input, name: "input") {
            try demand(array.shape.reduce(1, *) == array.elements.count, "\(array.shape): \(array.elements.count)")
            let again = try? NPYFile(array.bytes, name: "input")
            try demand(again?.shape == array.shape, "an array of shape \(array.shape) is read as another one")
            try demand(
                again?.elements.map(\.bitPattern) == array.elements.map(\.bitPattern),
                "written and read as other numbers")
        }
        guard let state = try? StateFile.read(input, name: "input") else { return }
        let description = state.description
        for content in try [StateFile.content(of: state), StateFile.npy(of: state)] {
            let again: StateTensor
            do { again = try StateFile.read(content, name: "again") } catch {
                throw BrokenProperty(description: "the state's own file is not read: \(error)")
            }
            try demand(
                again.elements == state.elements && again.description.shape == description.shape,
                "\(description) is read as \(again.description)")
        }
        _ = try? StateUpload().state(in: input, called: "input")
    }
}

/// A `tokenizer.json`, and behind a zero byte a text for it.
enum TokenizerInput {
    private static let text = "A red circle,  the 12 squares'll\n\tdo <image> é́ 漢字 🙂\u{0}<s>."

    static func run(_ input: [UInt8]) throws {
        let end = input.firstIndex(of: 0) ?? input.endIndex
        guard let tokenizer = try? Tokenizer(json: Array(input[..<end])) else { return }
        let text = end < input.endIndex ? String(decoding: input[(end + 1)...], as: UTF8.self) : text
        for special in [false, true] {
            guard let ids = try? tokenizer.encode(text, addSpecialTokens: special) else { return }
            for id in ids { try demand(tokenizer.token(for: id) != nil, "\(id) is no token") }
            let decoded = tokenizer.decode(ids, skipSpecialTokens: special)
            var decoder = StreamDecoder(tokenizer, skipSpecialTokens: special)
            let streamed = ids.map { decoder.append($0) }.joined() + decoder.finish()
            try demand(streamed.utf8.elementsEqual(decoded.utf8), "\(ids) streamed: \(streamed), at once: \(decoded)")
        }
    }
}
