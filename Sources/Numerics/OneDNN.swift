import COneDNN
import Synchronization

/// The library for products of many rows with bfloat16 weights, and for convolutions.
///
/// Its threads are OpenMP's, a team for every calling thread: call it from one long-lived thread.
package enum OneDNN {
    /// Version and instruction set, as `2.6.3 avx512_core_bf16`.
    package static let name: String = {
        guard let version = dnnl_version()?.pointee else { return "unknown" }
        let number = "\(version.major).\(version.minor).\(version.patch)"
        return "\(number) \(instructionSet)"
    }()

    private static var instructionSet: String {
        switch dnnl_get_effective_cpu_isa() {
        case dnnl_cpu_isa_sse41: "sse41"
        case dnnl_cpu_isa_avx: "avx"
        case dnnl_cpu_isa_avx2: "avx2"
        case dnnl_cpu_isa_avx512_core: "avx512_core"
        case dnnl_cpu_isa_avx512_core_vnni: "avx512_core_vnni"
        case dnnl_cpu_isa_avx512_core_bf16: "avx512_core_bf16"
        case dnnl_cpu_isa_avx512_core_amx: "avx512_core_amx"
        default: "unknown"
        }
    }

    /// `result = states · weightᵀ`, the states rounded to bfloat16, sums in float32.
    ///
    /// The caller owns the proof that the regions hold `rows * inner`, `outputs * inner` and `rows * outputs` elements.
    ///
    /// - Returns: `false`, with nothing done, where the library has no such product for this processor.
    static func multiply(
        _ states: UnsafePointer<Float>, by weight: UnsafePointer<UInt16>, into result: UnsafeMutablePointer<Float>,
        rows: Int, outputs: Int, inner: Int
    ) -> Bool {
        guard rows > 0, outputs > 0, inner > 0 else { return false }
        guard let product = BFloat16Product.cached(.init(rows: rows, outputs: outputs, inner: inner)) else {
            return false
        }
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: rows * inner) { rounded in
            // Capacity is positive, so there is an address.
            guard let rounded = rounded.baseAddress else { return }
            Kernels.roundToBFloat16(states, count: rows * inner, into: rounded)
            product.run(rounded, weight, result)
        }
        return true
    }

    /// Whether a row of a product with these weights has the same bits whatever rows are multiplied with it, and however many.
    ///
    /// The library promises nothing; how it cuts a product into blocks follows from the numbers of rows, outputs and inputs. So
    /// it is tried, once for each shape of weights, with the numbers of rows at which its blocks would end differently.
    ///
    /// - Parameter weight: `[outputs, inner]`, with which it is tried.
    static func rowsStandAlone(_ weight: UnsafePointer<UInt16>, outputs: Int, inner: Int) -> Bool {
        let shape = WeightShape(outputs: outputs, inner: inner)
        if let known = shapesTried.withLock({ $0[shape] }) { return known }
        let heights = [8, 9, 13, 16, 17, 31, 33, 64, 100, 256]
        let most = mostRowsAlone
        var generator = SplitMix64(state: 1)
        let states = (0..<most * inner).map { _ in Float(generator.uniform() * 2 - 1) }
        func product(rows: Int) -> [Float]? {
            var isDone = false
            let result = [Float](unsafeUninitializedCapacity: rows * outputs) { result, count in
                states.withUnsafeBufferPointer { states in
                    // `states` has more rows than any height; the result has room for what is written.
                    guard let states = states.baseAddress, let result = result.baseAddress else { return }
                    isDone = multiply(states, by: weight, into: result, rows: rows, outputs: outputs, inner: inner)
                }
                count = isDone ? rows * outputs : 0
            }
            return isDone ? result : nil
        }
        let all = product(rows: most)
        let standAlone = all.map { all in
            heights.allSatisfy { rows in product(rows: rows)?.elementsEqual(all[..<(rows * outputs)]) == true }
        }
        shapesTried.withLock { $0[shape] = standAlone ?? false }
        return standAlone ?? false
    }

    /// Rows of a product whose rows stand alone: no more than have been tried.
    static let mostRowsAlone = 256

    private struct WeightShape: Hashable {
        let outputs: Int
        let inner: Int
    }

    private static let shapesTried = Mutex<[WeightShape: Bool]>([:])

    /// Stops the process: the library refused what it had promised, which only a lack of memory explains.
    static func check(_ status: dnnl_status_t, _ what: String) {
        precondition(status == dnnl_success, "oneDNN: \(what) failed with status \(status.rawValue)")
    }

    /// The processor and its queue of work, which does each thing at once.
    ///
    /// `@unchecked Sendable`: both handles are set in `init` and safe to share.
    final class Processor: @unchecked Sendable {
        static let shared = Processor()
        let engine: dnnl_engine_t?
        let stream: dnnl_stream_t?

        private init() {
            var engine: dnnl_engine_t?
            OneDNN.check(dnnl_engine_create(&engine, dnnl_cpu, 0), "engine")
            var stream: dnnl_stream_t?
            OneDNN.check(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags.rawValue), "stream")
            self.engine = engine
            self.stream = stream
        }
    }
}

