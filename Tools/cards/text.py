"""The card's text, from `card.json`. No measured number is typed by hand; what was done in training is in `about/`."""
import json
import pathlib
import re

from datasets import SEEDS
from intervals import half_width, percent, with_interval

# The first line of `about/NAME.md` where a model has met the 12 combinations that `dataset scenes` calls held out: how.
MET = re.compile(r"<!-- held out: (.*) -->\n")
ABOUT = pathlib.Path(__file__).parent / "about"
MEASURES = {"caption 1": "caption, 1 object", "caption 2": "caption, 2 objects", "caption 3": "caption, 3 objects", "colour": "colours",
            "shape": "shapes", "relation": "relations", "probe": "probe", "probe.colour": "probe.colour", "questions": "questions"}
CONDITIONS = {"clean": "nothing", "both": "picture withheld: image and [EOI] cut", "other_image": "mismatched: another picture shown",
              "eoi": "[EOI] cut, all layers", "eoi_after_0": "[EOI] cut, layers ≥ 1", "image_to_text": "image tokens cut",
              "random_image": "10 random image tokens cut", "soi": "start of image cut", "bos": "`<s>` cut"}


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(cells) + " |" for cells in rows])


def clean_table(result, met):
    return table(["", "60 combinations", "the other 12"] if met else ["", "trained combinations", "held-out combinations"],
                 [[name, with_interval(result["clean"][key]), with_interval(result["unseen"][key])] for key, name in MEASURES.items()])


def conditions_table(result):
    return table(["what is done"] + list(MEASURES.values()),
                 [[name] + [percent(result["conditions"][key][measure]["share"]) for measure in MEASURES]
                  for key, name in CONDITIONS.items()])


def patching_table(patching):
    chosen = patching["chosen_layer"]
    rows = []
    for eoi, image in zip(patching["eoi"], patching["image"]):
        mark = "**" if eoi["layer"] == chosen != 0 else ""
        cells = [f"{eoi['layer']}"] + [cell for row in (eoi, image) for cell in (
            percent(row["accuracy"]["share"]), with_interval(row["flipped"]), f"{row['similarity']:.3f}")]
        rows.append([mark + cell + mark for cell in cells])
    return table(["entering layer", "[EOI]: accurate", "flipped", "similarity", "image tokens: accurate", "flipped", "similarity"], rows)


def chosen_layer(patching):
    """Entering layer 0, [EOI] is a constant and flips nothing: that layer comes out first only where all are equal."""
    if patching["chosen_layer"] == 0:
        return "On the validation seed [EOI] flipped no pair at any layer."
    return f"Bold: layer {patching['chosen_layer']}, where [EOI] flipped most on the validation seed."


def other_answers(patching):
    """What patching [EOI] does to the other probe, at every layer, and to whole captions, at the chosen one."""
    rows = patching["eoi, colour"]
    flips = ", ".join(percent(row["flipped"]["share"]) for row in rows)
    said = f"Under probe.colour ({patching['pairs']['colour']} pairs), [EOI] flips {flips} at layers {rows[0]['layer']} to {rows[-1]['layer']}."
    if patching["chosen_layer"] == 0:
        return said
    return (f"{said} At layer {patching['chosen_layer']}, its patch turns the whole caption into the source's, word for word, "
            f"in {with_interval(patching['caption'])}.")


def attention_table(attention):
    keys = {"eoi": "[EOI]", "image": "image tokens", "soi": "start of image", "prefix": "`<s>`", "text": "text"}
    return table(["layer"] + list(keys.values()),
                 [[f"{row['layer']}"] + [percent(row[key]) for key in keys] for row in attention["layers"]])


def share(result, condition, measure):
    return result["conditions"][condition][measure]["share"]


def attributes(result, condition):
    """Colours and shapes in captions, together."""
    return (share(result, condition, "colour") + share(result, condition, "shape")) / 2


def at_least(what, value, bar):
    return [what, f"≥ {percent(bar)}", percent(value), "yes" if value >= bar else f"no, short by {percent(bar - value)}"]


def at_most(what, value, bar):
    return [what, f"≤ {percent(bar)}", percent(value), "yes" if value <= bar else f"no, over by {percent(value - bar)}"]


def captions_and_probe(result, one, two, probe):
    clean = result["clean"]
    return [at_least("captions, 1 object", clean["caption 1"]["share"], one), at_least("captions, 2 objects", clean["caption 2"]["share"], two),
            at_least("probe", clean["probe"]["share"], probe)]


def aims_of_open(result, _):
    return captions_and_probe(result, 0.97, 0.90, 0.97) + [
        at_most("flips by patching [EOI], the worst layer", max(row["flipped"]["share"] for row in result["patching"]["eoi"]), 0.05)]


