import API
import Foundation
import HTTPTypes
import StrictJSON
import Testing

@Suite("The description of the interface") struct InterfaceTests {
    private static func document(_ laboratory: Laboratory) async throws -> JSONValue {
        let answer = try await laboratory.get("/openapi.json")
        #expect(answer.status == 200)
        #expect(answer.fields[.contentType] == "application/json")
        return answer.json
    }

    @Test("has every route and nothing else")
    func routes() async throws {
        let laboratory = try await Laboratory()
        let document = try await Self.document(laboratory)
        #expect(document["openapi"] == "3.1.0")
        var described: [String] = []
        for (path, operations) in try #require(document["paths"]?.objectValue).members {
            for method in operations.objectValue?.names ?? [] { described.append("\(method.uppercased()) \(path)") }
        }
        #expect(described.sorted() == laboratory.routes.names.sorted())
    }

    @Test("refers to nothing that it has not, and names each operation once")
    func references() async throws {
        let document = try await Self.document(try await Laboratory())
        let schemas = try #require(document["components"]?["schemas"]?.objectValue)
        for match in document.text.matches(of: /"#\/components\/schemas\/([A-Za-z]+)"/) {
            #expect(schemas[String(match.1)] != nil, "\(match.1)")
        }
        let names = document.text.matches(of: /"operationId":"([a-z0-9_]+)"/).map { String($0.1) }
        #expect(Set(names).count == names.count && !names.isEmpty)
    }

    /// An object that a reader takes, by its name in the description, and how it gets to that reader.
    private struct Reader: Sendable, CustomTestStringConvertible {
        let schema: String
        let path: String
        let object: JSONObject
        let wrap: @Sendable (JSONValue) -> JSONValue

        var testDescription: String { schema }
    }

    private static let image: JSONValue = "sha256:none"
    private static let positions: JSONValue = "eoi"

    private static func intervention(_ list: String, _ value: JSONValue) -> JSONValue {
        ["image": image, "interventions": .object(JSONObject([(list, [value])]))]
    }

    private static func measured(_ list: String, _ value: JSONValue) -> JSONValue {
        ["image": image, "measure": .object(JSONObject([(list, [value])]))]
    }

    private static let readers: [Reader] = [
        Reader(schema: "CaptionRequest", path: "/v1/captions", object: JSONObject([("image", image)])) { $0 },
        Reader(
            schema: "KnockoutRequest", path: "/v1/knockouts",
            object: JSONObject([("inputs", [["image": image]]), ("variants", ["eoi"])])
        ) { $0 },
        Reader(
            schema: "PatchRequest", path: "/v1/patches",
            object: JSONObject([("pairs", [["base": image, "source": image]])])
        ) { $0 },
        Reader(
            schema: "StateRequest", path: "/v1/states",
            object: JSONObject([("images", [image]), ("site", "resid_in"), ("positions", positions)])
        ) { $0 },
        Reader(
            schema: "ChatRequest", path: "/v1/chat/completions",
            object: JSONObject([("messages", [["role": "user", "content": "x"]])])
        ) { $0 },
        Reader(
            schema: "ChatMessage", path: "/v1/chat/completions",
            object: JSONObject([("role", "user"), ("content", "x")])
        ) { ["messages": [$0]] },
        Reader(schema: "KeyRequest", path: "/v1/keys", object: JSONObject([("name", "x")])) { $0 },
        Reader(schema: "Input", path: "/v1/captions", object: JSONObject([("image", image)])) { ["inputs": [$0]] },
        Reader(schema: "Pair", path: "/v1/patches", object: JSONObject([("base", image), ("source", image)])) {
            ["pairs": [$0]]
        },
        Reader(schema: "Measure", path: "/v1/knockouts", object: JSONObject()) {
            ["images": [image], "variants": ["eoi"], "measure": $0]
        },
        Reader(schema: "Prompt", path: "/v1/captions", object: JSONObject([("preset", "caption")])) {
            ["image": image, "prompt": $0]
        },
        Reader(schema: "Interventions", path: "/v1/captions", object: JSONObject()) {
            ["image": image, "interventions": $0]
        },
        Reader(schema: "Variant", path: "/v1/knockouts", object: JSONObject([("name", "x")])) {
            ["images": [image], "variants": [$0]]
        },
        Reader(schema: "Knockout", path: "/v1/captions", object: JSONObject([("keys", positions)])) {
            intervention("knockouts", $0)
        },
        Reader(
            schema: "Patch", path: "/v1/captions",
            object: JSONObject([("site", "resid_in"), ("layers", 0), ("positions", positions)])
        ) { intervention("patches", $0) },
        Reader(schema: "PatchSource", path: "/v1/captions", object: JSONObject()) {
            intervention("patches", ["site": "resid_in", "layers": 0, "positions": positions, "source": $0])
        },
        Reader(
            schema: "Steer", path: "/v1/captions",
            object: JSONObject([
                ("site", "resid_in"), ("layers", 0), ("positions", positions), ("direction", ["state": "sha256:none"]),
            ])
        ) { intervention("steers", $0) },
        Reader(schema: "ClassToken", path: "/v1/patches", object: JSONObject([("id", 3)])) {
            ["pairs": [["base": image, "source": image, "base_token": $0]]]
        },
        Reader(
            schema: "Capture", path: "/v1/captions",
            object: JSONObject([("site", "resid_in"), ("positions", positions)])
        ) { measured("captures", $0) },
        Reader(schema: "Attention", path: "/v1/captions", object: JSONObject()) { measured("attention", $0) },
        Reader(schema: "LogitLens", path: "/v1/captions", object: JSONObject()) { measured("logit_lens", $0) },
    ]

    @Test("has, of every object, the members that its reader knows", arguments: readers)
    private func members(_ reader: Reader) async throws {
        let laboratory = try await Laboratory()
        let schema = try await Self.document(laboratory)["components"]?["schemas"]?[reader.schema]
        let forms = schema?["anyOf"]?.arrayValue ?? [schema ?? .null]
        let described = Set(forms.flatMap { $0["properties"]?.objectValue?.names ?? [] })
        // A reader that meets a stranger says whom it knows.
        var object = reader.object
        object["zzz"] = 1
        let problem = try await laboratory.post(reader.path, reader.wrap(.object(object)))
        #expect(problem.code == "unknown_field", "\(problem.text)")
        let known = problem.detail.split(separator: "known fields are ").last?.replacing(".", with: "") ?? ""
        #expect(Set(known.split(separator: ", ").map(String.init)) == described)
        // What is required is required: without it the reader complains.
        let required = Set(forms.first?["required"]?.arrayValue?.compactMap(\.stringValue) ?? [])
        for name in required where reader.object[name] != nil {
            var object = reader.object
            object[name] = nil
            let problem = try await laboratory.post(reader.path, reader.wrap(.object(object)))
            #expect([400, 422].contains(problem.status), "\(name): \(problem.text)")
        }
    }

    @Test("has examples that work, in order")
    func examples() async throws {
        let laboratory = try await Laboratory()
        let document = try await Self.document(laboratory)
        let admin = try await laboratory.post("/v1/keys", ["name": "admin", "admin": true])
        let key: HTTPFields = [.authorization: "Bearer " + (admin.json["key"]?.stringValue ?? "")]
        for picture in ["white-cross.png", "pink-square.png"] {
            let file = Laboratory.root.appending(path: "Models/examples/\(picture)")
            let stored = try await laboratory.post(
                "/v1/images", [UInt8](try Data(contentsOf: file)), type: "image/png", key)
            #expect(stored.status == 201)
        }
        // Jobs, states and keys have names that nobody can know beforehand.
        var made: [String: String] = [:]
        var executed = 0
        for (path, operations) in try #require(document["paths"]?.objectValue).members {
            for (method, operation) in try #require(operations.objectValue).members where method != "delete" {
                var target = path
                for parameter in operation["parameters"]?.arrayValue ?? [] where parameter["in"] == "path" {
                    let name = parameter["name"]?.stringValue ?? ""
                    let example = made[String(path.prefix(8))] ?? parameter["example"]?.stringValue ?? ""
                    target = target.replacing("{\(name)}", with: example)
                }
                let statuses = operation["responses"]?.objectValue?.names ?? []
                let answer: Answer
                if method == "post" {
                    guard var example = operation["requestBody"]?["content"]?["application/json"]?["example"] else {
                        continue
                    }
                    if path == "/v1/verify" { example = ["result": .string((made["caption"] ?? "") + "/0")] }
                    answer = try await laboratory.post(target, example, key)
                } else {
                    if path == "/readyz" { continue }
                    answer = try await laboratory.get(target, key)
                }
                executed += 1
                #expect(answer.status < 300, "\(method) \(target): \(answer.text.prefix(300))")
                #expect(statuses.contains("\(answer.status)"), "\(method) \(target)")
                let types = operation["responses"]?["\(answer.status)"]?["content"]?.objectValue?.names ?? []
                #expect(types.contains(answer.fields[.contentType] ?? ""), "\(method) \(target) \(types)")
                if method == "post", let id = answer.json["id"]?.stringValue {
                    if path == "/v1/captions" {
                        made["caption"] = id
                        made["/v1/jobs"] = id
                    } else {
                        made[String(path.prefix(8))] = id
                    }
                }
            }
        }
        #expect(executed > 20)
    }

    @Test("is a page for people, too, that loads nothing")
    func page() async throws {
        let laboratory = try await Laboratory()
        let answer = try await laboratory.get("/docs")
        #expect(answer.status == 200)
        #expect(answer.fields[.contentType] == "text/html; charset=utf-8")
        #expect(answer.fields[.contentSecurityPolicy]?.hasPrefix("default-src 'none'") == true)
        for name in laboratory.routes.names { #expect(answer.text.contains("<code>\(name)</code>"), "\(name)") }
        for stranger in ["src=", "<script", "<link", "http:", "https:", "url("] {
            #expect(!answer.text.contains(stranger), "\(stranger)")
        }
        for match in answer.text.matches(of: /href="#([A-Za-z]+)"/) {
            #expect(answer.text.contains("id=\"\(match.1)\""), "\(match.1)")
        }
    }
}
