import Interventions
import Models
import Store

/// The pictures and states that a request names, while it is being checked.
///
/// What came with a request is put into the store only when all of the request is right.
struct RequestContents {
    private let store: Store
    /// Who asks: what others hold is not there for it, and what it brings is its own.
    private let key: KeyRecord?
    private var images: [String: NewImage] = [:]
    private var states: [String: NewState] = [:]
    /// What the states are that were asked for, by digest.
    private(set) var descriptions: [String: StateDescription] = [:]

    init(_ store: Store, key: KeyRecord? = nil) {
        self.store = store
        self.key = key
    }

    private func isVisible(_ belonging: Belonging) async throws -> Bool {
        guard let scope = key?.scope else { return true }
        return try await store.holds(scope, belonging)
    }

    /// Takes in a picture that came beside the request, which names it by digest.
    ///
    /// - throws: ``PictureError``.
    mutating func bring(picture file: [UInt8]) throws { images[try ContentDigest.of(file)] = try NewImage(file) }

    /// Takes in a state that came beside the request, which names it by digest.
    mutating func bring(_ state: NewState) { states[state.digest] = state }

    /// The digest of a picture that the request names, or has in itself.
    ///
    /// - throws: ``ImageReferenceError``, ``UnknownImage``, ``RefusedImage``.
    mutating func image(_ reference: String, path: String) async throws -> String {
        switch try ImageReference(reference, path: path) {
        case .digest(let digest):
            if images[digest] == nil {
                guard try await store.image(digest) != nil, try await isVisible(.image(digest)) else {
                    throw UnknownImage(digest: digest, path: path)
                }
            }
            return digest
        case .content(let content):
            let digest = try ContentDigest.of(content)
            if images[digest] == nil {
                do { images[digest] = try NewImage(content) } catch let error as PictureError {
                    throw RefusedImage(error: error, path: path)
                }
            }
            return digest
        }
    }

    /// Looks up a state that the request names, and returns its digest.
    ///
    /// - throws: ``InterventionError`` with code `unknownState`.
    mutating func state(_ digest: String, path: String) async throws -> String {
        guard descriptions[digest] == nil else { return digest }
        if let state = states[digest] {
            descriptions[digest] = StateDescription(site: state.site, layers: state.layers, shape: state.shape)
        } else if let record = try await store.state(digest), try await isVisible(.state(digest)) {
            descriptions[digest] = StateDescription(record)
        } else {
            throw InterventionError.unknownState(digest, at: path)
        }
        return digest
    }

    /// Stores what came with the request.
    func keep() async throws {
        for image in images.values { _ = try await store.insert(image, key: key) }
        for state in states.values { _ = try await store.insert(state, key: key) }
    }
}

extension NewImage {
    /// A picture's file, examined.
    ///
    /// - throws: ``PictureError``.
    init(_ file: [UInt8]) throws {
        let picture = try PictureFile(file)
        self.init(content: file, format: picture.format, width: picture.width, height: picture.height)
    }
}

extension InterventionError {
    /// A field that names a state which is not stored.
    static func unknownState(_ name: String, at path: String) -> InterventionError {
        let form = ContentDigest.isWellFormed(name) ? "" : "; a state's id is sha256: and 64 hexadecimal digits"
        return InterventionError(.unknownState, at: path, "there is no state \(name.prefix(80))\(form)")
    }
}
