"""The transformer: the probability of each token of a piece, given those that come before it in some order.

Tokens may come in any order: a step knows the last token, its place, the next token's place and the collection (the
"class") of that place. So a part of a piece can be given and the rest be drawn, even as another collection's. The
numbers of a token come one after the other (as in MADE, M. Germain et al., 2015), so that their joint distribution is
exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from painter.learning.learning_config import TransformerConfig

_MASKED = -1e4  # added to the scores of later tokens


@dataclass
class KeyValues:
    """What one layer has computed for earlier tokens: [B, heads, length, width / heads] with room for all of them."""

    keys: Tensor
    values: Tensor
    length: int = 0


@dataclass
class Cache:
    """What all layers have computed for earlier tokens."""

    layers: list[KeyValues] = field(default_factory=list)


class Block(nn.Module):
    """Attention to earlier tokens, then a layer of units; both add to what passes through."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention, self.norm_units = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.down.weight)

    def forward(self, x: Tensor, mask: Tensor | None, cache: KeyValues | None = None) -> Tensor:
        """[B, T, width] of the same shape.

        Args:
            mask: [T, T], added to the scores; None for a single step, which may see all of `cache`.
        """
        batch, length, width = x.shape
        per_head = width // self.heads
        qkv = self.qkv(self.norm_attention(x)).view(batch, length, 3, self.heads, per_head).permute(2, 0, 3, 1, 4)
        query = functional.layer_norm(qkv[0], (per_head,))
        key, value = functional.layer_norm(qkv[1], (per_head,)), qkv[2]
        if cache is not None:
            cache.keys[:, :, cache.length], cache.values[:, :, cache.length] = key[:, :, 0], value[:, :, 0]
            cache.length += 1
            key, value = cache.keys[:, :, : cache.length], cache.values[:, :, : cache.length]
        # Written out: on a CPU the backward pass of torch's own attention takes a third of all time at this length.
        scores = query @ key.transpose(-1, -2) * per_head**-0.5
        if mask is not None:
            scores = scores + mask
        attended = scores.softmax(-1).to(value.dtype) @ value
        x = x + self.out(attended.transpose(1, 2).reshape(batch, length, width))
        units: Tensor = self.down(functional.silu(self.up(self.norm_units(x))))
        return x + units


class Head(nn.Module):
    """The numbers of a token, each given those before it: logits [..., dims, levels]."""

    before: Tensor

    def __init__(self, width: int, dims: int, levels: int, hidden: int) -> None:
        super().__init__()
        self.dims, self.hidden = dims, hidden
        self.of_context = nn.Linear(width, dims * hidden)
        self.of_numbers = nn.Parameter(torch.randn(dims * levels, dims, hidden) * 0.1)
        self.weights = nn.Parameter(torch.randn(dims, hidden, levels) * 0.1)
        self.biases = nn.Parameter(torch.zeros(dims, levels))
        before = torch.zeros(dims, levels, dims, 1)
        for k in range(dims):
            before[:k, :, k] = 1
        self.register_buffer("before", before.view(dims * levels, dims, 1), persistent=False)

    def forward(self, context: Tensor, numbers: Tensor) -> Tensor:
        """Logits of all numbers: of context [..., width] and the true numbers, one-hot [..., dims * levels]."""
        earlier = numbers @ (self.of_numbers * self.before).flatten(1)
        units = (self.of_context(context) + earlier).unflatten(-1, (self.dims, self.hidden))
        return torch.einsum("...kh,khl->...kl", functional.gelu(units, approximate="tanh"), self.weights) + self.biases

    def one(self, context_units: Tensor, numbers: Tensor, k: int) -> Tensor:
        """Logits [B, levels] of number k, given the earlier ones, one-hot [B, dims * levels] with zeros after them.

        Args:
            context_units: [B, dims, hidden], `of_context` of the context.
        """
        units = context_units[:, k] + numbers @ (self.of_numbers * self.before)[:, k]
        return functional.gelu(units, approximate="tanh") @ self.weights[k] + self.biases[k]


