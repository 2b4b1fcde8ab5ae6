"""A stamp: a person's own brush, a picture whose texture is the coverage. No network imitates it.

Its texture is a function of the plane, and what a point stands for is a box of that plane. A summed-area table (Crow,
"Summed-area tables for texture mapping", SIGGRAPH 1984) gives the average over any box exactly and in constant time:
the same formula paints 32 px and 2,000 px. A box of one texel's width is bilinear interpolation, so none is narrower.

For the search the texture is resampled to a ladder of sizes, RUNGS to an octave. A stroke's frame lies on the rung
that suits its size on the canvas, and all strokes on a rung share one map: see `renderers.stamping`.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch
from torch import Tensor

from renderers.brushes.base import MAX_SLIMNESS, Body, Brush, Frame, Limits, Parameter, axis_of, wrapped
from renderers.brushes.outline import Mark, Outline, Paint, Path, Segment, polygon
from renderers.brushes.texture import kernel
from renderers.stamp_size import LONGEST

RUNGS = 2  # of the ladder, to an octave
LOWEST = -12  # rung: a texel is 128 half sizes wide, a stroke far smaller than a pixel
DENSITY = 2**0.5  # texels to a pixel along a map, at least; less than one rung more at most
# Bilinear sampling of texels t wide blurs by t²/6 on average, drawing by a pixel's tent filter, p²/6 (`SPREAD` in
# renderers.drawing). What is missing is a box of f²/12, in texels, for the middle of a rung's densities.
FOOTPRINT = math.sqrt(2 * (DENSITY**2 * 2 ** (1 / RUNGS) - 1))
DETAIL = 0.1  # width of the box, in half sizes, from whose average the relief's detail stands off
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.93)  # of coverage, along whose contours a texture is cut for vector graphics
SMOOTH = 0.0015  # how far from a contour its polygon may lie, in half sizes


class Stamp(Brush):
    """Stroke unit: half the size, which is the longer extent of the texture. Geometry: the rung. Code: nothing.

    At angle 0 it stands as in its picture. All stamps have the same parameters; each is a brush of its own name.

    Args:
        texture: [h, w] float32 coverage in [0, 1], without empty borders; h and w at most LONGEST.

    Raises:
        ValueError: another shape, type or range.
    """

    parameters = (
        Parameter("x", 0, 1, "side"),
        Parameter("y", 0, 1, "side"),
        Parameter("size", 0.003, 1.8, "side"),
        Parameter("angle", -math.pi, math.pi, "rad"),
    )
    colors = 1
    body = Body(thickness=0.002, growth=0.12, leveling=1.0)
    alike = True

    def __init__(self, texture: np.ndarray) -> None:
        if texture.ndim != 2 or texture.dtype != np.float32 or not texture.size or max(texture.shape) > LONGEST:
            wanted, found = f"[h, w] float32 of 1 to {LONGEST} texels", f"{list(texture.shape)} {texture.dtype}"
            raise ValueError(f"a stamp must be {wanted}, got {found}")
        if not (texture.min() >= 0 and texture.max() <= 1):  # so that NaN fails too
            raise ValueError(f"a stamp's coverage must lie in [0, 1], got [{texture.min()}, {texture.max()}]")
        digest = hashlib.sha256(str(texture.shape).encode() + np.ascontiguousarray(texture).tobytes())
        self.name = f"stamp-{digest.hexdigest()[:12]}"
        self.texture = texture.copy()
        self.texture.flags.writeable = False
        longer = max(texture.shape)
        self.half = (texture.shape[1] / longer, texture.shape[0] / longer)  # extents along u and v, stroke units
        self.slim = max(min(self.half), 1 / MAX_SLIMNESS)  # width over length, as places and bounds take it
        self.slimness = (1 / self.slim, 1 / self.slim)
        self._table = _summed(_enlarged(texture))
        self.highest = math.ceil(RUNGS * math.log2(max(self._table.shape)))  # finer ones would show nothing more
        boxes = [[n * texel_width(rung) / 2 for n in self.grid(rung)] for rung in range(LOWEST, self.highest + 1)]
        self._boxes = torch.tensor(boxes, dtype=torch.float64)  # half extents by rung, from LOWEST on

    def grid(self, rung: int) -> tuple[int, int]:
        """Columns and rows of a rung's map: the texture, what the footprint blurs beyond it, and a rim of zeros."""
        columns, rows = (math.ceil(2 * half / texel_width(rung) + FOOTPRINT) + 2 for half in self.half)
        return columns, rows

    def frame(self, shape: dict[str, Tensor], pixel: float | Tensor) -> Frame:
        """See `Brush.frame`. The box is as wide as the rung's map, which no small change of the size alters: the
        gradient through the frame is that of the texture on the canvas."""
        scale = shape["size"] / 2
        rung = self._rung(pixel / scale.detach())
        box = self._boxes.to(scale)[rung.to(torch.int64) - LOWEST]
        code = scale.new_zeros(len(scale), 0)
        return Frame(self.center(shape), axis_of(shape["angle"]), scale, box, rung[:, None], code)

    def _rung(self, blur: Tensor) -> Tensor:
        """[N]: the rung with DENSITY texels or just more to a pixel of width `blur` [N] (stroke units)."""
        rung = torch.ceil(RUNGS * (1 + math.log2(DENSITY) - torch.log2(blur)))
        # A stroke that is nowhere, or has no size, lies anywhere.
        return rung.nan_to_num(nan=LOWEST).clamp(LOWEST, self.highest)

    def engine(
        self, geometry: np.ndarray, u: np.ndarray, v: np.ndarray, footprint: tuple[float, float], seed: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `Brush.engine`. Neither geometry nor seed matters: a stamp is always the same."""
        return _paint(self._table, self.half[0], self.half[1], u, v, footprint[0], footprint[1])

    def outline(self, geometry: np.ndarray) -> Outline:
        """See `Brush.outline`. Geometry does not matter. Areas between the texture's contours, each over the last."""
        marks, below = [], 0.0
        for level, upper in zip(LEVELS, (*LEVELS[1:], math.inf), strict=True):
            path, within = _contours(self.texture, level), (self.texture >= level) & (self.texture < upper)
            if path and within.any():
                cover = float(self.texture[within].mean(dtype=np.float64))
                marks.append(Mark(path, Paint((0.0, 0.0), (cover - below) / (1 - below))))
                below = cover
        (u, v), turned = self.half, self.half[1] > self.half[0]
        end = (0.0, v) if turned else (u, 0.0)
        return Outline(tuple(marks), ((-end[0], -end[1]), (0.0, 0.0), end), 2 * min(self.half), 1.0)

    def place(self, center: Tensor, angle: Tensor, length: Tensor, width: Tensor, bend: Tensor) -> dict[str, Tensor]:
        """See `Brush.place`. The texture's longer side lies along `angle`; its area is length times width."""
        upright = np.pi / 2 if self.half[1] > self.half[0] else 0.0
        size = (length * width / self.slim).sqrt()
        return {"x": center[:, 0], "y": center[:, 1], "size": size, "angle": wrapped(angle - upright)}

    def constrain(self, shape: dict[str, Tensor], limits: Limits) -> dict[str, Tensor]:
        least = min(limits.min_width / math.sqrt(self.slim), limits.max_length)
        x, y = shape["x"].clamp(0, limits.width), shape["y"].clamp(0, limits.height)
        return {
            "x": x, "y": y, "size": shape["size"].clamp(least, limits.max_length), "angle": wrapped(shape["angle"])
        }  # fmt: skip

    def center(self, shape: dict[str, Tensor]) -> Tensor:
        return torch.stack([shape["x"], shape["y"]], dim=1)

    def extent(self, shape: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return shape["size"], shape["size"] * self.slim


def texel_width(rung: int) -> float:
    """The width of a texel of a rung's map in stroke units: 2^(rung / RUNGS) lie along the size."""
    return 2 ** (1 - rung / RUNGS)


def _contours(texture: np.ndarray, level: float) -> Path:
    """The areas where a texture exceeds `level`, as polygons in stroke units; holes run the other way round."""
    import cv2
    from skimage.measure import find_contours

    scale = 2 / max(texture.shape)
    middle = np.array(texture.shape)[::-1] / 2
    path: list[Segment] = []
    for contour in find_contours(np.pad(texture, 1), level):
        points = (contour[:, ::-1] - 0.5 - middle) * scale  # of the padded texture: the first texel's centre is at 1
        corners = cv2.approxPolyDP(points[:-1].astype(np.float32), SMOOTH, closed=True)[:, 0]
        if len(corners) >= 3:
            path += polygon(corners)
    return tuple(path)


def _enlarged(texture: np.ndarray) -> np.ndarray:
    """A small texture at a whole multiple of its size, up to LONGEST: bicubic once, as bilinear shows facets."""
    times = LONGEST // max(texture.shape)
    if times == 1:
        return texture
    import cv2

    height, width = texture.shape
    larger = cv2.resize(texture, (times * width, times * height), interpolation=cv2.INTER_CUBIC)
    return larger.clip(0, 1)


def _summed(texture: np.ndarray) -> np.ndarray:
    """[h + 1, w + 1] float64: sums over all texels above and left of each corner."""
    table = np.zeros((texture.shape[0] + 1, texture.shape[1] + 1))
    table[1:, 1:] = texture.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    return table


@kernel
def _integral(table: np.ndarray, x: float, y: float) -> float:
    """The sum up to a place between corners, (x, y) in texels: bilinear, which is exact for constant texels."""
    x, y = min(max(x, 0.0), table.shape[1] - 1.0), min(max(y, 0.0), table.shape[0] - 1.0)
    j, i = min(int(x), table.shape[1] - 2), min(int(y), table.shape[0] - 2)
    f, g = x - j, y - i
    top = table[i, j] + f * (table[i, j + 1] - table[i, j])
    bottom = table[i + 1, j] + f * (table[i + 1, j + 1] - table[i + 1, j])
    return top + g * (bottom - top)


@kernel
def _average(table: np.ndarray, x: float, y: float, width: float, height: float) -> float:
    """The average over a box centred at (x, y), all in texels; nothing lies beyond the texture."""
    left, right, top, bottom = x - 0.5 * width, x + 0.5 * width, y - 0.5 * height, y + 0.5 * height
    # In this order a box that misses the texture has a sum of exactly zero.
    low = _integral(table, right, bottom) - _integral(table, left, bottom)
    high = _integral(table, right, top) - _integral(table, left, top)
    share = (low - high) / (width * height)
    return min(share, 1.0) if share > 1e-6 else 0.0


@kernel
def _paint(
    table: np.ndarray, half_u: float, half_v: float, u: np.ndarray, v: np.ndarray, fu: float, fv: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    alpha, mix, relief = np.zeros_like(u), np.zeros_like(u), np.zeros_like(u)
    rows, columns = table.shape[0] - 1, table.shape[1] - 1
    along, across = columns / (2.0 * half_u), rows / (2.0 * half_v)  # texels to a stroke unit
    width, height = max(fu * along, 1.0), max(fv * across, 1.0)
    wide, high = max(width, DETAIL * along), max(height, DETAIL * across)
    for i in range(u.size):
        x, y = (u[i] + half_u) * along, (v[i] + half_v) * across
        alpha[i] = _average(table, x, y, width, height)
        if alpha[i] > 0.0:
            detail = alpha[i] - _average(table, x, y, wide, high)
            relief[i] = alpha[i] * min(max(0.5 + detail, 0.0), 1.0)
    return alpha, mix, relief
