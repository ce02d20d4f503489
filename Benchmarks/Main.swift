import Foundation
import Models

// `benchmarks kernels` prints a table; `benchmarks worker FOLDER [FORMAT]` reads measurements from standard input.
@main struct Benchmarks {
    static func main() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch arguments.first {
        case "kernels": KernelTable().print()
        case "worker" where arguments.count > 1:
            // On a thread of its own, as the server's engine is: it then allocates from another arena than the main thread.
            let thread = Thread {
                do { try work(arguments) } catch { say("error \(error)") }
                exit(0)
            }
            thread.stackSize = 16 << 20
            thread.start()
            while true { sleep(1000) }
        default:
            FileHandle.standardError.write(Data("usage: benchmarks kernels | benchmarks worker FOLDER [FORMAT]\n".utf8))
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
        say("ready \(seconds) \(model.numberFormat.rawValue)")
        var worker = Worker(model)
        while let line = readLine() {
            do { say("\(try worker.answer(line))") } catch { say("error \(error)") }
        }
    }

    private static func say(_ line: String) {
        print(line)
        fflush(nil)
    }
}
