import Checkpoints
import Foundation
import StrictJSON

extension PromptPreset {
    /// The presets of a checkpoint folder: the family's, overridden and extended by its `narrowgate.json`:
    ///
    ///     {"presets": {"caption": {"text": "<image>A picture of"}}}
    ///
    /// - throws: ``ModelError`` that names the field.
    static func presets(of family: [PromptPreset], in directory: URL) throws -> [PromptPreset] {
        let path = directory.appending(path: "narrowgate.json").path
        guard FileManager.default.fileExists(atPath: path) else { return family }
        do {
            let file = try JSONField(ConfigurationReader.parse(path)).object()
            var presets = family
            if let field = file.optional("presets") {
                guard case .object(let members) = field.value else { throw field.invalid("expected an object") }
                for (name, value) in members.members {
                    let preset = try JSONField(value, path: "presets.\(name)").object()
                    let text = try preset.required("text").string()
                    try preset.finish()
                    presets.removeAll { $0.name == name }
                    presets.append(PromptPreset(name: name, text: text))
                }
            }
            try file.finish()
            return presets
        } catch let error as JSONError {
            throw ModelError(.configuration, at: "narrowgate.json", error.description)
        }
    }
}
