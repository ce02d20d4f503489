import Foundation
import Glibc
import Store
import StrictJSON

/// A request to a server of this machine, over HTTP/1.0: one connection, one answer, then the end.
struct ServerRequest {
    private let address: String
    private let host: String
    private let port: String

    struct Answer {
        let status: Int
        let json: JSONValue
    }

    /// - Parameter address: `http://127.0.0.1:8080`, as the server left it in the lock file.
    init(_ address: String) throws(CommandError) {
        guard !address.hasPrefix("https:") else {
            throw CommandError(
                "the server at \(address) speaks TLS, which this command does not; ask it with curl instead (docs/api.md)"
            )
        }
        guard let url = URL(string: address), url.scheme == "http", let host = url.host(), let port = url.port else {
            throw CommandError("\(address) is no address of a server")
        }
        self.address = address
        self.host = host.trimmingCharacters(in: ["[", "]"])
        self.port = "\(port)"
    }

    /// Sends a request and reads the answer. The key in `NARROWGATE_KEY` goes with it.
    ///
    /// - throws: ``CommandError`` if nobody answers within half a minute.
    func send(_ method: String, _ path: String, body: JSONValue? = nil) throws(CommandError) -> Answer {
        let socket = try connected()
        defer { close(socket) }
        // A name that every server answers to, whatever it is bound to.
        let content = body?.bytes ?? []
        var lines = ["\(method) \(path) HTTP/1.0", "Host: localhost", "Content-Length: \(content.count)"]
        if body != nil { lines.append("Content-Type: application/json") }
        let key = ProcessInfo.processInfo.environment["NARROWGATE_KEY"] ?? ""
        // Nothing but a key: a line end in it would be a header of somebody's choice.
        if let key = KeyText(key) { lines.append("Authorization: Bearer \(key.text)") }
        var rest = (Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + content)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw silence() }
            rest = rest.dropFirst(count)
        }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = recv(socket, &buffer, buffer.count, 0)
            guard count >= 0 else { throw silence() }
            guard count > 0 else { break }
            answer += buffer[..<count]
        }
        return try parsed(answer)
    }

    private func connected() throws(CommandError) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, port, &hints, &list) == 0, let first = list else { throw silence() }
        defer { freeaddrinfo(list) }
        let descriptor = socket(first.pointee.ai_family, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw silence() }
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
        guard connect(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 else {
            close(descriptor)
            throw silence()
        }
        return descriptor
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
    func ask(_ holder: String?, _ method: String, _ path: String, body: JSONValue? = nil) throws -> JSONValue {
        let database = try self.path()
        guard let address = DatabaseWriter(database: database)?.address else {
            throw CommandError(
                "\(database) is open for writing in \(holder ?? "another process"), which takes no requests; "
                    + "interrupt that process (Ctrl-C cancels its job)")
        }
        let answer = try ServerRequest(address).send(method, path, body: body)
        guard (200..<300).contains(answer.status) else {
            let hint = answer.status == 401 ? " (the key is taken from NARROWGATE_KEY)" : ""
            throw CommandError((answer.json["detail"]?.stringValue ?? "\(address) answered \(answer.status)") + hint)
        }
        return answer.json
    }
}
