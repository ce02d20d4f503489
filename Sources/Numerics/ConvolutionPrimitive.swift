import COneDNN
import Synchronization

/// oneDNN's convolution of channels-last rows, compiled for one shape.
final class ConvolutionPrimitive: Sendable {
    struct Shape: Hashable {
        let inputs: Int
        let outputs: Int
        let kernel: Int
        let stride: Int
        /// Zeros to the left and to the right; above and below the rows that are given stand for themselves.
        let leading: Int
        let trailing: Int
        let inputRows: Int
        let inputColumns: Int
        /// Whether the result is added to what is there.
        let adds: Bool

        var work: Int { outputRows * outputColumns * outputs * inputs * kernel * kernel }
        var outputRows: Int { (inputRows - kernel) / stride + 1 }
        var outputColumns: Int { (inputColumns + leading + trailing - kernel) / stride + 1 }
    }

    private let primitive: OneDNNPrimitive
    private let source: dnnl_memory_desc_t
    private let bias: dnnl_memory_desc_t
    private let result: dnnl_memory_desc_t
    /// The layout that the weights must have.
    let weight: dnnl_memory_desc_t

    private static let limit = 256
    private static let cache = Mutex<[Shape: ConvolutionPrimitive]>([:])

    static func cached(_ shape: Shape, weight: dnnl_memory_desc_t) -> ConvolutionPrimitive {
        if let known = cache.withLock({ $0[shape] }) { return known }
        let primitive = ConvolutionPrimitive(shape, weight: weight)
        cache.withLock { cache in
            if cache.count >= limit { cache.removeAll() }
            cache[shape] = primitive
        }
        return primitive
    }

    /// - Parameter weight: the layout that the weights have; `nil` leaves it to the library.
    init(_ shape: Shape, weight given: dnnl_memory_desc_t? = nil) {
        func tensor(_ extents: [Int], _ tag: dnnl_format_tag_t) -> dnnl_memory_desc_t {
            var description = dnnl_memory_desc_t()
            var dimensions = extents.map { dnnl_dim_t($0) }
            dimensions += Array(repeating: 0, count: Int(DNNL_MAX_NDIMS) - extents.count)
            OneDNN.check(
                dnnl_memory_desc_init_by_tag(&description, Int32(extents.count), &dimensions, dnnl_f32, tag), "shape")
            return description
        }
        var source = tensor([1, shape.inputs, shape.inputRows, shape.inputColumns], dnnl_nhwc)
        var weight = given ?? tensor([shape.outputs, shape.inputs, shape.kernel, shape.kernel], dnnl_format_tag_any)
        var bias = tensor([shape.outputs], dnnl_a)
        var result = tensor([1, shape.outputs, shape.outputRows, shape.outputColumns], dnnl_nhwc)
        let strides = [dnnl_dim_t(shape.stride), dnnl_dim_t(shape.stride)]
        let before = [0, dnnl_dim_t(shape.leading)]
        let after = [0, dnnl_dim_t(shape.trailing)]
        var operation = dnnl_convolution_desc_t()
        OneDNN.check(
            dnnl_convolution_forward_desc_init(
                &operation, dnnl_forward_inference, dnnl_convolution_direct, &source, &weight, &bias, &result, strides,
                before, after), "convolution")
        guard let primitive = OneDNNPrimitive(&operation, work: shape.work, adds: shape.adds) else {
            preconditionFailure("oneDNN has no convolution of \(shape)")
        }
        self.primitive = primitive
        self.source = source
        self.bias = bias
        self.result = result
        self.weight = primitive.weight ?? weight
    }

    /// Convolves `inputRows` rows. The caller owns the proof that the regions are as large as the shape says.
    func run(
        _ states: UnsafePointer<Float>, weight: UnsafeRawPointer, bias: UnsafePointer<Float>,
        into result: UnsafeMutablePointer<Float>
    ) {
        primitive.run(
            [
                (DNNL_ARG_SRC, source, UnsafeRawPointer(states)), (DNNL_ARG_WEIGHTS, self.weight, weight),
                (DNNL_ARG_BIAS, self.bias, UnsafeRawPointer(bias)),
                (DNNL_ARG_DST, self.result, UnsafeRawPointer(result)),
            ])
    }
}

/// A convolution's weights in the layout that oneDNN computes with; the only copy of them.
///
/// `@unchecked Sendable`: written in `init` alone.
final class ConvolutionWeights: @unchecked Sendable {
    let layout: dnnl_memory_desc_t
    let start: UnsafeMutableRawPointer

    /// - Parameter weight: `[outputs, inputs, kernel, kernel]`.
    init(_ weight: [Float], inputs: Int, outputs: Int, kernel: Int, stride: Int) {
        // The layout follows from the channels; what the library would choose for some map serves for all.
        let nominal = ConvolutionPrimitive(
            .init(
                inputs: inputs, outputs: outputs, kernel: kernel, stride: stride, leading: kernel / 2,
                trailing: kernel / 2, inputRows: 32, inputColumns: 64, adds: false))
        layout = nominal.weight
        var target = nominal.weight
        start = .allocate(byteCount: max(64, dnnl_memory_desc_get_size(&target)), alignment: 64)
        var plain = dnnl_memory_desc_t()
        var extents = [outputs, inputs, kernel, kernel].map { dnnl_dim_t($0) }
        extents += Array(repeating: 0, count: Int(DNNL_MAX_NDIMS) - 4)
        OneDNN.check(dnnl_memory_desc_init_by_tag(&plain, 4, &extents, dnnl_f32, dnnl_oihw), "shape")
        let engine = OneDNN.Processor.shared.engine
        // Made, run and dropped on this thread: the library's own scratch memory is this thread's.
        var plan: dnnl_primitive_desc_t?
        Kernels.onOneThread(true) {
            OneDNN.check(dnnl_reorder_primitive_desc_create(&plan, &plain, engine, &target, engine, nil), "reorder")
        }
        var primitive: dnnl_primitive_t?
        Kernels.onOneThread(true) { OneDNN.check(dnnl_primitive_create(&primitive, plan), "reorder") }
        defer {
            dnnl_primitive_destroy(primitive)
            dnnl_primitive_desc_destroy(plan)
        }
        weight.withUnsafeBytes { bytes in
            // As many elements as the extents say: the convolution has checked it.
            guard let source = bytes.baseAddress else { return }
            Kernels.onOneThread(true) {
                OneDNN.execute(
                    primitive, [(DNNL_ARG_FROM, plain, source), (DNNL_ARG_TO, target, UnsafeRawPointer(start))])
            }
        }
    }

    deinit { start.deallocate() }
}
