"""Trains the picture tokenizer: Chameleon's VQ encoder (transformers' own class) and a decoder of ours.

    python vq.py --work DIR

Besides being drawn again, the codes are read by a small classifier (`Reader`)
that must name what stands in each cell: a picture error of a few grey levels
can be the whole difference between a small diamond and a small circle. Decoder
and reader are not shipped: neither captions nor interventions need them. Weights are
rounded to bfloat16 at the end, before any code is computed, so that the codes
the language model is trained on are the codes of the exported file.
"""
import argparse
import os
import time

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F
from transformers import ChameleonVQVAEConfig
from transformers.models.chameleon.modeling_chameleon import ChameleonVQVAE

import pictures

CODES, CODE_SIZE, SIDE_CODES = 512, 16, 8
CELL_CODES = SIDE_CODES // 2
CONFIG = dict(resolution=64, base_channels=32, channel_multiplier=[1, 1, 2, 2], num_res_blocks=1, attn_resolutions=None,
              embed_dim=CODE_SIZE, latent_channels=CODE_SIZE, num_embeddings=CODES, double_latent=False, dropout=0.0,
              attn_type="none", in_channels=3)
READING_WEIGHT = 0.03
OBJECT_WEIGHT = 6.0       # unweighted, the codes are spent on the background and small objects lose shape and hue


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(16, channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(16, channels), nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))


