#!/usr/bin/env python3
"""Writes what was measured into docs/performance.md, between its markers, and the plots into docs/plots.

    Benchmarks/suite/report.py [--page docs/performance.md]

Reads .build/bench/*.json, which run.py, scaling.py, estimates.py and Benchmarks/serving/run.py leave. Text outside the markers is
nobody's but its author's.
"""
import argparse
import json
import pathlib
import sys

import bars
import plot
import record
import serving
from bars import Measured, ratio

BEGIN, END = "<!-- begin: written by Benchmarks/suite/report.py -->", "<!-- end -->"
ROOT = record.ROOT


def seconds(value):
    if value is None:
        return "–"
    if value < 0.0995:
        return f"{value * 1e3:.1f} ms"
    return f"{value * 1e3:.0f} ms" if value < 1 else f"{value:.2f} s" if value < 100 else f"{value:.0f} s"


def times(value):
    return "–" if value is None else f"{value:.2f}×" if value < 10 else f"{value:.0f}×"


def gigabytes(value):
    return "–" if value is None else f"{value / 1e9:.2f} GB"


def table(head, lines):
    """A table of the lines that say anything."""
    kept = [line for line in lines if any(cell != "–" for cell in line[1:])]
    if not kept:
        return []
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(line) + " |" for line in kept), ""]


def circumstances(records):
    """Machine, versions, dates: of each record, as they may differ."""
    lines = []
    for shape, content in records.items():
        machine, rows = content["machine"], content["rows"].values()
        loads = [load for row in rows for load in row["load"]]
        kernels, versions = content.get("kernels") or {}, content.get("versions") or {}
        named = [f"OpenBLAS {kernels.get('openblas')}", f"oneDNN {kernels.get('onednn')}", f"own kernels {kernels.get('own')}"]
        named += [f"{name} {version}" for name, version in versions.items()]
        lines.append(
            f"- `{shape}`: {min(row['date'] for row in rows)} to {max(row['date'] for row in rows)} UTC; commit "
            f"{', '.join(sorted({row['commit'] for row in rows}))}; load {min(loads)} to {max(loads)}; "
            f"{content.get('number_format', 'bfloat16')}, {content.get('threads', 2)} threads, "
            f"{content.get('clean_run_cache_mib')} MiB for clean runs"
            + (f"; {', '.join(named)}" if kernels else ""))
    machine = next(iter(records.values()))["machine"]
    first = (f"{machine['processor']}, {machine['cores']} virtual cores, {' '.join(machine['flags'])}, last cache "
             f"{machine['last_cache']}, {machine['memory_gib']} GiB; {machine['system']}, Linux {machine['kernel']}, "
             f"{machine['swift']}.")
    return [first, "", *lines, ""]


def bar_table(records):
    shapes = [shape for shape in bars.SHAPES if shape in records]
    lines = [[what, bar] + [
        f"{results[shape][0]} {'met' if results[shape][1] else '**missed**'}" if shape in results else "–" for shape in shapes]
        for what, bar, results in bars.lines(records)]
    lines = [line for line in lines if any(cell != "–" for cell in line[2:])]
    return ["### The bars", "", *table(["", "asked", *shapes], lines)] if lines else []


def model_table(measured):
    names = [("prefill", "prefill of {} tokens"), *((f"decode{n}", f"a decode step of {n} sequence{'s' * (n > 1)}")
                                                  for n in (1, 4, 8, 16)), ("encode", "a picture to codes, float32")]
    lines = []
    for row, text in names:
        ours, theirs = measured.median(row, "ours"), measured.median(row, "pytorch")
        speed = {"prefill": measured.get("tokens")}.get(row) or (int(row[6:]) if row.startswith("decode") else None)
        lines.append([text.format(measured.get("tokens")), seconds(ours), f"{speed / ours:.0f}" if speed and ours else "",
                      seconds(theirs), times(ratio(theirs, ours))])
    ours, theirs = measured.median("start", "ours"), measured.median("start", "pytorch")
    lines.append(["process start to first caption token", seconds(ours), "", seconds(theirs), times(ratio(theirs, ours))])
    lines.append(["peak memory of that process, 20 tokens later", gigabytes(measured.worst("start", "ours", "peak_bytes")), "",
                  gigabytes(measured.worst("start", "pytorch", "peak_bytes")), ""])
    return table(["", "narrowgate", "tokens/s", "PyTorch", "PyTorch / narrowgate"],
                 [line for line in lines if line[1] != "–" or line[3] != "–"])


