import Numerics

/// States to keep from a run: some of the prompt's positions at some sites.
struct StateRecording: Sendable, Equatable {
    var sites: Set<SiteKey>
    /// Ascending.
    var positions: [Int]
}

/// Keeps the states that a run passes through.
struct StateRecorder {
    private let recordings: [StateRecording]
    /// For each recording, by site and layer, `[positions, width]` in the order of its positions.
    private(set) var states: [[SiteKey: Matrix]]

    init(_ recordings: [StateRecording]) {
        self.recordings = recordings
        states = recordings.map { _ in [:] }
    }

    /// Begins with the states of a clean run: those that a variant cannot change stay, the others are overwritten.
    mutating func begin(with clean: CleanRun) {
        for (index, recording) in recordings.enumerated() { states[index] = clean.states(at: recording) }
    }

    func wants(_ key: SiteKey) -> Bool { recordings.contains { $0.sites.contains(key) } }

    mutating func record(_ key: SiteKey, positions: Range<Int>, _ state: Matrix) {
        for (index, recording) in recordings.enumerated() where recording.sites.contains(key) {
            for (row, position) in recording.positions.enumerated() where positions.contains(position) {
                states[index][key, default: Matrix(rows: recording.positions.count, columns: state.columns)]
                    .setRow(row, state.row(position - positions.lowerBound))
            }
        }
    }
}
