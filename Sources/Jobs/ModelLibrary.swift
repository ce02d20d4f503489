package import Foundation
package import Models

/// A name that no served model has.
package struct UnknownModel: Error, Sendable, CustomStringConvertible {
    package let name: String
    package let known: [String]

    package var description: String {
        known.isEmpty
            ? "\"\(name)\" is no model here; no models are served (give --models a folder of checkpoints)"
            : "\"\(name)\" is no model here; models are \(known.joined(separator: ", "))"
    }
}

/// The models that are served, each loaded when it is first asked for and kept.
///
/// Two requests for a model that is loading share one load.
package actor ModelLibrary {
    package nonisolated let entries: [ModelCatalog.Entry]
    /// Where digests of checkpoint files are remembered; `nil` hashes anew in every process.
    private let digestCache: URL?
    /// What all models are computed in; `nil` leaves it to each one's folder.
    private let numberFormat: NumberFormat?
    private var models: [String: VisionLanguageModel] = [:]
    private var loads: [String: Task<VisionLanguageModel, any Error>] = [:]

    /// - Parameter directories: folders whose sub-folders are checkpoints; of two of one name the first wins.
    package init(directories: [URL], digestCache: URL? = nil, numberFormat: NumberFormat? = nil) {
        entries = ModelCatalog(directories: directories).entries
        self.digestCache = digestCache
        self.numberFormat = numberFormat
    }

    package nonisolated var names: [String] { entries.map(\.name) }

    /// The name that a request without `model` means: `gate` if it is served, else the first.
    package nonisolated var defaultName: String? {
        names.contains("gate") ? "gate" : names.first
    }

    /// The model if it has been loaded, without loading it.
    package func loaded(_ name: String) -> VisionLanguageModel? { models[name] }

    /// The loaded model.
    ///
    /// - throws: ``UnknownModel``, or what is wrong with the checkpoint.
    package func model(_ name: String) async throws -> VisionLanguageModel {
        guard let entry = entries.first(where: { $0.name == name }) else {
            throw UnknownModel(name: name, known: names)
        }
        if let load = loads[name] { return try await load.value }
        let (digestCache, numberFormat) = (digestCache, numberFormat)
        let load = Task.detached(priority: .utility) {
            try entry.load(fingerprintCache: digestCache, numberFormat: numberFormat)
        }
        loads[name] = load
        do {
            let model = try await load.value
            models[name] = model
            return model
        } catch {
            // A checkpoint that was mended on disk is tried again at the next request.
            loads[name] = nil
            throw error
        }
    }
}
