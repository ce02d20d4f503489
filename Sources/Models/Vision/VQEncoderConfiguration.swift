/// The shape of a VQ-GAN encoder (Esser et al. 2021; Chameleon's `vq_config`).
package struct VQEncoderConfiguration: Sendable, Equatable {
    /// Side of the square picture, in pixels.
    package let resolution: Int
    /// Colour planes.
    package let planes: Int
    package let baseChannels: Int
    /// Channels of each level as multiples of ``baseChannels``; each level but the last halves the picture.
    package let multipliers: [Int]
    package let blocksPerLevel: Int
    /// Levels whose pixels number as many a side attend to each other after every block.
    package let attentionResolutions: [Int]
    /// Whether attention exists at all, between the two middle blocks above all.
    package let attention: Bool
    /// Channels of the encoder's output.
    package let latentChannels: Int
    /// Width of a codebook entry.
    package let codeWidth: Int
    /// Entries of the codebook.
    package let codes: Int

    /// Group norms have this many groups, whatever the number of channels.
    static let groups = 32

    /// Side of the grid of codes.
    package var grid: Int { resolution >> (multipliers.count - 1) }
    /// Codes of one picture.
    package var codesPerImage: Int { grid * grid }

    /// Channels of level `level`.
    func channels(_ level: Int) -> Int { baseChannels * multipliers[level] }

    package init(
        resolution: Int, planes: Int, baseChannels: Int, multipliers: [Int], blocksPerLevel: Int,
        attentionResolutions: [Int], attention: Bool, latentChannels: Int, codeWidth: Int, codes: Int
    ) {
        self.resolution = resolution
        self.planes = planes
        self.baseChannels = baseChannels
        self.multipliers = multipliers
        self.blocksPerLevel = blocksPerLevel
        self.attentionResolutions = attentionResolutions
        self.attention = attention
        self.latentChannels = latentChannels
        self.codeWidth = codeWidth
        self.codes = codes
    }
}
