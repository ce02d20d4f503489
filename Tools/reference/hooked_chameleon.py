"""Chameleon checkpoints in transformers, run under interventions spelled in the wire's JSON (make_intervention_goldens.py)."""

import contextlib
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer
from transformers import ChameleonForConditionalGeneration
from transformers.models.chameleon import modeling_chameleon as chameleon
from transformers.models.chameleon.image_processing_pil_chameleon import ChameleonImageProcessorPil

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

SITES = ["resid_in", "attn_in", "head_out", "attn_out", "mlp_out", "resid_out"]
INFINITY = float("inf")


class Prompt:
    """Token ids with a picture's tokens in place, and where the roles are."""

    def __init__(self, text, picture, ids, image_ids, special):
        self.text, self.picture, self.ids = text, picture, ids
        start, end = ids.index(special["start"]), ids.index(special["end"])
        self.ids = ids[: start + 1] + image_ids + ids[end:]
        assert end - start - 1 == len(image_ids)
        count = len(self.ids)
        image = list(range(start + 1, end))
        self.roles = {
            "bos": [0], "prefix": list(range(start)), "soi": [start], "image": image, "image_inner": image,
            "last_image": image[-1:], "eoi": [end], "text": list(range(end + 1, count)), "last": [count - 1],
            "all": list(range(count)), "generated": [],
        }

    def positions(self, expression, count=None):
        """Positions of a role expression; `count` is the sequence's length where generated positions count as queries."""
        generated = [] if count is None else list(range(len(self.ids), count))
        if isinstance(expression, list):
            return sorted({p for part in expression for p in self.positions(part, count)})
        if expression in self.roles:
            return self.roles[expression] + (generated if expression in ("text", "all", "generated") else [])
        return indices(expression, len(self.ids))


def indices(expression, count):
    """The indices of "all", an index, a range or a list of these."""
    if isinstance(expression, list):
        return sorted({i for part in expression for i in indices(part, count)})
    if expression == "all":
        return list(range(count))
    if isinstance(expression, int):
        return [expression]
    if "..<" in expression:
        low, high = expression.split("..<")
        return list(range(int(low), int(high)))
    low, high = expression.split("...")
    return list(range(int(low), int(high) + 1 if high else count))


