#!/usr/bin/env python3
"""Token ids of chat prompts by transformers' own processor, for Tests/ModelsTests/ChatTests.swift.

    python make_chat_golden.py ../../Tests/Goldens/chameleon-tiny [FOLDER …]

writes chat.json into each folder: messages, the processor's ids in its default mode (chat), and those in completion mode.
Made with transformers 5.23.
"""
import json
import pathlib
import sys

from PIL import Image
from transformers import ChameleonProcessor

MESSAGES = [
    "<image>Describe it.",
    "<image> What colour is the dog?\nAnswer in one word.",
    "Look at this: <image>",
    "<image>",
    "<image>a trailing space ",
    "<image>caf\u00e9 \u4f60\u597d <reserved08706> twice",
]


def main(folders):
    for folder in map(pathlib.Path, folders):
        processor = ChameleonProcessor.from_pretrained(folder)
        image = Image.open(folder / "image_a.png").convert("RGB")
        cases = []
        for message in MESSAGES:
            def ids(**options):
                return processor(images=image, text=message, return_tensors="pt", **options).input_ids[0].tolist()
            cases.append({"message": message, "input_ids": ids(),
                          "completion_ids": ids(return_for_text_completion=True)})
        golden = {"separator": processor.tokenizer.sep_token, "cases": cases}
        (folder / "chat.json").write_text(json.dumps(golden, ensure_ascii=False) + "\n")
        print(folder, processor.tokenizer.sep_token, processor.tokenizer.sep_token_id)


if __name__ == "__main__":
    main(sys.argv[1:])