def aims_of_gate(result, _):
    patching = result["patching"]
    chosen = next(row for row in patching["eoi"] if row["layer"] == patching["chosen_layer"])
    return captions_and_probe(result, 0.95, 0.75, 0.97) + [
        at_least("image tokens cut: share of the clean probe kept",
                 share(result, "image_to_text", "probe") / share(result, "clean", "probe"), 0.95),
        at_least("image tokens cut: share of colours and shapes kept", attributes(result, "image_to_text") / attributes(result, "clean"), 0.95),
        at_most("[EOI] cut, layers ≥ 1: probe above the withheld picture's",
                share(result, "eoi_after_0", "probe") - share(result, "both", "probe"), 0.05),
        at_most("[EOI] cut, layers ≥ 1: colours and shapes above the withheld picture's",
                attributes(result, "eoi_after_0") - attributes(result, "both"), 0.05),
        at_least(f"flips by patching [EOI], layer {patching['chosen_layer']}", chosen["flipped"]["share"], 0.90)]


def aims_of_reopened(result, folder):
    measured = folder.parent / "gate" / "card.json"
    if not measured.exists():
        raise SystemExit("reopened is held against gate: Tools/cards/card.py gate comes first")
    gate = json.loads(measured.read_text())
    return [at_least(f"[EOI] cut, layers ≥ 1: {MEASURES[measure]}, as a share of gate's clean",
                     share(result, "eoi_after_0", measure) / share(gate, "clean", measure), 0.90)
            for measure in ("caption 1", "caption 2", "caption 3", "probe", "probe.colour", "questions")]


AIMS = {"open": aims_of_open, "gate": aims_of_gate, "reopened": aims_of_reopened}


def built(model, folder):
    """What the model is made of, from its files and what the server says of it."""
    config = json.loads((folder / "config.json").read_text())
    side = json.loads((folder / "preprocessor_config.json").read_text())["crop_size"]
    vision = config["vq_config"]
    codes = vision["resolution"] // 2 ** (len(vision["channel_multiplier"]) - 1)
    return (f"{model['parameters'] / 1e6:.2f} million parameters with the VQ encoder, {model['layers']} layers, hidden {model['hidden_size']}, "
            f"{model['heads']} heads; bfloat16, {model['bytes'] / 1e6:.1f} MB. Pictures are scaled to {side['width']}×{side['height']} and become "
            f"{codes}×{codes} = {codes * codes} codes of {vision['num_embeddings']}. Sequence: `<s> <racm3:break> {codes * codes} codes <eoss> text`.")


def presets(folder):
    own = json.loads((folder / "narrowgate.json").read_text())["presets"]
    return table(["preset", "text"], [[name, f"`{preset['text']}`"] for name, preset in own.items()])


def card(name, folder, output):
    result = json.loads((output / "card.json").read_text())
    written = (ABOUT / f"{name}.md").read_text()
    met = MET.match(written)
    about, training = written[met.end() if met else 0:].split("\n## Training\n")
    unseen = "of objects of the 12 of 72 combinations of shape, colour and size that " + (
        f"`dataset scenes` calls held out: {met[1]}" if met else "were held out of training")
    clean, patching = result["clean"], result["patching"]
    widest = max(half_width(result["conditions"][condition][measure]) for condition in CONDITIONS for measure in MEASURES)
    aims = AIMS.get(name)
    return f"""{about.strip()}

{(ABOUT / "world.md").read_text().strip()}

{built(result['model'], folder)}

{presets(folder)}

## Training

{training.strip()}

## Measured

By `Tools/cards/card.py`, which asks a running `narrowgate serve` and nothing else, in float32. Scenes come from `narrowgate dataset scenes`, \
seed {SEEDS['test']}, which no training or choice has seen; the layer of patching was chosen on seed {SEEDS['validation']}. Percent, with 95 % intervals (Wilson, \
over scenes). The intervals are of the scenes; they do not cover how another training would turn out.
{chr(10) + "### Aims" + chr(10) + chr(10) + table(["", "aim", "measured", "met"], aims(result, folder)) + chr(10) if aims else ""}
### Clean

{clean['caption 1']['n']:,} scenes for each number of objects, and {result['unseen']['caption 1']['n']:,} {unseen}. \
A caption counts if greedy generation gives the true one word for word. colours, shapes, relations: the words of that kind in the \
generated captions, each against the true one in its place. probe and probe.colour: one word for scenes of one object. questions: \
one for every third scene, all kinds in turn.

{clean_table(result, met)}

### Cuts

The first {result['conditions']['clean']['caption 1']['n']:,} of these scenes for each number of objects ({result['conditions']['clean']['questions']['n']:,} questions); attention from text to the named \
keys is set to zero after the softmax, at the prompt and while generating. No interval is wider than ±{percent(widest)}.

{conditions_table(result)}

The withheld and the mismatched picture say what is left when nothing of the picture comes through. Entering layer 0, [EOI] is the same embedding for \
every picture: what cutting it *there* costs is structure. For the picture, read the row of layers ≥ 1.

### Patching

The state entering layer *l* at [EOI], or at all image tokens, is taken from another one-object picture with another shape ({patching['pairs']['shape']} pairs), under \
the preset probe. accurate: the source's word is likelier than the base's; flipped: and was not before; similarity: of the next word's \
distribution to the source's clean run. {chosen_layer(patching)}

{patching_table(patching)}

{other_answers(patching)}

### Attention

Mean share of attention, over heads, of the caption prompt's text tokens, clean, {result['attention']['scenes']} scenes. Attention is not information: compare the cuts.

{attention_table(result['attention'])}
"""
