"""Colours and opacities of all strokes in closed form, on the canvas as it is drawn.

While all else stays, a softly blended canvas is linear in the colours of any one stroke and in its opacity: with what
lies below it (h) and what later strokes let through (T), paint p of opacity o and coverage a adds T·o·a·(p - h). So the
best colours of one stroke, and its best opacity, are found in closed form. Strokes take turns, from the first to the
last, in some sweeps (Gauss-Seidel).

What is lowered is the search's own loss. Where moduli are in it, squared errors stand for them in each sweep, weighted
by one over the error before it (iteratively reweighted least squares).

What is hardly seen is hardly known: a stroke under others is held near what it was, by `PRIOR` times the squared error
that the change would make were nothing on top of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from painter.options.paint import PaintConfig
from painter.search.fused_loss import PENALTIES
from painter.search.target import ALPHA_WEIGHT, Target
from renderers.blending.layers import MAX_ALPHA
from renderers.brushes import BRUSHES, Brush
from renderers.coverage import Coverage, coverage_of
from renderers.jit import inlined, kernel
from renderers.strokes import Strokes

PRIOR = 0.03
LEAST_ERROR = 0.02  # of a pixel, full range 1: the modulus of smaller ones counts as their square
TINY = 1e-6  # added to second derivatives: those of a stroke that is not seen at all are 0
COLORS = 3  # channels; a fourth is alpha, and that of paint is 1
ONE = np.float32(1)
CEILING, ALPHA = np.float32(MAX_ALPHA), np.float32(ALPHA_WEIGHT)


class Canvas(NamedTuple):
    """P pixels that strokes are painted on, and what they should look like."""

    bare: np.ndarray  # [P, C] float32, without strokes
    wanted: np.ndarray  # [P, C] float32
    weight: np.ndarray  # [P] float32, what a pixel counts
    loss: str = "l2"  # one of `painter.search.pixel_losses.PIXEL_LOSSES`

    @staticmethod
    def of(target: Target, loss: str) -> Canvas:
        """That of a target: within its region paint is wanted as it is to be seen there."""
        height, width, channels = target.image.shape
        bare, weight = np.empty((height * width, channels), np.float32), np.ones(height * width, np.float32)
        bare[:] = target.ground
        wanted, counts = target.image, target.paint_weight()
        if counts is not None:
            weight = counts.astype(np.float32).reshape(-1)
        if target.region is not None:  # where nothing shows, nothing counts
            wanted = target.ground + (wanted - target.ground) / np.maximum(target.region, 1e-3)[:, :, None]
        return Canvas(bare, np.ascontiguousarray(wanted, np.float32).reshape(-1, channels), weight, loss)

    def counts(self, error: np.ndarray) -> np.ndarray:
        """[P] float32: what a squared error counts near this error [P, C]."""
        square, modulus = PENALTIES[self.loss]
        if not modulus:
            return self.weight
        size = np.sqrt(np.square(error).mean(axis=1))
        counts: np.ndarray = self.weight * (square + modulus / 2 / np.maximum(size, LEAST_ERROR))
        return counts.astype(np.float32)


class Paint(NamedTuple):
    """N strokes: what is fitted, in place, and what is known of it."""

    coverage: Coverage
    colors: np.ndarray  # [N, 2, 3] float32, at mix 0 and at mix 1; of a brush with one colour the second counts nothing
    opacity: np.ndarray  # [N] float32
    free: np.ndarray  # [N] bool: which are fitted; the others stay
    lost: float  # how much of the first colour is lost at mix 1
    second: float  # how much of the second is there
    limits: tuple[float, float]  # the least and the greatest opacity
    fits_opacity: bool  # whether opacities are fitted, too

    @staticmethod
    def of(
        brush: Brush, coverage: Coverage, colors: Tensor, opacity: Tensor, free: np.ndarray | None = None,
        limits: tuple[float, float] | None = None,
    ) -> Paint:  # fmt: skip
        """Copies of colours [N, K, 3] and opacities [N] of strokes of a brush; without limits opacities stay."""
        count = len(opacity)
        both = np.zeros((count, 2, COLORS), np.float32)
        both[:, : brush.colors] = colors.detach().cpu().numpy()
        lost, second = (1.0, 1.0) if brush.colors == 2 else (brush.shade, 0.0)
        free = np.ones(count, bool) if free is None else free
        low, high = limits or (0.0, 1.0)
        return Paint(
            coverage, both, opacity.detach().cpu().numpy().copy(), free, lost, second, (float(low), float(high)),
            limits is not None,
        )  # fmt: skip


def can_fit(config: PaintConfig, target: Target) -> bool:
    """Whether the pixels' loss is all that is to be lowered, and colours may be any and are mixed in sRGB."""
    return not config.ot and target.palette is None and target.mixing == "srgb"


