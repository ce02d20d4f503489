/// The shape of a Llama-style decoder, and where the families differ in it.
package struct DecoderConfiguration: Sendable, Equatable {
    /// Where a layer's two norms stand.
    package enum NormPlacement: Sendable, Equatable {
        /// On the input of each branch: `x += branch(norm(x))`.
        case input
        /// On the output of each branch: `x += norm(branch(x))` (Swin v2; Chameleon's `swin_norm`).
        case branchOutput
    }

    /// Width of the residual stream.
    package let hidden: Int
    /// Width of the feed-forward block.
    package let intermediate: Int
    package let layers: Int
    /// Query heads.
    package let heads: Int
    /// Key and value heads; divides ``heads``.
    package let kvHeads: Int
    package let headSize: Int
    /// Rows of the embedding and of the head.
    package let vocabulary: Int
    /// The epsilon of the root-mean-square norms.
    package let rmsEpsilon: Float
    package let ropeBase: Double
    /// Positions are divided by it before they are turned into angles; 1 unless the rotary embedding is scaled.
    package let ropeFactor: Double
    /// The longest sequence the model was made for.
    package let maximumPositions: Int
    /// Whether queries and keys pass a layer norm of each head before rotation.
    package let qkNorm: Bool
    package let normPlacement: NormPlacement
    /// What linear weights, keys and values are stored in.
    package private(set) var numberFormat = NumberFormat.float32

    package init(
        hidden: Int, intermediate: Int, layers: Int, heads: Int, kvHeads: Int, headSize: Int, vocabulary: Int,
        rmsEpsilon: Float, ropeBase: Double, ropeFactor: Double = 1, maximumPositions: Int, qkNorm: Bool,
        normPlacement: NormPlacement
    ) {
        self.hidden = hidden
        self.intermediate = intermediate
        self.layers = layers
        self.heads = heads
        self.kvHeads = kvHeads
        self.headSize = headSize
        self.vocabulary = vocabulary
        self.rmsEpsilon = rmsEpsilon
        self.ropeBase = ropeBase
        self.ropeFactor = ropeFactor
        self.maximumPositions = maximumPositions
        self.qkNorm = qkNorm
        self.normPlacement = normPlacement
    }

    /// The same shape in another format.
    func stored(in format: NumberFormat) -> DecoderConfiguration {
        var configuration = self
        configuration.numberFormat = format
        return configuration
    }

    /// Columns of the packed queries and of `head_out`.
    package var queryWidth: Int { heads * headSize }
    /// Columns of the packed keys and values.
    package var kvWidth: Int { kvHeads * headSize }

    /// The width of the state at `site`.
    package func width(at site: Site) -> Int { site == .headOut ? queryWidth : hidden }
}
