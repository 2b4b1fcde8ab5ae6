"""Scalar building blocks of the engines, compiled by numba: ramps, value noise, the nearest point of a curve.

Noise comes in two kinds. A tuft's own unevenness is the same in every stroke (a brush keeps its bristles), so it uses
a fixed seed and the networks learn it. Finer texture uses the stroke's seed and lies above what a frame resolves.
`resolved` fades any of it where a point stands for more than the detail's own size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba

# Compiled once, kept on disk; without the interpreter lock, so that threads can paint strokes side by side.
kernel: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(cache=True, nogil=True, error_model="numpy")


@kernel
def ramp(inside: float, width: float) -> float:
    """Share of a box of this width, centred `inside` of a straight edge, that lies inside: 0 to 1."""
    return min(1.0, max(0.0, inside / width + 0.5))


@kernel
def smoothstep(low: float, high: float, x: float) -> float:
    t = min(1.0, max(0.0, (x - low) / (high - low)))
    return t * t * (3.0 - 2.0 * t)


@kernel
def resolved(frequency: float, footprint: float) -> float:
    """How much of a detail with this many lattice steps per unit is left after averaging over `footprint`."""
    x = 1.5 * frequency * footprint
    return math.exp(-x * x) if x < 4.0 else 0.0


@kernel
def _hash(i: int, j: int, seed: int) -> float:
    """A well-mixed number in [-1, 1) for a lattice point."""
    x = (i * 0x9E3779B1 + j * 0x85EBCA77 + seed * 0xC2B2AE3D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
    x = ((x ^ (x >> 12)) * 0x297A2D39) & 0xFFFFFFFF
    return (x ^ (x >> 15)) / 2147483648.0 - 1.0


@kernel
def noise1(x: float, seed: int) -> float:
    """Smooth value noise on a line: in [-1, 1], one lattice step a unit."""
    i = int(math.floor(x))
    f = x - i
    f = f * f * (3.0 - 2.0 * f)
    return (1.0 - f) * _hash(i, 0, seed) + f * _hash(i + 1, 0, seed)


@kernel
def noise2(x: float, y: float, seed: int) -> float:
    """Smooth value noise in the plane: in [-1, 1], one lattice step a unit."""
    i, j = int(math.floor(x)), int(math.floor(y))
    f, g = x - i, y - j
    f, g = f * f * (3.0 - 2.0 * f), g * g * (3.0 - 2.0 * g)
    top = (1.0 - f) * _hash(i, j, seed) + f * _hash(i + 1, j, seed)
    bottom = (1.0 - f) * _hash(i, j + 1, seed) + f * _hash(i + 1, j + 1, seed)
    return (1.0 - g) * top + g * bottom


@kernel
def nearest_on_curve(u: float, v: float, h: float, mu: float, v1: float, lift: float) -> float:
    """Parameter t in [0, 1] of the point nearest to (u, v) on a chord-framed quadratic Bézier curve.

    Control points (-h, -lift), (mu·h, v1 - lift), (h, -lift). A few samples, then Newton steps on the derivative
    of the squared distance.
    """
    ax, ay = -2.0 * mu * h, -2.0 * v1  # second difference P0 - 2 P1 + P2
    bx, by = 2.0 * (mu * h + h), 2.0 * v1  # 2 (P1 - P0)
    cx, cy = -h - u, -lift - v  # P0 - P
    best, best_t = 1e30, 0.0
    for k in range(9):
        t = k / 8.0
        x, y = cx + t * (bx + t * ax), cy + t * (by + t * ay)
        distance = x * x + y * y
        if distance < best:
            best, best_t = distance, t
    t = best_t
    for _ in range(4):
        x, y = cx + t * (bx + t * ax), cy + t * (by + t * ay)
        dx, dy = bx + 2.0 * t * ax, by + 2.0 * t * ay
        slope = x * dx + y * dy
        curvature = dx * dx + dy * dy + 2.0 * (x * ax + y * ay)
        if curvature <= 1e-9:
            break
        t = min(1.0, max(0.0, t - slope / curvature))
    return t
