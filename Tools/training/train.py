"""Trains the language models: the base of a seed, and what is made from it.

    python train.py --work DIR --recipe base     --seed 0
    python train.py --work DIR --recipe open     --seed 0 --start DIR/base-0.pt
    python train.py --work DIR --recipe gate     --seed 0 --start DIR/base-0.pt
    python train.py --work DIR --recipe reopened --seed 0 --start DIR/gate-0.pt

All four have the same losses (the texts, the image's codes, and at [EOI] the scene's words) on the
same batches, every eighth of them text to image; they differ in what the texts may see.

base       the image; [EOI] is cut from `EOI_CUT` of the pictures' texts.
open       goes on so, with the learning rate falling.
gate       the share of texts that cannot see the image tokens rises to all, stays, and falls to
           `--tail-cut`; from there on some texts see the image tokens of *another* picture, so that
           only [EOI] can be trusted, and some pictures get another's [EOI] state on entering one
           of `--swap-layers`, and their texts must tell of that other picture.
reopened   no text sees [EOI] (the paper's targeted fine-tuning); the image is there again.

`open` and `gate` of a seed start from one base and see the same pictures and texts in the same order.
Checkpoints are DIR/<recipe>-<seed>.pt, logs go to standard output.
"""
import argparse
import os
import time

import torch
from torch.nn import functional as F

from batches import IGNORE, Examples, Speech, cuts, positions, text_bias
from export import load_language_model
from measure import Yardstick
from model import EOI_AT, PREFIX, LanguageModel, Shape
import pictures

IMAGE_WEIGHT = 0.1        # of predicting an image token that has no caption before it, against 1 for a text token
DRAWN_WEIGHT = 0.3        # of predicting one that has
FRAME_CUT = 0.1           # share of texts that lose <s>, and of those that lose the start of image
EOI_CUT = 0.75            # of base and open: nothing is to be learned there, and cutting that edge must not be foreign
STEPS = {"base": 600, "open": 1400, "gate": 1400, "reopened": 300}
DATA_SEEDS = {"base": 0, "open": 1000, "gate": 1000, "reopened": 2000}     # plus the seed


def schedule(recipe, step, steps, flat):
    """Learning rate as a share of its peak: 60 steps up, flat, and (but for the base) linearly down to 2 %."""
    if recipe in ("base", "reopened") and step < 60:
        return (step + 1) / 60
    done = step / steps
    return 1.0 if recipe == "base" or done < flat else 1.0 - 0.98 * (done - flat) / (1 - flat)


def shares(recipe, done, arguments):
    """What the texts may see at a point of a recipe: shares cut from the image and from [EOI], of decoys and of swaps."""
    if recipe != "gate":
        return 0.0, 1.0 if recipe == "reopened" else EOI_CUT, 0.0, arguments.open_swap * (recipe == "open")
    if done < arguments.tail_from:
        return min(1.0, done / 0.08), 0.0, 0.0, 0.0
    return arguments.tail_cut, 0.0, arguments.tail_decoy, arguments.tail_swap


def optimisers(model):
    """Muon for the matrices of the layers, AdamW for the rest."""
    matrices = [p for name, p in model.named_parameters() if "proj" in name]
    others = [p for name, p in model.named_parameters() if "proj" not in name]
    return [torch.optim.Muon(matrices, lr=0.02, momentum=0.95, weight_decay=0.0),
            torch.optim.AdamW(others, lr=2e-3, betas=(0.9, 0.95), weight_decay=0.0)]


def weighed(model, hidden, targets, weights):
    """The cross-entropy of each token that is to be predicted, and its weight; `weights` is like `targets`."""
    supervised = targets != IGNORE
    logits = model.lm_head(hidden[supervised]).float()
    each = F.cross_entropy(logits, targets[supervised], reduction="none")
    return each, weights[supervised]


def drawing_loss(model, examples, arguments):
    """The loss of a text-to-image batch."""
    ids, targets = examples.next_to_draw(arguments.batch)
    drawn = torch.isin(targets, examples.speech.codes)
    with torch.autocast("cpu", torch.bfloat16):
        each, weight = weighed(model, model.plain(ids), targets, 1.0 + (DRAWN_WEIGHT - 1.0) * drawn)
    return (each * weight).sum() / weight.sum(), {"drawn": float(each.detach()[weight < 1].mean())}


