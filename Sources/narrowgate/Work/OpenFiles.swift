import Glibc

/// How many files and sockets the process may have open.
enum OpenFiles {
    /// Raises the limit as far as the system lets it: it is often 1024, as many as connections alone may be. What `select` cannot
    /// count, which is why it is so low, is used by nothing here.
    static func allowAll() {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(resource, &limit)
    }
}
