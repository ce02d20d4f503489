import Store
import Testing

@Suite("Texts of keys") struct KeyTextTests {
    @Test("a new key is read back, shows its id, and is like no other")
    func life() throws {
        let key = KeyText()
        #expect(KeyText(key.text) == key)
        #expect(key.text.hasPrefix("ng_\(key.id)_"))
        #expect(try key.hash().count == 32)
        #expect(try KeyText.equal(key.hash(), KeyText(key.text)?.hash() ?? []))
        #expect(Set((0..<1000).map { _ in KeyText().text }).count == 1000)
    }

    @Test(
        "what is no key is not read",
        arguments: ["", "ng_", "sk-123", "ng_1f2e3d4c", String(repeating: "0", count: 76), "ng_1f2e3d4c_é"])
    func strangers(_ text: String) {
        #expect(KeyText(text) == nil)
        #expect(KeyText(KeyText().text.uppercased()) == nil)
    }

    @Test("hashes of other lengths are not equal")
    func lengths() {
        #expect(!KeyText.equal([], [0]))
        #expect(!KeyText.equal([1, 2], [1, 3]))
        #expect(KeyText.equal([1, 2], [1, 2]))
    }
}
