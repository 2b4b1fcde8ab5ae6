"""The corners of a frame's patches as dual numbers: what the fast form of `NetworkBrush.coordinates` starts from.

Unknowns 0 and 1 are the box's half extents, those from GEOMETRY on are the numbers of the stroke's geometry.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from renderers.brushes.base import PATCH
from renderers.duals import bounded, constant, root, unknown, value_of
from renderers.jit import inlined

GEOMETRY = 2


@inlined
def corner_count(grid: np.ndarray) -> int:
    """Corners of a frame's patches, grid [2] of them along u and v."""
    return (grid[0] + 1) * (grid[1] + 1)


@inlined
def corner(box: np.ndarray, grid: np.ndarray, k: int) -> Any:
    """Corner k of a frame with half extents box [2]: u and v in stroke units, row after row."""
    p, q = 2 * (k % (grid[0] + 1)) / grid[0] - 1, 2 * (k // (grid[0] + 1)) / grid[1] - 1
    return unknown(box[0], 0) * p, unknown(box[1], 1) * q


@inlined
def footprint(box: np.ndarray, axis: int, blur: float, grid: np.ndarray) -> Any:
    """What a texel stands for along one axis: itself or the canvas pixel, whichever is wider (`texel_footprint`)."""
    share = 2.0 / (PATCH * grid[axis])
    return unknown(box[axis], axis) * share if box[axis] * share > blur else constant(blur)


@inlined
def at_least(dual: Any, low: float) -> Any:
    return bounded(dual, low, np.inf)


@inlined
def told_dual(depth: Any) -> Any:
    """`renderers.brushes.base.told`."""
    return bounded(depth, -5.0, 5.0) / 2.0


@inlined
def length_of(x: Any, y: Any, more: float) -> Any:
    return root(x * x + y * y + more)


@inlined
def nearest_corner(half: Any, skew: Any, rise: Any, growth: Any, u: Any, v: Any) -> Any:
    """`renderers.brushes.bezier.nearest` in dual numbers: t, du, dv, and the tangent."""
    ax, ay, bx, by = -2.0 * skew * half, -2.0 * rise, 2.0 * (skew * half + half), 2.0 * rise
    cx, cy = -half - u, -rise / 4.0 - v
    t, low, high = _almost_nearest(
        value_of(ax), value_of(ay), value_of(bx), value_of(by), value_of(cx), value_of(cy), value_of(growth)
    )
    x, y = cx + t * (bx + t * ax), cy + t * (by + t * ay)
    dx, dy = bx + 2.0 * t * ax, by + 2.0 * t * ay
    slope = x * dx + y * dy - growth * length_of(x, y, 1e-12)
    curvature = at_least(dx * dx + dy * dy + 2.0 * (x * ax + y * ay), 1e-3)
    best = bounded(t - slope / curvature, low, high)
    x, y = cx + best * (bx + best * ax), cy + best * (by + best * ay)
    return best, -x, -y, bx + 2.0 * best * ax, by + 2.0 * best * ay


@inlined
def _almost_nearest(ax: float, ay: float, bx: float, by: float, cx: float, cy: float, growth: float) -> Any:
    """All but the last Newton step, in plain numbers: t and the bounds that it stays within."""
    one = np.float32(1)
    least, t = np.float32(1e30), np.float32(0)
    for k in range(7):
        q = np.float32(k / 6)
        x, y = cx + q * (bx + q * ax), cy + q * (by + q * ay)
        depth = np.sqrt(x * x + y * y) - growth * q
        if depth < least:
            least, t = depth, q
    low, high = max(t - one / np.float32(6), np.float32(0)), min(t + one / np.float32(6), one)
    for _ in range(3):
        x, y = cx + t * (bx + t * ax), cy + t * (by + t * ay)
        dx, dy = bx + 2 * t * ax, by + 2 * t * ay
        slope = x * dx + y * dy - growth * np.sqrt(x * x + y * y + np.float32(1e-12))
        curvature = max(dx * dx + dy * dy + 2 * (x * ax + y * ay), np.float32(1e-3))
        t = min(max(t - slope / curvature, low), high)
    return t, low, high
