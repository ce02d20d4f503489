import Store
import StrictJSON

/// A knockout job, for people: a line a cell, and means where there are several inputs.
enum KnockoutPage {
    static func lines(_ result: JobRecordRows) -> [String] {
        var lines: [String] = [result.reference]
        if result.rows.count <= JobRecordRows.listLimit {
            var table = TextTable([
                "input", "variant", ">layer", ">similarity", ">effect", "top-1 agrees", ">cut mass", "caption",
            ])
            for row in result.rows { table.add(entries(row)) }
            lines += table.lines
        }
        let inputs = Set(result.rows.compactMap { $0["input"]?.stringValue })
        if inputs.count > 1 || result.rows.count > JobRecordRows.listLimit {
            lines += ["", "means over \(inputs.count) inputs"] + JobComparison([result]).lines
        }
        return lines
    }

    private static func entries(_ row: JSONValue) -> [String] {
        let next = row["next_token"]
        let caption = row["caption"]
        var text = caption?["text"]?.stringValue ?? ""
        if caption?["agrees"]?.boolValue == true, row["variant"]?.stringValue != "clean" { text += "  (as clean)" }
        if let message = row["error"]?["message"]?.stringValue { text = "failed: \(message)" }
        let masses = (row["receipt"]?["knockouts"]?.arrayValue ?? []).compactMap { $0["mass"]?["mean"]?.doubleValue }
        return [
            row["input"]?.stringValue ?? "", row["variant"]?.stringValue ?? "",
            row["layer"]?.integerValue.map(String.init) ?? "", Shown.number(next?["similarity"]?.doubleValue),
            Shown.number(row["receipt"]?["effect"]?.doubleValue), Shown.flag(next?["top1_agrees"]?.boolValue),
            masses.isEmpty ? "–" : masses.map { Shown.number($0) }.joined(separator: "+"), text,
        ]
    }
}