def intervention_table(measured):
    one = measured.median("caption", "ours")
    four = measured.median("knockouts", "caption")
    length = measured.median("caption", "ours", "tokens")
    ended = "" if length in (None, 20) else f" (it ends after {length:.0f})"
    lines = [
        (f"a caption of 20 tokens{ended}", one, one), ("… with a text → [EOI] knockout", measured.median("caption", "cut"), one),
        ("… with [EOI] patched from a cached source", measured.median("caption", "patched"), one),
        ("… in PyTorch, a loop of forward passes", measured.median("caption", "pytorch"), one),
        ("clean, `eoi`, `image_to_text`, `random_image`, 20 tokens each, cold", measured.median("knockouts", "cold"), four),
        ("the same, clean run cached", measured.median("knockouts", "warm"), four),
        ("the `.paper` variants (queries `all` for two of them), cold", measured.median("knockouts", "paper"), four),
        ("[EOI] patched at every layer, one pair, cold", measured.median("sweep", "ours"), one),
        ("the same, clean runs cached", measured.median("sweep", "warm"), one),
        ("the same with `\"reuse\": \"off\"`, one turn", measured.median("sweep_without_reuse", "ours"), one),
    ]
    return table(["over HTTP, results stored; pictures encoded before", "time", "in such captions"],
                 [[text, seconds(value), times(ratio(value, base))] for text, value, base in lines if value])


def sweep_table(measured):
    cold, warm = measured.median("sweep", "ours"), measured.median("sweep", "warm")
    lines = [["narrowgate, clean runs computed", "", seconds(cold), "1.00×", "–"],
             ["narrowgate, clean runs cached", "", seconds(warm), times(ratio(warm, cold)), "1.00×"]]
    for side, text in (("pytorch", "PyTorch, hooked: codes computed once, last logits, sdpa, no cache"),
                       ("nnsight", "nnsight, the same"),
                       ("literal", "as the paper's code: codes in every pass, all logits, eager attention")):
        turns = measured.turns("sweep", side)
        if turns:
            total, run = measured.median("sweep", side), measured.median("sweep", side, "layers_run")
            each, every = measured.median("sweep", side, "patched"), measured.get("layers")
            how = f"{every:.0f} layers" if run == every else f"{run:.0f} of {every} layers, {seconds(each)} each, scaled"
            lines.append([text, f"{how}; {len(turns)} turn{'s' * (len(turns) > 1)}", seconds(total), times(ratio(total, cold)),
                          times(ratio(total, warm))])
    prefill = measured.median("sweep", "prefill")
    if prefill and warm:
        lines.append(["one prefill of PyTorch's", "", seconds(prefill), times(ratio(prefill, cold)), times(ratio(prefill, warm))])
    return table(["[EOI] patched at every layer, one pair", "measured", "time", "over cold", "over warm"],
                 [line for line in lines if line[2] != "–"])


def together_table(measured):
    lines = []
    for row, text in (("same_picture", "8 captions of one picture and prompt, drawn, up to 60 tokens"),
                      ("same_prompt", "the same, the prompt read before"),
                      ("same_picture_other_prompts", "8 captions of one picture, 8 prompts")):
        one, both = (measured.median(row, side) for side in ("one", "together"))
        if one:
            lines.append([text, f"{1 / one:.0f} tokens/s", f"{1 / both:.0f} tokens/s", times(ratio(one, both)), ""])
    one, both = (measured.median("pictures", side) for side in ("one", "together"))
    if one:
        firsts = [record.median([turn["first"][index] for turn in measured.turns("pictures", "together")]) for index in (0, 4, 7)]
        lines.append(["8 new pictures, 20 tokens each", seconds(one), seconds(both), times(ratio(one, both)),
                      "first tokens after " + ", ".join(map(seconds, firsts)) + " (first, fifth, last)"])
    return table(["", "one after another", "together", "gain", ""], lines)


def reads(measured):
    """What a step reads and what the machine can."""
    bytes_read, speed, step = bars.step_bytes(measured), bars.read_bandwidth(measured), measured.median("decode1", "ours")
    if not (bytes_read and speed and step):
        return []
    parts, ways = measured.get("step_bytes"), measured.get("bandwidth")
    best = max(ways, key=lambda way: ways[way][1])
    here, library, attention = bars.layer_products(measured)
    products = (f" A layer's linear products over the prompt take {seconds(here)} here and {seconds(library)} in oneDNN alone; "
                f"attention's two, over all pairs of positions, {seconds(attention)} there.")
    return [
        f"A step of one sequence after {measured.get('tokens')} tokens reads {parts['layers'] / 1e6:.0f} MB of layers' weights, "
        f"{parts['head'] / 1e6:.0f} MB of the head and {parts['cache'] / 1e6:.0f} MB of keys and values: "
        f"{bytes_read / step * 1e-9:.1f} GB/s. A loop that only reads memory, {measured.get('threads')} threads, reaches "
        f"{speed * 1e-9:.1f} GB/s ({best} runs a thread; "
        + ", ".join(f"{way}: {middle:.1f}" for way, (_, middle) in ways.items())
        + ")." + (products if measured.get("number_format") == "bfloat16" else ""), ""]


