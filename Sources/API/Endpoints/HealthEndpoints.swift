import HTTPServer
import HTTPTypes
import Interventions
import Jobs
import Models
import Store
import StrictJSON
import Synchronization

/// `/livez` and `/readyz`, for whoever watches the process.
final class HealthEndpoints: Sendable {
    private enum State: Sendable {
        case unloaded(reason: String)
        case loading
        case loaded(VisionLanguageModel)
    }

    private let jobs: JobService
    private let state = Mutex(State.unloaded(reason: ""))

    init(jobs: JobService) {
        self.jobs = jobs
    }

    /// The process runs and its loop turns: all that `/livez` says.
    static let alive = Response(json: ["status": "alive"], headerFields: [.cacheControl: "no-store"])
        .preparedOnce()

    /// `GET /readyz`: the store answers and can be written, the default model is loaded and computes.
    @Sendable func ready(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        let model: VisionLanguageModel
        if let name = jobs.models.defaultName, let loaded = await jobs.models.loaded(name) {
            model = loaded
        } else {
            model = try loadedModel()
        }
        _ = try await jobs.store.newestJob()
        try await jobs.store.checkWritable()
        let isFinite = try await jobs.engine.run(.interactive) { boundary in
            let outcome = try ModelRun(model, boundary: { try boundary.pass() }).run(
                try model.prompt("a", imageCount: 0))
            return outcome.nextToken.probabilities.allSatisfy(\.isFinite)
        }
        guard isFinite else { throw Problem(.notReady, "the model \(model.name) computes numbers that are not finite") }
        return Response(
            json: ["status": "ready", "model": .string(model.name)], headerFields: [.cacheControl: "no-store"])
    }

    /// The default model, if it is loaded; otherwise sees to it that it is being loaded.
    private func loadedModel() throws(Problem) -> VisionLanguageModel {
        guard let name = jobs.models.defaultName else {
            throw Problem(.notReady, "no models are served; give --models a folder of checkpoints")
        }
        let (found, reason) = state.withLock { state -> (VisionLanguageModel?, String) in
            switch state {
            case .loaded(let model): return (model, "")
            case .loading: return (nil, "")
            case .unloaded(let reason):
                state = .loading
                Task { await self.load(name) }
                return (nil, reason)
            }
        }
        if let found { return found }
        throw Problem(.notReady, "the model \(name) is not loaded" + (reason.isEmpty ? " yet" : ": \(reason)"))
    }

    private func load(_ name: String) async {
        do {
            let model = try await jobs.models.model(name)
            state.withLock { $0 = .loaded(model) }
        } catch {
            state.withLock { $0 = .unloaded(reason: "\(error)") }
        }
    }
}
