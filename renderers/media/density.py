"""The finishing pass of wet media: pigment load and the sheet's relief as optical density over the ground.

    seen = ground · shade · (canvas / ground)^m,    m = 1 + texture · (load − grain · height) / (1 + saturation · D)

by channel, with D the canvas' mean density −ln(canvas / ground). A pure power in sRGB is one in linear light, too: it
is what more or less of the same pigment does. The divisor says that full valleys take no more; without it dark washes
turn to gravel. Bare ground has no density, so it gets no grain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from renderers.brushes.texture import kernel, ramp, resolved, smoothstep
from renderers.media.noise import fractal_noise, new_cells, value_noise
from renderers.threads import share


@dataclass(frozen=True)
class Density:
    """How a medium's pigment lies on a sheet."""

    grain: float  # density gained in a valley of depth 1
    fine: float = 0.0  # of grain finer than the sheet's
    shade: float = 0.0  # brightness that a slope of the sheet takes or gives
    saturation: float = 0.7
    drift: float = 0.0  # of hue within a wash
    sparkle: float = 0.0  # what dry tops of the sheet lose
    fronts: float = 0.0  # backruns over the sheet, in calm areas


def finish(
    canvas: np.ndarray, load: np.ndarray, height: np.ndarray, calm: np.ndarray | None, reference: np.ndarray,
    how: Density, texture: float, pixel: float, top: int, margin: float, whole: tuple[int, int],
) -> np.ndarray:  # fmt: skip
    """The canvas as it is seen, [H, W, C] float32.

    Args:
        canvas: [H, W, C] float32 in [0, 1], premultiplied if C = 4.
        load: [H, W] float32.
        height: [H + 2, W] float32, the sheet's, with a row more above and below.
        calm: [h, w] float32 in [0, 1], of the whole canvas at any size: where there is little drawing.
        reference: [3] what is seen where there is no pigment: the sheet's colour.
        texture: how much of it all, in (0, 1].
        pixel: the width of a pixel, canvas units; top: the canvas' first row in the whole one, of `whole` rows and
            columns.
        margin: of bare sheet around the painting, canvas units; 0 for none.
    """
    out = np.empty_like(canvas)
    settings = np.array([how.grain, how.fine, how.shade, how.saturation, how.drift, how.sparkle, how.fronts])
    if calm is None:
        calm, settings[6] = np.zeros((1, 1), np.float32), 0.0
    size = np.array([whole[1] * pixel, whole[0] * pixel])
    share(
        lambda first, step: _finish(
            canvas, load, height, calm, reference.astype(np.float64), settings, texture, pixel, top, margin, size,
            out, first, step,
        )
    )  # fmt: skip
    return out


