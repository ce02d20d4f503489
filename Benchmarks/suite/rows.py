"""The rows of the tables: what each side does for each. A row's sides take turns, so that other load meets all alike."""
import itertools
import os
import pathlib
import struct
import subprocess
import sys
import time
import zlib

import narrowgate

PICTURES = narrowgate.ROOT / "Models" / "examples"
TOKENS, STEPS, CAPTION, LONG, TOGETHER = 1050, 16, 20, 60, 8
serial = itertools.count(os.getpid() * 100 % 90_000)


def fresh_text():
    """A prompt that nobody asked before, so that no run is found in a cache; always as many tokens: TOKENS in all, but one."""
    return f"<image>Caption image number {next(serial) % 100_000:05}."


def noise(side=512):
    """A PNG file of a picture that was never seen before."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    pixels = b"".join(b"\0" + os.urandom(3 * side) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels, 1)) + chunk(b"IEND", b"")


class Row:
    """Sides by name; those of `peers` are PyTorch's. `warm`: whether a first turn of each is not counted. `once`: whether
    one turn is enough, as nothing asked is decided by it."""

    def __init__(self, name, ours, peers=None, warm=False, once=False):
        self.name, self.ours, self.peers, self.warm, self.once = name, ours, peers or {}, warm, once


def start_row(bench):
    """From the process's start to the first token of a caption, the files being in the page cache."""

    def ours():
        server = narrowgate.Server(bench.folder, bench.format, bench.flags, bench.clean_run_cache)
        try:
            ready = server.wait()
            image = server.picture(bench.pictures[0].read_bytes())
            first = server.stream(image, fresh_text(), 1, since=server.started)["first"]
            server.caption(image, fresh_text(), CAPTION)
            return {"seconds": first, "listening": server.listening, "ready": ready, "peak_bytes": server.peak}
        finally:
            server.close()

    def pytorch():
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, pathlib.Path(__file__).with_name("peer.py"), bench.folder, bench.format, str(bench.threads),
             bench.pictures[0], fresh_text()], stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        first = time.perf_counter() - begun
        rest = process.communicate()[0]
        if process.returncode != 0:
            raise SystemExit("peer.py ended before its caption did; what it said is above")
        since_import, peak = float(line.split()[1]), int(rest.split()[1])
        return {"seconds": first, "without_imports": since_import, "peak_bytes": peak}

    return Row("start", {"ours": ours}, {"pytorch": pytorch}, warm=True)


def model_rows(bench):
    """What the model alone takes, without a server."""
    ours, peer = bench.worker, bench.peer
    config = bench.config
    kept = config["hidden_size"] // config["num_attention_heads"] * config["num_key_value_heads"]
    prompt_bytes = 4 * bench.layers * kept * TOKENS
    rows = [  # pictures first: their memory is counted from the loaded model on
        Row("encode", {"ours": lambda: ours().encoding()}, {"pytorch": lambda: peer().encode()}, warm=True),
        Row("prefill", {"ours": lambda: ours()(f"prefill {TOKENS}")}, {"pytorch": lambda: peer().prefill(TOKENS)},
            warm=True),
    ]
    for count in (1, 4, 8, 16):
        sides = {"pytorch": lambda count=count: peer().decode(TOKENS, count, STEPS)}
        # Its sequences have a copy of the prompt's keys and values each: 16 of 7b's do not fit beside the model.
        rows.append(Row(
            f"decode{count}", {"ours": lambda count=count: ours()(f"decode {TOKENS} {count} {STEPS}")},
            sides if count * prompt_bytes < 6e9 else {}, warm=True))
    return rows


