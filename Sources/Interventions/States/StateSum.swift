/// States on their way to being one: a weighted sum in double precision, rounded once.
///
/// One state is held at a time, however many are added, and a mean of equal states is that state.
package struct StateSum: Sendable {
    /// What is known of the sum: what all states that were added agree on.
    package private(set) var description: StateDescription?
    /// How many were added.
    package private(set) var count = 0
    private var sums: [Double] = []

    package init() {}

    /// Adds a state.
    ///
    /// - Parameter path: the field that names the state.
    /// - throws: ``InterventionError`` with code `stateMismatch` where its shape, or the layers that it has several of,
    ///   are not those of the first.
    package mutating func add(_ state: StateTensor, weight: Double = 1, path: String) throws(InterventionError) {
        let other = state.description
        count += 1
        guard let known = description else {
            description = other
            sums = state.elements.map { weight * Double($0) }
            return
        }
        guard other.shape == known.shape else {
            throw InterventionError(
                .stateMismatch, at: path, "has the shape \(other.shape), and the first has \(known.shape)")
        }
        // What disagrees is no longer known; several layers of unlike numbers do not belong together.
        guard other.layers == known.layers || known.layerCount == 1 else {
            throw InterventionError(.stateMismatch, at: path, "holds other layers than the first")
        }
        description = StateDescription(
            site: other.site == known.site ? known.site : nil,
            layers: other.layers == known.layers ? known.layers : nil, layerCount: known.layerCount,
            positions: known.positions, width: known.width)
        for (index, element) in state.elements.enumerated() { sums[index] += weight * Double(element) }
    }

    /// The sum; `nil` where nothing was added.
    package var sum: StateTensor? { state { Float($0) } }

    /// The sum over the number of states; `nil` where nothing was added.
    package var mean: StateTensor? { state { [count] in Float($0 / Double(count)) } }

    private func state(_ rounded: (Double) -> Float) -> StateTensor? {
        description.map { StateTensor($0, elements: sums.map(rounded)) }
    }

    /// The mean over states and their positions, as a state of one position; `nil` where nothing was added.
    package var pooledMean: StateTensor? {
        guard let shape = description else { return nil }
        var elements: [Float] = []
        elements.reserveCapacity(shape.layerCount * shape.width)
        for layer in 0..<shape.layerCount {
            for column in 0..<shape.width {
                var sum = 0.0
                for position in 0..<shape.positions {
                    sum += sums[(layer * shape.positions + position) * shape.width + column]
                }
                elements.append(Float(sum / Double(shape.positions * count)))
            }
        }
        return StateTensor(
            StateDescription(
                site: shape.site, layers: shape.layers, layerCount: shape.layerCount, positions: 1, width: shape.width),
            elements: elements)
    }
}
