import Jobs
import Schemas
import StrictJSON

/// The operations as OpenAPI 3.1.
enum OpenAPIDocument {
    static let json: JSONValue = [
        "openapi": "3.1.0",
        "info": [
            "title": "narrowgate", "version": .string(Provenance.version),
            "summary": "Captions of vision-language models, and interventions in their forward pass.",
            "description": """
            Unknown members and query parameters are refused by name. A member that may be left out may be `null`. \
            Refusals are `application/problem+json`. 422 says that a request is well-formed and cannot be done: \
            a layer that the model has not, a role that the prompt has not.
            """,
        ],
        "servers": [["url": "/"]],
        "paths": .object(paths),
        "components": [
            "schemas": .object(JSONObject(Interface.schemas.map { ($0.name, $0.schema.json) })),
            "securitySchemes": [
                "key": [
                    "type": "http", "scheme": "bearer",
                    "description": "Needed once there are keys (`narrowgate keys add`).",
                ]
            ],
        ],
    ]

    private static var paths: JSONObject {
        var paths = JSONObject()
        for operation in Interface.operations {
            var path = paths[operation.pattern]?.objectValue ?? JSONObject()
            path[operation.method.lowercased()] = json(operation)
            paths[operation.pattern] = .object(path)
        }
        return paths
    }

    private static func json(_ operation: Operation) -> JSONValue {
        var object = JSONObject([
            ("operationId", .string(operation.identifier)), ("tags", [.string(operation.subject)]),
            ("summary", .string(operation.summary)),
            ("security", operation.access == .open ? [] : [["key": []]]),
        ])
        if !operation.parameters.isEmpty { object["parameters"] = .array(operation.parameters.map(json)) }
        if !operation.contents.isEmpty {
            object["requestBody"] = ["required": true, "content": json(operation.contents)]
        }
        var responses = JSONObject()
        for answer in operation.answers {
            var response = JSONObject([("description", .string(answer.description))])
            if !answer.contents.isEmpty { response["content"] = json(answer.contents) }
            responses["\(answer.status)"] = .object(response)
        }
        for (range, description) in [
            ("4XX", "What is wrong with the request."), ("5XX", "What keeps the server from it."),
        ] {
            responses[range] = [
                "description": .string(description),
                "content": json(operation.problems),
            ]
        }
        object["responses"] = .object(responses)
        return .object(object)
    }

    private static func json(_ parameter: Operation.Parameter) -> JSONValue {
        var object = JSONObject([
            ("name", .string(parameter.name)), ("in", .string(parameter.place.rawValue)),
            ("required", .bool(parameter.place == .path)), ("schema", parameter.schema.json),
        ])
        if let example = parameter.example { object["example"] = example }
        return .object(object)
    }

    private static func json(_ contents: [Operation.Content]) -> JSONValue {
        .object(
            JSONObject(
                contents.map { content in
                    var object = JSONObject()
                    if content.schema != .anything { object["schema"] = content.schema.json }
                    if let example = content.example { object["example"] = example }
                    return (content.type, .object(object))
                }))
    }
}
