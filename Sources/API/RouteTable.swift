import HTTPServer
import HTTPTypes

/// What a method and a path pattern lead to.
struct Route: Sendable {
    let method: HTTPRequest.Method
    /// As it was added: `/v1/jobs/{id}`. Metrics and logs name the route so, whatever the path was.
    let pattern: String
    /// Who may use it once there are keys.
    let access: Access
    let endpoint: Routes.Endpoint
}

/// Every route, to be found by requests and to be listed.
struct RouteTable: Sendable {
    private(set) var routes: [Route] = []
    private var router = Router<Route>()

    mutating func add(
        _ method: HTTPRequest.Method, _ pattern: String, access: Access = .key, _ endpoint: @escaping Routes.Endpoint
    ) {
        let route = Route(method: method, pattern: pattern, access: access, endpoint: endpoint)
        routes.append(route)
        router.add(method, pattern, route)
    }

    func match(_ method: HTTPRequest.Method, _ segments: [String]) -> Router<Route>.Match {
        router.match(method, segments)
    }
}

extension Router<Route>.Match {
    /// The pattern of what was found.
    var pattern: String {
        if case .found(let route, _) = self { return route.pattern }
        return RequestMeter.unrouted
    }

    /// Who may ask. What is not there is told to keys only, so that the paths are not for everybody to try.
    var access: Access {
        switch self {
        case .found(let route, _): route.access
        case .options: .open
        case .notFound, .methodNotAllowed: .key
        }
    }
}
