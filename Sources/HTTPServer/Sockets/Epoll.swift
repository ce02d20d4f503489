import CLinux
import Glibc

/// An epoll set (epoll(7)). Each member carries a token that comes back with its events.
struct Epoll {
    /// What happened to a member.
    struct Event {
        let token: UInt64
        let flags: UInt32

        /// There is something to read, or the client ended its side.
        var isReadable: Bool { flags & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0 }
        /// The client ended its side: reading will come to an end.
        var hasEnded: Bool { flags & EPOLLRDHUP.rawValue != 0 }
        var isWritable: Bool { flags & EPOLLOUT.rawValue != 0 }
        /// Reset, or ended on both sides.
        var isGone: Bool { flags & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 }
    }

    let descriptor: Int32

    init() throws(ServerError) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw .system("an epoll set cannot be made") }
    }

    /// Adds a listening socket: reported for as long as connections wait.
    func addListener(_ member: Int32, token: UInt64) {
        add(member, EPOLLIN.rawValue, token)
    }

    /// Adds a connection: each change is reported once (edge-triggered), so the set is never touched
    /// again while the connection lives. Whoever stops before the kernel says "would block" must
    /// remember to go on.
    func addConnection(_ member: Int32, token: UInt64) {
        add(member, EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue, token)
    }

    func remove(_ member: Int32) {
        var event = epoll_event()
        epoll_ctl(descriptor, EPOLL_CTL_DEL, member, &event)
    }

    /// Adds an eventfd: each time that something is written to it is reported once.
    func addBell(_ member: Int32, token: UInt64) {
        add(member, EPOLLIN.rawValue | EPOLLET.rawValue, token)
    }

    /// Replaces `events` with what has happened, for which it waits up to `milliseconds`.
    func poll(into events: inout [Event], milliseconds: Int32) {
        events.removeAll(keepingCapacity: true)
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 128) { raw in
            let count = epoll_wait(descriptor, raw.baseAddress, Int32(raw.count), milliseconds)
            for index in 0..<max(0, Int(count)) {
                events.append(Event(token: raw[index].data.u64, flags: raw[index].events))
            }
        }
    }

    private func add(_ member: Int32, _ flags: UInt32, _ token: UInt64) {
        var event = epoll_event()
        event.events = flags
        event.data.u64 = token
        epoll_ctl(descriptor, EPOLL_CTL_ADD, member, &event)
    }
}
