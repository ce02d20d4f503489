import Foundation
import Models
import Numerics

/// A decoder's forward pass written down as the definition reads, one number at a time and in double precision: a second
/// opinion beside the goldens, for shapes that no golden has.
struct ObviousForward {
    let configuration: DecoderConfiguration
    let weights: DecoderWeights

    typealias Rows = [[Double]]

    /// The final-normed states of a whole sequence, `[tokens, hidden]`.
    func states(_ ids: [Int]) -> Rows {
        var x: Rows = ids.map { weights.embedding.rows([$0]).elements.map(Double.init) }
        for layer in weights.layers {
            x = residual(x, layer.attentionNorm) { attention($0, layer) }
            x = residual(x, layer.feedForwardNorm) { $0.map { feedForward($0, layer) } }
        }
        return x.map { rms($0, weights.finalNorm) }
    }

    func logits(_ ids: [Int]) -> Rows { states(ids).map { product(weights.head, $0) } }

    private func residual(_ x: Rows, _ norm: [Float], _ branch: (Rows) -> Rows) -> Rows {
        let added =
            configuration.normPlacement == .input
            ? branch(x.map { rms($0, norm) }) : branch(x).map { rms($0, norm) }
        return zip(x, added).map { zip($0, $1).map(+) }
    }

    private func product(_ weight: LinearWeight, _ x: [Double]) -> [Double] {
        (0..<weight.rows).map { row in zip(weight.rows([row]).elements, x).reduce(0) { $0 + Double($1.0) * $1.1 } }
    }

    private func rms(_ x: [Double], _ weight: [Float]) -> [Double] {
        let mean = x.reduce(0) { $0 + $1 * $1 } / Double(x.count)
        return zip(x, weight).map { $0 / (mean + Double(configuration.rmsEpsilon)).squareRoot() * Double($1) }
    }

    private func feedForward(_ x: [Double], _ layer: DecoderWeights.Layer) -> [Double] {
        let gated = zip(product(layer.gate, x), product(layer.up, x)).map { $0 / (1 + exp(-$0)) * $1 }
        return product(layer.down, gated)
    }

    private func attention(_ x: Rows, _ layer: DecoderWeights.Layer) -> Rows {
        let size = configuration.headSize
        func heads(_ weight: LinearWeight, _ norm: DecoderWeights.HeadNorm?, rotated: Bool) -> [Rows] {
            x.enumerated().map { position, row in
                let all = product(weight, row)
                return (0..<all.count / size).map { head in
                    var part = Array(all[head * size..<(head + 1) * size])
                    if let norm { part = layerNorm(part, norm, head) }
                    return rotated ? rotate(part, position) : part
                }
            }
        }
        let queries = heads(layer.query, layer.queryNorm, rotated: true)
        let keys = heads(layer.key, layer.keyNorm, rotated: true)
        let values = heads(layer.value, nil, rotated: false)
        return x.indices.map { query in
            let mixed = (0..<configuration.heads).flatMap { head -> [Double] in
                let shared = head / (configuration.heads / configuration.kvHeads)
                let powers = (0...query).map { key in
                    exp(
                        zip(queries[query][head], keys[key][shared]).reduce(0) { $0 + $1.0 * $1.1 }
                            / Double(size).squareRoot())
                }
                let total = powers.reduce(0, +)
                return (0..<size).map { column in
                    (0...query).reduce(0) { $0 + powers[$1] / total * values[$1][shared][column] }
                }
            }
            return product(layer.output, mixed)
        }
    }

    private func layerNorm(_ x: [Double], _ norm: DecoderWeights.HeadNorm, _ head: Int) -> [Double] {
        let mean = x.reduce(0, +) / Double(x.count)
        let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
        return x.indices.map { column in
            let at = head * x.count + column
            return (x[column] - mean) / (variance + 1e-5).squareRoot() * Double(norm.weight[at]) + Double(norm.bias[at])
        }
    }

    private func rotate(_ x: [Double], _ position: Int) -> [Double] {
        let half = x.count / 2
        return x.indices.map { column in
            let angle =
                Double(position) / configuration.ropeFactor
                * pow(configuration.ropeBase, -2 * Double(column % half) / Double(x.count))
            let other = column < half ? -x[column + half] : x[column - half]
            return x[column] * cos(angle) + other * sin(angle)
        }
    }
}
