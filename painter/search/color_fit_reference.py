"""`painter.search.color_fit.fit`, plainly: stroke by stroke on whole canvases, in double precision."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from painter.search.color_fit import COLORS, PRIOR, TINY, Canvas, Paint
from painter.search.target import ALPHA_WEIGHT
from renderers.blending.layers import MAX_ALPHA


def fit_by_pixels(canvas: Canvas, paint: Paint, sweeps: int) -> np.ndarray:
    """Fit colours and opacities, in place. Returns the painted canvas: [P, C]."""
    dense = _Dense.of(canvas, paint)
    before = _Dense.of(canvas, paint)
    for _ in range(sweeps):
        counts = canvas.counts(dense.error(canvas))[:, None]
        for n in np.flatnonzero(paint.free).tolist():
            _fit_colors(n, canvas, counts, dense, before)
            if paint.fits_opacity:
                _fit_opacity(n, canvas, counts, dense, before, paint.limits)
    paint.colors[:], paint.opacity[:] = dense.colors, dense.opacity
    return dense.painted(len(dense.opacity))


@dataclass(frozen=True, eq=False)
class _Dense:
    """N strokes on all P pixels."""

    bare: np.ndarray  # [P, C], the canvas without them
    covered: np.ndarray  # [N, P]
    terms: np.ndarray  # [N, P, 2]: how much there is of each of a stroke's two colours
    colors: np.ndarray  # [N, 2, 3]
    opacity: np.ndarray  # [N]

    @staticmethod
    def of(canvas: Canvas, paint: Paint) -> _Dense:
        """All strokes, dense."""
        count, size = len(paint.opacity), len(canvas.bare)
        covered, terms = np.zeros((count, size)), np.zeros((count, size, 2))
        for n in range(count):
            part = slice(*paint.coverage.first[n : n + 2])
            pixel, mix = paint.coverage.pixel[part], paint.coverage.mix[part]
            covered[n, pixel] = paint.coverage.alpha[part]
            terms[n, pixel] = np.stack([1 - paint.lost * mix, paint.second * mix], axis=1)
        return _Dense(
            canvas.bare.astype(float), covered, terms, paint.colors.astype(float), paint.opacity.astype(float)
        )

    def alpha(self, n: int) -> np.ndarray:
        """[P, 1] of a stroke."""
        alpha: np.ndarray = np.minimum(self.opacity[n] * self.covered[n], MAX_ALPHA)[:, None]
        return alpha

    def color(self, n: int) -> np.ndarray:
        """[P, C] of a stroke's paint."""
        color = np.ones_like(self.bare)
        color[:, :COLORS] = self.terms[n] @ self.colors[n]
        return color

    def painted(self, count: int) -> np.ndarray:
        """[P, C]: the canvas with the first strokes on it."""
        canvas: np.ndarray = self.bare.copy()
        for n in range(count):
            canvas += self.alpha(n) * (self.color(n) - canvas)
        return canvas

    def through(self, n: int) -> np.ndarray:
        """[P, 1]: what the strokes after one let through."""
        through = np.ones((len(self.bare), 1))
        for later in range(n + 1, len(self.opacity)):
            through *= 1 - self.alpha(later)
        return through

    def error(self, canvas: Canvas) -> np.ndarray:
        """[P, C] of the canvas with all strokes."""
        error: np.ndarray = self.painted(len(self.opacity)) - canvas.wanted
        return error


def _fit_colors(n: int, canvas: Canvas, weight: np.ndarray, dense: _Dense, before: _Dense) -> None:
    alone = dense.alpha(n) * dense.terms[n]
    seen, error = dense.through(n) * alone, dense.error(canvas)[:, :COLORS]
    held = PRIOR * alone.T @ (weight * alone)
    curve = seen.T @ (weight * seen) + held + TINY * np.eye(2)
    slope = seen.T @ (weight * error) + held @ (dense.colors[n] - before.colors[n])
    for c in range(COLORS):
        dense.colors[n, :, c] = _least_in_square(curve, slope[:, c], dense.colors[n, :, c])


def _least_in_square(curve: np.ndarray, slope: np.ndarray, at: np.ndarray) -> np.ndarray:
    """[2]: where in [0, 1]² the form is least with this slope [2] and these second derivatives [2, 2] at `at` [2]."""
    best, least = at, np.inf
    for held in product((None, 0.0, 1.0), repeat=2):  # each of the two free, or at one of its ends
        place = np.array([value if end is None else end for value, end in zip(at, held, strict=True)])
        free = [end is None for end in held]
        if any(free):
            place[free] -= np.linalg.solve(curve[np.ix_(free, free)], (slope + curve @ (place - at))[free])
        step = place - at
        value = slope @ step + step @ curve @ step / 2
        if ((place >= 0) & (place <= 1)).all() and value < least:
            best, least = place, value
    return best


def _fit_opacity(
    n: int, canvas: Canvas, weight: np.ndarray, dense: _Dense, before: _Dense, limits: tuple[float, float]
) -> None:
    weight = weight * np.where(np.arange(canvas.bare.shape[1]) == COLORS, ALPHA_WEIGHT, 1.0)
    alone = dense.covered[n][:, None] * (dense.color(n) - dense.painted(n))
    seen, held = dense.through(n) * alone, PRIOR * float((weight * alone**2).sum())
    curve = float((weight * seen**2).sum()) + held + TINY
    slope = float((weight * seen * dense.error(canvas)).sum()) + held * (dense.opacity[n] - before.opacity[n])
    dense.opacity[n] = np.clip(dense.opacity[n] - slope / curve, *limits)
