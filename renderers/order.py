"""The paint order that is shown to people: ground, large forms, details, and each stroke near the last one.

The search leaves strokes in the order in which it found them. Where two do not touch, the finished picture does not
depend on which of them comes first; so those that touch keep their order, and the others are sorted as a painter would
paint them.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from renderers.brushes import BRUSHES, Frame
from renderers.brushes.texture import kernel  # not renderers.jit's: contraction could change which strokes touch
from renderers.placed import SPREAD
from renderers.strokes import Strokes

PIXEL = 1 / 128  # width of the coarsest pixels that a painting is drawn with: strokes reach furthest there
CLASS_STEP = 1.7  # strokes of one size class differ by no more than this factor
COLOR_WEIGHT = 0.5  # distance of black from white, in sizes of the last stroke
ANGLE_WEIGHT = 0.25  # distance of strokes at right angles, in sizes of the last stroke
MIN_SIZE = 1e-6  # smaller strokes count as of this size, canvas units
MAX_RUN = 10_000  # strokes sorted together; time grows with its square

# Rows of the table that the kernels read, one column a stroke.
CENTER_X, CENTER_Y, AXIS_X, AXIS_Y, HALF_LENGTH, HALF_WIDTH, LEFT, RIGHT, TOP, BOTTOM = range(10)


def in_paint_order(strokes: Strokes, aspect: tuple[int, int]) -> Strokes:
    """The strokes on the CPU, in the order of `arrange`."""
    strokes = strokes.map(lambda values: values.cpu())
    return strokes[arrange(strokes, aspect)]


def arrange(strokes: Strokes, aspect: tuple[int, int]) -> Tensor:
    """The order of strokes in which the painting grows from ground to detail, region by region.

    Strokes that touch keep their order, so `strokes[arrange(strokes, aspect)]` draws to the same bytes as `strokes`
    on every canvas with a longer side of at least 128 pixels. Among the others the largest size class comes first, and
    within it the stroke nearest to the last one: greedy list scheduling of the graph of which stroke covers which. A
    stroke below a larger one counts as at most one class smaller than that.

    Args:
        strokes: N strokes of one brush, in paint order.
        aspect: the canvas' height and width, in any one unit.

    Returns:
        [N] int64 on the CPU, a permutation of 0 … N - 1, deterministic. Of more than 10,000 strokes, every successive
        10,000 are sorted separately.
    """
    runs = [
        torch.from_numpy(first + _arrange_run(strokes[first : first + MAX_RUN], aspect))
        for first in range(0, len(strokes), MAX_RUN)
    ]
    return torch.cat(runs) if runs else torch.zeros(0, dtype=torch.int64)


def _arrange_run(strokes: Strokes, aspect: tuple[int, int]) -> np.ndarray:
    """`arrange` of at least one stroke and at most MAX_RUN: [N] int64."""
    strokes = strokes.map(lambda values: values.detach().cpu())
    brush = BRUSHES[strokes.brush]
    params = {name: values.double() for name, values in strokes.params.items()}
    sizes = brush.size(params).nan_to_num(nan=0.0).clamp(min=MIN_SIZE).numpy()
    table = _boxes(brush.frame(params, SPREAD * PIXEL), aspect)
    blockers, levels = _precedence(table, _classes(sizes))
    return _schedule(table, blockers, levels, sizes, strokes.colors.double().mean(dim=1).numpy())


def _boxes(frame: Frame, aspect: tuple[int, int]) -> np.ndarray:
    """[10, N] float64: where each stroke may touch a canvas, all in canvas units.

    That is its frame and half a pixel more on all sides, and the bounding rectangle of that, clipped to the canvas.
    Frames on pixels of PIXEL contain those on finer ones.
    """
    center, axis = frame.center.numpy(), frame.axis.numpy()
    half = (frame.scale[:, None] * frame.box).numpy() + PIXEL / 2
    reach = np.abs(axis) * half[:, :1] + np.abs(axis[:, ::-1]) * half[:, 1:]
    height, width = aspect
    # A canvas has at least one pixel, and its sides are rounded to integers.
    edge = np.array([width, height]) / max(height, width) + PIXEL
    low, high = np.maximum(center - reach, 0), np.minimum(center + reach, edge)
    return np.stack([*center.T, *axis.T, *half.T, low[:, 0], high[:, 0], low[:, 1], high[:, 1]])


def _classes(sizes: np.ndarray) -> np.ndarray:
    """Size classes [N] int64: 0 for the largest strokes, and 1 more for each factor CLASS_STEP between them."""
    classes: np.ndarray = np.floor(np.log(sizes.max() / sizes) / np.log(CLASS_STEP)).astype(np.int64)
    return classes


@kernel
def _touch(table: np.ndarray, i: int, j: int) -> bool:
    """Whether two strokes' boxes overlap: neither the upright nor the oriented ones have a separating axis."""
    # `|` and not `or`: one branch that is nearly always taken costs less than four that are hard to predict.
    if (
        (table[LEFT, i] > table[RIGHT, j])
        | (table[LEFT, j] > table[RIGHT, i])
        | (table[TOP, i] > table[BOTTOM, j])
        | (table[TOP, j] > table[BOTTOM, i])
    ):
        return False
    ax, ay, bx, by = table[AXIS_X, i], table[AXIS_Y, i], table[AXIS_X, j], table[AXIS_Y, j]
    al, aw, bl, bw = table[HALF_LENGTH, i], table[HALF_WIDTH, i], table[HALF_LENGTH, j], table[HALF_WIDTH, j]
    dx, dy = table[CENTER_X, j] - table[CENTER_X, i], table[CENTER_Y, j] - table[CENTER_Y, i]
    cos, sin = abs(ax * bx + ay * by), abs(ax * by - ay * bx)
    return not (
        abs(dx * ax + dy * ay) > al + bl * cos + bw * sin
        or abs(dy * ax - dx * ay) > aw + bl * sin + bw * cos
        or abs(dx * bx + dy * by) > bl + al * cos + aw * sin
        or abs(dy * bx - dx * by) > bw + al * sin + aw * cos
    )


