import Models

// Sums are made in double precision and rounded once, so that a mean of equal states is that state.

extension StateTensor {
    /// The mean of some states: of the runs of one class, say.
    ///
    /// - throws: ``InterventionError`` where there is none, or shapes or layers differ; `path` and the index name it.
    package static func mean(of states: [StateTensor], path: String = "mean") throws(InterventionError) -> StateTensor {
        let (description, sums) = try sum(of: states, weights: states.map { _ in 1 }, path: path)
        return StateTensor(description, elements: sums.map { Float($0 / Double(states.count)) })
    }

    /// The sum of some states.
    ///
    /// - throws: as ``mean(of:path:)``.
    package static func sum(of states: [StateTensor], path: String = "sum") throws(InterventionError) -> StateTensor {
        let (description, sums) = try sum(of: states, weights: states.map { _ in 1 }, path: path)
        return StateTensor(description, elements: sums.map { Float($0) })
    }

    /// `first` − `second`: the direction from one state to another.
    ///
    /// - throws: as ``mean(of:path:)``.
    package static func difference(_ first: StateTensor, _ second: StateTensor, path: String = "difference")
        throws(InterventionError) -> StateTensor
    {
        let (description, sums) = try sum(of: [first, second], weights: [1, -1], path: path)
        return StateTensor(description, elements: sums.map { Float($0) })
    }

    /// The mean over positions, as a state of one position.
    package var pooled: StateTensor {
        let shape = description
        var elements: [Float] = []
        elements.reserveCapacity(shape.layerCount * shape.width)
        for layer in 0..<shape.layerCount {
            for column in 0..<shape.width {
                var sum = 0.0
                for position in 0..<shape.positions {
                    sum += Double(self.elements[(layer * shape.positions + position) * shape.width + column])
                }
                elements.append(Float(sum / Double(shape.positions)))
            }
        }
        return StateTensor(
            StateDescription(
                site: shape.site, layers: shape.layers, layerCount: shape.layerCount, positions: 1, width: shape.width),
            elements: elements)
    }

    private static func sum(of states: [StateTensor], weights: [Double], path: String) throws(InterventionError)
        -> (description: StateDescription, sums: [Double])
    {
        guard let first = states.first?.description else {
            throw InterventionError(.stateMismatch, at: path, "the list is empty; name at least one state")
        }
        var sums = [Double](repeating: 0, count: states[0].elements.count)
        var (site, layers) = (first.site, first.layers)
        for (at, state) in states.enumerated() {
            let other = state.description
            guard other.shape == first.shape else {
                throw InterventionError(
                    .stateMismatch, at: "\(path)[\(at)]",
                    "has the shape \(other.shape), and the first has \(first.shape)")
            }
            // What disagrees is no longer known; several layers of unlike numbers do not belong together.
            if other.site != site { site = nil }
            if other.layers != layers {
                guard first.layerCount == 1 else {
                    throw InterventionError(
                        .stateMismatch, at: "\(path)[\(at)]", "holds other layers than the first")
                }
                layers = nil
            }
            for index in sums.indices { sums[index] += weights[at] * Double(state.elements[index]) }
        }
        let description = StateDescription(
            site: site, layers: layers, layerCount: first.layerCount, positions: first.positions, width: first.width)
        return (description, sums)
    }
}
