import Foundation
package import Models
import Store
package import StrictJSON

/// How a result was made, so that it can be made again (docs/numerics.md).
package struct Provenance: Sendable, Equatable {
    /// Version and build of this program: `0.1.0 (9f3c2e1)`; the build is the start of the executable's SHA-256.
    package static let engine = "\(version) (\(build))"
    package static let version = "0.1.0"

    private static let build: String = {
        guard let executable = try? Data(contentsOf: URL(fileURLWithPath: "/proc/self/exe")),
            let digest = try? ContentDigest.of([UInt8](executable))
        else { return "unknown" }
        return String(digest.dropFirst("sha256:".count).prefix(7))
    }()

    package let model: String
    package let family: String
    package let fingerprint: String
    package let numberFormat: NumberFormat
    package let reuse: Reuse
    package let seed: Int

    package init(_ model: VisionLanguageModel, reuse: Reuse, seed: Int) throws {
        self.model = model.name
        family = model.family
        fingerprint = try model.fingerprint()
        numberFormat = model.numberFormat
        self.reuse = reuse
        self.seed = seed
    }

    package var json: JSONValue {
        [
            "engine": .string(Self.engine),
            "model": ["name": .string(model), "family": .string(family), "fingerprint": .string(fingerprint)],
            "number_format": .string(numberFormat.rawValue), "vision_number_format": "float32",
            "kernels": [
                "openblas": .string(NumericKernels.openBLAS),
                "onednn": .string(NumericKernels.oneDNN),
                "own": .string(NumericKernels.own),
            ],
            "threads": .integer(NumericKernels.threads), "reuse": .string(reuse.rawValue), "seed": .integer(seed),
        ]
    }
}
