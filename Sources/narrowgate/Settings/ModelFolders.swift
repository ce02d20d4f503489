import Foundation
import Models

/// The folders in which models are looked for, the first first.
enum ModelFolders {
    /// - Parameters:
    ///   - flags: folders of the command line.
    ///   - file: folders of the settings file, which count where the command line names none.
    ///   - model: what the request calls its model: a path is looked at before everything else.
    /// - throws: ``CommandError`` for a folder that is not there.
    static func directories(_ flags: [String], file: [String] = [], model: String? = nil) throws(CommandError) -> [URL]
    {
        var paths = flags
        if let model, isPath(model) { paths.insert(model, at: 0) }
        let environment = ProcessInfo.processInfo.environment["NARROWGATE_MODELS"] ?? ""
        paths += environment.split(separator: ":").map(String.init)
        if flags.isEmpty { paths += file }
        for path in paths {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
                throw CommandError("\(path) is no folder; give a checkpoint's folder or one that holds such folders")
            }
        }
        return paths.map { URL(filePath: $0).standardizedFileURL } + Installation.find("Models")
    }

    /// The name that `model` has in a catalog of ``directories(_:model:)``.
    static func name(of model: String) -> String {
        isPath(model) ? URL(filePath: model).standardizedFileURL.lastPathComponent : model
    }

    private static func isPath(_ model: String) -> Bool { model.contains("/") }
}

extension ModelOptions {
    /// Loads a checkpoint's folder, or the model of that name.
    ///
    /// - throws: ``CommandError`` with the names that there are; what is wrong with the checkpoint.
    func load(_ model: String) throws -> VisionLanguageModel {
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: model, isDirectory: &isFolder), isFolder.boolValue {
            let folder = URL(filePath: model).standardizedFileURL
            return try VisionLanguageModel(
                directory: folder, name: folder.lastPathComponent, numberFormat: numberFormat)
        }
        let catalog = ModelCatalog(directories: try ModelFolders.directories(folders))
        guard let entry = catalog[model] else {
            let known = catalog.entries.map(\.name).joined(separator: ", ")
            throw CommandError("\(model) is neither a folder nor a model; models are \(known)")
        }
        return try entry.load(numberFormat: numberFormat)
    }
}
