"""Compares `narrowgate trace` with what make_reference.py wrote: plain, cut, and patched.

    python compare_trace.py --binary .build/release/narrowgate FOLDER…

For every folder it traces the picture plain, under every knockout of reference.json and under every patching at every
layer, and prints the largest difference of each tensor over that tensor's largest absolute value. Logits that the
reference masks are compared exactly and left out of that maximum. Ids, codes and greedy continuations must be
identical. The exit status is 1 if anything is over the bar. Needs numpy.
"""

import argparse
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy

BAR = 1e-4
MASKED = numpy.float32(-3.4028234663852886e38)
MODES = {"post": "zero", "pre": "mask"}
NUMBERS = {"F32": numpy.float32, "F16": numpy.float16, "I32": numpy.int32, "I64": numpy.int64, "U8": numpy.uint8}
PATCHED = {"patch_eoi": "eoi", "patch_last_image": "last_image", "patch_image_all": "image"}


def tensors(path):
    """A safetensors file's arrays by name."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        found[name] = numpy.frombuffer(content[begin:end], NUMBERS[entry["dtype"]]).reshape(entry["shape"])
    return found


class Comparison:
    """One reference folder against one binary; collects the worst of each row of the table."""

    def __init__(self, binary, folder, goldens="reference", model=None):
        self.binary, self.folder, self.model = binary, folder, model or folder
        self.golden = tensors(folder / f"{goldens}.safetensors")
        self.facts = json.loads((folder / f"{goldens}.json").read_text())
        self.rows = {}

    def trace(self, interventions=None, only=None, tokens=0, image="a", source=None, measure=None):
        with tempfile.TemporaryDirectory() as place:
            output, change, asked = (Path(place, name) for name in ["out.safetensors", "change.json", "measure.json"])
            images = self.facts["images"]
            command = [self.binary, "trace", "--model", self.model, "--image", self.folder / images[image]]
            command += ["--number-format", "float32"]
            command += ["--raw-prompt", self.facts["prompt"], "--tokens", str(tokens), "--output", output]
            if only:
                command += ["--only", ",".join(only)]
            if source:
                command += ["--source-image", self.folder / images[source]]
            if interventions:
                change.write_text(json.dumps(interventions))
                command += ["--interventions", change]
            if measure:
                asked.write_text(json.dumps(measure))
                command += ["--measure", asked]
            ran = subprocess.run([str(part) for part in command], capture_output=True, text=True)
            if ran.returncode != 0:
                sys.exit(f"{self.folder}: {' '.join(str(part) for part in command)}\n{ran.stderr}")
            return tensors(output)

    def near(self, row, ours, golden):
        """Records the relative error of two arrays of floats."""
        if ours.shape != golden.shape:
            return self.record(row, float("inf"), f"shape {ours.shape}, not {golden.shape}")
        masked = golden == MASKED
        if (ours[masked] != MASKED).any() or (ours[~masked] == MASKED).any():
            return self.record(row, float("inf"), "other logits are masked")
        ours, golden = ours[~masked].astype(numpy.float64), golden[~masked].astype(numpy.float64)
        error = numpy.abs(ours - golden).max() / max(numpy.abs(golden).max(), numpy.finfo(numpy.float64).tiny)
        self.record(row, error if numpy.isfinite(error) else float("inf"))

    def same(self, row, ours, golden):
        """Records whether two lists of integers are identical."""
        ours, golden = numpy.asarray(ours).ravel(), numpy.asarray(golden).ravel()
        if ours.shape != golden.shape:
            return self.record(row, float("inf"), f"{ours.size} numbers, not {golden.size}")
        different = int((ours != golden).sum())
        self.record(row, float("inf") if different else 0, f"{different} of {golden.size} differ" if different else "")

    def record(self, row, error, remark=""):
        if error >= self.rows.get(row, (-1, ""))[0]:
            self.rows[row] = (error, remark or ("equal" if error == 0 else ""))

    def plain(self):
        greedy = self.facts.get("greedy", {}).get("clean", {}).get("tokens", [])
        ours = self.trace(tokens=len(greedy))
        for name in ["input_ids", "vq.codes", "vq.token_ids"]:
            if name in self.golden:
                self.same(name, ours[name], self.golden[name])
        for name in ["pixel_values", "resid", "attn", "attn_out", "mlp_out", "final_norm", "logits"]:
            self.near(name, ours[name], self.golden[name])
        if greedy:
            self.same("greedy", ours["generated_ids"], greedy)
        last = ours["logits"].shape[0] - 1
        self.same("argmax", ours["logits"].argmax(axis=1)[last], self.facts["argmax"][last])
        other = self.trace(image="b", only=["pixel_values", "logits", "resid"])
        for name in ["pixel_values", "logits", "resid"]:
            self.near(f"b.{name}", other[name], self.golden[f"b.{name}"])

    def knockouts(self):
        for name, facts in self.facts["interventions"].items():
            greedy = self.facts["greedy"].get(name, {}).get("tokens", [])
            # Generated tokens count as text queries; "all" has them in it.
            queries = facts["queries"] if isinstance(facts["queries"], str) else [*facts["queries"], "generated"]
            cut = {"queries": queries, "keys": facts["keys"], "layers": facts["layers"], "mode": MODES[facts["mode"]]}
            ours = self.trace({"knockouts": [cut]}, ["resid", "logits", "attn", "generated_ids"], len(greedy))
            self.near(f"{name}.logits_last", ours["logits"][-1], self.golden[f"{name}.logits_last"])
            self.near(f"{name}.resid_last_pos", ours["resid"][:, -1], self.golden[f"{name}.resid_last_pos"])
            if f"{name}.attn" in self.golden:
                self.near(f"{name}.attn", ours["attn"], self.golden[f"{name}.attn"])
            if greedy:
                self.same(f"{name} greedy", ours["generated_ids"], greedy)

    def patches(self):
        for name, place in PATCHED.items():
            golden, positions = self.golden[f"{name}.logits_last"], self.facts["positions"][place]
            for layer in range(self.facts["n_layers"]):
                patch = {"site": "resid_in", "layers": layer, "positions": positions}
                ours = self.trace({"patches": [patch]}, ["logits"], source="b")
                self.near(f"{name}.logits_last", ours["logits"][-1], golden[layer])

    def run(self):
        self.plain()
        self.knockouts()
        self.patches()
        return self.rows


def report(tables):
    """Prints the rows of some folders side by side; ends with status 1 if anything is over the bar."""
    print(f"| tensor (bar {BAR:.0e}) | " + " | ".join(tables) + " |")
    print("|---" * (len(tables) + 1) + "|")
    rows = dict.fromkeys(row for table in tables.values() for row in table)
    for row in rows:
        cells = [table.get(row, (0, "–")) for table in tables.values()]
        print(f"| {row} | " + " | ".join(remark or f"{error:.1e}" for error, remark in cells) + " |")
    over = [f"{name}: {row}" for name, table in tables.items() for row in table if not table[row][0] <= BAR]
    for line in over:
        print(f"over the bar: {line}")
    sys.exit(1 if over else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--binary", default=".build/release/narrowgate")
    parser.add_argument("folders", nargs="+", type=Path)
    options = parser.parse_args()
    report({folder.name: Comparison(options.binary, folder).run() for folder in options.folders})


if __name__ == "__main__":
    main()
