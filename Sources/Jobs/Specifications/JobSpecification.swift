import Interventions
package import StrictJSON

/// What a job is to do: the value that HTTP, the command line and the store share.
package enum JobSpecification: Sendable, Equatable {
    case caption(CaptionSpecification)
    case knockout(KnockoutSpecification)
    case patch(PatchSpecification)

    package var kind: JobKind {
        switch self {
        case .caption: .caption
        case .knockout: .knockout
        case .patch: .patch
        }
    }

    package var model: String {
        switch self {
        case .caption(let specification): specification.model
        case .knockout(let specification): specification.model
        case .patch(let specification): specification.model
        }
    }

    /// The request as accepted, in the shape that it came in with defaults filled in.
    package var json: JSONValue {
        switch self {
        case .caption(let specification): specification.json
        case .knockout(let specification): specification.json
        case .patch(let specification): specification.json
        }
    }

    /// Reads a request's members; the caller finishes them after reading its own (`dry_run`).
    ///
    /// - throws: ``JSONError`` naming the field that is missing or wrong.
    package init(_ kind: JobKind, _ members: JSONFields, defaultModel: String) throws(JSONError) {
        switch kind {
        case .caption: self = .caption(try CaptionSpecification(members, defaultModel: defaultModel))
        case .knockout: self = .knockout(try KnockoutSpecification(members, defaultModel: defaultModel))
        case .patch: self = .patch(try PatchSpecification(members, defaultModel: defaultModel))
        }
    }

    /// Reads back what ``json`` wrote.
    package init(_ kind: JobKind, stored text: String) throws(JSONError) {
        let members = try JSONField(try JSONParser.parse(text)).object()
        try self.init(kind, members, defaultModel: "")
        try members.finish()
    }

    /// Every picture that the request names, each with its field's path, through `replace`.
    ///
    /// Submission uses it to store `data:` URLs and to put digests in their place.
    package mutating func mapImages(
        _ replace: (_ reference: String, _ path: String) async throws -> String
    ) async throws {
        switch self {
        case .caption(var specification):
            for index in specification.inputs.indices {
                let path = specification.isSingle ? "image" : "inputs[\(index)].image"
                specification.inputs[index].image = try await replace(specification.inputs[index].image, path)
            }
            if var set = specification.interventions {
                try await set.mapImages(path: "interventions", replace)
                specification.interventions = set
            }
            self = .caption(specification)
        case .knockout(var specification):
            for index in specification.inputs.indices {
                specification.inputs[index].image = try await replace(
                    specification.inputs[index].image, "inputs[\(index)].image")
            }
            for index in specification.variants.indices {
                try await specification.variants[index].interventions.mapImages(path: "variants[\(index)]", replace)
            }
            self = .knockout(specification)
        case .patch(var specification):
            for index in specification.pairs.indices {
                specification.pairs[index].base = try await replace(
                    specification.pairs[index].base, "pairs[\(index)].base")
                specification.pairs[index].source = try await replace(
                    specification.pairs[index].source, "pairs[\(index)].source")
            }
            self = .patch(specification)
        }
    }

    /// Every state that the request names, each with its field's path, through `replace`.
    ///
    /// Submission uses it to look them up, the command line to put digests in the place of files' paths.
    package mutating func mapStates(
        _ replace: (_ name: String, _ path: String) async throws -> String
    ) async throws {
        switch self {
        case .caption(var specification):
            try await specification.interventions?.mapStates(path: "interventions", replace)
            self = .caption(specification)
        case .knockout(var specification):
            for index in specification.variants.indices {
                try await specification.variants[index].interventions.mapStates(path: "variants[\(index)]", replace)
            }
            self = .knockout(specification)
        case .patch: break
        }
    }
}
