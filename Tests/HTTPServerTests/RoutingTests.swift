import HTTPServer
import HTTPTypes
import Testing

@Suite("Routes") struct RouterTests {
    private func router() -> Router<String> {
        var router = Router<String>()
        router.add(.get, "/", "root")
        router.add(.get, "/v1/jobs", "list")
        router.add(.post, "/v1/jobs", "submit")
        router.add(.get, "/v1/jobs/{id}", "job")
        router.add(.post, "/v1/jobs/{id}/cancel", "cancel")
        router.add(.get, "/v1/jobs/latest", "latest")
        return router
    }

    private func found(_ method: HTTPRequest.Method, _ path: String) throws -> (String, PathParameters)? {
        if case .found(let endpoint, let parameters) = router().match(method, try RequestTarget(path).segments) {
            return (endpoint, parameters)
        }
        return nil
    }

    @Test("a pattern's captures are decoded segments, and literals come first")
    func matches() throws {
        #expect(try found(.get, "/")?.0 == "root")
        #expect(try found(.post, "/v1/jobs/a%2Fb/cancel")?.1["id"] == "a/b")
        #expect(try found(.get, "/v1/jobs/latest")?.0 == "latest")
        #expect(try found(.post, "/v1/jobs/latest/cancel")?.0 == "cancel")
        #expect(try found(.head, "/v1/jobs/7")?.0 == "job")
        #expect(try found(.get, "/v1/jobs/") == nil)
        #expect(try found(.get, "/v1") == nil)
    }

    @Test("a path with other methods is told from one that is not there")
    func misses() throws {
        guard case .methodNotAllowed(let allow) = router().match(.delete, ["v1", "jobs"]) else { throw Unexpected() }
        #expect(allow == [.get, .head, .options, .post])
        guard case .options(let options) = router().match(.options, ["v1", "jobs", "7", "cancel"]) else {
            throw Unexpected()
        }
        #expect(options == [.options, .post])
        guard case .options = router().match(.options, RequestTarget.asterisk.segments) else { throw Unexpected() }
        guard case .notFound = router().match(.get, ["v2"]) else { throw Unexpected() }
    }
}

@Suite("Who may talk to the server") struct OriginPolicyTests {
    private func refusal(
        _ host: String, _ fields: HTTPFields = [:], method: HTTPRequest.Method = .get,
        policy: OriginPolicy = OriginPolicy(allowedHosts: ["lab"], allowedOrigins: ["https://friend.example"])
    ) -> Refusal.Reason? {
        do throws(Refusal) {
            try policy.check(method: method, authority: Authority(host), headerFields: fields)
            return nil
        } catch { return error.reason }
    }

    @Test("loopback names and configured ones are served, at any port")
    func hosts() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.9.9.9", "[::1]:80", "lab:99", "localhost."] {
            #expect(refusal(host) == nil, "\(host)")
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "128.0.0.1", "127.0.0.256", "[::2]", "notlocalhost"] {
            #expect(refusal(host) == .wrongHost, "\(host)")
        }
    }

    @Test("a request from another site is refused, one from the same host or an allowed origin is not")
    func origins() {
        #expect(refusal("localhost:80", [.origin: "http://localhost:3000"]) == nil)
        #expect(refusal("localhost:80", [.origin: "https://friend.example"]) == nil)
        for origin in ["http://evil.example", "null", "", "http://localhost.evil.example", "file://localhost"] {
            #expect(refusal("localhost:80", [.origin: origin]) == .crossSite, "\(origin)")
        }
        let site = HTTPField.Name("Sec-Fetch-Site")
        guard let site else { return }
        #expect(refusal("localhost", [site: "cross-site"], method: .post) == .crossSite)
        #expect(refusal("localhost", [site: "cross-site"], method: .get) == nil)
        #expect(refusal("localhost", [site: "same-origin"], method: .post) == nil)
    }
}

@Suite("Request targets") struct RequestTargetTests {
    @Test("path and query are taken apart and decoded")
    func decoded() throws {
        let target = try RequestTarget("/v1/a%20b/%C3%A9?x=1+2&y=%26&flag&x=3")
        #expect(target.segments == ["v1", "a b", "é"])
        #expect(target.path == "/v1/a b/é")
        #expect(target.first(named: "x") == "1 2")
        #expect(target.first(named: "y") == "&")
        #expect(target.first(named: "flag") == "")
        #expect(target.first(named: "z") == nil)
        #expect(target.query.count == 4)
    }
}

@Suite("Floods") struct FloodCounterTests {
    @Test("a burst is allowed up to the capacity, and time forgives")
    func leaks() {
        var counter = FloodCounter(capacity: 3, forgivenPerSecond: 1)
        #expect((0..<4).map { _ in counter.allowsOneMore(at: 0) } == [true, true, true, false])
        let later = counter.allowsOneMore(at: 5_000_000_000)
        #expect(later)
    }
}
