import Interventions
import Models
import StrictJSON

/// What a job will cost, counted from its plan.
struct JobEstimate {
    let cleanRuns: Int
    /// Token-layers if every run of every cell were made alone and from its first token.
    let fromScratch: Int
    /// Token-layers as the engine will do it: clean and source runs once a group.
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
        var clean = 0
        var longest = 0
        var measured = 0
        var held = 0
        var sizes: [String: MeasuredSize] = [:]
        for group in 0..<plan.groupCount {
            let tokens = plan.contexts[group].layout.tokens
            longest = max(longest, tokens)
            let text = plan.contexts[group].text
            let size = try sizes[text] ?? plan.measuredSize(in: plan.contexts[group])
            sizes[text] = size
            measured += plan.cellsPerGroup * size.bytes
            held = max(held, plan.cellsPerGroup * size.elements)
            let run = (tokens + generated) * layers
            switch plan.specification {
            case .caption:
                scratch += run
                planned += run
            case .knockout:
                clean += 1
                scratch += run * plan.cellsPerGroup
                planned += run * plan.cellsPerGroup
            case .patch:
                // Alone, a cell needs its base run, its source run, and the patched one.
                clean += 2
                scratch += (2 * run + tokens * layers) * plan.cellsPerGroup
                planned += run * (plan.cellsPerGroup + 1) + 2 * tokens * layers
            }
        }
        cleanRuns = clean
        fromScratch = scratch
        self.planned = planned
        longestPrompt = longest
        self.generated = generated
        measuredBytes = measured
        heldElements = held
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

    /// A stored row's size: knockout rows of the shipped models have 1412 bytes on average, patch rows 1719, captions
    /// 1477, with five listed tokens each.
    private static let rowBytes = 1600
    /// A dry run lists this many inputs at most; the others are laid out alike.
    private static let listedInputs = 1000
}
