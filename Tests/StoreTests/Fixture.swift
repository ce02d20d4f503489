import Foundation
import Store
import Synchronization

/// A folder that lives as long as this value.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("narrowgate-store-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The folder's database.
    var database: String { path + "/narrowgate.sqlite" }
}

/// A clock that stands still until it is told otherwise.
final class ManualClock: Sendable {
    private let moment: Mutex<Timestamp>

    init(_ text: String = "2026-11-24T07:00:00.000Z") {
        moment = Mutex(Timestamp(text) ?? Timestamp(milliseconds: 0))
    }

    var now: Timestamp { moment.withLock { $0 } }

    func advance(by duration: Duration) {
        moment.withLock { $0 = $0 + duration }
    }
}

/// An id of the right shape that sorts by `number`.
func identifier(_ number: Int) -> String {
    "01JD" + String(repeating: "0", count: 22 - String(number).count) + String(number)
}

func submission(_ number: Int, kind: String = "knockout", model: String = "gate", total: Int = 4) -> JobSubmission {
    JobSubmission(id: identifier(number), kind: kind, model: model, request: #"{"seed": 7}"#, total: total)
}

func cell(
    _ job: Int, _ ordinal: Int, group: Int = 0, kind: String = "knockout", model: String = "gate",
    status: CellRecord.Status = .ok, variant: String? = "eoi", layer: Int? = nil, document: String = "{}"
) -> CellRecord {
    CellRecord(
        job: identifier(job), ordinal: ordinal, group: group, kind: kind, model: model, status: status,
        input: "scene-\(ordinal)", variant: variant, layer: layer, document: document)
}

/// A picture whose content is `name`; the store does not decode.
func picture(_ name: String) -> NewImage {
    NewImage(content: Array(name.utf8), format: "png", width: 64, height: 48)
}
