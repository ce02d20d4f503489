/// A named place in a decoder layer where a state can be read or replaced. States are `[rows, width]`.
package enum Site: String, CaseIterable, Sendable {
    /// The residual stream as it enters the layer, `[rows, hidden]`.
    case residIn = "resid_in"
    /// The input of the attention block, `[rows, hidden]`: after its norm, or the raw stream where the norms sit on the
    /// branch outputs. A copy: replacing it never touches the skip path.
    case attnIn = "attn_in"
    /// The heads' mixed values before the output projection, `[rows, heads * headSize]`.
    case headOut = "head_out"
    /// What the attention block adds, `[rows, hidden]`; before a branch norm, if any.
    case attnOut = "attn_out"
    /// What the feed-forward block adds, `[rows, hidden]`; before a branch norm, if any.
    case mlpOut = "mlp_out"
    /// The residual stream as it leaves the layer, `[rows, hidden]`.
    case residOut = "resid_out"
}
