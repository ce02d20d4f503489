import HTTPServer
import HTTPTypes
import Store

extension IdempotencyKey {
    /// The most bytes that a key may have.
    private static let maximumBytes = 255

    /// A request's `Idempotency-Key`, with what the request is: its path, its query, its content's type, its content.
    ///
    /// - Parameter owner: whose request it is, where there are keys.
    /// - throws: ``Problem`` for a key that is empty or too long.
    init?(_ request: Request, owner: KeyRecord?) throws {
        guard let key = request.headerFields[.idempotencyKey]?.trimmed else { return nil }
        guard (1...Self.maximumBytes).contains(key.utf8.count) else {
            throw Problem(
                .invalidValue, field: "Idempotency-Key",
                "\(key.utf8.count) bytes; a key has 1 to \(Self.maximumBytes)")
        }
        let head = "\(request.target.text)\n\(request.headerFields[.contentType] ?? "")\n"
        self.init(key: key, request: try ContentDigest.of(Array(head.utf8) + request.content), owner: owner?.id)
    }
}
