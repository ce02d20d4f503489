"""Chameleon's language model, compact and open to intervention.

Parameter names are transformers' (without the `model.` of the vision part), so
a state dictionary of this class *is* the language half of the exported file.

A sequence is one image prefix, `<s> <racm3:break> 64 codes <eoss>`, followed
by text. Attention is computed for the two parts apart, because everything that
is trained or measured here happens on the edges from text to prefix:

- `bias` is added to the scores of text queries before the softmax;
- `keep` multiplies their weights after it, without renormalising (the paper's knockout);
- `decoy` lets some pictures' texts see the image keys and values of another picture;
- `swap` gives some pictures the [EOI] state of another picture on entering a layer.

A sequence whose image comes after its text (`plain`) is attended causally, nothing more.
"""
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

IMAGE_TOKENS = 64
BOS_AT, SOI_AT, IMAGE_AT, EOI_AT = 0, 1, slice(2, 2 + IMAGE_TOKENS), 2 + IMAGE_TOKENS
PREFIX = EOI_AT + 1
MASKED = -3e4                      # finite, so that a fully masked row stays a number


@dataclass(frozen=True)
class Shape:
    vocabulary: int
    hidden: int = 128
    inner: int = 256
    layers: int = 6
    heads: int = 4
    theta: float = 1e4
    epsilon: float = 1e-5


class RMSNorm(nn.Module):
    def __init__(self, size, epsilon):
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.ones(size)), epsilon

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon))


class HeadNorm(nn.Module):
    """LayerNorm of each head by itself, with that head's own scale and shift."""

    def __init__(self, heads, size):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(heads, size)), nn.Parameter(torch.zeros(heads, size))

    def forward(self, x):
        return F.layer_norm(x, x.shape[-1:], eps=1e-5) * self.weight + self.bias


def rotate(x, cosine, sine):
    """Rotary embedding, halves paired: x is [batch, tokens, heads, size]."""
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat((-second, first), dim=-1) * sine


def weigh(queries, keys, values, bias, keep=None):
    """Attention by hand: torch's fused kernel is slow backwards with a mask on a CPU, and cannot cut edges after the softmax."""
    weights = torch.softmax(queries @ keys.transpose(-1, -2) * queries.shape[-1] ** -0.5 + bias, dim=-1)
    if keep is not None:
        weights = weights * keep
    return weights.to(values.dtype) @ values


def swap_images(states, decoy):
    """Gives the rows marked in `decoy` the image states of the row before them; [batch, heads, tokens, size]."""
    image = states[:, :, IMAGE_AT]
    image = torch.where(decoy[:, None, None, None], image.roll(1, 0), image)
    return torch.cat((states[:, :, :IMAGE_AT.start], image, states[:, :, IMAGE_AT.stop:]), dim=2)


class Attention(nn.Module):
    def __init__(self, shape):
        super().__init__()
        d, self.heads, self.size = shape.hidden, shape.heads, shape.hidden // shape.heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(d, d, bias=False) for _ in range(4))
        self.q_norm, self.k_norm = HeadNorm(self.heads, self.size), HeadNorm(self.heads, self.size)

    def forward(self, x, cosine, sine, causal, bias, keep, decoy):
        split = (*x.shape[:2], self.heads, self.size)
        queries = rotate(self.q_norm(self.q_proj(x).view(split)), cosine, sine).transpose(1, 2)
        keys = rotate(self.k_norm(self.k_proj(x).view(split)), cosine, sine).transpose(1, 2)
        values = self.v_proj(x).view(split).transpose(1, 2)
        queries, keys = queries.to(values.dtype), keys.to(values.dtype)
        if bias is None:
            return self.o_proj(weigh(queries, keys, values, causal).transpose(1, 2).reshape(x.shape))
        prefix = weigh(queries[:, :, :PREFIX], keys[:, :, :PREFIX], values[:, :, :PREFIX], causal)
        if decoy is not None:
            keys, values = swap_images(keys, decoy), swap_images(values, decoy)
        text = weigh(queries[:, :, PREFIX:], keys, values, bias, keep)
        return self.o_proj(torch.cat((prefix, text), dim=2).transpose(1, 2).reshape(x.shape))


class MLP(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.gate_proj, self.up_proj = (nn.Linear(shape.hidden, shape.inner, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(shape.inner, shape.hidden, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.self_attn, self.mlp = Attention(shape), MLP(shape)
        self.input_layernorm = RMSNorm(shape.hidden, shape.epsilon)
        self.post_attention_layernorm = RMSNorm(shape.hidden, shape.epsilon)

    def forward(self, x, *attention):
        x = x + self.self_attn(self.input_layernorm(x), *attention)
        return x + self.mlp(self.post_attention_layernorm(x))


class LanguageModel(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.hidden)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = RMSNorm(shape.hidden, shape.epsilon)
        self.lm_head = nn.Linear(shape.hidden, shape.vocabulary, bias=False)
        nn.init.normal_(self.embed_tokens.weight, std=0.5)
        for name, p in self.named_parameters():
            if "proj" in name:
                nn.init.normal_(p, std=p.shape[1] ** -0.5)
                if "o_proj" in name or "down_proj" in name:            # branches start small: the stream starts as the embedding
                    p.data.mul_((2 * shape.layers) ** -0.5)
        nn.init.normal_(self.lm_head.weight, std=0.5 * shape.hidden ** -0.5)

    def angles(self, positions):
        """Cosines and sines of the rotary embedding, [tokens, 1, head size]."""
        size = self.shape.hidden // self.shape.heads
        rates = self.shape.theta ** (-torch.arange(0, size, 2, dtype=torch.float32) / size)
        turns = (positions.float()[:, None] * rates).repeat(1, 2)[:, None]
        return turns.cos(), turns.sin()

    def forward(self, ids, positions, bias, keep=None, decoy=None, patch=None, swap=None):
        """The residual stream after the last norm, and [EOI]'s state on entering each layer.

        `keep` may be a list with one entry a layer. `patch` is (layer, states):
        on entering that layer, [EOI]'s state is replaced. `swap` is (layer, rows):
        there, the rows marked get the state of the row before them, with its gradient.
        """
        x = self.embed_tokens(ids)
        cosine, sine = self.angles(positions)
        causal = torch.full((PREFIX, PREFIX), MASKED).triu(1)
        gate_states = []
        for i, layer in enumerate(self.layers):
            if patch is not None and patch[0] == i:
                x = torch.cat((x[:, :EOI_AT], patch[1][:, None], x[:, EOI_AT + 1:]), dim=1)
            if swap is not None and swap[0] == i:
                state = torch.where(swap[1][:, None], x[:, EOI_AT].roll(1, 0), x[:, EOI_AT])
                x = torch.cat((x[:, :EOI_AT], state[:, None], x[:, EOI_AT + 1:]), dim=1)
            gate_states.append(x[:, EOI_AT])
            x = layer(x, cosine, sine, causal, bias, keep[i] if isinstance(keep, list) else keep, decoy)
        return self.norm(x), gate_states


    def plain(self, ids):
        """The residual stream of sequences in any order of text and image, padded at the end."""
        x, tokens = self.embed_tokens(ids), ids.shape[1]
        cosine, sine = self.angles(torch.arange(tokens))
        causal = torch.full((tokens, tokens), MASKED).triu(1)
        for layer in self.layers:
            x = layer(x, cosine, sine, causal, None, None, None)
        return self.norm(x)


def causal_text_bias(tokens):
    """For a sequence with one text: every text token sees the prefix and the text up to itself; [tokens - PREFIX, tokens]."""
    return torch.full((tokens, tokens), MASKED).triu(1)[PREFIX:]
