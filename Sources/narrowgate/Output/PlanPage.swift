import StrictJSON

/// What a dry run says, for people.
struct PlanPage {
    private let plan: JSONValue

    init(_ plan: JSONValue) { self.plan = plan }

    var lines: [String] {
        func integer(_ name: String) -> String { plan[name]?.integerValue.map(String.init) ?? "–" }
        let work = plan["token_layers"]
        var lines = [
            "cells            \(integer("cells"))",
            "clean runs       \(integer("clean_runs"))",
            "token-layers     \(work?["planned"]?.integerValue.map(String.init) ?? "–")",
            "estimated time   \(Shown.number(plan["estimated_seconds"]?.doubleValue)) s",
            "peak memory      \(integer("peak_bytes")) bytes, of which \(integer("resident_bytes")) are held now",
            "results          \(integer("result_bytes")) bytes",
        ]
        for input in plan["inputs"]?.arrayValue ?? [] {
            let roles = (input["roles"]?.objectValue?.members.map { "\($0) \($1.stringValue ?? "")" } ?? [])
            lines.append(
                "input \(input["id"]?.stringValue ?? ""): \(input["tokens"]?.integerValue ?? 0) tokens; "
                    + roles.joined(separator: ", "))
        }
        return lines
    }
}
