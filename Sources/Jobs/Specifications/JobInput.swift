package import Interventions
import StrictJSON

/// One picture and prompt of a job.
package struct JobInput: Sendable, Equatable {
    /// The requester's name for it; its index as text where none was given.
    package var id: String
    /// As the request names it: a digest, or a `data:` URL until the picture is stored.
    package var image: String
    /// `nil` until the model's preset fills it in.
    package var prompt: PromptRequest?

    package init(id: String, image: String, prompt: PromptRequest? = nil) {
        self.id = id
        self.image = image
        self.prompt = prompt
    }

    init(_ field: JSONField, index: Int) throws(JSONError) {
        let members = try field.object()
        id = try members.optional("id").map { id throws(JSONError) in try Self.identifier(id) } ?? "\(index)"
        image = try members.required("image").string()
        if let given = members.optional("prompt") { prompt = try PromptRequest(given) }
        try members.finish()
    }

    var json: JSONValue { ["id": .string(id), "image": .string(image), "prompt": prompt?.json ?? .null] }

    /// A requester's name for an input or a pair.
    static func identifier(_ field: JSONField) throws(JSONError) -> String {
        let id = try field.string()
        guard !id.isEmpty, id.utf8.count <= 200 else { throw field.invalid("an id has 1 to 200 bytes") }
        return id
    }

    /// The most inputs or pairs of one job.
    static let maximumCount = 100_000

    static func checkCount(_ count: Int, _ field: JSONField) throws(JSONError) {
        guard count <= maximumCount else {
            throw field.invalid("\(count) of them; at most \(maximumCount) in one job: split it")
        }
    }

    /// Reads `inputs`, or the short form `images` with `prompt` at the top.
    ///
    /// - throws: ``JSONError`` if neither or both are there, the list is empty, or an id is used twice.
    static func list(_ members: JSONFields) throws(JSONError) -> [JobInput] {
        let prompt = try members.optional("prompt").map { given throws(JSONError) in try PromptRequest(given) }
        var inputs: [JobInput] = []
        if let images = members.optional("images") {
            guard members.optional("inputs") == nil else {
                throw images.invalid("give either \"images\" or \"inputs\", not both")
            }
            let list = try images.array()
            guard !list.isEmpty else { throw images.invalid("the list is empty; name at least one image") }
            try checkCount(list.count, images)
            for (index, image) in list.enumerated() {
                inputs.append(JobInput(id: "\(index)", image: try image.string(), prompt: prompt))
            }
            return inputs
        }
        let field = try members.required(
            "inputs",
            "is required: give \"images\", a list of pictures, or \"inputs\" with an id, image and prompt each")
        let list = try field.array()
        guard !list.isEmpty else { throw field.invalid("the list is empty; give at least one input") }
        try checkCount(list.count, field)
        var seen = Set<String>()
        for (index, element) in list.enumerated() {
            var input = try JobInput(element, index: index)
            if input.prompt == nil { input.prompt = prompt }
            guard seen.insert(input.id).inserted else {
                throw element.invalid("the id \"\(input.id)\" is used twice")
            }
            inputs.append(input)
        }
        return inputs
    }
}
