import Store

/// How far a job is, in one line that is drawn over itself; nothing at all where nobody looks.
struct ProgressBar {
    let isShown: Bool
    private let label: String
    private let width = 30

    init(_ label: String, isShown: Bool = StandardError.isTerminal) {
        self.label = label
        self.isShown = isShown
    }

    func show(_ progress: JobProgress, etaSeconds: Double?) {
        guard isShown else { return }
        let filled = progress.total > 0 ? width * progress.done / progress.total : 0
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        let left = etaSeconds.map { ", \(Shown.number($0).dropLast(2)) s left" } ?? ""
        StandardError.write("\r\u{1B}[K\(label) \(bar) \(progress.done)/\(progress.total)\(left)")
    }

    /// Takes the line away.
    func clear() {
        if isShown { StandardError.write("\r\u{1B}[K") }
    }
}