def fit_colors(
    strokes: Strokes, target: Target, loss: str, sweeps: int, limits: tuple[float, float] | None = None,
    free: np.ndarray | None = None, coverage: Coverage | None = None,
) -> tuple[Strokes, np.ndarray]:  # fmt: skip
    """Strokes with the colours and opacities that bring the drawn canvas nearest to the target.

    Args:
        strokes: N strokes, whose shapes stay.
        target: at the size on which strokes are drawn for it; without a palette, colours mixed in sRGB.
        loss: by which it is near, one of `painter.search.pixel_losses.PIXEL_LOSSES`.
        sweeps: how often each stroke has its turn.
        limits: the least and the greatest opacity; None: opacities stay.
        free: [N] bool, which are fitted; all if not given. The others stay to the byte.
        coverage: of the strokes at the size of the target, if it is known.

    Returns:
        the strokes, on the device of those given; and what is drawn with them, [H, W, C] float32, within the region.
    """
    height, width = target.image.shape[:2]
    brush = BRUSHES[strokes.brush]
    if coverage is None:
        coverage = coverage_of(strokes, height, width)
    paint = Paint.of(brush, coverage, strokes.colors, strokes.opacity, free, limits)
    painted: np.ndarray = fit(Canvas.of(target, loss), paint, sweeps).reshape(target.image.shape)
    if target.region is not None:
        painted = target.ground + target.region[:, :, None] * (painted - target.ground)
    device = strokes.opacity.device
    colors = torch.from_numpy(paint.colors[:, : brush.colors].copy()).to(device)
    return replace(strokes, colors=colors, opacity=torch.from_numpy(paint.opacity).to(device)), painted


def fit(canvas: Canvas, paint: Paint, sweeps: int) -> np.ndarray:
    """Fit colours and opacities, in place. Returns the painted canvas: [P, C] float32."""
    prior = Prior(paint.colors.copy(), paint.opacity.copy())
    painted: np.ndarray = canvas.bare.copy()
    light = np.empty(len(paint.coverage.pixel), np.float32)
    _paint_all(painted, paint)
    for _ in range(sweeps):
        error = painted - canvas.wanted
        _see_through(np.ones(len(painted), np.float32), paint, light)
        painted[:] = canvas.bare
        _sweep(painted, error, canvas.counts(error), light, paint, prior)
    return painted


class Prior(NamedTuple):
    """What colours and opacities were before."""

    colors: np.ndarray  # [N, 2, 3] float32
    opacity: np.ndarray  # [N] float32


# --- kernels ------------------------------------------------------------------------------------------------


@inlined
def _alpha(opacity: float, covered: float) -> float:
    alpha: float = min(np.float32(opacity) * covered, CEILING)
    return alpha


@inlined
def _shares(paint: Paint, mix: float) -> tuple[float, float]:
    """How much there is of a stroke's two colours."""
    return ONE - np.float32(paint.lost) * mix, np.float32(paint.second) * mix


@inlined
def _color(paint: Paint, n: int, c: int, mix: float) -> float:
    """The paint of a stroke in channel c."""
    color: float = ONE
    if c < COLORS:
        one, two = _shares(paint, mix)
        color = one * paint.colors[n, 0, c] + two * paint.colors[n, 1, c]
    return color


@kernel
def _paint_all(painted: np.ndarray, paint: Paint) -> None:
    """Blend all strokes onto a canvas [P, C]."""
    for n in range(len(paint.opacity)):
        _lay(painted, paint, n)


@kernel
def _lay(painted: np.ndarray, paint: Paint, n: int) -> None:
    """h ← α·s + (1 − α)·h for one stroke."""
    _, pixels, covered, mix = paint.coverage
    for k in range(paint.coverage.first[n], paint.coverage.first[n + 1]):
        a, q = _alpha(paint.opacity[n], covered[k]), pixels[k]
        for c in range(painted.shape[1]):
            painted[q, c] += a * (_color(paint, n, c, mix[k]) - painted[q, c])


@kernel
def _see_through(through: np.ndarray, paint: Paint, light: np.ndarray) -> None:
    """Fill `light` [M]: what later strokes let through, at each pixel of each stroke. `through` [P] is 1 at first."""
    _, pixels, covered, _mix = paint.coverage
    for n in range(len(paint.opacity) - 1, -1, -1):
        for k in range(paint.coverage.first[n], paint.coverage.first[n + 1]):
            light[k] = through[pixels[k]]
            through[pixels[k]] *= ONE - _alpha(paint.opacity[n], covered[k])


@kernel
def _sweep(
    below: np.ndarray, error: np.ndarray, weight: np.ndarray, light: np.ndarray, paint: Paint, prior: Prior
) -> None:
    """Each stroke's turn, from the first to the last.

    Args:
        below: [P, C], the bare canvas at first; painted in the end.
        error: [P, C], that of the whole canvas with the strokes as they are; kept so.
        light: see `_see_through`.
    """
    before = np.empty((2, COLORS), np.float32)
    for n in range(len(paint.opacity)):
        if paint.free[n]:
            before[:] = paint.colors[n]
            _fit_colors_of(n, error, weight, light, paint, prior)
            _repaint(n, error, light, paint, before)
            if paint.fits_opacity:
                _fit_opacity_of(n, below, error, weight, light, paint, prior)
        _lay(below, paint, n)