@kernel
def _finish(
    canvas: np.ndarray, load: np.ndarray, height: np.ndarray, calm: np.ndarray, reference: np.ndarray,
    how: np.ndarray, texture: float, pixel: float, top: int, margin: float, size: np.ndarray, out: np.ndarray,
    first: int, step: int,
) -> None:  # fmt: skip
    grain, fine, shade, saturation = how[0], how[1] * resolved(900.0, 0.5 * pixel), how[2], how[3]
    drift, sparkle, fronts = texture * how[4], texture * how[5], texture * how[6]
    tilt = 0.25 / (300.0 * pixel)  # a sheet that rises by 1/300 canvas unit over as much has a slope of 0.5
    columns = canvas.shape[1]
    density, cells = np.empty(3), new_cells(27)
    for i in range(first, canvas.shape[0], step):
        for j in range(columns):
            x, y = (j + 0.5) * pixel, (top + i + 0.5) * pixel
            h = height[i + 1, j]
            slope = (
                height[i + 1, min(j + 1, columns - 1)] - height[i + 1, max(j - 1, 0)] + height[i + 2, j] - height[i, j]
            )
            light = 1.0 - texture * shade * tilt * slope
            alpha = 1.0 if canvas.shape[2] == 3 else canvas[i, j, 3]
            if canvas.shape[2] == 4:
                out[i, j, 3] = alpha
            if alpha <= 0.0:
                for c in range(3):
                    out[i, j, c] = 0.0
                continue
            for c in range(3):
                density[c] = math.log(min(1.0, max(canvas[i, j, c] / alpha, 0.004) / reference[c]))
            mean = -(density[0] + density[1] + density[2]) / 3.0
            if mean <= 1e-4:
                for c in range(3):
                    out[i, j, c] = alpha * min(1.0, reference[c] * light)
                continue
            pigment = load[i, j] - grain * h
            if fine > 1e-3:
                pigment += fine * value_noise(900.0 * x, 900.0 * y, 77, cells, 0)
            gain = 1.0 + texture * pigment / (1.0 + saturation * mean)
            if fronts > 0.0:
                still = _sampled(calm, x / size[0], y / size[1])
                if still > 0.01:
                    gain += fronts * still * _front(x, y, h, cells) / (1.0 + 0.5 * mean)
            if sparkle > 0.0:
                dry = smoothstep(
                    0.1,
                    0.7,
                    value_noise(7.0 * x, 7.0 * y, 91, cells, 1) + 0.5 * value_noise(23.0 * x, 23.0 * y, 92, cells, 2),
                )
                if dry > 0.0:
                    gain *= 1.0 - sparkle * dry * smoothstep(0.28, 0.62, h) / (1.0 + 0.7 * mean)
            gain = max(0.05, gain)
            if margin > 0.0:
                gain *= _within_margin(x, y, h, margin, size, pixel, cells)
            red, blue = 0.0, 0.0
            if drift > 0.0:
                red = drift * fractal_noise(11.0 * x, 11.0 * y, 93, 3, 11.0 * pixel, cells, 3)
                blue = drift * fractal_noise(13.0 * x + 5.0, 13.0 * y, 96, 3, 13.0 * pixel, cells, 6)
            out[i, j, 0] = alpha * min(1.0, reference[0] * light * math.exp(gain * (1.0 + red) * density[0]))
            out[i, j, 1] = alpha * min(
                1.0, reference[1] * light * math.exp(gain * (1.0 - 0.4 * (red + blue)) * density[1])
            )
            out[i, j, 2] = alpha * min(1.0, reference[2] * light * math.exp(gain * (1.0 + blue) * density[2]))


@kernel
def _sampled(image: np.ndarray, x: float, y: float) -> float:
    """A value of an image [h, w] at (x, y) in [0, 1], bilinear."""
    fx = min(max(x * image.shape[1] - 0.5, 0.0), image.shape[1] - 1.001)
    fy = min(max(y * image.shape[0] - 0.5, 0.0), image.shape[0] - 1.001)
    j, i = int(fx), int(fy)
    if image.shape[0] < 2 or image.shape[1] < 2:
        return image[0, 0]
    a, b = fx - j, fy - i
    upper = image[i, j] + a * (image[i, j + 1] - image[i, j])
    lower = image[i + 1, j] + a * (image[i + 1, j + 1] - image[i + 1, j])
    return upper + b * (lower - upper)


@kernel
def _front(x: float, y: float, height: float, cells: np.ndarray) -> float:
    """A backrun: water has pushed pigment outwards and left it in a crinkled line, sharp outside, fading inside."""
    crinkle = 0.10 * value_noise(16.0 * x, 16.0 * y, 111, cells, 16) + 0.055 * value_noise(
        47.0 * x, 47.0 * y, 113, cells, 17
    )
    crinkle += 0.03 * value_noise(120.0 * x, 120.0 * y, 115, cells, 18) + 0.02 * height
    at = value_noise(4.3 * x + 3.0, 4.3 * y, 117, cells, 19) + crinkle - 0.22
    here = smoothstep(-0.5, 0.3, value_noise(9.0 * x, 9.0 * y, 119, cells, 20))
    if at > 0.0:
        return here * (math.exp(-at / 0.035) - 0.55 * math.exp(-at / 0.22))
    return here * 0.45 * math.exp(-((at / 0.012) ** 2))


@kernel
def _within_margin(
    x: float, y: float, height: float, margin: float, size: np.ndarray, pixel: float, cells: np.ndarray
) -> float:
    """What is left of the paint near the sheet's sides: it ends where the brush did, ragged, and darker at its edge."""
    edge = min(min(x, y), min(size[0] - x, size[1] - y)) - margin
    edge += 0.006 * value_noise(9.0 * x, 9.0 * y, 97, cells, 24) + 0.004 * value_noise(
        31.0 * x, 31.0 * y, 98, cells, 25
    )
    edge += 0.0012 * value_noise(120.0 * x, 120.0 * y, 99, cells, 26) - 0.0008 * height
    return ramp(edge, max(1.4 * pixel, 0.0006)) * (1.0 + 0.5 * math.exp(-max(edge, 0.0) / 0.0011))
