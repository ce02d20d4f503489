import Foundation
import GRDB

extension Store {
    /// Stores a picture under its digest, or finds the one that is there already.
    ///
    /// - Parameter key: whose it is from now on, too.
    /// - throws: ``StoreError/invalidRecord(_:)`` for a picture without content or size;
    ///   ``StoreError/quota(_:limit:)``.
    package func insert(_ image: NewImage, key: KeyRecord? = nil) async throws -> ImageRecord {
        let digest = try ContentDigest.of(image.content)
        let moment = clock()
        return try await write { database in
            let record = try Self.insert(image, digest: digest, at: moment, database)
            try Self.give(digest, in: .images, to: key, database)
            return record
        }
    }

    /// The picture's record, or `nil` where there is none of that digest.
    package func image(_ digest: String) async throws -> ImageRecord? {
        try await read { try Self.image(digest, $0) }
    }

    /// The picture's file, or `nil` where there is none of that digest.
    package func imageContent(_ digest: String) async throws -> [UInt8]? {
        try await read { database in
            try Data.fetchOne(database, sql: "SELECT content FROM images WHERE digest = ?", arguments: [digest])
                .map { [UInt8]($0) }
        }
    }

    /// Pictures, the newest first.
    ///
    /// - Parameters:
    ///   - after: digest of the last picture of the page before.
    ///   - key: only what that key holds.
    /// - throws: ``StoreError/unknownImage(_:)`` if there is no picture `after`.
    package func images(after: String? = nil, limit: Int = 100, key: String? = nil) async throws -> Page<ImageRecord> {
        try await read { database in
            var before = Int64.max
            if let after {
                let sequence = try Int64.fetchOne(
                    database, sql: "SELECT sequence FROM images WHERE digest = ?", arguments: [after])
                guard let sequence else { throw StoreError.unknownImage(after) }
                before = sequence
            }
            let limit = pageLimit(limit)
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT \(ImageRecord.columns) FROM images
                    WHERE sequence < ?1 AND (?2 IS NULL OR digest IN (SELECT digest FROM image_holders WHERE key = ?2))
                    ORDER BY sequence DESC LIMIT ?3
                    """,
                arguments: [before, key, limit + 1])
            return Page(try rows.map { try ImageRecord($0) }, limit: limit)
        }
    }

    static func insert(_ image: NewImage, digest: String, at moment: Timestamp, _ database: Database) throws
        -> ImageRecord
    {
        if let stored = try Self.image(digest, database) { return stored }
        try database.execute(
            sql: """
                INSERT INTO images (digest, format, width, height, bytes, created_at, content)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                digest, image.format, image.width, image.height, image.content.count, moment.text, Data(image.content),
            ])
        return ImageRecord(
            digest: digest, format: image.format, width: image.width, height: image.height,
            bytes: image.content.count, createdAt: moment)
    }

    private static func image(_ digest: String, _ database: Database) throws -> ImageRecord? {
        try Row.fetchOne(
            database, sql: "SELECT \(ImageRecord.columns) FROM images WHERE digest = ?", arguments: [digest]
        ).map { try ImageRecord($0) }
    }
}