def scaling(content, folder):
    """The plot's file, and what it says."""
    if not content or "fit" not in content:
        return []
    measured = [[(p["x"], p["seconds"] * 1e3) for p in content[name]] for name in ("by_layer", "by_count", "by_depth")]
    fitted = [[(p["x"], p["fitted"] * 1e3) for p in content[name]] for name in ("by_layer", "by_count", "by_depth")]
    prefill = [(p["x"], p["prefill"] * 1e3) for p in content["by_depth"]]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sweeps.svg").write_text(plot.figure([
        plot.panel("[EOI] patched at one layer", "layer that the patch enters", "ms",
                   [("", measured[0], False), ("", fitted[0], True)]),
        plot.panel("cuts of the text's attention", "variants in the job", "ms",
                   [("", measured[1], False), ("", fitted[1], True)]),
        plot.panel("[EOI] patched at every layer", "layers of the model", "ms",
                   [("", measured[2], False), ("sweep, predicted", fitted[2], True),
                    ("", prefill, False), ("one caption token", prefill, True)]),
    ]))
    (a, b, c), row = (content["fit"][name] for name in "abc"), content["rows"]["all"]
    worst = max(abs(p["fitted"] / p["seconds"] - 1) for p in content["by_depth"])
    size, depth = content["rows_in_cone"], content["depth"]
    return [
        "### Against layers and variants", "", "![time of sweeps against layers and variants](plots/sweeps.svg)", "",
        f"On `190m` with clean runs cached, medians of {content['turns']} ({row['date']} UTC, commit {row['commit']}, load "
        f"{row['load'][0]} to {row['load'][1]}). Points are measured. The lines of the first two are one fit: "
        f"{a * 1e3:.1f} ms a job, {b * 1e3:.2f} ms for every layer that the variants go through together (its weights are read once), and "
        f"{c * 1e6:.0f} µs for every token and layer in a variant's cone; R² {content['fit']['explained']:.3f}. A patch that enters "
        f"layer *l* of {depth} has {size} rows, [EOI] and what follows it, in the {depth} − *l* layers from there on, and no others; "
        "so its cost falls to nothing towards the last layer, and a sweep over all layers costs half of what as many cuts through "
        f"all layers would. The line of the third is not fitted but predicted from the same three numbers for models of other depth: {size} · "
        f"*L* (*L* − 1) / 2 token-layers. It is off by at most {worst * 100:.0f} %. Beside it one caption token, that is, a prefill, which "
        "grows with *L* alone.", ""]


def estimates(content):
    """What dry runs said over what happened."""
    if not content:
        return []

    def cells(turn):
        return [f"{turn['checkpoint']}: {turn['row']}", turn["state"], seconds(turn["seconds"]), times(turn["seconds_ratio"]),
                f"{turn['bytes'] / 1e6:.1f} MB", times(turn["bytes_ratio"])]

    return ["### Dry runs", "", f"What a dry run said over what the job then took; commit {content['commit']}, load "
            f"{content['load'][0]} to {content['load'][1]}.", "",
            *table(["", "caches", "took", "said / took", "process's peak", "said / took"],
                   [cells(turn) for turn in content["turns"]])]


def page(records, plots):
    shapes = {name: content for name, content in records.items() if name not in ("scaling", "server", "estimates")}
    lines = [*circumstances(shapes), *bar_table(shapes)] if shapes else []
    for shape in ("gate", *bars.SHAPES):
        if shape in shapes:
            measured = Measured(shapes[shape])
            lines += [f"### `{shape}`", "", *model_table(measured), *intervention_table(measured), *sweep_table(measured),
                      *together_table(measured), *reads(measured)]
    lines += scaling(records.get("scaling"), plots) + estimates(records.get("estimates"))
    lines += serving.section(records.get("server"))
    return "\n".join(lines).rstrip() + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=pathlib.Path, default=ROOT / "docs" / "performance.md")
    options = parser.parse_args()
    names = ("gate", *bars.SHAPES, "scaling", "server", "estimates")
    paths = {name: record.FOLDER / f"{name}.json" for name in names}
    records = {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}
    records = {name: content for name, content in records.items() if content.get("rows") or content.get("turns")}
    if not records.keys() - {"scaling", "estimates"}:
        sys.exit(f"report.py: nothing measured in {record.FOLDER}; make bench measures")
    text = options.page.read_text()
    if BEGIN not in text or END not in text:
        sys.exit(f"report.py: {options.page} lacks the lines {BEGIN} and {END}")
    before, rest = text.split(BEGIN, 1)
    options.page.write_text(
        f"{before}{BEGIN}\n\n{page(records, options.page.parent / 'plots')}\n{END}{rest.split(END, 1)[1]}")
    print(f"report: {options.page} from {', '.join(records)}")


if __name__ == "__main__":
    main()
