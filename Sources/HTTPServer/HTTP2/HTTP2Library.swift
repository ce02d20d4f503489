import CNGHTTP2

/// The library that frames HTTP/2.
package enum HTTP2Library {
    /// `1.52.0`
    package static var version: String {
        // nghttp2_version gives a static structure whose text lives as long as the process; it is NULL only for a library
        // older than the one asked for, and any will do.
        nghttp2_version(0).map { String(cString: $0.pointee.version_str) } ?? "unknown"
    }
}
