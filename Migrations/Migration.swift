/// One numbered step of the database's schema: a `.sql` file of this folder, embedded in the binary.
///
/// Steps only go forward and are never edited once released; a change is a new file, listed in ``all``.
package struct Migration: Sendable {
    /// Place in the order, from 1, without gaps.
    package let number: Int
    /// The file's name without `.sql`.
    package let name: String
    /// The file, byte for byte: what is run, and what is hashed.
    package let sql: [UInt8]

    package init(number: Int, name: String, sql: [UInt8]) {
        self.number = number
        self.name = name
        self.sql = sql
    }

    /// Every migration, in order. (The build eats a resource name's first digit: `0001_…` becomes `_001_…`.)
    package static let all = [
        Migration(number: 1, name: "0001_jobs_cells_images", sql: PackageResources._001_jobs_cells_images_sql),
        Migration(number: 2, name: "0002_states", sql: PackageResources._002_states_sql),
        Migration(number: 3, name: "0003_idempotency_deletions", sql: PackageResources._003_idempotency_deletions_sql),
        Migration(number: 4, name: "0004_keys", sql: PackageResources._004_keys_sql),
    ]
}
