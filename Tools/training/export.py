"""Writes a checkpoint as a Chameleon folder that transformers loads unchanged.

    python export.py --work DIR --checkpoint DIR/open.pt --output ../../Models/open

Weights are stored in bfloat16. The folder is written beside its place and its
files are moved in only after transformers has loaded it and agreed with the
training model on the logits, so a reader never meets half a model.
"""
import argparse
import json
import os
import shutil

import torch
from safetensors.torch import load_file, save_file
from transformers import ChameleonConfig, ChameleonForConditionalGeneration

import language
import pictures
import vq
from measure import Texts
from model import IMAGE_TOKENS, PREFIX, LanguageModel, Shape, causal_text_bias
from batches import Speech
from scenes import SIDE
from tokenizer import BOS, END_OF_IMAGE, EOS, IMAGE, PAD, SEPARATOR, START_OF_IMAGE, UNK


def config(shape, tokenizer):
    """config.json in the dialect of the published Chameleon (`rope_theta`, `torch_dtype`)."""
    vocabulary = dict(sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1]))
    made = ChameleonConfig(
        vocab_size=shape.vocabulary, hidden_size=shape.hidden, intermediate_size=shape.inner, num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads, num_key_value_heads=shape.heads, max_position_embeddings=4096, rms_norm_eps=shape.epsilon,
        bos_token_id=0, pad_token_id=1, eos_token_id=2, tie_word_embeddings=False, swin_norm=False, vq_config=vq.CONFIG,
        vocabulary_map=vocabulary, architectures=["ChameleonForConditionalGeneration"])
    values = json.loads(made.to_json_string())
    for part in (values, values["vq_config"]):
        part.pop("dtype", None)
        part.pop("transformers_version", None)
    values.pop("rope_parameters", None)
    values["vq_config"].pop("rope_parameters", None)
    return values | {"rope_theta": shape.theta, "rope_scaling": None, "torch_dtype": "bfloat16", "transformers_version": "4.45.0"}


def tokenizer_config(tokenizer):
    specials = {BOS: "bos_token", EOS: "eos_token", PAD: "pad_token", UNK: "unk_token", SEPARATOR: "sep_token"}
    values = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, "model_max_length": 4096,
              "processor_class": "ChameleonProcessor", "image_token": IMAGE, "boi_token": START_OF_IMAGE, "eoi_token": END_OF_IMAGE}
    values |= {role: content for content, role in specials.items()}
    added = {str(i): {"content": t.content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
             for i, t in sorted(tokenizer.get_added_tokens_decoder().items())}
    return values | {"added_tokens_decoder": added}


PREPROCESSOR = {"crop_size": {"height": SIDE, "width": SIDE}, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True,
                "do_rescale": True, "do_resize": True, "image_mean": [1.0, 1.0, 1.0], "image_processor_type": "ChameleonImageProcessor",
                "image_std": [1.0, 1.0, 1.0], "processor_class": "ChameleonProcessor", "resample": 1,
                "rescale_factor": pictures.RESCALE, "size": {"shortest_edge": SIDE}}
PROCESSOR = {"processor_class": "ChameleonProcessor", "image_seq_length": IMAGE_TOKENS, "image_token": IMAGE}


def load_language_model(folder):
    """Our model with the weights of an exported folder, in float32, and the vision part's weights."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        values = json.load(file)
    shape = Shape(values["vocab_size"], values["hidden_size"], values["intermediate_size"], values["num_hidden_layers"],
                  values["num_attention_heads"], values["rope_theta"], values["rms_norm_eps"])
    tensors = {name: t.float() for name, t in load_file(os.path.join(folder, "model.safetensors")).items()}
    model = LanguageModel(shape)
    model.load_state_dict({name.removeprefix("model."): t for name, t in tensors.items() if "vqmodel" not in name})
    return model.eval(), {name.removeprefix("model.vqmodel."): t for name, t in tensors.items() if "vqmodel" in name}


def write(work, checkpoint, folder):
    """Everything but the model card."""
    os.makedirs(folder)
    speech = Speech(os.path.join(work, "tokenizer.json"))
    shape = Shape(**checkpoint["shape"])
    tensors = {name if name.startswith("lm_head") else "model." + name: t for name, t in checkpoint["model"].items()}
    tensors |= {"model.vqmodel." + name: t for name, t in vq.load(work).state_dict().items()}
    save_file({name: t.to(torch.bfloat16).contiguous() for name, t in tensors.items()},
              os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    shutil.copy(os.path.join(work, "tokenizer.json"), os.path.join(folder, "tokenizer.json"))
    for name, values in (("config.json", config(shape, speech.tokenizer)), ("tokenizer_config.json", tokenizer_config(speech.tokenizer)),
                         ("preprocessor_config.json", PREPROCESSOR), ("processor_config.json", PROCESSOR),
                         ("narrowgate.json", {"presets": language.PRESETS, "messages": "text"})):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            json.dump(values, file, indent=2, ensure_ascii=False)
            file.write("\n")


@torch.no_grad()
def compare(work, checkpoint, folder, count=16):
    """Largest logit difference between transformers, from pixels, and our model on the rounded weights and our codes."""
    speech = Speech(os.path.join(folder, "tokenizer.json"))
    theirs, problems = ChameleonForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not any(problems[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys")), problems
    ours = LanguageModel(Shape(**checkpoint["shape"])).eval()
    ours.load_state_dict({name: t.to(torch.bfloat16).float() for name, t in checkpoint["model"].items()})
    pixels, scenes = pictures.load(work, "validation")
    codes = torch.load(os.path.join(work, "validation.codes.pt"))[:count]
    texts = Texts(speech, speech.prefix(codes), [(language.PROMPTS["caption"], language.caption(s)) for s in scenes[:count]])
    hidden, _ = ours(texts.ids, torch.arange(texts.ids.shape[1]), causal_text_bias(texts.ids.shape[1]))
    placeholders = texts.ids.clone()
    placeholders[:, 2:PREFIX - 1] = speech.tokenizer.token_to_id(IMAGE)
    result = theirs.eval()(input_ids=placeholders, pixel_values=pictures.normalised(pixels[:count])).logits
    own = ours.lm_head(hidden)
    text = torch.ones(own.shape[-1], dtype=torch.bool)
    text[speech.codes] = False
    return float((result - own)[..., text].abs().max()), float(own[..., text].abs().max())


def main():
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--output", required=True)
    arguments = parser.parse_args()
    output = os.path.abspath(arguments.output)
    fresh = f"{output}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    checkpoint = torch.load(arguments.checkpoint)
    write(arguments.work, checkpoint, fresh)
    difference, largest = compare(arguments.work, checkpoint, fresh)
    print(f"{[(part['recipe'], part.get('steps')) for part in checkpoint['history']]}: largest logit difference to transformers {difference:.2e} (of {largest:.1f})")
    assert difference < 1e-3
    os.makedirs(output, exist_ok=True)
    for name in sorted(os.listdir(fresh)):
        os.chmod(os.path.join(fresh, name), 0o644)
        os.replace(os.path.join(fresh, name), os.path.join(output, name))
    os.rmdir(fresh)
    print("bytes", {name: os.path.getsize(os.path.join(output, name)) for name in sorted(os.listdir(output))})


if __name__ == "__main__":
    main()
