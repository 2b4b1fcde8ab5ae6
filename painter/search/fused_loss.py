"""`painter.search.pixel_losses.pixel_loss` in one pass over the canvas, on all cores, for the loop of the search."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from painter.search.pixel_losses import MIX_CROSSOVER, PIXEL_LOSSES, pixel_loss
from painter.search.target import ALPHA_WEIGHT
from renderers.jit import kernel
from renderers.simd import LANES, load, splat, store, total, where_less
from renderers.threads import share
from renderers.work_queue import take_next, work_queue

PARTS = 16  # sums are taken in this many parts, whatever the number of threads
RUN = 512  # numbers that are added up in single precision
# Of each loss: the factors of d² and of |d|, d = canvas - target.
PENALTIES = {"l1": (0.0, 1.0), "l2": (1.0, 0.0), "mix": (1.0, 2 * MIX_CROSSOVER)}
assert set(PENALTIES) == set(PIXEL_LOSSES)


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
    square, modulus = PENALTIES[kind]
    loss, error = _FusedLoss.apply(canvas, target, weight, square, modulus)
    return loss, float(error)


class _FusedLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, canvas: Tensor, target: Tensor, weight: Tensor | None, square: float, modulus: float
    ) -> tuple[Tensor, Tensor]:
        # Plane by plane, as blending leaves a canvas.
        planes = [values.detach().permute(2, 0, 1) for values in (canvas, target)]
        seen, wanted = (_flat(values) for values in planes)
        size = canvas.shape[0] * canvas.shape[1]
        counts = np.empty(0, np.float32) if weight is None else _flat(weight)
        sum_of_weights = size if weight is None else float(counts.sum(dtype=np.float64))
        scale = np.float32(1 / (max(sum_of_weights, 1e-30) * max(1, canvas.shape[2])))
        sums, slope = np.zeros((PARTS, 3)), np.empty_like(seen)
        queue = work_queue()
        share(lambda first, step: _measure(queue, seen, wanted, size, counts, scale, square, modulus, sums, slope))
        ctx.slope = torch.from_numpy(slope).view(planes[0].shape).permute(1, 2, 0)
        squares, distances, error = sums.sum(axis=0)
        loss = torch.tensor(square * squares + modulus * distances, dtype=torch.float32)
        mean = torch.tensor(error / max(1, seen.size), dtype=torch.float32)
        ctx.mark_non_differentiable(mean)
        return loss, mean

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        gradient = ctx.slope if float(gradients[0]) == 1 else gradients[0] * ctx.slope
        return gradient, None, None, None, None


def _flat(values: Tensor) -> np.ndarray:
    """All numbers, one after the other, not copied if they lie so already."""
    return values.detach().contiguous().numpy().reshape(-1)


@kernel
def _measure(
    queue: np.ndarray, seen: np.ndarray, wanted: np.ndarray, size: int, counts: np.ndarray, scale: float,
    square: float, modulus: float, sums: np.ndarray, slope: np.ndarray,
) -> None:  # fmt: skip
    """Weighted sums of d² and |d| and the bare one of d² by parts, [PARTS, 3]; the slope of the loss by each number.

    Args:
        seen, wanted, slope: flat, planes of `size` numbers.
        counts: [size] weights, or none where all are 1; times `scale` they are shares of all.
    """
    blocks = -(-size // LANES)
    while True:
        part = take_next(queue)
        if part >= PARTS:
            return
        first, last = part * blocks // PARTS * LANES, min((part + 1) * blocks // PARTS * LANES, size)
        for c in range(len(seen) // size if size else 0):
            channel = np.float32(ALPHA_WEIGHT if c == 3 else 1.0) * np.float32(scale)
            for begin in range(first, last, RUN):
                end = min(begin + RUN, last)
                _measure_run(c * size, begin, end, seen, wanted, counts, channel, square, modulus, sums[part], slope)


@kernel
def _measure_run(
    plane: int, begin: int, end: int, seen: np.ndarray, wanted: np.ndarray, counts: np.ndarray, channel: float,
    square: float, modulus: float, sums: np.ndarray, slope: np.ndarray,
) -> None:  # fmt: skip
    """The pixels begin … end of one plane, which starts at number `plane`; adds to sums [3]."""
    none, even, weighted = splat(0), len(counts) == 0, splat(channel)
    squares, distances, bare = none, none, none
    twice, once = splat(2 * square), splat(modulus)
    for k in range(begin, end - LANES + 1, LANES):
        d = load(seen, plane + k) - load(wanted, plane + k)
        part = weighted if even else weighted * load(counts, k)
        modulus_of = where_less(d, none, none - d, d)
        sign = where_less(none, d, once, where_less(d, none, none - once, none))
        bare += d * d
        squares += part * (d * d)
        distances += part * modulus_of
        store(slope, plane + k, part * (twice * d + sign))
    sums[0] += total(squares)
    sums[1] += total(distances)
    sums[2] += total(bare)
    for k in range(end - (end - begin) % LANES, end):
        difference = seen[plane + k] - wanted[plane + k]
        own = channel * (np.float32(1) if even else counts[k])
        direction = np.float32(difference > 0) - np.float32(difference < 0)
        slope[plane + k] = own * (np.float32(2 * square) * difference + np.float32(modulus) * direction)
        sums[0] += own * difference * difference
        sums[1] += own * abs(difference)
        sums[2] += difference * difference