class Transformer(nn.Module):
    """The distribution of codes [B, places, dims].

    Args:
        places: tokens of a piece.
        dims, levels: numbers of a token, and their values.
        classes: collections; class `classes` stands for any of them.
        config: sizes.
    """

    def __init__(self, places: int, dims: int, levels: int, classes: int, config: TransformerConfig) -> None:
        super().__init__()
        self.places, self.dims, self.levels, self.classes, self.config = places, dims, levels, classes, config
        width = config.width
        self.token = nn.Linear(dims * levels, width)
        self.start = nn.Parameter(torch.zeros(width))
        self.of_class = nn.Embedding(classes + 1, width)
        self.place, self.next_place = nn.Embedding(places, width), nn.Embedding(places, width)
        for embedding in (self.of_class, self.place, self.next_place):
            nn.init.normal_(embedding.weight, 0, 0.5)
        self.blocks = nn.ModuleList(Block(width, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.head = Head(width, dims, levels, config.hidden)

    def one_hot(self, codes: Tensor) -> Tensor:
        """[..., dims * levels] float32 of codes [..., dims]."""
        return functional.one_hot(codes, self.levels).flatten(-2).float()

    def forward(
        self, codes: Tensor, order: Tensor, classes: Tensor, kept: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits of every token given those before it, and the codes in that order.

        Args:
            codes: [B, places, dims] in raster order.
            order: [B, places], the places in the order in which tokens come.
            classes: [B, places], the class of each place, in raster order.
            kept: [B, places] in the order of the tokens, 0 where a token is hidden from those after it; None: none is.

        Returns:
            [B, places, dims, levels] and [B, places, dims], in the order of the tokens.
        """
        ordered = codes.gather(1, order[..., None].expand(-1, -1, self.dims))
        numbers = self.one_hot(ordered)
        tokens = self.token(numbers) + self.place(order)
        if kept is not None:
            tokens = tokens * kept[..., None]
        x = torch.cat((self.start.expand(len(codes), 1, -1), tokens[:, :-1]), dim=1)
        x = x + self.next_place(order) + self.of_class(classes.gather(1, order))
        mask = torch.full((self.places, self.places), _MASKED, device=x.device).triu(1)
        for block in self.blocks:
            x = block(x, mask)
        return self.head(self.norm(x), numbers), ordered

    def new_cache(self, batch: int) -> Cache:
        """An empty cache for `step`."""
        heads, width = self.config.heads, self.config.width
        shape, device = (batch, heads, self.places, width // heads), self.start.device
        return Cache(
            [KeyValues(torch.zeros(shape, device=device), torch.zeros(shape, device=device)) for _ in self.blocks]
        )

    def step(self, last: Tensor | None, place: Tensor, classes: Tensor, cache: Cache) -> Tensor:
        """The context [B, width] of the next token.

        Args:
            last: the last token as `embed` gives it, [B, width]; None before the first.
            place: [B], the place of the next token.
            classes: [B], its class.
        """
        before = self.start.expand(len(place), -1) if last is None else last
        x = (before + self.next_place(place) + self.of_class(classes))[:, None]
        for block, layer in zip(self.blocks, cache.layers, strict=True):
            x = block(x, None, layer)
        context: Tensor = self.norm(x)[:, 0]
        return context

    def embed(self, numbers: Tensor, place: Tensor) -> Tensor:
        """A token [B, dims * levels] one-hot at a place [B], as the next step takes it: [B, width]."""
        embedded: Tensor = self.token(numbers) + self.place(place)
        return embedded


def bits_a_token(logits: Tensor, ordered: Tensor) -> Tensor:
    """The mean cross-entropy of a token in bits; a scalar.

    Args:
        logits: [B, places, dims, levels].
        ordered: [B, places, dims], the true codes.
    """
    dims = ordered.shape[-1]
    loss = functional.cross_entropy(logits.float().flatten(0, -2), ordered.flatten())
    return loss * (dims / math.log(2))
