import Foundation
import HTTPTypes
import StrictJSON
import Testing

@Suite("Results in other forms") struct ResultFormatTests {
    /// A laboratory with a finished job of six rows, and the job's id.
    private func study() async throws -> (Laboratory, String) {
        let laboratory = try await Laboratory()
        let (a, b) = (try await laboratory.picture(), try await laboratory.picture("image_b.png"))
        let accepted = try await laboratory.post(
            "/v1/knockouts",
            [
                "inputs": [["id": "one, \"two\"", "image": .string(a)], ["image": .string(b)]],
                "variants": ["eoi", "image_to_text"], "measure": ["max_tokens": 3],
            ])
        let id = try #require(accepted.json["id"]?.stringValue, "\(accepted.text)")
        try await laboratory.working {
            let ended = try await laboratory.ended(id)
            #expect(ended.json["status"] == "succeeded")
        }
        return (laboratory, id)
    }

    @Test("NDJSON is every row as the pages have it, a line each, whatever asks for it")
    func ndjson() async throws {
        let (laboratory, id) = try await study()
        let rows = try #require(try await laboratory.get("/v1/jobs/\(id)/results").json["data"]?.arrayValue)
        #expect(rows.count == 6)
        for (target, accept) in [
            ("/v1/jobs/\(id)/results", "application/x-ndjson"), ("/v1/results", "application/x-ndjson, */*;q=0.1"),
            ("/v1/results?format=ndjson", "text/csv"), ("/v1/results?job=\(id)", "application/jsonl"),
        ] {
            let answer = try await laboratory.get(target, [.accept: accept])
            #expect(answer.fields[.contentType] == "application/x-ndjson")
            #expect(answer.fields[.vary] == "Accept")
            #expect(answer.text.hasSuffix("}\n"))
            #expect(try answer.text.split(separator: "\n").map { try JSONParser.parse(String($0)) } == rows)
        }
        let two = try await laboratory.get("/v1/jobs/\(id)/results?format=ndjson&limit=2&after=\(id)/2")
        #expect(try two.text.split(separator: "\n").map { try JSONParser.parse(String($0)) } == Array(rows[3..<5]))
        #expect(try await laboratory.get("/v1/results?format=ndjson&variant=nothing").text == "")
    }

    @Test("whoever has the rows already is answered 304, in every form, until there are more")
    func conditional() async throws {
        let (laboratory, id) = try await study()
        for target in [
            "/v1/jobs/\(id)/results", "/v1/results?format=csv", "/v1/results?format=ndjson&limit=2", "/v1/jobs/\(id)",
            "/v1/models",
        ] {
            let first = try await laboratory.get(target)
            let tag = try #require(first.fields[.eTag], "\(target)")
            #expect(first.status == 200 && tag.hasPrefix("W/\""))
            let again = try await laboratory.get(target, [.ifNoneMatch: "\"other\", \(tag)"])
            #expect(again.status == 304 && again.text.isEmpty, "\(target)")
            #expect(again.fields[.eTag] == tag)
            #expect(try await laboratory.get(target, [.ifNoneMatch: "\"other\""]).status == 200)
        }
        let csv = try await laboratory.get("/v1/results?format=csv").fields[.eTag]
        #expect(try await laboratory.get("/v1/results?format=ndjson").fields[.eTag] != csv)
        _ = try await laboratory.post(
            "/v1/captions", ["image": .string(try await laboratory.picture()), "max_tokens": 2])
        let grown = try await laboratory.get("/v1/results?format=csv", [.ifNoneMatch: csv ?? ""])
        #expect(grown.status == 200 && grown.fields[.eTag] != csv)
    }

    @Test("whoever takes none of the forms is told which there are")
    func notAcceptable() async throws {
        let laboratory = try await Laboratory()
        let digest = try await laboratory.picture()
        for target in ["/v1/results", "/v1/images/\(digest)"] {
            let answer = try await laboratory.get(target, [.accept: "text/html, application/json;q=0"])
            #expect(answer.status == 406 && answer.code == "not_acceptable", "\(target)")
            #expect(answer.text.contains(target == "/v1/results" ? "text/csv" : "image/png"))
            #expect(try await laboratory.get(target, [.accept: "text/html, */*;q=0.1"]).status == 200)
        }
        #expect(try await laboratory.get("/v1/results?format=csv", [.accept: "text/html"]).status == 200)
    }

    @Test("CSV is a table of every row, with columns named by path")
    func csv() async throws {
        let (laboratory, id) = try await study()
        let answer = try await laboratory.get("/v1/jobs/\(id)/results", [.accept: "text/csv"])
        #expect(answer.fields[.contentType] == "text/csv; charset=utf-8; header=present")
        let lines = answer.text.components(separatedBy: "\r\n")
        #expect(lines.count == 8 && lines.last == "")
        let columns = lines[0].split(separator: ",")
        for name in ["id", "input", "variant", "next_token.similarity", "caption.text", "provenance.model.name"] {
            #expect(columns.contains(Substring(name)), "\(name)")
        }
        #expect(lines[1].hasPrefix("\(id)/0,\(id),knockout,ok,\"one, \"\"two\"\"\","))
        let limited = try await laboratory.get("/v1/results?format=csv&limit=1&variant=eoi")
        #expect(limited.text.components(separatedBy: "\r\n").count == 3)
    }

    @Test("JSON stays what is given in doubt, and a page links to the next one")
    func pages() async throws {
        let (laboratory, id) = try await study()
        for accept in ["*/*", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json, text/csv"] {
            let answer = try await laboratory.get("/v1/results", [.accept: accept])
            #expect(answer.fields[.contentType] == "application/json", "\(accept)")
        }
        let first = try await laboratory.get("/v1/results?variant=eoi&limit=1&format=json")
        let link = try #require(first.fields[.link])
        #expect(link == "</v1/results?variant=eoi&limit=1&format=json&after=\(id)%2F1>; rel=\"next\"")
        let target = try #require(link.split(separator: ">").first?.dropFirst())
        let second = try await laboratory.get(String(target))
        #expect(second.json["data"]?[0]?["id"] == .string("\(id)/4"))
        #expect(second.fields[.link] == nil, "the last page leads nowhere")
        #expect(try await laboratory.get("/v1/images?limit=1").fields[.link]?.contains("after=sha256%3A") == true)
        _ = try await laboratory.post(
            "/v1/captions", ["image": .string(try await laboratory.picture()), "max_tokens": 1])
        let jobs = try await laboratory.get("/v1/jobs?limit=1")
        #expect(jobs.fields[.link]?.hasPrefix("</v1/jobs?limit=1&after=01") == true)
    }

    @Test("what is no form, and a page of no size, is refused")
    func refusals() async throws {
        let laboratory = try await Laboratory()
        let form = try await laboratory.get("/v1/results?format=xml")
        #expect(form.status == 422 && form.field == "format" && form.detail.contains("json, ndjson, csv"))
        #expect(try await laboratory.get("/v1/results?format=csv&limit=0").code == "invalid_value")
        #expect(try await laboratory.get("/v1/results?limit=1001").code == "invalid_value")
        #expect(try await laboratory.get("/v1/results?format=csv&limit=1001").text == "")
    }
}
