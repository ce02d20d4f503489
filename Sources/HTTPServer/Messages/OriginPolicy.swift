package import HTTPTypes

/// Who may talk to this server from a browser: against DNS rebinding and cross-site requests.
///
/// A rebound name reaches a loopback server with the attacker's name in `Host`, so only loopback
/// names and configured ones are served (421, RFC 9110 §15.5.20). A page of another site is known by
/// the `Origin` that browsers send (403). Programs send no `Origin` and are not concerned.
package struct OriginPolicy: Sendable, Equatable {
    /// Names served beside the loopback ones, without a port.
    package var allowedHosts: Set<String>
    /// Origins (`https://lab.example`) allowed although they are other sites.
    package var allowedOrigins: Set<String>

    package init(allowedHosts: some Sequence<String> = [], allowedOrigins: some Sequence<String> = []) {
        self.allowedHosts = Set(allowedHosts.map { $0.lowercased() })
        self.allowedOrigins = Set(allowedOrigins.map { $0.lowercased() })
    }

    /// Refuses what should not be served. `authority` is `nil` only for HTTP/1.0 without `Host`,
    /// which no browser sends.
    package func check(
        method: HTTPRequest.Method, authority: Authority?, headerFields: HTTPFields
    ) throws(Refusal) {
        if let authority, !authority.isLoopback, !allowedHosts.contains(authority.host) {
            throw Refusal(
                .wrongHost,
                "this server does not answer for the host \"\(authority.host)\"; use localhost or configure the name")
        }
        if headerFields.contains(.origin) {
            let origins = headerFields[values: .origin]
            guard origins.count == 1 else { throw Refusal(.badHeader, "there must be at most one Origin field") }
            let origin = origins[0].lowercased()
            guard !allowedOrigins.contains(origin) else { return }
            guard let authority, Self.host(of: origin) == authority.host else {
                throw Refusal(.crossSite, "requests from the origin \"\(origin)\" are not allowed")
            }
        }
        if method != .get, method != .head, headerFields[.secFetchSite]?.lowercased() == "cross-site" {
            throw Refusal(.crossSite, "requests that a page of another site makes are not allowed")
        }
    }

    private static func host(of origin: String) -> String? {
        for scheme in ["http://", "https://"] where origin.hasPrefix(scheme) {
            return Authority(origin.dropFirst(scheme.count))?.host
        }
        return nil
    }
}

extension HTTPField.Name {
    // The spelling is fixed here and a token, so the initializer cannot fail.
    static let secFetchSite = Self("Sec-Fetch-Site")!
}
