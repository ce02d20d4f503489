"""What a card measures, each by a few jobs on a server."""
import re

from intervals import measured

COLOURS = "red|green|blue|yellow|pink|white"
SHAPES = "circle|square|triangle|cross|ring|diamond"
RELATIONS = "above|left of"

COUNTS = (1, 2, 3)           # numbers of objects

CHUNK = 250                  # inputs a job
LONGEST_CAPTION = 24         # tokens; the longest true one has 20
LONGEST_ANSWER = 4

# The named variants of the card, in its order. `clean` is always run.
CLEAN = ("clean",)
ATTENDED = ("eoi", "image", "soi", "prefix", "text")
CONDITIONS = ("clean", "both", "other_image", "eoi", "eoi_after_0", "image_to_text", "random_image", "soi", "bos")


def said(client, model, inputs, conditions):
    """What the model generates for each (scene, prompt, longest answer), under each condition: condition → texts in order."""
    texts = {condition: [] for condition in conditions}
    for at in range(0, len(inputs), CHUNK):
        part = inputs[at:at + CHUNK]
        request = {"model": model, "inputs": [{"id": str(i), "image": scene["image"], "prompt": prompt}
                                              for i, (scene, prompt, _) in enumerate(part)]}
        tokens = max(longest for _, _, longest in part)
        if conditions == CLEAN:
            found = {("clean", row["input"]): row["caption"] for row in client.rows("captions", request | {"max_tokens": tokens})}
        else:
            rows = client.rows("knockouts", request | {
                "variants": [condition for condition in conditions if condition != "clean"],
                "measure": {"next_token": False, "caption": True, "max_tokens": tokens}})
            found = {(row["variant"], row["input"]): row["caption"]["text"] for row in rows}
        for condition in conditions:
            texts[condition] += [found[condition, str(i)].strip() for i in range(len(part))]
    return texts


def scored(client, model, groups, cut, score):
    """Scores of what is said: under "all" of all inputs, with nothing done; under each condition of the first `cut` of each group.

    Groups are run apart, so that a mismatched picture has as many objects as the true one, and scored together:
    `score` takes the texts of each group.
    """
    cut_texts = {condition: [] for condition in CONDITIONS}
    whole = []
    for inputs in groups:
        texts = said(client, model, inputs[:cut], CONDITIONS) if cut else {"clean": []}
        whole.append(texts["clean"] + said(client, model, inputs[cut:], CLEAN)["clean"])
        for condition, found in texts.items():
            cut_texts[condition].append(found)
    return {"all": score(whole)} | {condition: score(texts) for condition, texts in cut_texts.items() if cut}


def paired(texts, truths):
    """The texts of each group, each with its truth, as one list."""
    return [pair for group, true in zip(texts, truths) for pair in zip(group, true)]


def right_words(pattern, text, truth):
    """For each word of a kind in the true caption, whether the text has it as its word of that kind, in order.

    >>> right_words(SHAPES, "a small red ring above a large blue cross", "a large red ring left of a small blue square")
    [True, False]
    >>> right_words(RELATIONS, "a red ring", "a red ring above a blue cross left of a pink circle")
    [False, False]
    """
    words = re.findall(pattern, text)
    return [k < len(words) and words[k] == word for k, word in enumerate(re.findall(pattern, truth))]


def captions(client, model, drawn, cut):
    """Exact captions by number of objects, and colours, shapes and relations in what was generated."""
    truths = [[scene["caption"] for scene in drawn[count]] for count in COUNTS]

    def score(texts):
        pairs = paired(texts, truths)
        exact = {f"caption {count}": measured(text == truth for text, truth in zip(texts[i], truths[i])) for i, count in enumerate(COUNTS)}
        return exact | {name: measured((right for text, truth in pairs for right in right_words(pattern, text, truth)),
                                       sum(re.search(pattern, truth) is not None for _, truth in pairs))
                        for name, pattern in (("colour", COLOURS), ("shape", SHAPES), ("relation", RELATIONS))}
    groups = [[(scene, {"preset": "caption"}, LONGEST_CAPTION) for scene in drawn[count]] for count in COUNTS]
    return scored(client, model, groups, cut, score)


