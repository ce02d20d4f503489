import Foundation
import Imaging
import StrictJSON
import Testing

@Suite("Scaling and preprocessing") struct PreprocessingTests {
    private func source() throws -> Picture { try Picture(decoding: Goldens.bytes("source.png")) }

    private func recipe(_ members: String) throws -> PreprocessingRecipe {
        let text = #"{"image_processor_type":"ChameleonImageProcessor","# + members + "}"
        return try PreprocessingRecipe(json: Array(text.utf8))
    }

    private func refusal(_ members: String) -> String {
        do {
            _ = try recipe(members)
            return "accepted"
        } catch { return "\(error)" }
    }

    @Test("scaled pictures equal Pillow's, bit for bit", arguments: Goldens.entries("resizes"))
    func resizes(golden: JSONValue) throws {
        let filter = try #require(ResampleFilter(rawValue: golden["filter"]?.integerValue ?? 0))
        let width = try #require(golden["width"]?.integerValue)
        let height = try #require(golden["height"]?.integerValue)
        let scaled = try source().resized(width: width, height: height, filter: filter)
        #expect(Goldens.digest(scaled.pixels) == golden["sha256"]?.stringValue, "\(golden.text)")
    }

    @Test("a part of a scaled picture is that part of the whole")
    func parts() throws {
        let whole = try source().resized(width: 90, height: 33, filter: .lanczos)
        let part = try source().resized(width: 90, height: 33, columns: 40..<71, rows: 5..<20, filter: .lanczos)
        for row in 0..<15 {
            let from = ((row + 5) * 90 + 40) * 3
            #expect(Array(whole.pixels[from..<from + 93]) == Array(part.pixels[row * 93..<row * 93 + 93]))
        }
    }

    @Test("centre crops equal transformers', also where the picture is too small", arguments: Goldens.entries("crops"))
    func crops(golden: JSONValue) throws {
        let width = try #require(golden["width"]?.integerValue)
        let height = try #require(golden["height"]?.integerValue)
        let recipe = try recipe(
            #""do_resize":false,"crop_size":{"width":\#(width),"height":\#(height)},"#
                + #""do_rescale":false,"do_normalize":false"#)
        let pixels = try recipe.pixels(of: source())
        #expect(pixels.shape == [3, height, width])
        var interleaved: [UInt8] = []
        for position in 0..<width * height {
            for channel in 0..<3 { interleaved.append(UInt8(pixels.values[channel * width * height + position])) }
        }
        #expect(Goldens.digest(interleaved) == golden["sha256"]?.stringValue, "\(golden.text)")
    }

    @Test("Chameleon's numbers: 0.0078 in double precision, then minus one in single")
    func rescales() throws {
        let recipe = try recipe(#""size":{"shortest_edge":8},"crop_size":{"height":8,"width":8},"resample":1"#)
        let white = Picture(width: 20, height: 10, pixels: [UInt8](repeating: 255, count: 600))
        let pixels = try recipe.pixels(of: white)
        #expect(pixels.values == [Float](repeating: Float(255 * 0.0078) - 1, count: 192))
    }

    @Test("a thin picture costs no more than its crop")
    func thin() throws {
        let recipe = try recipe(#""size":{"shortest_edge":512},"crop_size":{"height":512,"width":512}"#)
        let thin = Picture(width: 30000, height: 1, pixels: [UInt8](repeating: 7, count: 90000))
        #expect(try recipe.pixels(of: thin).values.count == 3 * 512 * 512)
        let uncropped = try self.recipe(#""size":{"shortest_edge":512},"do_center_crop":false"#)
        #expect(throws: ImagingError.self) { try uncropped.pixels(of: thin) }
    }

    @Test("recipes that are not understood are refused by field")
    func refusals() throws {
        #expect(refusal(#""size":{"shortest_edge":8}"#) == "accepted")
        #expect(refusal(#""resample":0"#).contains("resample: 0 is not supported"))
        #expect(refusal(#""size":{"shortest_edge":8,"height":8}"#).contains("size.height: unknown field"))
        #expect(refusal(#""size":{"shortest_edge":0}"#).contains("size.shortest_edge: 0 is outside 1...4096"))
        #expect(refusal(#""crop_size":{"height":8}"#).contains("crop_size.width: is required"))
        #expect(refusal(#""image_std":[1,0,1]"#).contains("image_std[1]: 0 cannot be divided by"))
        #expect(refusal(#""image_mean":[1,1]"#).contains("image_mean: must hold 3"))
        #expect(refusal(#""do_convert_rgb":false"#).contains("do_convert_rgb: false is not supported"))
        #expect(refusal(#""do_flip":true"#).contains("do_flip: unknown field"))
        #expect(throws: ImagingError.self) {
            try PreprocessingRecipe(json: Array(#"{"image_processor_type":"CLIPImageProcessor"}"#.utf8))
        }
    }
}
