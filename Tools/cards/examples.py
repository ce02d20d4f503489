#!/usr/bin/env python3
"""Asks every model about the example pictures, and writes Models/examples/examples.json and README.md.

    Tools/training/examples.py, Tools/cards/draw_examples.sh       # only to draw them anew
    Tools/cards/examples.py

Needs `make build` and nothing else. What is true of the pictures stands in examples.json (those of our own generator) and below.
"""
import json

from served import ROOT, server

FOLDER = ROOT / "Models" / "examples"
OURS = "narrowgate"
# Drawn by draw_examples.sh: by what, and what there is, from the upper left.
ELSEWHERE = {
    "green-cross.png": ("ImageMagick, on another background", ["large green cross"], ""),
    "blue-ring-white-square.png": ("librsvg, from the SVG beside it", ["large blue ring", "large white square"], "above"),
    "yellow-triangle-pink-circle.jpg": ("ImageMagick, JPEG of quality 12", ["small yellow triangle", "large pink circle"], "above"),
    "red-diamond.png": ("cairo, with an alpha channel", ["large red diamond"], ""),
    "red-circle-on-white.png": ("ImageMagick, on a white page, which the models do not know", ["large red circle"], ""),
}


def true_elsewhere(file, drawn_by, described, relation):
    objects = [dict(zip(("size", "colour", "shape"), words.split())) for words in described]
    return {"file": file, "drawn_by": drawn_by, "caption": f" {relation} ".join("a " + words for words in described), "objects": objects,
            "shape": objects[0]["shape"] if len(objects) == 1 else None, "colour": objects[0]["colour"] if len(objects) == 1 else None}


def said(client, model, image, example):
    """A model's words for a picture: the caption, and the probes where there is one object."""
    presets = ("caption", "probe", "probe.colour") if example["shape"] else ("caption",)
    return {preset: client.ask("POST", "/v1/captions", {"model": model, "image": image, "prompt": {"preset": preset}})["caption"].strip()
            for preset in presets}


def verdict(example, words):
    """A tick, or what was said instead."""
    return "✓" if words["caption"] == example["caption"] else words["caption"]


def page(examples, models):
    lines = [f"| picture | side | drawn by | it shows | {' | '.join(models)} |", "|" + "---|" * (4 + len(models))]
    lines += [f"| `{example['file']}` | {example['side']} | {example['drawn_by']} | {example['caption']} | "
              + " | ".join(verdict(example, example["says"][model]) for model in models) + " |" for example in examples]
    right = {model: sum(verdict(example, example["says"][model]) == "✓" for example in examples) for model in models}
    return f"""# Example pictures

For the demo, the documentation and the tests. Those drawn by narrowgate's own generator (`Tools/training/examples.py`) come from a seed
that no training, validation or test picture shares: each is the next scene with the wanted number of objects that starts with
a shape not shown yet. The others were drawn by other programs (`Tools/cards/draw_examples.sh`), at other sizes, without our noise. No model
was asked in choosing them.

{chr(10).join(lines)}

✓: the caption is right word for word ({', '.join(f'{model} {right[model]} of {len(examples)}' for model in models)}); else what was said.
`examples.json` has the same with the probes. `Tools/cards/examples.py` made both over HTTP.
"""


def main():
    ours = [example for example in json.loads((FOLDER / "examples.json").read_text()) if example.get("drawn_by", OURS) == OURS]
    examples = ours + [true_elsewhere(file, *truth) for file, truth in ELSEWHERE.items()]
    models = [name for name in ("gate", "open", "reopened") if (ROOT / "Models" / name).is_dir()]
    with server(ROOT / "Models") as client:
        for at, example in enumerate(examples):
            picture = client.ask("POST", "/v1/images", (FOLDER / example["file"]).read_bytes(), **{"Content-Type": "application/octet-stream"})
            facts = {"file": example["file"], "side": picture["width"], "drawn_by": example.get("drawn_by", OURS)}
            says = {model: said(client, model, picture["id"], example) for model in models}
            examples[at] = facts | {key: example[key] for key in ("caption", "objects", "shape", "colour")} | {"says": says}
    (FOLDER / "examples.json").write_text(json.dumps(examples, indent=1, ensure_ascii=False) + "\n")
    (FOLDER / "README.md").write_text(page(examples, models))


if __name__ == "__main__":
    main()
