"""Relief: how high the paint lies, and that surface lit from a side.

Heights are lengths of the canvas (its longer side is 1), so slopes have no unit and light does not depend on the size
that a painting is drawn at. `Drawing` builds a `Surface` stroke by stroke; `light` is the last step in making a canvas.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from renderers.brushes.base import Body
from renderers.brushes.texture import kernel, noise2, resolved
from renderers.threads import share

BAND_PIXELS = 2**20  # that one thread lights at once, at most: bounds the memory that slopes take

UPPER_LEFT = -0.75 * math.pi  # direction that light comes from, radians on the canvas
DETAIL = 0.001  # slopes are those of heights smoothed by a Gaussian of this standard deviation, canvas units
DRAWN_VARIANCE = 1 / 6  # px², of the smoothing by drawing: a box of `placed.SPREAD` = √2 pixels
DIFFERENCE = (1 / 12, -8 / 12, 0.0, 8 / 12, -1 / 12)  # derivative of fourth order, which hardly smooths by itself
TAIL = 4.0  # where the Gaussian is cut off, in standard deviations

RAKE = 2.2  # brightness gained by a slope of 1 towards the light: the cotangent of the light's elevation
CONTRAST = 0.45  # greatest change of a colour by shading, as a share of it
GLOSS = 0.2  # share of white in the strongest highlight
GLINT_SLOPE = 0.25  # slope towards the light at which paint mirrors it at the viewer
GLINT_SPREAD = 0.17  # width of the highlight around that slope: the roughness of the paint
FLAT_GLINT = (1 + (GLINT_SLOPE / GLINT_SPREAD) ** 2) ** -2  # highlight of flat paint, which is subtracted

REFERENCE = 0.02  # half width of a stroke for which `Body.thickness` holds, canvas units
GRAIN = 240.0  # lattice steps of paper's coarser grain to a canvas unit
PAPER = 5101  # seed of the grain, the same for all pictures


class Surface:
    """The height of the paint on a canvas, in canvas units, to which strokes are added one by one.

    Args:
        body: of the strokes' brush.
        scale: [N], the strokes' half widths, canvas units.
        height, width: of the canvas, pixels.
        pixel: the width of a pixel, canvas units; must be given if this is only a part of the full canvas.
        top: which row of the full canvas is the first of these.
    """

    def __init__(
        self, body: Body, scale: np.ndarray, height: int, width: int, pixel: float | None = None, top: int = 0
    ) -> None:
        self.height = np.zeros((height, width), np.float32)
        self.leveling = body.leveling
        self.thickness = (body.thickness * (scale / REFERENCE) ** body.growth).astype(np.float32)
        if body.grain:
            _grain(self.height, pixel or 1 / max(height, width), body.grain, top)

    def add(self, n: int, index: np.ndarray, alpha: np.ndarray, relief: np.ndarray, opacity: float) -> None:
        """Add stroke n of this opacity: its coverage and relief [M], as engines return them, at pixels `index` [M]."""
        _raise(self.height.reshape(-1), index, alpha, relief, opacity, self.thickness[n], self.leveling)


def light(
    canvas: np.ndarray, height: np.ndarray, strength: float, pixel: float, angle: float = UPPER_LEFT,
    rows: slice = slice(None),
) -> np.ndarray:  # fmt: skip
    """The canvas with its paint lit from a side: Lambert's cosine law, and a highlight where paint faces the light.

    Rows can be lit alone: with `overlap(pixel)` more rows above and below, the result is the same bit for bit.

    Args:
        canvas: [H, W, C] float32 in [0, 1]; C = 3, or 4 for premultiplied RGBA.
        height: [H, W] float32, canvas units: `Drawing.height`.
        strength: in [0, 1], a factor of all slopes; with 0 the canvas stays as it is.
        pixel: the width of a pixel, canvas units.
        angle: direction that light comes from, radians from +x towards +y.
        rows: which rows to light; the others are read only.

    Returns:
        A new array like `canvas[rows]`. Flat places keep their colours, alpha is unchanged, and no colour exceeds it.

    Raises:
        ValueError: shapes do not match, or strength is outside [0, 1].
    """
    if canvas.ndim != 3 or canvas.shape[2] not in (3, 4) or height.shape != canvas.shape[:2]:
        raise ValueError(f"canvas must be [H, W, 3 or 4] and height [H, W], got {canvas.shape} and {height.shape}")
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must be from 0 to 1, got {strength}")
    if strength == 0:
        copy: np.ndarray = canvas[rows].copy()
        return copy
    lit = np.empty_like(canvas[rows])
    begin, end, _ = rows.indices(len(canvas))
    margin, band = overlap(pixel), max(1, BAND_PIXELS // canvas.shape[1])

    def light_bands(first: int, step: int) -> None:
        for top in range(begin + first * band, end, step * band):
            bottom, above = min(end, top + band), min(top, margin)
            across, down = _slopes(height[top - above : bottom + margin], pixel)
            here = slice(above, above + bottom - top)
            toward = math.cos(angle), math.sin(angle)
            target = lit[top - begin : bottom - begin]
            _shade(canvas[top:bottom], across[here], down[here], strength, *toward, target)

    share(light_bands)
    return lit


def overlap(pixel: float) -> int:
    """How many rows above and below a row `light` reads, where pixels are `pixel` wide (canvas units).

    That is TAIL · DETAIL of the canvas, and up to 3 more for rounding up and the derivative.
    """
    return _reach(_missing_variance(pixel)) + len(DIFFERENCE) // 2


def _slopes(height: np.ndarray, pixel: float) -> tuple[np.ndarray, np.ndarray]:
    """Slopes of the smoothed height [h, W] along x and y: [h, W] float32 each, without unit."""
    smooth = _gaussian(_missing_variance(pixel))
    difference = np.convolve(smooth, np.array(DIFFERENCE) / pixel)
    across = cv2.sepFilter2D(height, cv2.CV_32F, difference, smooth, borderType=cv2.BORDER_REPLICATE)
    down = cv2.sepFilter2D(height, cv2.CV_32F, smooth, difference, borderType=cv2.BORDER_REPLICATE)
    return across, down


def _missing_variance(pixel: float) -> float:
    """px², the variance by which heights drawn with pixels this wide still need smoothing; 0 where they are coarse."""
    return max(0.0, (DETAIL / pixel) ** 2 - DRAWN_VARIANCE)


def _reach(variance: float) -> int:
    """Taps on each side of a Gaussian of this variance."""
    return math.ceil(TAIL * math.sqrt(variance))


def _gaussian(variance: float) -> np.ndarray:
    """[2 · reach + 1] float64, with sum 1: Lindeberg's discrete Gaussian, whose variance is exact however small it is.

    "Scale-space for discrete signals", PAMI 1990: the kernel of Fourier transform exp(variance · (cos θ - 1)).
    """
    reach = _reach(variance)
    count = 4 * reach + 16  # more than there are taps, so that wrap-around is negligible
    theta = 2 * np.pi * np.arange(count // 2 + 1) / count
    taps = np.fft.irfft(np.exp(variance * (np.cos(theta) - 1)), count)
    taps = np.concatenate([taps[reach:0:-1], taps[: reach + 1]])
    weights: np.ndarray = taps / taps.sum()
    return weights


@kernel
def _shade(
    canvas: np.ndarray, across: np.ndarray, down: np.ndarray, strength: float,
    toward_x: float, toward_y: float, lit: np.ndarray,
) -> None:  # fmt: skip
    """Shade canvas [h, W, C] by slopes [h, W] into `lit`; light comes from (toward_x, toward_y), a unit vector."""
    rows, columns, channels = canvas.shape
    for i in range(rows):
        for j in range(columns):
            # A surface that falls towards the light faces it.
            facing = -strength * (across[i, j] * toward_x + down[i, j] * toward_y)
            aside = strength * (across[i, j] * toward_y - down[i, j] * toward_x)
            steep = RAKE / CONTRAST * facing
            shade = 1.0 + CONTRAST * steep / math.sqrt(1.0 + steep * steep)
            off = 1.0 + ((facing - GLINT_SLOPE) ** 2 + aside * aside) / (GLINT_SPREAD * GLINT_SPREAD)
            glint = strength * GLOSS * max(0.0, 1.0 / (off * off) - FLAT_GLINT)
            alpha = canvas[i, j, 3] if channels == 4 else np.float32(1.0)
            for c in range(3):
                color = min(canvas[i, j, c] * shade, alpha)
                lit[i, j, c] = min(np.float32(color + glint * (alpha - color)), alpha)
            if channels == 4:
                lit[i, j, 3] = alpha


@kernel
def _raise(
    height: np.ndarray, index: np.ndarray, alpha: np.ndarray, relief: np.ndarray,
    opacity: float, thickness: float, leveling: float,
) -> None:  # fmt: skip
    """z ← (1 - leveling · a · (2 - a)) · z + opacity · thickness · relief, a = opacity · α; z is flat, [H·W].

    A brush pushes even thin paint, so it levels what lies below by more than it covers.
    """
    for k in range(index.size):
        if alpha[k] > 0.0:
            a = opacity * alpha[k]
            below = height[index[k]]
            height[index[k]] = below - leveling * a * (2.0 - a) * below + opacity * thickness * relief[k]


@kernel
def _grain(height: np.ndarray, pixel: float, amount: float, top: int) -> None:
    """Add the paper's grain to [H, W], the rows of a canvas from `top` on; it fades where pixels are wide."""
    coarse = amount * resolved(GRAIN, 0.5 * pixel)
    fine = 0.5 * amount * resolved(2.0 * GRAIN, 0.5 * pixel)
    for i in range(height.shape[0]):
        for j in range(height.shape[1]):
            x, y = GRAIN * pixel * (j + 0.5), GRAIN * pixel * (top + i + 0.5)
            # The finer grain is rotated, so that the two lattices do not align.
            height[i, j] += coarse * noise2(x, y, PAPER)
            height[i, j] += fine * noise2(1.6 * x + 1.2 * y, 1.6 * y - 1.2 * x, PAPER + 1)
