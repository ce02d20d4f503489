import Checkpoints
package import Store

/// The numbers of a stored state in one of two forms of file, read piece by piece.
///
/// Both forms end with the same elements: only what stands before them differs, so neither is ever made as a whole.
package struct StateDownload: Sendable {
    package enum Form: Sendable { case npy, safetensors }

    /// How many bytes there are.
    package let count: Int
    private let file: StateContent
    private let head: [UInt8]
    /// What to add to a place behind the head to find it in the stored file.
    private let offset: Int

    /// The state as a file.
    ///
    /// - throws: `StoreError.unknownState`, `StoreError.stateFile`.
    package init(_ digest: String, as form: Form, in store: Store) async throws {
        guard let record = try await store.state(digest), let file = try await store.stateContent(digest) else {
            throw StoreError.unknownState(digest)
        }
        self.file = file
        switch form {
        case .safetensors:
            head = []
            offset = 0
        case .npy:
            head = NPYFile.header(shape: record.shape.list)
            offset = file.count - record.shape.elements * 4 - head.count
        }
        count = file.count - offset
    }

    /// The bytes of a range, which must lie within `0..<count`.
    ///
    /// - throws: `StoreError.stateFile`.
    package func bytes(_ range: Range<Int>) throws -> [UInt8] {
        let first = Array(head[range.clamped(to: 0..<head.count)])
        guard range.upperBound > head.count else { return first }
        return first + (try file.bytes(max(range.lowerBound, head.count) + offset..<range.upperBound + offset))
    }
}
