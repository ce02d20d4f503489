"""Trains the language model of `open` or of `gate`.

    python train.py --work DIR --recipe open --steps 4000
    python train.py --work DIR --recipe gate --steps 4000 --start DIR/open.pt

open   every text sees the whole image. From a third of the training on, half
       of the texts cannot see [EOI], so nothing is to be learned there and
       cutting it costs nothing.
gate   starts from open. [EOI] is taught to predict the scene's words; the
       share of texts that cannot see the image tokens rises to all, stays, and
       falls to `--tail-cut`; with `--tail-decoy`, some texts meanwhile see the
       image tokens of *another* picture, so that only [EOI] can be trusted; with
       `--tail-swap`, some pictures get another's [EOI] state on entering one of
       `--swap-layers`, and their texts must tell of that other picture.

Checkpoints are DIR/<name>.pt, logs go to standard output.
"""
import argparse
import os
import time

import torch
from torch.nn import functional as F

from batches import IGNORE, Examples, Speech, cuts, positions, text_bias
from measure import Yardstick
from model import EOI_AT, PREFIX, LanguageModel, Shape
import pictures

IMAGE_WEIGHT = 0.1        # of predicting an image token, against 1 for a text token
FRAME_CUT = 0.1           # share of texts that lose <s>, and of those that lose the start of image


def schedule(step, steps, flat):
    """Learning rate as a share of its peak: 60 steps up, flat, then linearly down to 2 %."""
    if step < 60:
        return (step + 1) / 60
    done = step / steps
    return 1.0 if done < flat else 1.0 - 0.98 * (done - flat) / (1 - flat)


def gate_cut(done, tail_from, tail):
    """Share of texts that cannot see the image, at a point of the gate's training."""
    if done < tail_from:
        return min(1.0, done / 0.25)
    return max(tail, 1.0 - (1.0 - tail) * (done - tail_from) / 0.10)


def optimisers(model):
    """Muon for the matrices of the layers, AdamW for the rest."""
    matrices = [p for name, p in model.named_parameters() if "proj" in name]
    others = [p for name, p in model.named_parameters() if "proj" not in name]
    return [torch.optim.Muon(matrices, lr=0.02, momentum=0.95, weight_decay=0.0),
            torch.optim.AdamW(others, lr=2e-3, betas=(0.9, 0.95), weight_decay=0.0)]


def losses(model, examples, arguments, generator, image_cut, eoi_cut, decoy_share, swap_share):
    """The loss of one batch, and its parts for the log."""
    ids, targets, labels = examples.next(arguments.batch)
    bias, keep = cuts(arguments.batch, generator, image=image_cut, eoi=eoi_cut, frame=FRAME_CUT)
    decoy = torch.rand(arguments.batch, generator=generator) < decoy_share
    swap = None
    if swap_share:
        rows = torch.rand(arguments.batch, generator=generator) < swap_share
        layer = arguments.swap_layers[int(torch.randint(len(arguments.swap_layers), (1,), generator=generator))]
        swap, decoy = (layer, rows), decoy & ~rows               # a decoy is the row before, which would give the answer away
        told = rows[:, None]
        ids[:, PREFIX:] = torch.where(told, ids.roll(1, 0), ids)[:, PREFIX:]
        targets[:, PREFIX:] = torch.where(told, targets.roll(1, 0), targets)[:, PREFIX:]
        labels = torch.where(told, labels.roll(1, 0), labels)
    supervised = targets != IGNORE
    with torch.autocast("cpu", torch.bfloat16):
        hidden, _ = model(ids, arguments.positions, arguments.text_bias + bias, keep=keep, decoy=decoy, swap=swap)
        logits = model.lm_head(hidden[supervised]).float()
        label_logits = model.lm_head(hidden[:, EOI_AT]).float() if arguments.recipe == "gate" else None
    each = F.cross_entropy(logits, targets[supervised], reduction="none")
    image = (supervised.nonzero()[:, 1] < EOI_AT)
    text_loss, image_loss = each[~image].sum(), each[image].sum()
    total, weight = text_loss + IMAGE_WEIGHT * image_loss, (~image).sum() + IMAGE_WEIGHT * image.sum()
    parts = {"text": text_loss.item() / int((~image).sum()), "image": image_loss.item() / int(image.sum())}
    if label_logits is not None:
        label_loss = -(labels * torch.log_softmax(label_logits, dim=-1)).sum()
        total, weight = total + label_loss, weight + labels.sum()
        parts["label"] = label_loss.item() / labels.sum().item()
    return total / weight, parts


