/// One result: an (input, variant) of a job, as its row has it.
package struct CellRecord: Sendable, Equatable {
    package enum Status: String, Sendable, CaseIterable {
        case ok, failed
    }

    package var job: String
    /// Place in the job, from 0. With the job it is the row's key: recorded once.
    package var ordinal: Int
    /// The stack group that it was computed and recorded with.
    package var group: Int
    package var kind: String
    package var model: String
    package var status: Status
    /// The request's name for the input or the pair.
    package var input: String
    /// Digest of the picture, of a patch's base; it must be stored.
    package var image: String?
    /// Digest of a patch's source picture; it must be stored.
    package var sourceImage: String?
    package var variant: String?
    package var layer: Int?
    package var site: String?
    package var positions: String?
    package var measures: CellMeasures
    package var seconds: Double?
    /// JSON, of a failed cell.
    package var error: String?
    /// JSON: the whole row as it goes over the wire, provenance included.
    package var document: String
    /// States that were captured in the cell, stored with it; a cell that was read back has none here.
    package var states: [NewState]
    /// When it was recorded; the store sets it.
    package var createdAt: Timestamp?

    package init(
        job: String, ordinal: Int, group: Int, kind: String, model: String, status: Status, input: String,
        image: String? = nil, sourceImage: String? = nil, variant: String? = nil, layer: Int? = nil,
        site: String? = nil, positions: String? = nil, measures: CellMeasures = CellMeasures(),
        seconds: Double? = nil, error: String? = nil, document: String,
        states: [NewState] = []
    ) {
        self.job = job
        self.ordinal = ordinal
        self.group = group
        self.kind = kind
        self.model = model
        self.status = status
        self.input = input
        self.image = image
        self.sourceImage = sourceImage
        self.variant = variant
        self.layer = layer
        self.site = site
        self.positions = positions
        self.measures = measures
        self.seconds = seconds
        self.error = error
        self.document = document
        self.states = states
    }

    /// The wire's id: `job/ordinal`.
    package var id: String { "\(job)/\(ordinal)" }
}

/// The numbers of a row that have columns of their own, for people with `sqlite3` and pandas.
///
/// They repeat what the row's document says, by the same names. Probabilities are in `0...1`; what was not measured is `nil`.
package struct CellMeasures: Sendable, Equatable {
    /// The probability of one class token in each of a patch's three runs.
    package struct Token: Sendable, Equatable {
        package var text: String
        package var base: Double?
        package var source: Double?
        package var patched: Double?

        package init(text: String, base: Double? = nil, source: Double? = nil, patched: Double? = nil) {
            self.text = text
            self.base = base
            self.source = source
            self.patched = patched
        }
    }

    /// Overlap Σ min(p, q) of the clean and the cut run; of a patch, of the source and the patched run.
    package var similarity: Double?
    /// Overlap of a patch's two clean runs.
    package var similarityBaseSource: Double?
    /// KL(clean ‖ intervened), nats.
    package var kl: Double?
    /// Total variation between the clean and the intervened distribution.
    package var effect: Double?
    package var top1Agrees: Bool?
    package var nearTie: Bool?
    package var caption: String?
    package var captionAgrees: Bool?
    package var accurate: Bool?
    package var flipped: Bool?
    package var baseCorrect: Bool?
    package var sourceCorrect: Bool?
    package var baseToken: Token?
    package var sourceToken: Token?
    /// Source token − base token, in each run.
    package var logitDifferenceBase: Double?
    package var logitDifferenceSource: Double?
    package var logitDifferencePatched: Double?

    package init() {}
}
