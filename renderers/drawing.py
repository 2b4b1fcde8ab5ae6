"""Drawing strokes with the brush's own engine: the finished picture, at any size.

The canvas is cut into bands of rows, each drawn by one thread from the first stroke to the last. A pixel's value
depends on its own place only, so neither bands nor threads change the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numba
import numpy as np

from renderers.blending.layers import MAX_ALPHA
from renderers.brushes import BRUSHES, Brush
from renderers.media.media import medium_of
from renderers.media.medium import Marks, Medium, Rows, Texture
from renderers.relief import Surface, light, overlap
from renderers.strokes import Strokes
from renderers.threads import core_count

BAND_PIXELS = 2**20  # bounds the memory that one stroke takes in one thread
# What a pixel averages over, in its own widths. A box of one shows stairs along edges, and is sharper than what the
# search saw, which samples maps bilinearly; a box of √2 has the spread of the tent filter that pictures are drawn with.
SPREAD = 2**0.5


@contextmanager
def drawing_threads() -> Iterator[ThreadPoolExecutor]:
    """As many threads as this process may use cores."""
    with ThreadPoolExecutor(max_workers=core_count()) as pool:
        yield pool


class PlacedStrokes:
    """Strokes prepared for a canvas of one size, of which any rows may be drawn apart from the others.

    Args:
        strokes: N strokes.
        height, width: of the whole canvas, pixels.
        channels: 3, or 4 for premultiplied RGBA.
        margin: stroke units around a stroke's box that may be painted, too.
    """

    def __init__(self, strokes: Strokes, height: int, width: int, channels: int, margin: float = 0.0) -> None:
        self.height, self.width, self.channels = height, width, channels
        self.brush: Brush = BRUSHES[strokes.brush]
        self.pixel = 1 / max(height, width)
        strokes = strokes.map(lambda values: values.detach().cpu())
        shape = {name: values.double() for name, values in strokes.params.items()}
        frame = self.brush.frame(shape, SPREAD * self.pixel)
        self.center, self.axis = frame.center.numpy(), frame.axis.numpy()
        self.scale, self.box = frame.scale.numpy(), frame.box.numpy() + margin
        self.geometry = frame.geometry.numpy().astype(np.float32)
        self.seed = strokes.seed.numpy()
        self.opacity = strokes.opacity.numpy()
        self.start, self.end = (_with_alpha(color.numpy(), channels) for color in self.brush.ends(strokes.colors))
        self.top, self.bottom, self.left, self.right = self._bounds()

    def __len__(self) -> int:
        return len(self.scale)

    def touching(self, first: int, count: int, top: int, bottom: int) -> list[int]:
        """Which of the strokes first … count - 1 reach into rows top … bottom - 1 of the canvas, in paint order."""
        part = slice(first, count)
        reach = (self.top[part] < bottom) & (self.bottom[part] > top) & (self.left[part] < self.right[part])
        found: list[int] = (first + np.flatnonzero(reach)).tolist()
        return found

    def _bounds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """First row, one past the last row, first column, one past the last, of each stroke's box; [N] each."""
        reach = np.abs(self.axis) * self.box[:, :1] + np.abs(self.axis[:, ::-1]) * self.box[:, 1:]
        low = (self.center - reach * self.scale[:, None]) / self.pixel - 0.5
        high = (self.center + reach * self.scale[:, None]) / self.pixel - 0.5
        first = np.clip(np.ceil(low), 0, [self.width, self.height]).astype(int)
        last = np.clip(np.floor(high) + 1, 0, [self.width, self.height]).astype(int)
        return first[:, 1], last[:, 1], first[:, 0], last[:, 0]


