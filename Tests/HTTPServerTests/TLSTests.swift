import Foundation
import HTTPServer
import HTTPTypes
import Testing

@Suite("The server over TLS") struct TLSTests {
    @Test("uploads and streams are the same as without it, over HTTP/1.1 and HTTP/2")
    func versions() async throws {
        let identity = try await Identity()
        let file = try TemporaryFile([UInt8](repeating: 7, count: 3_000_000))
        try await withServer(tls: identity.files) { port in
            let url = "https://localhost:\(port)"
            for (version, name) in [("--http1.1", "http11"), ("--http2", "http2")] {
                let options = [version, "--cacert", identity.files.certificate]
                func ask(_ more: String...) async throws -> String { try await curl(options + more) }
                let alive = try await ask(url + "/livez")
                #expect(alive == "alive")
                #expect(
                    try await ask("--data-binary", "@\(file.path)", url + "/up") == "POST /up 3000000 \(name)")
                #expect(try await ask(url + "/stream").count == 2_000_000)
                #expect(try await ask(url + "/sized").count == 2_000_000)
                #expect(try await ask("-I", url + "/sized").lowercased().contains("content-length: 2000000"))
                #expect(try await ask("-w", "%{http_code}", url + "/empty") == "204")
                #expect(try await ask("-o", "/dev/null", "-w", "%{exitcode}", url + "/broken") != "0")
            }
        }
    }

    @Test("TLS 1.2 and 1.3 are spoken, older versions and unknown protocols are not")
    func handshakes() async throws {
        let identity = try await Identity()
        try await withServer(tls: identity.files) { port in
            func shake(_ options: String...) async throws -> String {
                try await command(["openssl", "s_client", "-connect", "127.0.0.1:\(port)"] + options)
            }
            for version in ["-tls1_2", "-tls1_3"] {
                #expect(try await shake(version, "-alpn", "http/1.1,h2").contains("ALPN protocol: h2"))
                #expect(try await shake(version, "-alpn", "http/1.1").contains("ALPN protocol: http/1.1"))
                #expect(try await shake(version).contains("No ALPN negotiated"))
            }
            let old = try await shake("-tls1_1")
            #expect(old.contains("Cipher is (NONE)"))
            #expect(try await shake("-alpn", "spdy/3").contains("Cipher is (NONE)"))
            #expect(try await shake("-tls1_2", "-cipher", "AES128-SHA").contains("Cipher is (NONE)"))
        }
    }

    @Test("what is no TLS, or never becomes it, is ended without a word")
    func strangers() async throws {
        let identity = try await Identity()
        var limits = Limits()
        limits.headerTimeout = .milliseconds(20)
        try await withServer(limits: limits, tls: identity.files) { port in
            let plain = try RawClient(port: port)
            plain.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try await !plain.readAll().contains("HTTP"))
            #expect(try await RawClient(port: port).readAll() == "")
            let begun = try RawClient(port: port)
            begun.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
            #expect(try await begun.readAll() == "")
        }
    }

    @Test("a certificate that is of no use keeps the server from starting, and says which file it is")
    func badFiles() async throws {
        let (one, other) = (try await Identity(), try await Identity())
        let nothing = try TemporaryFile(Array("no certificate".utf8))
        for (certificate, key, culprit) in [
            (nothing.path, one.files.privateKey, nothing.path),
            ("/nowhere/cert.pem", one.files.privateKey, "/nowhere/cert.pem"),
            (one.files.certificate, nothing.path, nothing.path),
            (one.files.certificate, other.files.privateKey, other.files.privateKey),
        ] {
            var configuration = ServerConfiguration()
            configuration.tls = TLSFiles(certificate: certificate, privateKey: key)
            let server = Server(configuration) { _ in Response(text: "") }
            let error = await #expect(throws: ServerError.self) { _ = try await server.start() }
            #expect(error?.description.contains(culprit) == true)
        }
    }
}

/// A certificate for localhost, made on the spot, and its key; gone with this.
final class Identity: Sendable {
    let files: TLSFiles
    private let folder: String

    init() async throws {
        folder = NSTemporaryDirectory() + "http-server-identity-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        files = TLSFiles(certificate: folder + "/certificate.pem", privateKey: folder + "/key.pem")
        _ = try await command([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
            files.privateKey,
            "-out", files.certificate,
        ])
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }
}
