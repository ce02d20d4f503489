import HTTPServer
import HTTPTypes

/// The link from a page of a list to the next one (RFC 8288): what `requests` has as `response.links["next"]["url"]`.
enum NextPage {
    /// The field, where the list goes on.
    ///
    /// - Parameter after: the last element of this page.
    static func fields(_ target: RequestTarget, after: String?) -> HTTPFields {
        guard let after else { return [:] }
        let items = target.query.filter { $0.name != "after" } + [RequestTarget.QueryItem(name: "after", value: after)]
        let query = items.map { "\(encoded($0.name))=\(encoded($0.value))" }.joined(separator: "&")
        let path = target.text.prefix { $0 != "?" }
        return [.link: "<\(path)?\(query)>; rel=\"next\""]
    }

    /// Everything but RFC 3986's unreserved characters escaped.
    private static func encoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += "%" + (digits.count < 2 ? "0" : "") + digits
            }
        }
        return encoded
    }
}
