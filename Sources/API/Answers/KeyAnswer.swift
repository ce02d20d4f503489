package import Store
package import StrictJSON

extension KeyLimits {
    package var json: JSONValue {
        [
            "jobs": .optional(jobs), "cells": .optional(cells), "requests_per_minute": .optional(requests),
            "bytes": .optional(bytes),
        ]
    }
}

extension KeyRecord {
    /// The key as it goes over the wire.
    ///
    /// - Parameter text: the whole key, in the one answer that has it.
    package func json(text: String? = nil) -> JSONValue {
        var object = JSONObject([
            ("id", .string(id)), ("object", "key"), ("name", .string(name)), ("admin", .bool(isAdmin)),
            ("limits", limits.json), ("created_at", .string(createdAt.text)),
            ("revoked_at", .optional(revokedAt?.text)),
        ])
        if let text { object["key"] = .string(text) }
        return .object(object)
    }
}
