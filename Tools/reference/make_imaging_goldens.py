#!/usr/bin/env python3
"""Pictures and what Pillow makes of them, for Tests/ImagingTests.

    python make_imaging_goldens.py --output ../../Tests/ImagingTests/Goldens

Writes NAME.png and NAME.jpg of every kind, and goldens.json: for each file its size and the SHA-256 of its RGB pixels
after exif_transpose and the conversion of transformers' PIL back-end (transparency over white); for resizing and
cropping the SHA-256 of the results. Where Pillow's answer is not ours on purpose (docs/numerics.md), the entry says
"differs" and holds the pixels that we want. Made with Pillow 11.3.0 and transformers 5.23.
"""
import argparse
import hashlib
import io
import json
import os
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps
from transformers.image_transforms import center_crop, convert_to_rgb


def sha(array):
    return hashlib.sha256(np.ascontiguousarray(array, dtype=np.uint8).tobytes()).hexdigest()


def scene(w, h, seed):
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[0:h, 0:w]
    base = np.stack([x * 255 // max(1, w - 1), y * 255 // max(1, h - 1), (x * 3 + y * 5) % 256], -1)
    return np.clip(base + rng.randint(-40, 40, (h, w, 3)), 0, 255).astype(np.uint8)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(samples, depth, colour, interlaced=False, extra=()):
    """Encodes samples [height, width, channels] by hand, so that every type and depth can be had."""
    h, w, n = samples.shape

    def rows(part):
        out = b""
        for row in part:
            if depth == 16:
                data = row.astype(">u2").tobytes()
            elif depth == 8:
                data = row.astype(np.uint8).tobytes()
            else:
                bits = "".join(format(int(v), f"0{depth}b") for v in row.ravel())
                bits += "0" * (-len(bits) % 8)
                data = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
            out += b"\0" + data
        return out

    if interlaced:
        raw = b"".join(rows(samples[y::dy, x::dx]) for x, y, dx, dy in PASSES if samples[y::dy, x::dx].size)
    else:
        raw = rows(samples)
    header = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunk(k, d) for k, d in extra)
            + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def png_files():
    rng = np.random.RandomState(3)
    w, h = 21, 13
    palette = rng.randint(0, 256, (256, 3)).astype(np.uint8)
    for interlaced in (False, True):
        tail = "-interlaced" if interlaced else ""
        for depth in (1, 2, 4, 8, 16):
            top = 1 << depth
            grey = rng.randint(0, top, (h, w, 1))
            wide = (grey >> 8 if depth == 16 else grey * (255 // (top - 1))).repeat(3, -1)
            yield f"grey{depth}{tail}", png(grey, depth, 0, interlaced), wide
            key = int(grey[0, 0, 0])
            keyed = np.where(grey == key, 255, wide)
            yield f"grey{depth}-key{tail}", png(grey, depth, 0, interlaced, [(b"tRNS", struct.pack(">H", key))]), keyed
            if depth <= 8:
                index = rng.randint(0, top, (h, w, 1))
                plte = (b"PLTE", palette[:top].tobytes())
                yield f"palette{depth}{tail}", png(index, depth, 3, interlaced, [plte]), None
                alpha = (b"tRNS", rng.randint(0, 256, max(1, top - 1)).astype(np.uint8).tobytes())
                yield f"palette{depth}-alpha{tail}", png(index, depth, 3, interlaced, [plte, alpha]), None
        for depth in (8, 16):
            top = 1 << depth
            shift = depth - 8
            rgb = rng.randint(0, top, (h, w, 3))
            yield f"rgb{depth}{tail}", png(rgb, depth, 2, interlaced), None
            key = rgb[2, 3]
            want = np.where((rgb == key).all(-1, keepdims=True), 255, rgb >> shift)
            yield f"rgb{depth}-key{tail}", png(rgb, depth, 2, interlaced, [(b"tRNS", struct.pack(">3H", *key))]), want
            for colour, n, name in ((4, 2, "grey-alpha"), (6, 4, "rgba")):
                yield f"{name}{depth}{tail}", png(rng.randint(0, top, (h, w, n)), depth, colour, interlaced), None
    full = np.zeros((256, 256, 4), np.uint8)
    full[..., :3] = np.arange(256)[None, :, None]
    full[..., 3] = np.arange(256)[:, None]
    yield "rgba-all-alphas", png(full, 8, 6), None
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "oriented", png(scene(9, 5, 8), 8, 2, False, [(b"eXIf", exif.tobytes()[6:])]), None


def jpeg_files():
    image = Image.fromarray(scene(37, 29, 1))

    def save(picture, **options):
        data = io.BytesIO()
        picture.save(data, "JPEG", **options)
        return data.getvalue()

    for sampling, name in ((0, "444"), (1, "422"), (2, "420")):
        yield f"baseline-{name}", save(image, quality=85, subsampling=sampling)
        yield f"progressive-{name}", save(image, quality=70, subsampling=sampling, progressive=True)
    yield "grey", save(image.convert("L"), quality=85)
    yield "grey-progressive", save(image.convert("L"), quality=85, progressive=True)
    yield "cmyk", save(Image.fromarray(np.dstack([scene(37, 29, 2), scene(37, 29, 3)[..., :1]]), "CMYK"), quality=90)
    yield "rgb-kept", save(image, quality=90, keep_rgb=True)
    yield "restarts", save(image, quality=80, restart_marker_blocks=2)
    yield "one-pixel", save(image.crop((0, 0, 1, 1)))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"orientation{orientation}", save(image, quality=90, exif=exif)


def reference(data):
    return convert_to_rgb(ImageOps.exif_transpose(Image.open(io.BytesIO(data))), return_numpy=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", required=True)
    output = parser.parse_args().output
    os.makedirs(output, exist_ok=True)
    files = [(f"{n}.png", d, w) for n, d, w in png_files()] + [(f"{n}.jpg", d, None) for n, d in jpeg_files()]
    entries = []
    for name, data, wanted in files:
        with open(os.path.join(output, name), "wb") as file:
            file.write(data)
        pillow = reference(data)
        entry = {"file": name, "width": pillow.shape[1], "height": pillow.shape[0], "sha256": sha(pillow)}
        if wanted is not None and sha(wanted) != sha(pillow):
            entry.update(sha256=sha(wanted), differs=True)
        entries.append(entry)
    resizes = []
    rng = np.random.RandomState(4)
    source = scene(61, 47, 9)
    with open(os.path.join(output, "source.png"), "wb") as file:
        file.write(png(source, 8, 2))
    sizes = [(61, 47), (61, 20), (30, 47), (122, 94), (64, 64), (1, 1), (7, 90), (200, 3)] + [
        tuple(int(v) for v in rng.randint(1, 150, 2)) for _ in range(8)]
    for size in sizes:
        for number in (1, 2, 3):
            result = np.asarray(Image.fromarray(source).resize(size, number))
            resizes.append({"width": size[0], "height": size[1], "filter": number, "sha256": sha(result)})
    crops = []
    for width, height in ((47, 47), (20, 10), (61, 47), (64, 50), (99, 30), (30, 99), (62, 48), (1, 1)):
        result = center_crop(source, (height, width), input_data_format="channels_last")
        crops.append({"width": width, "height": height, "sha256": sha(result)})
    with open(os.path.join(output, "goldens.json"), "w", encoding="utf-8") as file:
        json.dump({"files": entries, "resizes": resizes, "crops": crops}, file, indent=1)
        file.write("\n")
    print("Pillow differs on purpose:", [e["file"] for e in entries if e.get("differs")])


if __name__ == "__main__":
    main()
