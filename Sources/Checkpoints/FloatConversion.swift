/// Widening stored elements to `Float`, exactly: every float16 and bfloat16 value is a float32 value.
///
/// The loops are branch-free so that the compiler vectorises them. Sources may be unaligned.
enum FloatConversion {
    /// Converts `count` elements of `type` from `bytes` to `target`; `false` where the type is no float weight.
    static func widen(
        _ bytes: UnsafeRawBufferPointer, as type: TensorType, into target: UnsafeMutableBufferPointer<Float>
    ) -> Bool {
        let count = target.count
        precondition(bytes.count == count * type.byteCount, "as many elements as there is room for")
        guard count > 0, let source = bytes.baseAddress, let target = target.baseAddress else {
            return [.float32, .float16, .bfloat16].contains(type)
        }
        // The bounds of both buffers are established by the precondition above.
        switch type {
        case .float32:
            UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: bytes.count)
        case .bfloat16:
            for position in 0..<count {
                let bits = source.loadUnaligned(fromByteOffset: position &* 2, as: UInt16.self)
                target[position] = Float(bitPattern: UInt32(bits) &<< 16)
            }
        case .float16:
            for position in 0..<count {
                target[position] = widen(half: source.loadUnaligned(fromByteOffset: position &* 2, as: UInt16.self))
            }
        default: return false
        }
        return true
    }

    /// The elements of a file that may also be float64, which is rounded.
    ///
    /// - Parameter type: F16, BF16, F32 or F64; `nil` is returned for any other.
    static func floats(_ bytes: UnsafeRawBufferPointer, as type: TensorType, count: Int) -> [Float]? {
        if type == .float64 {
            return (0..<count).map { Float(bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self)) }
        }
        var known = true
        let values = [Float](unsafeUninitializedCapacity: count) { target, written in
            // All `count` elements are written unless `known` is false, and then none is claimed.
            known = widen(bytes, as: type, into: UnsafeMutableBufferPointer(rebasing: target[..<count]))
            written = known ? count : 0
        }
        return known ? values : nil
    }

    /// One IEEE binary16 value, by shifting its fields into place and correcting the exponent's bias by a
    /// multiplication, which also normalises subnormals. No conversion instruction is assumed.
    @inline(__always)
    private static func widen(half: UInt16) -> Float {
        let magnitude = UInt32(half & 0x7FFF)
        let sign = UInt32(half & 0x8000) &<< 16
        let scaled = Float(bitPattern: magnitude &<< 13) * Float(bitPattern: 0x7780_0000)  // 2^112
        let special = (magnitude &<< 13) | 0x7F80_0000  // infinities and NaNs keep their payload
        return Float(bitPattern: sign | (magnitude >= 0x7C00 ? special : scaled.bitPattern))
    }
}
