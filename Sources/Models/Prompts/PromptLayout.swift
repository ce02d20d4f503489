/// Where things are in one expanded prompt. Families fill it from tokens, never from constants.
package struct PromptLayout: Sendable, Equatable {
    /// One picture's part of a prompt.
    package struct ImageBlock: Sendable, Equatable {
        /// The start-of-image token, where the family has one.
        package let soi: Int?
        /// All positions strictly between start and end, row breaks included.
        package let image: Range<Int>
        /// Positions of row breaks inside ``image``; empty where the family has none.
        package let breaks: [Int]
        /// Rows and columns of image tokens, breaks not counted.
        package let gridRows: Int
        package let gridColumns: Int
        /// The end-of-image token.
        package let eoi: Int

        package init(soi: Int?, image: Range<Int>, breaks: [Int], gridRows: Int, gridColumns: Int, eoi: Int) {
            self.soi = soi
            self.image = image
            self.breaks = breaks
            self.gridRows = gridRows
            self.gridColumns = gridColumns
            self.eoi = eoi
        }
    }

    /// Length of the prompt.
    package let tokens: Int
    /// Position of the beginning-of-sequence token, if the tokenizer added one.
    package let bos: Int?
    /// The pictures, in order.
    package let images: [ImageBlock]

    package init(tokens: Int, bos: Int?, images: [ImageBlock]) {
        self.tokens = tokens
        self.bos = bos
        self.images = images
    }
}
