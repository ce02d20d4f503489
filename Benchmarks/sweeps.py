#!/usr/bin/env python3
"""What sweeps cost beside one caption, over HTTP, as a user would ask for them.

    Benchmarks/sweeps.py .build/release/narrowgate CHECKPOINT_FOLDER [turns]

Starts a server on a free port with a database of its own. Pictures are encoded once, before anything is timed. "cold" asks with a prompt
that was not asked with before, so that its clean runs are computed; "warm" asks again. Jobs report their own start and end;
captions are timed here. Prints medians over the turns, which alternate, so that other load meets all rows alike.
"""

import datetime
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

binary, checkpoint = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
turns = int(sys.argv[3]) if len(sys.argv) > 3 else 5
pictures = pathlib.Path(__file__).resolve().parent.parent / "Models" / "examples"


def ask(url, content, kind="application/json"):
    data = json.dumps(content).encode() if kind == "application/json" else content
    request = urllib.request.Request(url, data, {"Content-Type": kind, "Prefer": "wait=600"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def job(url, request):
    done = ask(url, request)
    assert done["status"] == "succeeded", done
    start, end = (datetime.datetime.fromisoformat(done[name].replace("Z", "+00:00")) for name in ("started_at", "ended_at"))
    return (end - start).total_seconds()


def caption(url, image, text, tokens):
    start = time.perf_counter()
    ask(url, {"model": checkpoint.name, "image": image, "prompt": {"text": text}, "max_tokens": tokens})
    return time.perf_counter() - start


def measure(server):
    base, source = (
        ask(f"{server}/v1/images", (pictures / name).read_bytes(), "image/png")["id"]
        for name in ("white-cross.png", "pink-square.png")
    )
    for image in (base, source):
        caption(f"{server}/v1/captions", image, "<image>first", 1)
    times = {}
    for turn in range(turns):
        text = f"<image>Provide a one-sentence caption for the provided image, number {turn}."
        pair = {"model": checkpoint.name, "pairs": [{"base": base, "source": source}]}
        knockouts = {
            "model": checkpoint.name, "variants": ["eoi", "image_to_text", "random_image"], "measure": {"max_tokens": 20},
        }
        patch = lambda text, **more: job(f"{server}/v1/patches", pair | {"prompt": {"text": text}} | more)
        cut = lambda text: job(f"{server}/v1/knockouts", knockouts | {"inputs": [{"image": base, "prompt": {"text": text}}]})
        rows = {
            "caption, 1 token (a prefill)": lambda: caption(f"{server}/v1/captions", base, text, 1),
            "caption, 20 tokens": lambda: caption(f"{server}/v1/captions", base, text, 20),
            "[EOI] patched at every layer, cold": lambda: patch(text),
            "[EOI] patched at every layer, warm": lambda: patch(text),
            "clean and three knockouts, 20 tokens, cold": lambda: cut(text + " Again."),
            "clean and three knockouts, 20 tokens, warm": lambda: cut(text + " Again."),
        }
        if turn == 0:
            rows["[EOI] patched at every layer, reuse off (once)"] = lambda: patch(text, reuse="off")
        for name, run in rows.items():
            times.setdefault(name, []).append(run())
    one = statistics.median(times["caption, 20 tokens"])
    print(f"{checkpoint.name}: medians of {turns}, seconds; beside a caption of 20 tokens")
    for name, values in times.items():
        print(f"{name:<48} {statistics.median(values):8.3f} {statistics.median(values) / one:8.2f}")


with tempfile.TemporaryDirectory() as folder:
    process = subprocess.Popen(
        [binary, "serve", "--port", "0", "--database", f"{folder}/bench.sqlite", "--models", checkpoint],
        stdout=subprocess.PIPE, text=True, cwd=folder)
    try:
        address = process.stdout.readline().split()[-1]
        measure(address)
    finally:
        process.terminate()
        process.wait()
