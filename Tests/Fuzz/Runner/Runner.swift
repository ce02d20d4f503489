import Foundation
import FuzzTargets

/// What libFuzzer calls with every input; its own `main` is linked to it. `FUZZ_TARGET` names the target.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
        try target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    } catch {
        // The way to tell libFuzzer: it keeps the input and ends.
        fatalError("\(error)")
    }
    return 0
}

private let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget.named(name) else {
        fatalError("FUZZ_TARGET is \"\(name)\"; targets are \(FuzzTarget.all.map(\.name).joined(separator: ", "))")
    }
    return target
}()
