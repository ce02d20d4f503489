"""Goldens for interventions: a checkpoint run in transformers under hooks on transformers' own modules.

    python make_intervention_goldens.py FOLDER [--image-a A.png --image-b B.png] [--prompt TEXT] [--out FOLDER]
                                               [--random N --seed S]

FOLDER is a Chameleon checkpoint; one made by make_reference.py has its pictures and prompt in reference.json. Written to
--out (default FOLDER) are interventions.json, with every case's interventions object in the wire's JSON, and
interventions.safetensors. A case's tensors are NAME.logits_last [V] and NAME.resid_last [L+1, H] (the last prompt
position; entry l enters layer l, entry L leaves the last), and for what it measures NAME.captures.N [layers, positions,
width], NAME.attention.N [layers, heads, queries, keys], NAME.logit_lens.N.p and .ids [layers, positions, top]. `greedy` has
the tokens that follow, `margin` the smallest lead of a chosen token, `largest_change` how far a logit moved. States that interventions name are tensors
state.NAME [layers, positions, width].

Everything is float32, eager attention, one thread. Roles are found anew here from the token ids; nothing is shared with
the engine but the words.

Where the hooks are:
  resid_in, resid_out   forward pre-hook and hook of the decoder layer
  attn_in               pre-hook of self_attn (replaces the argument, so the skip path keeps the stream)
  head_out, attn_out    pre-hook and hook of self_attn.o_proj
  mlp_out               hook of mlp
  zero, mask            torch's softmax, replaced only while transformers' own eager_attention_forward runs
  value                 hook of self_attn.v_proj
  logit lens            the model's own norm and lm_head on a recorded state
Generation reruns the whole sequence for every token, without a cache: patches act again at the prompt's positions, cuts
and steers at every position that they cover.

How each was checked: against a second formulation that shares no hook with the first. Every run of this script makes
these checks on its checkpoint, writes them under `checks` and fails if one is beyond 2e-5 of the largest value:
  resid_in               patching all positions of layer 0 is the source's run
  resid_out              patching layer l is patching resid_in of layer l + 1
  attn_in                patching all positions is patching attn_out at all positions
  head_out               patching is patching attn_out, its image under o_proj
  mlp_out                adding to resid_out what the branch adds more in the source's run
  attn_out, mlp_out      patching both and resid_in at the last position is patching resid_out there
  steering               by the source's state less the base's is patching, at every site
  zero, some heads       subtracting weight times value from head_out in those heads
  mask                   transformers' own four-dimensional attention mask, all heads and layers
  value                  zero with all queries
  generation             transformers' own cache, token by token, under the same hooks
  attention, logit lens  transformers' own output_attentions; the last layer's lens is the model's output
"""

import argparse
import json
import os
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

from hook_checks import Checks
from hooked_chameleon import SITES, Lab, indices
from random_interventions import RandomInterventions

CHECK_BAR = 2e-5


