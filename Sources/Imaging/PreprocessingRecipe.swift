import Foundation
import StrictJSON

/// How a picture becomes the numbers that a vision tower reads: `preprocessor_config.json`.
///
/// The steps and their order are those of transformers' PIL back-end: scale, centre crop, multiply, normalise.
package struct PreprocessingRecipe: Sendable, Equatable {
    /// The size to scale to.
    package enum Size: Sendable, Equatable {
        /// The shorter side becomes this long; the longer one keeps the aspect, rounded down.
        case shortestEdge(Int)
        case exact(width: Int, height: Int)
    }

    /// A tensor of shape `[3, height, width]`, row-major.
    package struct Pixels: Sendable, Equatable {
        package let width: Int
        package let height: Int
        package let values: [Float]

        package var shape: [Int] { [3, height, width] }
    }

    /// The image processors whose recipe this is.
    package static let processors = ["ChameleonImageProcessor", "ChameleonImageProcessorFast"]
    /// The longest side that a recipe may ask for.
    package static let longestSide = 4096

    /// `nil` leaves the picture as it is.
    package let size: Size?
    package let filter: ResampleFilter
    /// `nil` crops nothing.
    package let crop: (width: Int, height: Int)?
    /// What a byte is multiplied by, in double precision; `nil` for 1.
    package let rescaleFactor: Double?
    /// Mean and standard deviation by channel; `nil` normalises nothing.
    package let normalization: (mean: [Float], deviation: [Float])?

    package static func == (left: Self, right: Self) -> Bool {
        left.size == right.size && left.filter == right.filter && left.crop?.width == right.crop?.width
            && left.crop?.height == right.crop?.height && left.rescaleFactor == right.rescaleFactor
            && left.normalization?.mean == right.normalization?.mean
            && left.normalization?.deviation == right.normalization?.deviation
    }

    /// The sides of the result for a picture of the given sides.
    package func outputSize(width: Int, height: Int) -> (width: Int, height: Int) {
        crop ?? scaledSize(width: width, height: height)
    }

    private func scaledSize(width: Int, height: Int) -> (width: Int, height: Int) {
        switch size {
        case nil: (width, height)
        case .exact(let newWidth, let newHeight): (newWidth, newHeight)
        case .shortestEdge(let edge):
            width <= height ? (edge, edge * height / width) : (edge * width / height, edge)
        }
    }

    /// The numbers for `picture`.
    ///
    /// - throws: ``ImagingError`` of kind `tooLarge` where the result is not cropped and would exceed `limits`.
    package func pixels(of picture: Picture, limits: ImageLimits = .default) throws(ImagingError) -> Pixels {
        let scaled = scaledSize(width: picture.width, height: picture.height)
        let output = crop ?? scaled
        if crop == nil { try limits.check(width: scaled.width, height: scaled.height) }
        let across = Self.place(scaled.width, in: output.width)
        let down = Self.place(scaled.height, in: output.height)
        let part = picture.resized(
            width: scaled.width, height: scaled.height, columns: across.source, rows: down.source, filter: filter)
        let tables = (0..<3).map(table(channel:))
        let plane = output.width * output.height
        // What the picture does not reach is black: byte 0 before scaling and normalising.
        var values: [Float] = []
        values.reserveCapacity(plane * 3)
        for table in tables { values.append(contentsOf: repeatElement(table[0], count: plane)) }
        for (channel, table) in tables.enumerated() {
            for row in 0..<part.height {
                let target = channel * plane + (down.target + row) * output.width + across.target
                let source = row * part.width * 3 + channel
                for column in 0..<part.width {
                    values[target + column] = table[Int(part.pixels[source + column * 3])]
                }
            }
        }
        return Pixels(width: output.width, height: output.height, values: values)
    }

    /// Which of `length` pixels fall into a centred window of `window`, and where in the window they begin.
    ///
    /// transformers' `center_crop`: a picture that is too small is first put into a larger one, rounding its place up.
    private static func place(_ length: Int, in window: Int) -> (source: Range<Int>, target: Int) {
        if length >= window {
            let start = (length - window) / 2
            return (start..<start + window, 0)
        }
        // The crop starts at floor(-gap / 2), the padding is ceil(gap / 2): they cancel out, so the window is the
        // whole padded length and the picture begins at the padding.
        return (0..<length, (window - length + 1) / 2)
    }

    /// What each byte becomes: float64 product, rounded to float32, then float32 arithmetic.
    private func table(channel: Int) -> [Float] {
        (0..<256).map { byte in
            let value = rescaleFactor.map { Float(Double(byte) * $0) } ?? Float(byte)
            guard let normalization else { return value }
            return (value - normalization.mean[channel]) / normalization.deviation[channel]
        }
    }
}

