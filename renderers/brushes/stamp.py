"""A stamp: a person's own brush, made of a picture whose texture is the coverage. No network imitates it.

Its texture is a function of the plane, and a point stands for a box of that plane. A summed-area table (Crow,
"Summed-area tables for texture mapping", SIGGRAPH 1984) gives the average over any box exactly and in constant time:
the same formula paints at 32 px and at 2,000 px. A box one texel wide is bilinear interpolation, so none is narrower.

For the search the texture is resampled to the levels of a mipmap (Williams, "Pyramidal parametrics", SIGGRAPH 1983),
LEVELS_PER_OCTAVE of them for each doubling of the size. A stroke's frame takes the level that suits its size on the
canvas, and all strokes on one level share a map.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch
from torch import Tensor

from renderers.blending import FrameMaps
from renderers.brushes.base import MAX_SLIMNESS, Body, Brush, Frame, Limits, Parameter, axis_of, wrapped
from renderers.brushes.outline import Mark, Outline, Paint, Path, Segment, polygon
from renderers.brushes.texture import kernel
from renderers.decoding import EngineMaps
from renderers.stamp_size import LONGEST
from renderers.strokes import Strokes

LEVELS_PER_OCTAVE = 2  # of the mipmap, for each doubling of the size
COARSEST = -12  # level, on which a texel is 128 half sizes wide: for strokes far smaller than a pixel
DENSITY = 2**0.5  # texels per pixel along a map, at least; less than one level more at most
# Bilinear sampling of texels t wide blurs with variance t²/6 on average, drawing with that of a pixel's tent filter,
# p²/6 (`SPREAD` in renderers.drawing). The difference is the variance f²/12 of a box f texels wide, for a level's mean
# density.
FOOTPRINT = math.sqrt(2 * (DENSITY**2 * 2 ** (1 / LEVELS_PER_OCTAVE) - 1))
DETAIL = 0.1  # width, in half sizes, of the box whose average is subtracted to get the relief's detail
CONTOURS = (0.1, 0.25, 0.5, 0.75, 0.93)  # coverages along which a texture is cut for vector graphics
TOLERANCE = 0.0015  # greatest distance of a polygon from its contour, in half sizes


class Stamp(Brush):
    """Stroke unit: half the size, which is the longer extent of the texture. Geometry: the mipmap level. No code.

    At angle 0 it is oriented as in its picture. All stamps have the same parameters; each is a brush with its own name.

    Args:
        texture: [h, w] float32 coverage in [0, 1], without empty borders; h and w at most LONGEST.

    Raises:
        ValueError: the texture has another shape, dtype or range.
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
            found = f"{list(texture.shape)} {texture.dtype}"
            raise ValueError(f"a stamp's texture must be [h, w] float32, 1 to {LONGEST} texels each, got {found}")
        if not (texture.min() >= 0 and texture.max() <= 1):  # so that NaN fails too
            raise ValueError(f"a stamp's coverage must lie in [0, 1], got [{texture.min()}, {texture.max()}]")
        digest = hashlib.sha256(str(texture.shape).encode() + np.ascontiguousarray(texture).tobytes())
        self.name = f"stamp-{digest.hexdigest()[:12]}"
        self.texture = texture.copy()
        self.texture.flags.writeable = False
        self.half_turn = bool(np.array_equal(texture, texture[::-1, ::-1]))
        longer = max(texture.shape)
        self.half = (texture.shape[1] / longer, texture.shape[0] / longer)  # extents along u and v, stroke units
        self.slim = max(min(self.half), 1 / MAX_SLIMNESS)  # width over length, for `place` and `extent`
        self.slimness = (1 / self.slim, 1 / self.slim)
        self._table = _summed(_enlarged(texture))
        # The finest level: any finer one would show no more detail.
        self.finest = math.ceil(LEVELS_PER_OCTAVE * math.log2(max(self._table.shape)))
        boxes = [[n * texel_width(level) / 2 for n in self.grid(level)] for level in range(COARSEST, self.finest + 1)]
        self._boxes = torch.tensor(boxes, dtype=torch.float64)  # half extents by level, from COARSEST on

    def grid(self, level: int) -> tuple[int, int]:
        """Columns and rows of a level's map: the texture, the reach of its blur, and a rim of zeros."""
        columns, rows = (math.ceil(2 * half / texel_width(level) + FOOTPRINT) + 2 for half in self.half)
        return columns, rows

    def frame(self, params: dict[str, Tensor], pixel: float | Tensor) -> Frame:
        """See `Brush.frame`. The box is that of the level's map and does not change with small changes of the size: the
        gradient through the frame is that of the texture on the canvas."""
        scale = params["size"] / 2
        level = self._level(pixel / scale.detach())
        box = self._boxes.to(scale)[level.to(torch.int64) - COARSEST]
        code = scale.new_zeros(len(scale), 0)
        return Frame(self.center(params), axis_of(params["angle"]), scale, box, level[:, None], code)

    def _level(self, blur: Tensor) -> Tensor:
        """[N]: the level with at least DENSITY texels per pixel of width `blur` [N] (stroke units)."""
        level = torch.ceil(LEVELS_PER_OCTAVE * (1 + math.log2(DENSITY) - torch.log2(blur)))
        # Strokes of NaN or without a size get any level.
        return level.nan_to_num(nan=COARSEST).clamp(COARSEST, self.finest)

    def engine(
        self, geometry: np.ndarray, u: np.ndarray, v: np.ndarray, footprint: tuple[float, float], seed: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `Brush.engine`. Neither geometry nor seed is read: all strokes look the same."""
        return _paint(self._table, self.half[0], self.half[1], u, v, footprint[0], footprint[1])

    def outline(self, geometry: np.ndarray) -> Outline:
        """See `Brush.outline`. Geometry is not read. Areas within the texture's contours, each over the last."""
        marks, below = [], 0.0
        for lower, upper in zip(CONTOURS, (*CONTOURS[1:], math.inf), strict=True):
            path, within = _contours(self.texture, lower), (self.texture >= lower) & (self.texture < upper)
            if path and within.any():
                cover = float(self.texture[within].mean(dtype=np.float64))
                marks.append(Mark(path, Paint((0.0, 0.0), (cover - below) / (1 - below))))
                below = cover
        (u, v), upright = self.half, self.half[1] > self.half[0]
        end = (0.0, v) if upright else (u, 0.0)
        return Outline(tuple(marks), ((-end[0], -end[1]), (0.0, 0.0), end), 2 * min(self.half), 1.0)

    def place(self, center: Tensor, angle: Tensor, length: Tensor, width: Tensor, bend: Tensor) -> dict[str, Tensor]:
        """See `Brush.place`. The texture's longer side lies along `angle`; its area is length times width."""
        turn = np.pi / 2 if self.half[1] > self.half[0] else 0.0
        size = (length * width / self.slim).sqrt()
        return {"x": center[:, 0], "y": center[:, 1], "size": size, "angle": wrapped(angle - turn)}

    def constrain(self, params: dict[str, Tensor], limits: Limits) -> dict[str, Tensor]:
        least = min(limits.min_width / math.sqrt(self.slim), limits.max_length)
        x, y = params["x"].clamp(0, limits.width), params["y"].clamp(0, limits.height)
        return {
            "x": x, "y": y, "size": params["size"].clamp(least, limits.max_length), "angle": wrapped(params["angle"])
        }  # fmt: skip

    def center(self, params: dict[str, Tensor]) -> Tensor:
        return torch.stack([params["x"], params["y"]], dim=1)

    def extent(self, params: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return params["size"], params["size"] * self.slim

    def maps(self) -> StampMaps:
        """See `Brush.maps`."""
        return StampMaps(self)


class StampMaps:
    """A `renderers.brushes.SearchMaps` of one stamp. Texels have no gradient, as many strokes share them.

    A level is painted by the engine when it is first needed, and then reused.
    """

    def __init__(self, stamp: Stamp) -> None:
        self.stamp = stamp
        self._texels = torch.zeros(0, 2)  # of all levels so far, one after the other
        self._start: dict[int, int] = {}  # index of each level's first texel

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps:
        unique, which = torch.unique(frame.geometry[:, 0].detach().cpu().to(torch.int64), return_inverse=True)
        levels: list[int] = unique.tolist()
        self._add([level for level in levels if level not in self._start], frame.scale.device)
        offset = torch.tensor([self._start[level] for level in levels], dtype=torch.int64)
        size = torch.tensor([self.stamp.grid(level)[::-1] for level in levels], dtype=torch.int64).reshape(-1, 2)
        return FrameMaps(self._texels, offset[which], size[which])

    def near(self, strokes: Strokes, pixel: float, density: float) -> EngineMaps:
        """See `SearchMaps.near`: the engine's maps of a stamp change in place and size only."""
        return EngineMaps(strokes, pixel, density)

    def _add(self, levels: list[int], device: torch.device) -> None:
        """Paint these levels and append them to the others, all on `device`."""
        parts = [self._texels.to(device)]
        end = len(self._texels)
        for level in levels:
            self._start[level] = end
            parts.append(level_texels(self.stamp, level).to(device))
            end += len(parts[-1])
        self._texels = torch.cat(parts) if levels else parts[0]


def level_texels(stamp: Stamp, level: int) -> Tensor:
    """[R·C, 2] float32: coverage and a mix of 0 of a level's map, row after row; (C, R) = `Stamp.grid(level)`."""
    texel = texel_width(level)
    columns, rows = stamp.grid(level)
    along, down = (((np.arange(count) + 0.5 - count / 2) * texel).astype(np.float32) for count in (columns, rows))
    geometry, footprint = np.array([level], np.float32), (FOOTPRINT * texel, FOOTPRINT * texel)
    alpha, mix, _ = stamp.engine(geometry, np.tile(along, rows), np.repeat(down, columns), footprint, 0)
    return torch.from_numpy(np.stack([alpha, mix], axis=1))


def texel_width(level: int) -> float:
    """The width of a texel of a level's map, stroke units: 2^(level / LEVELS_PER_OCTAVE) of them lie along the size."""
    return 2 ** (1 - level / LEVELS_PER_OCTAVE)


def _contours(texture: np.ndarray, coverage: float) -> Path:
    """The areas where a texture exceeds this coverage, as polygons in stroke units; holes run the other way round."""
    import cv2
    from skimage.measure import find_contours

    scale = 2 / max(texture.shape)
    middle = np.array(texture.shape)[::-1] / 2
    path: list[Segment] = []
    for contour in find_contours(np.pad(texture, 1), coverage):
        points = (contour[:, ::-1] - 0.5 - middle) * scale  # of the padded texture: the first texel's centre is at 1
        corners = cv2.approxPolyDP(points[:-1].astype(np.float32), TOLERANCE, closed=True)[:, 0]
        if len(corners) >= 3:
            path += polygon(corners)
    return tuple(path)


def _enlarged(texture: np.ndarray) -> np.ndarray:
    """A small texture enlarged by an integer factor, up to LONGEST: bicubic, as bilinear interpolation shows facets."""
    factor = LONGEST // max(texture.shape)
    if factor == 1:
        return texture
    import cv2

    height, width = texture.shape
    larger = cv2.resize(texture, (factor * width, factor * height), interpolation=cv2.INTER_CUBIC)
    return larger.clip(0, 1)


def _summed(texture: np.ndarray) -> np.ndarray:
    """The summed-area table [h + 1, w + 1] float64: sums over all texels above and left of each corner."""
    table = np.zeros((texture.shape[0] + 1, texture.shape[1] + 1))
    table[1:, 1:] = texture.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    return table


@kernel
def _integral(table: np.ndarray, x: float, y: float) -> float:
    """The sum up to a point (x, y) in texels: interpolated bilinearly, which is exact for constant texels."""
    x, y = min(max(x, 0.0), table.shape[1] - 1.0), min(max(y, 0.0), table.shape[0] - 1.0)
    j, i = min(int(x), table.shape[1] - 2), min(int(y), table.shape[0] - 2)
    f, g = x - j, y - i
    top = table[i, j] + f * (table[i, j + 1] - table[i, j])
    bottom = table[i + 1, j] + f * (table[i + 1, j + 1] - table[i + 1, j])
    total: float = top + g * (bottom - top)
    return total


@kernel
def _average(table: np.ndarray, x: float, y: float, width: float, height: float) -> float:
    """The average over a box centred at (x, y), all in texels; 0 beyond the texture."""
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
