package import Numerics

/// Sees, and may change, a forward pass. Methods have default implementations that do nothing.
///
/// `positions` are those of the pass's rows: row `r` sits at `positions.lowerBound + r`, and keys are numbered by
/// position from 0. Everything is called on the thread that called ``Decoder/forward(_:cache:hooks:)``, in the order of
/// the computation. A state that is replaced keeps its shape.
package protocol ForwardHooks: AnyObject {
    /// Called before each layer, `0...layers`, where `layers` stands for the final norm and head.
    ///
    /// Throwing abandons the pass: the cache then holds what it held before.
    func willEnter(layer: Int) throws

    /// Whether ``visit(_:layer:positions:state:)`` wants this site; asked once per layer and site in a pass.
    func wants(_ site: Site, layer: Int) -> Bool

    /// The state at a site, which may be replaced in place.
    func visit(_ site: Site, layer: Int, positions: Range<Int>, state: inout Matrix) throws

    /// Whether ``scores(layer:head:positions:_:)`` and ``weights(layer:head:positions:_:)`` want this layer.
    func wantsAttention(layer: Int) -> Bool

    /// What ``scores(layer:head:positions:_:)`` and ``weights(layer:head:positions:_:)`` have to see of these rows; asked where
    /// ``wantsAttention(layer:)``.
    func view(layer: Int, positions: Range<Int>) -> AttentionView

    /// Before softmax, per query head: `[rows, keys]`, scaled, and masked causally with `-infinity`.
    ///
    /// An entry set to `-infinity` is masked; a row with no key left gets weights 0. Keys after a row's own position stay
    /// masked whatever is written there.
    func scores(layer: Int, head: Int, positions: Range<Int>, _ scores: inout Matrix)

    /// After softmax, per query head: `[rows, keys]`. Entries set to 0 are cut and the row is not renormalised.
    func weights(layer: Int, head: Int, positions: Range<Int>, _ weights: inout Matrix)

    /// The states after the final norm, `[rows, hidden]`.
    func finalNorm(positions: Range<Int>, state: Matrix)
}

extension ForwardHooks {
    package func willEnter(layer: Int) throws {}
    package func wants(_ site: Site, layer: Int) -> Bool { false }
    package func visit(_ site: Site, layer: Int, positions: Range<Int>, state: inout Matrix) throws {}
    package func wantsAttention(layer: Int) -> Bool { false }
    package func view(layer: Int, positions: Range<Int>) -> AttentionView { .all }
    package func scores(layer: Int, head: Int, positions: Range<Int>, _ scores: inout Matrix) {}
    package func weights(layer: Int, head: Int, positions: Range<Int>, _ weights: inout Matrix) {}
    package func finalNorm(positions: Range<Int>, state: Matrix) {}
}

/// What hooks see of the attention of some rows.
package enum AttentionView: Sendable, Equatable {
    /// Nothing: they do nothing to it.
    case none
    /// Nothing, but every head of these rows goes without some positions.
    case cuts([AttentionProduct.Cut])
    /// Scores and weights of every head.
    case all
}
