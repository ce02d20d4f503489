import CPCRE2

/// A regular expression of `tokenizer.json`, run by PCRE2 so as to match what Oniguruma matches for the reference.
///
/// Both are backtracking engines with the same leftmost, first-alternative semantics; where they part, the
/// expression is rewritten (``PatternTranslation``) or refused. Backtracking is bounded: a text that would take longer
/// than ``matchLimit`` steps at one place is an error, not a hang.
///
/// `@unchecked Sendable`: the compiled code and the match context are set in `init` and only read afterwards (PCRE2
/// documents both as shareable between threads); each call makes its own match data.
final class Pattern: @unchecked Sendable {
    /// The most backtracking steps one match may take.
    private static let matchLimit: UInt32 = 10_000_000
    /// The most memory that one match may use for backtracking, in KiB.
    private static let heapLimit: UInt32 = 64 << 10

    let source: String
    private let code: OpaquePointer
    private let context: OpaquePointer

    /// Compiles `source`.
    ///
    /// - throws: ``TokenizationError`` that names the expression.
    init(_ source: String, field: String) throws(TokenizationError) {
        let translated = Array(try PatternTranslation.translate(source, field: field).utf8)
        var number: Int32 = 0
        var offset = 0
        let options = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C
        guard let code = pcre2_compile_8(translated, translated.count, options, &number, &offset, nil) else {
            var message = [UInt8](repeating: 0, count: 256)
            pcre2_get_error_message_8(number, &message, message.count)
            let text = String(decoding: message.prefix { $0 != 0 }, as: UTF8.self)
            throw TokenizationError(field: field, "the regular expression \"\(source)\" is invalid: \(text)")
        }
        guard let context = pcre2_match_context_create_8(nil) else {
            pcre2_code_free_8(code)
            throw TokenizationError(field: field, "out of memory")
        }
        pcre2_set_match_limit_8(context, Self.matchLimit)
        pcre2_set_heap_limit_8(context, Self.heapLimit)
        // Where there is no compiler for this processor, the interpreter runs.
        pcre2_jit_compile_8(code, PCRE2_JIT_COMPLETE)
        self.source = source
        self.code = code
        self.context = context
    }

    deinit {
        pcre2_match_context_free_8(context)
        pcre2_code_free_8(code)
    }

    /// The matches in `text` (valid UTF-8, cut between scalars), left to right, as ranges of its indices.
    ///
    /// Empty matches are reported except directly after another match, as the reference's iterator does.
    ///
    /// - throws: ``TokenizationError`` where a match would take too long.
    func matches(in text: ArraySlice<UInt8>) throws(TokenizationError) -> [Range<Int>] {
        guard let data = pcre2_match_data_create_from_pattern_8(code, nil) else {
            throw TokenizationError(field: "", "out of memory")
        }
        defer { pcre2_match_data_free_8(data) }
        var ranges: [Range<Int>] = []
        var failure: Int32 = 0
        text.withUnsafeBufferPointer { buffer in
            // An empty buffer may have no address; there is nothing to match in it either way.
            guard let base = buffer.baseAddress else { return }
            var start = 0
            var lastEnd = -1
            while start <= buffer.count {
                var result = pcre2_match_8(code, base, buffer.count, start, PCRE2_NO_UTF_CHECK, data, context)
                if result == PCRE2_ERROR_JIT_STACKLIMIT {
                    let options = PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT
                    result = pcre2_match_8(code, base, buffer.count, start, options, data, context)
                }
                if result == PCRE2_ERROR_NOMATCH { return }
                // `result > 0` says that the first pair of offsets is set.
                guard result > 0, let offsets = pcre2_get_ovector_pointer_8(data), offsets[0] <= offsets[1] else {
                    failure = result
                    return
                }
                let found = offsets[0]..<offsets[1]
                start = found.upperBound
                if found.isEmpty {
                    start += 1
                    while start < buffer.count, buffer[start] & 0xC0 == 0x80 { start += 1 }
                    if found.upperBound == lastEnd { continue }
                }
                lastEnd = found.upperBound
                ranges.append(text.startIndex + found.lowerBound..<text.startIndex + found.upperBound)
            }
        }
        guard failure == 0 else {
            throw TokenizationError(
                field: "", "the text takes too long to split by the tokenizer's expression \"\(source)\"; shorten it")
        }
        return ranges
    }
}
