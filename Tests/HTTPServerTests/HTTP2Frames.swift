/// Frames of HTTP/2 as bytes (RFC 9113 §4.1), for tests that must control each of them.
enum HTTP2Frames {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let reset: UInt8 = 3
    static let settings: UInt8 = 4
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
    static let windowUpdate: UInt8 = 8
    static let continuation: UInt8 = 9

    static func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) -> [UInt8] {
        let length = payload.count
        return [UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255), type, flags]
            + number(stream) + payload
    }

    static func number(_ value: UInt32) -> [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
    }

    /// What a client begins with; `window` is what it lets each stream send.
    static func greeting(window: UInt32 = 65535) -> [UInt8] {
        Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(settings, [0, 4] + number(window))
    }

    /// `GET / http localhost`, or POST: two fields of the static table, a path and an authority.
    static func request(_ stream: UInt32, post: Bool = false, ends: Bool = true) -> [UInt8] {
        let block = [post ? 0x83 : 0x82, 0x86, 0x84, 0x41, 0x09] + Array("localhost".utf8)
        return frame(headers, flags: 0x04 | (ends ? 0x01 : 0), stream: stream, block)
    }

    struct Frame: Equatable {
        let type: UInt8
        let flags: UInt8
        let stream: UInt32
        let payload: [UInt8]

        /// The error code of RST_STREAM or GOAWAY.
        var code: UInt32 { value(at: type == goAway ? 4 : 0) }
        /// The last stream that a GOAWAY names.
        var lastStream: UInt32 { value(at: 0) }

        private func value(at index: Int) -> UInt32 {
            payload.dropFirst(index).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
        }
    }

    /// The whole frames at the beginning of `bytes`.
    static func parse(_ bytes: [UInt8]) -> [Frame] {
        var frames: [Frame] = []
        var rest = bytes[...]
        while rest.count >= 9 {
            let head = Array(rest.prefix(9))
            let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            guard rest.count >= 9 + length else { break }
            let stream = head[5...8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            frames.append(
                Frame(type: head[3], flags: head[4], stream: stream, payload: Array(rest.dropFirst(9).prefix(length))))
            rest = rest.dropFirst(9 + length)
        }
        return frames
    }
}
