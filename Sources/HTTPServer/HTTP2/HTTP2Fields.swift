import CNGHTTP2
import HTTPTypes

/// The header section of an answer as nghttp2 takes it: a list of pointers into one run of bytes.
struct HTTP2Fields {
    /// Fields whose names and values lie one after the other.
    struct Block: Sendable {
        fileprivate var bytes: [UInt8] = []
        fileprivate var lengths: [(name: Int, value: Int)] = []

        /// `:status`, and the fields of `response` that are its own to say.
        init(_ response: Response) {
            add(":status", "\(response.status.code)".utf8)
            for field in response.headerFields where !HTTP1Writer.isReserved(field.name) {
                add(field.name.canonicalName, field.value.utf8)
            }
        }

        fileprivate mutating func add(_ name: String, _ value: some Collection<UInt8>) {
            let start = bytes.count
            bytes.append(contentsOf: name.utf8)
            let nameEnd = bytes.count
            bytes.append(contentsOf: value)
            lengths.append((name: nameEnd - start, value: bytes.count - nameEnd))
        }
    }

    private var block = Block(Response())
    private var list: [nghttp2_nv] = []

    /// Begins the section with `block`.
    mutating func begin(_ block: Block) {
        self.block.bytes.removeAll(keepingCapacity: true)
        self.block.lengths.removeAll(keepingCapacity: true)
        self.block.bytes.append(contentsOf: block.bytes)
        self.block.lengths.append(contentsOf: block.lengths)
    }

    /// Adds a field whose name is in lower case.
    mutating func add(_ name: String, _ value: some Collection<UInt8>) {
        block.add(name, value)
    }

    /// Calls `body` with the list, which is good until it returns.
    mutating func withNames(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> Int32) -> Int32 {
        list.removeAll(keepingCapacity: true)
        return block.bytes.withUnsafeMutableBufferPointer { bytes -> Int32 in
            // `:status` makes the bytes non-empty, so that they have an address.
            guard var at = bytes.baseAddress else { return -1 }
            for length in block.lengths {
                list.append(
                    nghttp2_nv(
                        name: at, value: at + length.name, namelen: length.name, valuelen: length.value,
                        flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
                at += length.name + length.value
            }
            return list.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
        }
    }
}
