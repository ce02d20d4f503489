import StrictJSON

/// Captions, for people.
enum CaptionPage {
    /// One answer of `POST /v1/captions`: the caption alone, and what an intervention did below it.
    static func lines(_ answer: JSONValue) -> [String] {
        [answer["caption"]?.stringValue ?? ""] + ReceiptLines.lines(answer["receipt"] ?? .null)
    }

    /// A caption job: a line a picture.
    static func lines(_ result: JobRecordRows) -> [String] {
        var table = TextTable(["input", "caption"])
        for row in result.rows {
            let text = row["caption"]?["text"]?.stringValue ?? row["caption"]?.stringValue
            table.add([
                row["input"]?.stringValue ?? "",
                text ?? row["error"]?["message"]?.stringValue.map { "failed: \($0)" } ?? "",
            ])
        }
        return table.lines
    }
}

/// What interventions did, a line each.
enum ReceiptLines {
    static func lines(_ receipt: JSONValue) -> [String] {
        var lines: [String] = []
        for cut in receipt["knockouts"]?.arrayValue ?? [] {
            func text(_ name: String) -> String { cut[name]?.stringValue ?? "" }
            lines.append(
                "  cut \(text("queries")) → \(text("keys")), layers \(text("layers")), heads \(text("heads")) (\(text("mode"))): "
                    + "\(cut["edges"]?.integerValue ?? 0) edges, mean attention \(Shown.number(cut["mass"]?["mean"]?.doubleValue))"
            )
        }
        for move in receipt["patches"]?.arrayValue ?? [] {
            lines.append(
                "  patched \(move["site"]?.stringValue ?? "") of layer \(move["layer"]?.integerValue ?? 0) at "
                    + "\(move["positions"]?.stringValue ?? ""): moved by \(Shown.number(move["moved"]?.doubleValue)) "
                    + "(norm \(Shown.number(move["norm_before"]?.doubleValue)) → \(Shown.number(move["norm_after"]?.doubleValue)))"
            )
        }
        if let effect = receipt["effect"]?.doubleValue {
            lines.append("  effect on the next token: \(Shown.number(effect)) (total variation)")
        }
        return lines
    }
}
