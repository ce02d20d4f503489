#!/usr/bin/env python3
"""Token ids and decodings by Hugging Face `tokenizers`, for Tests/TokenizationTests.

    python make_tokenizer_goldens.py --cases 12 --output ../../Tests/TokenizationTests/Goldens/pipelines.json

Each entry is a small tokenizer.json that exercises one part of the pipeline, and texts with their ids. Larger
`--cases` make a fuzzing set of the same kind. Made with tokenizers 0.23.3.
"""
import argparse
import json
import random

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

CORPUS = [
    "A brown dog is running on the beach. Two children are playing with a blue ball!",
    "It's 1234 o'clock; don't be late, they'll wait 56 minutes...",
    "Caf\u00e9 cafe\u0301 na\u00efve \u00fcber stra\u00dfe \u4f60\u597d\u4e16\u754c \u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440",
    "def f(x):\n    return x + 1\n\n\tthe theory of the thing there then",
]
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+")
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
          r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|"
          r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
ATOMS = (list("aabcdeehilnorst  ABZ019.,;:!?'-_()[]{}<>/\\|@#$%^&*+=~`\"\n\t\r") + [
    "  ", "    ", "\r\n", "'s", "'LL", "the", " the", " dog", "\u00e9", "e\u0301", "\u00a0", "\u2003", "\u3000", "\u0085",
    "\u180e", "\u200d", "\u200b", "\ufeff", "\u0663", "\u00bd", "\u2163", "\u00df", "\u017f", "\u0130", "\u4f60", "\uac00",
    "\u1112\u1161\u11ab", "\u0939\u093f", "\U0001f600", "\U0001f468\u200d\U0001f469", "\u2603\ufe0f", "\u2014", "\u00ab",
    "\u166d", "\u2e43", "\U0010ffff", "\x00", "\x1f", "\x7f", "<s>", "</s>", "<image>", "<imag", "<image",
    "<image>>", "<<image>", "IMGIMGABZ", "IMGIMGAZ", "IMGIMG", "<sentinel:7>", "[A]", "[AB]", "[ABC]", "word", " word ", "sword"])


def alphabet():
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    rest = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(len(rest))]


def trained(pre, merges=80):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre
    letters = alphabet()
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=len(letters) + merges, initial_alphabet=letters, show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    return sorted(model["vocab"], key=model["vocab"].get), model["merges"]


def split(regex, behavior="Isolated", invert=False, literal=False):
    return {"type": "Split", "pattern": {"String" if literal else "Regex": regex}, "behavior": behavior, "invert": invert}


