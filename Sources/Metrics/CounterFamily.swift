import Synchronization

/// Counters of one name, told apart by the values of their labels.
///
/// The lock is held for one look-up in a dictionary, and whoever counts the same again and again keeps the ``counter(_:)``.
package final class CounterFamily: Sendable {
    package let labels: [String]
    private let counters = Mutex([[String]: Counter]())

    /// - Parameter labels: the labels' names, in the order in which ``add(_:_:)`` takes their values.
    package init(_ labels: String...) { self.labels = labels }

    /// - precondition: a value for each label.
    package func add(_ values: String..., count: Int = 1) { counter(values).add(count) }

    /// The counter of these values, to be counted on without a look-up.
    ///
    /// - precondition: a value for each label.
    package func counter(_ values: [String]) -> Counter {
        precondition(values.count == labels.count, "a value for each of \(labels)")
        return counters.withLock { counters in
            if let known = counters[values] { return known }
            let counter = Counter()
            counters[values] = counter
            return counter
        }
    }

    /// Every counter that was ever added to, in the order of its labels' values.
    package var samples: [MetricSample] {
        let counts = counters.withLock { $0.map { (values: $0.key, count: $0.value.value) } }
        return counts.filter { $0.count > 0 }.sorted { $0.values.lexicographicallyPrecedes($1.values) }.map {
            MetricSample(Array(zip(labels, $0.values)), Double($0.count))
        }
    }
}
