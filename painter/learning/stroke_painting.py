"""Paintings of the engine 'strokes': from the numbers of strokes to strokes, and from those to pictures."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from painter.learning.form import Form
from painter.options.paint import PaintConfig
from painter.painting.painting import Painting
from painter.pipeline import make_run, prepare
from painter.system.devices import one_torch_thread, ordinary_tensors
from painter.system.usage import Stopwatch
from renderers.order import in_paint_order
from renderers.strokes import Strokes

STYLE = "rectangle"
"""The brush: of all four, its strokes come nearest to flat pictures, and they have the fewest numbers."""

_WIDTHS = (math.log(0.01), math.log(0.7))  # logarithms, in sides of the piece
_SLIMMEST = 24.0  # width over height
_TYPICAL = 300  # pieces of which the most typical one is found


def strokes_of(numbers: Tensor) -> Strokes:
    """Opaque strokes of numbers [n, NUMBERS]; differentiable.

    Numbers that are out of range are brought back into it, and only feel gradients that bring them back as well.
    """
    x, y = _Within.apply(numbers[:, 0], 0.0, 1.0), _Within.apply(numbers[:, 1], 0.0, 1.0)
    width = _Within.apply(numbers[:, 2], *_WIDTHS).exp()
    height = torch.maximum(torch.minimum(numbers[:, 3].clamp(max=0).exp(), width), width / _SLIMMEST)
    params = {"x": x, "y": y, "width": width, "height": height, "angle": numbers[:, 4]}
    count = len(numbers)
    opaque, seeds = numbers.new_ones(count), torch.zeros(count, dtype=torch.int64)
    return Strokes(STYLE, params, _Within.apply(numbers[:, 5:], 0.0, 1.0)[:, None], opaque, seeds)


def numbers_of(strokes: Strokes) -> Tensor:
    """[n, NUMBERS] of opaque strokes of STYLE."""
    shape = strokes.params
    parts = [shape["x"], shape["y"], shape["width"].log(), shape["height"].log(), shape["angle"]]
    return torch.cat((torch.stack(parts, 1), strokes.colors[:, 0]), 1)


class _Within(torch.autograd.Function):
    """Clamping whose gradient vanishes only where it would lead further out."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(values)
        ctx.range = low, high
        return values.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (values,), (low, high), (gradient,) = ctx.saved_tensors, ctx.range, gradients
        outwards = ((values < low) & (gradient > 0)) | ((values > high) & (gradient < 0))
        return gradient.masked_fill(outwards, 0.0), None, None


def grounds_of(pixels: np.ndarray) -> np.ndarray:
    """The colour around each piece, float32 [N, 3] in [0, 1]: the median of the upper half of its border.

    Args:
        pixels: uint8 [N, S, S, 3].
    """
    half = pixels.shape[1] // 2
    border = np.concatenate((pixels[:, 0], pixels[:, 1:half, 0], pixels[:, 1:half, -1]), axis=1)
    result: np.ndarray = (np.median(border, axis=1) / 255).astype(np.float32)
    return result


def typical_strokes(pixels: np.ndarray, count: int) -> Tensor:
    """Where strokes start from, [count, NUMBERS]: a painting of the piece that is nearest to the others' median.

    Args:
        pixels: uint8 [N, S, S, 3].
    """
    some = pixels[:: -(-len(pixels) // _TYPICAL)].astype(np.float32)
    typical = some[np.square(some - np.median(some, axis=0)).mean((1, 2, 3)).argmin()].astype(np.uint8)
    red, green, blue = (grounds_of(typical[None])[0] * 255).round().astype(int).tolist()
    config = PaintConfig(
        style=STYLE, strokes=count, size=max(16, len(typical)), focus="none", opacity="1:1", texture=0.0,
        canvas=f"#{red:02x}{green:02x}{blue:02x}", device="cpu",
    )  # fmt: skip
    with ordinary_tensors(), one_torch_thread():
        run = make_run(prepare(typical, config, Stopwatch()))
        deque(run.run(), maxlen=0)  # all of its steps
    assert run.strokes is not None
    return numbers_of(in_paint_order(run.strokes, typical.shape[:2]))


def painting_of(numbers: Tensor, ground: Tensor, form: Form, size: int) -> Painting:
    """The painting of a piece.

    Args:
        numbers: [n, NUMBERS], in the piece's square.
        ground: [3], about in [0, 1].
        form: of the piece, whose content is what is painted.
        size: the long side at which it is drawn unless asked otherwise, pixels.
    """
    strokes = strokes_of(numbers.detach().cpu())
    (top, _), (left, _) = form.padding
    longer = max(form.content)
    params = {
        "x": (strokes.params["x"] * form.size - left) / longer,
        "y": (strokes.params["y"] * form.size - top) / longer,
        "width": strokes.params["width"] * (form.size / longer),
        "height": strokes.params["height"] * (form.size / longer),
        "angle": strokes.params["angle"],
    }
    red, green, blue = ((ground.detach().cpu().clamp(0, 1) * 255).round() / 255).tolist()
    config = PaintConfig(style=STYLE, strokes=len(numbers), size=size, focus="none")
    return Painting(replace(strokes, params=params), form.content, (red, green, blue), config)


def drawn(numbers: Tensor, grounds: Tensor, size: int) -> Tensor:
    """Signals [B, 3, size, size] of numbers [B, n, NUMBERS] and grounds [B, 3], as the engine draws them, bare."""
    form = Form(size, (size, size))
    pieces = [
        painting_of(one, ground, form, max(16, size)).draw_bare(size)
        for one, ground in zip(numbers, grounds, strict=True)
    ]
    return torch.from_numpy(np.stack(pieces)).permute(0, 3, 1, 2).float() / 127.5 - 1
