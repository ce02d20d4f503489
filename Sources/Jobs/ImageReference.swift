import Store

/// A picture as a request names it: a digest of a stored one, or a `data:` URL.
///
/// Remote URLs are never fetched.
enum ImageReference: Sendable {
    case digest(String)
    case content([UInt8])

    /// - throws: ``ImageReferenceError`` naming the field.
    init(_ text: String, path: String) throws(ImageReferenceError) {
        if ContentDigest.isWellFormed(text) {
            self = .digest(text)
            return
        }
        guard !ContentDigest.isWellFormed("sha256:\(text)") else {
            throw ImageReferenceError(path: path, detail: "the digest lacks its prefix; write \"sha256:\(text)\"")
        }
        guard text.utf8.prefix(5).elementsEqual("data:".utf8) else {
            throw ImageReferenceError(
                path: path,
                detail:
                    "\"\(text.prefix(60))\" is no image (files are not read from paths here); give the id \"sha256:…\" of an uploaded one or a data: URL (remote URLs are never fetched)"
            )
        }
        guard let comma = text.firstIndex(of: ","), text[..<comma].hasSuffix(";base64") else {
            throw ImageReferenceError(path: path, detail: "the data: URL must be base64: data:image/png;base64,…")
        }
        guard let content = Base64.decode(text[text.index(after: comma)...].utf8) else {
            throw ImageReferenceError(path: path, detail: "the data: URL's base64 text is broken")
        }
        self = .content(content)
    }
}

/// A picture that is named in no way that we know.
package struct ImageReferenceError: Error, Sendable, CustomStringConvertible {
    package let path: String
    package let detail: String

    package var description: String { "\(path): \(detail)" }
}
