import COneDNN

/// oneDNN's matrix product as the library offers it, on operands of its own.
final class LibraryProduct {
    /// What is multiplied: `batch` times `[rows, inner] · [inner, outputs]`, operands in bfloat16, the result in float32.
    struct Shape {
        var batch = 1
        let rows: Int
        let outputs: Int
        let inner: Int
        /// Whether the second factor lies as `[outputs, inner]`: weights of a checkpoint, keys.
        var transposed = true
    }

    private var primitive: dnnl_primitive_t?
    private var stream: dnnl_stream_t?
    private var engine: dnnl_engine_t?
    private var arguments: [dnnl_exec_arg_t] = []
    private var storage: [UnsafeMutableRawPointer] = []

    /// - Parameter packed: the second factor is in the layout that the library likes best.
    init(_ shape: Shape, packed: Bool = false) {
        dnnl_engine_create(&engine, dnnl_cpu, 0)
        dnnl_stream_create(&stream, engine, dnnl_stream_default_flags.rawValue)
        let (rows, outputs, inner) = (shape.rows, shape.outputs, shape.inner)
        var states = Self.description([shape.batch, rows, inner], [rows * inner, inner, 1], dnnl_bf16)
        let strides = shape.transposed ? [outputs * inner, 1, inner] : [outputs * inner, outputs, 1]
        var weight = Self.description([shape.batch, inner, outputs], strides, dnnl_bf16)
        if packed {
            var extents = [shape.batch, inner, outputs].map { dnnl_dim_t($0) }
            dnnl_memory_desc_init_by_tag(&weight, 3, &extents, dnnl_bf16, dnnl_format_tag_any)
        }
        var result = Self.description([shape.batch, rows, outputs], [rows * outputs, outputs, 1], dnnl_f32)
        var operation = dnnl_matmul_desc_t()
        dnnl_matmul_desc_init(&operation, &states, &weight, nil, &result)
        var plan: dnnl_primitive_desc_t?
        dnnl_primitive_desc_create(&plan, &operation, nil, engine, nil)
        dnnl_primitive_create(&primitive, plan)
        for (index, argument) in [
            (dnnl_query_src_md, DNNL_ARG_SRC), (dnnl_query_weights_md, DNNL_ARG_WEIGHTS),
            (dnnl_query_dst_md, DNNL_ARG_DST),
        ].enumerated() {
            let wanted = dnnl_primitive_desc_query_md(plan, argument.0, 0)
            let bytes = dnnl_memory_desc_get_size(wanted)
            let start = UnsafeMutableRawPointer.allocate(byteCount: max(64, bytes), alignment: 64)
            // Small ordinary numbers: 0x3C is the upper byte of 2⁻⁷ and its neighbours.
            start.initializeMemory(as: UInt8.self, repeating: index < 2 ? 0x3C : 0, count: bytes)
            var memory: dnnl_memory_t?
            dnnl_memory_create(&memory, wanted, engine, start)
            storage.append(start)
            arguments.append(dnnl_exec_arg_t(arg: argument.1, memory: memory))
        }
        dnnl_primitive_desc_destroy(plan)
    }

    deinit {
        for argument in arguments { dnnl_memory_destroy(argument.memory) }
        for start in storage { start.deallocate() }
        dnnl_primitive_destroy(primitive)
        dnnl_stream_destroy(stream)
        dnnl_engine_destroy(engine)
    }

    func run() {
        dnnl_primitive_execute(primitive, stream, Int32(arguments.count), arguments)
        dnnl_stream_wait(stream)
    }

    private static func description(_ extents: [Int], _ strides: [Int], _ type: dnnl_data_type_t)
        -> dnnl_memory_desc_t
    {
        var description = dnnl_memory_desc_t()
        var extents = extents.map { dnnl_dim_t($0) }
        var strides = strides.map { dnnl_dim_t($0) }
        dnnl_memory_desc_init_by_strides(&description, Int32(extents.count), &extents, type, &strides)
        return description
    }
}
