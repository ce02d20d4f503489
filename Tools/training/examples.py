"""Draws the example pictures: for each entry of a short list, the next scene of a held-out seed that fits.

    python examples.py --output ../../Models/examples

No model is asked: a scene fits when it has the wanted number of objects and
starts with a shape that is not among the pictures yet.
"""
import argparse
import json
import os

import numpy as np
from PIL import Image

import language
from scenes import SEEDS, SHAPES, draw, random_scene

WANTED = [(1, 32, "png"), (1, 64, "png"), (1, 128, "png"), (1, 256, "png"), (1, 128, "jpg"),
          (2, 32, "png"), (2, 128, "png"), (2, 256, "png"), (3, 128, "png")]          # objects, side, format


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", required=True)
    output = parser.parse_args().output
    os.makedirs(output, exist_ok=True)
    rng = np.random.default_rng(SEEDS["examples"])
    listed, taken = [], set()
    for count, side, kind in WANTED:
        while True:
            scene = random_scene(rng)
            name = "-".join(f"{item.colour}-{item.shape}" for item in scene.items) + "." + kind
            if len(scene.items) == count and scene.items[0].shape not in taken:
                break
        taken.add(scene.items[0].shape)
        if len(taken) == len(SHAPES):
            taken.clear()
        Image.fromarray(draw(scene, rng, side)).save(os.path.join(output, name), **({"quality": 92} if kind == "jpg" else {}))
        listed.append({"file": name, "side": side, "caption": language.caption(scene).strip(),
                       "objects": [{"size": i.size, "colour": i.colour, "shape": i.shape} for i in scene.items],
                       "shape": scene.items[0].shape if count == 1 else None, "colour": scene.items[0].colour if count == 1 else None})
    with open(os.path.join(output, "examples.json"), "w", encoding="utf-8") as file:
        json.dump(listed, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