extension PreprocessingRecipe {
    /// Reads a `preprocessor_config.json`.
    ///
    /// - throws: ``ImagingError`` of kind `recipe` that names the field.
    package init(json: [UInt8]) throws(ImagingError) {
        do {
            try self.init(JSONField(JSONParser.parse(json)))
        } catch let error as JSONError {
            throw ImagingError(error)
        } catch {
            throw ImagingError(.recipe, "\(error)")
        }
    }

    private init(_ field: JSONField) throws {
        let fields = try field.object()
        let processor = try fields.required("image_processor_type")
        guard Self.processors.contains(try processor.string()) else {
            let known = Self.processors.joined(separator: ", ")
            throw processor.invalid("\"\(try processor.string())\" is not supported; \(known) are")
        }
        func flag(_ name: String) throws -> Bool { try fields.optional(name)?.bool() ?? true }
        func side(_ field: JSONField) throws -> Int { try field.integer(in: 1...Self.longestSide) }
        // Files name these without consequence for the numbers.
        fields.ignore("processor_class", "do_pad", "input_data_format", "data_format", "default_to_square", "device")
        if let convert = fields.optional("do_convert_rgb"), try !convert.bool() {
            throw convert.invalid("false is not supported: pictures are always converted to RGB")
        }
        filter = try Self.filter(fields.optional("resample"))
        let sizeField = fields.optional("size")
        size = try flag("do_resize") ? try Self.size(sizeField, side: side) : nil
        let cropField = fields.optional("crop_size")
        crop = try flag("do_center_crop") ? try Self.crop(cropField, side: side) : nil
        let factor = fields.optional("rescale_factor")
        rescaleFactor = try flag("do_rescale") ? try factor?.number(in: -1e6...1e6) ?? 0.0078 : nil
        let mean = try Self.channels(fields.optional("image_mean"))
        let deviation = try Self.channels(fields.optional("image_std"))
        if let zero = deviation.firstIndex(of: 0) {
            throw JSONError(.invalidValue, at: "image_std[\(zero)]", "0 cannot be divided by")
        }
        normalization = try flag("do_normalize") ? (mean, deviation) : nil
        try fields.finish()
    }

    private static func filter(_ field: JSONField?) throws -> ResampleFilter {
        guard let field else { return .lanczos }
        guard let filter = ResampleFilter(rawValue: try field.integer()) else {
            throw field.invalid("\(try field.integer()) is not supported; 1 (Lanczos), 2 (bilinear), 3 (bicubic) are")
        }
        return filter
    }

    private static func size(_ field: JSONField?, side: (JSONField) throws -> Int) throws -> Size {
        guard let field else { return .shortestEdge(512) }
        if case .integer = field.value { return .shortestEdge(try side(field)) }
        let fields = try field.object()
        let size: Size
        if let edge = fields.optional("shortest_edge") {
            size = .shortestEdge(try side(edge))
        } else {
            size = .exact(width: try side(fields.required("width")), height: try side(fields.required("height")))
        }
        // `shortest_edge` beside `height` is a contradiction, and refused as a field unknown there.
        try fields.finish()
        return size
    }

    private static func crop(
        _ field: JSONField?, side: (JSONField) throws -> Int
    ) throws -> (width: Int, height: Int) {
        guard let field else { return (512, 512) }
        if case .integer = field.value { return (try side(field), try side(field)) }
        let fields = try field.object()
        let crop = (width: try side(fields.required("width")), height: try side(fields.required("height")))
        try fields.finish()
        return crop
    }

    private static func channels(_ field: JSONField?) throws -> [Float] {
        guard let field else { return [1, 1, 1] }
        let numbers = try field.array().map { Float(try $0.number(in: -1e6...1e6)) }
        guard numbers.count == 3 else { throw field.invalid("must hold 3 numbers, found \(numbers.count)") }
        return numbers
    }
}
