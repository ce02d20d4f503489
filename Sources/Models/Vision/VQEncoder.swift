package import Numerics

// The picture side of VQ families: convolutions down to a grid of latents, each replaced by the index of its
// nearest codebook entry.
//
// Memory: at 512×512 one activation of the first level has 134 MB. A residual block holds its input and one
// inner activation, normalises on the way into its convolutions and adds its result in place, so two such
// activations and one tile are the peak. What earlier work left in the allocator is given back first: 47 MB after a picture.

/// A VQ-GAN encoder with its codebook, in float32.
package struct VQEncoder: Sendable {
    package let configuration: VQEncoderConfiguration
    let convolutionIn: Convolution
    let levels: [Level]
    let middle: (first: ResidualBlock, attention: AttentionBlock?, second: ResidualBlock)
    let normOut: GroupNorm
    let convolutionOut: Convolution
    let quantConvolution: Convolution
    let codebook: Codebook

    /// One resolution: blocks, each followed by attention where the level has it, then a halving.
    struct Level: Sendable {
        let blocks: [ResidualBlock]
        let attention: [AttentionBlock]
        let downsample: Convolution?
    }

    /// An inner activation that an observer may see, under its name in the reference's goldens.
    package enum Stage: String, CaseIterable, Sendable {
        case convolutionIn = "vq.conv_in"
        case firstDownsample = "vq.down0"
        case middleAttention = "vq.mid_attn"
        case encoder = "vq.encoder"
        case latent = "vq.latent"
    }

    /// Elements of the first map from which memory is worth releasing: 32 MB of them.
    private static let largeMap = 8 << 20

    /// The codes of one picture, in raster order; the first of equally near entries wins.
    ///
    /// - Parameters:
    ///   - pixels: normalised, `[planes, resolution, resolution]`.
    ///   - boundary: called before every block; throwing abandons the work.
    ///   - observe: sees inner activations.
    package func codes(
        _ pixels: [Float], boundary: (() throws -> Void)? = nil, observe: ((Stage, FeatureMap) -> Void)? = nil
    ) throws -> [Int] {
        let latents = try latents(pixels, boundary: boundary, observe: observe)
        return codebook.nearest(latents.states)
    }

    /// The latents that the codebook quantises, `codeWidth` channels over the grid.
    package func latents(
        _ pixels: [Float], boundary: (() throws -> Void)? = nil, observe: ((Stage, FeatureMap) -> Void)? = nil
    ) throws -> FeatureMap {
        let side = configuration.resolution
        try boundary?()
        // Small pictures are not worth the pages that the next pass has to ask for again.
        if side * side * configuration.baseChannels >= Self.largeMap { Kernels.releaseMemory() }
        var map = convolutionIn(
            FeatureMap(planes: pixels, channels: configuration.planes, height: side, width: side))
        observe?(.convolutionIn, map)
        for (position, level) in levels.enumerated() {
            for (index, block) in level.blocks.enumerated() {
                try block.apply(to: &map, boundary)
                if !level.attention.isEmpty { try level.attention[index].apply(to: &map, boundary) }
            }
            if let downsample = level.downsample {
                try boundary?()
                map = downsample(map)
                if position == 0 { observe?(.firstDownsample, map) }
            }
        }
        try middle.first.apply(to: &map, boundary)
        try middle.attention?.apply(to: &map, boundary)
        observe?(.middleAttention, map)
        try middle.second.apply(to: &map, boundary)
        try boundary?()
        map = convolutionOut(map, normalizing: normOut.affine(for: map))
        observe?(.encoder, map)
        map = quantConvolution(map)
        observe?(.latent, map)
        return map
    }
}
