"""Drawing strokes with the brush's engine: the finished picture, at any size.

The canvas is cut into bands of rows, each drawn by one thread from the first stroke to the last. Pixels do not depend
on each other, so neither the number of bands nor that of threads changes the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numba
import numpy as np

from renderers.blending.layers import MAX_ALPHA
from renderers.brushes import BRUSHES, Brush
from renderers.relief import Surface, light, overlap
from renderers.strokes import Strokes
from renderers.threads import core_count

BAND_PIXELS = 2**20  # in a band, at most: bounds the memory that one stroke takes in one thread
# Width of the box that a pixel averages over, in pixels. A box of 1 shows stairs along edges, and is sharper than what
# the search sees, which samples maps bilinearly; a box of √2 has the variance of the tent filter usual for pictures.
SPREAD = 2**0.5


@contextmanager
def drawing_threads() -> Iterator[ThreadPoolExecutor]:
    """A pool of `core_count` threads."""
    with ThreadPoolExecutor(max_workers=core_count()) as pool:
        yield pool


class PlacedStrokes:
    """Strokes prepared for a canvas of one size, of which any rows can be drawn alone.

    Args:
        strokes: N strokes.
        height, width: of the full canvas, pixels.
        channels: 3, or 4 for premultiplied RGBA.
    """

    def __init__(self, strokes: Strokes, height: int, width: int, channels: int) -> None:
        self.height, self.width, self.channels = height, width, channels
        self.brush: Brush = BRUSHES[strokes.brush]
        self.pixel = 1 / max(height, width)
        strokes = strokes.map(lambda values: values.detach().cpu())
        params = {name: values.double() for name, values in strokes.params.items()}
        frame = self.brush.frame(params, SPREAD * self.pixel)
        self.center, self.axis = frame.center.numpy(), frame.axis.numpy()
        self.scale, self.box = frame.scale.numpy(), frame.box.numpy()
        self.geometry = frame.geometry.numpy().astype(np.float32)
        self.seed = strokes.seed.numpy()
        self.opacity = strokes.opacity.numpy()
        self.start, self.end = (_with_alpha(color.numpy(), channels) for color in self.brush.ends(strokes.colors))
        self.top, self.bottom, self.left, self.right = self._bounds()

    def __len__(self) -> int:
        return len(self.scale)

    def touching(self, first: int, count: int, top: int, bottom: int) -> list[int]:
        """The indices of those strokes of first … count - 1 that reach the rows top … bottom - 1, in paint order."""
        part = slice(first, count)
        reach = (self.top[part] < bottom) & (self.bottom[part] > top) & (self.left[part] < self.right[part])
        found: list[int] = (first + np.flatnonzero(reach)).tolist()
        return found

    def _bounds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """First row, one past the last row, first column, one past the last column of each stroke's box; [N] each."""
        reach = np.abs(self.axis) * self.box[:, :1] + np.abs(self.axis[:, ::-1]) * self.box[:, 1:]
        low = (self.center - reach * self.scale[:, None]) / self.pixel - 0.5
        high = (self.center + reach * self.scale[:, None]) / self.pixel - 0.5
        first = np.clip(np.ceil(low), 0, [self.width, self.height]).astype(int)
        last = np.clip(np.floor(high) + 1, 0, [self.width, self.height]).astype(int)
        return first[:, 1], last[:, 1], first[:, 0], last[:, 0]


