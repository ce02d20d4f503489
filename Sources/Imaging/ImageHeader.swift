/// What a picture file says about itself before it is decoded.
package struct ImageHeader: Sendable, Equatable {
    package enum Format: String, Sendable {
        case png
        case jpeg
    }

    package let format: Format
    /// The sides as they will be seen, with ``orientation`` applied.
    package var width: Int { orientation.swapsSides ? storedHeight : storedWidth }
    package var height: Int { orientation.swapsSides ? storedWidth : storedHeight }
    /// How the stored rows and columns are to be turned (EXIF).
    package let orientation: Orientation

    /// The sides as they are stored.
    let storedWidth: Int
    let storedHeight: Int
    /// PNG: whether the file has transparency. JPEG: false.
    let hasAlpha: Bool
    /// JPEG: 1 grey, 3 colour, 4 CMYK or YCCK. PNG: not used.
    let components: Int
    /// JPEG: the number of scans. PNG: 1.
    let scans: Int
    /// JPEG in several scans: the bytes of its coefficients. Others: 0, as they are decoded row by row.
    let coefficientBytes: Int

    /// Reads the header of a PNG or JPEG file and checks it against `limits`.
    ///
    /// - throws: ``ImagingError`` of every kind but `recipe`.
    package init(_ bytes: [UInt8], limits: ImageLimits = .default) throws(ImagingError) {
        if bytes.starts(with: PNGHeader.signature) {
            self = try PNGHeader.read(bytes)
        } else if bytes.starts(with: [0xFF, 0xD8]) {
            self = try JPEGHeader.read(bytes)
        } else {
            throw ImagingError(
                .notAnImage,
                bytes.isEmpty
                    ? "the picture is empty; PNG and JPEG files are accepted"
                    : "the content is neither a PNG nor a JPEG file; only these are accepted")
        }
        try limits.check(width: storedWidth, height: storedHeight)
        guard scans <= limits.scans(width: storedWidth, height: storedHeight) else {
            throw ImagingError(
                .tooLarge,
                "the JPEG has \(scans) scans over \(storedWidth)×\(storedHeight) pixels: save it as baseline")
        }
        let samples = hasAlpha || components == 4 ? 4 : 3
        let memory = storedWidth * storedHeight * samples + coefficientBytes
        guard memory <= limits.memory else {
            throw ImagingError(
                .tooLarge,
                "the JPEG in several scans over \(storedWidth)×\(storedHeight) pixels takes \(memory >> 20) MiB to decode; "
                    + "at most \(limits.memory >> 20) are allowed: scale it down, or save it as baseline")
        }
    }

    init(
        format: Format, width: Int, height: Int, orientation: Orientation, hasAlpha: Bool = false, components: Int = 3,
        scans: Int = 1, coefficientBytes: Int = 0
    ) {
        self.format = format
        self.storedWidth = width
        self.storedHeight = height
        self.orientation = orientation
        self.hasAlpha = hasAlpha
        self.components = components
        self.scans = scans
        self.coefficientBytes = coefficientBytes
    }
}
