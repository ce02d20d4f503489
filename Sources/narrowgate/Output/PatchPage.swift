import Store
import StrictJSON

/// A patch job, for people: a line a cell, and accuracy or similarity by layer.
enum PatchPage {
    static func lines(_ result: JobRecordRows) -> [String] {
        var lines: [String] = [result.reference]
        if result.rows.count <= JobRecordRows.listLimit {
            var table = TextTable([
                "pair", ">layer", ">P(base token)", ">P(source token)", ">similarity to source", ">effect", "accurate",
                "flipped", "likeliest",
            ])
            for row in result.rows { table.add(entries(row)) }
            lines += table.lines
        }
        return lines + [""] + JobComparison([result]).plot
    }

    private static func entries(_ row: JSONValue) -> [String] {
        var likeliest = (row["top"]?.arrayValue ?? []).prefix(2).map { token in
            "\"\(token["text"]?.stringValue ?? "")\" \(Shown.number(token["p"]?.doubleValue))"
        }.joined(separator: ", ")
        if let message = row["error"]?["message"]?.stringValue { likeliest = "failed: \(message)" }
        return [
            row["pair"]?.stringValue ?? "", row["layer"]?.integerValue.map(String.init) ?? "all",
            Shown.number(row["base_token"]?["p_patched"]?.doubleValue),
            Shown.number(row["source_token"]?["p_patched"]?.doubleValue),
            Shown.number(row["similarity"]?["patched_to_source"]?.doubleValue),
            Shown.number(row["receipt"]?["effect"]?.doubleValue), Shown.flag(row["accurate"]?.boolValue),
            Shown.flag(row["flipped"]?.boolValue), likeliest,
        ]
    }
}
