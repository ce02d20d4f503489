import Foundation
import HTTPTypes

extension HTTPField.Name {
    // Tokens, spelled here, so that the initializers cannot fail.
    static let link = Self("Link")!
    static let prefer = Self("Prefer")!
    static let preferenceApplied = Self("Preference-Applied")!
    static let idempotencyKey = Self("Idempotency-Key")!
    static let lastEventID = Self("Last-Event-ID")!
    static let shouldRetry = Self("x-should-retry")!
}

/// A picture as a `data:` URL.
func dataURL(_ file: [UInt8], type: String = "image/png") -> String {
    "data:\(type);base64," + Data(file).base64EncodedString()
}
