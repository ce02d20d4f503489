package import Numerics

/// A state as a named thing: what a run held at one site, by layer and position, or a combination of such.
package struct StateTensor: Sendable, Equatable {
    package let description: StateDescription
    /// `[layers, positions, width]`, row-major.
    package let elements: [Float]

    package init(_ description: StateDescription, elements: [Float]) {
        precondition(
            elements.count == description.layerCount * description.positions * description.width,
            "\(elements.count) elements do not make \(description.shape)")
        self.description = description
        self.elements = elements
    }

    /// The slice that stands for a layer of the model, `[positions, width]`; `nil` if none does.
    package func rows(atLayer layer: Int) -> Matrix? {
        description.index(ofLayer: layer).map { slice($0) }
    }

    /// The slice at `index`, counted from the state's first layer, `[positions, width]`.
    package func slice(_ index: Int) -> Matrix {
        let count = description.positions * description.width
        return Matrix(
            rows: description.positions, columns: description.width,
            elements: Array(elements[index * count..<(index + 1) * count]))
    }

    /// L2 norms, by layer and position.
    package var norms: [[Double]] {
        (0..<description.layerCount).map { layer in
            let rows = slice(layer)
            return (0..<rows.rows).map { row in
                rows.row(row).reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            }
        }
    }
}