def probes(client, model, drawn, cut):
    """The one-word probes of scenes with one object."""
    scores = []
    for preset, attribute in (("probe", "shape"), ("probe.colour", "colour")):
        truths = [[scene["probe"][attribute] for scene in drawn[1]]]
        groups = [[(scene, {"preset": preset}, LONGEST_ANSWER) for scene in drawn[1]]]
        scores.append(scored(client, model, groups, cut, lambda texts: {
            preset: measured(text == truth for text, truth in paired(texts, truths))}))
    return merged(*scores)


def questions(client, model, drawn, cut):
    """One question a scene, all kinds in turn."""
    asked = [[scene["questions"][i % len(scene["questions"])] for i, scene in enumerate(drawn[count])] for count in COUNTS]
    truths = [[question["answer"] for question in group] for group in asked]
    groups = [[(scene, {"preset": "vqa", "question": question["question"]}, LONGEST_ANSWER)
               for scene, question in zip(drawn[count], group)] for count, group in zip(COUNTS, asked)]
    return scored(client, model, groups, cut, lambda texts: {
        "questions": measured(text == truth for text, truth in paired(texts, truths))})


def merged(*scores):
    """Several measures of the same conditions as one."""
    return {condition: {name: value for one in scores for name, value in one[condition].items()} for condition in scores[0]}


def pairs(scenes, attribute):
    """Neighbouring scenes that differ in an attribute, as base and source."""
    return [(base, source) for base, source in zip(scenes, scenes[1:] + scenes[:1])
            if base["probe"][attribute] != source["probe"][attribute]]


def patching(client, model, scenes, positions, attribute="shape"):
    """The state entering each layer at `positions` taken from another picture: layer → accuracy, flips, similarity."""
    preset = {"shape": "probe", "colour": "probe.colour"}[attribute]
    by_layer, chosen = {}, pairs(scenes, attribute)
    for at in range(0, len(chosen), CHUNK):
        rows = client.rows("patches", {
            "model": model, "prompt": {"preset": preset}, "site": "resid_in", "positions": positions, "layers": "each",
            "pairs": [{"base": base["image"], "source": source["image"], "base_token": " " + base["probe"][attribute],
                       "source_token": " " + source["probe"][attribute]} for base, source in chosen[at:at + CHUNK]]})
        for row in rows:
            by_layer.setdefault(row["layer"], []).append(row)
    return [{"layer": layer, "accuracy": measured(row["accurate"] for row in rows),
             "flipped": measured(row["flipped"] for row in rows),
             "similarity": sum(row["similarity"]["patched_to_source"] for row in rows) / len(rows)}
            for layer, rows in sorted(by_layer.items())]


def patched_captions(client, model, scenes, layer):
    """How often the whole caption becomes the source's when [EOI]'s state entering one layer is the source's."""
    followed, chosen = [], pairs(scenes, "shape")
    for at in range(0, len(chosen), CHUNK):
        part = chosen[at:at + CHUNK]
        rows = client.rows("patches", {
            "model": model, "prompt": {"preset": "caption"}, "site": "resid_in", "positions": "eoi", "layers": {"each_of": [layer]},
            "measure": {"caption": True, "max_tokens": LONGEST_CAPTION},
            "pairs": [{"id": str(i), "base": base["image"], "source": source["image"]} for i, (base, source) in enumerate(part)]})
        followed += [row["caption"]["text"].strip() == part[int(row["pair"])][1]["caption"] for row in rows]
    return measured(followed)


def attention(client, model, scenes):
    """Layer by layer, the mean share of their attention that the caption prompt's text tokens spend on the picture, on [EOI], …"""
    spent = {}
    for at in range(0, len(scenes), CHUNK):
        rows = client.rows("captions", {
            "model": model, "images": [scene["image"] for scene in scenes[at:at + CHUNK]], "max_tokens": 1,
            "measure": {"attention": [{"layers": "all", "heads": "mean", "queries": "text", "over_queries": "mean",
                                       "keys": list(ATTENDED)}]}})
        for row in rows:
            for layer in row["attention"][0]["rows"]:
                spent.setdefault(layer["layer"], []).append(layer["weights"])
    return [{"layer": layer} | {key: sum(shares) / len(shares) for key, shares in zip(ATTENDED, zip(*weights))}
            for layer, weights in sorted(spent.items())]
