import Interventions
import Jobs
package import Models
package import StrictJSON

/// A served model as it goes over the wire.
package enum ModelAnswer {
    /// What the list says, without loading it.
    package static func json(_ entry: ModelCatalog.Entry) -> JSONValue {
        // A folder whose configuration cannot be read is listed all the same: asking for it says what is wrong.
        head(entry.name, family: (try? entry.summary())?.family)
    }

    private static func head(_ name: String, family: String?) -> JSONValue {
        [
            "id": .string(name), "object": "model", "created": 0, "owned_by": "narrowgate", "family": .optional(family),
        ]
    }

    /// Everything about a loaded model. May read the whole checkpoint for its fingerprint.
    package static func json(_ model: VisionLanguageModel) throws -> JSONValue {
        let configuration = model.decoder.configuration
        var object = head(model.name, family: model.family).objectValue ?? JSONObject()
        object["layers"] = .integer(configuration.layers)
        object["heads"] = .integer(configuration.heads)
        object["key_value_heads"] = .integer(configuration.kvHeads)
        object["hidden_size"] = .integer(configuration.hidden)
        object["vocabulary_size"] = .integer(configuration.vocabulary)
        object["parameters"] = .integer(model.parameterCount)
        object["number_format"] = .string(model.numberFormat.rawValue)
        object["bytes"] = .integer(model.byteCount)
        object["fingerprint"] = .string(try model.fingerprint())
        object["sites"] = .array(Site.allCases.map { .string($0.rawValue) })
        object["roles"] = .array(Role.allCases.map { .string($0.rawValue) })
        object["presets"] = .object(
            JSONObject(model.presets.map { ($0.name, ["text": .string($0.text)]) }))
        object["chat"] = model.chatTemplate.map { ["text": .string($0)] } ?? .null
        object["messages"] = .string(model.messageForm.rawValue)
        object["variants"] = .object(JSONObject(Variant.namedVariants.map { ($0.name, $0.json) }))
        object["limits"] = [
            "prompt_tokens": .integer(configuration.maximumPositions),
            "max_tokens": .integer(Measure.tokenRange.upperBound), "top": .integer(Measure.topRange.upperBound),
            "cells": .integer(JobPlan.maximumCells),
        ]
        return .object(object)
    }
}
