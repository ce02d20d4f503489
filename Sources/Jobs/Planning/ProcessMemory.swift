import Foundation
import Glibc

/// The memory that this process holds.
struct ProcessMemory {
    /// Bytes in memory, mapped files' counted (`VmRSS`).
    let resident: Int

    /// As it is now; nothing where the kernel does not say.
    static var now: ProcessMemory {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return ProcessMemory(resident: pages * Int(sysconf(Int32(_SC_PAGESIZE))))
    }

    /// The most that the process will hold while something that needs so many bytes is done. What the allocator has idle may be
    /// used for it, and is not counted on.
    func peak(needing bytes: Int) -> Int { resident + bytes }
}
