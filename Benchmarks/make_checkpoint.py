#!/usr/bin/env python3
"""Makes a Chameleon checkpoint of random bfloat16 weights, for measuring speed. Needs nothing but Python.

  make_checkpoint.py SHAPE FOLDER [LAYERS]   SHAPE: 190m, 1b, 7b (Chameleon-7B's own; 14 GB, in 8 shards)

The tokenizer, vocabulary and settings are those of Models/gate, with as many image tokens as the shape has codes. A
weight's sign and mantissa are random and its exponent is not, so that magnitudes lie within a factor of two: states
stay of ordinary size through all layers. The same shape has the same bytes on every machine.
"""
import json
import math
import pathlib
import random
import struct
import sys

SHAPES = {
    "190m": dict(hidden=1024, intermediate=2752, layers=12, heads=8, vocabulary=16384, shards=1),
    "1b": dict(hidden=2048, intermediate=5504, layers=16, heads=16, vocabulary=16384, shards=1),
    "7b": dict(hidden=4096, intermediate=11008, layers=32, heads=32, vocabulary=65536, shards=8),
}
CODES, RESOLUTION, BASE, MULTIPLIERS, BLOCKS, LATENT = 8192, 512, 128, [1, 1, 2, 2, 4], 2, 256
GATE = pathlib.Path(__file__).resolve().parents[1] / "Models" / "gate"


def decoder_tensors(shape):
    hidden, inner, heads = shape["hidden"], shape["intermediate"], shape["heads"]
    size = hidden // heads
    yield "model.embed_tokens.weight", [shape["vocabulary"], hidden], 1.0
    for layer in range(shape["layers"]):
        prefix = f"model.layers.{layer}"
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield f"{prefix}.{norm}.weight", [hidden], None
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            yield f"{prefix}.self_attn.{name}.weight", [hidden, hidden], hidden**-0.5
        for name in ("q_norm", "k_norm"):
            yield f"{prefix}.self_attn.{name}.weight", [heads, size], None
            yield f"{prefix}.self_attn.{name}.bias", [heads, size], 0.1
        for name in ("gate_proj", "up_proj"):
            yield f"{prefix}.mlp.{name}.weight", [inner, hidden], hidden**-0.5
        yield f"{prefix}.mlp.down_proj.weight", [hidden, inner], inner**-0.5
    yield "model.norm.weight", [hidden], None
    yield "lm_head.weight", [shape["vocabulary"], hidden], 2.5 * hidden**-0.5


def encoder_tensors():
    def convolution(name, inputs, outputs, kernel):
        yield f"{name}.weight", [outputs, inputs, kernel, kernel], (inputs * kernel * kernel) ** -0.5
        yield f"{name}.bias", [outputs], 0.1

    def norm(name, channels):
        yield f"{name}.weight", [channels], None
        yield f"{name}.bias", [channels], 0.1

    def residual(name, inputs, outputs):
        yield from norm(f"{name}.norm1", inputs)
        yield from convolution(f"{name}.conv1", inputs, outputs, 3)
        yield from norm(f"{name}.norm2", outputs)
        yield from convolution(f"{name}.conv2", outputs, outputs, 3)
        if inputs != outputs:
            yield from convolution(f"{name}.nin_shortcut", inputs, outputs, 1)

    outer, inner = "model.vqmodel", "model.vqmodel.encoder"
    yield from convolution(f"{inner}.conv_in", 3, BASE, 3)
    channels = BASE
    for level, multiplier in enumerate(MULTIPLIERS):
        for block in range(BLOCKS):
            yield from residual(f"{inner}.down.{level}.block.{block}", channels, BASE * multiplier)
            channels = BASE * multiplier
        if level + 1 < len(MULTIPLIERS):
            yield from convolution(f"{inner}.down.{level}.downsample.conv", channels, channels, 3)
    yield from residual(f"{inner}.mid.block_1", channels, channels)
    yield from norm(f"{inner}.mid.attn_1.norm", channels)
    for name in ("q", "k", "v", "proj_out"):
        yield from convolution(f"{inner}.mid.attn_1.{name}", channels, channels, 1)
    yield from residual(f"{inner}.mid.block_2", channels, channels)
    yield from norm(f"{inner}.norm_out", channels)
    yield from convolution(f"{inner}.conv_out", channels, LATENT, 3)
    yield from convolution(f"{outer}.quant_conv", LATENT, LATENT, 1)
    yield from convolution(f"{outer}.post_quant_conv", LATENT, LATENT, 1)
    yield f"{outer}.quantize.embedding.weight", [CODES, LATENT], 1.0