/// A product of one shape, compiled by the library for it.
private struct BFloat16Product: Sendable {
    struct Shape: Hashable {
        let rows: Int
        let outputs: Int
        let inner: Int
    }

    private let primitive: OneDNNPrimitive
    private let layouts: (states: dnnl_memory_desc_t, weight: dnnl_memory_desc_t, result: dnnl_memory_desc_t)

    /// Shapes differ by the length of prompts and the size of stacks. Compiling takes a millisecond or so.
    private static let limit = 512
    private static let cache = Mutex<[Shape: BFloat16Product?]>([:])

    static func cached(_ shape: Shape) -> BFloat16Product? {
        if let known = cache.withLock({ $0[shape] }) { return known }
        let product = BFloat16Product(shape)
        cache.withLock { cache in
            if cache.count >= limit { cache.removeAll() }
            cache[shape] = .some(product)
        }
        return product
    }

    private init?(_ shape: Shape) {
        func matrix(
            _ rows: Int, _ columns: Int, _ type: dnnl_data_type_t, strides: (Int, Int)
        ) -> dnnl_memory_desc_t {
            var description = dnnl_memory_desc_t()
            var extents = [dnnl_dim_t](repeating: 0, count: Int(DNNL_MAX_NDIMS))
            var steps = extents
            (extents[0], extents[1]) = (dnnl_dim_t(rows), dnnl_dim_t(columns))
            (steps[0], steps[1]) = (dnnl_dim_t(strides.0), dnnl_dim_t(strides.1))
            OneDNN.check(dnnl_memory_desc_init_by_strides(&description, 2, &extents, type, &steps), "shape")
            return description
        }
        var states = matrix(shape.rows, shape.inner, dnnl_bf16, strides: (shape.inner, 1))
        // The library's second operand is [in, out]; ours, [out, in] in memory, is its transpose.
        var weight = matrix(shape.inner, shape.outputs, dnnl_bf16, strides: (1, shape.inner))
        var result = matrix(shape.rows, shape.outputs, dnnl_f32, strides: (shape.outputs, 1))
        var operation = dnnl_matmul_desc_t()
        guard dnnl_matmul_desc_init(&operation, &states, &weight, nil, &result) == dnnl_success else { return nil }
        guard let primitive = OneDNNPrimitive(&operation, work: shape.rows * shape.outputs * shape.inner) else {
            return nil
        }
        self.primitive = primitive
        layouts = (states, weight, result)
    }

    func run(
        _ states: UnsafePointer<UInt16>, _ weight: UnsafePointer<UInt16>, _ result: UnsafeMutablePointer<Float>
    ) {
        primitive.run([
            (DNNL_ARG_SRC, layouts.states, UnsafeRawPointer(states)),
            (DNNL_ARG_WEIGHTS, layouts.weight, UnsafeRawPointer(weight)),
            (DNNL_ARG_DST, layouts.result, UnsafeRawPointer(result)),
        ])
    }
}
