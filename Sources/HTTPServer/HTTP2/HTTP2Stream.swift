/// One request and its answer on an HTTP/2 connection. Belongs to its session, on the loop.
final class HTTP2Stream {
    let identifier: Int32
    /// Set once the header section is complete and the request was let in.
    var request: RequestHead?
    var content: [UInt8] = []
    var contentLimit = 0
    /// The whole request has arrived, or what is still to come is of no interest.
    var isReceived = false
    /// An answer was begun; a second one never is.
    var isAnswered = false
    /// The answer refuses the request: what still comes of it is dropped for a while, then reset.
    var isRefused = false
    var dropped = 0

    /// Answer bytes waiting for flow control, from `outputOffset` on.
    var output: [UInt8] = []
    var outputOffset = 0
    /// No more will be put into `output`.
    var outputIsComplete = false
    /// nghttp2 was told to ask again later.
    var isDeferred = false
    /// When its answer last got on, in nanoseconds of the loop's clock.
    var progressed: UInt64
    /// How fast the answer is taken.
    var pace: OutputPace
    /// When its content began to arrive.
    let opened: UInt64

    init(identifier: Int32, now: UInt64) {
        self.identifier = identifier
        opened = now
        progressed = now
        pace = OutputPace(now: now)
    }

    var pendingOutput: Int { output.count - outputOffset }

    /// Moves up to `count` answer bytes to `destination`.
    func takeOutput(into destination: UnsafeMutablePointer<UInt8>, upTo count: Int) -> Int {
        let taken = min(count, pendingOutput)
        output.withUnsafeBufferPointer { bytes in
            guard taken > 0, let base = bytes.baseAddress else { return }
            destination.update(from: base + outputOffset, count: taken)
        }
        outputOffset += taken
        if outputOffset == output.count {
            output.removeAll(keepingCapacity: false)
            outputOffset = 0
        } else if outputOffset > 256 * 1024, outputOffset > output.count / 2 {
            output.removeSubrange(..<outputOffset)
            outputOffset = 0
        }
        return taken
    }
}
