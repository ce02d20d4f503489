import Checkpoints
import Foundation
import StrictJSON

/// What a checkpoint folder's `narrowgate.json` says:
///
///     {"number_format": "bfloat16", "presets": {"caption": {"text": "<image>A picture of"}}, "messages": "text"}
///
/// Every member may be absent, and so may the file. `messages` says how a conversation becomes a prompt (``MessageForm``).
struct FolderSettings {
    private let presets: [PromptPreset]
    let numberFormat: NumberFormat?
    let messageForm: MessageForm?

    /// - throws: ``ModelError`` that names the field.
    init(in directory: URL) throws {
        let path = directory.appending(path: "narrowgate.json").path
        guard FileManager.default.fileExists(atPath: path) else {
            presets = []
            numberFormat = nil
            messageForm = nil
            return
        }
        do {
            let file = try JSONField(ConfigurationReader.parse(path)).object()
            presets = try file.optional("presets").map(Self.presets) ?? []
            numberFormat = try file.optional("number_format").map(Self.format)
            messageForm = try file.optional("messages").map(Self.form)
            try file.finish()
        } catch let error as JSONError {
            throw ModelError(.configuration, at: "narrowgate.json", error.description)
        }
    }

    /// A family's presets, overridden and extended by the folder's.
    func presets(over family: [PromptPreset]) -> [PromptPreset] {
        family.filter { preset in !presets.contains { $0.name == preset.name } } + presets
    }

    private static func presets(_ field: JSONField) throws(JSONError) -> [PromptPreset] {
        guard case .object(let members) = field.value else { throw field.invalid("expected an object") }
        var presets: [PromptPreset] = []
        for (name, value) in members.members {
            let preset = try JSONField(value, path: "presets.\(name)").object()
            presets.append(PromptPreset(name: name, text: try preset.required("text").string()))
            try preset.finish()
        }
        return presets
    }

    private static func form(_ field: JSONField) throws(JSONError) -> MessageForm {
        let name = try field.string()
        guard let form = MessageForm(rawValue: name) else {
            throw field.invalid("\"\(name)\" is neither \"chat\" nor \"text\"")
        }
        return form
    }

    private static func format(_ field: JSONField) throws(JSONError) -> NumberFormat {
        let name = try field.string()
        guard let format = NumberFormat(rawValue: name) else {
            throw field.invalid("\"\(name)\" is no number format; formats are \(NumberFormat.names)")
        }
        return format
    }
}
