"""Strokes carried along: each by the similarity that the flow under its visible part follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from painter.video.clip_config import ClipConfig
from painter.video.motion import Motion
from renderers.brushes import BRUSHES
from renderers.brushes.base import wrapped
from renderers.jit import inlined, kernel
from renderers.strokes import Strokes

PAD = 4.0  # pixels: the flow is read over boxes of at least this half size
MOST_GROWTH, MOST_TURN = 0.15, 0.25  # in one frame
FAINT = 1e-6  # what a pixel counts that nobody sees
STEEP = 1e-9  # cosine of an angle below which a line is upright
UNKNOWN = 1e-3  # what the flow counts where the picture is covered next

# Columns of the sums of a stroke: Σw, Σw·x, Σw·y, Σw·r², Σw·dx, Σw·dy, Σw·(r·d), Σw·(r×d); pixels of its box, and
# those that changed.
_W, _X, _Y, _RR, _DX, _DY, _DOT, _CROSS, _AREA, _CHANGED = range(10)


@dataclass(frozen=True, eq=False)
class Boxes:
    """Where N strokes lie, pixels, float64."""

    center: np.ndarray  # [N, 2]
    axis: np.ndarray  # [N, 2] unit vectors along them
    half: np.ndarray  # [N, 2] half length and half width

    @staticmethod
    def of(strokes: Strokes, pixel: float) -> Boxes:
        """On a canvas whose pixels are `pixel` wide, canvas units."""
        brush = BRUSHES[strokes.brush]
        frame = brush.frame(strokes.params, pixel)
        half = torch.stack(brush.extent(strokes.params), dim=1) / 2 / pixel
        return Boxes(*(values.double().numpy() for values in (frame.center / pixel, frame.axis, half)))

    @property
    def reach(self) -> np.ndarray:
        """[N, 2]: how far they reach from their centres along x and y."""
        c, s = np.abs(self.axis).T
        length, width = self.half.T
        return np.stack([c * length + s * width, s * length + c * width], axis=1)

    def off(self, shape: tuple[int, ...]) -> np.ndarray:
        """[N] bool: those that are wholly off a canvas [H, W, …]."""
        low, high = self.center + self.reach, self.center - self.reach
        gone: np.ndarray = (low < 0).any(axis=1) | (high > np.array(shape[1::-1])).any(axis=1)
        return gone

    def pixels(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Row and column [N] int of the pixel at each centre, or the nearest of a canvas [H, W, …]."""
        x, y = self.center.astype(int).T
        return y.clip(0, shape[0] - 1), x.clip(0, shape[1] - 1)


@dataclass(frozen=True, eq=False)
class Fits:
    """How N strokes move: a point at r from the centre goes to centre + shift + r + (a·r + b·r⊥)."""

    similarity: np.ndarray  # [N, 4] float64: shift x, shift y (pixels), a, b
    changed: np.ndarray  # [N] share of their place that changed
    boxes: Boxes


def fit_motion(boxes: Boxes, opacity: np.ndarray, motion: Motion, config: ClipConfig) -> Fits:
    """Fit each stroke's motion to the flow under its visible part, robustly.

    Args:
        boxes: where N strokes lie on the flow, in paint order.
        opacity: [N], with which they are seen.
    """
    flow = motion.forward.astype(np.float64)
    changed, covered = (mask.astype(np.float64) for mask in (motion.changed, motion.covered))
    fit = np.zeros((len(opacity), 4))
    sums = np.zeros((len(opacity), 10))
    drawn = (0.0, 0.0, config.ridge) if motion.camera is None else (*motion.camera.turn, config.common_ridge)
    for tau in config.taus:
        _sums(boxes.center, boxes.axis, boxes.half, opacity.astype(np.float64), flow, changed, covered, fit, tau, sums)
        fit = _solved(sums, *drawn)
    area = sums[:, _AREA]
    fit[area == 0] = 0.0
    return Fits(fit, sums[:, _CHANGED] / np.maximum(area, 1), boxes)


