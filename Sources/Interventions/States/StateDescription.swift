package import Models

/// What a stored state is, without its numbers: enough to say whether it fits where a request puts it.
package struct StateDescription: Sendable, Equatable {
    /// Where it was taken; `nil` where nobody said, which fits every site of its width.
    package let site: Site?
    /// The model's layers that its slices belong to, one a slice; `nil` where nobody said.
    package let layers: [Int]?
    /// How many layers it holds.
    package let layerCount: Int
    /// How many positions it holds in each layer.
    package let positions: Int
    package let width: Int

    package init(site: Site?, layers: [Int]?, layerCount: Int, positions: Int, width: Int) {
        precondition(layers.map { $0.count == layerCount } ?? true, "one number a layer")
        self.site = site
        self.layers = layers
        self.layerCount = layerCount
        self.positions = positions
        self.width = width
    }

    /// `[layers, positions, width]`.
    package var shape: [Int] { [layerCount, positions, width] }

    /// The slice that stands for a layer of the model; `nil` if none does.
    ///
    /// One layer without a number fits every layer; several without numbers are the model's first ones.
    package func index(ofLayer layer: Int) -> Int? {
        if let layers { return layers.firstIndex(of: layer) }
        if layerCount == 1 { return 0 }
        return layer < layerCount ? layer : nil
    }
}

extension StateDescription {
    /// Refuses to be used where it does not fit.
    ///
    /// - Parameters:
    ///   - name: what the request calls the state.
    ///   - width: of the site on the model.
    ///   - path: the field that names the state.
    /// - throws: ``InterventionError`` with code `stateMismatch`.
    func check(_ name: String, at used: Site, layers wanted: [Int], width expected: Int, path: String)
        throws(InterventionError)
    {
        func mismatch(_ detail: String) -> InterventionError {
            InterventionError(.stateMismatch, at: path, "\(name) \(detail)")
        }
        if let site, site != used {
            throw mismatch("was taken at \(site.rawValue), and is used at \(used.rawValue)")
        }
        guard width == expected else {
            throw mismatch("is \(width) wide; \(used.rawValue) is \(expected) wide here")
        }
        for layer in wanted where index(ofLayer: layer) == nil {
            let held = layers ?? Array(0..<layerCount)
            throw mismatch(
                "holds layer(s) \(held.compactText) and is used at layer \(layer); "
                    + "a state of one layer without a number fits every layer")
        }
    }
}
