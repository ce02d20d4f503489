import Store

extension JobRun {
    /// Computes a group on the engine's thread, behind those that already wait there.
    ///
    /// - Returns: a row for each of the group's cells: failed ones, where the group failed as a whole.
    /// - throws: `CancellationError`, ``EngineError/stopped``.
    func cells(of group: StackGroup, on engine: EngineThread) async throws -> [CellRecord] {
        do {
            let computation = try await computation(of: group)
            let cells = try await engine.run(.batch, computation)
            guard cells.map(\.ordinal).sorted() == Array(group.ordinals) else {
                throw JobFailure(
                    code: .cannotRun,
                    message: "Group \(group.number) gave cells \(cells.map(\.ordinal)) for \(group.ordinals).")
            }
            return cells
        } catch EngineError.stopped {
            throw EngineError.stopped
        } catch {
            try Task.checkCancellation()
            let message = (error as? JobFailure)?.message ?? "\(error)"
            return group.ordinals.map { failedCell($0, of: group, message: message) }
        }
    }
}
