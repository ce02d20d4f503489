import Foundation
import Glibc

/// Standard error, written at once.
enum StandardError {
    static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

    /// Whether somebody looks at it.
    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}

/// Standard output, flushed line by line, so that whoever reads a pipe has each line when it is printed.
enum StandardOutput {
    static func line(_ text: String) { write(text + "\n") }

    static func write(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }

    static func lines(_ lines: [String]) {
        guard !lines.isEmpty else { return }
        line(lines.joined(separator: "\n"))
    }
}