def carried(strokes: Strokes, similarity: np.ndarray, pixel: float) -> Strokes:
    """The strokes after their similarities [N, 4] (see `Fits`): all points, sizes, radii and angles; bends stay as they
    are against the length. Colours, opacity and seeds are untouched."""
    brush = BRUSHES[strokes.brush]
    shift = torch.from_numpy((similarity[:, :2] * pixel).astype(np.float32))
    a, b = (torch.from_numpy(similarity[:, k].astype(np.float32)) for k in (2, 3))
    center = brush.frame(strokes.params, pixel).center
    growth, turn = torch.hypot(1 + a, b), torch.atan2(b, 1 + a)
    params = dict(strokes.params)
    for parameter in brush.parameters:
        name, values = parameter.name, strokes.params[parameter.name]
        if name[0] == "x":
            other = "y" + name[1:]
            x, y = values - center[:, 0], strokes.params[other] - center[:, 1]
            params[name] = center[:, 0] + shift[:, 0] + (1 + a) * x - b * y
            params[other] = center[:, 1] + shift[:, 1] + b * x + (1 + a) * y
        elif parameter.unit == "rad":
            params[name] = wrapped(values + turn)
        elif parameter.unit == "side" and name[0] != "y":
            params[name] = values * growth
    return Strokes(strokes.brush, params, strokes.colors, strokes.opacity, strokes.seed)


def pixels_within(boxes: Boxes, shape: tuple[int, ...]) -> np.ndarray:
    """[N] float64: of how many pixels of a canvas [H, W, …] each box holds the middles."""
    return _found_within(boxes, np.zeros(shape[:2]))[:, 0]


def share_within(boxes: Boxes, mask: np.ndarray) -> np.ndarray:
    """[N]: the share of each box that a mask [H, W] in [0, 1] covers; what is off the canvas does not count."""
    found = _found_within(boxes, mask.astype(np.float64))
    shares: np.ndarray = found[:, 1] / np.maximum(found[:, 0], 1)
    return shares


def _found_within(boxes: Boxes, mask: np.ndarray) -> np.ndarray:
    """See `_shares`."""
    found = np.zeros((len(boxes.center), 2))
    _shares(boxes.center, boxes.axis, boxes.half, mask, found)
    return found


def _solved(sums: np.ndarray, growth: float, turn: float, ridge: float) -> np.ndarray:
    """Similarities [N, 4] from sums [N, …], by least squares; a and b drawn to `growth`, `turn` by `ridge` pixels²."""
    w = np.maximum(sums[:, _W], 1e-12)
    x, y, dx, dy = (sums[:, k] / w for k in (_X, _Y, _DX, _DY))
    spread = sums[:, _RR] / w - x * x - y * y + ridge
    a = ((sums[:, _DOT] / w - (x * dx + y * dy) + ridge * growth) / spread).clip(-MOST_GROWTH, MOST_GROWTH)
    b = ((sums[:, _CROSS] / w - (x * dy - y * dx) + ridge * turn) / spread).clip(-MOST_TURN, MOST_TURN)
    return np.stack([dx - a * x + b * y, dy - b * x - a * y, a, b], axis=1)


@inlined
def _columns(y: float, c: float, s: float, long: float, wide: float, middle: float, width: int) -> tuple[int, int]:
    """First and one past the last column, or one more on each side, of a box in a row y below its middle, which is at
    column `middle`; its half sides are `long`, in the direction (c, s), and `wide`."""
    low, high = -(long + wide), long + wide
    if abs(c) > STEEP:
        first, last = (-long - y * s) / c, (long - y * s) / c
        low, high = max(low, min(first, last)), min(high, max(first, last))
    if abs(s) > STEEP:
        first, last = (y * c - wide) / s, (y * c + wide) / s
        low, high = max(low, min(first, last)), min(high, max(first, last))
    return max(0, int(max(middle + low - 1.0, 0.0))), min(width, int(max(middle + high + 1.0, 0.0)))