def losses(model, examples, arguments, generator, image_cut, eoi_cut, decoy_share, swap_share):
    """The loss of an image-to-text batch, and its parts for the log."""
    ids, targets, labels = examples.next(arguments.batch)
    bias, keep = cuts(arguments.batch, model.shape.layers, generator, image=image_cut, eoi=eoi_cut, frame=FRAME_CUT)
    decoy = torch.rand(arguments.batch, generator=generator) < decoy_share
    swap = None
    if swap_share:
        rows = torch.rand(arguments.batch, generator=generator) < swap_share
        layer = arguments.swap_layers[int(torch.randint(len(arguments.swap_layers), (1,), generator=generator))]
        swap = (layer, rows)
        told = rows[:, None]
        if arguments.recipe == "gate":                           # tell of the picture whose [EOI] it is, and label it so
            decoy = decoy & ~rows                                # a decoy is the row before, which would give the answer away
            ids[:, PREFIX:] = torch.where(told, ids.roll(1, 0), ids)[:, PREFIX:]
            targets[:, PREFIX:] = torch.where(told, targets.roll(1, 0), targets)[:, PREFIX:]
        labels = torch.where(told, labels.roll(1, 0), labels)
    with torch.autocast("cpu", torch.bfloat16):
        hidden, _ = model(ids, arguments.positions, arguments.text_bias + bias, keep=keep, decoy=decoy, swap=swap)
        weights = torch.ones(targets.shape)
        weights[:, :EOI_AT] = IMAGE_WEIGHT
        each, weight = weighed(model, hidden, targets, weights)
        label_logits = model.lm_head(hidden[:, EOI_AT]).float()
    label_loss = -(labels * torch.log_softmax(label_logits, dim=-1)).sum()
    seen = each.detach()
    parts = {"text": float(seen[weight == 1].mean()), "image": float(seen[weight < 1].mean()), "label": float(label_loss.detach() / labels.sum())}
    return ((each * weight).sum() + label_loss) / (weight.sum() + labels.sum()), parts


def start(path):
    """A checkpoint, or the weights of an exported folder."""
    if not os.path.isdir(path):
        return torch.load(path)
    model, _ = load_language_model(path)
    return {"model": model.state_dict(), "shape": model.shape.__dict__, "optimisers": [],
            "history": [{"recipe": f"exported {os.path.basename(os.path.abspath(path))}"}]}


def train(arguments):
    torch.manual_seed(arguments.seed)
    generator = torch.Generator().manual_seed(arguments.seed)
    speech = Speech(os.path.join(arguments.work, "tokenizer.json"))
    examples = Examples(arguments.work, speech, seed=DATA_SEEDS[arguments.recipe] + arguments.seed)
    saved = start(arguments.start) if arguments.start else None
    model = LanguageModel(Shape(**saved["shape"]) if saved else
                          Shape(speech.vocabulary, arguments.hidden, arguments.inner, arguments.layers, arguments.heads))
    yardstick = validation(arguments.work, speech)
    optimiser, history = optimisers(model), []
    if saved:
        model.load_state_dict(saved["model"])
        history = saved["history"]
        if arguments.recipe in ("open", "gate"):                 # the same training going on; `reopened` is a new one
            for one, state in zip(optimiser, saved["optimisers"]):
                one.load_state_dict(state)
    facts = {"recipe": arguments.recipe, "seed": arguments.seed, "steps": 0, "tokens": 0, "seconds": 0.0, "cpu": 0.0}
    if arguments.recipe == "gate":
        facts["tail"] = {"from": arguments.tail_from, "cut": arguments.tail_cut, "decoy": arguments.tail_decoy,
                         "swap": arguments.tail_swap, "layers": arguments.swap_layers}
    elif arguments.open_swap:
        facts["tail"] = {"swap": arguments.open_swap, "layers": arguments.swap_layers}
    steps, peaks = arguments.steps or STEPS[arguments.recipe], (arguments.scale * 0.02, arguments.scale * 2e-3)
    arguments.positions, arguments.text_bias = positions(), text_bias()
    begun, kept = time.time(), {}
    for step in range(steps):
        for one, peak in zip(optimiser, peaks):
            for group in one.param_groups:
                group["lr"] = peak * schedule(arguments.recipe, step, steps, arguments.flat)
        seen = shares(arguments.recipe, step / steps, arguments)
        if arguments.draw_every and (step + 1) % arguments.draw_every == 0:
            loss, parts = drawing_loss(model, examples, arguments)
        else:
            loss, parts = losses(model, examples, arguments, generator, *seen)
            facts["tokens"] += arguments.batch * len(arguments.positions)
        for one in optimiser:
            one.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for one in optimiser:
            one.step()
        kept |= {k: 0.97 * kept.get(k, v) + 0.03 * v for k, v in parts.items()}
        facts |= {"steps": step + 1, "seconds": time.time() - begun, "cpu": time.process_time()}
        if (step + 1) % 50 == 0:
            print(f"step {step + 1} cut {seen[0]:.2f} " + " ".join(f"{k} {v:.3f}" for k, v in kept.items())
                  + f" seconds {facts['seconds']:.0f} cpu {facts['cpu']:.0f}", flush=True)
        if (step + 1) % arguments.every == 0 or step + 1 == steps:
            save(model, optimiser, history + [facts], arguments)
            report(model, yardstick)


