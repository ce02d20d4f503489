package import Interventions
package import StrictJSON

/// How a state is to be made: from runs, or of states that there are.
package struct StateRequest: Sendable, Equatable {
    package enum Making: Sendable, Equatable {
        case capture(StateCapture)
        case mean([String])
        case sum([String])
        /// The first minus the second.
        case difference(String, String)
    }

    /// What people are to call it.
    package var name: String?
    package var making: Making

    /// The most pictures of a class mean, and the most states of a sum.
    static let maximumCount = 10_000

    /// Reads the JSON content of `POST /v1/states`.
    ///
    /// - throws: ``JSONError`` naming the field that is missing or wrong.
    package init(_ members: JSONFields, defaultModel: String) throws(JSONError) {
        name = try members.optional("name").map { field throws(JSONError) in try Self.name(field) }
        let ways = ["image", "images", "mean", "sum", "difference"]
        let given = ways.compactMap { members.optional($0) }
        guard let first = given.first else {
            throw JSONError(
                .missingField, at: "image",
                "is required: give \"image\" or \"images\" to run, or states to combine: \"mean\", \"sum\" or \"difference\""
            )
        }
        guard given.count == 1 else {
            throw given[1].invalid("give one of \(ways.joined(separator: ", ")); \"\(first.path)\" is there, too")
        }
        switch first.path {
        case "mean": making = .mean(try Self.states(first))
        case "sum": making = .sum(try Self.states(first))
        case "difference":
            let pair = try Self.states(first)
            guard pair.count == 2 else {
                throw first.invalid("\(pair.count) states; a difference is of two: [a, b] is a − b")
            }
            making = .difference(pair[0], pair[1])
        default: making = .capture(try StateCapture(members, defaultModel: defaultModel))
        }
        try members.finish()
    }

    /// Reads a state's name.
    static func name(_ field: JSONField) throws(JSONError) -> String {
        let name = try field.string()
        guard !name.isEmpty, name.utf8.count <= 200 else { throw field.invalid("a name has 1 to 200 bytes") }
        return name
    }

    private static func states(_ field: JSONField) throws(JSONError) -> [String] {
        let elements = try field.array()
        guard !elements.isEmpty else { throw field.invalid("the list is empty; name at least one state") }
        guard elements.count <= maximumCount else {
            throw field.invalid("\(elements.count) of them; at most \(maximumCount): combine them in steps")
        }
        var states: [String] = []
        for element in elements { states.append(try element.string()) }
        return states
    }
}

/// A state that is to be taken from runs: of one picture, or the mean over the runs of several.
package struct StateCapture: Sendable, Equatable {
    package var model: String
    /// Digests, or `data:` URLs until they are stored.
    package var images: [String]
    /// Whether the request named one `image` rather than a list.
    package var isSingle: Bool
    /// `nil` until the model's preset fills it in.
    package var prompt: PromptRequest?
    package var capture: Measurements.Capture
    package var interventions: InterventionSet?
    /// Decides random choices of positions.
    package var seed: Int

    init(_ members: JSONFields, defaultModel: String) throws(JSONError) {
        model = try members.optional("model")?.string() ?? defaultModel
        if let image = members.optional("image") {
            images = [try image.string()]
            isSingle = true
        } else {
            let list = try members.required("images")
            let elements = try list.array()
            guard !elements.isEmpty else { throw list.invalid("the list is empty; name at least one image") }
            guard elements.count <= StateRequest.maximumCount else {
                throw list.invalid("\(elements.count) of them; at most \(StateRequest.maximumCount)")
            }
            images = []
            for element in elements { images.append(try element.string()) }
            isSingle = false
        }
        prompt = try members.optional("prompt").map { given throws(JSONError) in try PromptRequest(given) }
        capture = try Measurements.Capture(members)
        interventions = try members.optional("interventions").map { set throws(JSONError) in try InterventionSet(set) }
        seed = try members.optional("seed")?.integer() ?? 0
    }

    /// The request as accepted.
    var json: JSONValue {
        var object = JSONObject([("model", .string(model))])
        if isSingle {
            object["image"] = .string(images[0])
        } else {
            object["images"] = .array(images.map { .string($0) })
        }
        object["prompt"] = prompt?.json ?? .null
        for (name, value) in capture.json.objectValue?.members ?? JSONObject().members { object[name] = value }
        object["interventions"] = interventions?.json ?? .null
        object["seed"] = .integer(seed)
        return .object(object)
    }

    /// Where a picture stands in the request.
    func imagePath(_ index: Int) -> String { isSingle ? "image" : "images[\(index)]" }
}
