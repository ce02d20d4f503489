/// Which rows of a pass somebody reads once it is through all layers.
package enum ResultRows: Sendable {
    /// All of them.
    case all
    /// Each sequence's last one: the next token follows from it alone. Keys and values are made for all.
    ///
    /// In bfloat16 the last layer then goes on, from the attention's queries on, with those rows alone, unless hooks want to see
    /// others. The last row's bits are those that it has when all are read.
    case last
}
