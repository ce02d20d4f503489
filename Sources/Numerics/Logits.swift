import CKernels

/// What a row of logits is read for: its largest entry, and exponentials for a softmax in double precision.
package enum Logits {
    /// The largest entry and its index, the first of equal ones; `nil` of none.
    package static func largest(_ logits: [Float]) -> (index: Int, value: Float)? {
        guard var value = logits.first else { return nil }
        var index = 0
        for (at, logit) in logits.enumerated() where logit > value { (index, value) = (at, logit) }
        return (index, value)
    }

    /// `Σ exp(logits - peak)`; entries more than 708 below the peak add nothing.
    ///
    /// - Parameter peak: the largest entry.
    package static func exponentialSum(_ logits: [Float], peak: Float) -> Double {
        logits.withUnsafeBufferPointer { logits in
            guard let start = logits.baseAddress else { return 0 }
            return ckernels_exponentials(Kernels.level, logits.count, start, Double(peak), nil)
        }
    }

    /// `exp(logits - peak)`, and their sum.
    package static func exponentials(_ logits: [Float], peak: Float) -> (weights: [Double], sum: Double) {
        var sum = 0.0
        let weights = [Double](unsafeUninitializedCapacity: logits.count) { weights, count in
            logits.withUnsafeBufferPointer { logits in
                // As many weights as logits, all of which are written.
                guard let start = logits.baseAddress, let weights = weights.baseAddress else { return }
                sum = ckernels_exponentials(Kernels.level, logits.count, start, Double(peak), weights)
                count = logits.count
            }
        }
        return (weights, sum)
    }
}
