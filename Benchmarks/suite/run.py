#!/usr/bin/env python3
"""Measures narrowgate on one checkpoint, and with --peers PyTorch and nnsight beside it, in alternation, in one run.

    Benchmarks/suite/run.py SHAPE FOLDER [--peers] [--apart] [--turns 5] [--rows encode,prefill,…] [--without pictures]

Needs both products of a release build; --peers needs what Benchmarks/requirements.txt names. Every row's sides take turns;
printed are medians, and how they compare. Everything lands in .build/bench/SHAPE.json, from which report.py makes the tables of
docs/performance.md. Rows that are measured again replace the old ones.

--apart runs all of ours first, ends it, and then runs PyTorch: for models of which memory holds one. --seconds ends a side's turns
when they took that long, after the first.
"""
import argparse
import json
import os
import pathlib
import signal
import sys
import time

import narrowgate
import record
import rows


class Bench:
    """One checkpoint with the engines on it, started when a row first asks."""

    def __init__(self, options):
        self.folder = str(pathlib.Path(options.folder).resolve())
        config = json.loads(pathlib.Path(self.folder, "config.json").read_text())
        self.layers, self.config = config["num_hidden_layers"], config
        self.format = options.number_format or ("float32" if options.shape == "gate" else "bfloat16")
        self.threads, self.flags = options.threads, options.serve_flags.split()
        self.peer_layers = options.peer_layers or self.layers
        self.pictures = [rows.PICTURES / name for name in ("white-cross.png", "pink-square.png")]
        self.engines, self.images, self.made = {}, [], None
        self.clean_run_cache = 256

    def worker(self):
        if "server" in self.engines:
            self.close("server")  # one of ours at a time: each has the model's pages
        if "worker" not in self.engines:
            self.engines["worker"] = narrowgate.Worker(self.folder, self.format)
        return self.engines["worker"]

    def server(self):
        if "worker" in self.engines:
            self.close("worker")
        if "server" not in self.engines:
            server = self.engines["server"] = narrowgate.Server(
                self.folder, self.format, self.flags, self.clean_run_cache)
            server.wait()
            self.images = [server.picture(path.read_bytes()) for path in self.pictures]
            for image in self.images:
                answer = server.caption(image, rows.fresh_text(), 3)["answer"]  # encodes it, compiles kernels
            self.kernels = answer["provenance"]["kernels"]
        return self.engines["server"]

    def peer(self):
        if "peer" not in self.engines:
            import peer

            self.engines["peer"] = peer.Torch(self.folder, self.format, self.threads)
        return self.engines["peer"]

    def prompts(self):
        """The pair's two prompts, made once."""
        self.made = self.made or [self.peer().prompt(path, rows.fresh_text()) for path in self.pictures]
        return self.made

    def close(self, *names):
        for name in names or list(self.engines):
            engine = self.engines.pop(name, None)
            if hasattr(engine, "close"):
                engine.close()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape")
    parser.add_argument("folder")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", default="")
    parser.add_argument("--without", default="", help="rows to leave out")
    parser.add_argument("--without-peers", default="", help="of the sweep's peers: pytorch, nnsight, literal")
    parser.add_argument("--peer-layers", type=int, default=0, help="how many layers the peers' sweeps run (scaled to all)")
    parser.add_argument("--number-format", default="")
    parser.add_argument("--serve-flags", default="", help="more flags of narrowgate serve")
    return parser.parse_args()


def take_turns(row, sides, options):
    """Each side's turns; they alternate."""
    turns, spent = {name: [] for name in sides}, dict.fromkeys(sides, 0.0)
    for turn in range(-1 if row.warm and options.turns > 1 else 0, 1 if row.once else options.turns):
        for name, side in sides.items():
            if turn > 0 and spent[name] > options.seconds:
                continue
            start = time.perf_counter()
            result = side()
            if isinstance(result, dict):
                result.pop("answer", None)
            if turn >= 0:
                turns[name].append(result)
                spent[name] += time.perf_counter() - start
    return turns


def show(name, turns):
    """A line a side: its median, and beside the row's first side."""
    first = record.median(next(iter(turns.values())))
    for side, values in turns.items():
        middle = record.median(values)
        print(f"{name:>27} {side:>9} {middle * 1e3:>11.1f} ms {middle / first:>8.2f}   of {len(values)}", flush=True)


def facts(bench, saved):
    """What is counted rather than timed: the bytes a step reads, and this machine's and oneDNN's own speeds."""
    config, worker = bench.config, bench.worker()
    hidden, inner, width = config["hidden_size"], config["intermediate_size"], 2 if bench.format == "bfloat16" else 4
    heads, vocabulary = config["num_attention_heads"], config["vocab_size"]
    kept = config["num_key_value_heads"] * (hidden // heads)
    linear = config["num_hidden_layers"] * (2 * hidden * hidden + 2 * hidden * kept + 3 * hidden * inner)
    saved.set(
        parameters=worker.parameters, layers=bench.layers, tokens=rows.TOKENS,
        weight_bytes=sum(path.stat().st_size for path in pathlib.Path(bench.folder).glob("*.safetensors")),
        step_bytes={"layers": linear * width, "head": vocabulary * hidden * width, "cache": worker(f"cache {rows.TOKENS}")})
    bench.close("worker")
    saved.set(bandwidth=narrowgate.bandwidth(), products=narrowgate.products(hidden, inner, heads, rows.TOKENS))


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended, too
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(options.threads)
    os.environ["HF_HUB_OFFLINE"] = "1"
    saved, bench = record.Record(options.shape), Bench(options)
    names, without = set(filter(None, options.rows.split(","))), set(filter(None, options.without.split(",")))
    chosen = [row for row in rows.rows(bench) if (not names or row.name in names) and row.name not in without]
    unknown = (names | without) - {row.name for row in rows.rows(bench)} - {"facts"}
    if unknown:
        sys.exit(f"run.py: no rows {', '.join(sorted(unknown))}; rows are facts, "
                 + ", ".join(row.name for row in rows.rows(bench)))
    saved.set(shape=options.shape, number_format=bench.format, threads=options.threads)
    print(f"{options.shape}: {bench.format}, {options.threads} threads, up to {options.turns} turns, load {record.load()}",
          flush=True)
    try:
        if (not names or "facts" in names) and "facts" not in without:
            facts(bench, saved)
        # Room for a pair's runs, with what is kept of them beside their keys and values, and where sides take turns for those that the
        # others ask for between.
        prompt = (saved.content.get("step_bytes") or {}).get("cache", 0)
        bench.clean_run_cache = max(bench.clean_run_cache, int((2.5 if options.apart else 5) * prompt) >> 20)
        saved.set(clean_run_cache_mib=bench.clean_run_cache)
        passes = [lambda row: row.ours, lambda row: row.peers] if options.apart else [lambda row: row.ours | row.peers]
        for which in passes if options.peers else [lambda row: row.ours]:
            for row in chosen:
                left_out = options.without_peers.split(",")
                sides = {name: side for name, side in which(row).items() if name not in left_out or name in row.ours}
                if sides:
                    before = record.load()
                    turns = take_turns(row, sides, options)
                    saved.add(row.name, turns, before)
                    show(row.name, turns)
                if "server" in bench.engines:
                    saved.set(kernels=bench.kernels, server_peak_bytes=bench.engines["server"].peak)
            if options.apart:
                bench.close()
        if options.peers:
            import peer

            saved.set(versions=peer.versions())
    finally:
        bench.close()


if __name__ == "__main__":
    main()