class Goldens:
    """The cases of one checkpoint."""

    def __init__(self, lab, text, other_text):
        self.lab, self.text, self.other_text = lab, text, other_text
        self.layers, self.heads = len(lab.layers), lab.config.num_attention_heads
        self.group = self.heads // lab.config.num_key_value_heads
        self.cases, self.tensors, self.clean = [], {}, None

    def make(self):
        for cases in [self.patches(), self.cuts(), self.steers()]:
            for name, interventions in cases.items():
                self.case(name, interventions)
        for name, interventions, tokens in self.generations():
            self.case(name, interventions, tokens=tokens)
        for name, interventions, measure in self.measurements():
            self.case(name, interventions, measure=measure)

    def make_random(self, count, seed):
        """Cases that are drawn; every one generates a little, and measures."""
        self.patches(), self.steers()
        drawn = RandomInterventions(
            self.lab, self.lab.prompt(self.text, "a"), self.other_text,
            ["b.eoi", "b.image.mean"] + [f"turn.{site}" for site in SITES], seed)
        for index in range(count):
            measure = {
                "captures": [{"site": drawn.draw.choice(SITES), "layers": "all", "positions": ["eoi", "last"]}],
                "attention": [{"heads": "all", "queries": "last"}], "logit_lens": [{}]}
            self.case(f"random.{index}", drawn.next(), tokens=3, measure=measure)

    def case(self, name, interventions, tokens=0, measure=None):
        lab, prompt = self.lab, self.lab.prompt(self.text, "a")
        record = [
            (asked.get("site", "resid_out"), layer)
            for asked in (measure or {}).get("captures", []) + (measure or {}).get("logit_lens", [])
            for layer in indices(asked.get("layers", "all"), self.layers)]
        result = lab.run(prompt, interventions, record=record)
        states = [result["states"]["resid_in", layer] for layer in range(self.layers)]
        states.append(result["states"]["resid_out", self.layers - 1])
        self.tensors[f"{name}.logits_last"] = result["logits"][-1]
        self.tensors[f"{name}.resid_last"] = torch.stack([state[-1] for state in states])
        if self.clean is None:
            self.clean = lab.run(prompt)["logits"][-1]
        entry = {"name": name, "image": "a", "prompt": self.text, "interventions": interventions,
                 "largest_change": float((result["logits"][-1] - self.clean).abs().max())}
        if tokens:
            entry["greedy"], entry["margin"] = lab.greedy(prompt, interventions, tokens)
        if measure:
            entry["measure"] = measure
            self.measure(name, prompt, result, measure)
        self.cases.append(entry)

    def measure(self, name, prompt, result, measure):
        for at, asked in enumerate(measure.get("captures", [])):
            rows = [
                result["states"][asked["site"], layer][prompt.positions(asked["positions"])]
                for layer in indices(asked.get("layers", "all"), self.layers)]
            state = torch.stack(rows)
            if asked.get("pool") == "mean":
                state = state.double().mean(dim=1, keepdim=True).float()
            self.tensors[f"{name}.captures.{at}"] = state
        for at, asked in enumerate(measure.get("attention", [])):
            self.tensors[f"{name}.attention.{at}"] = self.attention(prompt, result["attention"], asked)
        for at, asked in enumerate(measure.get("logit_lens", [])):
            layers = indices(asked.get("layers", "all"), self.layers)
            site, positions = asked.get("site", "resid_out"), prompt.positions(asked.get("positions", "last"))
            states = torch.stack([result["states"][site, layer][positions] for layer in layers])
            top = torch.topk(self.lab.lens(states), asked.get("top", 5), dim=-1)
            self.tensors[f"{name}.logit_lens.{at}.ids"] = top.indices.int()
            self.tensors[f"{name}.logit_lens.{at}.p"] = top.values.float()

    def attention(self, prompt, weights, asked):
        """[layers, heads, queries, keys] as asked, from whole matrices."""
        weights = torch.stack([weights[layer] for layer in indices(asked.get("layers", "all"), self.layers)]).double()
        if asked.get("heads", "mean") == "mean":
            weights = weights.mean(dim=1, keepdim=True)
        else:
            weights = weights[:, indices(asked["heads"], self.heads)]
        weights = weights[:, :, prompt.positions(asked.get("queries", "last"))]
        if asked.get("over_queries") == "mean":
            weights = weights.mean(dim=2, keepdim=True)
        keys = asked.get("keys", ["prefix", "soi", "image", "eoi", "text"])
        if keys != "each":
            weights = torch.stack([weights[..., prompt.positions(key)].sum(dim=-1) for key in keys], dim=-1)
        return weights.float()

    # The interventions.

    def patches(self):
        last, source = self.layers - 1, {"image": "b"}
        window = f"1..<{self.layers}"
        cases = []
        for site in SITES:
            cases.append((f"patch.{site}.eoi", {"patches": [
                {"site": site, "layers": 1, "positions": "eoi", "source": source}]}))
            cases.append((f"patch.{site}.many", {"patches": [
                {"site": site, "layers": [0, last], "positions": ["image", "last"], "source": source}]}))
        lab, a, b = self.lab, self.lab.prompt(self.text, "a"), self.lab.prompt(self.text, "b")
        lab.keep("b.eoi", "resid_out", list(range(self.layers)), lab.capture(b, "resid_out", range(self.layers), "eoi"))
        lab.keep("b.image.mean", "resid_in", [1], lab.capture(b, "resid_in", [1], "image").mean(dim=1, keepdim=True))
        lab.keep("b.image", "mlp_out", [2], lab.capture(b, "mlp_out", [2], "image"))
        lab.keep("a.heads.cut", "head_out", [1, 2], lab.capture(
            a, "head_out", [1, 2], "text", {"knockouts": [{"queries": "text", "keys": "image"}]}))
        return dict(cases + [
            ("patch.two_sites", {"patches": [
                {"site": "attn_out", "layers": 1, "positions": "eoi", "source": source},
                {"site": "mlp_out", "layers": window, "positions": "last", "source": source}]}),
            ("patch.other_prompt", {"patches": [
                {"site": "resid_in", "layers": 2, "positions": "eoi",
                 "source": {"image": "b", "prompt": {"text": self.other_text}}},
                {"site": "resid_out", "layers": 0, "positions": "last", "source_positions": "last",
                 "source": {"prompt": {"text": self.other_text}}}]}),
            ("patch.cut_source", {"patches": [
                {"site": "resid_out", "layers": 1, "positions": "text",
                 "source": {"interventions": {"knockouts": [{"queries": "text", "keys": "eoi", "mode": "mask"}]}}}]}),
            ("patch.patched_source", {"patches": [
                {"site": "attn_out", "layers": "1..<3", "positions": ["eoi", "text"],
                 "source": {"interventions": {"patches": [
                     {"site": "resid_in", "layers": 1, "positions": "image", "source": source}]}}}]}),
            ("patch.state", {"patches": [
                {"site": "resid_out", "layers": "1..<3", "positions": "eoi", "source": {"state": "b.eoi"}}]}),
            ("patch.state.everywhere", {"patches": [
                {"site": "resid_in", "layers": 1, "positions": "image", "source": {"state": "b.image.mean"}}]}),
            ("patch.state.positions", {"patches": [
                {"site": "mlp_out", "layers": 2, "positions": "3..<6", "source": {"state": "b.image"},
                 "source_positions": [0, "4..<6"]}]}),
            ("patch.state.heads", {"patches": [
                {"site": "head_out", "layers": [1, 2], "positions": "text", "source": {"state": "a.heads.cut"}}]}),
        ])

    def cuts(self):
        last, window = self.layers - 1, f"1..<{self.layers}"
        group = f"{self.heads - self.group}..<{self.heads}"

        def cut(**members):
            return {"knockouts": [members]}

        return dict([
            ("value.eoi", cut(queries="all", keys="eoi", mode="value")),
            ("value.group", cut(queries="all", keys="image", layers="1..<3", heads=group, mode="value")),
            ("zero.heads", cut(queries="text", keys="image", layers=window, heads=[0, self.heads - 1])),
            ("mask.heads", cut(queries="text", keys="image", layers=window, heads=[0, self.heads - 1], mode="mask")),
            ("zero.window", cut(queries="last", keys=["soi", "eoi"], layers=[0, last])),
            ("mask.window", cut(queries=["eoi", "text"], keys=["last_image", 3], layers=[1, 2], mode="mask")),
            ("mask.empty", cut(queries=3, keys="all", mode="mask")),
            ("all_modes", {"knockouts": [
                {"queries": "text", "keys": "image", "layers": window, "heads": 0},
                {"queries": ["last", 4], "keys": ["bos", "eoi"], "mode": "mask"},
                {"queries": "all", "keys": "soi", "layers": 1, "heads": group, "mode": "value"}]}),
        ])

    def steers(self):
        lab, a, b = self.lab, self.lab.prompt(self.text, "a"), self.lab.prompt(self.text, "b")
        every = list(range(self.layers))
        for site in SITES:
            difference = lab.capture(b, site, every, "eoi") - lab.capture(a, site, every, "eoi")
            lab.keep(f"turn.{site}", site, every, difference + 0.1 * lab.capture(b, site, every, "last"))
        three = lab.capture(b, "resid_in", [1], "2..<5") - lab.capture(a, "resid_in", [1], "2..<5")
        lab.keep("turn.three", "resid_in", [1], three)

        def steer(site, layers, positions, scale, direction=None):
            return {"site": site, "layers": layers, "positions": positions, "scale": scale,
                    "direction": {"state": direction or f"turn.{site}"}}

        self.steer = steer
        cases = {f"steer.{site}": {"steers": [steer(site, "1..<3", ["eoi", "last"], 1.5)]} for site in SITES}
        cases["steer.paired"] = {"steers": [steer("resid_in", 1, "2..<5", -2, "turn.three")]}
        cases["steer.twice"] = {"steers": [
            steer("resid_out", 1, "text", 0.5), steer("resid_out", "1..<3", ["last", "eoi"], 1)]}
        return cases

    def mixture(self):
        return {
            "knockouts": [
                {"queries": "text", "keys": "image", "layers": f"2..<{self.layers}"},
                {"queries": "last", "keys": "eoi", "heads": 0, "mode": "mask"}],
            "patches": [
                {"site": "resid_in", "layers": 2, "positions": "eoi", "source": {"image": "b"}},
                {"site": "attn_out", "layers": 1, "positions": "last", "source": {"image": "b"}}],
            "steers": [
                self.steer("resid_out", 1, "text", 0.7),
                self.steer("resid_in", 2, ["eoi", "last"], -0.5)],
        }

    def generations(self):
        image = {"image": "b"}
        return [
            ("generate.patch", {"patches": [
                {"site": "resid_in", "layers": 1, "positions": ["eoi", "image"], "source": image}]}, 8),
            ("generate.patch_last", {"patches": [
                {"site": "mlp_out", "layers": [0, 1], "positions": "text", "source": image}]}, 8),
            ("generate.patch_heads", {"patches": [
                {"site": "head_out", "layers": "all", "positions": "eoi", "source": image}]}, 8),
            ("generate.steer_text", {"steers": [self.steer("resid_out", 1, "text", 2)]}, 8),
            ("generate.steer_generated", {"steers": [self.steer("resid_out", "1..<3", "generated", 3)]}, 8),
            ("generate.steer_last", {"steers": [self.steer("attn_in", 2, ["last", "generated"], 4)]}, 8),
            ("generate.steer_heads", {"steers": [self.steer("head_out", 1, "generated", -4)]}, 8),
            ("generate.value", {"knockouts": [{"queries": "all", "keys": "image", "mode": "value"}]}, 8),
            ("generate.mask", {"knockouts": [{"queries": "generated", "keys": "image", "mode": "mask"}]}, 8),
            ("generate.own", {"knockouts": [
                {"queries": "generated", "keys": ["generated", "last"], "layers": f"1..<{self.layers}"}]}, 8),
            ("generate.mixture", self.mixture(), 8),
        ]

    def measurements(self):
        captures = [{"site": site, "layers": "all", "positions": "eoi"} for site in SITES]
        captures += [
            {"site": "resid_out", "layers": [0, 2], "positions": ["eoi", "last", 3]},
            {"site": "head_out", "layers": "1..<3", "positions": "image", "pool": "mean"}]
        attention = [
            {}, {"heads": "all", "queries": ["eoi", "last"], "layers": [1, 2]},
            {"heads": [0, self.heads - 1], "queries": "text", "over_queries": "mean", "keys": ["bos", "last_image", [3, 4]]},
            {"queries": "text", "over_queries": "mean", "layers": 1, "keys": "each"},
            {"heads": "0..<2", "queries": "last", "layers": 0, "keys": "each"}]
        lens = [{}, {"site": "mlp_out", "layers": [1, 2], "positions": ["eoi", "last"], "top": 3},
                {"site": "resid_in", "layers": 2, "positions": "text", "top": 2}]
        measure = {"captures": captures, "attention": attention, "logit_lens": lens}
        value = {"knockouts": [{"queries": "all", "keys": "image", "layers": "1...", "mode": "value"}]}
        weights = {"attention": attention[:3]}
        return [("measure.clean", {}, measure), ("measure.mixture", self.mixture(), measure),
                ("measure.value", value, weights)]


