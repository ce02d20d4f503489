package import Models

/// The interventions of one run, resolved, with the source runs that its patches need.
package struct PreparedInterventions: Sendable, Equatable {
    package let resolved: ResolvedInterventions
    /// For each patch, in order, the run it takes its states from.
    package let sources: [SourceRun]

    package static let none = PreparedInterventions(resolved: .none, sources: [])

    package var isEmpty: Bool { resolved.isEmpty }

    /// Digests of all pictures that source runs look at.
    package var images: Set<String> {
        sources.reduce(into: []) { $0.formUnion($1.interventions.images.union([$1.context.image])) }
    }
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
    /// Whether the run generates tokens.
    private let generates: Bool
    /// The run that a patch without a source takes its states from.
    private let defaultSource: PromptContext?

    package init(
        model: VisionLanguageModel, seed: Int, variant: String, generates: Bool, defaultSource: PromptContext? = nil
    ) {
        self.model = model
        self.seed = seed
        self.variant = variant
        self.generates = generates
        self.defaultSource = defaultSource
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
        var sources: [SourceRun] = []
        for (at, patch) in set.patches.enumerated() {
            let patchPath = path.isEmpty ? "patches[\(at)]" : "\(path).patches[\(at)]"
            sources.append(try source(of: patch, base: context, path: "\(patchPath).source"))
        }
        let resolver = InterventionResolver(
            configuration: model.decoder.configuration, positions: positions(in: context), generates: generates)
        let resolved = try resolver.resolve(
            set, variantLayer: layer,
            sources: sources.map { InterventionResolver.Source(positions: positions(in: $0.context)) }, path: path)
        return PreparedInterventions(resolved: resolved, sources: sources)
    }

    private func source(of patch: Patch, base: PromptContext, path: String) throws(InterventionError) -> SourceRun {
        guard let given = patch.source else {
            guard let defaultSource else {
                throw InterventionError(
                    .missingSource, at: path,
                    "is required: {\"image\": \"sha256:…\"}, the run whose state is put into this one")
            }
            return SourceRun(context: defaultSource, interventions: .none)
        }
        let request = given.prompt ?? .text(base.text)
        let promptPath = given.prompt == nil ? path : "\(path).prompt"
        let context = try PromptContext(request, image: given.image ?? base.image, on: model, path: promptPath)
        var interventions = PreparedInterventions.none
        if let set = given.interventions {
            interventions = try prepare(set, in: context, path: "\(path).interventions")
        }
        return SourceRun(context: context, interventions: interventions)
    }
}
