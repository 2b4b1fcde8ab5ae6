"""The finishing pass of wet media: pigment load and the sheet's relief as optical density over the ground.

    seen = ground · light · (canvas / ground)^m,    m = 1 + texture · (load − grain · height) / (1 + saturation · D)

by channel, with D the canvas' mean density −ln(canvas / ground). A pure power in sRGB is one in linear light, too: it
is what more or less of the same pigment does. The divisor says that full valleys take no more; without it dark washes
turn to gravel. Bare ground has no density, so it gets no grain. Where darks are limited, D
stands for DARKEST · (1 − exp(−D / DARKEST)), in the same hue.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from renderers.brushes.texture import kernel, ramp, resolved, smoothstep
from renderers.media.margins import margin_depth
from renderers.media.medium import Texture
from renderers.media.noise import fractal_noise, new_cells, value_noise
from renderers.threads import share

POOLS = 38.0  # lattice steps to a canvas unit, of the coarsest spots where a wash stood
DARKEST = 2.0  # density of the darkest glaze, where texture is at least FULLY
FULLY = 0.6
CALMING = 0.7  # in calm places variations go with texture to the power of 1 + CALMING: there they are seen first
_ROWS = 8  # of pixels that lie anywhere, for the cores to share
LEVELS = 127.0  # fields are kept in bytes, as round(LEVELS · v)


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
    pooling: float = 0.0  # density where a wash stood longer or shorter, there; with the square of the texture

    @property
    def numbers(self) -> np.ndarray:
        """[8] for kernels."""
        values = (self.grain, self.fine, self.shade, self.saturation, self.drift, self.sparkle, self.fronts)
        return np.array([*values, self.pooling])


@dataclass(frozen=True, eq=False)
class SheetFields:
    """What only depends on the sheet, one value a pixel; computed once for all frames of an animation."""

    grain: np.ndarray  # [H, W] float32: density lost or gained by the sheet's relief and the finest grain
    parts: np.ndarray  # [H, W, 6] int8: slope to the light, dryness, backruns, drift of red and of blue, pools
    kept: np.ndarray  # [H, W] float32, what the margin leaves of the density; [0, 0] without one
    top: int  # the first row's number in the full canvas

    @staticmethod
    def of(
        height: np.ndarray, calm: np.ndarray | None, how: Density, pixel: float, top: int, margin: float,
        full: tuple[int, int], texture: float = 1.0,
    ) -> SheetFields:  # fmt: skip
        """Fields of the rows of a canvas from `top` on.

        Args:
            height: [H + 2, W] float32, the sheet's, with a row more above and below.
            calm: [h, w] float32 in [0, 1], of the full canvas at any size: where there is little drawing.
            pixel: the width of a pixel, canvas units.
            margin: of bare sheet around the painting, canvas units; 0 for none.
            full: rows and columns of the full canvas.
            texture: how much of the medium there is, in (0, 1].
        """
        rows, width = height.shape[0] - 2, height.shape[1]
        grain, parts = np.empty((rows, width), np.float32), np.zeros((rows, width, 6), np.int8)
        kept = np.empty((rows, width) if margin > 0 else (0, 0), np.float32)
        still = np.zeros((0, 0), np.float32) if calm is None else calm
        size = np.array([full[1] * pixel, full[0] * pixel])
        share(
            lambda first, step: _fill(
                height, still, how.numbers, texture, pixel, top, margin, size, grain, parts, kept, first, step
            )
        )
        return SheetFields(grain, parts, kept, top)

    def rows(self, shown: slice) -> SheetFields:
        """Some of the rows."""
        first, _, _ = shown.indices(len(self.grain))
        kept = self.kept[shown] if self.kept.size else self.kept
        return SheetFields(self.grain[shown], self.parts[shown], kept, self.top + first)

    def at(self, pixels: np.ndarray) -> SheetFields:
        """Some pixels, [M] numbered row by row, side by side as `in_line` puts them."""
        grain, parts = self.grain.take(pixels), self.parts.reshape(-1, 6).take(pixels, axis=0)
        kept = in_line(self.kept.take(pixels)) if self.kept.size else self.kept
        return SheetFields(in_line(grain), in_line(parts), kept, 0)


def in_line(values: np.ndarray) -> np.ndarray:
    """[M, …] in rows of equal length, which cores share: [R, ⌈M / R⌉, …], the last value repeated."""
    short = -len(values) % _ROWS
    return np.concatenate([values, np.repeat(values[-1:], short, axis=0)]).reshape(_ROWS, -1, *values.shape[1:])


def densities(
    canvas: np.ndarray, load: np.ndarray, fields: SheetFields, reference: np.ndarray, how: Density, texture: Texture
) -> np.ndarray:
    """The canvas as it is seen, [H, W, C] float32, a new array.

    Args:
        canvas: [H, W, C] float32 in [0, 1], premultiplied if C = 4; load: [H, W] float32.
        reference: [3] what is seen where there is no pigment: the sheet's colour.
    """
    out = np.empty_like(canvas)
    share(
        lambda first, step: _see(
            canvas, load, fields.grain, fields.parts, fields.kept, reference.astype(np.float64), how.numbers,
            texture.strength, _darkest(texture), out, first, step,
        )
    )  # fmt: skip
    return out


def _darkest(texture: Texture) -> float:
    """The most density that is seen."""
    return DARKEST * max(1.0, FULLY / texture.strength) if texture.limited else math.inf


@kernel
def _fill(
    height: np.ndarray, calm: np.ndarray, how: np.ndarray, texture: float, pixel: float, top: int, margin: float,
    size: np.ndarray, grain: np.ndarray, parts: np.ndarray, kept: np.ndarray, first: int, step: int,
) -> None:  # fmt: skip
    fine = how[1] * resolved(900.0, 0.5 * pixel)
    tilt = 0.25 / (300.0 * pixel)  # a sheet that rises by 1/300 canvas unit over as much has a slope of 0.5
    columns, cells = grain.shape[1], new_cells(20)
    for i in range(first, grain.shape[0], step):
        for j in range(columns):
            x, y, h = (j + 0.5) * pixel, (top + i + 0.5) * pixel, height[i + 1, j]
            grain[i, j] = -how[0] * h
            if fine > 1e-3:
                grain[i, j] += fine * value_noise(900.0 * x, 900.0 * y, 77, cells, 0)
            slope = height[i + 1, min(j + 1, columns - 1)] - height[i + 1, max(j - 1, 0)]
            slope += height[i + 2, j] - height[i, j]
            parts[i, j, 0] = _byte(tilt * slope)
            if how[5] > 0.0:
                dry = value_noise(7.0 * x, 7.0 * y, 91, cells, 1) + 0.5 * value_noise(23.0 * x, 23.0 * y, 92, cells, 2)
                parts[i, j, 1] = _byte(smoothstep(0.1, 0.7, dry) * smoothstep(0.28, 0.62, h))
            if calm.size > 0:
                still = _sampled(calm, x / size[0], y / size[1])
                if still > 0.01:
                    quiet = math.exp(CALMING * still * math.log(texture))
                    grain[i, j] *= quiet
                    parts[i, j, 2] = _byte(still * _front(x, y, h, cells, 3))
                    if how[7] > 0.0:
                        parts[i, j, 5] = _byte(0.6 * quiet * still**3 * _pooled(x, y, pixel, cells, 17))
            if how[4] > 0.0:
                parts[i, j, 3] = _byte(0.5 * fractal_noise(11.0 * x, 11.0 * y, 93, 3, 11.0 * pixel, cells, 8))
                parts[i, j, 4] = _byte(0.5 * fractal_noise(13.0 * x + 5.0, 13.0 * y, 96, 3, 13.0 * pixel, cells, 11))
            if margin > 0.0:
                depth = margin_depth(x, y, h, margin, size, cells, 14)
                edge = 1.0 + 0.5 * math.exp(-max(depth, 0.0) / 0.0011)
                kept[i, j] = ramp(depth, max(1.4 * pixel, 0.0006)) * edge


@kernel
def _pooled(x: float, y: float, pixel: float, cells: np.ndarray, k: int) -> float:
    """Where a wash stood longer before it dried, and where water had run off: soft spots of a few millimetres."""
    return fractal_noise(POOLS * x + 3.7, POOLS * y, 131, 2, POOLS * pixel, cells, k)


@kernel
def _byte(value: float) -> int:
    return round(LEVELS * min(1.0, max(-1.0, value)))


@kernel
def _see(
    canvas: np.ndarray, load: np.ndarray, grain: np.ndarray, parts: np.ndarray, kept: np.ndarray, reference: np.ndarray,
    how: np.ndarray, texture: float, darkest: float, out: np.ndarray, first: int, step: int,
) -> None:  # fmt: skip
    shade, saturation = texture * how[2] / LEVELS, how[3]
    drift, sparkle, fronts = texture * how[4] * 2.0 / LEVELS, texture * how[5] / LEVELS, texture * how[6] / LEVELS
    pools = texture * texture * how[7] / (0.6 * LEVELS)  # soft spots cost most of the likeness and tell least
    density = np.empty(3)
    for i in range(first, canvas.shape[0], step):
        for j in range(canvas.shape[1]):
            alpha = 1.0 if canvas.shape[2] == 3 else canvas[i, j, 3]
            if canvas.shape[2] == 4:
                out[i, j, 3] = alpha
            if alpha <= 0.0:
                for c in range(3):
                    out[i, j, c] = 0.0
                continue
            light = alpha * (1.0 - shade * parts[i, j, 0])
            for c in range(3):
                density[c] = math.log(min(1.0, max(canvas[i, j, c] / alpha, 0.004) / reference[c]))
            mean = -(density[0] + density[1] + density[2]) / 3.0
            if mean <= 1e-4:
                for c in range(3):
                    out[i, j, c] = min(alpha, reference[c] * light)
                continue
            if darkest < math.inf:
                limited = darkest * (1.0 - math.exp(-mean / darkest))
                for c in range(3):
                    density[c] *= limited / mean
                mean = limited
            gain = 1.0 + texture * (load[i, j] + grain[i, j]) / (1.0 + saturation * mean)
            gain += fronts * parts[i, j, 2] / (1.0 + 0.5 * mean)
            gain += pools * parts[i, j, 5] / (1.0 + 5.0 * mean * mean)  # pale washes tell most of them
            gain = max(0.05, gain * (1.0 - sparkle * parts[i, j, 1] / (1.0 + 0.7 * mean)))
            if kept.size > 0:
                gain *= kept[i, j]
            red, blue = drift * parts[i, j, 3], drift * parts[i, j, 4]
            out[i, j, 0] = min(alpha, reference[0] * light * math.exp(gain * (1.0 + red) * density[0]))
            out[i, j, 1] = min(alpha, reference[1] * light * math.exp(gain * (1.0 - 0.4 * (red + blue)) * density[1]))
            out[i, j, 2] = min(alpha, reference[2] * light * math.exp(gain * (1.0 + blue) * density[2]))


@kernel
def _sampled(image: np.ndarray, x: float, y: float) -> float:
    """A value of an image [h, w], h and w at least 2, at (x, y) in [0, 1]: bilinear."""
    fx = min(max(x * image.shape[1] - 0.5, 0.0), image.shape[1] - 1.001)
    fy = min(max(y * image.shape[0] - 0.5, 0.0), image.shape[0] - 1.001)
    j, i = int(fx), int(fy)
    a, b = fx - j, fy - i
    upper: float = image[i, j] + a * (image[i, j + 1] - image[i, j])
    lower = image[i + 1, j] + a * (image[i + 1, j + 1] - image[i + 1, j])
    value: float = upper + b * (lower - upper)
    return value


@kernel
def _front(x: float, y: float, height: float, cells: np.ndarray, k: int) -> float:
    """A backrun: water has pushed pigment outwards and left it in a crinkled line, sharp outside, fading inside."""
    crinkle = 0.10 * value_noise(16.0 * x, 16.0 * y, 111, cells, k)
    crinkle += 0.055 * value_noise(47.0 * x, 47.0 * y, 113, cells, k + 1)
    crinkle += 0.03 * value_noise(120.0 * x, 120.0 * y, 115, cells, k + 2) + 0.02 * height
    at = value_noise(4.3 * x + 3.0, 4.3 * y, 117, cells, k + 3) + crinkle - 0.22
    here = smoothstep(-0.25, 0.5, value_noise(9.0 * x, 9.0 * y, 119, cells, k + 4))
    if at > 0.0:
        return here * (math.exp(-at / 0.055) - 0.40 * math.exp(-at / 0.16))
    return here * 0.45 * math.exp(-((at / 0.012) ** 2))
