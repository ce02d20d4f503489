import Checkpoints
import StrictJSON

/// The rotary embedding's base and scaling, from either dialect of `config.json`: `rope_theta` with `rope_scaling`
/// (transformers 4), or `rope_parameters` (transformers 5).
struct RotarySettings {
    let base: Double
    let factor: Double

    private static let bases = 1.0...1e12

    /// - throws: `CheckpointError` that names the field: a scaling other than `default` or `linear`, or two dialects that
    ///   disagree.
    init(_ reader: ConfigurationReader) throws {
        let old = try reader.has("rope_theta") ? reader.number("rope_theta", in: Self.bases) : nil
        var base = old ?? 10_000
        var factor = 1.0
        if let scaling = try reader.nested("rope_scaling") { factor = try Self.factor(scaling) }
        if let parameters = try reader.nested("rope_parameters") {
            base = try parameters.number("rope_theta", default: base, in: Self.bases)
            if let old, old != base {
                throw reader.invalid("rope_parameters.rope_theta", "\(base) contradicts rope_theta, \(old)")
            }
            let other = try Self.factor(parameters)
            guard !reader.has("rope_scaling") || other == factor else {
                throw reader.invalid("rope_parameters", "contradicts rope_scaling")
            }
            factor = other
        }
        self.base = base
        self.factor = factor
    }

    private static func factor(_ reader: ConfigurationReader) throws -> Double {
        let older = try reader.string("type", default: "default", oneOf: ["default", "linear"])
        let type = try reader.string("rope_type", default: older, oneOf: ["default", "linear"])
        let factor = type == "linear" ? try reader.number("factor", in: 1...1024) : 1
        // A base may stand beside the scaling in files that a newer library wrote from an older one.
        reader.ignore("rope_theta")
        try reader.finish()
        return factor
    }
}

/// The tokens that end generation.
enum EndTokens {
    /// `eos_token_id`: one id or several; `nil` where the file does not say.
    static func read(_ reader: ConfigurationReader, vocabulary: Int) throws -> [Int]? {
        guard let field = reader.field("eos_token_id") else { return nil }
        do throws(JSONError) {
            guard case .array = field.value else { return [try field.integer(in: 0...vocabulary - 1)] }
            var ids: [Int] = []
            for element in try field.array() { ids.append(try element.integer(in: 0...vocabulary - 1)) }
            return ids
        } catch {
            throw reader.invalid("eos_token_id", error.problem)
        }
    }
}
