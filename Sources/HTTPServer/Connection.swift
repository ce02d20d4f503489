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

    /// What speaks TLS for it, on a server that has a certificate.
    let tls: TLSSession?
    /// Over TLS: what is on its way to the client as it is sent, made of what was at the front of ``output``.
    private var sealed: [UInt8] = []
    private var sealedOffset = 0

    var output: [UInt8] = []
    var outputOffset = 0
    /// How fast output is taken, while there is some.
    var pace: OutputPace

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

    init(descriptor: Int32, generation: UInt32, tls: TLSSession?, limits: Limits, now: UInt64) {
        self.descriptor = descriptor
        self.generation = generation
        self.tls = tls
        parser = HTTP1Parser(limits: limits, isSecure: tls != nil)
        // Hands are to be shaken in the time of a header section.
        if tls != nil { phase = .header }
        since = now
        pace = OutputPace(now: now)
    }

    var token: UInt64 { UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor)) }

    /// Bytes that the client has not taken.
    var pendingOutput: Int { output.count - outputOffset + sealed.count - sealedOffset }

    /// Whether what is said would be understood.
    var canSpeak: Bool { tls?.isEstablished ?? true }

    /// Whether requests are still read and answered.
    var isServing: Bool {
        switch phase {
        case .idle, .header, .content, .answering: true
        case .closing, .lingering, .closed: false
        }
    }

    /// Sends what the kernel will take. `false` if the client is gone.
    func sendOutput(now: UInt64) -> Bool {
        if let tls { return sendSealed(tls, now: now) }
        while pendingOutput > 0 {
            switch send(output, from: outputOffset) {
            case .done(let count):
                outputOffset += count
                pace.took(count, now: now)
            case .wouldBlock:
                if outputOffset > 1024 * 1024 {
                    output.removeSubrange(..<outputOffset)
                    outputOffset = 0
                }
                return true
            case .failed: return false
            }
        }
        forgetOutput()
        return true
    }

    /// The same over TLS: seals some, sends it, and seals more only then.
    private func sendSealed(_ tls: TLSSession, now: UInt64) -> Bool {
        while true {
            while sealedOffset < sealed.count {
                switch send(sealed, from: sealedOffset) {
                case .done(let count):
                    sealedOffset += count
                    pace.took(count, now: now)
                case .wouldBlock: return true
                case .failed: return false
                }
            }
            sealed.removeAll(keepingCapacity: false)
            sealedOffset = 0
            let isNew = pendingOutput == 0
            if outputOffset < output.count, tls.isEstablished {
                let count = min(64 * 1024, output.count - outputOffset)
                output.withUnsafeBufferPointer {
                    tls.seal(UnsafeBufferPointer(rebasing: $0[outputOffset..<outputOffset + count]))
                }
                outputOffset += count
                if outputOffset == output.count { forgetOutput() }
            }
            tls.takeOutput(into: &sealed)
            guard !sealed.isEmpty else { return !tls.isBroken }
            if isNew { pace.begin(now: now) }
        }
    }

    private func send(_ bytes: [UInt8], from offset: Int) -> Socket.Outcome {
        bytes.withUnsafeBufferPointer { Socket.send(descriptor, UnsafeBufferPointer(rebasing: $0[offset...])) }
    }

    private func forgetOutput() {
        // A large answer's buffer is not kept for a client that may only sit there.
        output.removeAll(keepingCapacity: output.capacity <= 64 * 1024)
        outputOffset = 0
    }

    /// Ends our side, over TLS with a word of farewell as far as the kernel takes it at once.
    func endSending() {
        if let tls {
            tls.endSending()
            tls.takeOutput(into: &sealed)
            if sealedOffset < sealed.count { _ = send(sealed, from: sealedOffset) }
        }
        Socket.endSending(descriptor)
    }
}
