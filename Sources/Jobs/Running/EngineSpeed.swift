import Interventions
import Models
import Synchronization

/// How fast this machine runs each model, in token-layers a second: measured, never assumed.
///
/// Finished groups report what they took; before the first one, a short run is timed.
final class EngineSpeed: Sendable {
    private let rates = Mutex<[String: Double]>([:])

    /// Takes in what a group took: recent groups count most.
    func report(model: String, tokenLayers: Int, seconds: Double) {
        guard tokenLayers > 0, seconds > 0 else { return }
        let rate = Double(tokenLayers) / seconds
        rates.withLock { $0[model] = $0[model].map { 0.7 * $0 + 0.3 * rate } ?? rate }
    }

    /// The model's rate; times a prompt of the plan, at most 64 tokens of it, if there is none yet.
    func tokenLayersPerSecond(of plan: JobPlan, engine: EngineThread) async throws -> Double {
        let model = plan.model
        if let rate = rates.withLock({ $0[model.name] }) { return rate }
        let ids = Array(try model.prompt(plan.contexts[0].text, imageCount: 1).inputIDs.prefix(64))
        let seconds = try await engine.run(.interactive) { boundary in
            let embeddings = model.decoder.embed(ids)
            var best = Double.infinity
            for _ in 0..<3 {
                let start = ContinuousClock.now
                var cache = KVCache(configuration: model.decoder.configuration)
                _ = try model.decoder.forward(embeddings, cache: &cache, hooks: nil)
                best = min(best, (ContinuousClock.now - start) / .seconds(1))
                try boundary.pass()
            }
            return best
        }
        let rate = Double(ids.count * model.decoder.configuration.layers) / max(seconds, 1e-9)
        report(model: model.name, tokenLayers: ids.count * model.decoder.configuration.layers, seconds: seconds)
        return rate
    }
}
