/// The character classes of the reference tokenizer (Hugging Face `tokenizers`), where they are not Unicode's newest.
enum ScalarClasses {
    /// `char::is_numeric`: the general categories Nd, Nl and No.
    static func isNumeric(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .decimalNumber, .letterNumber, .otherNumber: true
        default: false
        }
    }

    /// ASCII punctuation and symbols, or general category P as Unicode 8 had it: the reference's table has not grown
    /// since, so later scalars are left out, and two that later changed category stay.
    static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            (scalar.properties.age?.major ?? .max) <= 8
        case .mathSymbol, .currencySymbol, .modifierSymbol: scalar.isASCII
        default: scalar == "\u{166D}" || scalar == "\u{111C9}"
        }
    }

    /// `\w` of Rust's regular expressions, which decides what a single word is.
    static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        if properties.isAlphabetic || properties.isJoinControl { return true }
        switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
        default: return false
        }
    }
}

extension ArraySlice<UInt8> {
    /// The scalars of a slice of valid UTF-8 that begins and ends between scalars, each with its range.
    ///
    /// All text here comes from a `String` and is cut between scalars, so the encoding is valid.
    func forEachScalar(_ body: (Unicode.Scalar, Range<Int>) -> Void) {
        var at = startIndex
        while at < endIndex {
            let (scalar, next) = scalar(at: at)
            body(scalar, at..<next)
            at = next
        }
    }

    /// The scalar that begins at `at`, and where the next one begins.
    func scalar(at: Int) -> (scalar: Unicode.Scalar, next: Int) {
        let lead = self[at]
        let length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
        let end = Swift.min(at + length, endIndex)
        var value = length == 1 ? UInt32(lead) : UInt32(lead) & (0xFF >> UInt32(length + 1))
        for byte in self[(at + 1)..<end] { value = value << 6 | UInt32(byte & 0x3F) }
        return (Unicode.Scalar(value) ?? "\u{FFFD}", end)
    }

    /// The scalar that ends at `at`, which is not the start.
    func scalar(before at: Int) -> (scalar: Unicode.Scalar, start: Int) {
        var start = at - 1
        while start > startIndex, self[start] & 0xC0 == 0x80 { start -= 1 }
        return (scalar(at: start).scalar, start)
    }
}
