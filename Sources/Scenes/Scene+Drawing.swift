package import Imaging
package import Numerics

/// The picture of a scene, as Tools/training/scenes.py draws it: shapes by their distance from the outline, one pixel
/// of anti-aliasing, on a dark grey slope, with a little noise.
///
/// Place, paint and background vary from drawing to drawing. Only additions, products, quotients and square roots are
/// used, which IEEE 754 rounds alike everywhere: a seed has the same pixels on every machine.
extension Scene {
    /// The sides that a picture may have.
    package static let sides = 32...1024
    /// The side in whose pixels lengths below are given.
    private static let unitSide = 32.0

    /// - Parameter side: even, one of ``sides``.
    package func drawn(side: Int, using random: inout SplitMix64) -> Picture {
        precondition(Self.sides.contains(side) && side.isMultiple(of: 2), "a side is even, and within the limits")
        var canvas = Self.background(side: side, using: &random)
        for object in objects { object.paint(on: &canvas, side: side, unit: Double(side) / Self.unitSide, &random) }
        return Picture(
            width: side, height: side,
            pixels: canvas.map { value in
                let noisy = min(max(value + 0.02 * random.normal(), 0), 1)
                return UInt8((noisy * 255).rounded(.toNearestOrEven))
            })
    }

    /// Grey from one level to another along a random direction, `[side, side, 3]`.
    private static func background(side: Int, using random: inout SplitMix64) -> [Double] {
        let (low, high) = (random.uniform(in: 0.1...0.3), random.uniform(in: 0.1...0.3))
        let direction = unitVector(using: &random)
        var canvas: [Double] = []
        canvas.reserveCapacity(side * side * 3)
        for row in 0..<side {
            let down = (Double(row) + 0.5) / Double(side) - 0.5
            for column in 0..<side {
                let across = (Double(column) + 0.5) / Double(side) - 0.5
                let along = 0.5 + (direction.x * across + direction.y * down) / 2.0.squareRoot()
                canvas += repeatElement(low + (high - low) * min(max(along, 0), 1), count: 3)
            }
        }
        return canvas
    }

    /// A random direction, without sine and cosine: a point in the unit disc, scaled to its rim.
    private static func unitVector(using random: inout SplitMix64) -> (x: Double, y: Double) {
        while true {
            let (x, y) = (random.uniform(in: -1...1), random.uniform(in: -1...1))
            let square = x * x + y * y
            if square > 1e-6, square <= 1 { return (x / square.squareRoot(), y / square.squareRoot()) }
        }
    }
}

extension Scene.Object {
    fileprivate func paint(on canvas: inout [Double], side: Int, unit: Double, _ random: inout SplitMix64) {
        let half = side / 2
        let (top, left) = (cell.row * half, cell.column * half)
        let (dx, dy) = (random.uniform(in: -0.3...0.3), random.uniform(in: -0.3...0.3))
        let paint = colour.paint.map { min(max($0 * (1 + random.uniform(in: -0.03...0.03)), 0), 1) }
        for row in 0..<half {
            let y = (Double(row) + 0.5) / unit - Double(half) / unit / 2 - dy
            for column in 0..<half {
                let x = (Double(column) + 0.5) / unit - Double(half) / unit / 2 - dx
                let cover = min(max(0.5 - shape.distance(x, y, radius: size.radius) * unit, 0), 1)
                guard cover > 0 else { continue }
                let at = ((top + row) * side + left + column) * 3
                for channel in 0..<3 { canvas[at + channel] += cover * (paint[channel] - canvas[at + channel]) }
            }
        }
    }
}

extension Scene.Size {
    /// In pixels of a picture 32 wide.
    fileprivate var radius: Double {
        switch self {
        case .small: 5.0
        case .large: 7.7
        }
    }
}

extension Scene.Colour {
    /// Red, green and blue, of 1.
    fileprivate var paint: [Double] {
        switch self {
        case .red: [0.90, 0.14, 0.14]
        case .green: [0.14, 0.74, 0.24]
        case .blue: [0.18, 0.34, 0.95]
        case .yellow: [0.95, 0.85, 0.14]
        case .pink: [0.98, 0.45, 0.75]
        case .white: [0.95, 0.95, 0.95]
        }
    }
}

extension Scene.Shape {
    /// How far (`x`, `y`), seen from the centre, is from the outline of the shape; negative inside.
    fileprivate func distance(_ x: Double, _ y: Double, radius: Double) -> Double {
        func length(_ x: Double, _ y: Double) -> Double { (x * x + y * y).squareRoot() }
        switch self {
        case .circle: return length(x, y) - 0.95 * radius
        case .square: return max(abs(x), abs(y)) - 0.80 * radius
        case .triangle:
            let flank = (1.70 * abs(x) - 0.95 * (y + 0.95 * radius)) / length(1.70, 0.95)
            return max(y - 0.75 * radius, flank)
        case .cross:
            let (long, thick) = (0.95 * radius, 0.31 * radius)
            return min(max(abs(x) - long, abs(y) - thick), max(abs(y) - long, abs(x) - thick))
        case .ring: return abs(length(x, y) - 0.70 * radius) - 0.24 * radius
        case .diamond: return (abs(x) + abs(y) - radius) / 2.0.squareRoot()
        }
    }
}