@kernel
def _fit_colors_of(
    n: int, error: np.ndarray, weight: np.ndarray, light: np.ndarray, paint: Paint, prior: Prior
) -> None:
    """One stroke's best colours; the error stays as it was."""
    first, pixels, covered, mixes = paint.coverage
    seen00, seen01, seen11, alone00, alone01, alone11 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    slope = np.zeros((2, COLORS))
    for k in range(first[n], first[n + 1]):
        q, t, a = pixels[k], light[k], _alpha(paint.opacity[n], covered[k])
        one, two = _shares(paint, mixes[k])
        one, two, w = a * one, a * two, weight[q]
        alone00, alone01, alone11 = alone00 + w * one * one, alone01 + w * one * two, alone11 + w * two * two
        wt = w * t
        seen00 += wt * t * one * one
        seen01 += wt * t * one * two
        seen11 += wt * t * two * two
        for c in range(COLORS):
            slope[0, c] += wt * one * error[q, c]
            slope[1, c] += wt * two * error[q, c]
    m00, m01, m11 = seen00 + PRIOR * alone00 + TINY, seen01 + PRIOR * alone01, seen11 + PRIOR * alone11 + TINY
    for c in range(COLORS):
        x, y = paint.colors[n, 0, c], paint.colors[n, 1, c]
        u, v = PRIOR * (x - prior.colors[n, 0, c]), PRIOR * (y - prior.colors[n, 1, c])
        g0, g1 = slope[0, c] + alone00 * u + alone01 * v, slope[1, c] + alone01 * u + alone11 * v
        paint.colors[n, 0, c], paint.colors[n, 1, c] = _least_in_square(m00, m01, m11, g0, g1, x, y)


@kernel
def _repaint(n: int, error: np.ndarray, light: np.ndarray, paint: Paint, before: np.ndarray) -> None:
    """The error with a stroke's colours as they are now instead of `before` [2, 3]."""
    first, pixels, covered, mixes = paint.coverage
    for k in range(first[n], first[n + 1]):
        a = light[k] * _alpha(paint.opacity[n], covered[k])
        one, two = _shares(paint, mixes[k])
        for c in range(COLORS):
            first_change, second_change = paint.colors[n, 0, c] - before[0, c], paint.colors[n, 1, c] - before[1, c]
            error[pixels[k], c] += a * one * first_change + a * two * second_change


@kernel
def _fit_opacity_of(
    n: int, below: np.ndarray, error: np.ndarray, weight: np.ndarray, light: np.ndarray, paint: Paint, prior: Prior
) -> None:
    """One stroke's best opacity, above what lies below it [P, C]; the error becomes that with it."""
    first, pixels, covered, mix = paint.coverage
    alone, seen, slope, before = 0.0, 0.0, 0.0, paint.opacity[n]
    for k in range(first[n], first[n + 1]):
        q, t = pixels[k], light[k]
        square, product = (
            np.float32(0),
            np.float32(0),
        )  # of the colour's distance from what is below, and with the error
        for c in range(below.shape[1]):
            channel = ALPHA if c == COLORS else ONE
            apart = _color(paint, n, c, mix[k]) - below[q, c]
            square += channel * apart * apart
            product += channel * apart * error[q, c]
        counts = weight[q] * covered[k]
        square *= counts * covered[k]
        alone += square
        seen += t * t * square
        slope += t * counts * product
    slope += PRIOR * alone * (before - prior.opacity[n])
    fitted = np.float32(_within(before - slope / (seen + PRIOR * alone + TINY), paint.limits[0], paint.limits[1]))
    for k in range(first[n], first[n + 1]):
        q, more = pixels[k], light[k] * (_alpha(fitted, covered[k]) - _alpha(before, covered[k]))
        for c in range(below.shape[1]):
            error[q, c] += more * (_color(paint, n, c, mix[k]) - below[q, c])
    paint.opacity[n] = fitted


@inlined
def _within(value: float, least: float, greatest: float) -> float:
    return min(max(value, least), greatest)


@kernel
def _least_in_square(
    m00: float, m01: float, m11: float, g0: float, g1: float, x: float, y: float
) -> tuple[float, float]:
    """Where in [0, 1]² the form is least with this slope (g) and these second derivatives (m) at (x, y)."""
    determinant = m00 * m11 - m01 * m01
    u, v = x - (m11 * g0 - m01 * g1) / determinant, y - (m00 * g1 - m01 * g0) / determinant
    if 0 <= u <= 1 and 0 <= v <= 1:
        return u, v
    least, best_u, best_v = np.inf, 0.0, 0.0
    for edge in range(2):  # it lies on an edge that (u, v) is beyond
        if edge == 0:
            p = _within(u, 0.0, 1.0)
            r = _within(y - (g1 + m01 * (p - x)) / m11, 0.0, 1.0)
        else:
            r = _within(v, 0.0, 1.0)
            p = _within(x - (g0 + m01 * (r - y)) / m00, 0.0, 1.0)
        d, e = p - x, r - y
        value = g0 * d + g1 * e + 0.5 * (m00 * d * d + 2 * m01 * d * e + m11 * e * e)
        if value < least:
            least, best_u, best_v = value, p, r
    return best_u, best_v
