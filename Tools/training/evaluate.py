"""Measures an exported model and writes the numbers as JSON.

    python evaluate.py --work DIR --model DIR/export/gate --split test --output DIR/gate.test.json

Everything is measured on the file as exported: codes come from its own picture tokenizer, applied to
the pictures. `validation` is for choices, `test` for the bars; `unseen` has only objects whose shape,
colour and size never occurred together in training. Shares come with 95 % Wilson intervals.
"""
import argparse
import json
import os

import torch
from PIL import Image
from transformers import ChameleonForConditionalGeneration, ChameleonVQVAEConfig
from transformers.models.chameleon.image_processing_pil_chameleon import ChameleonImageProcessorPil
from transformers.models.chameleon.modeling_chameleon import ChameleonVQVAE

import language
import pictures
import vq
from batches import Speech
from export import load_language_model
from measure import Yardstick, drawing_preference
from model import IMAGE_TOKENS
from tokenizer import END_OF_IMAGE, IMAGE, START_OF_IMAGE

WITHHELD = ("none", "image_to_text", "eoi", "eoi, layers ≥ 1", "both")       # "both": the picture withheld


def codes_from_file(folder, tensors, pixels):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        encoder = ChameleonVQVAE(ChameleonVQVAEConfig(**json.load(file)["vq_config"]))
    encoder.load_state_dict(tensors)
    return vq.codes_of(encoder.eval(), pictures.normalised(pixels))


def codes(folder, tensors, work, split, pixels):
    """Codes of the first pictures of a split by the exported encoder; kept beside the pictures, since the models share it."""
    path = os.path.join(work, f"{split}.codes.pt")
    kept = torch.load(path).long() if os.path.exists(path) else torch.zeros(0, IMAGE_TOKENS).long()
    if len(kept) < len(pixels):
        kept = torch.cat((kept, codes_from_file(folder, tensors, pixels[len(kept):])))
        torch.save(kept.to(torch.int16), path)
    agree = (codes_from_file(folder, tensors, pixels[:100]) == kept[:100]).float().mean()
    return kept[:len(pixels)], float(agree)


@torch.no_grad()
def greedy_captions(folder, images):
    """Captions by transformers' own generate, from pictures, one at a time."""
    speech = Speech(os.path.join(folder, "tokenizer.json"))
    model = ChameleonForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    with open(os.path.join(folder, "preprocessor_config.json"), encoding="utf-8") as file:
        processor = ChameleonImageProcessorPil(**{k: v for k, v in json.load(file).items() if not k.endswith(("_type", "_class"))})
    with open(os.path.join(folder, "narrowgate.json"), encoding="utf-8") as file:
        text = json.load(file)["presets"]["caption"]["text"]
    text = text.replace(IMAGE, START_OF_IMAGE + IMAGE * IMAGE_TOKENS + END_OF_IMAGE)
    ids = torch.tensor([speech.tokenizer.encode(text).ids])
    said = []
    for image in images:
        pixel_values = processor(images=[image], return_tensors="pt")["pixel_values"]
        out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=pixel_values, max_new_tokens=30, do_sample=False)
        answer = out[0, ids.shape[1]:].tolist()
        ended = answer[-1] == speech.eos
        said.append((speech.tokenizer.decode(answer[:-1] if ended else answer, skip_special_tokens=False), ended))
    return said


def main():
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("--count", type=int, help="use only so many scenes, a third of each number of objects")
    parser.add_argument("--knockouts", nargs="+", default=list(WITHHELD))
    parser.add_argument("--generate", type=int, default=0, help="captions to check against transformers' generate")
    arguments = parser.parse_args()
    speech = Speech(os.path.join(arguments.model, "tokenizer.json"))
    model, tensors = load_language_model(arguments.model)
    pixels, scenes = pictures.load(arguments.work, arguments.split)
    count = arguments.count or len(scenes)
    pixels, scenes = pixels[:count], scenes[:count]
    kept, agree = codes(arguments.model, tensors, arguments.work, arguments.split, pixels)
    yardstick = Yardstick(speech, scenes, speech.prefix(kept))
    result = {"split": arguments.split, "scenes": len(scenes), "objects": torch.bincount(yardstick.counts)[1:].tolist(),
              "codes_agree": agree, "knockouts": {}, "patching": {}}
    for name in arguments.knockouts:
        result["knockouts"][name] = yardstick.score_with_intervals(model, name)
        print(name, {k: round(v["share"], 4) for k, v in result["knockouts"][name].items()}, flush=True)
    if arguments.split != "unseen" and len(arguments.knockouts) > 1:
        for kind in yardstick.probes:
            result["patching"][kind] = yardstick.patching(model, kind, captions=kind == "probe")
            print(kind, *result["patching"][kind], sep="\n", flush=True)
        result["drawing"] = drawing_preference(model, speech, scenes[:512], speech.prefix(kept[:512]))
        print("drawing", result["drawing"], flush=True)
    if arguments.generate:
        said = greedy_captions(arguments.model, [Image.fromarray(p) for p in pixels[:arguments.generate]])
        exact = [ended and text == language.caption(scene) for (text, ended), scene in zip(said, scenes)]
        result["generate"] = {"captions": len(said), "exact": sum(exact), "ended": sum(ended for _, ended in said)}
        print(result["generate"], said[:5])
    with open(arguments.output, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