def byte_level(use_regex, prefix=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": use_regex}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def template(before, after=()):
    def special(name):
        return {"SpecialToken": {"id": name, "type_id": 0}}
    single = [special(n) for n, _ in before] + [{"Sequence": {"id": "A", "type_id": 0}}] + [special(n) for n, _ in after]
    return {"type": "TemplateProcessing", "single": single, "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {n: {"id": n, "ids": [i], "tokens": [n]} for n, i in list(before) + list(after)}}


def token(content, identity, special=True, **flags):
    entry = {"id": identity, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": special}
    entry.update(flags)
    return entry


SPECIALS = ["<s>", "</s>", "<image>", "IMGIMGABZ", "IMGIMGAZ", "[A]", "[AB]", "word"]


def pipelines():
    pieces, merges = trained(pre_tokenizers.ByteLevel(add_prefix_space=False))
    vocab = {t: i for i, t in enumerate(SPECIALS[:5] + pieces)}

    def make(pre, name, added=None, post=None, decoder=byte_level(True, True), strings=False, **model):
        base = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                "vocab": vocab, "merges": [" ".join(m) for m in merges] if strings else merges}
        base.update(model)
        if added is None:
            added = [token(t, vocab[t]) for t in SPECIALS[:5]]
        return name, {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
                      "pre_tokenizer": pre, "post_processor": post, "decoder": decoder, "model": base}

    chameleon = sequence(split("<sentinel:[0-9]+>"), split("(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z"),
                         split(r"([\t\n]|    |  )"), {"type": "Digits", "individual_digits": True},
                         {"type": "Punctuation", "behavior": "Isolated"}, byte_level(True))
    yield make(chameleon, "chameleon", post=template([("<s>", 0)]), strings=True)
    yield make(byte_level(True, True), "gpt2, prefix space", post=template([("<s>", 0)], [("</s>", 1)]))
    yield make(sequence(split(QWEN), byte_level(False)), "qwen", post=byte_level(True))
    yield make(sequence(split(TEKKEN), byte_level(False)), "tekken, merges ignored", ignore_merges=True)
    for behavior in ("Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        for invert in (False, True):
            yield make(sequence(split(r"\s|[aeiou]+", behavior, invert), byte_level(False)), f"{behavior}, invert {invert}")
        yield make(sequence({"type": "Punctuation", "behavior": behavior}, byte_level(False)), f"punctuation {behavior}")
    yield make(sequence(split("", "MergedWithPrevious"), split(r"\s*", "Isolated"), byte_level(False)), "empty matches")
    yield make(sequence(split(r"\w+$|^\W|\S\s"), byte_level(False)), "lines and words")
    yield make(sequence(split("th", literal=True, behavior="Removed"), {"type": "Digits", "individual_digits": False},
                        byte_level(False)), "literal, joined digits")
    extra = len(vocab)
    flags = [token(t, vocab[t]) for t in SPECIALS[:3]] + [
        token("word", extra, special=False, single_word=True), token("[A]", extra + 1, lstrip=True),
        token("[AB]", extra + 2, rstrip=True), token("[ABC]", extra + 3, lstrip=True, rstrip=True),
        token("the", extra + 4, special=False, normalized=True), token("<image>>", extra + 5, normalized=True)]
    yield make(byte_level(True), "added token flags", added=flags)
    letters = {t: i for i, t in enumerate(["<unk>", "a", "b", "e", "h", "t", " ", "th", "the", "\u00e9", "e\u0301"])}
    plain = dict(vocab=letters, merges=[["t", "h"], ["th", "e"]], unk_token="<unk>")
    for fuse in (False, True):
        yield make(None, f"no byte level, fuse {fuse}", added=[], decoder=None, fuse_unk=fuse, **plain)
    del plain["unk_token"]
    yield make(None, "no byte level, nothing unknown", added=[], decoder={"type": "Fuse"}, **plain)


def text(rng):
    kind = rng.random()
    if kind < 0.1:
        return "".join(chr(rng.choice([rng.randrange(0xD800), rng.randrange(0xE000, 0x110000)])) for _ in range(rng.randrange(9)))
    return "".join(rng.choice(ATOMS) for _ in range(rng.randrange(24)))


def runs(numbers):
    ranges = []
    for n in numbers:
        if ranges and ranges[-1][1] == n - 1:
            ranges[-1][1] = n
        else:
            ranges.append([n, n])
    return ranges


def scalars_split_by(pre):
    return runs(c for c in range(0x110000)
                if not 0xD800 <= c < 0xE000 and len(pre.pre_tokenize_str(f"a{chr(c)}a")) > 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", required=True)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    entries = []
    for name, document in pipelines():
        tokenizer = Tokenizer.from_str(json.dumps(document))
        size = tokenizer.get_vocab_size(True)
        cases = []
        for number in range(arguments.cases):
            sample = "" if number == 0 else text(rng)
            full, bare = tokenizer.encode(sample), tokenizer.encode(sample, add_special_tokens=False)
            shuffled = [rng.randrange(size + 2) for _ in range(rng.randrange(12))]
            cases.append({"text": sample, "ids": full.ids, "ids_no_special": bare.ids,
                          "decoded": tokenizer.decode(bare.ids, skip_special_tokens=False),
                          "decoded_skip_special": tokenizer.decode(bare.ids, skip_special_tokens=True),
                          "shuffled": shuffled, "shuffled_decoded": tokenizer.decode(shuffled, skip_special_tokens=False)})
        entries.append({"name": name, "tokenizer": document, "cases": cases})
    golden = {"entries": entries, "punctuation": scalars_split_by(pre_tokenizers.Punctuation("isolated")),
              "digits": scalars_split_by(pre_tokenizers.Digits(individual_digits=True))}
    with open(arguments.output, "w", encoding="utf-8") as file:
        json.dump(golden, file, ensure_ascii=True, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
