"""Colours as pigments: how they mix where blue and yellow are to give green.

`renderers.spectra` says what a colour is as pigment and does it plainly; these are the kernels that canvases need.

    shape of colours        channels last: RGB, or premultiplied RGBA
    shape of pigment        channels last: WAVEBANDS, or WAVEBANDS times alpha, and alpha

`renderers.blending.mixing` is the same in torch, differentiable.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from renderers.jit import kernel
from renderers.spectra import FLOOR, POWER, WAVEBANDS, corner_reflectances, rgb_of_wavebands
from renderers.threads import share

Mixing = Literal["srgb", "pigment"]
"""How colours are mixed: as numbers of sRGB, or as pigments."""


def mixed_channels(channels: int, mixing: Mixing) -> int:
    """How many numbers a pixel of 3 channels, or of 4 with alpha, has while it is mixed."""
    return channels if mixing == "srgb" else channels - 3 + WAVEBANDS


def to_pigment(colors: np.ndarray) -> np.ndarray:
    """[..., C] colours in [0, 1] → [..., WAVEBANDS or WAVEBANDS + 1] float32 that mix as pigments do."""
    flat = np.ascontiguousarray(colors, np.float32).reshape(-1, colors.shape[-1])
    pigment = np.empty((len(flat), mixed_channels(flat.shape[1], "pigment")), np.float32)
    _fill_pigment(flat, corner_reflectances(), pigment)
    return pigment.reshape(*colors.shape[:-1], pigment.shape[1])


def to_colors(pigment: np.ndarray) -> np.ndarray:
    """[..., WAVEBANDS or WAVEBANDS + 1] → [..., C] float32 colours in [0, 1]: the inverse of `to_pigment`."""
    flat = np.ascontiguousarray(pigment, np.float32).reshape(-1, pigment.shape[-1])
    colors = np.empty((len(flat), pigment.shape[-1] - WAVEBANDS + 3), np.float32)
    matrix = rgb_of_wavebands()
    share(lambda first, step: _fill_colors(flat, matrix, colors, first, step))
    return colors.reshape(*pigment.shape[:-1], colors.shape[1])


@kernel
def brightened(value: float, gain: float, waves: bool) -> float:
    """A channel of a colour, or a band of one, where the colour is to be `gain` times as bright; `gain` is near 1."""
    if waves:  # a reflectance of g^2.2, to the power of −p
        return max(1.0, value * (1.0 - (2.2 / POWER) * (gain - 1.0)))
    return min(1.0, max(0.0, value * gain))


@kernel
def color_channels(channels: int) -> int:
    """How many of a pixel's channels are colour, or pigment of one; the others are alpha."""
    return 3 if channels <= 4 else WAVEBANDS


@kernel
def warmth(channel: int, colored: int) -> float:
    """What a channel, or waveband, of `colored` gains where a colour gets warmer."""
    if 3 * channel < colored:  # red, or the short waves of blue
        return 1.0 if colored == 3 else -1.2
    if 3 * channel < 2 * colored:
        return 0.0
    return -1.2 if colored == 3 else 1.0


@kernel
def _linear(value: float) -> float:
    """Linear light of an sRGB channel."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


@kernel
def _nonlinear(light: float) -> float:
    """The sRGB channel of linear light, in [0, 1]."""
    light = min(1.0, max(0.0, light))
    return light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


@kernel
def _same(colors: np.ndarray, i: int, j: int) -> bool:
    """Whether two rows are the same."""
    for c in range(colors.shape[1]):  # noqa: SIM110 (numba compiles a generator for a long time)
        if colors[i, c] != colors[j, c]:
            return False
    return True


@kernel
def _fill_pigment(colors: np.ndarray, corners: np.ndarray, pigment: np.ndarray) -> None:
    """Fill `pigment`; a colour that is the one before it is not computed again."""
    count = corners.shape[1]
    for i in range(len(colors)):
        if i > 0 and _same(colors, i, i - 1):
            for k in range(pigment.shape[1]):
                pigment[i, k] = pigment[i - 1, k]
            continue
        alpha = 1.0 if colors.shape[1] == 3 else float(colors[i, 3])
        straight = 1.0 / alpha if alpha > 0.0 else 0.0
        red, green = _linear(straight * colors[i, 0]), _linear(straight * colors[i, 1])
        blue = _linear(straight * colors[i, 2])
        white = min(red, min(green, blue))
        cyan, magenta, yellow = min(green, blue) - white, min(red, blue) - white, min(red, green) - white
        more_red, more_green = max(0.0, red - max(green, blue)), max(0.0, green - max(red, blue))
        more_blue = max(0.0, blue - max(red, green))
        for k in range(count):
            r = white * corners[0, k] + cyan * corners[1, k] + magenta * corners[2, k] + yellow * corners[3, k]
            r += more_red * corners[4, k] + more_green * corners[5, k] + more_blue * corners[6, k]
            pigment[i, k] = alpha * (FLOOR + (1.0 - FLOOR) * r) ** (-1.0 / POWER)
        if colors.shape[1] == 4:
            pigment[i, count] = alpha


@kernel
def _fill_colors(pigment: np.ndarray, matrix: np.ndarray, colors: np.ndarray, first: int, step: int) -> None:
    count = matrix.shape[1]
    for block in range(first * 4096, len(pigment), step * 4096):
        for i in range(block, min(block + 4096, len(pigment))):
            alpha = 1.0 if colors.shape[1] == 3 else float(pigment[i, count])
            if colors.shape[1] == 4:
                colors[i, 3] = alpha
                if alpha <= 0.0:
                    for c in range(3):
                        colors[i, c] = 0.0
                    continue
            red, green, blue = 0.0, 0.0, 0.0
            for k in range(count):
                inverse = alpha / max(alpha, pigment[i, k])
                square = inverse * inverse
                r = (square * square - FLOOR) / (1.0 - FLOOR)
                red, green, blue = red + matrix[0, k] * r, green + matrix[1, k] * r, blue + matrix[2, k] * r
            colors[i, 0] = alpha * _nonlinear(red)
            colors[i, 1], colors[i, 2] = alpha * _nonlinear(green), alpha * _nonlinear(blue)
