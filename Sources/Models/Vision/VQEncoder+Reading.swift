import Numerics

extension VQEncoder {
    /// Reads an encoder under Hugging Face's names, all beginning with `prefix` (`model.vqmodel`).
    ///
    /// - throws: `CheckpointError` or ``ModelError`` that names the tensor.
    init(_ tensors: TensorReader, _ shape: VQEncoderConfiguration, prefix: String) throws {
        let reader = VQTensors(tensors: tensors, prefix: "\(prefix).encoder")
        configuration = shape
        convolutionIn = try reader.convolution("conv_in", shape.planes, shape.baseChannels, kernel: 3)
        var channels = shape.baseChannels
        var side = shape.resolution
        var levels: [Level] = []
        for level in shape.multipliers.indices {
            let wide = shape.channels(level)
            let attends = shape.attention && shape.attentionResolutions.contains(side)
            var blocks: [ResidualBlock] = []
            var attention: [AttentionBlock] = []
            for block in 0..<shape.blocksPerLevel {
                blocks.append(try reader.residual("down.\(level).block.\(block)", channels, wide))
                if attends { attention.append(try reader.attention("down.\(level).attn.\(block)", wide)) }
                channels = wide
            }
            var downsample: Convolution?
            if level < shape.multipliers.count - 1 {
                // Zeros right and below only: what F.pad(0, 1, 0, 1) does in the reference.
                downsample = try reader.convolution(
                    "down.\(level).downsample.conv", wide, wide, kernel: 3, stride: 2,
                    padding: .init(leading: 0, trailing: 1))
                side /= 2
            }
            levels.append(Level(blocks: blocks, attention: attention, downsample: downsample))
        }
        self.levels = levels
        middle = (
            try reader.residual("mid.block_1", channels, channels),
            shape.attention ? try reader.attention("mid.attn_1", channels) : nil,
            try reader.residual("mid.block_2", channels, channels)
        )
        normOut = try reader.norm("norm_out", channels)
        convolutionOut = try reader.convolution("conv_out", channels, shape.latentChannels, kernel: 3)
        try tensors.refuseLeftovers(under: "\(prefix).encoder.", except: [])
        let outer = VQTensors(tensors: tensors, prefix: prefix)
        quantConvolution = try outer.convolution("quant_conv", shape.latentChannels, shape.codeWidth, kernel: 1)
        codebook = Codebook(
            try tensors.matrix("\(prefix).quantize.embedding.weight", shape.codes, shape.codeWidth))
    }
}

/// The parts of a VQ encoder by name.
private struct VQTensors {
    let tensors: TensorReader
    let prefix: String

    func convolution(
        _ name: String, _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1,
        padding: Convolution.Padding? = nil
    ) throws -> Convolution {
        Convolution(
            inputs: inputs, outputs: outputs, kernel: kernel, stride: stride,
            padding: padding ?? .init(leading: kernel / 2, trailing: kernel / 2),
            weight: try tensors.floats("\(prefix).\(name).weight", [outputs, inputs, kernel, kernel]),
            bias: try tensors.vector("\(prefix).\(name).bias", outputs))
    }

    func norm(_ name: String, _ channels: Int) throws -> GroupNorm {
        GroupNorm(
            groups: VQEncoderConfiguration.groups, weight: try tensors.vector("\(prefix).\(name).weight", channels),
            bias: try tensors.vector("\(prefix).\(name).bias", channels), epsilon: 1e-6)
    }

    func residual(_ name: String, _ inputs: Int, _ outputs: Int) throws -> ResidualBlock {
        ResidualBlock(
            norm1: try norm("\(name).norm1", inputs),
            convolution1: try convolution("\(name).conv1", inputs, outputs, kernel: 3),
            norm2: try norm("\(name).norm2", outputs),
            convolution2: try convolution("\(name).conv2", outputs, outputs, kernel: 3),
            shortcut: inputs == outputs
                ? nil : try convolution("\(name).nin_shortcut", inputs, outputs, kernel: 1))
    }

    func attention(_ name: String, _ channels: Int) throws -> AttentionBlock {
        AttentionBlock(
            norm: try norm("\(name).norm", channels),
            query: try convolution("\(name).q", channels, channels, kernel: 1),
            key: try convolution("\(name).k", channels, channels, kernel: 1),
            value: try convolution("\(name).v", channels, channels, kernel: 1),
            output: try convolution("\(name).proj_out", channels, channels, kernel: 1))
    }
}
