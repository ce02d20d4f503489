import Imaging
import StrictJSON
import Testing

@Suite("Decoding pictures") struct DecodingTests {
    private func refusal(_ bytes: [UInt8], limits: ImageLimits = .default) -> ImagingError? {
        do {
            _ = try Picture(decoding: bytes, limits: limits)
            return nil
        } catch { return error }
    }

    /// A PNG that claims the given sides and holds nothing.
    private func hollowPNG(width: UInt32, height: UInt32) -> [UInt8] {
        var bytes: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + Array("IHDR".utf8)
        for side in [width, height] { withUnsafeBytes(of: side.bigEndian) { bytes.append(contentsOf: $0) } }
        return bytes + [8, 2, 0, 0, 0, 0, 0, 0, 0]
    }

    @Test("every kind of PNG and JPEG has the pixels of the golden", arguments: Goldens.entries("files"))
    func pixels(golden: JSONValue) throws {
        let name = try #require(golden["file"]?.stringValue)
        let picture = try Picture(decoding: Goldens.bytes(name))
        #expect(picture.width == golden["width"]?.integerValue)
        #expect(picture.height == golden["height"]?.integerValue)
        #expect(Goldens.digest(picture.pixels) == golden["sha256"]?.stringValue, "\(name)")
    }

    @Test("the goldens are there")
    func present() { #expect(Goldens.entries("files").count > 60) }

    @Test("a picture beyond the limits is refused by its header, and the sentence says what to do")
    func limits() throws {
        let bomb = try #require(refusal(hollowPNG(width: 40000, height: 40000)))
        #expect(bomb.kind == .tooLarge)
        #expect(bomb.description.contains("40000×40000") && bomb.description.contains("scale it down"))
        let area = try #require(refusal(hollowPNG(width: 30000, height: 30000)))
        #expect(area.kind == .tooLarge && area.description.contains("900000000 in all"))
        #expect(refusal(hollowPNG(width: .max, height: .max))?.kind == .tooLarge)
        #expect(refusal(hollowPNG(width: 0, height: 5))?.kind == .damaged)
        let jpeg = try Goldens.bytes("progressive-420.jpg")
        let few = ImageLimits(pixels: 1 << 20, side: 1000, scannedPixels: 37 * 29 * 3)
        #expect(try #require(refusal(jpeg, limits: few)).description.contains("scans"))
        // 37×29 pixels of 3 bytes, and the coefficients of 3×2 groups of 6 blocks.
        var memory = ImageLimits(pixels: 1 << 20, side: 1000, scannedPixels: 1 << 30, memory: 37 * 29 * 3 + 36 * 128)
        #expect(refusal(jpeg, limits: memory) == nil)
        memory.memory -= 1
        #expect(try #require(refusal(jpeg, limits: memory)).description.contains("save it as baseline"))
        #expect(try refusal(Goldens.bytes("baseline-420.jpg"), limits: memory) == nil)
    }

    @Test("what is no picture is refused as such", arguments: ["", "GIF89a", "{\"a\": 1}", "\u{89}PNG"])
    func notAnImage(text: String) throws {
        #expect(try #require(refusal(Array(text.utf8))).kind == .notAnImage)
    }

    @Test(
        "a file cut off anywhere is refused, not half grey",
        arguments: [
            "rgb8.png", "palette4-alpha-interlaced.png", "baseline-420.jpg", "progressive-444.jpg", "cmyk.jpg",
        ])
    func truncated(name: String) throws {
        let bytes = try Goldens.bytes(name)
        for length in stride(from: 0, to: bytes.count - 12, by: 7) {
            #expect(refusal(Array(bytes[..<length])) != nil, "\(length) of \(bytes.count) bytes")
        }
    }

    @Test("trailing bytes after the picture are ignored", arguments: ["rgb8.png", "baseline-444.jpg"])
    func trailing(name: String) throws {
        let bytes = try Goldens.bytes(name)
        #expect(try Picture(decoding: bytes + [1, 2, 3]) == Picture(decoding: bytes))
    }

    @Test(
        "damaged bytes are refused or decoded, never a crash",
        arguments: ["rgba8-interlaced.png", "orientation6.jpg", "progressive-422.jpg", "oriented.png"])
    func damaged(name: String) throws {
        let bytes = try Goldens.bytes(name)
        for position in bytes.indices {
            var changed = bytes
            changed[position] ^= UInt8(truncatingIfNeeded: 1 << (position % 8))
            _ = refusal(changed)
        }
    }

    @Test("the header alone tells format, seen sides and orientation")
    func header() throws {
        let header = try ImageHeader(Goldens.bytes("orientation6.jpg"))
        #expect(header.format == .jpeg && header.width == 29 && header.height == 37)
        #expect(header.orientation == .turnedRight)
        #expect(try ImageHeader(Goldens.bytes("rgb8.png")).format == .png)
    }
}
