import API
import StrictJSON
import Testing

/// The expected texts are pandas': `pandas.json_normalize(rows)`, written with `to_csv` where no lists are in them.
@Suite("Rows as CSV") struct ResultTableTests {
    private func table(_ rows: [String]) throws -> String {
        let values = try rows.map { try JSONParser.parse($0) }
        var table = ResultTable()
        for row in values { table.note(row) }
        return table.header + values.map { table.line($0) }.joined()
    }

    @Test("members of objects are columns by their paths, behind the plain ones, in the order in which rows have them")
    func columns() throws {
        #expect(
            try table([
                #"{"a": {"b": 1, "c": {"d": true}}, "e": "x"}"#, #"{"e": null, "f": 0.5, "a": {"g": -1e-7, "b": 2}}"#,
            ]) == "e,a.b,a.c.d,f,a.g\r\nx,1,true,,\r\n,2,,0.5,-1e-07\r\n")
    }

    @Test("a member that is an object in one row and null in another has the columns of both")
    func changing() throws {
        #expect(
            try table([#"{"caption": null}"#, #"{"caption": {"text": "a"}}"#, #"{"caption": {}}"#])
                == "caption,caption.text\r\n,\r\n,a\r\n,\r\n")
    }

    @Test("commas, quotes and line ends are quoted, lists are JSON text, an empty text is no null")
    func quoting() throws {
        #expect(
            try table([#"{"a": "1,2", "b": "say \"hi\"", "c": "two\nlines", "d": "", "e": null, "f": [1, {"g": "h"}]}"#]
            )
                == "a,b,c,d,e,f\r\n\"1,2\",\"say \"\"hi\"\"\",\"two\nlines\",\"\",,\"[1,{\"\"g\"\":\"\"h\"\"}]\"\r\n")
        #expect(try table([#"{"a,b": {"c\"d": " é "}}"#]) == "\"a,b.c\"\"d\"\r\n é \r\n")
    }

    @Test("no rows are no table")
    func nothing() throws {
        #expect(try table([]) == "")
    }
}
