"""Building blocks of `NetworkBrush.corners`: the corners of a frame's patches in dual numbers.

Variables 0 and 1 are the box's half extents, those from GEOMETRY on the numbers of the stroke's geometry.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from renderers.brushes.base import PATCH
from renderers.dual import clip, constant, sqrt, value_of, variable
from renderers.jit import inlined, kernel
from renderers.simd import LANES, load, splat, store, where_less
from renderers.simd import sqrt as sqrt_lanes

GEOMETRY = 2


@inlined
def corner_count(grid: np.ndarray) -> int:
    """How many corners a frame of grid [2] patches has."""
    count: int = (grid[0] + 1) * (grid[1] + 1)
    return count


@inlined
def corner(box: np.ndarray, grid: np.ndarray, k: int) -> Any:
    """Corner k, row after row, of a frame with half extents box [2]: u and v, stroke units."""
    p, q = 2 * (k % (grid[0] + 1)) / grid[0] - 1, 2 * (k // (grid[0] + 1)) / grid[1] - 1
    return variable(box[0], 0) * p, variable(box[1], 1) * q


@inlined
def footprint(box: np.ndarray, axis: int, blur: float, grid: np.ndarray) -> Any:
    """`renderers.brushes.base.texel_footprint` along one axis: the width of a texel or pixel, whichever is wider."""
    share = 2.0 / (PATCH * grid[axis])
    return variable(box[axis], axis) * share if box[axis] * share > blur else constant(blur)


@inlined
def at_least(dual: Any, low: float) -> Any:
    """The maximum of a dual and a plain number."""
    return clip(dual, low, np.inf)


@inlined
def squash_depth_dual(depth: Any) -> Any:
    """`renderers.brushes.base.squash_depth` in dual numbers."""
    return clip(depth, -5.0, 5.0) / 2.0


@inlined
def norm(x: Any, y: Any, epsilon: float) -> Any:
    """√(x² + y² + epsilon); an epsilon above 0 keeps derivatives finite at the origin."""
    return sqrt(x * x + y * y + epsilon)


@inlined
def nearest_corner(half: Any, skew: Any, rise: Any, growth: Any, u: Any, v: Any, guess: np.ndarray, k: int) -> Any:
    """`renderers.brushes.bezier.nearest` of corner k in dual numbers: t, du, dv and the tangent.

    Args:
        half, skew, rise, growth, u, v: dual numbers.
        guess: of `guess_nearest`, whose last Newton step is taken here.
    """
    ax, ay, bx, by = -2.0 * skew * half, -2.0 * rise, 2.0 * (skew * half + half), 2.0 * rise
    cx, cy = -half - u, -rise / 4.0 - v
    t, low, high = guess[0, k], guess[1, k], guess[2, k]
    x, y = cx + t * (bx + t * ax), cy + t * (by + t * ay)
    dx, dy = bx + 2.0 * t * ax, by + 2.0 * t * ay
    slope = x * dx + y * dy - growth * norm(x, y, 1e-12)
    curvature = at_least(dx * dx + dy * dy + 2.0 * (x * ax + y * ay), 1e-3)
    best = clip(t - slope / curvature, low, high)
    x, y = cx + best * (bx + best * ax), cy + best * (by + best * ay)
    return best, -x, -y, bx + 2.0 * best * ax, by + 2.0 * best * ay


@inlined
def guess_nearest(half: Any, skew: Any, rise: Any, growth: Any, box: np.ndarray, grid: np.ndarray) -> Any:
    """The search for the nearest points but for the last Newton step, in plain numbers.

    Returns:
        [3, K + LANES] float32 for all K corners of the frame: t, and its lower and upper bound.
    """
    ax, ay, bx, by = -2.0 * skew * half, -2.0 * rise, 2.0 * (skew * half + half), 2.0 * rise
    curve = (value_of(ax), value_of(ay), value_of(bx), value_of(by), value_of(-half), value_of(-rise / 4.0))
    return _guess_nearest(curve, value_of(growth), box, grid)


@kernel
def _guess_nearest(curve: Any, growth: float, box: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """`guess_nearest` for the curve (ax, ay) t² + (bx, by) t + (cx, cy)."""
    columns, rows = grid[0] + 1, grid[1] + 1
    most = columns * rows + LANES
    out = np.empty((3, most), np.float32)
    flat, along = out.reshape(-1), np.zeros(columns + LANES, np.float32)
    for column in range(columns):
        along[column] = box[0] * np.float32(2 * column / grid[0] - 1)
    for row in range(rows):
        v = box[1] * np.float32(2 * row / grid[1] - 1)
        for column in range(0, columns, LANES):
            t, low, high = _guess(curve, growth, load(along, column), v)
            at = row * columns + column
            store(flat, at, t)
            store(flat, most + at, low)
            store(flat, 2 * most + at, high)
    return out


@inlined
def _guess(curve: Any, growth: float, u: Any, v: float) -> Any:
    """`_guess_nearest` for LANES corners at u (lanes) and v (a number)."""
    two, sixth = np.float32(2), np.float32(1 / 6)
    ax, ay, bx, by, cx_one, cy_one = curve
    cx, cy = splat(cx_one) - u, cy_one - v
    least, t = splat(1e30), splat(0)
    for k in range(7):
        q = np.float32(k / 6)
        x, y = cx + splat(q) * splat(bx + q * ax), splat(cy + q * (by + q * ay))
        depth = sqrt_lanes(x * x + y * y) - splat(growth) * splat(q)
        t, least = where_less(depth, least, splat(q), t), where_less(depth, least, depth, least)
    low, high = t - splat(sixth), t + splat(sixth)
    low, high = where_less(low, splat(0), splat(0), low), where_less(high, splat(1), high, splat(1))
    for _ in range(3):
        x, y = cx + t * (splat(bx) + t * splat(ax)), splat(cy) + t * (splat(by) + t * splat(ay))
        dx, dy = splat(bx) + splat(two) * t * splat(ax), splat(by) + splat(two) * t * splat(ay)
        slope = x * dx + y * dy - splat(growth) * sqrt_lanes(x * x + y * y + splat(1e-12))
        curvature = dx * dx + dy * dy + splat(two) * (x * splat(ax) + y * splat(ay))
        t = t - slope / where_less(curvature, splat(1e-3), splat(1e-3), curvature)
        t = where_less(t, low, low, t)
        t = where_less(high, t, high, t)
    return t, low, high
