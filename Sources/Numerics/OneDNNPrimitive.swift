import COneDNN

/// An operation that oneDNN has compiled for one shape.
///
/// Scratch memory is each run's own: the library's is shared by all primitives that a thread has made, so that two
/// threads running them would write over each other.
///
/// `@unchecked Sendable`: handles never change, and running writes to nothing but the run's operands and scratch.
final class OneDNNPrimitive: @unchecked Sendable {
    private let primitive: dnnl_primitive_t?
    private let scratch: dnnl_memory_desc_t?
    private let scratchBytes: Int
    /// Compiled for one thread, and run on one.
    private let isSmall: Bool
    /// The layout that the weights must have, where the operation has weights.
    let weight: dnnl_memory_desc_t?

    /// - Parameters:
    ///   - operation: one of the library's operation descriptions.
    ///   - work: how many multiplications it has.
    ///   - adds: whether the result is added to what is there.
    /// - Returns: `nil` where the library has no such operation for this processor.
    init?(_ operation: UnsafeRawPointer, work: Int, adds: Bool = false) {
        isSmall = work < Kernels.threadedWork
        var attributes: dnnl_primitive_attr_t?
        OneDNN.check(dnnl_primitive_attr_create(&attributes), "attributes")
        defer { dnnl_primitive_attr_destroy(attributes) }
        OneDNN.check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), "attributes")
        var additions: dnnl_post_ops_t?
        defer { dnnl_post_ops_destroy(additions) }
        if adds {
            OneDNN.check(dnnl_post_ops_create(&additions), "attributes")
            OneDNN.check(dnnl_post_ops_append_sum(additions, 1), "attributes")
            OneDNN.check(dnnl_primitive_attr_set_post_ops(attributes, additions), "attributes")
        }
        var plan: dnnl_primitive_desc_t?
        defer { dnnl_primitive_desc_destroy(plan) }
        var primitive: dnnl_primitive_t?
        let isCompiled = Kernels.onOneThread(isSmall) {
            dnnl_primitive_desc_create(&plan, operation, attributes, OneDNN.Processor.shared.engine, nil)
                == dnnl_success
                && dnnl_primitive_create(&primitive, plan) == dnnl_success
        }
        guard isCompiled else { return nil }
        self.primitive = primitive
        weight = dnnl_primitive_desc_query_md(plan, dnnl_query_weights_md, 0)?.pointee
        let scratch = dnnl_primitive_desc_query_md(plan, dnnl_query_scratchpad_md, 0)
        self.scratch = scratch?.pointee
        scratchBytes = scratch.map { dnnl_memory_desc_get_size($0) } ?? 0
    }

    deinit { dnnl_primitive_destroy(primitive) }

    /// Runs on operands and results of those layouts, and returns when it is done.
    ///
    /// The caller owns the proof that each region is as large as its layout says, and that results may be written.
    func run(_ operands: [(argument: Int32, layout: dnnl_memory_desc_t, start: UnsafeRawPointer)]) {
        var operands = operands
        var memory: UnsafeMutableRawPointer?
        if let scratch, scratchBytes > 0 {
            let own = UnsafeMutableRawPointer.allocate(byteCount: scratchBytes, alignment: 64)
            operands.append((DNNL_ARG_SCRATCHPAD, scratch, UnsafeRawPointer(own)))
            memory = own
        }
        defer { memory?.deallocate() }
        Kernels.onOneThread(isSmall) { OneDNN.execute(primitive, operands) }
    }
}

extension OneDNN {
    /// Runs a primitive that needs no scratch memory, or is given it; as ``OneDNNPrimitive/run(_:)``.
    static func execute(
        _ primitive: dnnl_primitive_t?,
        _ operands: [(argument: Int32, layout: dnnl_memory_desc_t, start: UnsafeRawPointer)]
    ) {
        let arguments = operands.map { argument, layout, start in
            var layout = layout
            var memory: dnnl_memory_t?
            // The library takes one type of pointer for operands and results, and does not write operands.
            check(
                dnnl_memory_create(&memory, &layout, Processor.shared.engine, UnsafeMutableRawPointer(mutating: start)),
                "memory")
            return dnnl_exec_arg_t(arg: argument, memory: memory)
        }
        defer { for argument in arguments { dnnl_memory_destroy(argument.memory) } }
        let stream = Processor.shared.stream
        check(dnnl_primitive_execute(primitive, stream, Int32(arguments.count), arguments), "primitive")
        check(dnnl_stream_wait(stream), "primitive")
    }
}
