/// Everything that a client could otherwise make long, with the bound that stops it.
///
/// Sizes are bytes, counts are counts, times are `Duration`s. What goes over a bound is answered
/// with the status named here, or the connection is closed where no answer is possible.
package struct Limits: Sendable, Equatable {
    /// The request line without its CRLF; beyond it 414.
    package var requestLine = 16 * 1024
    /// All field lines of one header section, or of one trailer section, together; beyond it 431.
    package var headerSection = 32 * 1024
    /// Field lines in one section; beyond it 431.
    package var fieldCount = 100
    /// The extensions of all chunks of one message together; beyond it 400.
    package var chunkExtensions = 4 * 1024
    /// Content held in memory for all requests of all connections together; beyond it 503.
    package var bufferedContent = 512 * 1024 * 1024
    /// Bytes read ahead of the request that is being answered; beyond it the socket is left unread.
    package var readAhead = 128 * 1024
    /// Answer bytes waiting for one client before ``BodyWriter/write(_:)`` suspends.
    package var writeBehind = 256 * 1024
    /// Open connections. When all are taken an idle one gives way; without one, 503.
    package var connections = 1024
    /// Streams that one HTTP/2 connection may have open at once (`SETTINGS_MAX_CONCURRENT_STREAMS`).
    package var concurrentStreams = 100
    /// CONTINUATION frames of one header section over HTTP/2; beyond it the connection ends.
    package var continuations = 8
    /// Frames of a kind that costs the server more than the client (resets, also those that it makes
    /// the server send, pings, settings, priorities, empty frames, frames on
    /// closed streams, needless window updates) that one HTTP/2
    /// connection may send at once, and the number forgiven each second; beyond it the connection ends.
    package var suspiciousFrames = 400
    package var suspiciousFramesForgivenPerSecond = 50

    /// From the first byte of a request to the end of its header section; then 408.
    package var headerTimeout = Duration.seconds(15)
    /// From the end of the header section to the end of the content, beside the time that
    /// ``contentRate`` allows for what has arrived; then 408.
    package var contentTimeout = Duration.seconds(30)
    /// The slowest upload that is still waited for, in bytes per second.
    package var contentRate = 16 * 1024
    /// Between two requests of a connection; then it is closed without a word.
    package var idleTimeout = Duration.seconds(75)
    /// Without one byte of an answer accepted by the client; then the connection is dropped.
    package var writeTimeout = Duration.seconds(30)
    /// The slowest client that is still waited for once it has had ``writeTimeout``, in bytes per second while something waits.
    package var writeRate = 1024
    /// What a refused client may go on sending, read and dropped so that it can see the answer.
    package var lingerBytes = 256 * 1024 * 1024
    /// How long it may do so.
    package var lingerTimeout = Duration.seconds(10)

    package init() {}
}
