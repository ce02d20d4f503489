"""Interventions drawn at random, in combinations that nobody thought of (make_intervention_goldens.py --random)."""

import random

from hooked_chameleon import SITES, indices


class RandomInterventions:
    """Draws interventions objects that a checkpoint and its prompt can do."""

    def __init__(self, lab, prompt, other_text, states, seed):
        self.lab, self.prompt, self.other_text, self.draw = lab, prompt, other_text, random.Random(seed)
        self.layers, self.heads = len(lab.layers), lab.config.num_attention_heads
        self.group = self.heads // lab.config.num_key_value_heads
        self.states = {name: state for name, state in lab.states.items() if name in states}

    def next(self):
        draw = self.draw
        kinds = draw.sample(["knockouts", "patches", "steers"], draw.randint(1, 3))
        made = {kind: [getattr(self, kind)() for _ in range(draw.randint(1, 3))] for kind in kinds}
        made = {kind: [one for one in list_ if one] for kind, list_ in made.items()}
        if "patches" in made:
            made["patches"] = self.without_overlap(made["patches"])
        made = {kind: list_ for kind, list_ in made.items() if list_}
        return made or self.next()

    def layer_list(self, among=None):
        among = list(range(self.layers)) if among is None else list(among)
        if len(among) == self.layers and self.draw.random() < 0.2:
            return "all"
        if len(among) == self.layers and self.draw.random() < 0.4:
            low = self.draw.randrange(self.layers)
            return self.draw.choice([f"{low}...", f"{low}..<{self.draw.randint(low + 1, self.layers)}"])
        chosen = sorted(self.draw.sample(among, self.draw.randint(1, min(3, len(among)))))
        return chosen[0] if len(chosen) == 1 else chosen

    def head_list(self, whole_groups=False):
        if self.draw.random() < 0.4:
            return "all"
        if whole_groups:
            low = self.draw.randrange(self.heads // self.group) * self.group
            return f"{low}..<{low + self.group}"
        return sorted(self.draw.sample(range(self.heads), self.draw.randint(1, self.heads)))

    def positions(self, extra=()):
        count = len(self.prompt.ids)
        low = self.draw.randrange(count)
        simple = ["bos", "soi", "eoi", "image", "image_inner", "last_image", "text", "last", "prefix", low,
                  f"{low}..<{min(count, low + self.draw.randint(1, 5))}", *extra]
        return self.draw.choice(simple) if self.draw.random() < 0.6 else self.draw.sample(simple, 2)

    def knockouts(self):
        mode = self.draw.choice(["zero", "mask", "value"])
        keys = self.positions(["generated"])
        cut = {"keys": keys, "layers": self.layer_list(), "heads": self.head_list(mode == "value"), "mode": mode}
        cut["queries"] = "all" if mode == "value" else self.positions(["all", "generated"])
        total = len(self.prompt.ids) + 2
        queries = self.prompt.positions(cut["queries"], total)
        keys = self.lab.keys(cut, self.prompt, total)
        return cut if any(key <= query for query in queries for key in keys) else None

    def patches(self):
        positions = self.positions()
        if self.draw.random() < 0.35:
            name, state = self.draw.choice([item for item in self.states.items() if item[1]["rows"].shape[1] == 1])
            return {"site": state["site"], "layers": self.layer_list(state["layers"]), "positions": positions,
                    "source": {"state": name}}
        source = {"image": self.draw.choice(["a", "b"])}
        patch = {"site": self.draw.choice(SITES), "layers": self.layer_list(), "positions": positions, "source": source}
        if self.draw.random() < 0.3:
            cut = None
            while cut is None or "generated" in str(cut):
                cut = self.knockouts()
            source["interventions"] = {"knockouts": [cut]}
        elif self.draw.random() < 0.3:
            source["prompt"] = {"text": self.other_text}
            patch["positions"] = self.draw.choice(["eoi", "last", "image", ["soi", "last"]])
        return patch

    def without_overlap(self, patches):
        taken, kept = set(), []
        for patch in patches:
            places = {
                (patch["site"], layer, position) for layer in indices(patch["layers"], self.layers)
                for position in self.prompt.positions(patch["positions"])}
            if not places & taken:
                kept.append(patch)
                taken |= places
        return kept

    def steers(self):
        name, state = self.draw.choice([item for item in self.states.items() if item[1]["rows"].shape[1] == 1])
        return {"site": state["site"], "layers": self.layer_list(state["layers"]),
                "positions": self.positions(["all", "generated"]), "direction": {"state": name},
                "scale": round(self.draw.uniform(-2, 2), 2)}
