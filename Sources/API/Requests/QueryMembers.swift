import HTTPServer
import StrictJSON

extension RequestTarget {
    /// The query as members of an object, so that it is read, and refused, as JSON is.
    ///
    /// - Parameter integers: the names whose values are integers.
    /// - throws: ``Problem`` for a name that stands twice.
    func members(integers: Set<String> = []) throws(Problem) -> JSONFields {
        var object = JSONObject()
        for item in query {
            guard object[item.name] == nil else {
                throw Problem(.wrongType, field: item.name, "the query gives it twice; give it once")
            }
            let integer = integers.contains(item.name) ? Int(item.value) : nil
            object[item.name] = integer.map { .integer($0) } ?? .string(item.value)
        }
        return JSONFields(object)
    }
}

/// Which page of a list is asked for.
struct Paging {
    let limit: Int
    /// The last element of the page before.
    let after: String?

    static let range = 1...1000
    /// How many elements a page has that asks for no number.
    static let usual = 100

    /// Reads `limit` and `after`.
    init(_ members: JSONFields) throws(JSONError) {
        limit = try members.optional("limit")?.integer(in: Self.range) ?? Self.usual
        after = try members.optional("after")?.string()
    }
}