class Drawing:
    """A canvas, or some rows of one, on which strokes are drawn from the first to the last.

    Args:
        strokes: N strokes; must be `PlacedStrokes` if `canvas` has only some rows of the full one.
        canvas: [H, W, C] float32, the picture below the strokes; C = 3, or 4 for premultiplied RGBA. Changed in place.
        relief: whether to compute the height of the paint as well.
        top: which row of the full canvas is the first of `canvas`.
    """

    def __init__(
        self, strokes: Strokes | PlacedStrokes, canvas: np.ndarray, relief: bool = False, top: int = 0
    ) -> None:
        height, width, channels = canvas.shape
        self.canvas = canvas
        self.top, self.bottom = top, top + height
        self.placed = strokes if isinstance(strokes, PlacedStrokes) else PlacedStrokes(strokes, height, width, channels)
        self.pixel = self.placed.pixel
        body, scale = self.placed.brush.body, self.placed.scale
        self.surface = Surface(body, scale, height, width, self.pixel, top) if relief else None
        self.drawn = 0

    @property
    def height(self) -> np.ndarray:
        """[H, W] float32, height of the paint drawn so far, canvas units: what `renderers.relief.light` reads.

        Raises:
            ValueError: the drawing was made without `relief`.
        """
        if self.surface is None:
            raise ValueError("this drawing has no height; make it with relief=True")
        return self.surface.height

    def draw(self, count: int, pool: ThreadPoolExecutor) -> None:
        """Draw the next strokes until `count` of them are on the canvas."""
        self._draw_rows(count, pool, self.top)

    def continue_from(self, above: Drawing, pool: ThreadPoolExecutor) -> None:
        """Draw all strokes; the rows shared with `above`, a finished drawing of rows further up that overlaps this one,
        are copied from there."""
        finished = above.bottom - self.top
        self.canvas[:finished] = above.canvas[self.top - above.top :]
        if self.surface is not None:
            self.height[:finished] = above.height[self.top - above.top :]
        self._draw_rows(len(self.placed), pool, above.bottom)

    def _draw_rows(self, count: int, pool: ThreadPoolExecutor, top: int) -> None:
        """Draw the next strokes, up to `count`, on the rows from `top` on."""
        rows = max(1, min(BAND_PIXELS // self.placed.width, -(-(self.bottom - top) // (4 * pool._max_workers))))
        bands = [(begin, min(self.bottom, begin + rows)) for begin in range(top, self.bottom, rows)]
        first = self.drawn
        list(pool.map(lambda band: self._draw_band(first, count, *band), bands))
        self.drawn = max(self.drawn, count)

    def _draw_band(self, first: int, count: int, top: int, bottom: int) -> None:
        placed = self.placed
        for n in placed.touching(first, count, top, bottom):
            rows = np.arange(max(top, placed.top[n]), min(bottom, placed.bottom[n]))
            self._draw_stroke(n, rows, np.arange(placed.left[n], placed.right[n]))

    def _draw_stroke(self, n: int, rows: np.ndarray, columns: np.ndarray) -> None:
        placed = self.placed
        x = (columns + 0.5) * self.pixel - placed.center[n, 0]
        y = (rows + 0.5) * self.pixel - placed.center[n, 1]
        index, u, v = _points_inside(
            rows - self.top, columns, x, y, placed.axis[n], placed.scale[n], placed.box[n], placed.width
        )
        blur = SPREAD * self.pixel / float(placed.scale[n])
        alpha, mix, relief = placed.brush.engine(placed.geometry[n], u, v, (blur, blur), int(placed.seed[n]))
        flat = self.canvas.reshape(-1, placed.channels)
        _blend(flat, index, alpha, mix, placed.start[n], placed.end[n], placed.opacity[n])
        if self.surface is not None:
            self.surface.add(n, index, alpha, relief, placed.opacity[n])


def draw(strokes: Strokes, canvas: np.ndarray) -> np.ndarray:
    """A copy of `canvas` [H, W, C] float32 (see `Drawing`) with all strokes on it, drawn by the brush's engine."""
    drawing = Drawing(strokes, canvas.copy())
    with drawing_threads() as pool:
        drawing.draw(len(strokes), pool)
    return drawing.canvas


def draw_bands(
    strokes: Strokes, shape: tuple[int, int], ground: np.ndarray, relief: float, rows: int, pool: ThreadPoolExecutor
) -> Iterator[np.ndarray]:
    """All strokes on an empty canvas, a band of rows at a time: memory is bounded by the band, not by the canvas.

    Together the bands are bit for bit the canvas that is drawn and lit at once.

    Args:
        strokes: N strokes.
        shape: height and width of the full canvas, pixels.
        ground: [C] float32, colour of the empty canvas; C = 3, or 4 for premultiplied RGBA.
        relief: the strength of `renderers.relief.light`, in [0, 1].
        rows: of a band, at least 1; the last may have fewer.

    Yields:
        [rows, W, C] float32, from the top.

    Raises:
        ValueError: `rows` is below 1.
    """
    if rows < 1:
        raise ValueError(f"a band has at least one row, got {rows=}")
    height, width = shape
    placed = PlacedStrokes(strokes, height, width, len(ground))
    margin = overlap(placed.pixel) if relief > 0 else 0
    above: Drawing | None = None
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        first, last = max(0, top - margin), min(height, bottom + margin)
        canvas = np.empty((last - first, width, len(ground)), np.float32)
        canvas[:] = ground
        drawing = Drawing(placed, canvas, relief > 0, first)
        if above is None:
            drawing.draw(len(placed), pool)
        else:
            drawing.continue_from(above, pool)
        here = slice(top - first, bottom - first)
        yield light(canvas, drawing.height, relief, placed.pixel, rows=here) if relief > 0 else canvas[here]
        above = drawing


def _with_alpha(color: np.ndarray, channels: int) -> np.ndarray:
    """[N, 3] → [N, C] float32; a fourth channel is 1, as paint is opaque."""
    return np.concatenate([color, np.ones((len(color), channels - 3), np.float32)], axis=1).astype(np.float32)


@numba.njit(cache=True, nogil=True)
def _points_inside(
    rows: np.ndarray, columns: np.ndarray, x: np.ndarray, y: np.ndarray,
    axis: np.ndarray, scale: float, box: np.ndarray, width: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Flat indices of the pixels inside a stroke's box, and their coordinates u and v in stroke units, [M] each."""
    limit = rows.size * columns.size
    index = np.empty(limit, np.int64)
    u, v = np.empty(limit, np.float32), np.empty(limit, np.float32)
    count = 0
    for i in range(rows.size):
        for j in range(columns.size):
            along = (x[j] * axis[0] + y[i] * axis[1]) / scale
            across = (y[i] * axis[0] - x[j] * axis[1]) / scale
            if abs(along) <= box[0] and abs(across) <= box[1]:
                index[count] = rows[i] * width + columns[j]
                u[count], v[count] = along, across
                count += 1
    return index[:count], u[:count], v[:count]


@numba.njit(cache=True, nogil=True)
def _blend(
    canvas: np.ndarray, index: np.ndarray, alpha: np.ndarray, mix: np.ndarray,
    start: np.ndarray, end: np.ndarray, opacity: float,
) -> None:  # fmt: skip
    """h ← α·s + (1 - α)·h at the pixels `index` [M] of a flat canvas [H·W, C]."""
    for k in range(index.size):
        a = min(opacity * alpha[k], MAX_ALPHA)
        if a > 0.0:
            for c in range(canvas.shape[1]):
                color = start[c] + mix[k] * (end[c] - start[c])
                canvas[index[k], c] += a * (color - canvas[index[k], c])
