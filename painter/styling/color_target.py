"""How colours are distributed: brought to a style's in closed form, and compared with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from painter.styling.colors import color_statistics, matrix_power

_LEVELS = 512  # at which quantiles are kept
_FLAT = 0.003  # variance of a channel below which a style counts as flat: about 14 of 255 squared


@dataclass(frozen=True, eq=False)
class ColorMap:
    """An affine map of colours, c -> matrix c + offset, which commutes with blending.

    Blending takes weighted means, and so does the map: with all strokes' colours and the ground's mapped, every pixel
    of the canvas is (but for what is clipped to [0, 1]).
    """

    matrix: np.ndarray  # [3, 3] float64
    offset: np.ndarray  # [3] float64

    def __call__(self, colors: np.ndarray) -> np.ndarray:
        """[..., 3] float32 in [0, 1] of [..., 3]."""
        return np.clip(colors.astype(np.float64) @ self.matrix.T + self.offset, 0, 1).astype(np.float32)


def color_map(
    colors: np.ndarray, shown: np.ndarray | None, wanted: tuple[np.ndarray, np.ndarray], most_gain: float
) -> ColorMap:
    """The map that gives colours another mean and covariance and moves them least.

    Between normal distributions it is the optimal transport (Pitié and Kokaram 2007, 'The linear Monge-Kantorovitch
    linear colour mapping'): symmetric, so that hues are not swapped without need.

    Args:
        colors: [H, W, 3] float.
        shown: [H, W] >= 0, how much each counts; all the same if not given.
        wanted: mean [3] and covariance [3, 3], as from `color_statistics`.
        most_gain: no direction's contrast grows more than that: where there is hardly any, it is noise.
    """
    mean, covariance = color_statistics(colors, shown)
    root, inverse = matrix_power(covariance, 0.5), matrix_power(covariance, -0.5)
    values, vectors = np.linalg.eigh(inverse @ matrix_power(root @ wanted[1] @ root, 0.5) @ inverse)
    matrix = (vectors * np.minimum(values, most_gain)) @ vectors.T
    return ColorMap(matrix, wanted[0] - matrix @ mean)


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
            goal = torch.empty_like(along).scatter_(0, order, wanted)
        distance = (along - goal).square().mean(dim=1)
        return (distance * counts).sum() / counts.sum() / self.variance


def _directions(count: int) -> Tensor:
    """[3, count] unit vectors spread evenly over half a sphere (a Fibonacci lattice): opposite ones tell the same."""
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
