"""Pixels as mixtures: each is one colour, or a mix of two that meet at it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_NEAR = 18.0  # root mean square difference within which a pixel shows a colour that its neighbours may mix
_CANDIDATES = 5  # colours of which pairs are tried
_BETTER = 150.0  # by which a mix must fit better than one colour, in squared steps
_FAR = 1e9


def mixtures(pixels: Tensor, colors: Tensor) -> tuple[Tensor, Tensor]:
    """Each pixel as one colour or as a mix of two that its 3 x 3 neighbourhood shows.

    Args:
        pixels: [H, W, C] float32 in steps of 1/255.
        colors: [K, C] likewise, K at least 1.

    Returns:
        The shares of the colours, [H, W, K], which add up to 1, and the squared difference that is left, [H, W].
    """
    count = len(colors)
    distance = ((pixels[:, :, None] - colors) ** 2).sum(-1)
    best, nearest = distance.min(-1)
    one_hot = functional.one_hot(nearest, count).float()
    shown = one_hot * (best < _NEAR**2 * 3)[..., None]
    around = functional.max_pool2d(shown.permute(2, 0, 1)[None], 3, 1, 1)[0].permute(1, 2, 0) + one_hot > 0
    allowed = distance.masked_fill(~around, _FAR)
    order = allowed.argsort(dim=-1, stable=True)[..., : min(_CANDIDATES, count)]
    weights = one_hot
    for i in range(order.shape[-1]):
        for j in range(i + 1, order.shape[-1]):
            a, b = colors[order[..., i]], colors[order[..., j]]
            line = b - a
            share = (((pixels - a) * line).sum(-1) / ((line * line).sum(-1) + 1e-6)).clamp(0, 1)
            error = ((a + share[..., None] * line - pixels) ** 2).sum(-1)
            possible = allowed.gather(-1, order[..., j : j + 1])[..., 0] < _FAR / 2
            better = possible & (error + _BETTER < best)
            mix = torch.zeros_like(weights).scatter_add(-1, order[..., i : i + 1], 1 - share[..., None])
            mix = mix.scatter_add(-1, order[..., j : j + 1], share[..., None])
            best, weights = torch.where(better, error, best), torch.where(better[..., None], mix, weights)
    return weights, best
