/// The memory that request contents of all connections share. Lives on the loop, hence a plain class.
final class ContentBudget {
    private let limit: Int
    private(set) var used = 0

    init(limit: Int) {
        self.limit = limit
    }

    /// Takes `count` bytes, or nothing and `false` if they are not left.
    func take(_ count: Int) -> Bool {
        guard count <= limit - used else { return false }
        used += count
        return true
    }

    func give(back count: Int) {
        used -= count
        assert(used >= 0)
    }
}