@kernel
def _precedence(table: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many earlier strokes each one touches, and its level, [N] int64 each.

    The level is the stroke's class, or one more than the level of a later stroke that touches it if that is less:
    a stroke that a large form covers must not come last, or the form would, too.
    """
    count = len(classes)
    blockers, levels = np.zeros(count, np.int64), classes.copy()
    for i in range(count - 1, -1, -1):
        for j in range(i + 1, count):
            if _touch(table, i, j):
                blockers[j] += 1
                levels[i] = min(levels[i], levels[j] + 1)
    return blockers, levels


@kernel
def _schedule(
    table: np.ndarray, blockers: np.ndarray, levels: np.ndarray, sizes: np.ndarray, colors: np.ndarray
) -> np.ndarray:
    """List scheduling: one stroke after the other of those without blockers left, [N] int64.

    A level is entered once no stroke of lower levels is ready. Strokes of lower levels that become ready later count as
    of this level: they are taken when they are near, without a leap across the picture.
    """
    count = len(levels)
    order = np.empty(count, np.int64)
    ready = np.empty(count, np.int64)
    ready_count, level, last = 0, 0, -1
    for n in range(count):
        if blockers[n] == 0:
            ready[ready_count] = n
            ready_count += 1
    for step in range(count):
        best, best_rank, best_cost = -1, 0, 0.0
        for k in range(ready_count):
            n = ready[k]
            rank = max(level, levels[n])
            if best >= 0 and rank > best_rank:
                continue
            cost = _cost(table, sizes, colors, last, n)
            if best < 0 or rank < best_rank or cost < best_cost or (cost == best_cost and n < ready[best]):
                best, best_rank, best_cost = k, rank, cost
        last, level = ready[best], best_rank
        order[step] = last
        ready_count -= 1
        ready[best] = ready[ready_count]
        for j in range(last + 1, count):
            if blockers[j] > 0 and _touch(table, last, j):
                blockers[j] -= 1
                if blockers[j] == 0:
                    ready[ready_count] = j
                    ready_count += 1
    return order


@kernel
def _cost(table: np.ndarray, sizes: np.ndarray, colors: np.ndarray, last: int, n: int) -> float:
    """Distance of stroke `n` from the last one, in place and a little in look; at first, less for larger strokes."""
    if last < 0:
        first: float = -sizes[n]
        return first
    dx, dy = table[CENTER_X, n] - table[CENTER_X, last], table[CENTER_Y, n] - table[CENTER_Y, last]
    cross = table[AXIS_X, n] * table[AXIS_Y, last] - table[AXIS_Y, n] * table[AXIS_X, last]
    shift = 0.0
    for c in range(3):
        shift += (colors[n, c] - colors[last, c]) ** 2
    look = COLOR_WEIGHT * math.sqrt(shift / 3) + ANGLE_WEIGHT * abs(cross)
    cost: float = math.sqrt(dx * dx + dy * dy) + sizes[last] * look
    return cost
