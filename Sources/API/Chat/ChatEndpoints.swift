import HTTPServer
import HTTPTypes
import Jobs
import Models
import StrictJSON

/// `POST /v1/chat/completions`: captions for clients of OpenAI's interface.
///
/// Each choice is computed and recorded as a caption. Errors are in OpenAI's envelope.
struct ChatEndpoints: Sendable {
    let jobs: JobService
    let failures: RequestFailures

    @Sendable func complete(_ call: Routes.Call) async throws -> Response {
        do {
            try call.request.target.members().finish()
            let chat = try ChatRequest(
                try call.request.jsonMembers(), defaultModel: jobs.models.defaultName ?? "")
            do {
                return try await answer(chat, to: call)
            } catch {
                guard let problem = Problem(error) else { throw error }
                throw problem.renamingField(chat.spelling)
            }
        } catch {
            return failures.problem(of: error, at: call.request).asOpenAI.openAIResponse
        }
    }

    private func answer(_ chat: ChatRequest, to call: Routes.Call) async throws -> Response {
        let model = try await jobs.loadedModel(chat.model)
        var plans: [JobPlan] = []
        for index in 0..<chat.captionCount {
            plans.append(try await jobs.plan(try chat.caption(index, on: model), key: call.key))
        }
        // The first time this may read the whole checkpoint.
        let fingerprint = try await Task.detached(priority: .utility) { try model.fingerprint() }.value
        let completion = ChatCompletion(
            id: jobs.queue.newIdentifier(), model: model.name, fingerprint: fingerprint,
            givesLogprobs: chat.givesLogprobs, countsUsage: chat.countsUsage)
        if chat.isStreamed {
            return try await ChatStream(jobs: jobs, failures: failures).response(
                to: call.request, chat, plans: plans, completion: completion)
        }
        let captions = try await captions(plans)
        let choices = captions.indices.flatMap { index in
            chat.choices(ofCaption: index).map { _ in captions[index] }
        }
        return Response(json: completion.json(choices))
    }

    /// The answers, in the order of their plans, computed beside each other.
    private func captions(_ plans: [JobPlan]) async throws -> [JSONValue] {
        try await withThrowingTaskGroup(of: (Int, JSONValue).self) { captions in
            for (index, plan) in plans.enumerated() {
                captions.addTask { [jobs] in (index, try await jobs.caption(plan)) }
            }
            var answers = [JSONValue](repeating: .null, count: plans.count)
            for try await (index, answer) in captions { answers[index] = answer }
            return answers
        }
    }
}

extension Problem {
    /// The same problem with the status that OpenAI's clients expect: what is wrong with a member of theirs is a bad request,
    /// what cannot be done of ours stays what it is elsewhere.
    var asOpenAI: Problem {
        guard status == .unprocessableContent, field?.hasPrefix("interventions") != true else { return self }
        var problem = self
        problem.status = .badRequest
        return problem
    }

    /// The problem in OpenAI's envelope.
    var openAIJSON: JSONValue { ["error": errorObject] }

    /// The problem as an answer in OpenAI's envelope.
    var openAIResponse: Response { Response(status, json: openAIJSON, headerFields: headerFields) }
}