def write(goldens, checks, pictures, text, out):
    tensors = {name: tensor.contiguous().clone() for name, tensor in goldens.tensors.items()}
    for name, state in goldens.lab.states.items():
        tensors[f"state.{name}"] = state["rows"].contiguous().clone()
    out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out / "interventions.safetensors")
    (out / "interventions.safetensors").chmod(0o644)
    document = {
        "transformers": transformers.__version__, "torch": torch.__version__,
        "images": {name: os.path.relpath(path, out) for name, path in pictures.items()}, "prompt": text,
        "states": {name: {"site": s["site"], "layers": list(s["layers"])} for name, s in goldens.lab.states.items()},
        "checks": checks.results,
    }
    # A case a line.
    lines = ",\n  ".join(json.dumps(case, ensure_ascii=False) for case in goldens.cases)
    text = json.dumps(document, indent=1, ensure_ascii=False)[:-2]
    (out / "interventions.json").write_text(f'{text},\n "cases": [\n  {lines}\n ]\n}}\n')
    return sum(tensor.nbytes for tensor in tensors.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--image-a", type=Path)
    parser.add_argument("--image-b", type=Path)
    parser.add_argument("--prompt", help="text with <image> in it (default: reference.json's)")
    parser.add_argument("--other-prompt", default="<image>What is shown in this image?")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--random", type=int, metavar="N", help="N drawn cases instead of the usual ones")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    reference = options.folder / "reference.json"
    facts = json.loads(reference.read_text()) if reference.exists() else {"images": {}}
    pictures = {
        name: getattr(options, f"image_{name}") or options.folder / facts["images"][name] for name in ["a", "b"]}
    text = options.prompt or facts["prompt"]
    goldens = Goldens(Lab(options.folder, pictures), text, options.other_prompt)
    if options.random:
        goldens.make_random(options.random, options.seed)
    else:
        goldens.make()
    checks = Checks(goldens)
    checks.run()
    size = write(goldens, checks, pictures, text, options.out or options.folder)
    margins = [case["margin"] for case in goldens.cases if "margin" in case]
    changes = [case["largest_change"] for case in goldens.cases if case["interventions"] and "greedy" not in case] or [0]
    print(f"{options.folder.name}: {len(goldens.cases)} cases, {size} bytes, smallest margin {min(margins):.4f}, "
          f"smallest change of a largest logit {min(changes):.4f}")
    for name, error in checks.results.items():
        print(f"  {name}: {error:.1e}")
    if not all(error <= CHECK_BAR for error in checks.results.values()):
        raise SystemExit("a hook differs from its second formulation")


if __name__ == "__main__":
    main()
