#!/usr/bin/env python3
"""Measures narrowgate and PyTorch (transformers, sdpa) on the same checkpoint, in alternation, in one run.

  peers.py FOLDER [--turns 5] [--threads 2] [--tokens 1050] [--only prefill,decode1,decode4,encode,...]

Needs torch and transformers, and `swift build -c release --product benchmarks`. Each measurement is one turn of
narrowgate's worker and one of PyTorch; printed are medians and their ratio. PyTorch gets its best honest form: logits of
the last position only, inference mode, the cache kept, no hooks. Both use the checkpoint's bfloat16, except picture
encoding, which is float32 on both sides.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder")
parser.add_argument("--turns", type=int, default=5)
parser.add_argument("--threads", type=int, default=os.cpu_count())
parser.add_argument("--tokens", type=int, default=1050)
parser.add_argument("--steps", type=int, default=16)
parser.add_argument("--only", default="prefill,decode1,decode4,decode8,decode16,encode")
parser.add_argument("--worker", default=str(pathlib.Path(__file__).resolve().parents[1] / ".build/release/benchmarks"))
options = parser.parse_args()
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = str(options.threads)
os.environ["HF_HUB_OFFLINE"] = "1"

import torch  # noqa: E402  (after the threads are set)
import transformers  # noqa: E402
from transformers import AutoModelForImageTextToText, DynamicCache  # noqa: E402

torch.set_num_threads(options.threads)
transformers.logging.set_verbosity_error()


class Ours:
    def __init__(self, folder):
        self.process = subprocess.Popen(
            [options.worker, "worker", folder, "bfloat16"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = self.process.stdout.readline().split()

    def __call__(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if answer.startswith("error"):
            sys.exit(answer)
        return float(answer)


class Theirs:
    def __init__(self, folder):
        self.model = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=torch.bfloat16, attn_implementation="sdpa").eval()
        self.vocabulary = self.model.config.get_text_config().vocab_size
        self.cache = None
        self.encoder = None
        self.folder = folder

    def ids(self, count):
        return torch.tensor([[4 + i * 7919 % (self.vocabulary - 4) for i in range(count)]])

    def forward(self, ids, cache):
        return self.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)

    @torch.inference_mode()
    def prefill(self, count):
        ids = self.ids(count)
        start = time.perf_counter()
        output = self.forward(ids, DynamicCache())
        seconds = time.perf_counter() - start
        self.cache = output.past_key_values
        return seconds

    @torch.inference_mode()
    def decode(self, count, sequences, steps):
        if self.cache is None:
            self.prefill(count)
        layers = [(layer.keys[:, :, :count], layer.values[:, :, :count]) for layer in self.cache.layers]
        cache = DynamicCache()
        for index, (keys, values) in enumerate(layers):
            cache.update(keys.repeat(sequences, 1, 1, 1), values.repeat(sequences, 1, 1, 1), index)
        ids = torch.full((sequences, 1), 5)
        start = time.perf_counter()
        for _ in range(steps):
            self.forward(ids, cache)
        return (time.perf_counter() - start) / steps

    @torch.inference_mode()
    def encode(self):
        if self.encoder is None:
            self.encoder = AutoModelForImageTextToText.from_pretrained(self.folder, dtype=torch.float32).model.vqmodel.eval()
            side = self.encoder.config.resolution
            self.pixels = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1
        start = time.perf_counter()
        self.encoder.encode(self.pixels)
        return time.perf_counter() - start


def main():
    ours, theirs = Ours(options.folder), Theirs(options.folder)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {options.threads} threads, "
          f"{options.tokens} tokens, medians of {options.turns}, load {os.getloadavg()[0]:.1f}")
    print(f"{'':>10} {'narrowgate':>12} {'PyTorch':>12} {'ratio':>7}")
    for name in options.only.split(","):
        if name == "prefill":
            pair = lambda: (ours(f"prefill {options.tokens}"), theirs.prefill(options.tokens))
        elif name == "encode":
            pair = lambda: (ours("encode"), theirs.encode())
        else:
            count = int(name.removeprefix("decode"))
            pair = lambda: (ours(f"decode {options.tokens} {count} {options.steps}"),
                            theirs.decode(options.tokens, count, options.steps))
        pair()  # caches fill, kernels compile
        turns = [pair() for _ in range(options.turns)]
        a, b = (statistics.median(turn[side] for turn in turns) for side in (0, 1))
        print(f"{name:>10} {a * 1e3:>9.1f} ms {b * 1e3:>9.1f} ms {b / a:>7.2f}", flush=True)


main()
