import Checkpoints
package import Foundation

/// The checkpoints found in some directories, by name, without loading any.
package struct ModelCatalog: Sendable {
    /// One checkpoint folder.
    package struct Entry: Sendable, Equatable {
        /// The folder's name.
        package let name: String
        package let directory: URL

        package init(name: String, directory: URL) {
            self.name = name
            self.directory = directory
        }
    }

    /// In order of name.
    package let entries: [Entry]

    /// Finds every folder with a `config.json` in `directories`, one level deep; a directory that is itself such a
    /// folder counts as one. Directories that do not exist are empty; of two folders with one name the first
    /// directory's wins.
    package init(directories: [URL]) {
        var found: [String: Entry] = [:]
        for directory in directories {
            let inside = try? FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
            for folder in [directory] + (inside ?? []) {
                let configuration = folder.appending(path: "config.json").path
                guard FileManager.default.fileExists(atPath: configuration) else { continue }
                let folder = folder.standardizedFileURL
                let name = folder.lastPathComponent
                if found[name] == nil { found[name] = Entry(name: name, directory: folder) }
            }
        }
        entries = found.values.sorted { $0.name < $1.name }
    }

    /// The entry of that name.
    package subscript(name: String) -> Entry? { entries.first { $0.name == name } }
}

/// What a checkpoint's `config.json` says about it.
package struct ModelSummary: Sendable, Equatable {
    package let name: String
    /// The family's name, as `chameleon`.
    package let family: String
    package let decoder: DecoderConfiguration
    /// Tokens of one picture in a prompt, start and end not counted.
    package let imageTokens: Int
}

extension ModelCatalog.Entry {
    /// Reads `config.json` and nothing else.
    ///
    /// - throws: `CheckpointError` that names the field.
    package func summary() throws -> ModelSummary {
        let reader = try ConfigurationReader(path: directory.appending(path: "config.json").path)
        let family = try reader.string("model_type", oneOf: [ChameleonFamily.name])
        let configuration = try ChameleonConfiguration(reader)
        return ModelSummary(
            name: name, family: family, decoder: configuration.decoder, imageTokens: configuration.vq.codesPerImage)
    }

    /// Loads the checkpoint.
    ///
    /// - throws: as ``VisionLanguageModel/init(directory:name:fingerprintCache:numberFormat:)``.
    package func load(
        fingerprintCache: URL? = nil, numberFormat: NumberFormat? = nil
    ) throws -> VisionLanguageModel {
        try VisionLanguageModel(
            directory: directory, name: name, fingerprintCache: fingerprintCache, numberFormat: numberFormat)
    }
}
