"""Measuring a language model: teacher-forced scoring under knockouts and patches.

An exact match scored with the true words before each position is the same as
an exact match of greedy generation, and needs one pass instead of one a token.
Colour and shape accuracy are likewise given the true words before.
"""
import copy

import torch
from torch.nn import functional as F

import language
from batches import IGNORE
from model import EOI_AT, IMAGE_AT, IMAGE_TOKENS, PREFIX, causal_text_bias
from scenes import COLOURS, SHAPES


class Texts:
    """Pictures with one text each, ready to be scored."""

    def __init__(self, speech, prefixes, prompts_and_answers):
        told = [speech.told(prompt, answer) for prompt, answer in prompts_and_answers]
        longest = max(len(ids) for ids, _ in told)
        self.ids = torch.full((len(told), PREFIX + longest), speech.eos)
        self.targets = torch.full((len(told), PREFIX + longest), IGNORE)
        self.ids[:, :PREFIX] = prefixes
        for row, (ids, wanted) in enumerate(told):
            self.ids[row, PREFIX:PREFIX + len(ids)] = torch.tensor(ids)
            self.targets[row, PREFIX:PREFIX + len(ids)] = torch.tensor(wanted)

    def __len__(self):
        return len(self.ids)

    def telling(self, source):
        """The same pictures, each to be told the text of picture `source`."""
        other = copy.copy(self)
        other.ids, other.targets = self.ids[source].clone(), self.targets[source]
        other.ids[:, :PREFIX] = self.ids[:, :PREFIX]
        return other


@torch.no_grad()
def run(model, texts, image_ids, keep=None, patch=None, batch=256):
    """Log-probabilities of the text vocabulary where something is to be predicted.

    Returns [predictions, vocabulary], the wanted tokens, the row of each prediction, and [EOI]'s
    states, one [rows, hidden] a layer. Image tokens are excluded as transformers' forward does.
    """
    tokens = texts.ids.shape[1]
    positions, bias = torch.arange(tokens), causal_text_bias(tokens)
    parts, states = [], []
    for at in range(0, len(texts), batch):
        rows = slice(at, at + batch)
        size = len(texts.ids[rows])
        this_patch = None if patch is None else (patch[0], patch[1][rows])
        hidden, entering = model(texts.ids[rows], positions, bias, keep=shaped(keep, rows, size, tokens), patch=this_patch)
        wanted = texts.targets[rows] != IGNORE
        logits = model.lm_head(hidden[wanted])
        logits[:, image_ids] = -torch.inf
        parts.append(torch.log_softmax(logits, dim=-1))
        states.append(torch.stack(entering))
    where = (texts.targets != IGNORE).nonzero()
    return torch.cat(parts), texts.targets[texts.targets != IGNORE], where[:, 0], torch.cat(states, dim=1)


def shaped(keep, rows, size, tokens):
    """A knockout, for each layer the kept prefix edges ([rows, prefix], [prefix] or None for all), as the model wants it."""
    if keep is None:
        return None
    full = []
    for edges in keep:
        layer = torch.ones(size, 1, 1, tokens)
        if edges is not None:
            layer[:, 0, 0, :PREFIX] = edges[rows] if edges.dim() == 2 else edges
        full.append(layer)
    return full


def knockout(layers, keys, from_layer=0):
    """Cuts text queries from the prefix positions `keys` in every layer from `from_layer` on."""
    edges = torch.ones(PREFIX)
    edges[keys] = 0
    return [edges if i >= from_layer else None for i in range(layers)]


def random_image_knockout(layers, rows, count, seed):
    """Cuts text queries from `count` image tokens, drawn for each picture; the same in all layers."""
    generator = torch.Generator().manual_seed(seed)
    edges = torch.ones(rows, PREFIX)
    drawn = torch.rand(rows, IMAGE_AT.stop - IMAGE_AT.start, generator=generator).argsort(1)[:, :count] + IMAGE_AT.start
    edges.scatter_(1, drawn, 0.0)
    return [edges] * layers


def knockouts(layers, rows, seed=7):
    """The interventions of the model cards, by name; queries are the text, weights are zeroed after the softmax."""
    image = list(range(IMAGE_AT.start, IMAGE_AT.stop))
    return {"none": None, "eoi": knockout(layers, [EOI_AT]), "eoi, layers ≥ 1": knockout(layers, [EOI_AT], 1),
            "image_to_text": knockout(layers, image), "both": knockout(layers, image + [EOI_AT]),
            "random 10 image tokens": random_image_knockout(layers, rows, 10, seed),
            "soi": knockout(layers, [1]), "bos": knockout(layers, [0])}


def per_row(correct, row, rows):
    """Whether every prediction of a row is right."""
    wrong = torch.zeros(rows).index_add_(0, row, (~correct).float())
    return wrong == 0


def mean(values):
    return float(values.float().mean()) if len(values) else float("nan")


def share(values):
    """A share of rights with its 95 % interval (Wilson)."""
    n, z = len(values), 1.96
    if n == 0:
        return {"share": float("nan"), "low": 0.0, "high": 1.0, "n": 0}
    p = float(values.float().mean())
    centre, reach = (p + z * z / (2 * n)) / (1 + z * z / n), z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    return {"share": p, "low": max(0.0, centre - reach), "high": min(1.0, centre + reach), "n": n}


