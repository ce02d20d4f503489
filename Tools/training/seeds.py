"""The trained seeds side by side, from what `evaluate.py` wrote for each, and which seed is to be shipped.

    python seeds.py --work DIR                     # chooses: on validation
    python seeds.py --work DIR --split test        # only shows

The rule, fixed before any test scene was looked at: gate and open of one seed are shipped, so that they share a start; the seed
is the one whose gate has the most exact captions on validation.
"""
import argparse
import json
import os

MEASURES = {"caption, 1 object": "1 object", "caption, 2 objects": "2 objects", "caption, 3 objects": "3 objects", "probe": "probe",
            "probe.colour": "colour", "vqa": "questions"}
CUTS = {"none": "nothing", "image_to_text": "image cut", "eoi, layers ≥ 1": "[EOI] cut, layers ≥ 1", "both": "both cut"}


def rows(name, result):
    """A line of Markdown for each cut, and the flips of patching [EOI]."""
    for cut, words in CUTS.items():
        scores = result["knockouts"][cut]
        shares = " | ".join(f"{100 * scores[m]['share']:.1f} ({100 * scores[m]['low']:.1f}–{100 * scores[m]['high']:.1f})" for m in MEASURES)
        flips = " ".join(f"{100 * row['flipped']:.1f}" for row in result["patching"]["probe"]) if cut == "none" else ""
        yield f"| {name} | {words} | {shares} | {flips} |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--split", default="validation")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    results = {}
    for recipe in ("gate", "open"):
        for seed in arguments.seeds:
            with open(os.path.join(arguments.work, f"{recipe}-{seed}.{arguments.split}.json"), encoding="utf-8") as file:
                results[recipe, seed] = json.load(file)
    print(f"| {arguments.split} | cut | {' | '.join(MEASURES.values())} | [EOI] patch flips, layers 0… |")
    print("|" + "---|" * (len(MEASURES) + 3))
    for (recipe, seed), result in results.items():
        print("\n".join(rows(f"{recipe} {seed}", result)))
    if arguments.split == "validation":
        best = max(arguments.seeds, key=lambda seed: results["gate", seed]["knockouts"]["none"]["caption"]["share"])
        print(f"\nto be shipped: seed {best}")


if __name__ == "__main__":
    main()
