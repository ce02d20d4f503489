package import Store
package import StrictJSON

/// A page of a list: `{"object": "list", "data": […], "has_more": false, "last_id": "…"}`.
package enum ListAnswer {
    package static func json(_ data: [JSONValue], hasMore: Bool, lastID: String?) -> JSONValue {
        ["object": "list", "data": .array(data), "has_more": .bool(hasMore), "last_id": .optional(lastID)]
    }

    /// A page of result rows. They are stored as they go over the wire, and put together without being read again.
    package static func text(_ page: Page<CellDocument>) -> [UInt8] {
        var text = Array("{\"object\":\"list\",\"data\":[".utf8)
        for (index, cell) in page.elements.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text.append(contentsOf: cell.document.utf8)
        }
        text.append(contentsOf: "],\"has_more\":\(page.hasMore),\"last_id\":".utf8)
        text.append(contentsOf: JSONValue.optional(page.elements.last?.id).bytes)
        text.append(UInt8(ascii: "}"))
        return text
    }
}
