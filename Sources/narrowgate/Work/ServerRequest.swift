import Foundation
import Store
import StrictJSON

/// A request to a server of this machine, over HTTP/1.0: one connection, one answer, then the end.
struct ServerRequest {
    private let address: String
    private let host: String
    private let port: String
    private let isSecure: Bool
    private let authorities: String?

    struct Answer {
        let status: Int
        let json: JSONValue
    }

    /// - Parameters:
    ///   - address: `http://127.0.0.1:8080`, as the server left it in the lock file; or `https:`.
    ///   - authorities: the path of a PEM file with the roots that a certificate may lead to; `nil` for the machine's own.
    init(_ address: String, authorities: String? = nil) throws(CommandError) {
        guard let url = URL(string: address), let host = url.host(), let port = url.port,
            url.scheme == "http" || url.scheme == "https"
        else { throw CommandError("\(address) is no address of a server") }
        self.address = address
        self.host = host.trimmingCharacters(in: ["[", "]"])
        self.port = "\(port)"
        isSecure = url.scheme == "https"
        self.authorities = authorities
    }

    /// Sends a request and reads the answer. The key in `NARROWGATE_KEY` goes with it.
    ///
    /// - throws: ``CommandError`` if nobody answers within half a minute.
    func send(_ method: String, _ path: String, body: JSONValue? = nil) throws(CommandError) -> Answer {
        guard let connection = ServerConnection(host: host, port: port) else { throw silence() }
        // The server is on this machine, whatever name its certificate gives it.
        if isSecure { try connection.secure(authorities: authorities, names: [host, "localhost"]) }
        // A name that every server answers to, whatever it is bound to.
        let content = body?.bytes ?? []
        var lines = ["\(method) \(path) HTTP/1.0", "Host: localhost", "Content-Length: \(content.count)"]
        if body != nil { lines.append("Content-Type: application/json") }
        let key = ProcessInfo.processInfo.environment["NARROWGATE_KEY"] ?? ""
        // Nothing but a key: a line end in it would be a header of somebody's choice.
        if let key = KeyText(key) { lines.append("Authorization: Bearer \(key.text)") }
        guard connection.send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + content),
            let answer = connection.receive()
        else { throw silence() }
        return try parsed(answer)
    }

    private func parsed(_ answer: [UInt8]) throws(CommandError) -> Answer {
        let text = String(decoding: answer, as: UTF8.self)
        // "HTTP/1.1 202 Accepted", header lines, an empty line, the content.
        let words = text.prefix { !$0.isNewline }.split(separator: " ")
        guard words.count > 1, let status = Int(words[1]), let end = text.range(of: "\r\n\r\n") else { throw silence() }
        return Answer(status: status, json: (try? JSONParser.parse(String(text[end.upperBound...]))) ?? .null)
    }

    private func silence() -> CommandError { CommandError("the server at \(address) does not answer") }
}

extension DatabaseOptions {
    /// Asks the server that has the database.
    ///
    /// - Parameter holder: who has it, as the failed opening said.
    /// - throws: ``CommandError`` with what it answered, if that is a refusal.
    func ask(
        _ holder: String?, _ method: String, _ path: String, body: JSONValue? = nil, trusting server: ServerOptions
    ) throws -> JSONValue {
        let database = try self.path()
        guard let address = DatabaseWriter(database: database)?.address else {
            throw CommandError(
                "\(database) is open for writing in \(holder ?? "another process"), which takes no requests; "
                    + "interrupt that process (Ctrl-C cancels its job)")
        }
        let answer = try ServerRequest(address, authorities: server.authorities).send(method, path, body: body)
        guard (200..<300).contains(answer.status) else {
            let hint = answer.status == 401 ? " (the key is taken from NARROWGATE_KEY)" : ""
            throw CommandError((answer.json["detail"]?.stringValue ?? "\(address) answered \(answer.status)") + hint)
        }
        return answer.json
    }
}
