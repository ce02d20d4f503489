import Synchronization

/// Counters of one name, told apart by the values of their labels.
///
/// The lock is held for one look-up in a dictionary. What is counted here happens once a request or once a cell.
package final class CounterFamily: Sendable {
    package let labels: [String]
    private let counts = Mutex([[String]: Int]())

    /// - Parameter labels: the labels' names, in the order in which ``add(_:_:)`` takes their values.
    package init(_ labels: String...) { self.labels = labels }

    /// - precondition: a value for each label.
    package func add(_ values: String..., count: Int = 1) {
        precondition(values.count == labels.count, "a value for each of \(labels)")
        counts.withLock { $0[values, default: 0] += count }
    }

    /// Every counter that was ever added to, in the order of its labels' values.
    package var samples: [MetricSample] {
        let counts = counts.withLock { $0 }
        return counts.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map {
            MetricSample(Array(zip(labels, $0.key)), Double($0.value))
        }
    }
}
