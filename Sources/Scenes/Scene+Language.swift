/// What can be said about a scene. Tools/training/language.py taught the shipped models the same words.
extension Scene {
    /// How an object stands to the next one in reading order.
    package enum Relation: String, Sendable {
        case above
        case leftOf = "left of"
    }

    /// A question with its answer.
    package struct Question: Sendable, Equatable {
        package enum Kind: String, Sendable, CaseIterable {
            case count = "how many"
            case colour, shape, size
            case place = "where"
        }

        package let kind: Kind
        package let text: String
        package let answer: String
    }

    /// The relation of each object but the last to the next.
    package var relations: [Relation] {
        zip(objects, objects.dropFirst()).map { $0.cell.row < $1.cell.row ? .above : .leftOf }
    }

    /// "a large red circle above a small blue square": each object, then how it stands to the next.
    package var caption: String {
        var words = objects.prefix(1).map(\.description)
        for (relation, object) in zip(relations, objects.dropFirst()) {
            words += [relation.rawValue, object.description]
        }
        return words.joined(separator: " ")
    }

    /// Every question that the models were taught.
    package var questions: [Question] {
        let numbers = ["one", "two", "three"]
        return [Question(kind: .count, text: "how many shapes are there?", answer: numbers[objects.count - 1])]
            + objects.flatMap(\.questions)
    }
}

extension Scene.Object {
    /// "a large red circle".
    package var description: String { "a \(size.rawValue) \(colour.rawValue) \(shape.rawValue)" }

    var questions: [Scene.Question] {
        [
            Scene.Question(kind: .colour, text: "what colour is the \(shape.rawValue)?", answer: colour.rawValue),
            Scene.Question(kind: .shape, text: "which shape is \(colour.rawValue)?", answer: shape.rawValue),
            Scene.Question(kind: .size, text: "what size is the \(shape.rawValue)?", answer: size.rawValue),
            Scene.Question(kind: .place, text: "where is the \(shape.rawValue)?", answer: cell.description),
        ]
    }
}

extension Scene.Cell {
    /// "top left".
    package var description: String { "\(row == 0 ? "top" : "bottom") \(column == 0 ? "left" : "right")" }
}
