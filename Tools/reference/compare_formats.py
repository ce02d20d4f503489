"""What bfloat16 costs: narrowgate's and PyTorch's against float32, at every position of a prompt.

    python compare_formats.py --binary .build/release/narrowgate FOLDER…

A folder is a Chameleon checkpoint with image_a.png in it, as make_reference.py writes them. The float32 side is
narrowgate's own, which compare_trace.py holds against PyTorch's. Both bfloat16 sides are given the codes of the float32
encoder. Over text tokens: the share of positions whose likeliest token is the same, the mean and the worst total
variation, and the worst error of a logit over the largest logit. Needs numpy, torch and transformers.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy

from compare_trace import MASKED, tensors

PROMPT = "<image>Provide a one-sentence caption for the provided image."


def trace(binary, folder, number_format):
    with tempfile.TemporaryDirectory() as place:
        output = Path(place, "out.safetensors")
        command = [
            binary, "trace", "--model", folder, "--image", folder / "image_a.png", "--prompt", PROMPT, "--only",
            "input_ids,vq.token_ids,logits", "--number-format", number_format, "--output", output]
        ran = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if ran.returncode != 0:
            sys.exit(f"{folder}: {ran.stderr}")
        return tensors(output)


def torch_logits(folder, ids):
    """PyTorch's logits in bfloat16, the head's product included, as float32."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model = transformers.AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.bfloat16, attn_implementation="sdpa").eval()
    with torch.inference_mode():
        return model(input_ids=torch.tensor(ids[None].astype(numpy.int64))).logits[0].float().numpy()


def probabilities(logits):
    powers = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def compare(logits, exact):
    text = exact[0] != MASKED
    logits, exact = logits[:, text].astype(numpy.float64), exact[:, text].astype(numpy.float64)
    agree = (logits.argmax(axis=1) == exact.argmax(axis=1)).mean()
    variation = 0.5 * numpy.abs(probabilities(logits) - probabilities(exact)).sum(axis=1)
    error = numpy.abs(logits - exact).max() / numpy.abs(exact).max()
    return f"{100 * agree:.1f} % | {variation.mean():.4f} | {variation.max():.4f} | {error:.4f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/narrowgate", type=Path)
    parser.add_argument("folders", nargs="+", type=Path)
    options = parser.parse_args()
    print("| checkpoint | positions | side | same top token | mean total variation | worst | worst logit error |")
    print("|---|---|---|---|---|---|---|")
    for folder in options.folders:
        exact = trace(options.binary, folder, "float32")
        ours = trace(options.binary, folder, "bfloat16")
        ids = exact["input_ids"].copy()
        codes = exact["vq.token_ids"].reshape(-1)
        (values, counts) = numpy.unique(ids, return_counts=True)
        placeholder = values[counts == len(codes)][-1]
        ids[ids == placeholder] = codes
        head = f"| {folder.name} | {len(ids)}"
        print(f"{head} | narrowgate | {compare(ours['logits'], exact['logits'])} |")
        print(f"{head} | PyTorch | {compare(torch_logits(folder, ids), exact['logits'])} |", flush=True)


if __name__ == "__main__":
    main()
