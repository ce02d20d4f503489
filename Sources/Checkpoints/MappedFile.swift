import Glibc

/// A file mapped into memory, read only.
///
/// Pages come from the page cache when they are touched, so a 14 GB checkpoint costs address space, not memory.
/// The size is taken once from the open descriptor. Touching a page of a file that was truncated afterwards would
/// kill the process (SIGBUS), so ``withBytes(in:_:)`` asks for the size again each time: what remains is the
/// moment between that question and the read, in which a well-behaved writer renames instead of truncating.
///
/// `@unchecked Sendable`: the pointer and the descriptor are set in `init`, never change, and are only released in
/// `deinit`; the mapping is never written through.
final class MappedFile: @unchecked Sendable {
    let path: String
    /// The size in bytes when the file was opened.
    let count: Int
    private let base: UnsafeRawPointer?
    private let descriptor: Int32

    /// Opens and maps the file at `path`.
    init(path: String) throws(CheckpointError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CheckpointError(file: path, "cannot be opened: \(String(cString: strerror(errno)))")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw CheckpointError(file: path, "is not a regular file")
        }
        let size = Int(status.st_size)
        var base: UnsafeRawPointer?
        if size > 0 {
            guard let map = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), map != MAP_FAILED else {
                let reason = String(cString: strerror(errno))
                close(descriptor)
                throw CheckpointError(file: path, "cannot be mapped into memory: \(reason)")
            }
            base = UnsafeRawPointer(map)
        }
        self.path = path
        self.count = size
        self.base = base
        self.descriptor = descriptor
    }

    deinit {
        if let base { munmap(UnsafeMutableRawPointer(mutating: base), count) }
        close(descriptor)
    }

    /// The bytes of `range`, which must lie within `0..<count`, for as long as this object lives.
    ///
    /// The size is not asked for again: whoever serves a checkpoint replaces it by renaming another file into its place.
    func bytes(in range: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a range outside the file")
        // In range by the precondition; `base` is nil only for an empty file, whose only range is empty.
        return UnsafeRawBufferPointer(start: base.map { $0 + range.lowerBound }, count: range.count)
    }

    /// Gives `body` the bytes of `range`, which must lie within `0..<count`; they must not be used after it returns.
    ///
    /// - throws: ``CheckpointError`` if the file has become shorter since it was opened.
    func withBytes<Result>(in range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a range outside the file")
        var status = stat()
        guard fstat(descriptor, &status) == 0, Int(status.st_size) >= count else {
            throw CheckpointError(file: path, "has become shorter since it was opened; load the model again")
        }
        // In range by the precondition; `base` is nil only for an empty file, whose only range is empty.
        let start = base.map { $0 + range.lowerBound }
        return try body(UnsafeRawBufferPointer(start: start, count: range.count))
    }
}

/// The bytes of a file: mapped, or in memory.
enum FileContent: Sendable {
    case mapped(MappedFile)
    case memory([UInt8], name: String)

    /// What errors call the file.
    var path: String {
        switch self {
        case .mapped(let file): file.path
        case .memory(_, let name): name
        }
    }

    var count: Int {
        switch self {
        case .mapped(let file): file.count
        case .memory(let bytes, _): bytes.count
        }
    }

    /// As ``MappedFile/withBytes(in:_:)``.
    func withBytes<Result>(in range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        switch self {
        case .mapped(let file): try file.withBytes(in: range, body)
        case .memory(let bytes, _): try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
        }
    }
}