def weights(count, scale, numbers):
    """`count` bfloat16 numbers of about `scale` and either sign; ones where there is no scale."""
    if scale is None:
        return b"\x80\x3f" * count
    # A magnitude in [2^e, 2^(e+1)) has the root mean square 1.53 * 2^e.
    exponent = 127 + round(math.log2(scale / 1.53))
    low = bytes((exponent & 1) << 7 | byte & 0x7F for byte in range(256))
    high = bytes(byte & 0x80 | exponent >> 1 for byte in range(256))
    result = bytearray(2 * count)
    result[0::2] = numbers.randbytes(count).translate(low)
    result[1::2] = numbers.randbytes(count).translate(high)
    return result


def write_shard(path, tensors, numbers):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape, _ in tensors:
        size = 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, shape, scale in tensors:
            left = math.prod(shape)
            while left > 0:  # in pieces: a matrix of 7b has half a gigabyte
                piece = min(left, 1 << 24)
                file.write(weights(piece, scale, numbers))
                left -= piece
    return offset


def image_token(code):
    return "IMGIMG" + "".join("ABCDEFGHIJ"[int(digit)] for digit in str(code)) + "Z"


def vocabulary(old):
    """Gate's tokens with as many image tokens as there are codes; the ids after them move up."""
    images = sorted(index for token, index in old.items() if token.startswith("IMGIMG"))
    first, shift = images[0], CODES - len(images)
    new = {token: index if index < first else index + shift for token, index in old.items()
           if not token.startswith("IMGIMG")}
    new.update({image_token(code): first + code for code in range(CODES)})
    return dict(sorted(new.items(), key=lambda entry: entry[1]))


def write_settings(shape, folder):
    config = json.loads((GATE / "config.json").read_text())
    tokenizer = json.loads((GATE / "tokenizer.json").read_text())
    tokens = vocabulary(config["vocabulary_map"])
    ids = {token["content"]: tokens[token["content"]] for token in tokenizer["added_tokens"] if token["content"] in tokens}
    example = next(token for token in tokenizer["added_tokens"] if token["content"].startswith("IMGIMG"))
    added = [dict(token, id=ids[token["content"]]) for token in tokenizer["added_tokens"]
             if not token["content"].startswith("IMGIMG")]
    added += [dict(example, id=tokens[image_token(code)], content=image_token(code)) for code in range(CODES)]
    tokenizer["added_tokens"] = sorted(added, key=lambda token: token["id"])
    known = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {token: index for token, index in tokens.items()
                                   if token in known or token.startswith("IMGIMG")}
    config.update(
        hidden_size=shape["hidden"], intermediate_size=shape["intermediate"], num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"], num_key_value_heads=shape["heads"], vocab_size=shape["vocabulary"],
        vocabulary_map=tokens, image_token_id=tokens["<image>"])
    config["vq_config"].update(
        base_channels=BASE, channel_multiplier=MULTIPLIERS, embed_dim=LATENT, latent_channels=LATENT,
        num_embeddings=CODES, num_res_blocks=BLOCKS, resolution=RESOLUTION, attn_type="vanilla")
    settings = json.loads((GATE / "tokenizer_config.json").read_text())
    settings["added_tokens_decoder"] = {
        str(token["id"]): {name: value for name, value in token.items() if name != "id"} for token in added}
    preprocessor = json.loads((GATE / "preprocessor_config.json").read_text())
    preprocessor["crop_size"] = {"height": RESOLUTION, "width": RESOLUTION}
    preprocessor["size"] = {"shortest_edge": RESOLUTION}
    processor = json.loads((GATE / "processor_config.json").read_text())
    processor["image_seq_length"] = (RESOLUTION >> len(MULTIPLIERS) - 1) ** 2
    for name, value in {
        "config.json": config, "tokenizer.json": tokenizer, "tokenizer_config.json": settings,
        "preprocessor_config.json": preprocessor, "processor_config.json": processor,
    }.items():
        (folder / name).write_text(json.dumps(value, indent=1) + "\n")


def main():
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in SHAPES:
        sys.exit(__doc__)
    shape, folder = dict(SHAPES[sys.argv[1]]), pathlib.Path(sys.argv[2])
    if len(sys.argv) == 4:
        shape["layers"] = int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    write_settings(shape, folder)
    tensors = list(decoder_tensors(shape)) + list(encoder_tensors())
    numbers, count = random.Random(sys.argv[1]), shape["shards"]
    if count == 1:
        total = write_shard(folder / "model.safetensors", tensors, numbers)
    else:
        size = sum(math.prod(shape) for _, shape, _ in tensors) / count
        parts, filled = [[] for _ in range(count)], 0
        for tensor in tensors:
            parts[min(count - 1, int(filled / size))].append(tensor)
            filled += math.prod(tensor[1])
        total, places = 0, {}
        for index, part in enumerate(parts, 1):
            name = f"model-{index:05}-of-{count:05}.safetensors"
            total += write_shard(folder / name, part, numbers)
            places.update({tensor[0]: name for tensor in part})
        index = {"metadata": {"total_size": total}, "weight_map": places}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")
    print(f"{folder}: {total // 2:,} parameters, {total:,} bytes")


main()
