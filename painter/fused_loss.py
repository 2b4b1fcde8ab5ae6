"""`painter.losses.pixel_loss` in one pass over the canvas, on all cores, for the loop of the search."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from painter.goal import ALPHA_WEIGHT
from painter.losses import MIX_CROSSOVER, PIXEL_LOSSES, pixel_loss
from renderers.jit import kernel
from renderers.threads import share

PARTS = 16  # sums are taken in this many parts, whatever the number of threads
# Of each loss: the factors of d² and of |d|, d = canvas - target.
_FACTORS = {"l1": (0.0, 1.0), "l2": (1.0, 0.0), "mix": (1.0, 2 * MIX_CROSSOVER)}
assert set(_FACTORS) == set(PIXEL_LOSSES)


def measured_loss(canvas: Tensor, target: Tensor, kind: str, weight: Tensor | None = None) -> tuple[Tensor, float]:
    """`pixel_loss` of a canvas and the mean squared error of its colours (which knows no weights).

    Args:
        canvas, target: [H, W, C] float32. Elsewhere than on the CPU this is plain torch.
        kind: one of PIXEL_LOSSES.
        weight: [H, W] float32, see `pixel_loss`.

    Returns:
        [] float32, differentiable in the canvas; and a number, >= 0.
    """
    if canvas.device.type != "cpu":
        return pixel_loss(canvas, target, kind, weight), float((canvas.detach() - target).square().mean())
    square, modulus = _FACTORS[kind]
    if weight is None:
        weight = torch.ones(canvas.shape[:2])
    loss, error = _FusedLoss.apply(canvas, target, weight, square, modulus)
    return loss, float(error)


class _FusedLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, canvas: Tensor, target: Tensor, weight: Tensor, square: float, modulus: float
    ) -> tuple[Tensor, Tensor]:
        # Plane by plane, as blending leaves a canvas.
        planes = [values.detach().permute(2, 0, 1).contiguous() for values in (canvas, target)]
        seen, wanted = (values.numpy().reshape(len(values), -1) for values in planes)
        counts = weight.contiguous().numpy().reshape(-1)
        shares = counts / np.float32(max(float(counts.sum(dtype=np.float64)), 1e-30) * max(1, len(seen)))
        sums, slope = np.zeros((PARTS, 3)), np.empty_like(seen)
        share(lambda mine, step: _measure(mine, step, seen, wanted, shares, square, modulus, sums, slope))
        ctx.slope = torch.from_numpy(slope).view(planes[0].shape).permute(1, 2, 0)
        squares, distances, error = sums.sum(axis=0)
        loss = torch.tensor(square * squares + modulus * distances, dtype=torch.float32)
        mean = torch.tensor(error / max(1, seen.size), dtype=torch.float32)
        ctx.mark_non_differentiable(mean)
        return loss, mean

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return gradients[0] * ctx.slope, None, None, None, None


@kernel
def _measure(
    mine: int, step: int, seen: np.ndarray, wanted: np.ndarray, shares: np.ndarray, square: float, modulus: float,
    sums: np.ndarray, slope: np.ndarray,
) -> None:  # fmt: skip
    """Weighted sums of d² and |d| and the bare one of d² by parts, [PARTS, 3]; the slope of the loss by each number."""
    twice, once = np.float32(2 * square), np.float32(modulus)
    for part in range(mine, PARTS, step):
        for c in range(len(seen)):
            squares = distances = bare = 0.0
            channel = np.float32(ALPHA_WEIGHT if c == 3 else 1.0)
            for k in range(part * shares.size // PARTS, (part + 1) * shares.size // PARTS):
                d = seen[c, k] - wanted[c, k]
                bare += d * d
                share = channel * shares[k]
                squares += share * (d * d)
                distances += share * abs(d)
                sign = np.float32(d > 0) - np.float32(d < 0)
                slope[c, k] = share * (twice * d + once * sign)
            sums[part, 0] += squares
            sums[part, 1] += distances
            sums[part, 2] += bare
