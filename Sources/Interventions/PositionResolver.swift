package import Models

/// Finds the positions that expressions stand for on one prompt.
///
/// Roles and time: as *queries*, `text` and `all` include generated positions; indices,
/// ranges and the other roles do not, unless `generated` is listed.
package struct PositionResolver: Sendable {
    package let layout: PromptLayout
    /// Who is speaking, for error messages.
    package let model: String
    /// What decides `random_image(n)`: the request's seed, the image digest and the variant's name.
    package let draw: RandomDraw

    package init(layout: PromptLayout, model: String, draw: RandomDraw) {
        self.layout = layout
        self.model = model
        self.draw = draw
    }

    /// How an expression is used; decides whether `text` and `all` reach into generated positions.
    package enum Use: Sendable { case queries, keys, patch, measurement }

    /// The positions of `expression`.
    ///
    /// - throws: ``InterventionError`` naming `path` for an unknown role, a role that this prompt lacks,
    ///   a position outside the prompt, or `generated` where a patch would act or something is measured.
    package func resolve(_ expression: PositionExpression, as use: Use, path: String) throws(InterventionError)
        -> PositionSet
    {
        switch expression {
        case .index(let index):
            return PositionSet(prompt: try checked(index..<(index + 1), path: path))
        case .range(let range):
            return PositionSet(prompt: try checked(range, path: path))
        case .list:
            // Marks, not a set: a list may name every position a hundred thousand times.
            var marks = [Bool](repeating: false, count: layout.tokens)
            let generated = try mark(expression, as: use, path: path, in: &marks)
            return PositionSet(prompt: marks.indices.filter { marks[$0] }, generated: generated)
        case .role(let name):
            return try resolve(role: name, as: use, path: path)
        }
    }

    /// Marks the positions of `expression`; says whether generated positions belong to it.
    private func mark(
        _ expression: PositionExpression, as use: Use, path: String, in marks: inout [Bool]
    ) throws(InterventionError) -> Bool {
        var generated = false
        if case .list(let elements) = expression {
            for (at, element) in elements.enumerated() {
                if try mark(element, as: use, path: "\(path)[\(at)]", in: &marks) { generated = true }
            }
        } else {
            let part = try resolve(expression, as: use, path: path)
            for position in part.prompt { marks[position] = true }
            generated = part.generated
        }
        return generated
    }

    /// The positions of `expression` in a stored state, which has indices and no roles.
    ///
    /// - Parameter count: how many positions the state has.
    static func indices(
        _ expression: PositionExpression, in count: Int, path: String
    ) throws(InterventionError) -> [Int] {
        var ranges: [Range<Int>] = []
        try collect(expression, in: count, path: path, into: &ranges)
        var all: [Int] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            let start = max(range.lowerBound, (all.last ?? -1) + 1)
            if start < range.upperBound { all.append(contentsOf: start..<range.upperBound) }
        }
        return all
    }

    private static func collect(
        _ expression: PositionExpression, in count: Int, path: String, into ranges: inout [Range<Int>]
    ) throws(InterventionError) {
        switch expression {
        case .role(let name):
            throw InterventionError(
                .unresolvedRole, at: path,
                "\"\(name)\" is a role, and a state has none; give indices or ranges of its \(count) position(s)")
        case .index(let index): try collect(.range(index..<(index + 1)), in: count, path: path, into: &ranges)
        case .range(let range):
            let end = range.upperBound == IndexRange.open ? max(count, range.lowerBound + 1) : range.upperBound
            guard end <= count else {
                throw InterventionError(
                    .positionOutOfRange, at: path, "position \(end - 1) is outside the state's 0...\(count - 1)")
            }
            ranges.append(range.lowerBound..<end)
        case .list(let elements):
            for (at, element) in elements.enumerated() {
                try collect(element, in: count, path: "\(path)[\(at)]", into: &ranges)
            }
        }
    }

    private func checked(_ range: Range<Int>, path: String) throws(InterventionError) -> [Int] {
        if range.upperBound == IndexRange.open, range.lowerBound < layout.tokens {
            return Array(range.lowerBound..<layout.tokens)
        }
        guard range.upperBound <= layout.tokens else {
            throw InterventionError(
                .positionOutOfRange, at: path,
                "position \(range.upperBound - 1) is outside the prompt, which has \(layout.tokens) tokens (0...\(layout.tokens - 1))"
            )
        }
        return Array(range)
    }

    private func resolve(role written: String, as use: Use, path: String) throws(InterventionError) -> PositionSet {
        let (name, blocks) = try imageBlocks(written, path: path)
        if let part = try partOfImage(name, written: written, blocks: blocks, path: path) {
            return PositionSet(prompt: part)
        }
        guard let role = Role(rawValue: name) else { throw unknown(written, path: path) }
        let isOfImage = [.soi, .image, .imageInner, .eoi, .lastImage].contains(role)
        guard isOfImage || name == written else {
            throw InterventionError(
                .unknownRole, at: path, "\"\(written)\": only soi, image, image_inner, last_image and eoi take a #")
        }
        guard !isOfImage || !blocks.isEmpty else { throw lacking(written, "the prompt has no image", path: path) }
        switch role {
        case .bos:
            guard let bos = layout.bos else {
                throw lacking(written, "the tokenizer adds no beginning-of-sequence token", path: path)
            }
            return PositionSet(prompt: [bos])
        case .prefix:
            return PositionSet(prompt: Array(0..<(layout.images.first?.start ?? layout.tokens)))
        case .soi:
            let starts = blocks.compactMap(\.soi)
            guard !starts.isEmpty else { throw lacking(written, "the image has no start token", path: path) }
            return PositionSet(prompt: starts)
        case .image: return PositionSet(prompt: blocks.flatMap { Array($0.image) })
        case .imageInner: return PositionSet(prompt: blocks.flatMap(\.inner))
        case .lastImage: return PositionSet(prompt: blocks.compactMap(\.image.last))
        case .eoi: return PositionSet(prompt: blocks.map(\.eoi))
        case .text:
            let start = layout.images.last.map { $0.eoi + 1 } ?? 0
            return PositionSet(prompt: Array(start..<layout.tokens), generated: use == .queries)
        case .last: return PositionSet(prompt: [layout.tokens - 1])
        case .all: return PositionSet(prompt: Array(0..<layout.tokens), generated: use == .queries)
        case .generated:
            switch use {
            case .queries, .keys: return PositionSet(prompt: [], generated: true)
            case .patch:
                throw InterventionError(
                    .unsupported, at: path,
                    "generated positions cannot be patched; a patch at prompt positions acts on through the cache")
            case .measurement:
                throw InterventionError(
                    .unsupported, at: path, "the prompt's positions are measured, and not those that are generated")
            }
        }
    }

    /// Takes `#2` off a role and chooses the pictures that it means.
    private func imageBlocks(_ written: String, path: String) throws(InterventionError)
        -> (name: String, blocks: [PromptLayout.ImageBlock])
    {
        guard let mark = written.lastIndex(of: "#") else { return (written, layout.images) }
        guard let number = Int(written[written.index(after: mark)...]), number >= 1 else {
            throw unknown(written, path: path)
        }
        guard number <= layout.images.count else {
            throw lacking(written, "the prompt has \(layout.images.count) image(s)", path: path)
        }
        return (String(written[..<mark]), [layout.images[number - 1]])
    }

    /// `image[r,c]`, `image[r,*]` and `random_image(n)`; `nil` for anything else.
    private func partOfImage(
        _ name: String, written: String, blocks: [PromptLayout.ImageBlock], path: String
    ) throws(InterventionError) -> [Int]? {
        if name.hasPrefix("random_image(") {
            guard name.hasSuffix(")"), let count = Int(name.dropFirst("random_image(".count).dropLast()), count >= 1
            else { throw unknown(written, path: path) }
            let inner = blocks.flatMap(\.inner)
            guard count <= inner.count else {
                throw InterventionError(
                    .positionOutOfRange, at: path,
                    "\"\(written)\" asks for \(count) image tokens; the prompt has \(inner.count)")
            }
            return draw.sample(count, of: inner)
        }
        guard name.hasPrefix("image[") else { return nil }
        let cell = name.dropFirst("image[".count).dropLast().split(separator: ",", omittingEmptySubsequences: false)
        guard name.hasSuffix("]"), cell.count == 2,
            let row = Int(cell[0].drop { $0 == " " })
        else { throw unknown(written, path: path) }
        let columnText = cell[1].drop { $0 == " " }
        let column = Int(columnText)
        guard column != nil || columnText == "*" else { throw unknown(written, path: path) }
        guard !blocks.isEmpty else { throw lacking(written, "the prompt has no image", path: path) }
        var positions: [Int] = []
        for block in blocks {
            guard (0..<block.gridRows).contains(row), column.map((0..<block.gridColumns).contains) ?? true else {
                throw InterventionError(
                    .positionOutOfRange, at: path,
                    "\"\(written)\" is outside the picture's grid of \(block.gridRows) rows and \(block.gridColumns) columns"
                )
            }
            let start = row * block.gridColumns
            let cells = column.map { [start + $0] } ?? Array(start..<(start + block.gridColumns))
            let inner = block.inner
            positions += cells.map { inner[$0] }
        }
        return positions
    }

    private func unknown(_ written: String, path: String) -> InterventionError {
        InterventionError(.unknownRole, at: path, "\"\(written)\" is no role of \(model); roles are \(Role.names).")
    }

    private func lacking(_ written: String, _ why: String, path: String) -> InterventionError {
        InterventionError(.unresolvedRole, at: path, "\"\(written)\" stands for no position: \(why)")
    }
}

extension PromptLayout.ImageBlock {
    /// Where the block begins: its start token, or its first image token where there is none.
    package var start: Int { soi ?? image.lowerBound }

    /// The image positions without row breaks.
    package var inner: [Int] {
        breaks.isEmpty ? Array(image) : image.filter { !breaks.contains($0) }
    }
}
