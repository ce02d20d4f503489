"""What is said about a scene: captions, questions, and the prompts that ask for them.

The prompts are the presets of the exported models (`narrowgate.json`). Every
one puts a few words between the end of the image and the answer. The gate
model is taught to name the scene *at* the end-of-image token, so that token
cannot also start the caption; the words after it do.
"""
from scenes import CELLS

PROMPTS = {"caption": "this picture shows", "probe": "the shape is a", "probe.colour": "the colour is", "vqa": "{question} answer:"}
PRESETS = {name: {"text": "<image>" + text} for name, text in PROMPTS.items()}
NUMBERS = ("one", "two", "three")


def caption(scene):
    """" a large red circle above a small blue square": each object, then how it stands to the next."""
    words = ""
    for i, item in enumerate(scene.items):
        if i:
            words += " above" if item.cell // 2 > scene.items[i - 1].cell // 2 else " left of"
        words += f" a {item.size} {item.colour} {item.shape}"
    return words


def questions(scene):
    """Every question the scene can be asked, as (kind, prompt, answer)."""
    asked = [("count", "how many shapes are there?", " " + NUMBERS[len(scene.items) - 1])]
    for item in scene.items:
        asked += [("colour", f"what colour is the {item.shape}?", " " + item.colour),
                  ("shape", f"which shape is {item.colour}?", " " + item.shape),
                  ("size", f"what size is the {item.shape}?", " " + item.size),
                  ("where", f"where is the {item.shape}?", " " + CELLS[item.cell])]
    return [(kind, PROMPTS["vqa"].format(question=question), answer) for kind, question, answer in asked]


def probes(scene):
    """For a scene of one object: its shape, and its colour, in one word."""
    item = scene.items[0]
    return [("probe", PROMPTS["probe"], " " + item.shape), ("probe.colour", PROMPTS["probe.colour"], " " + item.colour)]


def labels(scene):
    """The words that describe the scene, without order: what the gate's end-of-image token is taught to predict."""
    return [" " + word for item in scene.items for word in (item.size, item.colour, item.shape)]