class Lab:
    """A checkpoint, two pictures, and runs under interventions."""

    def __init__(self, folder, pictures):
        self.model = ChameleonForConditionalGeneration.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager").eval()
        self.layers, self.config = self.model.model.layers, self.model.config
        self.head_size = self.config.hidden_size // self.config.num_attention_heads
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        processor = ChameleonImageProcessorPil.from_pretrained(folder)
        self.pixels = {
            name: processor(Image.open(path), return_tensors="pt")["pixel_values"] for name, path in pictures.items()}
        with torch.no_grad():
            self.image_ids = {
                name: self.model.model.get_image_tokens(pixels)[0].tolist() for name, pixels in self.pixels.items()}
        self.special = {
            "start": self.tokenizer.token_to_id("<racm3:break>"), "end": self.tokenizer.token_to_id("<eoss>")}
        self.states = {}

    def prompt(self, text, picture):
        block = "<racm3:break>" + "<image>" * len(self.image_ids[picture]) + "<eoss>"
        ids = self.tokenizer.encode(text.replace("<image>", block)).ids
        return Prompt(text, picture, ids, self.image_ids[picture], self.special)

    def module(self, site, layer):
        """The module at a site, and whether its input is meant rather than its output."""
        block = self.layers[layer]
        return {
            "resid_in": (block, True), "resid_out": (block, False), "attn_in": (block.self_attn, True),
            "head_out": (block.self_attn.o_proj, True), "attn_out": (block.self_attn.o_proj, False),
            "mlp_out": (block.mlp, False),
        }[site]

    def hook(self, site, layer, edit):
        """Lets `edit` see, and replace, the state [tokens, width] at a site."""
        module, is_input = self.module(site, layer)

        def before(_, args, kwargs):
            if args:
                return (edit(args[0][0])[None], *args[1:]), kwargs
            return args, {**kwargs, "hidden_states": edit(kwargs["hidden_states"][0])[None]}

        def after(_, args, output):
            if isinstance(output, tuple):
                return (edit(output[0][0])[None], *output[1:])
            return edit(output[0])[None]

        if is_input:
            return module.register_forward_pre_hook(before, with_kwargs=True)
        return module.register_forward_hook(after)

    @contextlib.contextmanager
    def attention(self, edit):
        """Lets `edit(layer, scores)` make the weights of every decoder layer, [heads, queries, keys]."""
        original, softmax = chameleon.eager_attention_forward, torch.nn.functional.softmax

        def forward(module, *args, **kwargs):
            def weights(scores, dim=-1, dtype=None):
                return edit(module.layer_idx, scores[0], softmax)[None]

            torch.nn.functional.softmax = weights
            try:
                return original(module, *args, **kwargs)
            finally:
                torch.nn.functional.softmax = softmax

        chameleon.eager_attention_forward = forward
        try:
            yield
        finally:
            chameleon.eager_attention_forward = original

    @torch.no_grad()
    def run(self, prompt, interventions=None, generated=(), record=(), cache=None, first=0):
        """One pass over the prompt and the tokens generated so far.

        `record` has (site, layer) pairs. With a cache, only the tokens from `first` on are passed.
        """
        interventions = interventions or {}
        ids = prompt.ids + list(generated)
        total, heads = len(ids), self.config.num_attention_heads
        edits, result = {}, {"states": {}, "attention": {}}

        def add(site, layer, edit):
            edits.setdefault((site, layer), []).append(edit)

        for patch in interventions.get("patches", []):
            states = self.source_states(patch, prompt)
            for layer, rows in states.items():
                add(patch["site"], layer, self.replacing(prompt.positions(patch["positions"]), rows, first))
        for steer in interventions.get("steers", []):
            direction = self.states[steer["direction"]["state"]]
            for layer in indices(steer["layers"], len(self.layers)):
                where = prompt.positions(steer["positions"], total)
                rows = direction["rows"][direction["layers"].index(layer)] * steer.get("scale", 1)
                add(steer["site"], layer, self.adding(where, rows, first))
        for site in SITES:
            for layer in range(len(self.layers)):
                if (site, layer) in record or (site == "resid_in") or (site, layer) == ("resid_out", len(self.layers) - 1):
                    add(site, layer, self.recording(result["states"], (site, layer)))

        cuts = interventions.get("knockouts", [])
        hooks = []
        for (site, layer), list_ in edits.items():
            def edit(state, list_=list_):
                for one in list_:
                    state = one(state)
                return state
            hooks.append(self.hook(site, layer, edit))
        for cut in cuts:
            if cut.get("mode") == "value":
                hooks += self.value_hooks(cut, prompt, total, first)

        def weights(layer, scores, softmax):
            for cut in cuts:
                if cut.get("mode") == "mask" and layer in indices(cut.get("layers", "all"), len(self.layers)):
                    # The causal mask is the lowest finite number; with every key cut nothing must be left.
                    scores = torch.where(scores <= torch.finfo(torch.float32).min / 2, -INFINITY, scores)
                    scores = scores.masked_fill(self.edges(cut, prompt, total, heads, first), -INFINITY)
            found = torch.nan_to_num(softmax(scores, dim=-1, dtype=torch.float32), nan=0.0)
            for cut in cuts:
                if cut.get("mode", "zero") == "zero" and layer in indices(cut.get("layers", "all"), len(self.layers)):
                    found = found.masked_fill(self.edges(cut, prompt, total, heads, first), 0.0)
            result["attention"][layer] = found
            return found

        try:
            with self.attention(weights):
                output = self.model(
                    input_ids=torch.tensor([ids[first:]]), use_cache=cache is not None, past_key_values=cache)
        finally:
            for hook in hooks:
                hook.remove()
        result["logits"] = output.logits[0]
        return result

    def value_hooks(self, cut, prompt, total, first):
        heads = indices(cut.get("heads", "all"), self.config.num_attention_heads)
        size = self.config.num_attention_heads // self.config.num_key_value_heads
        columns = [g * self.head_size + c for g in sorted({h // size for h in heads}) for c in range(self.head_size)]
        rows = [p - first for p in self.keys(cut, prompt, total) if p >= first]

        def zero(_, args, output):
            output = output.clone()
            for row in rows:
                output[0, row, columns] = 0.0
            return output

        return [
            self.layers[layer].self_attn.v_proj.register_forward_hook(zero)
            for layer in indices(cut.get("layers", "all"), len(self.layers))]

    def keys(self, cut, prompt, total):
        keys = cut["keys"] if isinstance(cut["keys"], list) else [cut["keys"]]
        generated = list(range(len(prompt.ids), total)) if "generated" in keys else []
        return sorted({p for key in keys for p in prompt.positions(key)} | set(generated))

    def edges(self, cut, prompt, total, heads, first):
        """What a knockout cuts, [heads, queries, keys]; edges to later keys carry nothing anyway."""
        mask = torch.zeros(heads, total, total, dtype=torch.bool)
        queries = prompt.positions(cut.get("queries", "text"), total)
        for head in indices(cut.get("heads", "all"), heads):
            for query in queries:
                mask[head, query, self.keys(cut, prompt, total)] = True
        return mask[:, first:]

    @staticmethod
    def replacing(positions, rows, first):
        def edit(state):
            state = state.clone()
            for position, row in zip(positions, rows):
                if first <= position < first + state.shape[0]:
                    state[position - first] = row
            return state
        return edit

    @staticmethod
    def adding(positions, rows, first):
        def edit(state):
            state = state.clone()
            for at, position in enumerate(positions):
                if first <= position < first + state.shape[0]:
                    state[position - first] += rows[0 if len(rows) == 1 else at]
            return state
        return edit

    @staticmethod
    def recording(place, key):
        def edit(state):
            place[key] = state.clone()
            return state
        return edit

    def source_states(self, patch, prompt):
        """For each layer of a patch, the rows that are put in."""
        layers, source = indices(patch["layers"], len(self.layers)), patch["source"]
        where = patch.get("source_positions")
        if "state" in source:
            state = self.states[source["state"]]
            chosen = indices(where, state["rows"].shape[1]) if where is not None else list(range(state["rows"].shape[1]))
            if len(chosen) == 1:
                chosen = chosen * len(prompt.positions(patch["positions"]))
            return {layer: state["rows"][state["layers"].index(layer)][chosen] for layer in layers}
        text = source["prompt"]["text"] if source.get("prompt") else prompt.text
        other = self.prompt(text, source.get("image", prompt.picture))
        result = self.run(other, source.get("interventions"), record=[(patch["site"], layer) for layer in layers])
        chosen = other.positions(where if where is not None else patch["positions"])
        assert len(chosen) == len(prompt.positions(patch["positions"]))
        return {layer: result["states"][patch["site"], layer][chosen] for layer in layers}

    def greedy(self, prompt, interventions, count):
        tokens, margin = [], INFINITY
        for _ in range(count):
            logits = self.run(prompt, interventions, tokens)["logits"][-1]
            top = torch.topk(logits, 2)
            margin = min(margin, float(top.values[0] - top.values[1]))
            tokens.append(int(top.indices[0]))
        return tokens, margin

    def greedy_with_cache(self, prompt, interventions, count):
        cache, tokens, first = transformers.DynamicCache(config=self.config), [], 0
        for _ in range(count):
            logits = self.run(prompt, interventions, tokens, cache=cache, first=first)["logits"][-1]
            first = len(prompt.ids) + len(tokens)
            tokens.append(int(logits.argmax()))
        return tokens

    def keep(self, name, site, layers, rows):
        """Keeps a state [layers, positions, width] under a name that interventions may use."""
        self.states[name] = {"site": site, "layers": layers, "rows": rows}

    def capture(self, prompt, site, layers, positions, interventions=None):
        result = self.run(prompt, interventions, record=[(site, layer) for layer in layers])
        return torch.stack([result["states"][site, layer][prompt.positions(positions)] for layer in layers])

    @torch.no_grad()
    def lens(self, states):
        logits = self.model.lm_head(self.model.model.norm(states))
        logits[..., self.model.model.vocabulary_mapping.image_tokens] = torch.finfo(torch.float32).min
        return torch.softmax(logits.double(), dim=-1)