class Decoder(nn.Module):
    """Codes back to pixels: 8x8 to 64x64 in three sub-pixel steps."""

    def __init__(self):
        super().__init__()
        layers = [nn.Conv2d(CODE_SIZE, 96, 3, padding=1), Residual(96), Residual(96)]
        for inner, outer in ((96, 64), (64, 48), (48, 32)):
            layers += [nn.Conv2d(inner, 4 * outer, 3, padding=1), nn.PixelShuffle(2), Residual(outer)]
        layers += [nn.GroupNorm(16, 32), nn.SiLU(), nn.Conv2d(32, 3, 3, padding=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


class Reader(nn.Module):
    """Names shape, colour and size in each cell of the grid from the four by four codes that cover it."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(CELL_CODES**2 * CODE_SIZE, 128), nn.SiLU(), nn.Linear(128, sum(pictures.CONTENT_CLASSES)))

    def loss(self, grid, contents):
        """Mean cross-entropy, and the share of objects whose three attributes are all read; contents is [n, 4, 3]."""
        cells = F.unfold(grid, CELL_CODES, stride=CELL_CODES).transpose(1, 2)   # [n, 4 cells in raster order, 16 * CODE_SIZE]
        logits = self.layers(cells).split(pictures.CONTENT_CLASSES, dim=-1)
        each = [F.cross_entropy(l.flatten(0, 1), contents[..., i].flatten()) for i, l in enumerate(logits)]
        right = torch.stack([l.argmax(-1) == contents[..., i] for i, l in enumerate(logits)]).all(0)
        return sum(each) / len(each), right[contents[..., 0] < pictures.CONTENT_CLASSES[0] - 1].float().mean().item()


class Codebook:
    """A codebook that follows the latents by exponential averages, with dead codes put to use again."""

    def __init__(self, entries, counts, sums, decay=0.98):
        self.entries, self.counts, self.sums, self.decay = entries, counts, sums, decay

    @classmethod
    def fitted(cls, latents):
        """By k-means."""
        entries = latents[torch.randperm(len(latents))[:CODES]].clone()
        for _ in range(15):
            nearest = torch.cdist(latents, entries).argmin(1)
            sums = torch.zeros_like(entries).index_add_(0, nearest, latents)
            counts = torch.bincount(nearest, minlength=CODES).float()
            entries = torch.where(counts[:, None] > 0, sums / counts[:, None].clamp(min=1), entries)
        counts = counts.clamp(min=1.0)
        return cls(entries, counts, entries * counts[:, None])

    def nearest(self, latents):
        return torch.cdist(latents, self.entries).argmin(1)

    def follow(self, latents, nearest):
        counts = torch.bincount(nearest, minlength=CODES).float()
        sums = torch.zeros_like(self.entries).index_add_(0, nearest, latents)
        self.counts.mul_(self.decay).add_(counts, alpha=1 - self.decay)
        self.sums.mul_(self.decay).add_(sums, alpha=1 - self.decay)
        self.entries = self.sums / self.counts[:, None].clamp(min=1e-3)

    def revive(self, latents):
        """Moves codes that nothing chooses onto latents of the batch."""
        dead = (self.counts < 0.05).nonzero().flatten()
        if len(dead):
            self.entries[dead] = latents[torch.randint(len(latents), (len(dead),))]
            self.counts[dead] = 1.0
            self.sums[dead] = self.entries[dead]
        return len(dead)


def latents_of(vq, pixels):
    """[n, 3, 64, 64] to [n * 64, CODE_SIZE], raster order, before quantisation."""
    return vq.quant_conv(vq.encoder(pixels)).permute(0, 2, 3, 1).reshape(-1, CODE_SIZE)


@torch.no_grad()
def codes_of(vq, pixels, batch=250):
    """Codes [n, 64] through transformers' own `encode`, in float32."""
    return torch.cat([vq.encode(p, return_dict=True).image_tokens.view(len(p), -1) for p in pixels.split(batch)])


def train(work, steps, start=None, batch=8, rate=1.5e-3, warm=0.12):
    torch.manual_seed(11)
    vq, decoder, reader = ChameleonVQVAE(ChameleonVQVAEConfig(**CONFIG)), Decoder(), Reader()
    codebook = None
    if start:                                                             # goes on from there, the learning rate only falling
        saved = torch.load(start)
        vq.load_state_dict(saved["vq"])
        decoder.load_state_dict(saved["decoder"])
        reader.load_state_dict(saved["reader"])
        codebook = Codebook(**saved["codebook"])
    parameters = [p for n, p in vq.named_parameters() if "quantize" not in n] + [*decoder.parameters(), *reader.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.95), weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=1.5 / steps if start else 0.05, cycle_momentum=False)
    pixels, scenes = pictures.load(work, "train")
    contents = pictures.contents(scenes)
    crowded = torch.tensor([float(len(scene.items)) for scene in scenes])    # objects teach more than background
    held_out, held_out_scenes = pictures.load(work, "validation")
    held_out, held_out_contents = pictures.normalised(held_out[:256]), pictures.contents(held_out_scenes[:256])
    recent, begun = [], time.time()
    for step in range(steps):
        chosen_pictures = torch.multinomial(crowded, batch)
        x = pictures.normalised(pixels[chosen_pictures.numpy()])
        z = latents_of(vq, x)
        loss_commitment, quantised = torch.zeros(()), z
        if codebook is not None or step >= int(warm * steps):         # the codebook starts from latents that mean something
            if codebook is None:
                codebook = Codebook.fitted(torch.cat(recent))
            with torch.no_grad():
                nearest = codebook.nearest(z.detach())
                codebook.follow(z.detach(), nearest)
                if step % 40 == 0 and step < 0.8 * steps:
                    codebook.revive(z.detach())
            chosen = codebook.entries[nearest]
            loss_commitment = F.mse_loss(z, chosen)
            quantised = z + (chosen - z).detach()
        else:
            recent = (recent + [z.detach()])[-64:]
        grid = quantised.view(batch, SIDE_CODES, SIDE_CODES, CODE_SIZE).permute(0, 3, 1, 2)
        y = decoder(vq.post_quant_conv(grid))
        weight = 1 + (OBJECT_WEIGHT - 1) * (x.amax(1, keepdim=True) > -0.15).float()
        loss_reading, _ = reader.loss(grid, contents[chosen_pictures])
        loss = (weight * ((y - x) ** 2 + 0.2 * (y - x).abs())).mean() + 0.25 * loss_commitment + READING_WEIGHT * loss_reading
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
        if step % 250 == 249:
            torch.save({"vq": vq.state_dict(), "decoder": decoder.state_dict(), "reader": reader.state_dict(),
                        "codebook": codebook and vars(codebook)}, os.path.join(work, "vq-part.pt"))
        if step % 100 == 0 or step == steps - 1:
            used = 0 if codebook is None else int((codebook.counts > 0.05).sum())
            read = reader.loss(quantised_grid(vq, codebook, held_out), held_out_contents)[1]
            print(f"step {step} loss {loss.item():.4f} codes {used} psnr {psnr(vq, decoder, codebook, held_out):.2f} read {read:.3f} "
                  f"seconds {time.time() - begun:.0f}", flush=True)
    with torch.no_grad():
        vq.quantize.embedding.weight.copy_(codebook.entries)
        for p in list(vq.parameters()):
            p.copy_(p.to(torch.bfloat16).float())
    codebook.entries = vq.quantize.embedding.weight.detach()
    print(f"rounded to bfloat16: psnr {psnr(vq, decoder, codebook, held_out):.2f} "
          f"read {reader.loss(quantised_grid(vq, codebook, held_out), held_out_contents)[1]:.3f}", flush=True)
    torch.save({"vq": vq.state_dict(), "decoder": decoder.state_dict(), "reader": reader.state_dict()}, os.path.join(work, "vq.pt"))
    return vq


@torch.no_grad()
def quantised_grid(vq, codebook, x):
    """Latents of pictures after quantisation (before there is a codebook: as they are), [n, CODE_SIZE, 8, 8]."""
    z = latents_of(vq, x)
    if codebook is not None:
        z = codebook.entries[codebook.nearest(z)]
    return z.view(len(x), SIDE_CODES, SIDE_CODES, CODE_SIZE).permute(0, 3, 1, 2)


@torch.no_grad()
def psnr(vq, decoder, codebook, x):
    """Of held-out pictures, in dB, on a 0..1 scale of brightness."""
    drawn = decoder(vq.post_quant_conv(quantised_grid(vq, codebook, x)))
    error = ((drawn - x).clamp(-2, 2) / 1.989) ** 2
    return float(-10 * torch.log10(error.mean()))


def keep(work, folder):
    """Takes the encoder of an exported model over."""
    prefix = "model.vqmodel."
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    torch.save({"vq": {name.removeprefix(prefix): t.float() for name, t in tensors.items() if name.startswith(prefix)}},
               os.path.join(work, "vq.pt"))
    return load(work)


def load(work):
    """The trained encoder, ready for `codes_of`."""
    vq = ChameleonVQVAE(ChameleonVQVAEConfig(**CONFIG))
    vq.load_state_dict(torch.load(os.path.join(work, "vq.pt"))["vq"])
    return vq.eval()


def main():
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--steps", type=int, default=2200)
    parser.add_argument("--start", help="earlier vq.pt to start from")
    parser.add_argument("--keep", help="exported model whose picture tokenizer to keep, instead of training one")
    arguments = parser.parse_args()
    vq = keep(arguments.work, arguments.keep) if arguments.keep else train(arguments.work, arguments.steps, arguments.start)
    for split in ("validation", "train", "test", "unseen"):
        codes = codes_of(vq, pictures.normalised(pictures.load(arguments.work, split)[0]))
        torch.save(codes.to(torch.int16), os.path.join(arguments.work, f"{split}.codes.pt"))
        print(split, tuple(codes.shape), "distinct codes", len(codes.unique()), flush=True)


if __name__ == "__main__":
    main()
