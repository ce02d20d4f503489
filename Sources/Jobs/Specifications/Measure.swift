package import Interventions
import StrictJSON

/// What a job measures in each cell.
package struct Measure: Sendable, Equatable {
    /// Whether the next-token distribution is compared.
    package var nextToken: Bool
    /// Whether a continuation is generated.
    package var caption: Bool
    package var maximumTokens: Int
    /// How many of the likeliest tokens a row lists.
    package var top: Int
    /// What is measured beside, in every run that has a row.
    package var beside: Measurements

    /// The longest continuation that a request may ask for.
    package static let tokenRange = 1...4096
    package static let topRange = 0...100

    init(_ field: JSONField?, captionByDefault: Bool) throws(JSONError) {
        nextToken = true
        caption = captionByDefault
        maximumTokens = 60
        top = 5
        beside = Measurements()
        guard let members = try field?.object() else { return }
        if let given = members.optional("next_token") { nextToken = try given.bool() }
        if let given = members.optional("caption") { caption = try given.bool() }
        if let given = members.optional("max_tokens") { maximumTokens = try given.integer(in: Self.tokenRange) }
        if let given = members.optional("top") { top = try given.integer(in: Self.topRange) }
        beside = try Measurements(members)
        try members.finish()
    }

    var json: JSONValue {
        var object = JSONObject([
            ("next_token", .bool(nextToken)), ("caption", .bool(caption)), ("max_tokens", .integer(maximumTokens)),
            ("top", .integer(top)),
        ])
        for (name, value) in beside.json.objectValue?.members ?? JSONObject().members { object[name] = value }
        return .object(object)
    }
}

/// Whether runs may share what they have in common. Results agree within the parity bar either way.
package enum Reuse: String, Sendable {
    case on, off

    init(_ field: JSONField?) throws(JSONError) {
        guard let field else {
            self = .on
            return
        }
        let text = try field.string()
        guard let reuse = Reuse(rawValue: text) else {
            throw field.invalid("\"\(text)\" is neither \"on\" nor \"off\"")
        }
        self = reuse
    }
}

/// How much a caption's receipt says.
package enum ReceiptDetail: String, Sendable {
    case none
    /// What was cut or moved.
    case brief
    /// Adds `effect`, at the price of a clean run.
    case full

    init(_ field: JSONField?) throws(JSONError) {
        guard let field else {
            self = .brief
            return
        }
        let text = try field.string()
        guard let detail = ReceiptDetail(rawValue: text) else {
            throw field.invalid("\"\(text)\" is no receipt; choose none, brief or full")
        }
        self = detail
    }
}
