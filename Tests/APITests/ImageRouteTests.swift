import HTTPTypes
import StrictJSON
import Testing

@Suite("Pictures over HTTP") struct ImageRouteTests {
    @Test("a picture is stored under its digest, however it is sent, and comes back byte for byte")
    func upload() async throws {
        let laboratory = try await Laboratory()
        let file = try Laboratory.file("image_a.png")
        let stored = try await laboratory.post("/v1/images", file, type: "image/png")
        #expect(stored.status == 201)
        #expect(
            stored.json.objectValue?.names == ["id", "object", "format", "width", "height", "bytes", "created_at"])
        let id = try #require(stored.json["id"]?.stringValue)
        #expect(stored.fields[.location] == "/v1/images/\(id)")
        #expect(stored.json["format"] == "png")
        #expect(stored.json["width"] == 90)
        #expect(stored.json["bytes"] == .integer(file.count))

        for type in ["application/octet-stream", "application/x-www-form-urlencoded", "image/jpeg", nil] {
            let again = try await laboratory.post("/v1/images", file, type: type)
            #expect(again.json["id"] == .string(id), "\(type ?? "none")")
        }
        let form = Self.form(["image": file])
        let sent = try await laboratory.post("/v1/images", form.content, type: form.type)
        #expect(sent.json["id"] == .string(id), "\(sent.text)")

        let list = try await laboratory.get("/v1/images")
        #expect(list.json["data"]?.arrayValue?.count == 1)
        #expect(list.json["last_id"] == .string(id))

        let back = try await laboratory.get("/v1/images/\(id)")
        #expect(back.content == file)
        #expect(back.fields[.contentType] == "image/png")
        let record = try await laboratory.get("/v1/images/\(id)", [.accept: "application/json"])
        #expect(record.json["id"] == .string(id))
        let any = try await laboratory.get("/v1/images/\(id)", [.accept: "text/html, */*;q=0.8"])
        #expect(any.content == file)
    }

    @Test("what is no picture is refused with a sentence, as it is sent")
    func refusals() async throws {
        let laboratory = try await Laboratory()
        let file = try Laboratory.file("image_a.png")
        func post(_ content: [UInt8], _ type: String) async throws -> (Int, String?) {
            let answer = try await laboratory.post("/v1/images", content, type: type)
            #expect(answer.detail.count > 20, "\(answer.text)")
            return (answer.status, answer.code)
        }
        #expect(try await post(Array("hello".utf8), "image/png") == (415, "not_an_image"))
        #expect(try await post([], "image/png") == (415, "not_an_image"))
        #expect(try await post(Array(file.prefix(200)), "image/png") == (422, "damaged_image"))
        #expect(try await post(pngBomb, "image/png") == (422, "image_too_large"))
        #expect(try await post(file, "text/html") == (415, "unsupported_media_type"))
        #expect(try await post(file, "multipart/form-data") == (400, "malformed_form"))
        let other = Self.form(["picture": file])
        #expect(try await post(other.content, other.type) == (400, "unknown_field"))
        let broken = Self.form(["image": file])
        #expect(try await post(Array(broken.content.dropLast(20)), broken.type) == (400, "malformed_form"))
        #expect(try await laboratory.get("/v1/images").json["data"] == [])
    }

    @Test("unknown pictures are 404")
    func unknown() async throws {
        let laboratory = try await Laboratory()
        let digest = "sha256:" + String(repeating: "0", count: 64)
        for target in ["/v1/images/\(digest)", "/v1/images/cat.png", "/v1/images?after=\(digest)"] {
            let answer = try await laboratory.get(target)
            #expect(answer.status == 404)
            #expect(answer.code == "unknown_image")
        }
    }

    /// A multipart form as curl makes it.
    static func form(_ parts: KeyValuePairs<String, [UInt8]>) -> (content: [UInt8], type: String) {
        var content: [UInt8] = []
        for (name, value) in parts {
            content += "--b0und\r\nContent-Disposition: form-data; name=\"\(name)\"; filename=\"x;y\"\r\n\r\n".utf8
            content += value
            content += "\r\n".utf8
        }
        content += "--b0und--\r\n".utf8
        return (content, "multipart/form-data; boundary=b0und")
    }
}

/// The header of a PNG of 40000×40000 pixels, with a valid checksum and nothing after it.
let pngBomb: [UInt8] = {
    var chunk = Array("IHDR".utf8) + [0, 0, 0x9C, 0x40, 0, 0, 0x9C, 0x40, 8, 2, 0, 0, 0]
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in chunk {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    crc = ~crc
    chunk += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: crc >> $0) }
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + chunk
}()
