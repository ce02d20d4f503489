package import HTTPTypes

/// Finds what a method and a path lead to.
///
/// A pattern is literal segments and captures: `/v1/jobs/{id}/cancel`. A literal is preferred to a
/// capture; a capture takes one segment that is not empty. Knows nothing of what it leads to.
package struct Router<Endpoint: Sendable>: Sendable {
    /// What was found.
    package enum Match: Sendable {
        /// The endpoint and what its pattern captured. `HEAD` finds the endpoint of `GET`.
        case found(Endpoint, PathParameters)
        /// No pattern fits the path: 404.
        case notFound
        /// A pattern fits, not with this method: 405 with these in `Allow`.
        case methodNotAllowed(allow: [HTTPRequest.Method])
        /// `OPTIONS` for a path that has no endpoint of its own for it: 204 with these in `Allow`.
        case options(allow: [HTTPRequest.Method])
    }

    private struct Route: Sendable {
        let method: HTTPRequest.Method
        let endpoint: Endpoint
        let parameterNames: [String]
    }

    /// One position in the tree of patterns; children are indices into `nodes`.
    private struct Node: Sendable {
        var literals: [String: Int] = [:]
        var capture: Int?
        var routes: [Route] = []
    }

    private var nodes = [Node()]

    package init() {}

    /// Leads `method` on `pattern` to `endpoint`.
    ///
    /// - precondition: the pattern begins with a slash, and the same method and pattern are given once.
    package mutating func add(_ method: HTTPRequest.Method, _ pattern: String, _ endpoint: Endpoint) {
        precondition(pattern.hasPrefix("/"), "the pattern \(pattern) must begin with a slash")
        var at = 0
        var names: [String] = []
        let segments = pattern == "/" ? [] : pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        for segment in segments {
            let isCapture = segment.hasPrefix("{") && segment.hasSuffix("}")
            if isCapture { names.append(String(segment.dropFirst().dropLast())) }
            let known = isCapture ? nodes[at].capture : nodes[at].literals[String(segment)]
            let next = known ?? nodes.count
            if known == nil {
                nodes.append(Node())
                if isCapture { nodes[at].capture = next } else { nodes[at].literals[String(segment)] = next }
            }
            at = next
        }
        precondition(!nodes[at].routes.contains { $0.method == method }, "\(method) \(pattern) is there twice")
        nodes[at].routes.append(Route(method: method, endpoint: endpoint, parameterNames: names))
    }

    /// What `method` on the decoded `segments` leads to. Patterns that fit only with other methods
    /// add up in `Allow`.
    package func match(_ method: HTTPRequest.Method, _ segments: [String]) -> Match {
        if method == .options, segments == ["*"] {
            var all: [HTTPRequest.Method] = []
            for node in nodes { collect(node.routes, into: &all) }
            return .options(allow: Self.complete(all))
        }
        var captured: [String] = []
        var allow: [HTTPRequest.Method] = []
        if let route = search(method, segments[...], from: 0, &captured, &allow) {
            let parameters = PathParameters(Array(zip(route.parameterNames, captured)))
            return .found(route.endpoint, parameters)
        }
        guard !allow.isEmpty else { return .notFound }
        let complete = Self.complete(allow)
        return method == .options ? .options(allow: complete) : .methodNotAllowed(allow: complete)
    }

    private func search(
        _ method: HTTPRequest.Method, _ rest: ArraySlice<String>, from at: Int, _ captured: inout [String],
        _ allow: inout [HTTPRequest.Method]
    ) -> Route? {
        guard let segment = rest.first else {
            let routes = nodes[at].routes
            if let route = routes.first(where: { $0.method == method }) { return route }
            if method == .head, let route = routes.first(where: { $0.method == .get }) { return route }
            collect(routes, into: &allow)
            return nil
        }
        if let next = nodes[at].literals[segment],
            let route = search(method, rest.dropFirst(), from: next, &captured, &allow)
        {
            return route
        }
        guard let next = nodes[at].capture, !segment.isEmpty else { return nil }
        captured.append(segment)
        if let route = search(method, rest.dropFirst(), from: next, &captured, &allow) { return route }
        captured.removeLast()
        return nil
    }

    private func collect(_ routes: [Route], into allow: inout [HTTPRequest.Method]) {
        for route in routes where !allow.contains(route.method) { allow.append(route.method) }
    }

    private static func complete(_ methods: [HTTPRequest.Method]) -> [HTTPRequest.Method] {
        var all = methods
        if all.contains(.get), !all.contains(.head) { all.append(.head) }
        if !all.contains(.options) { all.append(.options) }
        return all.sorted { $0.rawValue < $1.rawValue }
    }
}

/// What the captures of a pattern took from a path, decoded.
package struct PathParameters: Sendable {
    private let pairs: [(name: String, value: String)]

    init(_ pairs: [(String, String)]) {
        self.pairs = pairs.map { (name: $0.0, value: $0.1) }
    }

    /// The segment captured as `name`, or `nil` if the pattern has no such capture.
    package subscript(name: String) -> String? {
        pairs.first { $0.name == name }?.value
    }
}
