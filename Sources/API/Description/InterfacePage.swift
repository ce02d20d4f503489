import HTTPServer
import HTTPTypes
import Schemas
import StrictJSON

/// The operations as a page for people: no scripts, nothing from elsewhere.
enum InterfacePage {
    static let html: String = {
        var page = """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <title>narrowgate</title><style>
            body { font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
            code, pre { font: 14px/1.4 monospace; background: #f4f4f4 } pre { padding: .6rem; overflow-x: auto }
            h3 { margin: 2rem 0 .2rem; border-top: 1px solid #ddd; padding-top: 1rem } table { border-collapse: collapse }
            td, th { text-align: left; vertical-align: top; padding: .1rem .8rem .1rem 0 } .type { color: #666 }
            </style></head><body>
            <h1>narrowgate</h1>
            <p>The same as <a href="/openapi.json">/openapi.json</a>. What may go wrong: <a href="/docs/errors">problems</a>.</p>

            """
        for name in subjects {
            page += "<h2>\(escaped(name))</h2>\n"
            for operation in Interface.operations where operation.subject == name { page += section(operation) }
        }
        page += "<h2>What requests are made of</h2>\n"
        for (name, schema) in Interface.schemas { page += definition(name, schema.json) }
        return page + "</body></html>\n"
    }()

    static let response = Response(
        headerFields: [
            .contentType: "text/html; charset=utf-8", .xContentTypeOptions: "nosniff",
            .contentSecurityPolicy: "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ], content: .bytes(Array(html.utf8)))

    private static var subjects: [String] {
        Interface.operations.map(\.subject).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    private static func section(_ operation: Operation) -> String {
        var text = "<h3 id=\"\(operation.identifier)\"><code>\(escaped(operation.route))</code></h3>\n"
        text += "<p>\(prose(operation.summary))\(operation.access == .admin ? " For admins." : "")</p>\n"
        if !operation.parameters.isEmpty {
            text += "<table>"
            for parameter in operation.parameters {
                text += row(parameter.name, parameter.place.rawValue, parameter.schema.json)
            }
            text += "</table>\n"
        }
        for content in operation.contents {
            text += "<p><code>\(escaped(content.type))</code> \(type(content.schema.json))</p>\n"
            if let example = content.example { text += "<pre>\(escaped(example.prettyText))</pre>\n" }
        }
        for answer in operation.answers {
            let types = answer.contents.map { "<code>\(escaped($0.type))</code> \(type($0.schema.json))" }
            text += "<p>\(answer.status): \(prose(answer.description)) \(types.joined(separator: ", "))</p>\n"
        }
        return text
    }

    private static func definition(_ name: String, _ schema: JSONValue) -> String {
        var text = "<h3 id=\"\(name)\"><code>\(name)</code></h3>\n"
        if let description = schema["description"]?.stringValue { text += "<p>\(prose(description))</p>\n" }
        let forms = schema["anyOf"]?.arrayValue ?? [schema]
        for (number, form) in forms.enumerated() {
            if number > 0 { text += "<p>or</p>\n" }
            guard let members = form["properties"]?.objectValue else {
                text += "<p>\(type(form)) \(prose(form["description"]?.stringValue ?? ""))</p>\n"
                continue
            }
            let required = form["required"]?.arrayValue ?? []
            text += "<table>"
            for (name, member) in members.members {
                text += row(name, required.contains(.string(name)) ? "required" : "", member)
            }
            text += "</table>\n"
        }
        return text
    }

    private static func row(_ name: String, _ note: String, _ schema: JSONValue) -> String {
        let standard = schema["default"].map { "default <code>\(escaped($0.text))</code>" } ?? ""
        return "<tr><td><code>\(escaped(name))</code></td><td>\(type(schema))</td><td>\(note) \(standard)</td>"
            + "<td>\(prose(schema["description"]?.stringValue ?? ""))</td></tr>\n"
    }

    /// A schema in a few words.
    private static func type(_ schema: JSONValue) -> String {
        if let name = schema["$ref"]?.stringValue?.split(separator: "/").last {
            return "<a href=\"#\(name)\">\(name)</a>"
        }
        if let forms = schema["anyOf"]?.arrayValue {
            return forms.filter { $0["type"] != "null" }.map(type).joined(separator: " or ")
        }
        if let words = schema["enum"]?.arrayValue {
            return words.compactMap(\.stringValue).map { "<code>\(escaped($0))</code>" }.joined(separator: ", ")
        }
        if let word = schema["const"] { return "<code>\(escaped(word.text))</code>" }
        let types = schema["type"]?.arrayValue ?? [schema["type"] ?? .null]
        let name = types.compactMap(\.stringValue).first { $0 != "null" } ?? ""
        if name == "array", let items = schema["items"] { return "list of \(type(items))" }
        return "<span class=\"type\">\(name)</span>"
    }

    /// Text with `code` in it.
    private static func prose(_ text: String) -> String {
        let parts = escaped(text).split(separator: "`", omittingEmptySubsequences: false)
        return parts.enumerated().map { $0 % 2 == 1 ? "<code>\($1)</code>" : String($1) }.joined()
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}