def train(arguments):
    torch.manual_seed(arguments.seed)
    generator = torch.Generator().manual_seed(arguments.seed)
    speech = Speech(os.path.join(arguments.work, "tokenizer.json"))
    examples = Examples(arguments.work, speech, seed=arguments.seed)
    model = LanguageModel(Shape(speech.vocabulary, arguments.hidden, arguments.inner, arguments.layers, arguments.heads))
    yardstick = validation(arguments.work, speech)
    step, tokens, seconds = 0, 0, 0.0
    optimiser = optimisers(model)
    if arguments.start:
        saved = torch.load(arguments.start)
        model.load_state_dict(saved["model"])
        if arguments.resume:                     # another tail of the same training
            step, tokens, seconds = saved["step"], saved["tokens"], saved["seconds"]
            for one, state in zip(optimiser, saved["optimisers"]):
                one.load_state_dict(state)
    peaks = [group["lr"] if not arguments.resume else peak
             for one, peak in zip(optimiser, (0.02, 2e-3)) for group in one.param_groups]
    arguments.positions, arguments.text_bias = positions(), text_bias()
    begun, kept = time.time() - seconds, None
    while step < arguments.steps:
        done = step / arguments.steps
        for one, peak in zip(optimiser, peaks):
            for group in one.param_groups:
                group["lr"] = peak * schedule(step, arguments.steps, arguments.flat)
        if arguments.recipe == "gate":
            image_cut, eoi_cut = gate_cut(done, arguments.tail_from, arguments.tail_cut), 0.0
            in_tail = done >= arguments.tail_from
            decoy_share, swap_share = arguments.tail_decoy * in_tail, arguments.tail_swap * in_tail
        else:
            image_cut, eoi_cut, decoy_share, swap_share = 0.0, 0.5 * (done > 1 / 3), 0.0, 0.0
        loss, parts = losses(model, examples, arguments, generator, image_cut, eoi_cut, decoy_share, swap_share)
        for one in optimiser:
            one.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for one in optimiser:
            one.step()
        step, tokens, seconds = step + 1, tokens + arguments.batch * len(arguments.positions), time.time() - begun
        kept = parts if kept is None else {k: 0.97 * kept[k] + 0.03 * parts[k] for k in parts}
        if step % 50 == 0:
            print(f"step {step} cut {image_cut:.2f} " + " ".join(f"{k} {v:.3f}" for k, v in kept.items()) + f" seconds {seconds:.0f}", flush=True)
        last_held = arguments.recipe == "gate" and step == int(arguments.tail_from * arguments.steps)
        if step % arguments.every == 0 or step == arguments.steps or last_held:
            save(model, optimiser, step, tokens, seconds, arguments, "-held" if last_held else "")
            report(model, yardstick, arguments.recipe)


def save(model, optimiser, step, tokens, seconds, arguments, suffix=""):
    """Writes a checkpoint whole or not at all: exports read it while training goes on."""
    path = os.path.join(arguments.work, f"{arguments.name or arguments.recipe}{suffix}.pt")
    torch.save({"model": model.state_dict(), "optimisers": [one.state_dict() for one in optimiser], "shape": model.shape.__dict__,
                "step": step, "tokens": tokens, "seconds": seconds, "recipe": arguments.recipe, "steps": arguments.steps,
                "tail": {"from": arguments.tail_from, "cut": arguments.tail_cut, "decoy": arguments.tail_decoy,
                         "swap": arguments.tail_swap, "layers": arguments.swap_layers}}, path + ".new")
    os.replace(path + ".new", path)


def validation(work, speech, count=256):
    """A yardstick on the first validation scenes."""
    codes = torch.load(os.path.join(work, "validation.codes.pt"))[:count]
    return Yardstick(speech, pictures.load(work, "validation")[1][:count], speech.prefix(codes))


def report(model, yardstick, recipe):
    """Validation scores, natural and under the knockouts that matter for the recipe; and whether [EOI] steers."""
    start = time.time()
    model.eval()
    for name in ("none", "image_to_text", "eoi, layers ≥ 1") + (("eoi",) if recipe == "open" else ()):
        print(f"  {name:16} " + " ".join(f"{k}={v:.3f}" for k, v in yardstick.score(model, name).items()), flush=True)
    rows = yardstick.patching(model)
    print("  [EOI] patched, layers 0.. accurate " + " ".join(f"{r['accurate']:.3f}" for r in rows)
          + " caption " + " ".join(f"{r['caption']:.3f}" for r in rows) + f" ({time.time() - start:.0f} s)", flush=True)
    model.train()


def main():
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--recipe", choices=["open", "gate"], required=True)
    parser.add_argument("--name", help="of the checkpoint; default: the recipe")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--flat", type=float, default=0.3, help="share of the steps at the peak learning rate")
    parser.add_argument("--start", help="checkpoint whose weights to start from")
    parser.add_argument("--resume", action="store_true", help="go on with the optimisers and the step of --start")
    parser.add_argument("--tail-from", type=float, default=0.75, help="share of the steps after which images are shown again")
    parser.add_argument("--tail-cut", type=float, default=0.0)
    parser.add_argument("--tail-decoy", type=float, default=0.0)
    parser.add_argument("--tail-swap", type=float, default=0.0)
    parser.add_argument("--swap-layers", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--every", type=int, default=500, help="steps between checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    for name, value in (("hidden", 192), ("inner", 512), ("layers", 6), ("heads", 6)):
        parser.add_argument(f"--{name}", type=int, default=value)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
