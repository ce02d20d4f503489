import Interventions
import Models
import StrictJSON
import Testing

@Suite("Roles on a prompt")
struct PositionResolverTests {
    /// `<s> [SOI] 2×3 image [EOI] t t t`, and one with a row break after each row.
    static let plain = PromptLayout(
        tokens: 12, bos: 0,
        images: [.init(soi: 1, image: 2..<8, breaks: [], gridRows: 2, gridColumns: 3, eoi: 8)])
    static let withBreaks = PromptLayout(
        tokens: 13, bos: nil,
        images: [.init(soi: nil, image: 1..<9, breaks: [4, 8], gridRows: 2, gridColumns: 3, eoi: 9)])
    static let twoImages = PromptLayout(
        tokens: 14, bos: 0,
        images: [
            .init(soi: 1, image: 2..<4, breaks: [], gridRows: 1, gridColumns: 2, eoi: 4),
            .init(soi: 7, image: 8..<10, breaks: [], gridRows: 1, gridColumns: 2, eoi: 10),
        ])

    private func resolve(
        _ value: JSONValue, on layout: PromptLayout = plain, as use: PositionResolver.Use = .keys, seed: Int = 0
    ) throws -> PositionSet {
        let resolver = PositionResolver(
            layout: layout, model: "gate", draw: RandomDraw(seed: seed, image: "sha256:a", variant: "v"))
        return try resolver.resolve(PositionExpression(JSONField(value)), as: use, path: "keys")
    }

    @Test("roles stand for the positions that the tokens give them")
    func roles() throws {
        #expect(try resolve("bos").prompt == [0])
        #expect(try resolve("prefix").prompt == [0])
        #expect(try resolve("soi").prompt == [1])
        #expect(try resolve("image").prompt == Array(2..<8))
        #expect(try resolve("last_image").prompt == [7])
        #expect(try resolve("eoi").prompt == [8])
        #expect(try resolve("text").prompt == [9, 10, 11])
        #expect(try resolve("last").prompt == [11])
        #expect(try resolve("all").prompt == Array(0..<12))
    }

    @Test("row breaks belong to image and not to image_inner, and cells count without them")
    func breaks() throws {
        #expect(try resolve("image", on: Self.withBreaks).prompt == Array(1..<9))
        #expect(try resolve("image_inner", on: Self.withBreaks).prompt == [1, 2, 3, 5, 6, 7])
        #expect(try resolve("image[1,0]", on: Self.withBreaks).prompt == [5])
        #expect(try resolve("image[0,*]", on: Self.withBreaks).prompt == [1, 2, 3])
        #expect(try resolve("prefix", on: Self.withBreaks).prompt == [0])
    }

    @Test("a list names what its elements name, however often and however deep, each position once")
    func lists() throws {
        let all: JSONValue = .array(Array(repeating: "all", count: 60_000))
        #expect(try resolve(.array(Array(repeating: all, count: 5))).prompt == Array(0..<12))
        #expect(try resolve(["last", [3, ["1..<4", "generated"]]], as: .queries).prompt == [1, 2, 3, 11])
        #expect(try resolve(["last", [3, ["1..<4", "generated"]]], as: .queries).generated)
        let error = #expect(throws: InterventionError.self) { try resolve(["last", [3, ["1..<40"]]]) }
        #expect(error?.path == "keys[1][1][0]")
    }

    @Test("a number behind an image role chooses the picture; without it all are meant")
    func severalImages() throws {
        #expect(try resolve("eoi#2", on: Self.twoImages).prompt == [10])
        #expect(try resolve("eoi", on: Self.twoImages).prompt == [4, 10])
        #expect(try resolve("text", on: Self.twoImages).prompt == [11, 12, 13])
        #expect(throws: InterventionError.self) { try resolve("eoi#3", on: Self.twoImages) }
        #expect(throws: InterventionError.self) { try resolve("text#1", on: Self.twoImages) }
    }

    @Test("as queries text and all reach into generated positions; as keys and for patches they do not")
    func time() throws {
        #expect(try resolve("text", as: .queries).generated)
        #expect(try resolve("all", as: .queries).generated)
        #expect(try !resolve("last", as: .queries).generated)
        #expect(try !resolve("9..<12", as: .queries).generated)
        #expect(try !resolve("text", as: .keys).generated)
        #expect(try resolve(["last", "generated"], as: .queries).generated)
        #expect(try resolve("generated", as: .keys).generated)
        #expect(throws: InterventionError.self) { try resolve("generated", as: .patch) }
    }

    @Test("random image tokens are distinct, inner, and drawn anew only by seed, picture and variant")
    func random() throws {
        let draw = try resolve("random_image(3)", on: Self.withBreaks)
        #expect(draw.prompt.count == 3)
        #expect(Set(draw.prompt).isSubset(of: [1, 2, 3, 5, 6, 7]))
        #expect(try resolve("random_image(3)", on: Self.withBreaks) == draw)
        let others = try (1...8).map { try resolve("random_image(3)", on: Self.withBreaks, seed: $0) }
        #expect(others.contains { $0 != draw })
        #expect(throws: InterventionError.self) { try resolve("random_image(7)", on: Self.withBreaks) }
    }

    @Test("an unknown role is answered with the roles there are")
    func unknownRole() throws {
        let error = try #require(throws: InterventionError.self) { try resolve("eio") }
        #expect(error.code == .unknownRole)
        #expect(error.detail.hasPrefix("\"eio\" is no role of gate; roles are bos, soi, image"))
    }

    @Test("a position outside the prompt is refused with the prompt's length")
    func outside() throws {
        let error = try #require(throws: InterventionError.self) { try resolve("9..<13") }
        #expect(error.code == .positionOutOfRange)
        #expect(error.detail.contains("12 tokens"))
    }

    @Test("a role that the prompt lacks says what is missing")
    func lacking() throws {
        let bare = PromptLayout(tokens: 4, bos: nil, images: [])
        #expect(try #require(throws: InterventionError.self) { try resolve("eoi", on: bare) }.code == .unresolvedRole)
        #expect(try #require(throws: InterventionError.self) { try resolve("bos", on: bare) }.code == .unresolvedRole)
        #expect(
            try #require(throws: InterventionError.self) { try resolve("soi", on: Self.withBreaks) }.code
                == .unresolvedRole)
    }
}
