package import Interventions
package import Store
package import StrictJSON

extension StateRecord {
    /// The state's record as it goes over the wire.
    package var json: JSONValue { .object(members) }

    /// With what only the numbers tell: norms, and the numbers themselves where they are few.
    package func json(with state: StateTensor) -> JSONValue {
        var object = members
        object["norms"] = .array(state.norms.map { .array($0.map { .finite($0) }) })
        object["values"] = shape.elements <= Self.shownElements ? state.valuesJSON : .null
        return .object(object)
    }

    /// A record shows the numbers of a state that has no more than this many.
    package static let shownElements = 65_536

    private var members: JSONObject {
        JSONObject([
            ("id", .string(digest)), ("object", "state"), ("name", .optional(name)), ("model", .optional(model)),
            ("site", .optional(site)), ("layers", layers.map { .array($0.map { .integer($0) }) } ?? .null),
            ("shape", .array(shape.list.map { .integer($0) })), ("bytes", .integer(bytes)),
            ("origin", (try? JSONParser.parse(origin)) ?? .null), ("created_at", .string(createdAt.text)),
        ])
    }
}

extension StateTensor {
    /// Nested lists, `[layers][positions][width]`.
    fileprivate var valuesJSON: JSONValue {
        let (positions, width) = (description.positions, description.width)
        func row(_ number: Int) -> JSONValue {
            .array(elements[number * width..<(number + 1) * width].map { .finite($0) })
        }
        return .array(
            (0..<description.layerCount).map { layer in
                .array((0..<positions).map { row(layer * positions + $0) })
            })
    }
}
