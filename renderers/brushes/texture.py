"""Scalar building blocks of the engines, compiled by numba: ramps and value noise.

Noise comes in two kinds. A tuft's unevenness is the same in every stroke (a brush has the same bristles), so it uses
a fixed seed and the networks learn it. Finer texture uses the stroke's seed and is finer than a frame resolves.
`resolved` fades both where a point stands for more than the size of the detail.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from renderers.jit import cached

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile once and cache on disk; without the interpreter lock, so that threads can paint strokes in parallel."""
    return cached(function, error_model="numpy")


@kernel
def ramp(inside: float, width: float) -> float:
    """Share of a box of this width that lies inside a straight edge, if its centre is `inside` it: in [0, 1]."""
    return min(1.0, max(0.0, inside / width + 0.5))


@kernel
def smoothstep(low: float, high: float, x: float) -> float:
    """A smooth step from 0 at `low` to 1 at `high`."""
    t = min(1.0, max(0.0, (x - low) / (high - low)))
    return t * t * (3.0 - 2.0 * t)


@kernel
def resolved(frequency: float, footprint: float) -> float:
    """Amplitude, in [0, 1], of a detail with `frequency` lattice steps per unit after averaging over `footprint`."""
    x = 1.5 * frequency * footprint
    return math.exp(-x * x) if x < 4.0 else 0.0


@kernel
def _hash(i: int, j: int, seed: int) -> float:
    """A pseudo-random number in [-1, 1) for a lattice point."""
    x = (i * 0x9E3779B1 + j * 0x85EBCA77 + seed * 0xC2B2AE3D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
    x = ((x ^ (x >> 12)) * 0x297A2D39) & 0xFFFFFFFF
    return (x ^ (x >> 15)) / 2147483648.0 - 1.0


@kernel
def noise1(x: float, seed: int) -> float:
    """Smooth value noise on a line, in [-1, 1], with one lattice step per unit."""
    i = int(math.floor(x))
    f = x - i
    f = f * f * (3.0 - 2.0 * f)
    return (1.0 - f) * _hash(i, 0, seed) + f * _hash(i + 1, 0, seed)


@kernel
def noise2(x: float, y: float, seed: int) -> float:
    """Smooth value noise in the plane, in [-1, 1], with one lattice step per unit."""
    i, j = int(math.floor(x)), int(math.floor(y))
    f, g = x - i, y - j
    f, g = f * f * (3.0 - 2.0 * f), g * g * (3.0 - 2.0 * g)
    top = (1.0 - f) * _hash(i, j, seed) + f * _hash(i + 1, j, seed)
    bottom = (1.0 - f) * _hash(i, j + 1, seed) + f * _hash(i + 1, j + 1, seed)
    return (1.0 - g) * top + g * bottom
