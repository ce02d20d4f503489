/// A tensor's elements where its file is mapped: nothing is copied, and pages come from the page cache as they are touched.
///
/// A file that is shortened in place while it is mapped kills the process that reads it (SIGBUS); one that is replaced by
/// renaming another into its place stays readable until the last tensor is released.
package struct MappedTensor {
    package let description: TensorDescription
    /// Little-endian, row-major, perhaps unaligned. Valid as long as ``owner`` lives.
    package let bytes: UnsafeRawBufferPointer
    package let owner: any AnyObject & Sendable
}
