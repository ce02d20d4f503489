import GRDB

/// A picture's row, without its content.
package struct ImageRecord: Sendable, Equatable {
    /// `sha256:…` of the file.
    package let digest: String
    /// `png`, `jpeg`.
    package let format: String
    /// Pixels.
    package let width: Int
    /// Pixels.
    package let height: Int
    /// Size of the file.
    package let bytes: Int
    package let createdAt: Timestamp
}

/// A picture to store: the file, and what decoding its header said.
package struct NewImage: Sendable {
    package let content: [UInt8]
    package let format: String
    package let width: Int
    package let height: Int

    package init(content: [UInt8], format: String, width: Int, height: Int) {
        self.content = content
        self.format = format
        self.width = width
        self.height = height
    }
}

extension ImageRecord {
    static let columns = "digest, format, width, height, bytes, created_at"

    init(_ row: Row) throws(StoreError) {
        digest = row["digest"]
        format = row["format"]
        width = row["width"]
        height = row["height"]
        bytes = row["bytes"]
        createdAt = try row.timestamp("created_at")
    }
}
