#!/usr/bin/env python3
"""Asks the models about pictures of both generators: `narrowgate dataset scenes`, and Tools/training/scenes.py that trained them.

    v/bin/python Tools/cards/compare_generators.py gate open --each 500

Needs numpy and Pillow for the second. Prints captions exact by number of objects and the probes, with 95 % intervals.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

import measurements
from intervals import with_interval
from served import BINARY, ROOT, server

sys.path.insert(0, str(ROOT / "Tools" / "training"))
import language
import scenes as trainer

SEED = 77
MEASURES = ("caption 1", "caption 2", "caption 3", "colour", "shape", "relation", "probe", "probe.colour")


def by_narrowgate(folder, count, each, side):
    subprocess.run([BINARY, "dataset", "scenes", "--count", str(each), "--seed", str(SEED), "--objects", str(count), "--held-out",
                    "exclude", "--side", str(side), "--output", folder], check=True, stdout=subprocess.DEVNULL)
    return [json.loads(line) for line in (folder / "scenes.jsonl").read_text().splitlines()]


def by_the_trainer(folder, count, each, side):
    rng = np.random.default_rng([SEED, count, side])
    folder.mkdir()
    drawn = []
    for i in range(each):
        scene = trainer.scene_of(rng, False, count)
        Image.fromarray(trainer.draw(scene, rng, side)).save(folder / f"{i}.png")
        lone = scene.items[0]
        drawn.append({"file": f"{i}.png", "caption": language.caption(scene).strip(),
                      "probe": {"shape": lone.shape, "colour": lone.colour} if count == 1 else None})
    return drawn


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--each", type=int, default=500, help="scenes for each number of objects (default: 500)")
    parser.add_argument("--sides", type=int, nargs="+", default=[64])
    arguments = parser.parse_args()
    with server(ROOT / "Models") as client, tempfile.TemporaryDirectory(prefix="narrowgate-generators.") as folder:
        for side in arguments.sides:
            for generator in (by_the_trainer, by_narrowgate):
                drawn = {}
                for count in measurements.COUNTS:
                    place = pathlib.Path(folder, f"{generator.__name__}-{side}-{count}")
                    drawn[count] = generator(place, count, arguments.each, side)
                    for scene in drawn[count]:
                        scene["image"] = client.upload(place / scene["file"])
                for model in arguments.models:
                    scores = measurements.merged(measurements.captions(client, model, drawn, 0),
                                                 measurements.probes(client, model, drawn, 0))["all"]
                    print(f"{model}, side {side}, {generator.__name__}: "
                          + "; ".join(f"{name} {with_interval(scores[name])}" for name in MEASURES), flush=True)


if __name__ == "__main__":
    main()
