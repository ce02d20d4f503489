import Scenes
import StrictJSON
import Testing

@Suite("Scenes") struct SceneTests {
    typealias Object = Scene.Object

    /// An object in the cell `place` of the picture, counted in reading order.
    private static func object(
        _ place: Int, _ size: Scene.Size, _ colour: Scene.Colour, _ shape: Scene.Shape
    ) -> Object {
        Object(cell: Scene.Cell.all[place], shape: shape, colour: colour, size: size)
    }

    private static let captions: [([Object], String)] = [
        ([object(3, .small, .white, .cross)], "a small white cross"),
        (
            [object(0, .large, .red, .circle), object(1, .small, .blue, .square)],
            "a large red circle left of a small blue square"
        ),
        (
            [object(0, .large, .red, .circle), object(3, .small, .blue, .square)],
            "a large red circle above a small blue square"
        ),
        (
            [object(1, .small, .pink, .ring), object(2, .large, .yellow, .diamond)],
            "a small pink ring above a large yellow diamond"
        ),
        (
            [object(2, .large, .green, .triangle), object(3, .large, .white, .ring)],
            "a large green triangle left of a large white ring"
        ),
        (
            [
                object(0, .small, .green, .square), object(1, .large, .blue, .circle),
                object(2, .small, .red, .triangle),
            ],
            "a small green square left of a large blue circle above a small red triangle"
        ),
        // Given out of order: a scene has one caption.
        (
            [object(3, .small, .red, .triangle), object(1, .large, .blue, .circle), object(2, .small, .white, .cross)],
            "a large blue circle above a small white cross left of a small red triangle"
        ),
    ]

    @Test("captions name each object and how it stands to the next", arguments: captions)
    func caption(objects: [Object], caption: String) { #expect(Scene(objects).caption == caption) }

    @Test("questions ask for number, colour, shape, size and place")
    func questions() {
        let scene = Scene([Self.object(1, .small, .pink, .ring), Self.object(2, .large, .yellow, .diamond)])
        let asked = scene.questions.map { "\($0.kind.rawValue): \($0.text) \($0.answer)" }
        #expect(
            asked == [
                "how many: how many shapes are there? two",
                "colour: what colour is the ring? pink", "shape: which shape is pink? ring",
                "size: what size is the ring? small", "where: where is the ring? top right",
                "colour: what colour is the diamond? yellow", "shape: which shape is yellow? diamond",
                "size: what size is the diamond? large", "where: where is the diamond? bottom left",
            ])
    }

    @Test("twelve of the 72 combinations are held out: each shape and colour twice, every pair of attributes trained")
    func heldOut() {
        var all: [Object] = []
        for shape in Scene.Shape.allCases {
            for colour in Scene.Colour.allCases {
                for size in Scene.Size.allCases { all.append(Self.object(0, size, colour, shape)) }
            }
        }
        let unseen = all.filter(\.isHeldOut)
        #expect(unseen.count == 12 && all.count == 72)
        for shape in Scene.Shape.allCases {
            #expect(Set(unseen.filter { $0.shape == shape }.map(\.size)).count == 2)
        }
        for colour in Scene.Colour.allCases {
            #expect(Set(unseen.filter { $0.colour == colour }.map(\.size)).count == 2)
        }
        let trained = all.filter { !$0.isHeldOut }
        #expect(Set(trained.map { "\($0.shape) \($0.colour)" }).count == 36)
        #expect(Set(trained.map { "\($0.shape) \($0.size)" }).count == 12)
        #expect(Set(trained.map { "\($0.colour) \($0.size)" }).count == 12)
        // As Tools/training/scenes.py has it: (0 + 4 + 0) % 6 and (5 + 2 + 3) % 6.
        #expect(Self.object(0, .small, .pink, .circle).isHeldOut && Self.object(0, .large, .blue, .diamond).isHeldOut)
    }

    @Test("a line says everything about a scene")
    func record() {
        let scene = Scene([Self.object(0, .small, .pink, .circle)])
        let line = scene.record(id: "scene-000000", file: "pictures/000000.png", digest: "c0ffee", side: 64)
        #expect(
            line.text == #"{"id":"scene-000000","file":"pictures/000000.png","image":"sha256:c0ffee","side":64,"#
                + #""caption":"a small pink circle","objects":[{"shape":"circle","colour":"pink","size":"small","row":0,"#
                + #""column":0,"held_out":true}],"relations":[],"questions":[{"type":"how many","#
                + #""question":"how many shapes are there?","answer":"one"},{"type":"colour","#
                + #""question":"what colour is the circle?","answer":"pink"},{"type":"shape","#
                + #""question":"which shape is pink?","answer":"circle"},{"type":"size","#
                + #""question":"what size is the circle?","answer":"small"},{"type":"where","#
                + #""question":"where is the circle?","answer":"top left"}],"#
                + #""probe":{"shape":"circle","colour":"pink"},"held_out":true}"#)
        let three = Scene(Self.captions[5].0).record(id: "", file: "", digest: "", side: 64)
        #expect(
            three["relations"]?.text
                == #"[{"from":0,"relation":"left of","to":1},{"from":1,"relation":"above","to":2}]"#)
        #expect(three["probe"] == .null)
    }
}
