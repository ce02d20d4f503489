/// Cuts text into the words that byte-pair encoding sees: the `pre_tokenizer` of `tokenizer.json`.
struct PreTokenizer: Sendable {
    /// What becomes of the matches of a split, by the reference's names.
    enum Behavior: String, Sendable, CaseIterable {
        case removed = "Removed"
        case isolated = "Isolated"
        case mergedWithPrevious = "MergedWithPrevious"
        case mergedWithNext = "MergedWithNext"
        case contiguous = "Contiguous"
    }

    /// What a split looks for.
    enum Matcher: Sendable {
        case pattern(Pattern)
        case literal([UInt8])
    }

    /// One element of the sequence; nested sequences are flattened.
    enum Step: Sendable {
        case split(Matcher, Behavior, invert: Bool)
        case digits(individual: Bool)
        case punctuation(Behavior)
        /// Writes bytes as printable scalars (``ByteAlphabet``), after splitting by `pattern` if there is one.
        case byteLevel(addPrefixSpace: Bool, pattern: Pattern?)
    }

    /// A run of text, and whether it matched.
    private typealias Run = (range: Range<Int>, matched: Bool)

    let steps: [Step]

    /// The words of `text`, in order, none of them empty.
    ///
    /// - throws: ``TokenizationError`` where an expression takes too long on this text.
    func words(of text: ArraySlice<UInt8>) throws(TokenizationError) -> [ArraySlice<UInt8>] {
        var words = text.isEmpty ? [] : [text]
        for step in steps {
            var next: [ArraySlice<UInt8>] = []
            next.reserveCapacity(words.count)
            for word in words { try Self.apply(step, to: word, into: &next) }
            words = next
        }
        return words
    }

    private static func apply(
        _ step: Step, to word: ArraySlice<UInt8>, into words: inout [ArraySlice<UInt8>]
    ) throws(TokenizationError) {
        switch step {
        case .split(let matcher, let behavior, let invert):
            var runs = try runs(of: matcher, in: word)
            if invert { runs = runs.map { ($0.range, !$0.matched) } }
            emit(runs, of: word, behavior, into: &words)
        case .digits(let individual):
            let runs = runs(in: word, where: ScalarClasses.isNumeric)
            emit(runs, of: word, individual ? .isolated : .contiguous, into: &words)
        case .punctuation(let behavior):
            emit(runs(in: word, where: ScalarClasses.isPunctuation), of: word, behavior, into: &words)
        case .byteLevel(let addPrefixSpace, let pattern):
            let space = UInt8(ascii: " ")
            let text = addPrefixSpace && word.first != space ? ([space] + word)[...] : word
            guard let pattern else {
                words.append(ByteAlphabet.encode(text))
                return
            }
            var pieces: [ArraySlice<UInt8>] = []
            emit(try runs(of: .pattern(pattern), in: text), of: text, .isolated, into: &pieces)
            words.append(contentsOf: pieces.map(ByteAlphabet.encode))
        }
    }

    /// Covers `text` with the matches and what lies between them.
    private static func runs(of matcher: Matcher, in text: ArraySlice<UInt8>) throws(TokenizationError) -> [Run] {
        let matches: [Range<Int>]
        switch matcher {
        case .pattern(let pattern): matches = try pattern.matches(in: text)
        case .literal(let literal): matches = occurrences(of: literal, in: text)
        }
        var runs: [Run] = []
        var end = text.startIndex
        for match in matches {
            if end < match.lowerBound { runs.append((end..<match.lowerBound, false)) }
            runs.append((match, true))
            end = match.upperBound
        }
        if end < text.endIndex { runs.append((end..<text.endIndex, false)) }
        return runs
    }

    private static func occurrences(of literal: [UInt8], in text: ArraySlice<UInt8>) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        guard let first = literal.first else { return ranges }
        var at = text.startIndex
        while let start = text[at...].firstIndex(of: first) {
            if text[start...].starts(with: literal) {
                ranges.append(start..<start + literal.count)
                at = start + literal.count
            } else {
                at = start + 1
            }
        }
        return ranges
    }

    /// Each scalar for which `matches` holds is a run of its own; the others are joined.
    private static func runs(in text: ArraySlice<UInt8>, where matches: (Unicode.Scalar) -> Bool) -> [Run] {
        var runs: [Run] = []
        var end = text.startIndex
        text.forEachScalar { scalar, range in
            guard matches(scalar) else { return }
            if end < range.lowerBound { runs.append((end..<range.lowerBound, false)) }
            runs.append((range, true))
            end = range.upperBound
        }
        if end < text.endIndex { runs.append((end..<text.endIndex, false)) }
        return runs
    }

    /// Joins or drops runs as `behavior` says, and appends what is left and not empty to `words`.
    private static func emit(
        _ runs: [Run], of text: ArraySlice<UInt8>, _ behavior: Behavior, into words: inout [ArraySlice<UInt8>]
    ) {
        var kept: [Range<Int>] = []
        switch behavior {
        case .isolated: kept = runs.map(\.range)
        case .removed: kept = runs.filter { !$0.matched }.map(\.range)
        case .contiguous:
            var previous = false
            for run in runs {
                if run.matched == previous, let last = kept.last {
                    kept[kept.count - 1] = last.lowerBound..<run.range.upperBound
                } else {
                    kept.append(run.range)
                }
                previous = run.matched
            }
        case .mergedWithPrevious:
            var previous = false
            for run in runs {
                if run.matched, !previous, let last = kept.last {
                    kept[kept.count - 1] = last.lowerBound..<run.range.upperBound
                } else {
                    kept.append(run.range)
                }
                previous = run.matched
            }
        case .mergedWithNext:
            var previous = false
            for run in runs.reversed() {
                if run.matched, !previous, let last = kept.last {
                    kept[kept.count - 1] = run.range.lowerBound..<last.upperBound
                } else {
                    kept.append(run.range)
                }
                previous = run.matched
            }
            kept.reverse()
        }
        for range in kept where !range.isEmpty { words.append(text[range]) }
    }
}
