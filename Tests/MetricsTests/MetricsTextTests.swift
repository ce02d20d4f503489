import Metrics
import Testing

@Suite("Metrics") struct MetricsTextTests {
    @Test("a histogram's buckets add up, and end with all observations")
    func histogram() {
        let histogram = Histogram(bounds: [0.25, 1])
        for seconds in [0.125, 0.25, 0.5, 4] { histogram.observe(seconds) }
        var page = MetricsText()
        page.histogram("work_seconds", "How long.", [(labels: [("kind", "a")], snapshot: histogram.snapshot)])
        #expect(
            page.text == """
                # HELP work_seconds How long.
                # TYPE work_seconds histogram
                work_seconds_bucket{kind="a",le="0.25"} 2
                work_seconds_bucket{kind="a",le="1"} 3
                work_seconds_bucket{kind="a",le="+Inf"} 4
                work_seconds_sum{kind="a"} 4.875
                work_seconds_count{kind="a"} 4

                """)
    }

    @Test("labels and help are escaped")
    func escapes() {
        var page = MetricsText()
        page.gauge("g", "a \\ and\na line", [MetricSample([("x", "\"\\\n")], .infinity)])
        #expect(page.text == "# HELP g a \\\\ and\\na line\n# TYPE g gauge\ng{x=\"\\\"\\\\\\n\"} +Inf\n")
    }

    @Test("counters of a family are told apart by their labels, and count from many tasks")
    func counters() async {
        let family = CounterFamily("kind", "status")
        let total = Counter()
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<8 {
                tasks.addTask {
                    for _ in 0..<1000 {
                        family.add("b", "ok")
                        total.add(2)
                    }
                    family.add("a", "ok", count: 3)
                }
            }
        }
        // One that is kept counts on without a look-up; one that never counted is no sample.
        family.counter(["b", "ok"]).add(5)
        _ = family.counter(["c", "ok"])
        #expect(total.value == 16_000)
        #expect(
            family.samples == [
                MetricSample([("kind", "a"), ("status", "ok")], 24),
                MetricSample([("kind", "b"), ("status", "ok")], 8005),
            ])
    }
}
