"""Pixels of pixel art that have another colour than all their neighbours: rare in drawings, frequent where the decoder
is unsure, which then speckles.

So a pixel gets the colour that is most likely given its scores *and* its neighbours: a colour that none of them has
counts as so much less likely as such pixels are rare in what was learned. All pixels are decided in turn, a few times
over (iterated conditional modes: J. Besag, "On the Statistical Analysis of Dirty Pictures", 1986).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

LEAST = 1e-4  # of the share that counts: a few pieces may have no such pixel at all
_ROUNDS = 3
_MEASURED = 2000  # pieces, at most
_NOTHING = -1  # the colour's number outside the piece
_AROUND = [(down, right) for down in range(3) for right in range(3) if (down, right) != (1, 1)]


def lone_share(pixels: np.ndarray) -> float:
    """The share of pixels that differ from all their neighbours, of which there are eight inside a piece.

    Args:
        pixels: uint8 [N, H, W, C]; of many pieces some are looked at.
    """
    some = pixels[:: -(-len(pixels) // _MEASURED)].astype(np.int64)
    numbers = (some << 8 * np.arange(some.shape[-1])).sum(-1)
    values = torch.from_numpy(numbers)
    return float((_neighbours(values) != values[..., None]).all(-1).double().mean())


def settled(scores: Tensor, lone: float) -> Tensor:
    """The number of each pixel's colour, [B, H, W] int64.

    Args:
        scores: [B, K, H, W], logarithms of likelihoods, each pixel's up to a constant.
        lone: how likely a pixel of a colour that no neighbour has is, beside one of a colour that some neighbour has.
    """
    by_pixel, penalty = scores.movedim(1, -1), math.log(max(lone, LEAST))
    own = scores.argmax(1)
    numbers = own.clone()
    for _ in range(_ROUNDS):
        for top in range(2):
            for left in range(2):  # none of these pixels is another's neighbour
                part = (slice(None), slice(top, None, 2), slice(left, None, 2))
                if 0 in numbers[part].shape:
                    continue
                around = _neighbours(numbers)[part]
                choices = torch.cat((around, own[part][..., None]), dim=-1)
                value = by_pixel[part].gather(-1, choices.clamp(min=0))
                alone = (own[part][..., None] != around).all(-1)
                value[..., -1] += penalty * alone
                value = value.masked_fill(choices == _NOTHING, -math.inf)
                numbers[part] = choices.gather(-1, value.argmax(-1, keepdim=True))[..., 0]
    return numbers


def _neighbours(numbers: Tensor) -> Tensor:
    """[B, H, W, 8] of [B, H, W]; _NOTHING outside."""
    height, width = numbers.shape[1:]
    wider = functional.pad(numbers, (1, 1, 1, 1), value=_NOTHING)
    return torch.stack([wider[:, down : down + height, right : right + width] for down, right in _AROUND], dim=-1)
