import Glibc

/// The last header section of a connection and what it meant, because clients that poll send the same bytes again and again.
///
/// What a section means depends on its bytes alone, so that equal bytes need no second reading. Kept only where no content
/// follows and the section is short: a connection that does nothing should hold next to nothing.
struct RepeatedHead: Sendable {
    /// Longer sections are read each time.
    private static let longest = 1024

    private var bytes: [UInt8] = []
    private var head: RequestHead?

    /// Keeps `head` as the meaning of `section`, in place of what was kept before.
    mutating func keep(_ head: RequestHead, of section: some RandomAccessCollection<UInt8>) {
        guard section.count <= Self.longest, head.content == .none else {
            self.head = nil
            return
        }
        bytes.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: section)
        self.head = head
    }

    /// If `input` begins with the section that is kept: what it means, and how long it is.
    func match(_ input: UnsafeRawBufferPointer) -> (head: RequestHead, count: Int)? {
        guard let head, input.count >= bytes.count, let base = input.baseAddress,
            bytes.withUnsafeBytes({ kept in kept.baseAddress.map { memcmp($0, base, kept.count) == 0 } ?? false })
        else { return nil }
        return (head: head, count: bytes.count)
    }
}
