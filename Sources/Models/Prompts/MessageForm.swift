/// How the messages of a conversation become a prompt.
package enum MessageForm: String, Sendable {
    /// In the checkpoint's chat form: it was tuned on it.
    case chat
    /// The messages' text stands after the picture as it is: a model that continues texts and was never told of turns.
    case text
}
