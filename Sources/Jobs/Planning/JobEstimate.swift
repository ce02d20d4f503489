import Interventions
import Models
import StrictJSON

/// What a job will cost, counted from its plan.
struct JobEstimate {
    /// Distinct clean runs: of every picture and prompt that is looked at, sources among them.
    let cleanRuns: Int
    /// Token-layers if every run of every cell were made alone and from its first token.
    let fromScratch: Int
    /// Token-layers as the engine will do it: clean runs once, and of each variant its cone.
    let planned: Int
    private let longestPrompt: Int
    private let generated: Int
    /// Bytes of what is measured beside, in rows and in files of states.
    private let measuredBytes: Int
    /// Elements of the captures of the group that has the most of them: they wait for the group's end.
    private let heldElements: Int

    init(_ plan: JobPlan) throws {
        let layers = plan.model.decoder.configuration.layers
        let generated: Int
        switch plan.specification {
        case .caption(let caption): generated = caption.generation.maximumTokens
        case .knockout(let job): generated = job.measure.caption ? job.measure.maximumTokens : 0
        case .patch(let job): generated = job.measure.caption ? job.measure.maximumTokens : 0
        }
        var scratch = 0
        var planned = 0
        var longest = 0
        var measured = 0
        var held = 0
        var clean = Set<RunKey>()
        var perPrompt: [String: PromptWork] = [:]
        for group in 0..<plan.groupCount {
            let context = plan.contexts[group]
            longest = max(longest, context.layout.tokens)
            let work = try perPrompt[context.text] ?? PromptWork(plan, group: group)
            perPrompt[context.text] = work
            measured += plan.cellsPerGroup * work.size.bytes
            held = max(held, plan.cellsPerGroup * work.size.elements)
            let whole = context.layout.tokens * layers
            let decode = generated * layers
            clean.insert(RunKey(context))
            switch plan.specification {
            case .caption:
                scratch += whole + decode
                planned += work.cones + decode
            case .knockout(let job):
                if job.variants.contains(where: \.usesNextImage) {
                    clean.insert(RunKey(plan.contexts[plan.nextGroup(after: group)]))
                }
                scratch += (whole + decode) * plan.cellsPerGroup
                planned += work.cones + decode * plan.cellsPerGroup
            case .patch(let job):
                clean.insert(RunKey(context.showing(job.pairs[group].source)))
                // Alone, a cell needs its base run, its source run twice, and the patched one.
                scratch += (4 * whole + 2 * decode) * plan.cellsPerGroup
                planned += work.cones + decode * (plan.cellsPerGroup + 1)
            }
            clean.formUnion(work.sources)
        }
        if plan.reuse == .off || plan.specification.kind == .caption { planned = scratch }
        if plan.specification.kind != .caption, plan.reuse == .on {
            planned += clean.reduce(0) { $0 + $1.tokens * layers }
        }
        cleanRuns = clean.count
        fromScratch = scratch
        self.planned = planned
        longestPrompt = longest
        self.generated = generated
        measuredBytes = measured
        heldElements = held
    }

    /// A clean run by what it reads.
    private struct RunKey: Hashable {
        let text: String
        let image: String
        let tokens: Int

        init(_ context: PromptContext) {
            text = context.text
            image = context.image
            tokens = context.layout.tokens
        }
    }

    /// What the groups of one prompt have in common: positions depend on the text alone, but for random draws.
    private struct PromptWork {
        /// Token-layers of all places' cones.
        let cones: Int
        /// Clean runs that patches of variants take their states from.
        let sources: Set<RunKey>
        let size: MeasuredSize

        init(_ plan: JobPlan, group: Int) throws {
            let context = plan.contexts[group]
            let layers = plan.model.decoder.configuration.layers
            size = try plan.measuredSize(in: context)
            var cones = 0
            var sources = Set<RunKey>()
            for place in plan.places {
                let prepared =
                    plan.specification.kind == .patch
                    ? try plan.patchInterventions(at: place, pair: group)
                    : try plan.interventions(at: place, in: context)
                let measured = try plan.measurements(at: place, in: context)
                if !prepared.isEmpty {
                    let tokens = context.layout.tokens
                    cones +=
                        Cone(of: prepared.resolved, measuring: measured, tokens: tokens, layers: layers).tokenLayers
                } else if !measured.attention.isEmpty {
                    // The attention of a clean run is measured in a pass of its own.
                    cones += context.layout.tokens * layers
                }
                if plan.specification.kind != .patch {
                    for case .run(let source) in prepared.sources { sources.insert(RunKey(source.context)) }
                }
            }
            self.cones = cones
            self.sources = sources
        }
    }

    /// Bytes of keys, values and the widest rows that one run holds at a time.
    private func peakBytes(_ configuration: DecoderConfiguration) -> Int {
        let positions = longestPrompt + generated
        let cache = 2 * configuration.layers * positions * configuration.kvHeads * configuration.headSize
        let rows = longestPrompt * (4 * configuration.hidden + 2 * configuration.intermediate + longestPrompt)
        // A captured state is there as numbers and as its file.
        return 4 * (cache + rows + configuration.vocabulary * 4 + 2 * heldElements)
    }

    func json(tokenLayersPerSecond rate: Double, plan: JobPlan) -> JSONValue {
        [
            "object": "plan", "cells": .integer(plan.cellCount), "clean_runs": .integer(cleanRuns),
            "token_layers": ["from_scratch": .integer(fromScratch), "planned": .integer(planned)],
            "estimated_seconds": .finite(Double(planned) / rate),
            "peak_bytes": .integer(peakBytes(plan.model.decoder.configuration)),
            "result_bytes": .integer(plan.cellCount * Self.rowBytes + measuredBytes),
            "inputs": .array(
                plan.contexts.indices.prefix(Self.listedInputs).map { group in
                    let context = plan.contexts[group]
                    return [
                        "id": .string(plan.names(group: group, place: 0).input),
                        "tokens": .integer(context.layout.tokens), "roles": context.layout.rolesJSON,
                        "text": .string(Self.spelledOut(context, on: plan.model)),
                    ]
                }),
        ]
    }

    /// The prompt as the tokenizer's tokens spell it, special ones included, the picture's run cut to one token and "…".
    private static func spelledOut(_ context: PromptContext, on model: VisionLanguageModel) -> String {
        guard let ids = try? model.prompt(context.text, imageCount: 1).inputIDs else { return context.text }
        var text = ""
        var position = 0
        for block in context.layout.images {
            text += model.text(of: Array(ids[position...block.image.lowerBound])) + "…"
            position = block.image.upperBound
        }
        return text + model.text(of: Array(ids[position...]))
    }

    /// A stored row's size: knockout rows of the shipped models have 1463 bytes on average, patch rows 1770, captions
    /// 1528, with five listed tokens each.
    private static let rowBytes = 1600
    /// A dry run lists this many inputs at most; the others are laid out alike.
    private static let listedInputs = 1000
}