def save(model, optimiser, history, arguments):
    """Writes a checkpoint whole or not at all: exports read it while training goes on."""
    path = os.path.join(arguments.work, f"{arguments.name or arguments.recipe}-{arguments.seed}.pt")
    torch.save({"model": model.state_dict(), "optimisers": [one.state_dict() for one in optimiser], "shape": model.shape.__dict__,
                "history": history}, path + ".new")
    os.replace(path + ".new", path)


def validation(work, speech, count=256):
    """A yardstick on the first validation scenes."""
    codes = torch.load(os.path.join(work, "validation.codes.pt"))[:count]
    return Yardstick(speech, pictures.load(work, "validation")[1][:count], speech.prefix(codes))


def report(model, yardstick):
    """Validation scores, natural and under the knockouts that matter; and whether [EOI] steers."""
    start = time.time()
    model.eval()
    for name in ("none", "image_to_text", "eoi, layers ≥ 1"):
        print(f"  {name:16} " + " ".join(f"{k}={v:.3f}" for k, v in yardstick.score(model, name).items()), flush=True)
    rows = yardstick.patching(model)
    print("  [EOI] patched, layers 0.. flipped " + " ".join(f"{r['flipped']:.3f}" for r in rows)
          + " caption " + " ".join(f"{r['caption']:.3f}" for r in rows) + f" ({time.time() - start:.0f} s)", flush=True)
    model.train()


def main():
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--recipe", choices=list(STEPS), required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", help="checkpoint or exported folder to start from")
    parser.add_argument("--name", help="of the checkpoint, before the seed; default: the recipe")
    parser.add_argument("--steps", type=int, help=f"default: {STEPS}")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--draw-every", type=int, default=8, help="one batch in so many is text to image; 0: none")
    parser.add_argument("--scale", type=float, default=1.0, help="of the peak learning rates")
    parser.add_argument("--flat", type=float, default=0.4, help="share of the steps at the peak learning rate")
    parser.add_argument("--tail-from", type=float, default=0.2, help="share of the gate's steps after which images are shown again")
    parser.add_argument("--tail-cut", type=float, default=0.5)
    parser.add_argument("--tail-decoy", type=float, default=0.8)
    parser.add_argument("--tail-swap", type=float, default=0.4)
    parser.add_argument("--swap-layers", type=int, nargs="+", default=[3, 4])
    parser.add_argument("--open-swap", type=float, default=0.0, help="of open: share with another's [EOI] state, told of their own")
    parser.add_argument("--every", type=int, default=400, help="steps between checkpoints")
    for name, value in (("hidden", 128), ("inner", 256), ("layers", 6), ("heads", 4)):
        parser.add_argument(f"--{name}", type=int, default=value)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