@kernel
def _sums(
    center: np.ndarray, axis: np.ndarray, half: np.ndarray, opacity: np.ndarray, flow: np.ndarray,
    changed: np.ndarray, covered: np.ndarray, fit: np.ndarray, tau: float, sums: np.ndarray,
) -> None:  # fmt: skip
    """Fill sums [N, 10], from the top stroke down: w is the light that later strokes let through times the opacity, and
    with tau > 0 times 1 / (1 + (e / tau)²), e the error of a fit [N, 4] there; and those whose fit is 0, as all of the
    flow is there, are left as they are."""
    height, width = changed.shape
    light = np.ones((height, width))
    for n in range(len(half) - 1, -1, -1):
        shift_x, shift_y, a, b = fit[n, 0], fit[n, 1], fit[n, 2], fit[n, 3]
        still = tau > 0.0 and shift_x == 0.0 and shift_y == 0.0 and a == 0.0 and b == 0.0
        long, wide = (half[n, 0], half[n, 1]) if still else (max(half[n, 0], PAD), max(half[n, 1], PAD))
        c, s, paint, area, of_changed = axis[n, 0], axis[n, 1], opacity[n], 0.0, 0.0
        of_w = of_x = of_y = of_rr = of_dx = of_dy = of_dot = of_cross = 0.0
        ry = abs(s) * long + abs(c) * wide
        for i in range(max(0, int(center[n, 1] - ry)), min(height, int(center[n, 1] + ry) + 2)):
            y = i + 0.5 - center[n, 1]
            first, last = _columns(y, c, s, long, wide, center[n, 0], width)
            for j in range(first, last):
                x = j + 0.5 - center[n, 0]
                along, across = abs(x * c + y * s), abs(y * c - x * s)
                if along > long or across > wide:
                    continue
                w = light[i, j] * paint + FAINT
                if along <= half[n, 0] and across <= half[n, 1]:
                    light[i, j] *= 1.0 - paint
                if still:
                    continue
                area += 1.0
                of_changed += changed[i, j]
                if covered[i, j] > 0.0:
                    w *= UNKNOWN
                dx, dy = flow[i, j, 0], flow[i, j, 1]
                if tau > 0.0:
                    ex, ey = shift_x + a * x - b * y - dx, shift_y + a * y + b * x - dy
                    w /= 1.0 + (ex * ex + ey * ey) / (tau * tau)
                of_w += w
                of_x += w * x
                of_y += w * y
                of_rr += w * (x * x + y * y)
                of_dx += w * dx
                of_dy += w * dy
                of_dot += w * (x * dx + y * dy)
                of_cross += w * (x * dy - y * dx)
        if not still:
            for k, total in enumerate((of_w, of_x, of_y, of_rr, of_dx, of_dy, of_dot, of_cross, area, of_changed)):
                sums[n, k] = total


@kernel
def _shares(center: np.ndarray, axis: np.ndarray, half: np.ndarray, mask: np.ndarray, found: np.ndarray) -> None:
    """Fill found [N, 2]: pixels of each box on the canvas, and the mask's sum there."""
    height, width = mask.shape
    for n in range(len(half)):
        c, s, area, of_mask = axis[n, 0], axis[n, 1], 0.0, 0.0
        ry = abs(s) * half[n, 0] + abs(c) * half[n, 1]
        for i in range(max(0, int(center[n, 1] - ry)), min(height, int(center[n, 1] + ry) + 2)):
            first, last = _columns(i + 0.5 - center[n, 1], c, s, half[n, 0], half[n, 1], center[n, 0], width)
            for j in range(first, last):
                x, y = j + 0.5 - center[n, 0], i + 0.5 - center[n, 1]
                if abs(x * c + y * s) <= half[n, 0] and abs(y * c - x * s) <= half[n, 1]:
                    area += 1.0
                    of_mask += mask[i, j]
        found[n, 0], found[n, 1] = area, of_mask
