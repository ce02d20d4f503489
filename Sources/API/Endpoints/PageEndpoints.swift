import ErrorPages
import HTTPServer
import HTTPTypes
import StrictJSON

/// What the server says about itself: `/openapi.json`, `/docs`, and under `/docs/errors` what the `type` of a problem leads
/// to.
enum PageEndpoints {
    /// `GET /docs/errors/{slug}`: the page of one problem, in Markdown.
    @Sendable static func page(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        let slug = call.parameters["slug"] ?? ""
        guard let page = ErrorPages.page(slug) else {
            throw Problem(.notFound, "there is no page \"\(slug.prefix(60))\"; GET /docs/errors lists the pages")
        }
        return markdown(page)
    }

    /// `GET /docs/errors`: a list of them.
    @Sendable static func list(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        let codes = ProblemCode.allCases.sorted { $0.page < $1.page }
        let lines = codes.map { "- [\($0.title)](\($0.page)): \($0.status.code)\n" }
        return markdown(Array(("# Problems\n\n" + lines.joined()).utf8))
    }

    /// `GET /openapi.json`
    @Sendable static func description(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        return Response(json: OpenAPIDocument.json)
    }

    /// `GET /docs`
    @Sendable static func interface(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        return InterfacePage.response
    }

    private static func markdown(_ text: [UInt8]) -> Response {
        Response(
            headerFields: [.contentType: "text/markdown; charset=utf-8", .xContentTypeOptions: "nosniff"],
            content: .bytes(text))
    }
}
