"""Compares `narrowgate trace` with what make_intervention_goldens.py wrote, case by case.

    python compare_interventions.py --binary .build/release/narrowgate FOLDER…

Every case is traced with its interventions, its states as .npy or safetensors files, and what it measures: the next
token's logits, the residual stream of the last prompt position at all layers, greedy tokens, captured states, attention
and the logit lens. A row of the table is the worst of its cases, and --verbose prints every case. A folder without a
checkpoint of its own names it: GOLDENS=MODEL. The exit status is 1 if anything is over the bar. Needs numpy.
"""

import argparse
import copy
import json
import struct
import tempfile
from pathlib import Path

import numpy

from compare_trace import Comparison, report


def write_state(path, state, facts):
    """A state's file: .npy where it has one layer, which then fits any; else safetensors with site and layers."""
    if state.shape[0] == 1:
        path = path.with_name(f"{path.name}.npy")
        numpy.save(path, state)
        return path
    metadata = {"site": facts["site"], "layers": ",".join(map(str, facts["layers"]))}
    entry = {"dtype": "F32", "shape": list(state.shape), "data_offsets": [0, state.nbytes]}
    header = json.dumps({"__metadata__": metadata, "state": entry}).encode()
    path = path.with_name(f"{path.name}.safetensors")
    path.write_bytes(struct.pack("<Q", len(header)) + header + state.tobytes())
    return path


class InterventionComparison(Comparison):
    """The cases of one folder against one binary."""

    def __init__(self, binary, folder, model=None, verbose=False):
        super().__init__(binary, folder, "interventions", model)
        self.verbose, self.place = verbose, tempfile.TemporaryDirectory()
        self.states = {
            name: write_state(Path(self.place.name, name), self.golden[f"state.{name}"], facts)
            for name, facts in self.facts["states"].items()}

    def files(self, value):
        """The same interventions with files in the place of names."""
        if isinstance(value, list):
            return [self.files(element) for element in value]
        if not isinstance(value, dict):
            return value
        value = {name: self.files(member) for name, member in value.items()}
        if isinstance(value.get("state"), str):
            value["state"] = str(self.states[value["state"]])
        if isinstance(value.get("image"), str):
            value["image"] = str(self.folder / self.facts["images"][value["image"]])
        return value

    def record(self, row, error, remark=""):
        if self.verbose:
            print(f"{self.folder.name} {self.case}: {row} {remark or f'{error:.1e}'}")
        super().record(row, error, remark)

    def run(self):
        for case in self.facts["cases"]:
            name, kind = case["name"], case["name"].split(".")[0]
            self.case = name
            greedy, measure = case.get("greedy", []), case.get("measure")
            ours = self.trace(
                self.files(copy.deepcopy(case["interventions"])), ["resid", "logits", "generated_ids"], len(greedy),
                measure=measure)
            self.near(f"{kind}: next token's logits", ours["logits"][-1], self.golden[f"{name}.logits_last"])
            self.near(f"{kind}: last position's stream", ours["resid"][:, -1], self.golden[f"{name}.resid_last"])
            if greedy:
                self.same(f"{kind}: greedy tokens", ours["generated_ids"], greedy)
            for tensor in sorted(ours.keys() - {"resid", "logits", "generated_ids"}):
                compare = self.same if tensor.endswith(".ids") else self.near
                compare(f"measure: {tensor.split('.')[0]}", ours[tensor], self.golden[f"{name}.{tensor}"])
        return self.rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--binary", default=".build/release/narrowgate")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("folders", nargs="+", help="a folder, or GOLDENS=MODEL")
    options = parser.parse_args()
    tables = {}
    for argument in options.folders:
        folder, _, model = argument.partition("=")
        comparison = InterventionComparison(options.binary, Path(folder), model or None, options.verbose)
        tables[Path(model or folder).name] = comparison.run()
    report(tables)


if __name__ == "__main__":
    main()
