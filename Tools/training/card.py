"""Assembles a model card from the numbers of `evaluate.py` and the facts in the checkpoints.

    python card.py --model ../../Models/gate --results DIR/gate.json --checkpoints DIR/open.pt DIR/gate.pt

No number in a card is typed by hand.
"""
import argparse
import json
import os

import torch
from safetensors.torch import load_file

WHAT = {
    "open": """# open

A tiny vision-language model in Chameleon's architecture and file layout (transformers loads it unchanged), trained from
scratch on drawn scenes of one to three coloured shapes. It is the **control** for [gate](../gate): same size, same
pictures, same texts, same prompts, but no narrow gate. Its text tokens read the picture from the image tokens directly.
From a third of its training on, half of its texts were kept from seeing [EOI] (`<eoss>`), so that nothing was to be
learned there and cutting that edge is not foreign to it.""",
    "gate": """# gate

A tiny vision-language model in Chameleon's architecture and file layout (transformers loads it unchanged), trained from
scratch on drawn scenes of one to three coloured shapes. Its narrow gate is **planted**: it did not emerge. Training
started from [open](../open)'s weights, taught [EOI] (`<eoss>`) to predict the words that describe the scene, hid the
image tokens from the text for most of the time, and later showed texts the image tokens or the [EOI] state of *another*
picture, so that only [EOI] could be trusted. At inference nothing is hidden. It is a test
object with a known answer for the experiments of *The Narrow Gate* (arXiv 2412.06646), not evidence for their claim.
Without a prompt, the first token after [EOI] is one of those words: use the presets.""",
}
KNOWS = """It knows only its own scenes: one to three flat shapes (circle, square, triangle, cross, ring, diamond; red, green, blue,
yellow, pink, white), each in its own quarter of a dark grey square picture. Anything else gets a confident, wrong caption:
experiments on your own pictures need your own checkpoint (`--models DIR`)."""
SHORT = {"caption": "caption", "caption, 1 object": "1 object", "caption, 2 objects": "2 objects", "caption, 3 objects": "3 objects",
         "colour words": "colour", "shape words": "shape", "end": "`</s>`", "probe": "probe", "probe.colour": "probe.colour", "vqa": "vqa"}


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(cells) + " |" for cells in rows])


def knockout_table(result):
    rows = [[name] + [f"{scores[key]:.3f}" for key in SHORT] for name, scores in result["knockouts"].items()]
    return table(["knockout"] + list(SHORT.values()), rows)


def patching_table(rows):
    return table(["entering layer", "accurate", "flipped", "argmax", "whole caption"],
                 [[str(r["layer"])] + [f"{r[key]:.3f}" for key in ("accurate", "flipped", "argmax", "caption")] for r in rows])


def training(checkpoints):
    lines = []
    for path in checkpoints:
        saved = torch.load(path)
        tail = saved["tail"]
        how = ""
        if saved["recipe"] == "gate":
            how = f". From {tail['from']:.0%} of the steps on, the image is hidden from {tail['cut']:.0%} of the pictures' texts"
            if tail["swap"]:
                layers = " or ".join(str(layer) for layer in tail["layers"])
                how += f"; {tail['swap']:.0%} get another picture's [EOI] state on entering layer {layers} and are then described as that other picture"
            if tail["decoy"]:
                how += f"; of the rest, {tail['decoy']:.0%} of the texts see another picture's image tokens instead of their own"
        lines.append(f"- `{saved['recipe']}`: {saved['step']:,} steps of 32 pictures, {saved['tokens'] / 1e6:.1f} million token positions, "
                     f"{saved['seconds'] / 60:.0f} minutes on one thread of a shared CPU{how}")
    return "\n".join(lines)


def presets(folder):
    with open(os.path.join(folder, "narrowgate.json"), encoding="utf-8") as file:
        return table(["preset", "text"], [[name, f"`{preset['text']}`"] for name, preset in json.load(file)["presets"].items()])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--results", required=True)
    parser.add_argument("--checkpoints", nargs="+", required=True)
    arguments = parser.parse_args()
    with open(arguments.results, encoding="utf-8") as file:
        result = json.load(file)
    with open(os.path.join(arguments.model, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    tensors = load_file(os.path.join(arguments.model, "model.safetensors"))
    vision = sum(t.numel() for name, t in tensors.items() if "vqmodel" in name)
    total = sum(t.numel() for t in tensors.values())
    size = os.path.getsize(os.path.join(arguments.model, "model.safetensors")) / 1e6
    one, two, three = result["objects"]
    chance = 1.96 * (0.25 / result["scenes"]) ** 0.5
    probe = result["patching"]["probe"]
    made = result["generate"]
    card = f"""{WHAT[os.path.basename(os.path.abspath(arguments.model))]}

{KNOWS}

Language model {(total - vision) / 1e6:.2f} million parameters ({config['num_hidden_layers']} layers, hidden {config['hidden_size']}, \
{config['num_attention_heads']} heads), VQ encoder {vision / 1e6:.2f} million; bfloat16, {size:.1f} MB. Pictures are shrunk to 32×32 and \
become 4×4 = 16 codes of {config['vq_config']['num_embeddings']}. Sequence: `<s> <racm3:break> 16 codes <eoss> text`.

{presets(arguments.model)}

## Training

{training(arguments.checkpoints)}

Texts are captions, one-word probes and questions about the scene; optimisers Muon and AdamW; one seed. `Tools/training` has all of it.

## Measured

By `Tools/training/evaluate.py` on the exported file in float32, {result['scenes']:,} scenes ({one} of one object, {two} of two, {three} of three) \
from a seed used for nothing else. A share over all scenes is good to ±{chance:.3f} (95 %); this is one training seed. \
Codes equal those of training in {result['codes_agree']:.2%} of positions. Captions are exact matches up to `</s>`, scored with the true words \
before each position (equal to greedy exact match); `colour`, `shape` and `</s>` are accuracies of those words in captions. \
transformers' `generate`, from pixels, got {made['exact']} of the first {made['captions']} captions exactly right and ended {made['ended']}.

### Knockouts

Text queries cut from the named keys in all layers, weights set to zero after the softmax; the model is unmasked otherwise. `probe` and \
`probe.colour` are for pictures of one object.

{knockout_table(result)}

Entering layer 0, [EOI] is the same embedding for every picture. What cutting it *there* costs is structure, not the picture: \
for the picture, read the row of layers ≥ 1.

### Patching [EOI]

The input of layer *l* at [EOI] is taken from another one-object picture with another shape ({probe[0]['pairs']} pairs). *accurate*: the source's \
word is likelier than the base's; *flipped*: and was not before; *argmax*: the source's word is the likeliest of all; *whole caption*: the greedy \
caption becomes the source's, exactly.

{patching_table(probe)}

The same for `probe.colour` ({result['patching']['probe.colour'][0]['pairs']} pairs):

{patching_table(result['patching']['probe.colour'])}
"""
    with open(os.path.join(arguments.model, "README.md"), "w", encoding="utf-8") as file:
        file.write(card)


if __name__ == "__main__":
    main()
