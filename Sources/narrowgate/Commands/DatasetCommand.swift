import ArgumentParser
import Foundation
import Scenes
import StrictJSON

struct DatasetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dataset",
        abstract: "Make pictures that the shipped models know, with everything that is true of them.",
        discussion: """
              narrowgate dataset scenes --count 500 --seed 7 --output scenes
            """,
        subcommands: [ScenesCommand.self])

    struct ScenesCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "scenes",
            abstract: "Draw scenes of one to three coloured shapes.",
            discussion: """
                Writes a folder with pictures (PNG), scenes.jsonl, one scene a line: caption, objects, relations, \
                questions with answers, probe words, the picture's digest; and dataset.json with the settings. A seed \
                has the same pictures every time, and a longer data set begins with the shorter one.

                  narrowgate dataset scenes --count 500 --seed 7 --output scenes
                  narrowgate dataset scenes --count 200 --objects 2 --held-out only --side 128 --output unseen
                """)

        @Option(help: "How many scenes.") var count: Int
        @Option(help: "Decides what is drawn.") var seed = 0
        @Option(help: ArgumentHelp("A folder that is empty or not there yet.", valueName: "dir")) var output: String
        @Option(help: ArgumentHelp("1, 2, 3, or mixed as in training (45, 40 and 15 %).", valueName: "number"))
        var objects = "mixed"
        @Option(
            help: ArgumentHelp(
                """
                What becomes of the combinations of shape, colour and size that were held out of training: include \
                them, draw only them, or exclude them.
                """, valueName: "how"))
        var heldOut = SceneChoice.HeldOut.include.rawValue
        @Option(help: "The pictures' side in pixels; even, 32 to 1024.") var side = 64

        static let counts = 1...1_000_000

        func validate() throws {
            guard Self.counts.contains(count) else {
                throw ValidationError("--count must be \(Self.counts.lowerBound) to \(Self.counts.upperBound).")
            }
            guard Scene.sides.contains(side), side.isMultiple(of: 2) else {
                throw ValidationError(
                    "--side must be an even number, \(Scene.sides.lowerBound) to \(Scene.sides.upperBound).")
            }
            _ = try choice
        }

        private var choice: SceneChoice {
            get throws {
                guard let heldOut = SceneChoice.HeldOut(rawValue: heldOut) else {
                    let ways = SceneChoice.HeldOut.allCases.map(\.rawValue).joined(separator: ", ")
                    throw ValidationError("--held-out \(heldOut) is not there; \(ways) are.")
                }
                if objects == "mixed" { return SceneChoice(heldOut: heldOut) }
                guard let objects = Int(objects), SceneChoice.counts.contains(objects) else {
                    throw ValidationError("--objects must be 1, 2, 3 or mixed.")
                }
                return SceneChoice(objects: objects, heldOut: heldOut)
            }
        }

        func run() throws {
            let folder = try SceneFolder(path: output)
            let progress = ProgressBar("scenes")
            for element in SceneSeries(seed: seed, choice: try choice, side: side).prefix(count) {
                try folder.add(element)
                progress.show(done: element.index + 1, total: count)
            }
            progress.clear()
            try folder.finish(about: [
                "kind": "scenes", "count": .integer(count), "seed": .integer(seed), "objects": .string(objects),
                "held_out": .string(heldOut), "side": .integer(side),
            ])
            StandardOutput.line("\(output)/scenes.jsonl: \(count) scenes of seed \(seed)")
        }
    }
}
