/// Where a server's identity lies: two PEM files.
package struct TLSFiles: Sendable, Equatable {
    /// The path of the certificate, followed by those that lead to its root.
    package let certificate: String
    /// The path of its private key, without a passphrase.
    package let privateKey: String

    package init(certificate: String, privateKey: String) {
        self.certificate = certificate
        self.privateKey = privateKey
    }
}
