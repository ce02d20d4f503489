import Interventions
package import Models
package import StrictJSON

extension VisionLanguageModel {
    /// The likeliest tokens of a distribution as rows list them.
    func topTokens(_ distribution: NextTokenDistribution, count: Int) -> JSONValue {
        .array(
            distribution.top(count).map { id, probability in
                [
                    "id": .integer(id), "text": .string(text(of: [id])),
                    "p": .number(probability),
                ]
            })
    }
}

extension Generation {
    /// The continuation as job rows have it; `agrees` compares it with the clean run's.
    ///
    /// `near_tie_token` is the first token that the number format's error could have decided: from there on another format
    /// may say something else.
    func json(agreeingWith clean: Generation?) -> JSONValue {
        let nearTie = tokens.firstIndex(where: \.isNearTie)
        return [
            "text": .string(text), "agrees": clean.map { .bool($0.text == text) } ?? .null,
            "tokens": .integer(tokens.count), "finish_reason": .string(finishReason.rawValue),
            "near_tie": .bool(nearTie != nil), "near_tie_token": nearTie.map { .integer($0) } ?? .null,
        ]
    }
}

extension GeneratedToken {
    /// The token as captions list it.
    var json: JSONValue {
        var object = token.json
        object["top"] = .array(top.map { .object($0.json) })
        return .object(object)
    }
}

extension TokenProbability {
    fileprivate var json: JSONObject {
        JSONObject([("id", .integer(id)), ("text", .string(text)), ("logprob", .finite(logprob))])
    }
}

extension PromptLayout {
    /// The roles of a prompt as answers spell them.
    package var rolesJSON: JSONValue {
        let resolver = PositionResolver(
            layout: self, model: "", draw: RandomDraw(seed: 0, image: "", variant: ""))
        var object = JSONObject()
        for role in Role.allCases where ![.generated, .all, .imageInner].contains(role) {
            // A role that this prompt lacks is left out.
            guard let set = try? resolver.resolve(.role(role.rawValue), as: .keys, path: ""), !set.prompt.isEmpty
            else { continue }
            object[role.rawValue] = .string(set.prompt.compactText)
        }
        return .object(object)
    }
}
