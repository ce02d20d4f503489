import Schemas
import StrictJSON

extension Interface {
    /// Captions for clients of OpenAI's interface.
    static let chat = Operation(
        route: "POST /v1/chat/completions", subject: "Captions and jobs", summary: "A caption in OpenAI's shape.",
        contents: [
            body(
                "ChatRequest",
                example: [
                    "messages": [
                        [
                            "role": "user",
                            "content": [
                                ["type": "text", "text": "what is it?"],
                                ["type": "image_url", "image_url": ["url": cross]],
                            ],
                        ]
                    ], "max_tokens": 5,
                ])
        ],
        answers: [
            .init(
                status: 200, description: "The completion, or its chunks.",
                contents: [
                    .init(type: "application/json", schema: .reference("ChatCompletion")),
                    .init(type: "text/event-stream"),
                ])
        ],
        problems: [openAIProblem])

    /// What a refusal is where OpenAI's clients ask.
    static let openAIProblem = Operation.Content(type: "application/json", schema: .reference("ChatProblem"))
}
