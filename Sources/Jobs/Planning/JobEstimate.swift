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
    /// What there is to do now, by kind: what the caches hold is not done again.
    let work: PlannedWork
    /// The most bytes that it takes beside the model and what is found in the caches.
    let neededBytes: Int
    /// Bytes of what is measured beside, in rows and in files of states.
    private let measuredBytes: Int

    /// - Parameter caches: what is at hand now.
    init(_ plan: JobPlan, caches: EngineCaches) throws {
        let layers = plan.model.decoder.configuration.layers
        let generated = plan.maximumTokens
        var (scratch, planned, longest, measured, held, missing) = (0, 0, 0, 0, 0, 0)
        var work = PlannedWork()
        work.maximumTokens = generated
        (work.cells, work.groups) = (plan.cellCount, plan.groupCount)
        var (clean, pictures) = (Set<RunKey>(), Set<String>())
        var perPrompt: [String: PromptWork] = [:]
        for group in 0..<plan.groupCount {
            let context = plan.contexts[group]
            longest = max(longest, context.layout.tokens)
            let prompt = try perPrompt[context.text] ?? PromptWork(plan, group: group)
            perPrompt[context.text] = prompt
            measured += plan.cellsPerGroup * prompt.size.bytes
            held = max(held, plan.cellsPerGroup * prompt.size.elements)
            pictures.formUnion(try plan.images(ofGroup: group))
            let whole = context.layout.tokens * layers
            let decode = generated * layers
            var runs: Set = [RunKey(context)]
            // Runs alone from their first tokens, and those among them that generate; texts when runs are stacked.
            var (alone, generating, texts) = (plan.cellsPerGroup, plan.cellsPerGroup, plan.cellsPerGroup)
            switch plan.specification {
            case .caption: break
            case .knockout(let job):
                if job.variants.contains(where: \.usesNextImage) {
                    runs.insert(RunKey(plan.contexts[plan.nextGroup(after: group)]))
                }
            case .patch(let job):
                runs.insert(RunKey(context.showing(job.pairs[group].source)))
                // Alone, a cell needs its base run, its source run twice, and the patched one.
                (alone, generating, texts) = (4 * alone, 2 * generating, texts + 1)
            }
            runs.formUnion(prompt.sources)
            let unshared = alone * whole + generating * decode
            scratch += unshared
            if prompt.reuse == .on {
                planned += prompt.cones + texts * decode
                planned += runs.subtracting(clean).reduce(0) { $0 + $1.tokens * layers }
                for run in runs.subtracting(clean) where try !run.isKept(in: caches, of: plan.model) {
                    missing += 1
                    work.tokenLayersRead += run.tokens * layers
                }
                work.passes.merge(prompt.passes, uniquingKeysWith: +)
                work.tokenLayersRead += prompt.attentionPasses
            } else {
                planned += unshared
                work.tokenLayersRead += try plan.runsAlone(ofGroup: group) * whole
            }
            if generated > 0 {
                for stack in prompt.reuse == .on ? prompt.texts(of: texts) : Array(repeating: 1, count: texts) {
                    work.texts[stack, default: 0] += 1
                }
            }
            clean.formUnion(runs)
        }
        for picture in pictures where try caches.images.found(picture, on: plan.model) == nil { work.encodings += 1 }
        cleanRuns = clean.count
        fromScratch = scratch
        self.planned = planned
        self.work = work
        measuredBytes = measured
        let memory = MemoryEstimate(plan.model, promptTokens: longest, generated: generated, heldElements: held)
        let kept = plan.reuse == .on ? min(caches.cleanRuns.budget, missing * memory.cleanRun) : 0
        neededBytes = kept + max(work.encodings > 0 ? memory.encoding : 0, memory.run)
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

        /// Whether nothing has to be done for it.
        func isKept(in caches: EngineCaches, of model: VisionLanguageModel) throws -> Bool {
            guard let image = try caches.images.found(image, on: model) else { return false }
            return try caches.cleanRuns.holds(try model.prompt(text, images: [image]), of: model)
        }
    }

    /// What the groups of one prompt have in common: positions depend on the text alone, but for random draws.
    private struct PromptWork {
        /// Token-layers of all places' cones.
        let cones: Int
        /// Token-layers of clean runs whose attention is measured, in passes of their own.
        let attentionPasses: Int
        /// Stacks' passes by their rows, in the mean over the layers.
        let passes: [Int: Int]
        /// Clean runs that patches of variants take their states from.
        let sources: Set<RunKey>
        let size: MeasuredSize
        let reuse: Reuse

        init(_ plan: JobPlan, group: Int) throws {
            let context = plan.contexts[group]
            let layers = plan.model.decoder.configuration.layers
            let tokens = context.layout.tokens
            size = try plan.measuredSize(in: context)
            reuse = try plan.reuse(ofGroup: group)
            var (cones, attentionPasses) = ([Cone](), 0)
            var sources = Set<RunKey>()
            for place in plan.places {
                let prepared =
                    plan.specification.kind == .patch
                    ? try plan.patchInterventions(at: place, pair: group)
                    : try plan.interventions(at: place, in: context)
                let measured = try plan.measurements(at: place, in: context)
                if prepared.isEmpty {
                    cones.append(Cone(of: .none, tokens: tokens, layers: layers))
                    if !measured.attention.isEmpty { attentionPasses += tokens * layers }
                } else {
                    cones.append(Cone(of: prepared.resolved, measuring: measured, tokens: tokens, layers: layers))
                }
                if plan.specification.kind != .patch {
                    for case .run(let source) in prepared.sources { sources.insert(RunKey(source.context)) }
                }
            }
            var passes: [Int: Int] = [:]
            for stack in Sweep.stacks(cones) {
                let rows = cones[stack].reduce(0) { $0 + $1.tokenLayers } / layers
                if rows > 0 { passes[rows, default: 0] += 1 }
            }
            self.cones = cones.reduce(0) { $0 + $1.tokenLayers } + attentionPasses
            self.attentionPasses = attentionPasses
            self.passes = passes
            self.sources = sources
            stacks = Sweep.stacks(cones).map(\.count)
        }

        private let stacks: [Int]

        /// How many of `count` texts are decoded together, a stack each; a base run goes with the first.
        func texts(of count: Int) -> [Int] {
            var stacks = stacks
            if !stacks.isEmpty { stacks[0] += count - stacks.reduce(0, +) }
            return stacks
        }
    }

    /// - Parameter memory: of the process, once the model has been at work in it.
    func json(rates: WorkRates, memory: ProcessMemory, plan: JobPlan) -> JSONValue {
        [
            "object": "plan", "cells": .integer(plan.cellCount), "clean_runs": .integer(cleanRuns),
            "encodings": .integer(work.encodings),
            "token_layers": ["from_scratch": .integer(fromScratch), "planned": .integer(planned)],
            "estimated_seconds": .finite(rates.seconds(for: work)),
            "peak_bytes": .integer(memory.peak(needing: neededBytes)), "resident_bytes": .integer(memory.resident),
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
