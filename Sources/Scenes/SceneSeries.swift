package import Imaging
import Numerics
package import StrictJSON

/// The scenes of a seed, one after the other: a data set of any length.
///
/// Scene *n* depends on the seed, on *n* and on the choice alone: a longer series begins with the shorter one, and at
/// another side length the same scenes are drawn.
package struct SceneSeries: Sequence, IteratorProtocol, Sendable {
    /// A scene with its picture.
    package struct Element: Sendable {
        /// From 0.
        package let index: Int
        package let scene: Scene
        package let picture: Picture
    }

    private var seeds: SplitMix64
    private var index = 0
    private let choice: SceneChoice
    private let side: Int

    package init(seed: Int, choice: SceneChoice, side: Int) {
        seeds = SplitMix64(state: UInt64(bitPattern: Int64(seed)))
        self.choice = choice
        self.side = side
    }

    package mutating func next() -> Element? {
        defer { index += 1 }
        // A stream for what is shown and one for how, so that neither shifts the other.
        var content = SplitMix64(state: seeds.next())
        var drawing = SplitMix64(state: seeds.next())
        let scene = choice.draw(using: &content)
        return Element(index: index, scene: scene, picture: scene.drawn(side: side, using: &drawing))
    }
}

extension Scene {
    /// The scene as a line of `scenes.jsonl`; docs/cli.md explains the members.
    ///
    /// - Parameters:
    ///   - file: where the picture lies, from the data set's folder.
    ///   - digest: the SHA-256 of that file, in hexadecimal.
    package func record(id: String, file: String, digest: String, side: Int) -> JSONValue {
        let objects = objects.map { object -> JSONValue in
            [
                "shape": .string(object.shape.rawValue), "colour": .string(object.colour.rawValue),
                "size": .string(object.size.rawValue), "row": .integer(object.cell.row),
                "column": .integer(object.cell.column), "held_out": .bool(object.isHeldOut),
            ]
        }
        let relations = relations.enumerated().map { index, relation -> JSONValue in
            ["from": .integer(index), "relation": .string(relation.rawValue), "to": .integer(index + 1)]
        }
        let questions = questions.map { question -> JSONValue in
            [
                "type": .string(question.kind.rawValue), "question": .string(question.text),
                "answer": .string(question.answer),
            ]
        }
        let only = self.objects.count == 1 ? self.objects[0] : nil
        return [
            "id": .string(id), "file": .string(file), "image": .string("sha256:\(digest)"), "side": .integer(side),
            "caption": .string(caption), "objects": .array(objects), "relations": .array(relations),
            "questions": .array(questions),
            "probe": only.map { ["shape": .string($0.shape.rawValue), "colour": .string($0.colour.rawValue)] } ?? .null,
            "held_out": .bool(isHeldOut),
        ]
    }
}
