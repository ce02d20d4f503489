import GRDB

/// A state's row: what it is, without its numbers.
package struct StateRecord: Sendable, Equatable {
    /// `sha256:…` of the file.
    package let digest: String
    package let name: String?
    /// Whose state it is, where that is known.
    package let model: String?
    /// Where in a layer, where that is known.
    package let site: String?
    /// One a row of the first dimension, where they are known.
    package let layers: [Int]?
    package let shape: StateShape
    /// Size of the file.
    package let bytes: Int
    package let createdAt: Timestamp
    /// JSON: how it was made, the first time.
    package let origin: String
}

/// The dimensions of a state, `[layers, positions, width]`.
package struct StateShape: Sendable, Hashable {
    package let layers: Int
    package let positions: Int
    package let width: Int

    package init(layers: Int, positions: Int, width: Int) {
        self.layers = layers
        self.positions = positions
        self.width = width
    }

    package var elements: Int { layers * positions * width }
    package var list: [Int] { [layers, positions, width] }
}

/// A state to store: its file, and what stands in the row.
///
/// The same content is the same state. It keeps its first model and origin, and takes the name that was given last.
package struct NewState: Sendable, Equatable {
    /// The file, safetensors; the store does not look into it.
    package let content: [UInt8]
    /// `sha256:…` of it.
    package let digest: String
    package var name: String?
    package var model: String?
    package let site: String?
    package let layers: [Int]?
    package let shape: StateShape
    /// JSON.
    package var origin: String

    /// - throws: ``StoreError/database(_:)`` if libcrypto has no SHA-256 to offer.
    package init(
        content: [UInt8], name: String? = nil, model: String? = nil, site: String? = nil, layers: [Int]? = nil,
        shape: StateShape, origin: String
    ) throws(StoreError) {
        self.content = content
        digest = try ContentDigest.of(content)
        self.name = name
        self.model = model
        self.site = site
        self.layers = layers
        self.shape = shape
        self.origin = origin
    }
}

/// Which states to list, newest first. Everything left `nil` lets every state through.
package struct StateQuery: Sendable {
    package var name: String?
    package var model: String?
    package var site: String?
    /// Only what that key holds.
    package var key: String?
    /// Digest of the last state of the page before.
    package var after: String?
    package var limit: Int

    package init(
        name: String? = nil, model: String? = nil, site: String? = nil, key: String? = nil, after: String? = nil,
        limit: Int = 100
    ) {
        self.name = name
        self.model = model
        self.site = site
        self.key = key
        self.after = after
        self.limit = limit
    }
}

extension StateRecord {
    static let columns = """
        digest, name, model, site, layers, layer_count, position_count, width, bytes, created_at, origin
        """

    init(_ row: Row) throws {
        digest = row["digest"]
        name = row["name"]
        model = row["model"]
        site = row["site"]
        if let text: String = row["layers"] {
            layers = try text.dropFirst().dropLast().split(separator: ",").map { number in
                guard let layer = Int(number) else {
                    throw StoreError.invalidRecord("states.layers is \"\(text)\", no list of layers")
                }
                return layer
            }
        } else {
            layers = nil
        }
        shape = StateShape(layers: row["layer_count"], positions: row["position_count"], width: row["width"])
        bytes = row["bytes"]
        createdAt = try row.timestamp("created_at")
        origin = row["origin"]
    }

    static func fetch(_ digest: String, _ database: Database) throws -> StateRecord? {
        try Row.fetchOne(database, sql: "SELECT \(columns) FROM states WHERE digest = ?", arguments: [digest])
            .map { try StateRecord($0) }
    }
}

extension NewState {
    /// Inserts the row, or gives the one that is there this state's name.
    func insert(_ database: Database, at moment: Timestamp) throws {
        try database.execute(
            sql: """
                INSERT INTO states (digest, name, model, site, layers, layer_count, position_count, width, bytes,
                    created_at, origin)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (digest) DO UPDATE SET name = coalesce(excluded.name, name)
                """,
            arguments: [
                digest, name, model, site, layers.map { "[" + $0.map(String.init).joined(separator: ",") + "]" },
                shape.layers, shape.positions, shape.width, content.count, moment.text, origin,
            ])
    }
}
