"""Copies: pieces that are nearer to one that was learned than those are to each other.

The distance of two pieces is the root mean square difference of their pixels, in steps of 1/255, after both have been
reduced to a few pixels a side. A model keeps the reduced pieces, so that copies are found without the collection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from painter.learning.learning_config import CopyConfig
from painter.learning.signal import to_signal

_CHUNK = 512  # pieces that are compared at a time


@dataclass(frozen=True, eq=False)
class Originals:
    """What new pieces are compared with."""

    reduced: np.ndarray  # uint8 [N, side, side, C], colours multiplied by alpha
    threshold: float  # a piece that is nearer than this to one of them is a copy


def make_originals(pixels: np.ndarray, config: CopyConfig) -> Originals:
    """The originals of a collection, uint8 [N, S, S, C].

    The threshold is a low quantile of the distances from each piece to the nearest other one; pieces that are there
    twice count once.
    """
    small = reduced(pixels, config.side)
    different = np.unique(small, axis=0)
    distance, _ = nearest(different, different, not_itself=True)
    return Originals(small, float(np.quantile(distance, config.quantile)))


def reduced(pixels: np.ndarray, side: int) -> np.ndarray:
    """uint8 [N, side, side, C] of pieces uint8 [N, S, S, C]: averages, with colours multiplied by alpha."""
    parts = []
    for part in torch.from_numpy(pixels).split(_CHUNK):
        small = functional.adaptive_avg_pool2d(to_signal(part), side)
        parts.append(((small + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy())
    return np.concatenate(parts)


def nearest(pieces: np.ndarray, others: np.ndarray, not_itself: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The distance from each reduced piece to the nearest of others, [n] float64, and that one's number, [n] int64.

    Args:
        pieces: uint8 [n, side, side, C].
        others: uint8 [m, side, side, C].
        not_itself: whether the two are the same and a piece is not compared with itself.
    """
    b = _flat(others)
    length = (b * b).sum(1)
    found: list[Tensor] = []
    which: list[Tensor] = []
    for start in range(0, len(pieces), _CHUNK):
        a = _flat(pieces[start : start + _CHUNK])
        squared = (a * a).sum(1)[:, None] + length - 2 * a @ b.T
        if not_itself:
            rows = torch.arange(len(a))
            squared[rows, start + rows] = float("inf")
        least, index = squared.min(1)
        found.append((least.clamp(min=0) / a.shape[1]).sqrt())
        which.append(index)
    return torch.cat(found).numpy(), torch.cat(which).numpy()


def _flat(pieces: np.ndarray) -> Tensor:
    # Whole numbers in float64: sums are exact, whatever their order.
    return torch.from_numpy(pieces.reshape(len(pieces), -1)).double()
