#!/usr/bin/env python3
"""Compares `narrowgate trace` with reference checkpoints, tensor by tensor.

    compare_trace.py .build/release/narrowgate FOLDER...

Each folder holds a checkpoint, two pictures, reference.safetensors and reference.json (docs/numerics.md says what they
are and who makes them; Tests/Goldens has two small ones). The run is traced plain, under every knockout and every patch
that the reference has, and the largest error of each tensor is printed, relative to the tensor's largest absolute value.
Masked logits must be equal and do not count. Needs numpy; nothing of this is part of `make test`, whose parity tests
are in Tests/InterventionsTests.
"""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np

BAR = 1e-4
MASKED = np.float32(-3.4028234663852886e38)
TYPES = {"F32": np.float32, "I32": np.int32, "I64": np.int64}


def tensors(path):
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = np.frombuffer(data[8 + length + begin : 8 + length + end], TYPES[entry["dtype"]])
        found[name] = values.reshape(entry["shape"])
    return found


class Comparison:
    def __init__(self, binary, folder, scratch):
        self.binary, self.folder, self.scratch = binary, pathlib.Path(folder), pathlib.Path(scratch)
        self.reference = json.loads((self.folder / "reference.json").read_text())
        self.expected = tensors(self.folder / "reference.safetensors")
        self.worst, self.faults = {}, []

    def trace(self, *, image="a", interventions=None, tokens=0, only=None):
        images = self.reference["images"]
        output = self.scratch / "trace.safetensors"
        command = [
            self.binary, "trace", "--model", self.folder, "--image", self.folder / images[image],
            "--source-image", self.folder / images["b"], "--raw-prompt", self.reference["prompt"], "--output", output,
        ]
        if interventions is not None:
            file = self.scratch / "interventions.json"
            file.write_text(json.dumps(interventions))
            command += ["--interventions", file]
        if tokens:
            command += ["--tokens", str(tokens)]
        if only:
            command += ["--only", ",".join(only)]
        subprocess.run([str(word) for word in command], check=True)
        return tensors(output)

    def exact(self, name, actual, expected):
        if actual.shape != expected.shape or not np.array_equal(actual, expected):
            self.faults.append(f"{name}: differs")
        self.worst.setdefault(name, "identical")

    def close(self, name, actual, expected):
        if actual.shape != expected.shape:
            self.faults.append(f"{name}: shape {actual.shape}, not {expected.shape}")
            return
        masked = (expected == MASKED) | (actual == MASKED)
        if not np.array_equal(actual[masked], expected[masked]) or not np.isfinite(actual).all():
            self.faults.append(f"{name}: masked values differ")
            return
        scale = np.abs(expected[~masked]).max()
        error = float(np.abs(actual[~masked].astype(np.float64) - expected[~masked]).max() / scale)
        self.worst[name] = max(error, self.worst.get(name, 0.0))
        if error > BAR:
            self.faults.append(f"{name}: {error:.2e}")

    def run(self):
        r, e = self.reference, self.expected
        clean = self.trace(tokens=len(r["greedy"]["clean"]["tokens"]))
        for name in ["input_ids", "vq.codes", "vq.token_ids"]:
            self.exact(name, clean[name], e[name])
        for name in ["pixel_values", "resid", "attn", "attn_out", "mlp_out", "final_norm", "logits"]:
            self.close(name, clean[name], e[name])
        self.exact("greedy clean", clean["generated_ids"], np.array(r["greedy"]["clean"]["tokens"], np.int32))
        other = self.trace(image="b", only=["pixel_values", "resid", "logits", "vq.codes", "vq.token_ids"])
        for name in ["vq.codes", "vq.token_ids"]:
            self.exact("b." + name, other[name], e["b." + name])
        for name in ["pixel_values", "resid", "logits"]:
            self.close("b." + name, other[name], e["b." + name])
        for name, rule in r["interventions"].items():
            self.knockout(name, rule)
        positions = r["positions"]
        for name, where in [
            ("patch_eoi", positions["eoi"]), ("patch_last_image", positions["last_image"]), ("patch_image_all", r["image_span"]),
        ]:
            for layer in range(r["n_layers"]):
                patch = {"site": "resid_in", "layers": layer, "positions": where}
                trace = self.trace(interventions={"patches": [patch]}, only=["logits"])
                self.close(f"{name}.logits_last", trace["logits"][-1], e[f"{name}.logits_last"][layer])

    def knockout(self, name, rule):
        # `text` as the role, not as indices: generated tokens count as text queries in the reference.
        queries = rule["queries"]
        if queries == self.reference["positions"]["text"]:
            queries = "text"
        cut = {
            "queries": queries, "keys": rule["keys"], "layers": rule["layers"],
            "mode": {"post": "zero", "pre": "mask"}[rule["mode"]],
        }
        greedy = self.reference["greedy"].get(name)
        trace = self.trace(
            interventions={"knockouts": [cut]}, tokens=len(greedy["tokens"]) if greedy else 0)
        self.close(f"{name}.logits_last", trace["logits"][-1], self.expected[f"{name}.logits_last"])
        self.close(f"{name}.resid_last_pos", trace["resid"][:, -1], self.expected[f"{name}.resid_last_pos"])
        if f"{name}.attn" in self.expected:
            self.close(f"{name}.attn", trace["attn"], self.expected[f"{name}.attn"])
        if greedy:
            self.exact(f"greedy {name}", trace["generated_ids"], np.array(greedy["tokens"], np.int32))


def main():
    binary, folders = sys.argv[1], sys.argv[2:]
    comparisons = []
    for folder in folders:
        with tempfile.TemporaryDirectory() as scratch:
            comparison = Comparison(binary, folder, scratch)
            comparison.run()
            comparisons.append(comparison)
    names = list(dict.fromkeys(name for c in comparisons for name in c.worst))
    show = lambda value: value if isinstance(value, str) else "" if value is None else f"{value:.1e}"
    heads = [pathlib.Path(f).name for f in folders]
    width = max(len(name) for name in names)
    print(" " * width, *(f"{head:>12}" for head in heads))
    for name in names:
        print(f"{name:<{width}}", *(f"{show(c.worst.get(name)):>12}" for c in comparisons))
    for head, comparison in zip(heads, comparisons):
        for fault in comparison.faults:
            print(f"{head}: {fault}", file=sys.stderr)
    return 1 if any(c.faults for c in comparisons) else 0


if __name__ == "__main__":
    sys.exit(main())
