import Jobs
import Store

/// What a command cannot do, in a sentence.
struct CommandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    /// What is said about `error`: its own sentence, in the words of the command line.
    static func sentence(for error: any Error) -> String {
        switch error {
        case StoreError.inUse(let path, let holder):
            "\(path) is open for writing in another process\(holder.map { " (\($0))" } ?? ""); choose another file "
                + "with --database, or, if that process is narrowgate serve, ask it with curl"
        case let error as UnknownImage:
            "\(error.path): there is no image \(error.digest) in this database; give a file instead"
        case is CancellationError: "cancelled"
        default: "\(error)"
        }
    }
}