def caption_row(bench):
    """A caption of 20 tokens: plain, with a cut, with a patch whose source's run is at hand. The picture is encoded."""

    def ours(**more):
        return bench.server().caption(bench.images[0], fresh_text(), CAPTION, receipt="brief", **more)

    asked = []

    def patched():
        server = bench.server()
        source = {"image": bench.images[1], "prompt": {"text": "<image>Provide a one-sentence caption of it."}}
        patches = {"interventions": {"patches": [
            {"site": "resid_in", "layers": [bench.layers // 2], "positions": "eoi", "source": source}]}}
        if server not in asked:  # makes the source's run
            server.caption(bench.images[0], fresh_text(), 1, **patches)
            asked.append(server)
        return ours(**patches)

    return Row("caption", {
        "ours": ours, "cut": lambda: ours(interventions={"knockouts": [{"queries": "text", "keys": "eoi"}]}),
        "patched": patched,
    }, {"pytorch": lambda: bench.peer().caption(bench.prompts()[0], CAPTION)})


def knockout_row(bench):
    """The paper's row: clean and three cuts, 20 tokens each, beside one caption of 20 tokens."""

    def job(variants, text):
        return bench.server().job("/v1/knockouts", {
            "variants": variants, "measure": {"max_tokens": CAPTION},
            "inputs": [{"image": bench.images[0], "prompt": {"text": text}}]})

    plain = ["eoi", "image_to_text", "random_image"]
    text = {}

    def cold():
        text["last"] = fresh_text()
        return job(plain, text["last"])

    return Row("knockouts", {
        "caption": lambda: bench.server().caption(bench.images[0], fresh_text(), CAPTION),
        "cold": cold, "warm": lambda: job(plain, text["last"]),
        "paper": lambda: job([f"{name}.paper" for name in plain], fresh_text()),
    })


def sweep_row(bench):
    """[EOI] patched at every layer, the next token measured, one pair, pictures encoded before."""
    text = {}

    def job(text, **more):
        return bench.server().job("/v1/patches", {
            "pairs": [{"base": bench.images[0], "source": bench.images[1]}], "prompt": {"text": text}} | more)

    def cold():
        text["last"] = fresh_text()
        return job(text["last"])

    def layers(count):
        every = bench.layers
        count = min(count, every)
        return sorted({round(index * (every - 1) / max(1, count - 1)) for index in range(count)})

    return Row("sweep", {"ours": cold, "warm": lambda: job(text["last"])}, {
        "prefill": lambda: bench.peer().prefill(TOKENS),
        "pytorch": lambda: bench.peer().hooked_sweep(*bench.prompts(), layers(bench.peer_layers)),
        "nnsight": lambda: bench.peer().nnsight_sweep(*bench.prompts(), layers(bench.peer_layers)),
        "literal": lambda: bench.peer().literal_sweep(*bench.prompts(), layers(2)),
    })


def reuse_off_row(bench):
    """The same sweep with every run computed from its first token: what reuse saves within narrowgate."""
    return Row("sweep_without_reuse", {"ours": lambda: bench.server().job("/v1/patches", {
        "pairs": [{"base": bench.images[0], "source": bench.images[1]}], "prompt": {"text": fresh_text()},
        "reuse": "off"})}, once=True)


def together_rows(bench):
    """Eight captions at once beside eight one at a time: of one picture, and of eight that were never seen before."""

    def same(together, texts):
        def turn():
            server, asked = bench.server(), texts()  # what is asked before is not timed
            calls = [
                lambda start, text=text, seed=seed: server.caption(
                    bench.images[0], text, LONG, temperature=1, seed=seed)
                for seed, text in enumerate(asked)
            ]
            start = time.perf_counter()
            results, seconds = server.together(calls) if together else ([call(0) for call in calls], None)
            seconds = seconds or time.perf_counter() - start
            tokens = sum(result["tokens"] for result in results)
            # Drawn texts may end early; what is compared is the time of a token.
            return {"seconds": seconds / tokens, "wall": seconds, "tokens": tokens}

        return turn

    def different(together):
        def turn():
            server, text = bench.server(), fresh_text()
            images = [server.picture(noise()) for _ in range(TOGETHER)]
            calls = [lambda start, image=image: server.stream(image, text, CAPTION, since=start) for image in images]
            start = time.perf_counter()
            if together:
                results, _ = server.together(calls)
            else:
                results = [call(start) for call in calls]
            return {"seconds": time.perf_counter() - start, "first": sorted(result["first"] for result in results)}

        return turn

    def read():
        text = fresh_text()
        bench.server().caption(bench.images[0], text, 1)
        return [text] * TOGETHER

    one = lambda: [fresh_text()] * TOGETHER
    each = lambda: [fresh_text() for _ in range(TOGETHER)]
    return [
        Row("same_picture", {"one": same(False, one), "together": same(True, one)}),
        Row("same_prompt", {"one": same(False, read), "together": same(True, read)}),
        Row("same_picture_other_prompts", {"one": same(False, each), "together": same(True, each)}),
        Row("pictures", {"one": different(False), "together": different(True)}),
    ]


def rows(bench):
    return [
        start_row(bench), *model_rows(bench), caption_row(bench), knockout_row(bench), sweep_row(bench),
        reuse_off_row(bench), *together_rows(bench),
    ]
