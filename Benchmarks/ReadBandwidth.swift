import Dispatch
import Foundation
import Numerics

/// How fast this machine reads memory: what decoding is measured against, since a step reads every weight once.
///
/// Every thread reads a share of its own, as one run or as several side by side, which the processor fetches ahead each for
/// itself. The best of them is the ceiling.
struct ReadBandwidth {
    private let bytes = 1 << 30
    private let turns = 11

    /// A line each way: how many runs a thread, the best and the median turn in gigabytes a second.
    func print() {
        let region = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 4096)
        defer { region.deallocate() }
        region.initializeMemory(as: UInt8.self, repeating: 1)
        for runs in [1, 2, 4, 8] {
            let speeds = (0..<turns).map { _ in speed(UnsafeRawBufferPointer(region), runs: runs) }.sorted()
            Swift.print("bandwidth \(runs) \(speeds[turns - 1]) \(speeds[turns / 2])")
        }
    }

    private func speed(_ region: UnsafeRawBufferPointer, runs: Int) -> Double {
        let threads = Kernels.threads
        let share = region.count / threads / (64 * runs) * (64 * runs)
        var sums = [UInt64](repeating: 0, count: threads)
        let start = ContinuousClock.now
        sums.withUnsafeMutableBufferPointer { sums in
            // Each thread writes the one element that is its own.
            nonisolated(unsafe) let sums = sums
            nonisolated(unsafe) let region = region
            DispatchQueue.concurrentPerform(iterations: threads) { thread in
                let part = UnsafeRawBufferPointer(rebasing: region[thread * share..<(thread + 1) * share])
                sums[thread] = Self.sum(part, runs: runs)
            }
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        // Whoever looks at the sum makes sure that it was computed.
        guard sums.contains(where: { $0 != 0 }) else { return .nan }
        return Double(share * threads) / seconds * 1e-9
    }

    @inline(never) private static func sum(_ part: UnsafeRawBufferPointer, runs: Int) -> UInt64 {
        let run = part.count / runs
        var sums = SIMD8<UInt64>.zero
        for offset in stride(from: 0, to: run, by: 64) {
            for index in 0..<runs {
                sums &+= part.load(fromByteOffset: index * run + offset, as: SIMD8<UInt64>.self)
            }
        }
        return sums.wrappedSum()
    }
}
