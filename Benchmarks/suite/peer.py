"""PyTorch's side: transformers with sdpa on the same checkpoint, hooked by hand, the authors' literal way, and nnsight."""
import pathlib
import time

import torch
import transformers
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, DynamicCache

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


class Torch:
    """A checkpoint in memory. Its picture encoder is float32, as ours; `literal` has it in the checkpoint's format."""

    def __init__(self, folder, number_format, threads):
        torch.set_num_threads(threads)
        self.folder, self.format = folder, getattr(torch, number_format)
        self.model = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=self.format, attn_implementation="sdpa").eval()
        self.layers = self.model.model.layers
        self.vocabulary = self.model.config.get_text_config().vocab_size
        self.encoder = self.model.model.vqmodel.float()
        self.processor = AutoProcessor.from_pretrained(folder)
        self.cache = self.pixels = self.traced = None

    # -- the model alone

    def forward(self, ids, cache=None, **more):
        return self.model(input_ids=ids, past_key_values=cache, use_cache=cache is not None, logits_to_keep=1, **more)

    @torch.inference_mode()
    def prefill(self, count):
        ids = torch.tensor([[4 + i * 7919 % (self.vocabulary - 4) for i in range(count)]])
        start = time.perf_counter()
        output = self.forward(ids, DynamicCache())
        seconds = time.perf_counter() - start
        self.cache = output.past_key_values
        return seconds

    @torch.inference_mode()
    def decode(self, count, sequences, steps):
        """Seconds of a step. The sequences have a copy of the prompt's keys and values each, which is the library's form."""
        if self.cache is None:
            self.prefill(count)
        cache = DynamicCache()
        for index, layer in enumerate(self.cache.layers):
            keys, values = layer.keys[:, :, :count], layer.values[:, :, :count]
            cache.update(keys.repeat(sequences, 1, 1, 1), values.repeat(sequences, 1, 1, 1), index)
        ids = torch.full((sequences, 1), 5)
        self.forward(ids, cache)
        start = time.perf_counter()
        for _ in range(steps):
            self.forward(ids, cache)
        return (time.perf_counter() - start) / steps

    @torch.inference_mode()
    def encode(self):
        if self.pixels is None:
            side = self.encoder.config.resolution
            self.pixels = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1
        start = time.perf_counter()
        self.encoder.encode(self.pixels)
        return time.perf_counter() - start

    # -- a picture's prompt

    @torch.inference_mode()
    def prompt(self, picture, text):
        """A prompt's ids with the picture's codes in place, with placeholders, and its pixels."""
        made = self.processor(
            images=[Image.open(picture).convert("RGB")], text=text, return_tensors="pt", return_for_text_completion=True)
        ids = made["input_ids"].clone()
        codes = self.model.get_image_tokens(made["pixel_values"])
        ids[ids == self.model.model.vocabulary_mapping.image_token_id] = codes.flatten().to(ids.dtype)
        eoi = self.model.config.vocabulary_map["<eoss>"]
        return {"ids": ids, "placeholders": made["input_ids"], "pixels": made["pixel_values"],
                "eoi": int((ids[0] == eoi).nonzero()[0, 0])}

    @torch.inference_mode()
    def caption(self, prompt, tokens):
        """A greedy loop of forward passes, which is less than `generate` does around them; up to the text's end."""
        start, cache, ids, made = time.perf_counter(), DynamicCache(), prompt["ids"], 0
        while made < tokens:
            ids = self.forward(ids, cache).logits[:, -1].argmax(-1, keepdim=True)
            made += 1
            if int(ids) == self.model.config.eos_token_id:
                break
        return {"seconds": time.perf_counter() - start, "tokens": made}

    # -- [EOI] patched at every layer: the source's run, the base's, and a hooked run a layer

    def _swept(self, run, base, source, layers):
        """`run(prompt, layer, states)` is a pass: with `layer` nil a clean one, which leaves its states if `states` is
        empty. Runs over `layers` alone are scaled to all of them: a pass takes as long whichever layer is patched."""
        every = len(self.layers)
        start = time.perf_counter()
        states = []
        run(source, None, states)
        run(base, None, None)
        clean = time.perf_counter() - start
        for layer in layers:
            run(base, layer, states)
        patched = (time.perf_counter() - start - clean) / len(layers)
        return {"seconds": clean + patched * every, "clean": clean, "patched": patched, "layers_run": len(layers)}

    def _hooked(self, forward):
        """A pass under hooks that read or replace what enters a layer at [EOI]."""

        def run(prompt, layer, states):
            position = prompt["eoi"]

            def read(module, arguments):
                states.append(arguments[0][:, position].clone())

            def replace(module, arguments):
                arguments[0][:, position] = states[layer]

            if layer is not None:
                handles = [self.layers[layer].register_forward_pre_hook(replace)]
            else:
                handles = [each.register_forward_pre_hook(read) for each in self.layers if states is not None]
            output = forward(prompt)
            for handle in handles:
                handle.remove()
            return output.logits[0, -1].float().softmax(-1)

        return run

    @torch.inference_mode()
    def hooked_sweep(self, base, source, layers):
        """The best honest form: codes computed before, logits of the last position, no cache, sdpa."""
        return self._swept(self._hooked(lambda prompt: self.forward(prompt["ids"])), base, source, layers)

    @torch.inference_mode()
    def literal_sweep(self, base, source, layers):
        """As the paper's code runs it: codes computed in every pass, logits of every position, eager attention."""
        self.model.model.vqmodel = self.encoder.to(self.format)
        self.model.set_attn_implementation("eager")
        try:
            run = self._hooked(lambda prompt: self.model(
                input_ids=prompt["placeholders"], pixel_values=prompt["pixels"].to(self.format)))
            return self._swept(run, base, source, layers)
        finally:
            self.model.set_attn_implementation("sdpa")
            self.model.model.vqmodel = self.encoder.float()

    @torch.inference_mode()
    def nnsight_sweep(self, base, source, layers):
        """The same sweep in nnsight's words, in the form that is best for speed."""
        from nnsight import NNsight

        self.traced = self.traced or NNsight(self.model)
        model, every, options = self.traced, len(self.layers), {"use_cache": False, "logits_to_keep": 1}

        def run(prompt, layer, states):
            position = prompt["eoi"]
            if layer is not None:
                with model.trace(input_ids=prompt["ids"], **options):
                    model.model.layers[layer].input[:, position] = states[layer]
                    logits = model.lm_head.output[0, -1].save()
            elif states is not None:
                with model.trace(input_ids=prompt["ids"], **options):
                    kept = list().save()
                    for index in range(every):
                        kept.append(model.model.layers[index].input[:, position].clone())
                    logits = model.lm_head.output[0, -1].save()
                states += kept
            else:
                with model.trace(input_ids=prompt["ids"], **options):
                    logits = model.lm_head.output[0, -1].save()
            return logits.float().softmax(-1)

        return self._swept(run, base, source, layers)


def versions():
    import nnsight

    return {"torch": torch.__version__, "transformers": transformers.__version__, "nnsight": nnsight.__version__}


if __name__ == "__main__":
    # A process of its own, from nothing to the first token of a caption, and on to the twentieth:
    # peer.py FOLDER FORMAT THREADS PICTURE TEXT prints when each was done, in seconds of its own time, and its peak memory.
    import sys

    folder, number_format, threads, picture, text = sys.argv[1:]
    imported = time.perf_counter()
    model = Torch(folder, number_format, int(threads))
    loaded = time.perf_counter()
    prompt = model.prompt(picture, text)
    model.caption(prompt, 1)
    print(f"first {loaded - imported}", flush=True)
    model.caption(prompt, 20)
    status = pathlib.Path("/proc/self/status").read_text()
    print("peak", int(status.split("VmHWM:")[1].split()[0]) * 1024, flush=True)
