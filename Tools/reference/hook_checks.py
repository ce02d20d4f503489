"""Checks every hook of hooked_chameleon.py against a second formulation (make_intervention_goldens.py says which)."""

import torch

from hooked_chameleon import INFINITY, SITES


class Checks:
    """Every hook against a second formulation."""

    def __init__(self, goldens):
        self.lab, self.text = goldens.lab, goldens.text
        self.layers, self.cases = goldens.layers, goldens.cases
        self.a, self.b = self.lab.prompt(self.text, "a"), self.lab.prompt(self.text, "b")
        self.results = {}
        self.clean = self.lab.run(self.a)["logits"]

    def near(self, name, one, other):
        # Two runs that do nothing agree, too.
        if one.shape == self.clean.shape and name not in ["plain run", "logit lens"]:
            assert float((one - self.clean).abs().max()) > 1e-3, f"{name} changes nothing"
        error = float((one - other).abs().max() / other.abs()[other > -1e30].max())
        self.results[name] = max(error, self.results.get(name, 0))

    def patched(self, *patches):
        full = [{"source": {"image": "b"}, **patch} for patch in patches]
        return self.lab.run(self.a, {"patches": full})["logits"]

    def run(self):
        lab, layer = self.lab, 1
        with torch.no_grad():
            direct = lab.model(
                input_ids=torch.tensor([lab.tokenizer.encode(self.text.replace(
                    "<image>", "<racm3:break>" + "<image>" * len(lab.image_ids["a"]) + "<eoss>")).ids]),
                pixel_values=lab.pixels["a"], use_cache=False, output_attentions=True)
        clean = lab.run(self.a, record=[("resid_out", self.layers - 1)])
        self.near("plain run", clean["logits"], direct.logits[0])
        for at, weights in enumerate(direct.attentions):
            self.near("attention", clean["attention"][at], weights[0])
        lens = lab.lens(clean["states"]["resid_out", self.layers - 1])
        self.near("logit lens", lens, torch.softmax(direct.logits[0].double(), dim=-1))
        self.near("resid_in", self.patched({"site": "resid_in", "layers": 0, "positions": "all"}),
                  lab.run(self.b)["logits"])
        for where in ["eoi", ["image", "last"]]:
            self.near("resid_out", self.patched({"site": "resid_out", "layers": layer, "positions": where}),
                      self.patched({"site": "resid_in", "layers": layer + 1, "positions": where}))
            self.near("head_out", self.patched({"site": "head_out", "layers": layer, "positions": where}),
                      self.patched({"site": "attn_out", "layers": layer, "positions": where}))
        # Nothing comes after the last position, so that what its layer is made of is all that it passes on.
        parts = [{"site": site, "layers": layer, "positions": "last"} for site in ["resid_in", "attn_out", "mlp_out"]]
        self.near("attn_out, mlp_out", self.patched(*parts),
                  self.patched({"site": "resid_out", "layers": layer, "positions": "last"}))
        self.near("mlp_out", self.patched({"site": "mlp_out", "layers": layer, "positions": "image"}),
                  self.adding_branch(layer, "image"))
        self.near("attn_in", self.patched({"site": "attn_in", "layers": layer, "positions": "all"}),
                  self.patched({"site": "attn_out", "layers": layer, "positions": "all"}))
        for site in SITES:
            difference = lab.capture(self.b, site, [layer], "image") - lab.capture(self.a, site, [layer], "image")
            lab.keep("check", site, [layer], difference)
            steered = lab.run(self.a, {"steers": [
                {"site": site, "layers": layer, "positions": "image", "direction": {"state": "check"}}]})["logits"]
            self.near("steering", steered, self.patched({"site": site, "layers": layer, "positions": "image"}))
        lab.states.pop("check")
        self.cuts()
        self.generation(self.cases)

    @torch.no_grad()
    def adding_branch(self, layer, positions):
        """Logits of a run whose resid_out is what the source's MLP would make of it, by addition."""
        lab, block = self.lab, self.lab.layers[layer]
        norm = block.post_attention_layernorm if lab.config.swin_norm else lambda state: state
        base, source = (lab.capture(prompt, "mlp_out", [layer], positions) for prompt in [self.a, self.b])
        state = lab.capture(self.a, "resid_out", [layer], positions) + norm(source) - norm(base)
        lab.keep("check", "resid_out", [layer], state)
        return self.patched({
            "site": "resid_out", "layers": layer, "positions": positions, "source": {"state": "check"}})

    def cuts(self):
        lab = self.lab

        def cut(**members):
            return lab.run(self.a, {"knockouts": [members]})["logits"]

        self.near("value", cut(queries="all", keys="image", mode="value"), cut(queries="all", keys="image"))
        queries, keys = self.a.positions("text"), self.a.positions("image")
        self.near("zero, some heads", cut(queries="text", keys="image", layers=1, heads=[0]),
                  self.subtracting(layer=1, head=0, queries=queries, keys=keys))
        mask = torch.full((1, 1, len(self.a.ids), len(self.a.ids)), torch.finfo(torch.float32).min).triu(1)
        for query in queries:
            mask[0, 0, query, keys] = torch.finfo(torch.float32).min
        with torch.no_grad():
            masked = lab.model(input_ids=torch.tensor([self.a.ids]), attention_mask=mask, use_cache=False).logits[0]
        self.near("mask", cut(queries="text", keys="image", mode="mask"), masked)

    def subtracting(self, layer, head, queries, keys):
        """Logits of a run whose head_out has lost weight · value of some edges of one head."""
        lab, values = self.lab, {}
        block = lab.layers[layer].self_attn
        size, group = lab.head_size, lab.config.num_attention_heads // lab.config.num_key_value_heads
        weights = lab.run(self.a)["attention"][layer][head]
        hook = block.v_proj.register_forward_hook(lambda _, args, output: values.update(v=output[0]))

        def subtract(state):
            state = state.clone()
            value = values["v"][:, head // group * size : (head // group + 1) * size]
            for query in queries:
                seen = [key for key in keys if key <= query]
                state[query, head * size : (head + 1) * size] -= weights[query, seen] @ value[seen]
            return state

        other = lab.hook("head_out", layer, subtract)
        with torch.no_grad():
            logits = lab.model(input_ids=torch.tensor([self.a.ids]), use_cache=False).logits[0]
        hook.remove()
        other.remove()
        return logits

    def generation(self, cases):
        """Transformers' cache, where a case's tokens are not decided by rounding."""
        self.results["generation"] = 0.0
        for case in cases:
            if case.get("margin", 0) > 1e-3:
                cached = self.lab.greedy_with_cache(self.a, case["interventions"], len(case["greedy"]))
                if cached != case["greedy"]:
                    self.results["generation"] = INFINITY
