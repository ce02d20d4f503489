"""Draws the pictures of a split once and keeps them on disk.

    python pictures.py --work DIR

Writes DIR/<split>.npz with pixels, and the scenes as small integers.
"""
import argparse
import os

import numpy as np
import torch

from scenes import COLOURS, SHAPES, SIZES, Item, Scene, draw_many

COUNTS = {"train": 20000, "validation": 1536, "test": 6000, "unseen": 6000}
RESCALE = 0.0078          # Chameleon's, not 2/255: white becomes 0.989


def to_numbers(scenes) -> np.ndarray:
    """Scenes as int8 [count, 3, 4]: cell, shape, colour, size; -1 where there is no object."""
    table = np.full((len(scenes), 3, 4), -1, np.int8)
    for i, scene in enumerate(scenes):
        for j, item in enumerate(scene.items):
            table[i, j] = (item.cell, SHAPES.index(item.shape), COLOURS.index(item.colour), SIZES.index(item.size))
    return table


def to_scenes(table) -> list:
    """The inverse of `to_numbers`."""
    return [Scene(tuple(Item(int(c), SHAPES[s], COLOURS[k], SIZES[z]) for c, s, k, z in rows if c >= 0)) for rows in table]


CONTENT_CLASSES = (len(SHAPES) + 1, len(COLOURS) + 1, len(SIZES) + 1)      # the last of each: nothing there


def contents(scenes) -> torch.Tensor:
    """What stands in each cell, as classes [count, 4, 3]."""
    classes = torch.tensor(CONTENT_CLASSES).sub(1).repeat(len(scenes), 4, 1)
    for i, scene in enumerate(scenes):
        for item in scene.items:
            classes[i, item.cell] = torch.tensor((SHAPES.index(item.shape), COLOURS.index(item.colour), SIZES.index(item.size)))
    return classes


def normalised(pictures) -> torch.Tensor:
    """uint8 [n, 64, 64, 3] to what the picture tokenizer sees, [n, 3, 64, 64].

    Multiplies in double precision and rounds once, as transformers' image processor does:
    a different last bit can flip a code.
    """
    scaled = (np.asarray(pictures).astype(np.float64) * RESCALE).astype(np.float32) - np.float32(1)
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)))


def load(work, split):
    """Pixels and scenes of a split that `main` has drawn."""
    with np.load(os.path.join(work, f"{split}.npz")) as file:
        return file["pixels"], to_scenes(file["scenes"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    work = parser.parse_args().work
    os.makedirs(work, exist_ok=True)
    for split, count in COUNTS.items():
        scenes, pixels = draw_many(count, split)
        np.savez(os.path.join(work, f"{split}.npz"), pixels=pixels, scenes=to_numbers(scenes))
        print(split, count, flush=True)


if __name__ == "__main__":
    main()
