import Interventions

extension InterventionSet {
    /// Every picture that the set names, each with its field's path, through `replace`.
    mutating func mapImages(
        path: String, _ replace: (_ reference: String, _ path: String) async throws -> String
    ) async throws {
        for index in patches.indices {
            guard var source = patches[index].source else { continue }
            let sourcePath = "\(path).patches[\(index)].source"
            if let image = source.image { source.image = try await replace(image, "\(sourcePath).image") }
            try await source.interventions?.mapImages(path: "\(sourcePath).interventions", replace)
            patches[index].source = source
        }
    }

    /// Every state that the set names, each with its field's path, through `replace`.
    mutating func mapStates(
        path: String, _ replace: (_ name: String, _ path: String) async throws -> String
    ) async throws {
        for index in patches.indices {
            guard var source = patches[index].source else { continue }
            let sourcePath = "\(path).patches[\(index)].source"
            if let state = source.state { source.state = try await replace(state, "\(sourcePath).state") }
            try await source.interventions?.mapStates(path: "\(sourcePath).interventions", replace)
            patches[index].source = source
        }
        for index in steers.indices {
            steers[index].direction = try await replace(
                steers[index].direction, "\(path).steers[\(index)].direction.state")
        }
    }
}
