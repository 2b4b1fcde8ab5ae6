"""`painter.losses.pixel_loss` in one pass over the canvas, on all cores, for the loop of the search."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from painter.losses import MIX_CROSSOVER, PIXEL_LOSSES, pixel_loss
from renderers.jit import kernel
from renderers.threads import share

PARTS = 16  # sums are taken in this many parts, whatever the number of threads
# Of each loss: the factors of d² and of |d|, d = canvas - target.
_FACTORS = {"l1": (0.0, 1.0), "l2": (1.0, 0.0), "mix": (1.0, 2 * MIX_CROSSOVER)}
assert set(_FACTORS) == set(PIXEL_LOSSES)


def measured_loss(canvas: Tensor, target: Tensor, kind: str) -> tuple[Tensor, float]:
    """`pixel_loss` of a canvas and the mean squared error of its colours.

    Args:
        canvas, target: [H, W, C] float32. Elsewhere than on the CPU this is plain torch.
        kind: one of PIXEL_LOSSES.

    Returns:
        [] float32, differentiable in the canvas; and a number, >= 0.
    """
    if canvas.device.type != "cpu":
        return pixel_loss(canvas, target, kind), float((canvas.detach() - target).square().mean())
    square, modulus = _FACTORS[kind]
    loss, error = _FusedLoss.apply(canvas, target, square, modulus)
    return loss, float(error)


class _FusedLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, canvas: Tensor, target: Tensor, square: float, modulus: float) -> tuple[Tensor, Tensor]:
        # Plane by plane, as blending leaves a canvas.
        planes = [values.detach().permute(2, 0, 1).contiguous() for values in (canvas, target)]
        seen, wanted = (values.numpy().reshape(-1) for values in planes)
        sums, slope = np.zeros((PARTS, 2)), np.empty_like(seen)
        share(lambda mine, step: _measure(mine, step, seen, wanted, square, modulus, sums, slope))
        ctx.slope = torch.from_numpy(slope).view(planes[0].shape).permute(1, 2, 0)
        error, distance = sums.sum(axis=0) / max(1, seen.size)
        loss = torch.tensor(square * error + modulus * distance, dtype=torch.float32)
        mean = torch.tensor(error, dtype=torch.float32)
        ctx.mark_non_differentiable(mean)
        return loss, mean

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return gradients[0] * ctx.slope, None, None, None


@kernel
def _measure(
    mine: int, step: int, seen: np.ndarray, wanted: np.ndarray, square: float, modulus: float,
    sums: np.ndarray, slope: np.ndarray,
) -> None:  # fmt: skip
    """Sums of d² and |d| by parts, [PARTS, 2], and the slope of the mean loss by each number."""
    share = np.float32(1 / max(1, seen.size))
    twice, once = np.float32(2 * square) * share, np.float32(modulus) * share
    for part in range(mine, PARTS, step):
        squares = distances = 0.0
        for k in range(part * seen.size // PARTS, (part + 1) * seen.size // PARTS):
            d = seen[k] - wanted[k]
            squares += d * d
            distances += abs(d)
            sign = np.float32(d > 0) - np.float32(d < 0)
            slope[k] = twice * d + once * sign
        sums[part, 0], sums[part, 1] = squares, distances
