#!/usr/bin/env python3
"""What a sweep costs against the number of layers and of variants, and whether the cone explains it.

    Benchmarks/suite/scaling.py FOLDER [--depths 3,6,24] [--turns 5]

FOLDER is the checkpoint 190m. Clean runs are cached, so what is timed is the variants: what the client waits for a job whose
next tokens are measured. Three series: one patch of [EOI] entering layer l; 1 to 64 cuts of the text's attention, whose cones go
through all layers; [EOI] patched at every layer of checkpoints that are 190m but for their depth (made beside FOLDER).

Two of them are fitted, on the checkpoint itself, by least squares:

    seconds = a + b · layers that the stack of variants goes through + c · token-layers in the variants' cones

where a patch entering layer l of L costs the L − l layers above it, [EOI] and what follows being its rows. The third is predicted.
Writes .build/bench/scaling.json.
"""
import argparse
import json
import pathlib
import signal
import subprocess
import sys

import narrowgate
import record
import rows


def solve(matrix, vector):
    """A small linear system, by elimination."""
    size = len(vector)
    work = [list(row) + [value] for row, value in zip(matrix, vector)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(work[row][column]))
        work[column], work[pivot] = work[pivot], work[column]
        for row in range(size):
            if row != column:
                factor = work[row][column] / work[column][column]
                work[row] = [a - factor * b for a, b in zip(work[row], work[column])]
    return [work[row][size] / work[row][row] for row in range(size)]


def fit(points):
    """a, b, c, and the part of the variance that they explain."""
    inputs = [[1, point["layers"], point["token_layers"]] for point in points]
    seconds = [point["seconds"] for point in points]
    normal = [[sum(row[i] * row[j] for row in inputs) for j in range(3)] for i in range(3)]
    coefficients = solve(normal, [sum(row[i] * value for row, value in zip(inputs, seconds)) for i in range(3)])
    mean = sum(seconds) / len(seconds)
    left = sum((value - sum(c * x for c, x in zip(coefficients, row))) ** 2 for row, value in zip(inputs, seconds))
    return coefficients, 1 - left / sum((value - mean) ** 2 for value in seconds)


class Sweeps:
    """A server on one checkpoint, with two pictures and one prompt whose clean runs are kept."""

    def __init__(self, folder, flags, turns):
        self.server, self.turns = narrowgate.Server(folder, "bfloat16", flags, 1024), turns
        self.server.wait()
        self.layers = json.loads((pathlib.Path(folder) / "config.json").read_text())["num_hidden_layers"]
        names = ("white-cross.png", "pink-square.png")
        self.base, self.source = (self.server.picture((rows.PICTURES / name).read_bytes()) for name in names)
        self.prompt = {"text": rows.fresh_text()}
        prompt = self.server.caption(self.base, self.prompt["text"], 1)["answer"]["prompt"]
        #: [EOI] and what follows it; the text alone.
        self.rows = prompt["tokens"] - int(prompt["roles"]["eoi"])
        self.text = self.rows - 1
        self.image = [int(bound) for bound in prompt["roles"]["image"].split("..<")]

    def patches(self, layers):
        request = {"pairs": [{"base": self.base, "source": self.source}], "prompt": self.prompt, "layers": layers}
        return self._median("/v1/patches", request)

    def cuts(self, count):
        first, end = self.image
        keys = range(first, end, (end - first) // count)[:count]
        variants = [{"name": f"cut {key}", "knockouts": [{"queries": "text", "keys": key}]} for key in keys]
        return self._median("/v1/knockouts", {
            "inputs": [{"image": self.base, "prompt": self.prompt}], "variants": variants, "measure": {"caption": False}})

    def _median(self, path, request):
        self.server.job(path, request)  # its clean runs, and what it needs of them
        return record.median([self.server.job(path, request) for _ in range(self.turns)])

    def prefill(self):
        return record.median([self.server.caption(self.base, rows.fresh_text(), 1)["seconds"] for _ in range(self.turns)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--depths", default="3,6,24")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--serve-flags", default="")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended, too
    folder, flags = pathlib.Path(options.folder).resolve(), options.serve_flags.split()
    saved, before = record.Record("scaling"), record.load()

    sweeps = Sweeps(folder, flags, options.turns)
    depth, size, text = sweeps.layers, sweeps.rows, sweeps.text
    by_layer, by_count, by_depth = [], [], []
    try:
        for layer in range(1, depth):  # at layer 0 [EOI] is the same for every picture, and nothing is computed
            by_layer.append({"x": layer, "layers": depth - layer, "token_layers": (depth - layer) * size,
                             "seconds": sweeps.patches({"each_of": [layer]})})
        for count in (1, 2, 4, 8, 16, 24, 32, 48, 64):
            if count <= sweeps.image[1] - sweeps.image[0]:
                by_count.append({"x": count, "layers": depth * -(-count * text // 1024), "seconds": sweeps.cuts(count),
                                 "token_layers": count * text * depth})
        depths = {depth: (sweeps.patches("each"), sweeps.prefill())}
    finally:
        sweeps.server.close()
    for layers in map(int, filter(None, options.depths.split(","))):
        other = folder.with_name(f"{folder.name}-{layers}-layers")
        if not (other / "config.json").exists():
            subprocess.run([narrowgate.ROOT / "Benchmarks/make_checkpoint.py", "190m", other, str(layers)], check=True)
        sweeps = Sweeps(other, flags, options.turns)
        try:
            depths[layers] = (sweeps.patches("each"), sweeps.prefill())
        finally:
            sweeps.server.close()
    for layers, (seconds, prefill) in sorted(depths.items()):
        by_depth.append({"x": layers, "layers": layers - 1, "token_layers": size * layers * (layers - 1) // 2,
                         "seconds": seconds, "prefill": prefill})

    (a, b, c), explained = fit(by_layer + by_count)
    for point in by_layer + by_count + by_depth:
        point["fitted"] = a + b * point["layers"] + c * point["token_layers"]
    saved.set(
        by_layer=by_layer, by_count=by_count, by_depth=by_depth, fit={"a": a, "b": b, "c": c, "explained": explained},
        rows_in_cone=size, depth=depth, turns=options.turns)
    saved.add("all", {}, before)
    for name, points in (("entering layer", by_layer), ("variants", by_count), ("depth", by_depth)):
        for point in points:
            print(f"{name:>15} {point['x']:>4} {point['seconds'] * 1e3:>8.1f} ms, fitted {point['fitted'] * 1e3:>8.1f} ms")
    print(f"a {a * 1e3:.2f} ms, b {b * 1e3:.3f} ms a layer, c {c * 1e6:.1f} µs a token-layer; R² {explained:.3f}")


if __name__ == "__main__":
    sys.exit(main())
