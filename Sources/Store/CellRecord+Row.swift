import GRDB

extension CellRecord {
    /// The columns in the order of ``columnValues(createdAt:)``.
    static let columnNames = [
        "job", "ordinal", "stack_group", "kind", "model", "status", "input", "image", "source_image", "variant",
        "layer", "site", "positions", "similarity", "similarity_base_source", "kl", "effect", "top1_agrees", "near_tie",
        "caption_agrees", "accurate", "flipped", "base_correct", "source_correct",
        "base_token", "base_token_p_base", "base_token_p_source", "base_token_p_patched",
        "source_token", "source_token_p_base", "source_token_p_source", "source_token_p_patched",
        "logit_difference_base", "logit_difference_source", "logit_difference_patched",
        "seconds", "created_at", "caption", "error", "document",
    ]

    static let columns = columnNames.joined(separator: ", ")

    /// Keeps the first outcome: a worker whose lease expired may finish late what another has computed again.
    private static let insertion = """
        INSERT INTO cells (\(columns)) VALUES (\(columnNames.map { _ in "?" }.joined(separator: ", ")))
        ON CONFLICT (job, ordinal) DO NOTHING
        """

    func columnValues(createdAt: Timestamp?) -> [(any DatabaseValueConvertible)?] {
        let identity: [(any DatabaseValueConvertible)?] = [
            job, ordinal, group, kind, model, status.rawValue, input, image, sourceImage, variant, layer,
            site, positions,
        ]
        let comparison: [(any DatabaseValueConvertible)?] = [
            measures.similarity, measures.similarityBaseSource, measures.kl, measures.effect,
            measures.top1Agrees, measures.nearTie, measures.captionAgrees,
            measures.accurate, measures.flipped, measures.baseCorrect, measures.sourceCorrect,
        ]
        let tokens: [(any DatabaseValueConvertible)?] = [measures.baseToken, measures.sourceToken].flatMap { token in
            [token?.text, token?.base, token?.source, token?.patched] as [(any DatabaseValueConvertible)?]
        }
        let rest: [(any DatabaseValueConvertible)?] = [
            measures.logitDifferenceBase, measures.logitDifferenceSource, measures.logitDifferencePatched,
            seconds, createdAt?.text, measures.caption, error, document,
        ]
        return identity + comparison + tokens + rest
    }

    /// Inserts the row unless its key is there. Returns whether it was inserted.
    func insert(_ database: Database, at moment: Timestamp) throws -> Bool {
        try database.cachedStatement(sql: Self.insertion).execute(
            arguments: StatementArguments(columnValues(createdAt: moment)))
        return database.changesCount > 0
    }

    init(_ row: Row) throws(StoreError) {
        let text: String = row["status"]
        guard let status = Status(rawValue: text) else {
            throw .invalidRecord("cells.status is \"\(text)\"")
        }
        self.init(
            job: row["job"], ordinal: row["ordinal"], group: row["stack_group"], kind: row["kind"],
            model: row["model"], status: status, input: row["input"], image: row["image"],
            sourceImage: row["source_image"], variant: row["variant"], layer: row["layer"], site: row["site"],
            positions: row["positions"], measures: CellMeasures(row), seconds: row["seconds"], error: row["error"],
            document: row["document"])
        createdAt = try row.timestamp("created_at")
    }
}

extension CellMeasures {
    fileprivate init(_ row: Row) {
        similarity = row["similarity"]
        similarityBaseSource = row["similarity_base_source"]
        kl = row["kl"]
        effect = row["effect"]
        top1Agrees = row["top1_agrees"]
        nearTie = row["near_tie"]
        caption = row["caption"]
        captionAgrees = row["caption_agrees"]
        accurate = row["accurate"]
        flipped = row["flipped"]
        baseCorrect = row["base_correct"]
        sourceCorrect = row["source_correct"]
        baseToken = Token(row, "base_token")
        sourceToken = Token(row, "source_token")
        logitDifferenceBase = row["logit_difference_base"]
        logitDifferenceSource = row["logit_difference_source"]
        logitDifferencePatched = row["logit_difference_patched"]
    }
}

extension CellMeasures.Token {
    fileprivate init?(_ row: Row, _ column: String) {
        guard let text: String = row[column] else { return nil }
        self.init(
            text: text, base: row["\(column)_p_base"], source: row["\(column)_p_source"],
            patched: row["\(column)_p_patched"])
    }
}
