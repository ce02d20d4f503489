"""Scenes: one to three coloured shapes on a two by two grid, and the pictures of them.

A scene is small enough to be described completely in one sentence, and its
objects differ in shape and in colour, so that "the circle" and "the red one"
each name exactly one of them. The same scene can be drawn at any side length;
the models see 64 pixels.
"""
from dataclasses import dataclass

import numpy as np
from PIL import Image

SHAPES = ("circle", "square", "triangle", "cross", "ring", "diamond")
COLOURS = ("red", "green", "blue", "yellow", "pink", "white")
SIZES = ("small", "large")
CELLS = ("top left", "top right", "bottom left", "bottom right")
COUNT_PROBABILITIES = (0.45, 0.40, 0.15)

# One generator seed for each use: nothing measured was ever trained on. (2 and 3 were the first models' validation and test.)
SEEDS = {"train": 1, "examples": 4, "validation": 12, "test": 13, "unseen": 14}

SIDE = 64                                     # what the models see
UNITS = 32                                    # lengths below are in thirty-seconds of a picture's side
RADII = {"small": 5.0, "large": 7.7}
PAINT = {"red": (0.90, 0.14, 0.14), "green": (0.14, 0.74, 0.24), "blue": (0.18, 0.34, 0.95),
         "yellow": (0.95, 0.85, 0.14), "pink": (0.98, 0.45, 0.75), "white": (0.95, 0.95, 0.95)}


@dataclass(frozen=True)
class Item:
    cell: int            # index into CELLS, row by row
    shape: str
    colour: str
    size: str


@dataclass(frozen=True)
class Scene:
    items: tuple         # sorted by cell, so a scene has exactly one caption


def held_out(item) -> bool:
    """Whether an object's shape, colour and size are one of the 12 of 72 combinations that are never trained.

    Each shape and each colour is held out once small and once large, and every pair of attributes is trained.
    """
    return (SHAPES.index(item.shape) + COLOURS.index(item.colour) + 3 * SIZES.index(item.size)) % 6 == 4


def random_scene(rng, count=None) -> Scene:
    """Draws a scene, of `count` objects if given; shapes and colours never repeat within it."""
    count = count or 1 + int(rng.choice(3, p=COUNT_PROBABILITIES))
    cells = sorted(rng.permutation(4)[:count])
    shapes, colours = rng.permutation(len(SHAPES)), rng.permutation(len(COLOURS))
    return Scene(tuple(Item(int(cells[i]), SHAPES[shapes[i]], COLOURS[colours[i]], SIZES[int(rng.integers(2))])
                       for i in range(count)))


def scene_of(rng, unseen, count=None) -> Scene:
    """Draws a scene with no object held out, or (`unseen`) with every object held out."""
    while True:
        scene = random_scene(rng, count)
        if all(held_out(item) == unseen for item in scene.items):
            return scene


def distance(shape, x, y, r):
    """Signed distance (roughly, in units) from the outline of a shape of radius `r`; negative inside."""
    ax, ay = np.abs(x), np.abs(y)
    if shape == "circle":
        return np.hypot(x, y) - 0.95 * r
    if shape == "square":
        return np.maximum(ax, ay) - 0.80 * r
    if shape == "triangle":
        return np.maximum(y - 0.75 * r, (1.70 * ax - 0.95 * (y + 0.95 * r)) / np.hypot(1.70, 0.95))
    if shape == "cross":
        return np.minimum(np.maximum(ax - 0.95 * r, ay - 0.31 * r), np.maximum(ay - 0.95 * r, ax - 0.31 * r))
    if shape == "ring":
        return np.abs(np.hypot(x, y) - 0.70 * r) - 0.24 * r
    return (ax + ay - r) / np.sqrt(2.0)       # diamond


def draw(scene, rng, side=SIDE) -> np.ndarray:
    """The picture of a scene, uint8 [side, side, 3].

    Position, paint and background vary a little from drawing to drawing, so
    that a picture is never seen twice even where the scene is.
    """
    scale = side / UNITS
    low, high = rng.uniform(0.1, 0.3, 2)
    turn = rng.uniform(0, 2 * np.pi)
    axis = (np.arange(side) + 0.5) / side - 0.5
    slope = np.clip(0.5 + (np.cos(turn) * axis[None, :] + np.sin(turn) * axis[:, None]) / np.sqrt(2), 0, 1)
    picture = np.repeat((low + (high - low) * slope)[:, :, None], 3, axis=2)
    half = side // 2
    for item in scene.items:
        top, left = (item.cell // 2) * half, (item.cell % 2) * half
        dx, dy = rng.uniform(-0.3, 0.3, 2)
        local = (np.arange(half) + 0.5) / scale - UNITS / 4
        gap = distance(item.shape, local[None, :] - dx, local[:, None] - dy, RADII[item.size])
        cover = np.clip(0.5 - gap * scale, 0, 1)[:, :, None]            # one pixel of anti-aliasing
        paint = np.clip(np.array(PAINT[item.colour]) * (1 + rng.uniform(-0.03, 0.03, 3)), 0, 1)
        patch = picture[top:top + half, left:left + half]
        patch += cover * (paint - patch)
    picture += rng.normal(0, 0.02, picture.shape)
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def to_model_side(picture) -> np.ndarray:
    """Resizes a square picture to 64 pixels exactly as preprocessor_config.json says (Lanczos on uint8)."""
    if picture.shape[0] == SIDE:
        return picture
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def draw_many(count, split):
    """`count` scenes of a split and their 64-pixel pictures.

    The training split has its own mix of one to three objects, the others equally many of each, in
    turns. Two in five pictures are drawn smaller or larger and resized, because users bring
    pictures of any size and the picture tokenizer must not depend on ours.
    """
    rng = np.random.default_rng(SEEDS[split])
    scenes, pictures = [], np.empty((count, SIDE, SIDE, 3), np.uint8)
    for i in range(count):
        scene = scene_of(rng, split == "unseen", None if split == "train" else 1 + i % 3)
        side = int(rng.choice([32, 64, 128, 256], p=[0.08, 0.60, 0.22, 0.10]))
        scenes.append(scene)
        pictures[i] = to_model_side(draw(scene, rng, side))
    return scenes, pictures
