import API
import Foundation
import HTTPServer
import HTTPTypes
import Interventions
import Store
import StrictJSON
import Testing

@Suite("Problems") struct ProblemTests {
    @Test("every code has a page that states its status, and every page has a code")
    func pages() throws {
        let folder = Laboratory.root.appending(path: "docs/errors")
        let pages = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".md") }
        let expected = ProblemCode.allCases.map { $0.page.split(separator: "/").last.map { "\($0).md" } ?? "" }
        #expect(Set(pages) == Set(expected))
        for code in ProblemCode.allCases {
            let file = Laboratory.root.appending(path: String(code.page.dropFirst()) + ".md")
            let text = try String(contentsOf: file, encoding: .utf8)
            #expect(text.hasPrefix("# \(code.title)\n\nStatus \(code.status.code)"), "\(code.page)")
            #expect(text.contains("code `\(code.rawValue)`") && text.contains("**Fix.**"), "\(code.page)")
        }
    }

    @Test("an intervention that cannot be done is a 422 under its own code and field, a missing state a 404")
    func interventions() throws {
        for code in InterventionError.Code.allCases {
            let problem = try #require(Problem(InterventionError(code, at: "layers[2]", "no such thing")))
            #expect(problem.code.rawValue == code.rawValue)
            #expect(problem.status.code == (code == .unknownState ? 404 : 422))
            #expect(problem.detail == "layers[2]: no such thing")
        }
    }

    @Test("the server's own refusals keep their statuses under codes of their own")
    func refusals() {
        for reason in Refusal.Reason.allCases {
            let problem = Problem(Refusal(reason, "why"))
            #expect(problem.code.rawValue == reason.rawValue)
            #expect(problem.status == problem.code.status)
        }
        #expect(Problem(Refusal(.overloaded, "")).headerFields[.retryAfter] == "1")
    }

    @Test("a problem has the members of RFC 9457 and OpenAI's error object, in the order of the wire")
    func document() throws {
        let problem = Problem(.unknownRole, field: "variants[0].knockouts[0].keys", "\"eio\" is no role of gate")
        let sentence = "variants[0].knockouts[0].keys: \"eio\" is no role of gate"
        let json = problem.json(instance: "/v1/knockouts")
        #expect(
            json == [
                "type": "/docs/errors/unknown-role", "title": "Unknown role", "status": 422,
                "detail": .string(sentence), "instance": "/v1/knockouts", "field": "variants[0].knockouts[0].keys",
                "error": [
                    "message": .string(sentence), "type": "invalid_request_error",
                    "param": "variants[0].knockouts[0].keys", "code": "unknown_role",
                ],
            ])
        #expect(
            json.objectValue?.names == ["type", "title", "status", "detail", "instance", "field", "error"])
        #expect(problem.response(instance: nil).headerFields[.contentType] == "application/problem+json")
    }

    @Test("what is of the wrong type is malformed, what is out of range is understood but impossible")
    func types() throws {
        let field = JSONField("x", path: "limit")
        do { _ = try field.integer() } catch { #expect(Problem(error)?.code == .wrongType) }
        do { _ = try JSONField(9, path: "limit").integer(in: 1...3) } catch {
            #expect(Problem(error)?.code == .invalidValue)
            #expect(Problem(error)?.status.code == 422)
        }
    }

    @Test("errors that nobody foresaw are no problem of the client's")
    func unforeseen() {
        struct Surprise: Error {}
        #expect(Problem(Surprise()) == nil)
    }

    @Test("a full disk is a 507, one that fails a 503 that passes, whatever it was that could not be written")
    func disk() throws {
        let full = try #require(Problem(StoreError.full("database or disk is full")))
        #expect(full.code == .diskFull && full.status.code == 507)
        #expect(full.headerFields[.retryAfter] == nil)
        let failing: [StoreError] = [
            .database("disk I/O error"), .stateFile(path: "/x", reason: "Read-only file system"),
        ]
        for error in failing {
            let problem = try #require(Problem(error))
            #expect(problem.code == .storeFailed && problem.status.code == 503)
            #expect(problem.headerFields[.retryAfter] == "5")
        }
        // What waiting does not mend is not worth another try.
        for error in [
            StoreError.unusable("database disk image is malformed"), .stateDamaged(path: "/x", reason: "short"),
        ] {
            #expect(!error.isOfTheDisk && Problem(error)?.status.code != 503)
        }
    }
}
