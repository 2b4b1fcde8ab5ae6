"""Drawing new tokens from the transformer, one after the other.

Each piece has its own random numbers. Pieces are drawn in batches of a fixed size, in which each has its fixed row, so
that a piece's bytes do not depend on how many others are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from painter.learning.seeds import generator
from painter.learning.transformer import Transformer
from painter.system.devices import one_torch_thread

BATCH = 16  # pieces


@dataclass(frozen=True)
class Request:
    """One piece to be drawn."""

    uniforms: Tensor  # [places, dims] in [0, 1): all that is random in it
    classes: Tensor  # [places] int64, the collection of each place
    order: Tensor  # [places] int64, a permutation of the places
    given: Tensor | None = (
        None  # [places, dims] int64 codes of which those outside `drawn` are kept; None: all are drawn
    )
    drawn: Tensor | None = None  # [places] bool


def plain_request(transformer: Transformer, source: int, *seeds: object) -> Request:
    """A new piece of a collection, in raster order.

    Args:
        source: the collection, or `transformer.classes` for any.
        seeds: what its random numbers depend on.
    """
    places = transformer.places
    uniforms = torch.rand(places, transformer.dims, generator=generator("piece", *seeds))
    return Request(uniforms, torch.full((places,), source), torch.arange(places))


def draw_batch(transformer: Transformer, requests: Sequence[Request], temperature: float, top_p: float) -> Tensor:
    """Codes int64 [n, places, dims] of at most BATCH requests. A request's row in the batch is its place in `requests`.

    Args:
        temperature: above 0; 1 draws as was learned.
        top_p: above 0; what is beyond this share of the probability, the rarest values, is not drawn; 1 draws all.
    """
    filled = [*requests, *[requests[-1]] * (BATCH - len(requests))]
    with one_torch_thread():  # the steps are so small that a second thread would cost more than it does
        return _draw(transformer, filled, temperature, top_p)[: len(requests)]


@torch.no_grad()
def _draw(transformer: Transformer, requests: Sequence[Request], temperature: float, top_p: float) -> Tensor:
    device = transformer.start.device
    places, dims, levels, batch = transformer.places, transformer.dims, transformer.levels, len(requests)
    order = torch.stack([one.order for one in requests]).to(device)
    classes = torch.stack([one.classes for one in requests]).to(device)
    uniforms = torch.stack([one.uniforms for one in requests]).to(device)
    known = [
        replace(one, given=torch.zeros(places, dims, dtype=torch.long)) if one.given is None else one
        for one in requests
    ]
    given = torch.stack([one.given for one in known if one.given is not None]).to(device)
    every = torch.ones(places, dtype=torch.bool)
    drawn = torch.stack([every if one.drawn is None else one.drawn for one in requests]).to(device)
    rows, cache, last = torch.arange(batch, device=device), transformer.new_cache(batch), None
    codes = torch.zeros(batch, places, dims, dtype=torch.long, device=device)
    for step in range(places):
        place = order[:, step]
        context = transformer.step(last, place, classes[rows, place], cache)
        units = transformer.head.of_context(context).unflatten(-1, (dims, -1))
        numbers = torch.zeros(batch, dims, levels, device=device)
        for k in range(dims):
            logits = transformer.head.one(units, numbers.flatten(1), k)
            chosen = _choose(logits, uniforms[rows, place, k], temperature, top_p)
            chosen = torch.where(drawn[rows, place], chosen, given[rows, place, k])
            numbers[rows, k, chosen] = 1
        codes[rows, place] = numbers.argmax(-1)
        last = transformer.embed(numbers.flatten(1), place)
    return codes.cpu()


def _choose(logits: Tensor, uniforms: Tensor, temperature: float, top_p: float) -> Tensor:
    """[B] int64 values drawn by logits [B, levels] and uniform numbers [B]."""
    probabilities = (logits.float() / temperature).softmax(-1)
    if top_p < 1:
        falling, values = probabilities.sort(dim=-1, descending=True, stable=True)
        kept = (falling.cumsum(-1) - falling) < top_p  # the most probable always is
        probabilities = torch.zeros_like(probabilities).scatter(-1, values, falling * kept)
    sums = probabilities.cumsum(-1)
    return (sums <= uniforms[:, None] * sums[:, -1:]).sum(-1).clamp(max=logits.shape[-1] - 1)
