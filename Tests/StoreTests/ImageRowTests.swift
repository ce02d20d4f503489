import Store
import Testing

@Suite("Pictures in the store") struct ImageRowTests {
    let folder: TemporaryFolder
    let clock = ManualClock()
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store(path: folder.database, clock: { [clock] in clock.now })
    }

    @Test("a picture is named by its content's SHA-256")
    func digest() async throws {
        let record = try await store.insert(picture("abc"))
        #expect(record.digest == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(ContentDigest.isWellFormed(record.digest))
        #expect(!ContentDigest.isWellFormed(record.digest.uppercased()))
        #expect(!ContentDigest.isWellFormed("sha256:ba78"))
        #expect(record.bytes == 3)
        #expect(try await store.image(record.digest) == record)
        #expect(try await store.imageContent(record.digest) == Array("abc".utf8))
        #expect(try await store.image("sha256:00") == nil)
        #expect(try await store.imageContent("sha256:00") == nil)
    }

    @Test("the same content twice is one picture, the first")
    func twice() async throws {
        let first = try await store.insert(picture("abc"))
        clock.advance(by: .seconds(5))
        #expect(try await store.insert(picture("abc")) == first)
        #expect(try await store.images().elements == [first])
        #expect(try await store.counts().images == 1)
    }

    @Test("a picture without pixels is refused")
    func empty() async throws {
        let flat = NewImage(content: [1], format: "png", width: 0, height: 4)
        await #expect(throws: StoreError.self) { try await store.insert(flat) }
    }

    @Test("pictures are listed newest first, by page")
    func pages() async throws {
        var digests: [String] = []
        for name in ["one", "two", "three"] { digests.append(try await store.insert(picture(name)).digest) }
        let first = try await store.images(limit: 2)
        #expect(first.elements.map(\.digest) == [digests[2], digests[1]])
        #expect(first.hasMore)
        let second = try await store.images(after: digests[1], limit: 2)
        #expect(second.elements.map(\.digest) == [digests[0]])
        #expect(!second.hasMore)
        await #expect(throws: StoreError.unknownImage("sha256:00")) { try await store.images(after: "sha256:00") }
    }
}
