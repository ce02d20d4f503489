import Foundation
import Models
import Numerics

// `benchmarks kernels` and `benchmarks measure FOLDER` print tables; `benchmarks worker FOLDER [FORMAT]` reads measurements from
// standard input.
@main struct Benchmarks {
    static func main() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch arguments.first {
        case "kernels": KernelTable().print()
        case "worker" where arguments.count > 1, "measure" where arguments.count > 1:
            // On a thread of its own, as the server's engine is: it then allocates from another arena than the main thread.
            let thread = Thread {
                do { try work(arguments) } catch { say("error \(error)") }
                exit(0)
            }
            thread.stackSize = 16 << 20
            thread.start()
            while true { sleep(1000) }
        default:
            FileHandle.standardError.write(
                Data("usage: benchmarks kernels | measure FOLDER [FORMAT] | worker FOLDER [FORMAT]\n".utf8))
            exit(2)
        }
    }

    private static func work(_ arguments: [String]) throws {
        let format = arguments.count > 2 ? NumberFormat(rawValue: arguments[2]) : nil
        NumericKernels.prepare()
        let start = ContinuousClock.now
        let model = try VisionLanguageModel(
            directory: URL(filePath: arguments[1]), name: "benchmark", numberFormat: format)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        var worker = Worker(model)
        guard arguments[0] == "worker" else { return try measure(&worker, model, loading: seconds) }
        say("ready \(seconds) \(model.numberFormat.rawValue)")
        while let line = readLine() {
            do { say("\(try worker.answer(line))") } catch { say("error \(error)") }
        }
    }

    /// Medians of five turns each, after one that compiles kernels and touches pages.
    private static func measure(_ worker: inout Worker, _ model: VisionLanguageModel, loading: Double) throws {
        func median(_ line: String) throws -> Double {
            _ = try worker.answer(line)
            return try (0..<5).map { _ in try worker.answer(line) }.sorted()[2]
        }
        let tokens = 1050
        say(
            "\(model.parameterCount) parameters, \(model.numberFormat.rawValue), \(Kernels.threads) threads; medians of 5"
        )
        say(String(format: "load              %8.2f s", loading))
        say(String(format: "encode a picture  %8.2f s", try median("encode")))
        let prefill = try median("prefill \(tokens)")
        say(
            String(format: "prefill           %8.2f s   %8.0f tokens/s of \(tokens)", prefill, Double(tokens) / prefill)
        )
        for sequences in [1, 4, 8, 16] {
            let step = try median("decode \(tokens) \(sequences) 10")
            say(
                String(
                    format: "decode %2d together %7.1f ms  %8.0f tokens/s", sequences, step * 1e3,
                    Double(sequences) / step))
        }
    }

    private static func say(_ line: String) {
        print(line)
        fflush(nil)
    }
}
