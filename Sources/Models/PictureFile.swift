import Imaging

/// A picture file that was decoded once, so that what is stored can be looked at later.
package struct PictureFile: Sendable, Equatable {
    package let content: [UInt8]
    /// `png` or `jpeg`.
    package let format: String
    /// Pixels, as the picture is seen: a JPEG's EXIF orientation applied.
    package let width: Int
    /// Pixels, as the picture is seen.
    package let height: Int

    /// Decodes the file, behind the limits of `ImageLimits.default`.
    ///
    /// - throws: ``PictureError`` for anything but a whole PNG or JPEG within the limits.
    package init(_ content: [UInt8]) throws(PictureError) {
        do {
            let header = try ImageHeader(content)
            _ = try Picture(decoding: content)
            self.content = content
            format = header.format.rawValue
            width = header.width
            height = header.height
        } catch {
            throw PictureError(error)
        }
    }
}

/// Why a picture file cannot be used.
package struct PictureError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// Neither PNG nor JPEG.
        case notAnImage
        /// Damaged or cut off.
        case damaged
        /// Beyond the limits.
        case tooLarge
    }

    package let kind: Kind
    /// What was wrong and what would be right, as a sentence.
    package let description: String

    init(_ error: ImagingError) {
        kind =
            switch error.kind {
            case .notAnImage: .notAnImage
            case .tooLarge: .tooLarge
            case .damaged, .recipe: .damaged
            }
        description = error.description
    }
}

extension VisionLanguageModel {
    /// Decodes, preprocesses and encodes a picture file.
    ///
    /// - throws: ``PictureError``; what `boundary` throws.
    package func encode(file: [UInt8], boundary: (() throws -> Void)? = nil) throws -> EncodedImage {
        let picture: Picture
        do { picture = try Picture(decoding: file) } catch { throw PictureError(error) }
        return try encode(picture, boundary: boundary)
    }
}
