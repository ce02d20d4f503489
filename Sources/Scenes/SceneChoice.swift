package import Numerics

/// Which scenes are drawn at random.
package struct SceneChoice: Sendable {
    /// How objects of held-out combinations are treated.
    package enum HeldOut: String, Sendable, CaseIterable {
        /// Every combination is as likely as any other.
        case include
        /// Every object is held out.
        case only
        /// No object is held out: what the models were trained on.
        case exclude
    }

    /// How many objects; `nil` for the trainer's mix of 45 % one, 40 % two and 15 % three.
    package let objects: Int?
    package let heldOut: HeldOut

    /// The numbers of objects that there can be.
    package static let counts = 1...3

    package init(objects: Int? = nil, heldOut: HeldOut = .include) {
        precondition(objects.map(Self.counts.contains) ?? true, "a scene has one to three objects")
        self.objects = objects
        self.heldOut = heldOut
    }

    /// Draws a scene: all attributes evenly, scenes that do not fit thrown away whole.
    package func draw(using random: inout SplitMix64) -> Scene {
        while true {
            let scene = anyScene(using: &random)
            switch heldOut {
            case .include: return scene
            case .only: if scene.objects.allSatisfy(\.isHeldOut) { return scene }
            case .exclude: if !scene.isHeldOut { return scene }
            }
        }
    }

    private func anyScene(using random: inout SplitMix64) -> Scene {
        let count = objects ?? mixedCount(random.uniform())
        let cells = random.permutation(Scene.Cell.all.count)
        let shapes = random.permutation(Scene.Shape.allCases.count)
        let colours = random.permutation(Scene.Colour.allCases.count)
        return Scene(
            (0..<count).map {
                Scene.Object(
                    cell: Scene.Cell.all[cells[$0]], shape: Scene.Shape.allCases[shapes[$0]],
                    colour: Scene.Colour.allCases[colours[$0]],
                    size: Scene.Size.allCases[random.integer(below: Scene.Size.allCases.count)])
            })
    }

    private func mixedCount(_ uniform: Double) -> Int { uniform < 0.45 ? 1 : uniform < 0.85 ? 2 : 3 }
}
