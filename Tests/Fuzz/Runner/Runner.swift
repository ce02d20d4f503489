import Foundation
import FuzzTargets

/// libFuzzer, on the target that the environment's `FUZZ_TARGET` names; the arguments are libFuzzer's.
@main
enum Runner {
    /// Set once, by the first input.
    static let target: FuzzTarget = {
        let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
        guard let target = FuzzTarget.named(name) else {
            fatalError("FUZZ_TARGET is \"\(name)\"; targets are \(FuzzTarget.all.map(\.name).joined(separator: ", "))")
        }
        return target
    }()

    static func main() {
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        exit(runDriver(&count, &arguments) { testOneInput($0, $1) })
    }
}

/// What libFuzzer calls with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
        try Runner.target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    } catch {
        // The way to tell libFuzzer: it keeps the input and ends.
        fatalError("\(error)")
    }
    return 0
}

/// libFuzzer's own `main`, under another name: SwiftPM gives the program its `main`.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt
