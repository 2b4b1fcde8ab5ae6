"""Rasters that all strokes on a sheet share, in bytes: what they move is far less than a pixel at the last level."""

from __future__ import annotations

import math

import numpy as np

from renderers.brushes.texture import kernel, resolved
from renderers.media.noise import fractal_noise, new_cells, value_noise
from renderers.threads import share

LEVELS = 127.0  # a value v in [-1, 1] is kept as round(LEVELS · v)
TOOTH = 110.0  # lattice steps to a canvas unit of what frays edges
TOOTH_SCALE = 0.53  # its octaves add up to no more than 1.9


def wash_rasters(top: int, rows: int, width: int, pixel: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[rows, width] int8 each: how the sheet frays edges, where it was wet, where pigment gathers at edges."""
    tooth, wet, rim = (np.empty((rows, width), np.int8) for _ in range(3))
    share(lambda first, step: _fill_wash(tooth, wet, rim, top, pixel, first, step))
    return tooth, wet, rim


def fibre_raster(top: int, rows: int, width: int, pixel: float) -> np.ndarray:
    """[rows, width] int8: fibres of the sheet along which ink runs, threads of three directions."""
    fibre = np.zeros((rows, width), np.int8)
    share(lambda first, step: _fill_fibre(fibre, top, pixel, first, step))
    return fibre


@kernel
def _fill_wash(
    tooth: np.ndarray, wet: np.ndarray, rim: np.ndarray, top: int, pixel: float, first: int, step: int
) -> None:
    cells = new_cells(6)
    for i in range(first, tooth.shape[0], step):
        for j in range(tooth.shape[1]):
            x, y = (j + 0.5) * pixel, (top + i + 0.5) * pixel
            frayed = TOOTH_SCALE * fractal_noise(TOOTH * x, TOOTH * y, 4020, 4, TOOTH * pixel, cells, 0)
            tooth[i, j] = np.int8(round(LEVELS * frayed))
            wet[i, j] = np.int8(round(LEVELS * value_noise(14.0 * x, 14.0 * y, 4010, cells, 4)))
            rim[i, j] = np.int8(round(LEVELS * value_noise(40.0 * x, 40.0 * y, 4030, cells, 5)))


@kernel
def _fill_fibre(fibre: np.ndarray, top: int, pixel: float, first: int, step: int) -> None:
    seen = resolved(380.0, 0.5 * pixel)
    if seen < 1e-3:
        return
    cells = new_cells(5)
    for i in range(first, fibre.shape[0], step):
        for j in range(fibre.shape[1]):
            x, y = (j + 0.5) * pixel, (top + i + 0.5) * pixel
            wx = x + 0.004 * value_noise(40.0 * x, 40.0 * y, 81, cells, 0)
            wy = y + 0.004 * value_noise(40.0 * x, 40.0 * y, 82, cells, 1)
            most = 0.0
            for k in range(3):
                c, d = math.cos(0.4 + 1.05 * k), math.sin(0.4 + 1.05 * k)
                thread = value_noise(520.0 * (c * wx + d * wy), 90.0 * (c * wy - d * wx), 83 + k, cells, 2 + k)
                most = max(most, 1.0 - 2.2 * abs(thread - 0.15))
            fibre[i, j] = np.int8(round(LEVELS * seen * (most - 0.55)))
