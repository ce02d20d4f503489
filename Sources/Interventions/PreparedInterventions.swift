package import Models

/// The interventions of one run, resolved, with what its patches take their states from.
package struct PreparedInterventions: Sendable, Equatable {
    package let resolved: ResolvedInterventions
    /// For each patch, in order.
    package let sources: [StateSource]

    package static let none = PreparedInterventions(resolved: .none, sources: [])

    package var isEmpty: Bool { resolved.isEmpty }

    /// Digests of all pictures that source runs look at.
    package var images: Set<String> {
        sources.reduce(into: []) { images, source in
            guard case .run(let run) = source else { return }
            images.formUnion(run.interventions.images.union([run.context.image]))
        }
    }

    /// The stored states whose numbers the run needs, source runs included, as the request names them.
    package var states: Set<String> {
        sources.reduce(into: Set(resolved.steers.map(\.direction))) { states, source in
            switch source {
            case .run(let run): states.formUnion(run.interventions.states)
            case .state(let name): states.insert(name)
            }
        }
    }
}

/// What a patch takes its states from.
package enum StateSource: Sendable, Equatable {
    /// A run that is made for it.
    case run(SourceRun)
    /// A stored state, as the request names it.
    case state(String)
}

/// A run that patches take states from: clean unless it carries interventions of its own.
package struct SourceRun: Sendable, Equatable {
    package let context: PromptContext
    package let interventions: PreparedInterventions
}

/// Resolves interventions objects, source runs included, against a model and prompts.
package struct InterventionPreparation: Sendable {
    private let model: VisionLanguageModel
    private let seed: Int
    /// The variant's name, which decides its random draws.
    private let variant: String
    /// Whether the run generates tokens; source runs never do.
    private var generates: Bool
    /// The run that a patch without a source takes its states from.
    private let defaultSource: PromptContext?
    /// The stored states that requests may name.
    private let states: [String: StateDescription]

    package init(
        model: VisionLanguageModel, seed: Int, variant: String, generates: Bool, defaultSource: PromptContext? = nil,
        states: [String: StateDescription] = [:]
    ) {
        self.model = model
        self.seed = seed
        self.variant = variant
        self.generates = generates
        self.defaultSource = defaultSource
        self.states = states
    }

    private func positions(in context: PromptContext) -> PositionResolver {
        PositionResolver(
            layout: context.layout, model: model.name,
            draw: RandomDraw(seed: seed, image: context.image, variant: variant))
    }

    /// - Parameters:
    ///   - layer: the variant's layer, where a selection makes one variant a layer.
    ///   - path: where the interventions object stands in the request; empty at its top.
    /// - throws: ``InterventionError`` naming the field that cannot be done.
    package func prepare(_ set: InterventionSet, in context: PromptContext, layer: Int? = nil, path: String)
        throws(InterventionError) -> PreparedInterventions
    {
        var sources: [StateSource] = []
        var described: [InterventionResolver.Source] = []
        for (at, patch) in set.patches.enumerated() {
            let sourcePath = path.member("patches[\(at)].source")
            if let name = patch.source?.state {
                sources.append(.state(name))
                described.append(.state(try state(name, path: sourcePath.member("state")), name: name))
            } else {
                let run = try source(of: patch, base: context, path: sourcePath)
                sources.append(.run(run))
                described.append(.run(positions(in: run.context)))
            }
        }
        var directions: [StateDescription] = []
        for (at, steer) in set.steers.enumerated() {
            directions.append(try state(steer.direction, path: path.member("steers[\(at)].direction.state")))
        }
        let resolver = InterventionResolver(
            configuration: model.decoder.configuration, positions: positions(in: context), generates: generates,
            variantLayer: layer)
        let resolved = try resolver.resolve(set, sources: described, directions: directions, path: path)
        return PreparedInterventions(resolved: resolved, sources: sources)
    }

    /// Measurements of a run on `context`, resolved.
    ///
    /// - Parameter path: where the three lists stand in the request: `measure`.
    /// - throws: ``InterventionError`` naming the field that cannot be done.
    package func prepare(_ measurements: Measurements, in context: PromptContext, path: String)
        throws(InterventionError) -> ResolvedMeasurements
    {
        try MeasurementResolver(configuration: model.decoder.configuration, positions: positions(in: context))
            .resolve(measurements, path: path)
    }

    private func state(_ name: String, path: String) throws(InterventionError) -> StateDescription {
        guard let state = states[name] else {
            throw InterventionError(.unknownState, at: path, "there is no state \(name)")
        }
        return state
    }

    private func source(of patch: Patch, base: PromptContext, path: String) throws(InterventionError) -> SourceRun {
        guard let given = patch.source else {
            guard let defaultSource else {
                throw InterventionError(
                    .missingSource, at: path,
                    "is required: {\"image\": \"sha256:…\"}, the run whose state is put into this one, or {\"state\": \"sha256:…\"}"
                )
            }
            return SourceRun(context: defaultSource, interventions: .none)
        }
        let request = given.prompt ?? .text(base.text)
        let promptPath = given.prompt == nil ? path : "\(path).prompt"
        let context = try PromptContext(request, image: given.image ?? base.image, on: model, path: promptPath)
        var interventions = PreparedInterventions.none
        if let set = given.interventions {
            var inner = self
            inner.generates = false
            interventions = try inner.prepare(set, in: context, path: "\(path).interventions")
        }
        return SourceRun(context: context, interventions: interventions)
    }
}
