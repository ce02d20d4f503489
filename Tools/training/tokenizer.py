"""Chameleon's tokenizer scheme, small: specials, image tokens, then byte-level BPE.

    python tokenizer.py --output tokenizer.json

The merges are learned from the captions and questions until every word of
theirs is a single token, with its leading space (" red", " circle"): class
words of probes must be single tokens. Any other text still encodes, as bytes.
"""
import argparse
import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import language
from scenes import CELLS, COLOURS, SHAPES, SIZES, Item, Scene

BOS, PAD, EOS, UNK = "<s>", "<pad>", "</s>", "<unk>"
START_OF_IMAGE, END_OF_IMAGE, IMAGE, SEPARATOR = "<racm3:break>", "<eoss>", "<image>", "<reserved08706>"
IMAGE_CODES = 512


def code_name(code):
    """Chameleon's name of a code: its decimal digits as letters, 42 is IMGIMGECZ."""
    return "IMGIMG" + "".join(chr(ord("A") + int(digit)) for digit in str(code)) + "Z"


SPECIALS = [BOS, PAD, EOS, UNK] + [code_name(code) for code in range(IMAGE_CODES)] + [
    END_OF_IMAGE, START_OF_IMAGE, SEPARATOR, IMAGE]


def text_splits():
    """How ordinary text is cut before merging: as in Chameleon's tokenizer.json."""
    return [pre_tokenizers.Split(Regex(r"([\t\n]|    |  )"), "isolated"), pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Punctuation("isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]


def corpus():
    """Texts in which every word of the captions, prompts and answers occurs."""
    texts = []
    for i, shape in enumerate(SHAPES):
        for j, colour in enumerate(COLOURS):
            for size in SIZES:
                first = Item(0, shape, colour, size)
                across, below = (Item(cell, SHAPES[i - 1], COLOURS[j - 1], size) for cell in (1, 2))
                for scene in (Scene((first,)), Scene((first, across)), Scene((first, below)), Scene((first, across, below))):
                    texts.append(language.PROMPTS["caption"] + language.caption(scene))
                    texts += [prompt + answer for _, prompt, answer in language.questions(scene) + language.probes(scene)]
    return texts + [word for cell in CELLS for word in (" " + cell,)]


def learn_merges():
    """Byte alphabet and merges, learned to the end: until no pair of pieces is left."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Sequence(text_splits())
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    learner.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=2000, min_frequency=1, show_progress=False,
                                                              initial_alphabet=alphabet, special_tokens=[]))
    vocabulary = sorted(learner.get_vocab().items(), key=lambda entry: entry[1])
    merges = [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" "))
              for pair in json.loads(learner.to_str())["model"]["merges"]]
    return [piece for piece, _ in vocabulary], merges


def build() -> Tokenizer:
    """The whole tokenizer; the same bytes every time."""
    pieces, merges = learn_merges()
    vocabulary = {piece: i for i, piece in enumerate(SPECIALS + pieces)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in SPECIALS])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex("<sentinel:[0-9]+>"), "isolated"),
         pre_tokenizers.Split(Regex("(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z"), "isolated")] + text_splits())
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", pair=f"{BOS} $A {BOS}:1 $B:1",
                                                             special_tokens=[(BOS, SPECIALS.index(BOS))])
    tokenizer.decoder = decoders.ByteLevel()
    words = [" " + w for w in SHAPES + COLOURS + SIZES + language.NUMBERS]
    assert all(len(tokenizer.encode(w, add_special_tokens=False).ids) == 1 for w in words), "a class word is not one token"
    return tokenizer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", required=True)
    build().save(parser.parse_args().output)


if __name__ == "__main__":
    main()
