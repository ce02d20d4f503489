package import Interventions
package import Models
package import Store
import StrictJSON

/// A job that is understood and can run: every prompt laid out, every intervention resolved.
///
/// Groups are numbered by input or pair; all cells of a group are computed together and recorded in one
/// transaction. Cell `ordinal` is `group * cellsPerGroup + place`, fixed by the specification alone.
package struct JobPlan: Sendable {
    /// What one place of every group computes.
    package enum Place: Sendable, Equatable {
        case caption
        case clean
        case variant(Int, layer: Int?)
        case patch(layer: Int?)
    }

    /// With prompts filled in.
    package let specification: JobSpecification
    package let model: VisionLanguageModel
    /// The places of a group, in the order of their ordinals.
    package let places: [Place]
    package let groupCount: Int
    /// One context an input; for patches one a pair, on the base picture.
    package let contexts: [PromptContext]
    /// What the stored states are that the request names, by digest.
    package let states: [String: StateDescription]
    /// Whose job it will be, where there are keys.
    package var key: KeyRecord?

    package var cellsPerGroup: Int { places.count }
    package var cellCount: Int { groupCount * places.count }

    /// More cells than this are refused: a sweep that large is several jobs.
    package static let maximumCells = 1_000_000

    /// Lays a job out and checks everything that can be checked without running it.
    ///
    /// - Parameter states: what the stored states are that the request names.
    /// - throws: ``InterventionError`` naming the field that cannot be done; ``TooManyCells``.
    package init(
        _ specification: JobSpecification, on model: VisionLanguageModel, states: [String: StateDescription] = [:]
    ) throws {
        self.model = model
        self.states = states
        switch specification {
        case .caption(var caption):
            places = [.caption]
            groupCount = caption.inputs.count
            try Self.checkCount(groups: groupCount, places: 1)
            contexts = try Self.contexts(&caption.inputs, single: caption.isSingle, on: model)
            self.specification = .caption(caption)
            for context in Self.distinct(contexts) {
                _ = try interventions(at: .caption, in: context)
                _ = try measurements(at: .caption, in: context)
            }
        case .knockout(var knockout):
            var places: [Place] = [.clean]
            for (index, variant) in knockout.variants.enumerated() {
                let path = "variants[\(index)]"
                guard let sweep = try variant.layerSweep(path: path) else {
                    places.append(.variant(index, layer: nil))
                    continue
                }
                let layers = try sweep.selection.variantLayers(
                    count: model.decoder.configuration.layers, path: sweep.path, model: model.name)
                places += layers.map { .variant(index, layer: $0) }
            }
            self.places = places
            groupCount = knockout.inputs.count
            try Self.checkCount(groups: groupCount, places: places.count)
            contexts = try Self.contexts(&knockout.inputs, single: false, on: model)
            if let index = knockout.variants.firstIndex(where: \.usesNextImage),
                Set(knockout.inputs.map(\.image)).count < 2
            {
                throw InterventionError(
                    .nothingToDo, at: "variants[\(index)]",
                    "\"\(knockout.variants[index].name)\" shows the next input's picture; give inputs with at least two different pictures"
                )
            }
            self.specification = .knockout(knockout)
            for context in Self.distinct(contexts) {
                for place in places {
                    _ = try interventions(at: place, in: context)
                    _ = try measurements(at: place, in: context)
                }
                try checkCaptures(in: context)
            }
        case .patch(var patch):
            let layers = try patch.layers.variantLayers(
                count: model.decoder.configuration.layers, path: "layers", model: model.name)
            places = layers.map { .patch(layer: $0) }
            groupCount = patch.pairs.count
            try Self.checkCount(groups: groupCount, places: places.count)
            let request = patch.prompt ?? .preset("probe", of: model)
            patch.prompt = request
            let pairs = patch.pairs
            let first = try PromptContext(request, image: pairs[0].base, on: model, path: "prompt")
            contexts = pairs.map { first.showing($0.base) }
            self.specification = .patch(patch)
            for place in places {
                _ = try patchInterventions(at: place, pair: 0)
                _ = try measurements(at: place, in: first)
            }
            try checkCaptures(in: first)
            for index in pairs.indices { _ = try classTokens(ofPair: index) }
        }
    }

    private static func checkCount(groups: Int, places: Int) throws {
        let (cells, overflow) = groups.multipliedReportingOverflow(by: places)
        guard !overflow, cells <= maximumCells else { throw TooManyCells(cells: overflow ? nil : cells) }
    }

    private static func contexts(_ inputs: inout [JobInput], single: Bool, on model: VisionLanguageModel) throws
        -> [PromptContext]
    {
        var known: [String: PromptContext] = [:]
        var contexts: [PromptContext] = []
        for index in inputs.indices {
            let request = inputs[index].prompt ?? .preset(of: model)
            inputs[index].prompt = request
            let key = request.json.text
            let path = single ? "prompt" : "inputs[\(index)].prompt"
            let context: PromptContext
            if let laidOut = known[key] {
                context = laidOut.showing(inputs[index].image)
            } else {
                context = try PromptContext(request, image: inputs[index].image, on: model, path: path)
                known[key] = context
            }
            contexts.append(context)
        }
        return contexts
    }

    /// One context a distinct prompt: positions do not depend on the picture.
    private static func distinct(_ contexts: [PromptContext]) -> [PromptContext] {
        var seen = Set<String>()
        return contexts.filter { seen.insert($0.text).inserted }
    }

    private func preparation(
        seed: Int, variant: String = "", generates: Bool, source: PromptContext? = nil
    ) -> InterventionPreparation {
        InterventionPreparation(
            model: model, seed: seed, variant: variant, generates: generates, defaultSource: source, states: states)
    }

    /// What a place of a caption or knockout job does to a run on `context`.
    package func interventions(at place: Place, in context: PromptContext) throws -> PreparedInterventions {
        switch (specification, place) {
        case (.caption(let caption), .caption):
            guard let set = caption.interventions else { return .none }
            return try preparation(seed: caption.generation.seed, generates: true)
                .prepare(set, in: context, path: "interventions")
        case (.knockout(let knockout), .variant(let index, let layer)):
            let variant = knockout.variants[index]
            return try preparation(seed: knockout.seed, variant: variant.name, generates: knockout.measure.caption)
                .prepare(variant.interventions, in: context, layer: layer, path: "variants[\(index)]")
        default: return .none
        }
    }

    /// What a place of a patch job does to the base run of a pair.
    package func patchInterventions(at place: Place, pair: Int) throws -> PreparedInterventions {
        guard case .patch(let patch) = specification, case .patch(let layer) = place else { return .none }
        let source = contexts[pair].showing(patch.pairs[pair].source)
        do {
            return try preparation(
                seed: patch.seed, variant: "patch", generates: patch.measure.caption, source: source
            ).prepare(InterventionSet(patches: [patch.patch]), in: contexts[pair], layer: layer, path: "")
        } catch {
            // The job spells its one patch out at its top: `patches[0].positions` is its `positions`.
            throw InterventionError(
                error.code, at: error.path.replacing("patches[0].", with: "").replacing("patches[0]", with: "layers"),
                error.detail)
        }
    }

    /// The class tokens of a pair of a patch job, where it names them.
    package func classTokens(ofPair index: Int) throws -> (base: Int?, source: Int?) {
        guard case .patch(let patch) = specification else { return (nil, nil) }
        let pair = patch.pairs[index]
        let base = try pair.baseToken?.resolve(
            on: model, firstToken: pair.firstToken, path: "pairs[\(index)].base_token")
        let source = try pair.sourceToken?.resolve(
            on: model, firstToken: pair.firstToken, path: "pairs[\(index)].source_token")
        if let base, base == source {
            throw InterventionError(
                .unknownToken, at: "pairs[\(index)].source_token",
                "is the same token as base_token (id \(base)); they must differ to tell the runs apart")
        }
        return (base, source)
    }

    /// Digests of every picture that a group looks at.
    package func images(ofGroup group: Int) throws -> Set<String> {
        var images: Set<String> = [contexts[group].image]
        switch specification {
        case .patch(let patch): images.insert(patch.pairs[group].source)
        case .knockout(let knockout):
            for place in places {
                if case .variant(let index, _) = place, knockout.variants[index].usesNextImage {
                    images.insert(contexts[nextGroup(after: group)].image)
                }
                images.formUnion(try interventions(at: place, in: contexts[group]).images)
            }
        case .caption: images.formUnion(try interventions(at: .caption, in: contexts[group]).images)
        }
        return images
    }

    /// The input whose picture `other_image` shows: the next one with another picture, around the end.
    package func nextGroup(after group: Int) -> Int {
        for step in 1..<max(2, groupCount) {
            let next = (group + step) % groupCount
            if contexts[next].image != contexts[group].image { return next }
        }
        return group
    }
}

/// A job larger than one job may be.
package struct TooManyCells: Error, Sendable, CustomStringConvertible {
    /// How many were asked for; `nil` beyond counting.
    package let cells: Int?

    package var description: String {
        "the job has \(cells.map { "\($0)" } ?? "too many") cells (inputs × variants × layers); the limit is \(JobPlan.maximumCells): split it into several jobs"
    }
}
