import Interventions
import Jobs
import StrictJSON
import Testing

private let wrongRequests: [(JobKind, JSONValue, String)] = [
    (.knockout, ["images": ["sha256:a"]], "variants"),
    (.knockout, ["images": [], "variants": ["eoi"]], "images"),
    (.knockout, ["variants": ["eoi"]], "inputs"),
    (.knockout, ["images": ["a"], "variants": []], "variants"),
    (.knockout, ["images": ["a"], "variants": ["eio"]], "variants[0]"),
    (.knockout, ["images": ["a"], "variants": ["eoi", "eoi"]], "variants[1]"),
    (.knockout, ["images": ["a"], "variants": ["eoi"], "measure": ["tops": 3]], "measure.tops"),
    (
        .knockout, ["inputs": [["id": "x", "image": "a"], ["id": "x", "image": "b"]], "variants": ["eoi"]], "inputs[1]"
    ),
    (.patch, ["pairs": []], "pairs"),
    (.patch, ["pairs": [["base": "a"]]], "pairs[0].source"),
    (.patch, ["pairs": [["base": "a", "source": "b"]], "site": "resid"], "site"),
    (.caption, ["model": "gate"], "image"),
    (.caption, ["image": "a", "temperature": -1], "temperature"),
    (.caption, ["image": "a", "top_p": 0], "top_p"),
    (.caption, ["image": "a", "max_tokens": 0], "max_tokens"),
    (.caption, ["image": "a", "colour": "red"], "colour"),
]

@Suite("Job requests")
struct SpecificationTests {
    private func read(_ kind: JobKind, _ value: JSONValue) throws -> JobSpecification {
        let members = try JSONField(value).object()
        let specification = try JobSpecification(kind, members, defaultModel: "gate")
        try members.finish()
        return specification
    }

    @Test("what is left out gets the documented defaults")
    func defaults() throws {
        let knockout = try read(.knockout, ["images": ["sha256:a"], "variants": ["eoi"]])
        #expect(
            knockout.json["measure"] == [
                "next_token": true, "caption": true, "max_tokens": 60, "top": 5, "captures": [], "attention": [],
                "logit_lens": [],
            ])
        #expect(knockout.json["model"] == "gate")
        #expect(knockout.json["reuse"] == "on")
        let patch = try read(.patch, ["pairs": [["base": "sha256:a", "source": "sha256:b"]]])
        #expect(patch.json["site"] == "resid_in")
        #expect(patch.json["positions"] == "eoi")
        #expect(patch.json["layers"] == "each")
        #expect(patch.json["measure"]?["caption"] == false)
        let caption = try read(.caption, ["image": "sha256:a"])
        #expect(caption.json["max_tokens"] == 60)
        #expect(caption.json["receipt"] == "brief")
    }

    @Test("what is stored reads back as the same specification")
    func roundTrip() throws {
        let requests: [(JobKind, JSONValue)] = [
            (.caption, ["image": "sha256:a", "temperature": 0.5, "interventions": ["knockouts": [["keys": "eoi"]]]]),
            (.caption, ["inputs": [["id": "x", "image": "sha256:a"], ["image": "sha256:b"]], "seed": 3]),
            (
                .knockout,
                [
                    "inputs": [["image": "sha256:a", "prompt": ["preset": "vqa", "question": "what?"]]],
                    "variants": [
                        "eoi", "other_image", ["name": "w", "knockouts": [["keys": 18, "layers": "from_each"]]],
                    ],
                    "reuse": "off",
                ]
            ),
            (
                .patch,
                [
                    "pairs": [
                        [
                            "base": "sha256:a", "source": "sha256:b", "base_token": " circle",
                            "source_token": ["id": 4],
                        ]
                    ], "layers": ["each_of": [0, 2]], "prompt": ["text": "<image>x"],
                ]
            ),
        ]
        for (kind, request) in requests {
            let specification = try read(kind, request)
            #expect(try JobSpecification(kind, stored: specification.json.text) == specification)
        }
    }

    @Test("a wrong request is refused by its field", arguments: wrongRequests)
    func refusals(kind: JobKind, request: JSONValue, path: String) throws {
        let error = try #require(throws: JSONError.self) { try read(kind, request) }
        #expect(error.path == path)
    }
}
