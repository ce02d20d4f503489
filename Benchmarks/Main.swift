import Foundation
import Models
import Numerics

// Measures this machine's kernels, and answers `Benchmarks/suite`, which makes tables of the whole.
@main struct Benchmarks {
    private static let usage = """
        usage: benchmarks kernels                                     linear products beside their libraries, as a table
               benchmarks bandwidth                                   how fast memory is read
               benchmarks products HIDDEN INTERMEDIATE HEADS ROWS     a layer's products, here and in oneDNN
               benchmarks worker FOLDER [FORMAT]                      measures what standard input says, a line each

        """

    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let numbers = arguments.dropFirst().compactMap(Int.init).filter { $0 > 0 }
        switch arguments.first {
        case "kernels":
            KernelTable().print()
        case "bandwidth":
            ReadBandwidth().print()
        case "products" where numbers.count == 4 && numbers[0] % numbers[2] == 0:
            NumericKernels.prepare()
            DecoderProducts(
                hidden: numbers[0], intermediate: numbers[1], heads: numbers[2], rows: numbers[3]
            ).print()
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
            FileHandle.standardError.write(Data(usage.utf8))
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
        say("ready \(seconds) \(model.numberFormat.rawValue) \(model.parameterCount)")
        while let line = readLine() {
            do { say("\(try worker.answer(line))") } catch { say("error \(error)") }
        }
    }

    private static func say(_ line: String) {
        print(line)
        fflush(nil)
    }
}
