"""The order in which a painting is told: ground, large forms, details, and each stroke near the last one.

The search leaves strokes in the order in which it found them. Where two do not touch, the finished picture does not
depend on which of them comes first; so those that do touch keep their order, and all others are free to be sorted as
a painter would go about it.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from renderers.brushes import BRUSHES, Frame
from renderers.brushes.texture import kernel  # not renderers.jit's: what touches must not hang on how sums are rounded
from renderers.drawing import SPREAD
from renderers.strokes import Strokes

PIXEL = 1 / 128  # the coarsest that a painting is drawn with; strokes reach furthest there
CLASS_STEP = 1.7  # strokes of one class differ in size by no more than this factor
COLOR_WEIGHT = 0.5  # black and white are as far apart as places half a stroke's size away
ANGLE_WEIGHT = 0.25  # strokes at right angles are as far apart as places a quarter of a stroke's size away
MIN_SIZE = 1e-6  # strokes smaller than that count as being so large
MAX_RUN = 10_000  # strokes arranged together; time grows with its square

# Rows of the table that the kernels read, one column a stroke.
CENTER_X, CENTER_Y, AXIS_X, AXIS_Y, HALF_LENGTH, HALF_WIDTH, LEFT, RIGHT, TOP, BOTTOM = range(10)


def in_paint_order(strokes: Strokes, aspect: tuple[int, int]) -> Strokes:
    """The strokes on the CPU, in an order that is pleasant to watch; see `arrange`."""
    strokes = strokes.map(lambda values: values.cpu())
    return strokes[arrange(strokes, aspect)]


def arrange(strokes: Strokes, aspect: tuple[int, int]) -> Tensor:
    """The order in which to lay strokes so that the painting grows from ground to detail, region by region.

    Strokes that touch keep their order, so `strokes[arrange(strokes, aspect)]` draws to the same bytes as `strokes`
    on every canvas with a longer side of at least 128 pixels. Among the others the coarsest size class comes first,
    and within it whichever lies nearest to the last stroke laid: greedy list scheduling of the graph of what covers
    what. A stroke below a larger one counts as no more than one class finer than that.

    Args:
        strokes: N strokes of one brush, in paint order.
        aspect: the canvas' height and width, in any one unit.

    Returns:
        [N] int64 on the CPU, a permutation of 0 … N - 1, the same each time. Of more than 10,000 strokes, each 10,000
        in succession are arranged among themselves.
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
    shape = {name: values.double() for name, values in strokes.params.items()}
    sizes = brush.size(shape).nan_to_num(nan=0.0).clamp(min=MIN_SIZE).numpy()
    table = _boxes(brush.frame(shape, SPREAD * PIXEL), aspect)
    waits, levels = _precedence(table, _classes(sizes))
    return _walk(table, waits, levels, sizes, strokes.colors.double().mean(dim=1).numpy())


def _boxes(frame: Frame, aspect: tuple[int, int]) -> np.ndarray:
    """[10, N] float64: where each stroke may touch a canvas, all in canvas units.

    That is its frame and half a pixel more on all sides, and the upright rectangle around that, as far as it lies on
    the canvas. Frames on pixels of PIXEL hold those on finer ones.
    """
    center, axis = frame.center.numpy(), frame.axis.numpy()
    half = (frame.scale[:, None] * frame.box).numpy() + PIXEL / 2
    reach = np.abs(axis) * half[:, :1] + np.abs(axis[:, ::-1]) * half[:, 1:]
    height, width = aspect
    # A canvas has at least one pixel, and its sides are rounded to whole ones.
    edge = np.array([width, height]) / max(height, width) + PIXEL
    low, high = np.maximum(center - reach, 0), np.minimum(center + reach, edge)
    return np.stack([*center.T, *axis.T, *half.T, low[:, 0], high[:, 0], low[:, 1], high[:, 1]])


def _classes(sizes: np.ndarray) -> np.ndarray:
    """[N] int64: 0 for the largest strokes, then one more for each CLASS_STEP by which they are smaller."""
    return np.floor(np.log(sizes.max() / sizes) / np.log(CLASS_STEP)).astype(np.int64)


@kernel
def _touch(table: np.ndarray, i: int, j: int) -> bool:
    """Whether two strokes' boxes overlap: no line separates the upright ones, nor the oriented ones."""
    # Not `or`: one branch that is nearly always taken costs less than four that are hard to foresee.
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
    """How many earlier strokes each one touches; and its level, [N] int64 both.

    The level is the stroke's class, or one more than the level of a later stroke that touches it if that is less:
    what a large form covers is not left to the last, or the form would be as well.
    """
    count = len(classes)
    waits, levels = np.zeros(count, np.int64), classes.copy()
    for i in range(count - 1, -1, -1):
        for j in range(i + 1, count):
            if _touch(table, i, j):
                waits[j] += 1
                levels[i] = min(levels[i], levels[j] + 1)
    return waits, levels


@kernel
def _walk(
    table: np.ndarray, waits: np.ndarray, levels: np.ndarray, sizes: np.ndarray, colors: np.ndarray
) -> np.ndarray:
    """Lay one stroke after the other of those that wait for none: [N] int64, their numbers.

    A level is entered once those above it offer nothing more. From then on what it frees of them is taken as the
    walk comes by, without a leap across the picture.
    """
    count = len(levels)
    order = np.empty(count, np.int64)
    free = np.empty(count, np.int64)
    frees, level, last = 0, 0, -1
    for n in range(count):
        if waits[n] == 0:
            free[frees] = n
            frees += 1
    for step in range(count):
        best, best_level, best_cost = -1, 0, 0.0
        for k in range(frees):
            n = free[k]
            own = max(level, levels[n])
            if best >= 0 and own > best_level:
                continue
            cost = _cost(table, sizes, colors, last, n)
            if best < 0 or own < best_level or cost < best_cost or (cost == best_cost and n < free[best]):
                best, best_level, best_cost = k, own, cost
        last, level = free[best], best_level
        order[step] = last
        frees -= 1
        free[best] = free[frees]
        for j in range(last + 1, count):
            if waits[j] > 0 and _touch(table, last, j):
                waits[j] -= 1
                if waits[j] == 0:
                    free[frees] = j
                    frees += 1
    return order


@kernel
def _cost(table: np.ndarray, sizes: np.ndarray, colors: np.ndarray, last: int, n: int) -> float:
    """How far stroke `n` is from the last one laid, in place and a little in look; the largest stroke comes first."""
    if last < 0:
        return -sizes[n]
    dx, dy = table[CENTER_X, n] - table[CENTER_X, last], table[CENTER_Y, n] - table[CENTER_Y, last]
    cross = table[AXIS_X, n] * table[AXIS_Y, last] - table[AXIS_Y, n] * table[AXIS_X, last]
    shift = 0.0
    for c in range(3):
        shift += (colors[n, c] - colors[last, c]) ** 2
    look = COLOR_WEIGHT * math.sqrt(shift / 3) + ANGLE_WEIGHT * abs(cross)
    return math.sqrt(dx * dx + dy * dy) + sizes[last] * look
