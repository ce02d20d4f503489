import Foundation
import Glibc

/// Writes a safetensors file of F32 and I32 tensors, piece by piece and in any order.
///
/// The shapes are declared first, so that the header can be written and each piece goes straight to its place in
/// the file: a trace of several gigabytes is never held twice. The file appears under its name only when
/// ``finish()`` has found every element written; until then it is a temporary file beside it, which goes away
/// with the writer.
package final class SafetensorsWriter {
    private struct Slot {
        let description: TensorDescription
        let offset: Int
        let elements: Int
        var written = 0
    }

    private let path: String
    private let temporary: String
    private let descriptor: Int32
    private var slots: [Slot] = []
    private var index: [String: Int] = [:]
    private var finished = false

    /// Begins a file at `path` that will hold `tensors`, laid out in that order.
    ///
    /// - throws: ``CheckpointError`` where a name is doubled, a type is neither F32 nor I32, or the file cannot
    ///   be written.
    package init(path: String, tensors: [TensorDescription], metadata: [(name: String, text: String)] = []) throws {
        self.path = path
        temporary = path + ".\(UUID().uuidString).partial"
        if let other = tensors.first(where: { $0.type != .float32 && $0.type != .int32 }) {
            throw CheckpointError(file: path, subject: other.name, "only F32 and I32 are written")
        }
        let header = try SafetensorsHeader(tensors, metadata: metadata, file: path)
        for (position, tensor) in tensors.enumerated() {
            index[tensor.name] = position
            // The header has checked the sizes.
            slots.append(
                Slot(description: tensor, offset: header.offsets[position], elements: tensor.sizes?.elements ?? 0))
        }

        descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw CheckpointError(file: path, "cannot be written: \(String(cString: strerror(errno)))")
        }
        try header.bytes.withUnsafeBytes { try put($0, at: 0) }
        // Makes room at once, and so that a last tensor without elements needs no write.
        guard ftruncate(descriptor, off_t(header.fileCount)) == 0 else {
            throw CheckpointError(file: path, "cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if !finished { unlink(temporary) }
    }

    /// Writes `values` into F32 tensor `name`, starting at element `start` (row-major). Each element is written once.
    package func write(_ values: [Float], to name: String, at start: Int = 0) throws {
        try values.withUnsafeBytes { try write($0, count: values.count, type: .float32, to: name, at: start) }
    }

    /// Writes `values` into I32 tensor `name`, starting at element `start` (row-major). Each element is written once.
    package func write(_ values: [Int32], to name: String, at start: Int = 0) throws {
        try values.withUnsafeBytes { try write($0, count: values.count, type: .int32, to: name, at: start) }
    }

    /// Writes `values` into F32 tensor `name`, starting at element `start` (row-major). Each element is written once.
    package func write(_ values: UnsafeBufferPointer<Float>, to name: String, at start: Int = 0) throws {
        try write(UnsafeRawBufferPointer(values), count: values.count, type: .float32, to: name, at: start)
    }

    /// Puts the file under its name.
    ///
    /// - throws: ``CheckpointError`` where a tensor was not written in full, or the file cannot be renamed.
    package func finish() throws {
        if let slot = slots.first(where: { $0.written != $0.elements }) {
            throw CheckpointError(
                file: path, subject: slot.description.name,
                "\(slot.written) of \(slot.elements) elements have been written")
        }
        guard rename(temporary, path) == 0 else {
            throw CheckpointError(file: path, "cannot be written: \(String(cString: strerror(errno)))")
        }
        finished = true
    }

    private func write(
        _ bytes: UnsafeRawBufferPointer, count: Int, type: TensorType, to name: String, at start: Int
    ) throws {
        guard let position = index[name] else {
            throw CheckpointError(file: path, subject: name, "was not declared")
        }
        let slot = slots[position]
        guard slot.description.type == type else {
            throw CheckpointError(
                file: path, subject: name, "was declared as \(slot.description.type.rawValue), not \(type.rawValue)")
        }
        guard start >= 0, start <= slot.elements, count <= slot.elements - start else {
            throw CheckpointError(
                file: path, subject: name, "\(count) elements at \(start) exceed its \(slot.elements)")
        }
        try put(bytes, at: slot.offset + start * type.byteCount)
        slots[position].written += count
    }

    private func put(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        var done = 0
        while done < bytes.count {
            // `done < bytes.count`, so the buffer has a base address.
            guard let base = bytes.baseAddress else { return }
            let written = pwrite(descriptor, base + done, bytes.count - done, off_t(offset + done))
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                throw CheckpointError(file: path, "cannot be written: \(String(cString: strerror(errno)))")
            }
            done += written
        }
    }
}
