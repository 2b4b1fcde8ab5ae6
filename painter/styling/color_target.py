"""How far colours are distributed otherwise than a style's."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

_LEVELS = 512  # at which quantiles are kept
_FLAT = 0.003  # variance of a channel below which a style counts as flat: about 14 of 255 squared


class ColorTarget:
    """How far a canvas' colours are distributed otherwise than a style's: the sliced Wasserstein distance, squared.

    Along each of some directions in colour space both are sorted, and each colour is compared with the one of its rank
    (Rabin et al. 2011, 'Wasserstein barycenter and its application to texture mixing'). Gram matrices of features
    leave colours open that a style never shows; this does not.

    Args:
        colors: [H, W, 3] float in [0, 1], the style's.
        shown: [H, W] >= 0, how much each of them counts; all the same if not given.
        directions: how many.
    """

    def __init__(self, colors: Tensor, shown: Tensor | None, directions: int) -> None:
        flat = colors.reshape(-1, 3)
        counts = torch.ones(len(flat), dtype=flat.dtype) if shown is None else shown.reshape(-1)
        counts = counts / counts.sum()
        self.directions = _directions(directions).to(flat)  # [3, D]
        self.quantiles = _quantiles(flat @ self.directions, counts)  # [_LEVELS, D]
        mean = counts @ flat
        self.variance = float((counts @ (flat - mean).square()).mean()) + _FLAT

    def __call__(self, colors: Tensor, shown: Tensor | None = None) -> Tensor:
        """[] in parts of the style's variance, differentiable in `colors` [H, W, 3]; `shown` [H, W] as above."""
        flat = colors.reshape(-1, 3)
        counts = torch.ones_like(flat[:, 0]) if shown is None else shown.reshape(-1)
        along = flat @ self.directions
        with torch.no_grad():
            order = along.argsort(dim=0, stable=True)
            ranked = counts[order]
            share = (ranked.cumsum(0) - ranked / 2) / ranked.sum(0)  # [P, D] rank, in [0, 1]
            place = (share * _LEVELS - 0.5).clamp(0, _LEVELS - 1)
            below = place.long().clamp(max=_LEVELS - 2)
            part = place - below
            wanted = self.quantiles.gather(0, below) * (1 - part) + self.quantiles.gather(0, below + 1) * part
            target = torch.empty_like(along).scatter_(0, order, wanted)
        distance = (along - target).square().mean(dim=1)
        return (distance * counts).sum() / counts.sum() / self.variance


def _directions(count: int) -> Tensor:
    """[3, count] unit vectors spread evenly over half a sphere (a Fibonacci lattice): opposite ones are equal."""
    k = torch.arange(count, dtype=torch.float64) + 0.5
    height, angle = k / count, k * (math.pi * (3 - 5**0.5))
    radius = (1 - height.square()).sqrt()
    return torch.stack([radius * angle.cos(), radius * angle.sin(), height])


def _quantiles(along: Tensor, counts: Tensor) -> Tensor:
    """[_LEVELS, D] of [P, D], each value counting `counts` [P] of sum 1."""
    values, order = along.double().sort(dim=0)
    ranked = counts.double()[order]
    share = ranked.cumsum(0) - ranked / 2
    levels = (np.arange(_LEVELS) + 0.5) / _LEVELS
    columns = zip(share.T.numpy(), values.T.numpy(), strict=True)
    return torch.from_numpy(np.stack([np.interp(levels, *column) for column in columns], axis=1)).to(along)
