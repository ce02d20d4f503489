package import Store
package import StrictJSON

extension ImageRecord {
    /// The picture's record as it goes over the wire.
    package var json: JSONValue {
        [
            "id": .string(digest), "object": "image", "format": .string(format), "width": .integer(width),
            "height": .integer(height), "bytes": .integer(bytes), "created_at": .string(createdAt.text),
        ]
    }
}
