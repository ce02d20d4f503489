import API
import ErrorPages
import Foundation
import HTTPTypes
import StrictJSON
import Testing

@Suite("Pages about problems") struct PageTests {
    @Test("the type of every problem leads to its page, byte for byte as in the repository")
    func pages() async throws {
        let laboratory = try await Laboratory()
        for code in ProblemCode.allCases {
            let answer = try await laboratory.get(code.page)
            #expect(answer.status == 200, "\(code.page)")
            #expect(answer.fields[.contentType] == "text/markdown; charset=utf-8")
            let file = Laboratory.root.appending(path: String(code.page.dropFirst()) + ".md")
            #expect(answer.content == [UInt8](try Data(contentsOf: file)), "\(code.page)")
        }
        let problem = try await laboratory.get("/v1/nothing")
        let type = try #require(problem.json["type"]?.stringValue)
        #expect(try await laboratory.get(type).text.hasPrefix("# Not found"))
    }

    @Test("there is a list of them, and nothing else")
    func list() async throws {
        let laboratory = try await Laboratory()
        let list = try await laboratory.get("/docs/errors")
        #expect(list.status == 200)
        #expect(list.text.contains("- [Unknown role](/docs/errors/unknown-role): 422\n"))
        #expect(list.text.split(separator: "\n").count == ProblemCode.allCases.count + 1)
        for path in ["/docs/errors/nothing", "/docs/errors/unknown-role.md", "/docs/errors/"] {
            #expect(try await laboratory.get(path).code == "not_found", "\(path)")
        }
        #expect(ErrorPages.page("") == nil)
    }
}
