"""Scenes and codes as token sequences.

For training, one image prefix is shared by three texts laid side by side: the
caption and two questions. Each text sees the prefix and itself, and its
positions go on from the prefix as if it were alone, so this equals three
sequences at little more than the price of one.
"""
import os

import numpy as np
import torch
from tokenizers import Tokenizer

import language
import pictures
from model import EOI_AT, IMAGE_AT, IMAGE_TOKENS, MASKED, PREFIX
from tokenizer import BOS, END_OF_IMAGE, EOS, IMAGE_CODES, START_OF_IMAGE, code_name

SLOTS = (18, 9, 9)                 # caption and two questions, without the last token, which is only predicted
TOKENS = PREFIX + sum(SLOTS)
IGNORE = -100
QUESTION_WEIGHTS = {"colour": 3, "shape": 3, "size": 2, "where": 2, "count": 1}


class Speech:
    """Texts to ids, remembering those seen: questions repeat."""

    def __init__(self, path):
        self.tokenizer = Tokenizer.from_file(path)
        self.seen = {}
        self.eos, self.bos = self.tokenizer.token_to_id(EOS), self.tokenizer.token_to_id(BOS)
        self.start, self.end = self.tokenizer.token_to_id(START_OF_IMAGE), self.tokenizer.token_to_id(END_OF_IMAGE)
        self.codes = torch.tensor([self.tokenizer.token_to_id(code_name(code)) for code in range(IMAGE_CODES)])
        self.vocabulary = -(-self.tokenizer.get_vocab_size() // 16) * 16

    def ids(self, text):
        if text not in self.seen:
            self.seen[text] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return self.seen[text]

    def told(self, prompt, answer):
        """A prompt with its answer and `</s>`, and what is to be predicted after each token but the last."""
        asked, answered = self.ids(prompt), self.ids(prompt + answer)
        assert answered[:len(asked)] == asked, "the answer must not merge into the prompt"
        whole = answered + [self.eos]
        return whole[:-1], [IGNORE] * (len(asked) - 1) + whole[len(asked):]

    def drawing(self, caption):
        """What comes before an image that is to be drawn: `<s>`, the caption after its prompt, the start of image."""
        return [self.bos] + self.ids(language.PROMPTS["caption"] + caption) + [self.start]

    def prefix(self, codes):
        """`<s> <racm3:break> codes <eoss>` for codes [n, 64]."""
        n = len(codes)
        column = lambda token: torch.full((n, 1), token)
        return torch.cat((column(self.bos), column(self.start), self.codes[codes.long()], column(self.end)), dim=1)


class Examples:
    """The training set, drawn from in batches."""

    def __init__(self, work, speech, split="train", seed=0):
        self.speech, self.rng = speech, np.random.default_rng(seed)
        self.scenes = pictures.load(work, split)[1]
        self.prefixes = speech.prefix(torch.load(os.path.join(work, f"{split}.codes.pt")))
        self.captions = [speech.told(language.PROMPTS["caption"], language.caption(scene)) for scene in self.scenes]
        self.labels = [[speech.ids(word)[0] for word in language.labels(scene)] for scene in self.scenes]
        self.order = []
        self.drawings = [speech.drawing(language.caption(scene)) for scene in self.scenes]

    def question(self, scene):
        """A question about the scene; lone objects are mostly probed, as the experiments do."""
        if len(scene.items) == 1 and self.rng.random() < 0.6:
            kind, prompt, answer = language.probes(scene)[int(self.rng.random() < 0.35)]
        else:
            asked = language.questions(scene)
            weights = np.array([QUESTION_WEIGHTS[kind] for kind, _, _ in asked], float)
            kind, prompt, answer = asked[self.rng.choice(len(asked), p=weights / weights.sum())]
        return self.speech.told(prompt, answer)

    def choose(self, size):
        """The next pictures of a pass through all of them."""
        if len(self.order) < size:
            self.order = self.rng.permutation(len(self.scenes)).tolist()
        chosen, self.order = self.order[:size], self.order[size:]
        return chosen

    def next_to_draw(self, size):
        """Text to image: ids and targets [size, longest], the caption and then the picture's codes, [EOI] and `</s>`."""
        chosen = self.choose(size)
        longest = max(len(self.drawings[index]) for index in chosen) + IMAGE_TOKENS + 1
        ids, targets = torch.full((size, longest), self.speech.eos), torch.full((size, longest), IGNORE)
        for row, index in enumerate(chosen):
            told = self.drawings[index] + self.prefixes[index, IMAGE_AT.start:].tolist() + [self.speech.eos]
            ids[row, :len(told) - 1] = torch.tensor(told[:-1])
            targets[row, :len(told) - 1] = torch.tensor(told[1:])
        return ids, targets

    def next(self, size):
        """ids and targets [size, TOKENS], and the label words of each scene as a distribution [size, vocabulary]."""
        chosen = self.choose(size)
        ids = torch.full((size, TOKENS), self.speech.eos)
        targets = torch.full((size, TOKENS), IGNORE)
        labels = torch.zeros(size, self.speech.vocabulary)
        ids[:, :PREFIX] = self.prefixes[chosen]
        targets[:, IMAGE_AT.start - 1:IMAGE_AT.stop - 1] = ids[:, IMAGE_AT]
        for row, index in enumerate(chosen):
            at = PREFIX
            for slot, (told, wanted) in zip(SLOTS, (self.captions[index], *(self.question(self.scenes[index]) for _ in "12"))):
                ids[row, at:at + len(told)] = torch.tensor(told)
                targets[row, at:at + len(told)] = torch.tensor(wanted)
                at += slot
            labels[row, self.labels[index]] = 1.0
        return ids, targets, labels


def positions():
    """Every text goes on counting from the prefix."""
    return torch.cat([torch.arange(PREFIX)] + [PREFIX + torch.arange(slot) for slot in SLOTS])


def text_bias():
    """Which earlier tokens a text token sees: the prefix, and its own text up to itself; [TOKENS - PREFIX, TOKENS]."""
    bias = torch.full((sum(SLOTS), TOKENS), MASKED)
    bias[:, :PREFIX] = 0
    at = 0
    for slot in SLOTS:
        bias[at:at + slot, PREFIX + at:PREFIX + at + slot] = torch.full((slot, slot), MASKED).triu(1)
        at += slot
    return bias


def cuts(size, layers, generator, image=0.0, eoi=0.0, frame=0.0):
    """Random cuts of the edges from text to prefix: `bias` [size, 1, 1, TOKENS], and `keep`, one such a layer.

    `image`, `eoi` and `frame` (of `<s>` and the start of image, each by itself) are the shares of
    pictures whose texts lose those edges. Half of the cuts act before the softmax, half after it, so
    that a model is at home in both kinds of knockout; a cut after the softmax also teaches it not to
    look there in the first place, since weight spent there is lost. Half of the latter spare layer 0 at [EOI].
    """
    bias, keep = torch.zeros(size, 1, 1, TOKENS), torch.ones(size, 1, 1, TOKENS)
    after = torch.rand(size, generator=generator) < 0.5
    for share, at in ((image, IMAGE_AT), (eoi, slice(EOI_AT, EOI_AT + 1)), (frame, slice(0, 1)), (frame, slice(1, 2))):
        cut = torch.rand(size, generator=generator) < share
        bias[cut & ~after, :, :, at] = MASKED
        keep[cut & after, :, :, at] = 0
    spared = keep.clone()
    spared[torch.rand(size, generator=generator) < 0.5, :, :, EOI_AT] = 1
    return bias, [spared] + [keep] * (layers - 1)
