/// Byte-pair encoding: a vocabulary, and merges of two neighbouring tokens into one, the first listed first.
///
/// Merging keeps a queue of candidate merges, so a word of *n* characters costs O(n log n): a megabyte without a space
/// is slow text, not an attack.
struct BytePairModel: Sendable {
    /// Two neighbouring tokens, as `left << 32 | right`.
    typealias Pair = UInt64

    struct Merge: Sendable {
        let rank: Int32
        let token: Int32
    }

    /// Ids by the token's text (in the alphabet of the vocabulary, where byte-level: ``ByteAlphabet``).
    let vocabulary: [ByteKey: Int32]
    /// Ids of the tokens of one scalar, where words begin.
    private let scalars: [Unicode.Scalar: Int32]
    private let merges: [Pair: Merge]
    private let unknown: Int32?
    private let fusesUnknown: Bool
    private let ignoresMerges: Bool

    init(
        vocabulary: [ByteKey: Int32], merges: [Pair: Merge], unknown: Int32?, fusesUnknown: Bool, ignoresMerges: Bool
    ) {
        self.vocabulary = vocabulary
        self.merges = merges
        self.unknown = unknown
        self.fusesUnknown = fusesUnknown
        self.ignoresMerges = ignoresMerges
        var scalars: [Unicode.Scalar: Int32] = [:]
        for (key, id) in vocabulary where key.bytes.count <= 4 && !key.bytes.isEmpty {
            let (scalar, end) = key.bytes[...].scalar(at: 0)
            if end == key.bytes.count { scalars[scalar] = id }
        }
        self.scalars = scalars
    }

    static func pair(_ left: Int32, _ right: Int32) -> Pair {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// The tokens of one word (valid UTF-8). Scalars outside the vocabulary become the unknown token, or nothing where
    /// there is none.
    func tokens(of word: ArraySlice<UInt8>) -> [Int32] {
        if ignoresMerges, let whole = vocabulary[ByteKey(word)] { return [whole] }
        var symbols: [Int32] = []
        symbols.reserveCapacity(word.count)
        var lastIsUnknown = false
        word.forEachScalar { scalar, _ in
            if let id = scalars[scalar] {
                symbols.append(id)
                lastIsUnknown = false
            } else if let unknown {
                if !(lastIsUnknown && fusesUnknown) { symbols.append(unknown) }
                lastIsUnknown = true
            }
        }
        return merged(symbols)
    }

    /// Applies the merges to `symbols`: always the one of the lowest rank, of equals the leftmost.
    private func merged(_ symbols: [Int32]) -> [Int32] {
        guard symbols.count > 1 else { return symbols }
        // A doubly linked list over the positions; a merge keeps the left one and takes out the right one.
        var symbols = symbols
        var next = Array(1...symbols.count)
        var previous = Array(-1..<symbols.count - 1)
        next[symbols.count - 1] = -1
        var alive = [Bool](repeating: true, count: symbols.count)
        var queue = MergeQueue()

        func offer(_ left: Int, _ right: Int) {
            guard let merge = merges[Self.pair(symbols[left], symbols[right])] else { return }
            queue.insert(MergeQueue.Candidate(rank: merge.rank, position: Int32(left), token: merge.token))
        }
        for left in 0..<symbols.count - 1 { offer(left, left + 1) }

        while let candidate = queue.removeFirst() {
            let left = Int(candidate.position)
            guard alive[left], next[left] >= 0 else { continue }
            let right = next[left]
            // The neighbours may have changed since this was queued: it stands if they still make the same token.
            guard merges[Self.pair(symbols[left], symbols[right])]?.token == candidate.token else { continue }
            symbols[left] = candidate.token
            alive[right] = false
            next[left] = next[right]
            if next[right] >= 0 { previous[next[right]] = left }
            if previous[left] >= 0 { offer(previous[left], left) }
            if next[left] >= 0 { offer(left, next[left]) }
        }
        return symbols.indices.filter { alive[$0] }.map { symbols[$0] }
    }
}

/// A binary heap of candidate merges, lowest rank first, leftmost of equals first.
private struct MergeQueue {
    struct Candidate {
        let rank: Int32
        let position: Int32
        let token: Int32

        func precedes(_ other: Candidate) -> Bool {
            rank != other.rank ? rank < other.rank : position < other.position
        }
    }

    private var heap: [Candidate] = []

    mutating func insert(_ candidate: Candidate) {
        heap.append(candidate)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func removeFirst() -> Candidate? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            var least = 2 * parent + 1
            guard least < heap.count else { return first }
            if least + 1 < heap.count, heap[least + 1].precedes(heap[least]) { least += 1 }
            guard heap[least].precedes(heap[parent]) else { return first }
            heap.swapAt(least, parent)
            parent = least
        }
    }
}
