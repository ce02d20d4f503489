package import Foundation
package import HTTPServer
package import Jobs
package import Models

/// What `narrowgate serve` can be told. The defaults are those of the command line.
package struct ServeConfiguration: Sendable {
    /// A name or address of this machine to listen on.
    package var host = "127.0.0.1"
    /// 0 lets the kernel choose.
    package var port: UInt16 = 0
    /// The certificate, and those that lead to its root, in PEM; with it and its key the server speaks TLS alone.
    package var tlsCertificate: String?
    /// The certificate's private key in PEM.
    package var tlsPrivateKey: String?
    /// The SQLite file; made if it is not there.
    package var database: String
    /// Folders whose sub-folders are checkpoints; of two of one name the first wins.
    package var modelDirectories: [URL]
    /// Where digests of checkpoint files are remembered; `nil` hashes them anew in every process.
    package var digestCache: URL?
    /// What all models are computed in; `nil` leaves it to each one's folder.
    package var numberFormat: NumberFormat?
    /// Names under which the server is reached beside the loopback ones, without a port; others are answered 421.
    package var allowedHosts: [String] = []
    /// Origins (`https://lab.example`) whose pages may call although they are other sites.
    package var allowedOrigins: [String] = []
    /// Allows an address that other machines reach, even where there are no keys.
    package var isInsecure = false
    /// How many unfinished jobs the queue takes; beyond it 429.
    package var queueLimit = 10_000
    /// What the engine may keep.
    package var budgets = EngineBudgets()
    /// How long jobs that have ended are kept; `nil` keeps them for ever.
    package var keepJobs: Duration?
    /// What one connection, one request and all of them together may cost.
    package var limits = Limits()
    /// How many connections may be open at once.
    package var connections: Int {
        get { limits.connections }
        set { limits.connections = newValue }
    }
    /// How long requests in progress may take to finish after a stop was asked for.
    package var shutdownGrace = Duration.seconds(10)

    package init(database: String, modelDirectories: [URL]) {
        self.database = database
        self.modelDirectories = modelDirectories
    }

    /// Refuses an address that other machines reach, unless there are keys or ``isInsecure``: whoever reached it could
    /// use it.
    ///
    /// - throws: ``ServeError``.
    func checkAddress(hasKeys: Bool) throws(ServeError) {
        guard isInsecure || hasKeys || Authority(host.contains(":") ? "[\(host)]" : host)?.isLoopback == true else {
            throw .notLoopback(host: host)
        }
    }

    /// The certificate and its key, or neither.
    ///
    /// - throws: ``ServeError`` for one without the other.
    func tlsFiles() throws(ServeError) -> TLSFiles? {
        switch (tlsCertificate, tlsPrivateKey) {
        case (nil, nil): return nil
        case (let certificate?, let key?): return TLSFiles(certificate: certificate, privateKey: key)
        case (_?, nil): throw .incompleteTLS(missing: "tls_private_key")
        case (nil, _?): throw .incompleteTLS(missing: "tls_certificate")
        }
    }
}

/// Why a server is not started.
package enum ServeError: Error, Sendable, Equatable, CustomStringConvertible {
    case notLoopback(host: String)
    case incompleteTLS(missing: String)

    package var description: String {
        switch self {
        case .notLoopback(let host):
            "--host \(host) would let other machines in, and there are no keys to keep them out; "
                + "make one (narrowgate keys add), listen on 127.0.0.1, or say --insecure."
        case .incompleteTLS(let missing): "TLS needs a certificate and its private key; \(missing) is not set."
        }
    }
}
