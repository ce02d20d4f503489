/// One client, as the loop knows it: plain state, touched on the loop alone.
final class Connection {
    /// What the client speaks.
    enum Wire {
        /// It has sent that many bytes of the HTTP/2 preface, and nothing else.
        case undecided(matched: Int)
        case http1
        case http2(HTTP2Session)
    }

    /// What the connection waits for, which is what its deadline is about.
    enum Phase {
        case idle
        case header
        case content
        case answering
        /// The last answer is being sent.
        case closing
        /// All is sent and our side is shut; what the client still sends is dropped.
        case lingering
        case closed
    }

    let descriptor: Int32
    let generation: UInt32
    var wire = Wire.undecided(matched: 0)
    var phase = Phase.idle
    /// When `phase` began, or in `idle` when the last request ended, in nanoseconds.
    var since: UInt64

    /// The kernel may have more bytes for us (edge-triggered: nobody will say so again).
    var isReadable = false
    /// The end of the client's side has been announced, so read on until it is reached.
    var endIsNear = false
    /// The loop is reading it just now, and will go on by itself.
    var isBeingRead = false
    /// The client has ended its side.
    var sawEnd = false
    var dropped = 0

    var output: [UInt8] = []
    var outputOffset = 0
    /// When output last moved, while there is some.
    var outputMoved: UInt64

    // HTTP/1.1: one request at a time.
    var parser: HTTP1Parser
    var head: RequestHead?
    var content: [UInt8] = []
    var contentReceived = 0
    var contentLimit = 0
    var keepsConnection = true
    /// Requests being answered, by stream; over HTTP/1.1 at most one.
    var exchanges: [Int32: Exchange] = [:]
    var nextStream: Int32 = 0
    let running = RunningHandlers()

    init(descriptor: Int32, generation: UInt32, limits: Limits, now: UInt64) {
        self.descriptor = descriptor
        self.generation = generation
        parser = HTTP1Parser(limits: limits)
        since = now
        outputMoved = now
    }

    var token: UInt64 { UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor)) }

    var pendingOutput: Int { output.count - outputOffset }

    /// Whether requests are still read and answered.
    var isServing: Bool {
        switch phase {
        case .idle, .header, .content, .answering: true
        case .closing, .lingering, .closed: false
        }
    }

    /// Sends what the kernel will take. `false` if the client is gone.
    func sendOutput(now: UInt64) -> Bool {
        while pendingOutput > 0 {
            let outcome = output.withUnsafeBufferPointer {
                Socket.send(descriptor, UnsafeBufferPointer(rebasing: $0[outputOffset...]))
            }
            switch outcome {
            case .done(let count):
                outputOffset += count
                outputMoved = now
            case .wouldBlock:
                if outputOffset > 1024 * 1024 {
                    output.removeSubrange(..<outputOffset)
                    outputOffset = 0
                }
                return true
            case .failed: return false
            }
        }
        // A large answer's buffer is not kept for a client that may only sit there.
        output.removeAll(keepingCapacity: output.capacity <= 64 * 1024)
        outputOffset = 0
        return true
    }
}
