import Numerics

/// The matrices that a pass works in, kept from layer to layer.
struct PassBuffers: Sendable {
    /// What a branch reads, `[rows, hidden]`.
    var input = Self.empty
    /// `[rows, heads * headSize]`, as `mixed`.
    var queries = Self.empty
    /// `[rows, kvHeads * headSize]`, as `values`.
    var keys = Self.empty
    var values = Self.empty
    var mixed = Self.empty
    /// What a branch adds to the residual stream, `[rows, hidden]`.
    var branch = Self.empty
    /// `[rows, intermediate]`, as `up`.
    var gate = Self.empty
    var up = Self.empty
    var tiles = TileBuffers()
    var sequences = AttentionProduct.Batch()

    private static let empty = Matrix(rows: 0, columns: 0)

    /// Whether they are worth keeping from pass to pass: those of a prompt are large, and a prompt takes long.
    var areSmall: Bool { max(keys.rows, gate.rows) <= 64 }
}
