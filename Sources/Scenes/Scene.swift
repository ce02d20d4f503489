/// One to three coloured shapes, each in its own quarter of a square picture.
///
/// Small enough to be described completely in one sentence. Shapes and colours do not repeat within a scene, so "the
/// circle" and "the red one" each name one object. Tools/training/scenes.py is the same in Python.
package struct Scene: Sendable, Equatable {
    package enum Shape: String, Sendable, CaseIterable { case circle, square, triangle, cross, ring, diamond }
    package enum Colour: String, Sendable, CaseIterable { case red, green, blue, yellow, pink, white }
    package enum Size: String, Sendable, CaseIterable { case small, large }

    /// A quarter of the picture; in reading order.
    package struct Cell: Sendable, Equatable, Comparable {
        /// 0 at the top.
        package let row: Int
        /// 0 at the left.
        package let column: Int

        package static let all = [(0, 0), (0, 1), (1, 0), (1, 1)].map { Cell(row: $0.0, column: $0.1) }

        package static func < (left: Self, right: Self) -> Bool {
            (left.row, left.column) < (right.row, right.column)
        }
    }

    package struct Object: Sendable, Equatable {
        package let cell: Cell
        package let shape: Shape
        package let colour: Colour
        package let size: Size

        package init(cell: Cell, shape: Shape, colour: Colour, size: Size) {
            self.cell = cell
            self.shape = shape
            self.colour = colour
            self.size = size
        }

        /// Whether shape, colour and size are one of the 12 of 72 combinations that the shipped models never met.
        ///
        /// Each shape and each colour is held out once small and once large; every pair of attributes is trained.
        package var isHeldOut: Bool {
            (Self.place(shape) + Self.place(colour) + 3 * Self.place(size)) % 6 == 4
        }

        private static func place<Attribute: CaseIterable & Equatable>(_ attribute: Attribute) -> Int {
            Attribute.allCases.enumerated().first { $0.element == attribute }?.offset ?? 0
        }
    }

    /// In reading order, so that a scene has exactly one caption.
    package let objects: [Object]

    package init(_ objects: [Object]) {
        self.objects = objects.sorted { $0.cell < $1.cell }
    }

    /// Whether any object is held out.
    package var isHeldOut: Bool { objects.contains(where: \.isHeldOut) }
}
