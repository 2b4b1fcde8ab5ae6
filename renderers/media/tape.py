"""Washi tape as a medium: torn ends, long fibres, a thickness that casts a shadow."""

from __future__ import annotations

import math

import numpy as np

from renderers.brushes.rectangle import EDGE
from renderers.brushes.texture import kernel, noise1, ramp, resolved
from renderers.media.noise import new_cells, value_noise

MARGIN = 0.16  # stroke units by which torn ends may leave the stroke's box
THICKNESS, LEVEL = 0.00025, 0.35  # of a tape, canvas units; share of what lies below that it evens out
VEIL = 0.09  # by which fibres are denser and lighter
SHADOW = 0.42  # of its darkness
OFFSET, BLUR = 0.0010, 0.0007  # of the shadow, to the lower right and in standard deviations; canvas units

_TORN = (0.0030, 0.16)  # how far ends are torn: canvas units, and at most so many half heights


@kernel
def paint_tape(
    geometry: np.ndarray, u: np.ndarray, v: np.ndarray, scale: float, footprint: float, seed: int, texture: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coverage, mix and fibre [M] of one tape at M points (u, v), in stroke units.

    Args:
        geometry: of the rectangle brush.
        scale: canvas units to a stroke unit; footprint: of a point, stroke units.
        texture: how much of all this there is, in (0, 1].
    """
    alpha, mix, fibre = np.zeros(u.size, np.float32), np.zeros(u.size, np.float32), np.zeros(u.size, np.float32)
    ratio, units = float(geometry[0]), 1.0 / scale
    torn = texture * min(_TORN[0] * units, _TORN[1])
    teeth = 1.0 / max(0.0035 * units, 1e-3)  # lattice steps across the end
    shadow = min(1.0, EDGE / footprint)
    seen, cells = resolved(260.0, 0.5 * footprint * scale), new_cells(6)
    for i in range(u.size):
        x, y = u[i], v[i]
        end = 2.0 if x > 0 else 1.0
        tear = 0.9 * noise1(0.5 * teeth * y + 13.0 * end, seed + 1) * resolved(0.5 * teeth, footprint)
        tear += 0.7 * noise1(1.7 * teeth * y + 29.0 * end, seed + 2) * resolved(1.7 * teeth, footprint)
        tear += 0.9 * max(0.0, noise1(6.0 * teeth * y + 7.0 * end, seed + 3)) * resolved(6.0 * teeth, footprint)
        inside = 1.0 - abs(y)
        cover = ramp(inside, footprint) * ramp(ratio - abs(x) + torn * (tear - 0.15), max(footprint, 0.25 * torn))
        mix[i] = (1.0 - texture) * shadow * (1.0 - ramp(inside - EDGE, max(footprint, EDGE)))
        if cover <= 0.0:
            continue
        alpha[i] = cover
        if seen > 1e-3:
            fibre[i] = seen * _fibres(x * scale, y * scale, seed, cells)
    return alpha, mix, fibre


@kernel
def _fibres(x: float, y: float, seed: int, cells: np.ndarray) -> float:
    """Long fibres of mulberry at three angles, and the pulp between them; x and y in canvas units."""
    wx = x + 0.006 * value_noise(25.0 * x, 25.0 * y, seed + 5, cells, 0)
    wy = y + 0.006 * value_noise(25.0 * x, 25.0 * y, seed + 6, cells, 1)
    most = 0.0
    for k in range(3):
        c, d = math.cos(0.2 + 1.1 * k), math.sin(0.2 + 1.1 * k)
        most = max(
            most,
            1.0
            - 5.0
            * abs(value_noise(300.0 * (c * wx + d * wy), 34.0 * (c * wy - d * wx), seed + 7 + k, cells, 2 + k) - 0.1),
        )
    return most - 0.28 + 0.35 * value_noise(420.0 * x, 420.0 * y, seed + 11, cells, 5)
