import Foundation

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
