// As ``StateSum`` makes them: in double precision, rounded once.

extension StateTensor {
    /// The mean of some states: of the runs of one class, say.
    ///
    /// - throws: ``InterventionError`` where there is none, or shapes or layers differ; `path` and the index name it.
    package static func mean(of states: [StateTensor], path: String = "mean") throws(InterventionError) -> StateTensor {
        try known(try StateSum(of: states, path: path).mean, path: path)
    }

    /// The sum of some states.
    ///
    /// - throws: as ``mean(of:path:)``.
    package static func sum(of states: [StateTensor], path: String = "sum") throws(InterventionError) -> StateTensor {
        try known(try StateSum(of: states, path: path).sum, path: path)
    }

    /// `first` − `second`: the direction from one state to another.
    ///
    /// - throws: as ``mean(of:path:)``.
    package static func difference(_ first: StateTensor, _ second: StateTensor, path: String = "difference")
        throws(InterventionError) -> StateTensor
    {
        var sum = try StateSum(of: [first], path: path)
        try sum.add(second, weight: -1, path: "\(path)[1]")
        return try known(sum.sum, path: path)
    }

    /// The mean over positions, as a state of one position.
    package var pooled: StateTensor {
        var sum = StateSum()
        // The first state of a sum fits any sum.
        guard (try? sum.add(self, path: "")) != nil, let pooled = sum.pooledMean else { return self }
        return pooled
    }

    private static func known(_ state: StateTensor?, path: String) throws(InterventionError) -> StateTensor {
        guard let state else {
            throw InterventionError(.stateMismatch, at: path, "the list is empty; name at least one state")
        }
        return state
    }
}

extension StateSum {
    fileprivate init(of states: [StateTensor], path: String) throws(InterventionError) {
        self.init()
        for (at, state) in states.enumerated() { try add(state, path: "\(path)[\(at)]") }
    }
}