@torch.no_grad()
def drawing_preference(model, speech, scenes, prefixes):
    """Text to image: nats for a code, given the picture's own caption and given the next scene's; and how often the own is better."""
    costs = []
    for captions in ([language.caption(s) for s in scenes], [language.caption(s) for s in scenes[1:] + scenes[:1]]):
        cost = torch.zeros(len(scenes))
        by_length = {}
        for row, caption in enumerate(captions):
            told = speech.drawing(caption)
            by_length.setdefault(len(told), []).append((row, told))
        for length, group in by_length.items():
            rows = [row for row, _ in group]
            ids = torch.cat((torch.tensor([told for _, told in group]), prefixes[rows][:, IMAGE_AT]), dim=1)
            logits = model.lm_head(model.plain(ids)[:, length - 1:-1])
            cost[rows] = F.cross_entropy(logits.flatten(0, 1), ids[:, length:].flatten(), reduction="none").view(-1, IMAGE_TOKENS).mean(1)
        costs.append(cost)
    own, other = costs
    return {"own": mean(own), "other": mean(other), "own_is_likelier": share(own < other)}


class Yardstick:
    """A split's captions, probes and questions, and their scores for a model."""

    def __init__(self, speech, scenes, prefixes):
        self.speech, self.scenes = speech, scenes
        self.counts = torch.tensor([len(scene.items) for scene in scenes])
        self.alone = (self.counts == 1).nonzero().flatten()
        self.captions = Texts(speech, prefixes, [(language.PROMPTS["caption"], language.caption(s)) for s in scenes])
        lone = [scenes[i] for i in self.alone]
        self.lone_captions = Texts(speech, prefixes[self.alone], [(language.PROMPTS["caption"], language.caption(s)) for s in lone])
        self.probes = {kind: Texts(speech, prefixes[self.alone], [language.probes(s)[n][1:] for s in lone])
                       for n, kind in enumerate(("probe", "probe.colour"))}
        asked = [language.questions(scene)[i % (1 + 4 * len(scene.items))] for i, scene in enumerate(scenes)]
        self.asked_kinds = [kind for kind, _, _ in asked]
        self.asked = Texts(speech, prefixes, [(prompt, answer) for _, prompt, answer in asked])
        self.colours = torch.tensor([speech.ids(" " + word)[0] for word in COLOURS])
        self.shapes = torch.tensor([speech.ids(" " + word)[0] for word in SHAPES])

    def answers(self, model, name="none"):
        """What is right under one of `knockouts`, by measure: one boolean for each text or word that is scored."""
        image_ids, layers = self.speech.codes, model.shape.layers
        cut = lambda texts: knockouts(layers, len(texts))[name]
        logs, wanted, row, _ = run(model, self.captions, image_ids, cut(self.captions))
        right = logs.argmax(-1) == wanted
        exact = per_row(right, row, len(self.captions))
        found = {"caption": exact}
        found |= {f"caption, {n} object{'s' * (n > 1)}": exact[self.counts == n] for n in (1, 2, 3)}
        found["colour words"] = right[torch.isin(wanted, self.colours)]
        found["shape words"] = right[torch.isin(wanted, self.shapes)]
        found["end"] = right[wanted == self.speech.eos]
        for kind, texts in self.probes.items():
            logs, wanted, row, _ = run(model, texts, image_ids, cut(texts))
            found[kind] = (logs.argmax(-1) == wanted)[wanted != self.speech.eos]
        logs, wanted, row, _ = run(model, self.asked, image_ids, cut(self.asked))
        found["vqa"] = per_row(logs.argmax(-1) == wanted, row, len(self.asked))
        return found

    def score(self, model, name="none"):
        """All accuracies under one of `knockouts`."""
        return {measure: mean(right) for measure, right in self.answers(model, name).items()}

    def score_with_intervals(self, model, name="none"):
        return {measure: share(right) for measure, right in self.answers(model, name).items()}

    def pairs(self, kind):
        """Neighbouring one-object pictures whose answers differ: each base's source is the next one."""
        texts = self.probes[kind]
        word = texts.targets.amax(1)                      # the answer; `</s>` has a smaller id
        source = torch.arange(len(texts)).roll(-1)
        return word, source, word != word[source]

    def patching(self, model, kind="probe", captions=True):
        """[EOI]'s state on entering each layer taken from another picture: what the probe and the caption then say.

        `accurate`: the source's word is likelier than the base's; `flipped`: so only after patching;
        `argmax`: the source's word is the likeliest; `caption`: the whole caption is the source's.
        """
        image_ids, texts = self.speech.codes, self.probes[kind]
        word, source, differs = self.pairs(kind)
        first = lambda result: (result[0][result[1] != self.speech.eos], result[3])
        clean, states = first(run(model, texts, image_ids))
        at = torch.arange(len(texts))
        before = clean[at, word[source]] > clean[at, word]
        told = self.lone_captions.telling(source)
        caption_states = run(model, self.lone_captions, image_ids)[3] if captions else None
        rows = []
        for layer in range(model.shape.layers):
            logs, _ = first(run(model, texts, image_ids, patch=(layer, states[layer][source])))
            after = logs[at, word[source]] > logs[at, word]
            rows.append({"layer": layer, "pairs": int(differs.sum()), "accurate": mean(after[differs]),
                         "flipped": mean((after & ~before)[differs]), "argmax": mean((logs.argmax(-1) == word[source])[differs])})
            if captions:
                said, wanted, row, _ = run(model, told, image_ids, patch=(layer, caption_states[layer][source]))
                rows[-1]["caption"] = mean(per_row(said.argmax(-1) == wanted, row, len(told))[differs])
        return rows
