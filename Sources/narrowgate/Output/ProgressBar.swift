import Store

/// How far some work is, in one line that is drawn over itself; nothing at all where nobody looks.
struct ProgressBar {
    let isShown: Bool
    private let label: String
    private let width = 30

    init(_ label: String, isShown: Bool = StandardError.isTerminal) {
        self.label = label
        self.isShown = isShown
    }

    func show(_ progress: JobProgress, etaSeconds: Double?) {
        let left = etaSeconds.map { ", \(Shown.number($0).dropLast(2)) s left" } ?? ""
        show(done: progress.done, total: progress.total, left)
    }

    func show(done: Int, total: Int, _ remark: String = "") {
        guard isShown else { return }
        let filled = total > 0 ? width * done / total : 0
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        StandardError.write("\r\u{1B}[K\(label) \(bar) \(done)/\(total)\(remark)")
    }

    /// Takes the line away.
    func clear() {
        if isShown { StandardError.write("\r\u{1B}[K") }
    }
}
