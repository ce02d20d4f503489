import COneDNN
import Foundation
import Numerics

/// What a linear layer's product takes here, and in the libraries by themselves on the same operands: the least of several
/// turns each, taken in alternation.
struct KernelTable {
    private let shapes = [(4096, 11_008), (2752, 1024), (1024, 1024)]
    private let rows = [1, 2, 4, 8, 9, 16, 32, 64, 256, 1024]
    private let turns = 15

    func print() {
        Swift.print(
            "oneDNN \(OneDNN.name), OpenBLAS \(OpenBLAS.version) \(OpenBLAS.kernel), \(Kernels.name), "
                + "\(Kernels.threads) threads; weights [out, in]; the least of \(turns)")
        Swift.print(
            "weight        rows  here ms  GB/s  GFLOP/s  oneDNN ms  packed ms  sgemm ms  oneDNN/here  packed/here")
        for (outputs, inner) in shapes {
            let weight = Self.matrix(outputs, inner)
            let rounded = BFloat16Matrix(rounding: weight)
            for rows in rows { line(rows, outputs, inner, weight, rounded) }
        }
    }

    private func line(_ rows: Int, _ outputs: Int, _ inner: Int, _ weight: Matrix, _ rounded: BFloat16Matrix) {
        let states = Self.matrix(rows, inner)
        let plain = LibraryProduct(rows: rows, outputs: outputs, inner: inner, packed: false)
        let packed = LibraryProduct(rows: rows, outputs: outputs, inner: inner, packed: true)
        var times = [Double](repeating: .infinity, count: 4)
        for _ in 0..<turns {
            let turn = [
                seconds { _ = states.multiplied(byTransposed: .bfloat16(rounded)) },
                seconds { plain.run() }, seconds { packed.run() },
                rows <= 256 ? seconds { _ = states.multiplied(byTransposed: weight) } : .infinity,
            ]
            for index in times.indices { times[index] = min(times[index], turn[index]) }
        }
        let bytes = Double(outputs * inner * 2)
        let operations = 2 * Double(rows) * Double(outputs * inner)
        let columns: [(Int, String)] = [
            (13, "\(outputs)x\(inner)"), (5, "\(rows)"), (9, number(times[0] * 1e3, 3)),
            (6, number(bytes / times[0] * 1e-9, 1)), (9, number(operations / times[0] * 1e-9, 0)),
            (11, number(times[1] * 1e3, 3)), (11, number(times[2] * 1e3, 3)), (10, number(times[3] * 1e3, 3)),
            (13, number(times[1] / times[0], 2)), (13, number(times[2] / times[0], 2)),
        ]
        Swift.print(columns.map { String(repeating: " ", count: max(0, $0.0 - $0.1.count)) + $0.1 }.joined())
    }

    private func number(_ value: Double, _ digits: Int) -> String {
        value.isFinite ? String(format: "%.\(digits)f", value) : "-"
    }

    private func seconds(_ body: () -> Void) -> Double {
        let start = ContinuousClock.now
        body()
        return (ContinuousClock.now - start) / .seconds(1)
    }

    private static func matrix(_ rows: Int, _ columns: Int) -> Matrix {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        let elements = (0..<rows * columns).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Float(state >> 40) / Float(1 << 23) - 1
        }
        return Matrix(rows: rows, columns: columns, elements: elements)
    }
}

/// oneDNN's bfloat16 product as the library offers it, on operands of its own: with weights as checkpoints have them, or in
/// the layout that the library likes best.
private final class LibraryProduct {
    private var primitive: dnnl_primitive_t?
    private var stream: dnnl_stream_t?
    private var engine: dnnl_engine_t?
    private var arguments: [dnnl_exec_arg_t] = []
    private var storage: [UnsafeMutableRawPointer] = []

    init(rows: Int, outputs: Int, inner: Int, packed: Bool) {
        dnnl_engine_create(&engine, dnnl_cpu, 0)
        dnnl_stream_create(&stream, engine, dnnl_stream_default_flags.rawValue)
        var states = description(rows, inner, dnnl_bf16, inner, 1)
        var weight = description(inner, outputs, dnnl_bf16, 1, inner)
        if packed {
            var extents = [dnnl_dim_t(inner), dnnl_dim_t(outputs)]
            dnnl_memory_desc_init_by_tag(&weight, 2, &extents, dnnl_bf16, dnnl_format_tag_any)
        }
        var result = description(rows, outputs, dnnl_f32, outputs, 1)
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

    private func description(
        _ rows: Int, _ columns: Int, _ type: dnnl_data_type_t, _ rowStride: Int, _ columnStride: Int
    ) -> dnnl_memory_desc_t {
        var description = dnnl_memory_desc_t()
        var extents = [dnnl_dim_t(rows), dnnl_dim_t(columns)]
        var strides = [dnnl_dim_t(rowStride), dnnl_dim_t(columnStride)]
        dnnl_memory_desc_init_by_strides(&description, 2, &extents, type, &strides)
        return description
    }
}
