import Foundation
import Glibc

/// What the kernel says of this process, under the names that Prometheus' client libraries use.
struct ProcessStatistics: Sendable {
    /// Bytes in memory.
    let residentMemory: Double
    /// Bytes of address space.
    let virtualMemory: Double
    /// Seconds of processor time, user and system.
    let processorSeconds: Double
    let openDescriptors: Double
    let maximumDescriptors: Double
    let threads: Double

    /// Reads `/proc/self`; `nil` where it is not there.
    init?() {
        guard let text = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
            let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"),
            // The second field is the program's name in brackets, and may hold spaces.
            let end = text.lastIndex(of: ")")
        else { return nil }
        // From the third field, the state, on (proc_pid_stat(5)).
        let fields = text[text.index(after: end)...].split(separator: " ").map { Double($0) ?? 0 }
        guard fields.count > 21 else { return nil }
        processorSeconds = (fields[11] + fields[12]) / Double(sysconf(Int32(_SC_CLK_TCK)))
        threads = fields[17]
        virtualMemory = fields[20]
        residentMemory = fields[21] * Double(sysconf(Int32(_SC_PAGESIZE)))
        openDescriptors = Double(descriptors.count)
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        maximumDescriptors = Double(limit.rlim_cur)
    }
}
