import Foundation
import HTTPServer
import HTTPTypes
import Interventions
import Jobs
import Metrics
import Store
import StrictJSON

/// `GET /metrics`: what Prometheus reads.
///
/// Nothing is summed up beforehand: counters are read, the store is asked for the queue, the kernel for the process.
struct MetricsEndpoint: Sendable {
    let jobs: JobService
    let requests: RequestMeter
    /// When the process began to serve.
    let began = Date()

    @Sendable func metrics(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        var page = MetricsText()
        writeRequests(&page)
        try await writeQueue(&page)
        writeWork(&page)
        writeStore(&page)
        writeProcess(&page)
        return Response(
            headerFields: [.contentType: MetricsText.contentType, .cacheControl: "no-store"],
            content: .bytes(Array(page.text.utf8)))
    }

    private func writeRequests(_ page: inout MetricsText) {
        page.counter(
            "narrowgate_http_requests_total", "Requests by method, route and status.", requests.requests.samples)
        page.histogram(
            "narrowgate_http_request_duration_seconds",
            "From a request that is whole to the last piece of its answer, by route.",
            requests.observed.map { (labels: [("route", $0.route)], snapshot: $0.snapshot) })
    }

    private func writeQueue(_ page: inout MetricsText) async throws {
        let depth = try await jobs.store.queueDepth()
        page.gauge(
            "narrowgate_jobs", "Jobs that have not ended, by status.",
            JobStatus.allCases.compactMap { status in
                depth.jobs[status].map { MetricSample([("status", status.rawValue)], Double($0)) }
            })
        page.gauge("narrowgate_jobs_limit", "How many unfinished jobs the queue takes.", Double(jobs.queue.limit))
        let age = depth.oldestQueued.map { Double(Timestamp.now().milliseconds - $0.milliseconds) / 1000 }
        page.gauge(
            "narrowgate_queue_oldest_seconds", "Age of the oldest job that nobody has begun.", max(0, age ?? 0))
        let waiting = jobs.engine.waiting
        page.gauge(
            "narrowgate_engine_waiting", "Bodies that wait for the engine's thread, by lane.",
            [
                MetricSample([("lane", "interactive")], Double(waiting.interactive)),
                MetricSample([("lane", "batch")], Double(waiting.batch)),
            ])
    }

    private func writeWork(_ page: inout MetricsText) {
        let work = jobs.caches.work
        page.counter("narrowgate_cells_total", "Cells computed, by kind and status.", work.cells.samples)
        page.counter("narrowgate_tokens_total", "Tokens of cells, by kind and part.", work.tokens.samples)
        page.counter(
            "narrowgate_prefix_tokens_reused_total", "Prompt tokens that were taken from a clean run.",
            Double(work.reusedTokens.value))
        let (runs, images) = (jobs.caches.cleanRuns.account, jobs.caches.images.account)
        func outcomes(_ cache: String, hits: Int, misses: Int) -> [MetricSample] {
            [
                MetricSample([("cache", cache), ("outcome", "hit")], Double(hits)),
                MetricSample([("cache", cache), ("outcome", "miss")], Double(misses)),
            ]
        }
        page.counter(
            "narrowgate_cache_requests_total", "What was looked for in the engine's caches, and found or not.",
            outcomes("clean_runs", hits: runs.hits, misses: runs.misses)
                + outcomes("images", hits: images.hits, misses: images.misses))
        page.gauge("narrowgate_clean_run_cache_bytes", "Kept in the cache of clean runs.", Double(runs.bytes))
    }

    private func writeStore(_ page: inout MetricsText) {
        page.histogram(
            "narrowgate_sqlite_transaction_duration_seconds",
            "How long transactions took their callers, waiting for a connection included, by access.",
            [
                (labels: [("access", "read")], snapshot: jobs.store.readTimes.snapshot),
                (labels: [("access", "write")], snapshot: jobs.store.writeTimes.snapshot),
            ])
        page.gauge(
            "narrowgate_sqlite_file_bytes", "Size of the database's files.",
            [("database", ""), ("wal", "-wal")].map { name, suffix in
                let attributes = try? FileManager.default.attributesOfItem(atPath: jobs.store.path + suffix)
                return MetricSample([("file", name)], (attributes?[.size] as? NSNumber)?.doubleValue ?? 0)
            })
    }

    private func writeProcess(_ page: inout MetricsText) {
        page.gauge(
            "narrowgate_build_info", "Version and build of this program; always 1.",
            [MetricSample([("engine", Provenance.engine)], 1)])
        page.gauge(
            "process_start_time_seconds", "When the process began to serve, Unix time.", began.timeIntervalSince1970)
        guard let process = ProcessStatistics() else { return }
        page.gauge("process_resident_memory_bytes", "Memory in use.", process.residentMemory)
        page.gauge("process_virtual_memory_bytes", "Address space in use.", process.virtualMemory)
        page.counter("process_cpu_seconds_total", "Processor time, user and system.", process.processorSeconds)
        page.gauge("process_open_fds", "Open file descriptors.", process.openDescriptors)
        page.gauge("process_max_fds", "The most file descriptors that may be open.", process.maximumDescriptors)
        page.gauge("process_threads", "Threads.", process.threads)
    }
}
