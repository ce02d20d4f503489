import CCrypto
import Imaging
import Numerics
import Scenes
import Testing

@Suite("Series of scenes") struct SceneSeriesTests {
    private func series(seed: Int = 7, _ choice: SceneChoice = SceneChoice(), side: Int = 64) -> SceneSeries {
        SceneSeries(seed: seed, choice: choice, side: side)
    }

    private func digest(_ bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha256(), nil)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test("seed 7 has these scenes and these pixels, on every machine")
    func golden() {
        let first = Array(series().prefix(3))
        #expect(
            first.map(\.scene.caption) == [
                "a large white square above a large red triangle",
                "a large white square above a small yellow cross",
                "a small red triangle above a large green square",
            ])
        #expect(
            digest(first.flatMap(\.picture.pixels))
                == "ad6267fc52f7143040288a32efbd2f614e56f8bf8384ab93d291c8a4ef12b1e8")
    }

    @Test("another side shows the same scenes; another seed does not")
    func sides() {
        let scenes = series().prefix(20).map(\.scene)
        #expect(series(side: 128).prefix(20).map(\.scene) == scenes)
        #expect(series(side: 128).prefix(1).map(\.picture.width) == [128])
        #expect(series(seed: 8).prefix(20).map(\.scene) != scenes)
    }

    @Test("a picture written as PNG is read back as it was")
    func roundTrip() throws {
        for side in [32, 64, 130] {
            for element in series(side: side).prefix(3) {
                #expect(try Picture(decoding: element.picture.png()) == element.picture)
            }
        }
    }

    @Test("scenes are drawn evenly: numbers of objects as in training, attributes and places alike")
    func distribution() {
        var random = SplitMix64(state: 1)
        let scenes = (0..<6000).map { _ in SceneChoice().draw(using: &random) }
        // Four deviations of a share p of n scenes.
        func expect(_ count: Int, of total: Int, near share: Double, _ what: String) {
            let deviation = (share * (1 - share) / Double(total)).squareRoot()
            #expect(abs(Double(count) / Double(total) - share) < 4 * deviation, "\(what): \(count) of \(total)")
        }
        for (number, share) in [(1, 0.45), (2, 0.40), (3, 0.15)] {
            expect(scenes.count { $0.objects.count == number }, of: 6000, near: share, "\(number) objects")
        }
        let objects = scenes.flatMap(\.objects)
        for shape in Scene.Shape.allCases {
            expect(objects.count { $0.shape == shape }, of: objects.count, near: 1 / 6, "\(shape)")
        }
        for colour in Scene.Colour.allCases {
            expect(objects.count { $0.colour == colour }, of: objects.count, near: 1 / 6, "\(colour)")
        }
        for cell in Scene.Cell.all {
            expect(objects.count { $0.cell == cell }, of: objects.count, near: 1 / 4, cell.description)
        }
        expect(objects.count { $0.size == .large }, of: objects.count, near: 1 / 2, "large")
        expect(objects.count(where: \.isHeldOut), of: objects.count, near: 1 / 6, "held out")
        #expect(scenes.allSatisfy { Set($0.objects.map(\.shape)).count == $0.objects.count })
        #expect(scenes.allSatisfy { Set($0.objects.map(\.colour)).count == $0.objects.count })
        #expect(scenes.allSatisfy { Set($0.objects.map(\.cell.description)).count == $0.objects.count })
    }

    @Test("choices hold for every scene", arguments: SceneChoice.counts)
    func choices(objects: Int) {
        var random = SplitMix64(state: 2)
        for _ in 0..<200 {
            let unseen = SceneChoice(objects: objects, heldOut: .only).draw(using: &random)
            #expect(unseen.objects.count == objects && unseen.objects.allSatisfy(\.isHeldOut))
            let known = SceneChoice(objects: objects, heldOut: .exclude).draw(using: &random)
            #expect(known.objects.count == objects && !known.isHeldOut)
        }
    }

    @Test("an object has its colour in the middle of its quarter, and the rest of the picture is dark grey")
    func pixels() {
        let paints: [Scene.Colour: [Double]] = [
            .red: [230, 36, 36], .green: [36, 189, 61], .blue: [46, 87, 242], .yellow: [242, 217, 36],
            .pink: [250, 115, 191], .white: [242, 242, 242],
        ]
        for element in series(SceneChoice(objects: 2), side: 64).prefix(60) {
            let picture = element.picture
            func mean(rows: Range<Int>, columns: Range<Int>) -> [Double] {
                (0..<3).map { channel in
                    let values = rows.flatMap { row in
                        columns.map { Double(picture.pixels[(row * 64 + $0) * 3 + channel]) }
                    }
                    return values.reduce(0, +) / Double(values.count)
                }
            }
            for cell in Scene.Cell.all {
                let object = element.scene.objects.first { $0.cell == cell }
                let middle = (row: cell.row * 32 + 16, column: cell.column * 32 + 16)
                // A ring's paint lies 0.7 of its radius to the right of the middle; a pixel of 32 is two of these.
                let radius = object?.size == .large ? 7.7 : 5.0
                let right = object?.shape == .ring ? Int((0.7 * radius * 2).rounded()) : 0
                let colour = mean(
                    rows: middle.row - 1..<middle.row + 1,
                    columns: middle.column + right - 1..<middle.column + right + 1)
                if let object, let paint = paints[object.colour] {
                    for (seen, meant) in zip(colour, paint) {
                        #expect(abs(seen - meant) < 20, "\(element.scene.caption), \(cell.description): \(colour)")
                    }
                } else {
                    #expect(colour.allSatisfy { 20..<90 ~= $0 } && (colour.max() ?? 0) - (colour.min() ?? 0) < 20)
                }
            }
        }
    }
}