class Drawing:
    """Strokes to be laid down from the first to the last, on a canvas or on some rows of one.

    Args:
        strokes: N strokes; placed already if `canvas` is not a whole one.
        canvas: [H, W, C] float32, what lies below; C = 3, or 4 for premultiplied RGBA. Drawn upon in place.
        relief: whether to keep the paint's height as well.
        top: which row of the whole canvas is the first of `canvas`.
        texture: how the brush's medium shows; None: not at all, as the engine alone paints.
    """

    def __init__(
        self, strokes: Strokes | PlacedStrokes, canvas: np.ndarray, relief: bool = False, top: int = 0,
        texture: Texture | None = None,
    ) -> None:  # fmt: skip
        height, width, channels = canvas.shape
        self.canvas, self.texture = canvas, texture
        self.top, self.bottom = top, top + height
        if not isinstance(strokes, PlacedStrokes):
            margin = 0.0 if texture is None else medium_of(strokes.brush).margin
            strokes = PlacedStrokes(strokes, height, width, channels, margin)
        self.placed, self.pixel = strokes, strokes.pixel
        body, scale = self.placed.brush.body, self.placed.scale
        self.surface: Surface | None = None
        self.rows: Rows | None = None
        if texture is not None:
            sheet = self.medium.sheet(texture.ground, top, height, width, self.pixel)
            plane = np.zeros((height, width), np.float32)
            self.rows = Rows(canvas, plane, sheet, self.pixel, top, (self.placed.height, self.placed.width))
        elif relief:
            self.surface = Surface(body, scale, height, width, self.pixel, top)
        self.drawn = 0

    @property
    def medium(self) -> Medium:
        """That of the strokes' brush."""
        return medium_of(self.placed.brush.name)

    def seen(self, relief: float, ground: np.ndarray, calm: np.ndarray | None, rows: slice = slice(None)) -> np.ndarray:
        """What is drawn so far as it is seen, [rows, W, C] float32: textured, and lit.

        Args:
            relief: how much the paint stands out, in [0, 1].
            ground: [C] float32, the bare canvas.
            calm: see `Medium.finish`.
            rows: which rows; the others are only looked at.
        """
        if self.rows is not None and self.texture is not None:
            return self.medium.finish(self.rows, self.texture, relief, ground, calm)[rows]
        return light(self.canvas, self.height, relief, self.pixel, rows=rows) if relief > 0 else self.canvas[rows]

    @property
    def height(self) -> np.ndarray:
        """[H, W] float32, how high the paint lies by now, canvas units: what `renderers.relief.light` reads.

        Raises:
            ValueError: if the drawing was made without `relief`.
        """
        if self.surface is None:
            raise ValueError("this drawing keeps no height; make it with relief=True")
        return self.surface.height

    def draw(self, count: int, pool: ThreadPoolExecutor) -> None:
        """Lay down the next strokes until `count` of them are on the canvas."""
        self._draw_rows(count, pool, self.top)

    def continue_from(self, above: Drawing, pool: ThreadPoolExecutor) -> None:
        """Lay down all strokes; rows that are finished in `above`, which ends further down than this begins, are
        taken from there."""
        finished = above.bottom - self.top
        self.canvas[:finished] = above.canvas[self.top - above.top :]
        if self.surface is not None:
            self.height[:finished] = above.height[self.top - above.top :]
        if self.rows is not None and above.rows is not None:
            self.rows.plane[:finished] = above.rows.plane[self.top - above.top :]
        self._draw_rows(len(self.placed), pool, above.bottom)

    def _draw_rows(self, count: int, pool: ThreadPoolExecutor, top: int) -> None:
        """Lay the next strokes on the rows from `top` on."""
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
        if self.rows is not None and self.texture is not None:
            self.medium.lay(placed, Marks(n, index, u, v, blur), self.rows, self.texture)
            return
        alpha, mix, relief = placed.brush.engine(placed.geometry[n], u, v, (blur, blur), int(placed.seed[n]))
        flat = self.canvas.reshape(-1, placed.channels)
        _lay(flat, index, alpha, mix, placed.start[n], placed.end[n], placed.opacity[n])
        if self.surface is not None:
            self.surface.lay(n, index, alpha, relief, placed.opacity[n])


def draw(strokes: Strokes, canvas: np.ndarray) -> np.ndarray:
    """All strokes on a copy of `canvas` [H, W, C] float32 (see `Drawing`), drawn by the brush's engine."""
    drawing = Drawing(strokes, canvas.copy())
    with drawing_threads() as pool:
        drawing.draw(len(strokes), pool)
    return drawing.canvas


def draw_bands(
    strokes: Strokes, shape: tuple[int, int], ground: np.ndarray, relief: float, rows: int, pool: ThreadPoolExecutor,
    texture: Texture | None = None, calm: np.ndarray | None = None,
) -> Iterator[np.ndarray]:  # fmt: skip
    """All strokes on a bare canvas, a band of rows at a time: memory is bounded by the band, not by the canvas.

    The bands one below the other are, to the bit, the whole canvas drawn at once and lit.

    Args:
        strokes: N strokes.
        shape: height and width of the whole canvas, pixels.
        ground: [C] float32, the bare canvas; C = 3, or 4 for premultiplied RGBA.
        relief: how much the paint stands out, in [0, 1]: the strength of `renderers.relief.light`.
        rows: of a band, at least 1; the last may have fewer.

    Yields:
        [rows, W, C] float32 from the top.

    Raises:
        ValueError: if `rows` is below 1.
    """
    if rows < 1:
        raise ValueError(f"a band has at least one row, got {rows=}")
    height, width = shape
    medium = medium_of(strokes.brush)
    placed = PlacedStrokes(strokes, height, width, len(ground), 0.0 if texture is None else medium.margin)
    margin = overlap(placed.pixel) if relief > 0 else 0
    if texture is not None:
        margin = medium.overlap(placed.pixel, relief)
    above: Drawing | None = None
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        first, last = max(0, top - margin), min(height, bottom + margin)
        canvas = np.empty((last - first, width, len(ground)), np.float32)
        canvas[:] = ground
        drawing = Drawing(placed, canvas, relief > 0, first, texture)
        if above is None:
            drawing.draw(len(placed), pool)
        else:
            drawing.continue_from(above, pool)
        yield drawing.seen(relief, ground, calm, slice(top - first, bottom - first))
        above = drawing


def _with_alpha(color: np.ndarray, channels: int) -> np.ndarray:
    """[N, 3] → [N, C]: paint is opaque, so a fourth channel is 1."""
    return np.concatenate([color, np.ones((len(color), channels - 3), np.float32)], axis=1).astype(np.float32)


@numba.njit(cache=True, nogil=True)
def _points_inside(
    rows: np.ndarray, columns: np.ndarray, x: np.ndarray, y: np.ndarray,
    axis: np.ndarray, scale: float, box: np.ndarray, width: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Flat indices of the pixels inside a stroke's box, and their stroke coordinates u and v."""
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
def _lay(
    canvas: np.ndarray, index: np.ndarray, alpha: np.ndarray, mix: np.ndarray,
    start: np.ndarray, end: np.ndarray, opacity: float,
) -> None:  # fmt: skip
    """h ← α·s + (1 - α)·h at the given pixels of a flat canvas [H·W, C]."""
    for k in range(index.size):
        a = min(opacity * alpha[k], MAX_ALPHA)
        if a > 0.0:
            for c in range(canvas.shape[1]):
                color = start[c] + mix[k] * (end[c] - start[c])
                canvas[index[k], c] += a * (color - canvas[index[k], c])
