package import Models
package import StrictJSON

/// Adding a direction, scaled, to the state at a site and positions: state + scale · direction.
package struct Steer: Sendable, Equatable {
    package var site: Site
    package var layers: LayerSelection
    /// As *queries*: `text` and `all` include generated positions, and `generated` may be named.
    package var positions: PositionExpression
    /// The state that is added, as the request names it.
    package var direction: String
    package var scale: Double

    package init(
        site: Site, layers: LayerSelection, positions: PositionExpression, direction: String, scale: Double = 1
    ) {
        self.site = site
        self.layers = layers
        self.positions = positions
        self.direction = direction
        self.scale = scale
    }

    package init(_ field: JSONField) throws(JSONError) {
        let members = try field.object()
        site = try Site(try members.required("site"))
        layers = try LayerSelection(try members.required("layers"))
        positions = try PositionExpression(try members.required("positions"))
        let state = try members.required("direction", "is required: {\"state\": \"sha256:…\"}").object()
        direction = try StateName.read(try state.required("state"))
        try state.finish()
        scale = 1
        if let given = members.optional("scale") {
            scale = try given.number()
            guard Float(scale).isFinite else { throw given.invalid("\(scale) is beyond float32") }
        }
        try members.finish()
    }

    package var json: JSONValue {
        [
            "site": .string(site.rawValue), "layers": layers.json, "positions": positions.json,
            "direction": ["state": .string(direction)], "scale": .number(scale),
        ]
    }
}

/// What a request calls a state: a digest over HTTP, a file's path on the command line.
enum StateName {
    static func read(_ field: JSONField) throws(JSONError) -> String {
        let name = try field.string()
        guard !name.isEmpty else { throw field.invalid("the name of the state is empty") }
        return name
    }
}
