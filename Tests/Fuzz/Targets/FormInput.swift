import API

/// `multipart/form-data`: the first line is the Content-Type, the rest the content.
enum FormInput {
    static func run(_ input: [UInt8]) throws {
        let end = input.firstIndex(of: 0x0A) ?? input.endIndex
        guard let type = MediaType(String(decoding: input[..<end], as: UTF8.self)) else { return }
        try demand(type.essence.contains("/"), "the media type \(type.essence)")
        let content = Array(input[end...].dropFirst())
        let form: MultipartForm
        do { form = try MultipartForm(content, type: type) } catch { return }
        try demand(form.parts.count <= 64, "\(form.parts.count) parts")
        var at = 0
        for part in form.parts {
            try demand(part.content.startIndex >= at, "the part \(part.name) overlaps the one before it")
            try demand(part.content.endIndex <= content.count, "the part \(part.name) reaches beyond the content")
            at = part.content.endIndex
        }
        try demand(Set(form.parts.map(\.name)).count == form.parts.count, "two parts of one name")
    }
}
