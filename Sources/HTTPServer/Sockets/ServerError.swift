import Glibc

/// What kept the server from starting.
package struct ServerError: Error, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }

    /// `doing` failed with the C library's last error.
    static func system(_ doing: String) -> ServerError {
        ServerError("\(doing): \(String(cString: strerror(errno)))")
    }
}
