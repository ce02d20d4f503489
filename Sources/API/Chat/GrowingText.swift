/// The text of a continuation while it grows: what is certain to stay is handed out, piece by piece, and the pieces together
/// are the finished text.
///
/// Held back are white space at the end, bytes that may be part of a character, and what may be the beginning of a stop.
struct GrowingText {
    private let stops: [[UInt8]]
    private var sent: [UInt8] = []

    init(stops: [String] = []) {
        self.stops = stops.map { Array($0.utf8) }
    }

    /// What is new and certain.
    ///
    /// - Parameter text: of all tokens so far.
    mutating func grow(to text: String) -> String {
        let bytes = Array(text.utf8)
        let end = bytes.indices.first { mayStop(bytes[$0...]) } ?? bytes.count
        // A stop begins where a character does, so that this cuts none.
        let scalars = String(decoding: bytes[..<end], as: UTF8.self).unicodeScalars.drop(while: \.isSpace)
        guard let last = scalars.lastIndex(where: { !$0.isSpace && $0 != "\u{FFFD}" }) else { return "" }
        return send(Array(String(scalars[...last]).utf8))
    }

    /// What is left.
    ///
    /// - Parameter text: the finished text.
    mutating func finish(_ text: String) -> String { send(Array(text.utf8)) }

    private mutating func send(_ bytes: [UInt8]) -> String {
        let known = zip(sent, bytes).prefix { $0 == $1 }.count
        // Shorter than what was sent: nothing is taken back.
        guard bytes.count > known, known == sent.count else { return "" }
        sent = bytes
        return String(decoding: bytes[known...], as: UTF8.self)
    }

    private func mayStop(_ rest: ArraySlice<UInt8>) -> Bool {
        stops.contains { zip($0, rest).allSatisfy { $0 == $1 } }
    }
}

extension Unicode.Scalar {
    fileprivate var isSpace: Bool { properties.isWhitespace }
}
