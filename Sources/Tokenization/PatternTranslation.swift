/// Rewrites an expression written for Oniguruma (Ruby syntax), which the reference uses, for PCRE2.
///
/// - `\s`: PCRE2 counts U+180E among the spaces, Unicode since 6.3 and Oniguruma do not.
/// - `\w`: letters, marks, decimal digits and connectors, where PCRE2 takes letters and numbers.
/// - `^` and `$` match at line ends in both (PCRE2 by an option).
/// - `\h`, nested classes, `&&` in a class and the option `m` mean other things in PCRE2, and are refused.
enum PatternTranslation {
    private static let spaces =
        #"\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"#
    private static let words = #"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}"#

    static func translate(_ source: String, field: String) throws(TokenizationError) -> String {
        func refuse(_ what: String) -> TokenizationError {
            TokenizationError(field: field, "the regular expression \"\(source)\" uses \(what), which is not supported")
        }
        let scalars = Array(source.unicodeScalars)
        var result = String.UnicodeScalarView()
        func put(_ text: String) { result.append(contentsOf: text.unicodeScalars) }
        var inClass = false
        var classStart = 0
        var at = 0
        while at < scalars.count {
            let scalar = scalars[at]
            let next = at + 1 < scalars.count ? scalars[at + 1] : nil
            at += 1
            if scalar == "\\", let next {
                at += 1
                switch next {
                case "s": put(inClass ? spaces : #"[^\S\x{180E}]"#)
                case "S": put(inClass ? #"\S\x{180E}"# : #"[\S\x{180E}]"#)
                case "w": put(inClass ? words : "[\(words)]")
                case "W" where !inClass: put("[^\(words)]")
                case "W": throw refuse("\\W inside a class")
                case "h", "H", "R", "X", "K", "Q", "E": throw refuse("\\\(next)")
                default: put("\\\(next)")
                }
                continue
            }
            if inClass {
                // A bracket directly after the opening one is a member.
                if scalar == "]", at - 1 > classStart { inClass = false }
                if scalar == "[", next != ":" { throw refuse("a class inside a class") }
                if scalar == "&", next == "&" { throw refuse("an intersection of classes") }
                if scalar == "[" {
                    // A POSIX class: copied up to its own closing bracket.
                    put("[")
                    while at < scalars.count, scalars[at] != "]" {
                        result.append(scalars[at])
                        at += 1
                    }
                    if at < scalars.count { put("]") }
                    at += 1
                    continue
                }
            } else if scalar == "[" {
                inClass = true
                classStart = next == "^" ? at + 1 : at
            } else if scalar == "(", next == "?" {
                let options = scalars[(at + 1)...].prefix { $0.properties.isAlphabetic || $0 == "-" }
                let end = at + 1 + options.count
                if end < scalars.count, [":", ")"].contains(scalars[end]), options.contains("m") {
                    throw refuse("the option m")
                }
            }
            result.append(scalar)
        }
        return String(result)
    }
}
