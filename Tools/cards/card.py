#!/usr/bin/env python3
"""Measures a shipped model over HTTP and writes its card: Models/NAME/card.json (numbers) and README.md (the card).

    Tools/cards/card.py gate
    Tools/cards/card.py open --quick --output /tmp/card          # a smoke test of the whole way, in seconds
    Tools/cards/card.py gate --render                            # the text again, from the numbers that are there

Needs `make build` and nothing else. The pictures come from `narrowgate dataset scenes`, the answers from `narrowgate serve`.
"""
import argparse
import json
import pathlib

import measurements
import text
from datasets import scenes
from served import ROOT, Progress, server


def scores(client, name, drawn, cut, progress, what):
    """Captions, probes and questions: of all scenes clean, and of the first `cut` for each number of objects under all conditions."""
    captions = measurements.captions(client, name, drawn, cut)
    progress.done(f"{what}: captions")
    probes = measurements.probes(client, name, drawn, cut)
    progress.done(f"{what}: probes")
    third = {count: of_count[:-(-len(of_count) // 3)] for count, of_count in drawn.items()}
    questions = measurements.questions(client, name, third, cut // 3)
    progress.done(f"{what}: questions")
    return measurements.merged(captions, probes, questions)


def chosen_layer(rows):
    """The layer whose patch flips most; of equal ones the earliest."""
    return max(rows, key=lambda row: (row["flipped"]["share"], -row["layer"]))["layer"]


def measure(client, name, sizes):
    progress = Progress()
    answer = client.model(name)
    result = {"model": {key: answer[key] for key in ("layers", "heads", "hidden_size", "parameters", "bytes", "fingerprint", "presets")}}
    test = {count: scenes(client, "test", count, sizes.scenes) for count in measurements.COUNTS}
    unseen = {count: scenes(client, "test", count, sizes.unseen, "only") for count in measurements.COUNTS}
    validation = scenes(client, "validation", 1, sizes.pairs)
    progress.done("pictures drawn and uploaded")
    result["conditions"] = scores(client, name, test, sizes.cut, progress, "test")
    result["clean"] = result["conditions"].pop("all")
    result["unseen"] = scores(client, name, unseen, 0, progress, "held-out combinations")["all"]
    layer = chosen_layer(measurements.patching(client, name, validation, "eoi"))
    progress.done(f"validation: [EOI] patched at every layer; layer {layer} chosen")
    paired = test[1][:sizes.pairs]
    result["patching"] = {
        "chosen_layer": layer, "pairs": {attribute: len(measurements.pairs(paired, attribute)) for attribute in ("shape", "colour")},
        "eoi": measurements.patching(client, name, paired, "eoi"), "image": measurements.patching(client, name, paired, "image"),
        "eoi, colour": measurements.patching(client, name, paired, "eoi", "colour"),
        "caption": measurements.patched_captions(client, name, paired, layer)}
    progress.done("test: [EOI] and image tokens patched")
    attended = [scene for count in measurements.COUNTS for scene in test[count][:sizes.attended // 3]]
    result["attention"] = {"scenes": len(attended), "layers": measurements.attention(client, name, attended)}
    progress.done("attention by layer")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a folder of Models")
    parser.add_argument("--models", type=pathlib.Path, default=ROOT / "Models", help="where the model's folder is (default: Models)")
    parser.add_argument("--output", type=pathlib.Path, help="where README.md and card.json go (default: the model's folder)")
    parser.add_argument("--scenes", type=int, default=2000, help="test scenes for each number of objects (default: 2000)")
    parser.add_argument("--cut", type=int, default=300, help="how many of them are run under every condition (default: 300)")
    parser.add_argument("--unseen", type=int, default=300, help="scenes of held-out combinations for each number (default: 300)")
    parser.add_argument("--pairs", type=int, default=300, help="scenes of one object to make pairs of (default: 300)")
    parser.add_argument("--attended", type=int, default=150, help="scenes whose attention is read (default: 150)")
    parser.add_argument("--quick", action="store_true", help="a few scenes of everything: shows that it runs, measures nothing")
    parser.add_argument("--render", action="store_true", help="only write the text again")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.scenes = arguments.cut = arguments.unseen = arguments.pairs = arguments.attended = 12
    output = arguments.output or arguments.models / arguments.model
    output.mkdir(parents=True, exist_ok=True)
    if not arguments.render:
        with server(arguments.models) as client:
            result = measure(client, arguments.model, arguments)
        (output / "card.json").write_text(json.dumps(result, indent=1) + "\n")
    (output / "README.md").write_text(text.card(arguments.model, arguments.models / arguments.model, output))


if __name__ == "__main__":
    main()
