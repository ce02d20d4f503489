/// Eight lanes: two SSE registers, which the baseline x86-64 target has.
typealias Lanes = SIMD8<Float>

/// `eˣ` of eight lanes, within 2 units in the last place; 0 below -87.3, where results would be subnormal.
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2, a degree-5 polynomial for eʳ (the coefficients of Cephes `expf`), and
/// 2ⁿ put together from its bits. n is rounded by adding 1.5·2²³, which leaves it in the low mantissa bits:
/// neither SSE2 nor Swift's lane-wise conversion has a fast rounding instruction.
@inline(__always)
func exponential(_ x: Lanes) -> Lanes {
    let shift: Float = 12_582_912
    let tiny = x .< -87.33654
    var x = x.replacing(with: -87.33654, where: tiny)
    x = x.replacing(with: 88.37626, where: x .> 88.37626)
    let shifted = x * 1.442_695_04 + shift
    let n = shifted - shift
    let r = x - n * 0.693_359_375 + n * 2.121_944_4e-4
    var y = r * 1.987_569_15e-4 + 1.398_199_95e-3
    y = y * r + 8.333_451_9e-3
    y = y * r + 4.166_579_6e-2
    y = y * r + 1.666_666_55e-1
    y = y * r + 5.000_000_1e-1
    y = y * (r * r) + r + 1
    // Both types are eight 32-bit lanes. `shifted` is 1.5·2²³ + n exactly, so its bits are 0x4B400000 + n.
    let bits = (unsafeBitCast(shifted, to: SIMD8<Int32>.self) &- 0x4B40_0000 &+ 127) &<< 23
    return (y * unsafeBitCast(bits, to: Lanes.self)).replacing(with: 0, where: tiny)
}

/// `1 / (1 + e⁻ˣ)` of eight lanes.
@inline(__always)
func logistic(_ x: Lanes) -> Lanes { 1 / (1 + exponential(-x)) }

extension UnsafePointer<Float> {
    /// Eight elements from `index` on; the caller has checked that they exist.
    @inline(__always)
    func lanes(_ index: Int) -> Lanes {
        // Unaligned, so any element may be the first.
        UnsafeRawPointer(self + index).loadUnaligned(as: Lanes.self)
    }

    /// The `count` (below eight) last elements from `index` on, then `fill`.
    @inline(__always)
    func lanes(_ index: Int, count: Int, fill: Float) -> Lanes {
        var lanes = Lanes(repeating: fill)
        for lane in 0..<count { lanes[lane] = self[index + lane] }
        return lanes
    }
}

extension UnsafeMutablePointer<Float> {
    /// Eight elements from `index` on; the caller has checked that they exist.
    @inline(__always)
    func lanes(_ index: Int) -> Lanes { UnsafePointer(self).lanes(index) }

    /// Overwrites eight elements from `index` on; the caller has checked that they exist.
    @inline(__always)
    func store(_ lanes: Lanes, _ index: Int) {
        UnsafeMutableRawPointer(self + index).storeBytes(of: lanes, as: Lanes.self)
    }

    /// Overwrites the `count` (below eight) last elements from `index` on.
    @inline(__always)
    func store(_ lanes: Lanes, _ index: Int, count: Int) {
        for lane in 0..<count { self[index + lane] = lanes[lane] }
    }

    /// Replaces each of `count` elements by `transform` of it, eight at a time.
    @inline(__always)
    func mapLanes(_ count: Int, _ transform: (Lanes) -> Lanes) {
        var index = 0
        while index + 8 <= count {
            store(transform(lanes(index)), index)
            index += 8
        }
        if index < count {
            let rest = count - index
            store(transform(UnsafePointer(self).lanes(index, count: rest, fill: 0)), index, count: rest)
        }
    }
}
