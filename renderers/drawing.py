"""Drawing strokes with the brush's own engine: the finished picture, at any size.

The canvas is cut into bands of rows, each drawn by one thread from the first stroke to the last. A pixel's value
depends on its own place only, so neither bands nor threads change the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numba
import numpy as np

from renderers.blending.layers import MAX_ALPHA
from renderers.brushes import BRUSHES, Brush
from renderers.relief import Surface
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


class Drawing:
    """Strokes prepared for a canvas of one size, to be laid down from the first to the last.

    Args:
        strokes: N strokes.
        canvas: [H, W, C] float32, what lies below; C = 3, or 4 for premultiplied RGBA. Drawn upon in place.
        relief: whether to keep the paint's height as well.
    """

    def __init__(self, strokes: Strokes, canvas: np.ndarray, relief: bool = False) -> None:
        self.canvas = canvas
        self.brush: Brush = BRUSHES[strokes.brush]
        self.pixel = 1 / max(canvas.shape[:2])
        strokes = strokes.map(lambda values: values.detach().cpu())
        shape = {name: values.double() for name, values in strokes.shape.items()}
        frame = self.brush.frame(shape, SPREAD * self.pixel)
        self.center, self.axis = frame.center.numpy(), frame.axis.numpy()
        self.scale, self.box = frame.scale.numpy(), frame.box.numpy()
        self.geometry = frame.geometry.numpy().astype(np.float32)
        self.seed = strokes.seed.numpy()
        self.opacity = strokes.opacity.numpy()
        self.start, self.end = (
            _with_alpha(color.numpy(), canvas.shape[2]) for color in self.brush.ends(strokes.colors)
        )
        self.top, self.bottom, self.left, self.right = self._bounds()
        self.surface = Surface(self.brush.body, self.scale, *canvas.shape[:2]) if relief else None
        self.drawn = 0

    @property
    def height(self) -> np.ndarray:
        """[H, W] float32, how high the paint lies by now, canvas units: what `renderers.relief.light` reads.

        Raises:
            ValueError: if the drawing was made without `relief`.
        """
        if self.surface is None:
            raise ValueError("this drawing keeps no height; make it with relief=True")
        return self.surface.height

    def _bounds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """First row, one past the last row, first column, one past the last, of each stroke's box; [N] each."""
        height, width = self.canvas.shape[:2]
        reach = np.abs(self.axis) * self.box[:, :1] + np.abs(self.axis[:, ::-1]) * self.box[:, 1:]
        low = (self.center - reach * self.scale[:, None]) / self.pixel - 0.5
        high = (self.center + reach * self.scale[:, None]) / self.pixel - 0.5
        first = np.clip(np.ceil(low), 0, [width, height]).astype(int)
        last = np.clip(np.floor(high) + 1, 0, [width, height]).astype(int)
        return first[:, 1], last[:, 1], first[:, 0], last[:, 0]

    def draw(self, count: int, pool: ThreadPoolExecutor) -> None:
        """Lay down the next strokes until `count` of them are on the canvas."""
        height, width = self.canvas.shape[:2]
        strokes = range(self.drawn, count)
        rows = max(1, min(BAND_PIXELS // width, -(-height // (4 * pool._max_workers))))
        bands = [(top, min(height, top + rows)) for top in range(0, height, rows)]
        list(pool.map(lambda band: self._draw_band(strokes, *band), bands))
        self.drawn = max(self.drawn, count)

    def _draw_band(self, strokes: Sequence[int], top: int, bottom: int) -> None:
        for n in strokes:
            rows = np.arange(max(top, self.top[n]), min(bottom, self.bottom[n]))
            columns = np.arange(self.left[n], self.right[n])
            if rows.size and columns.size:
                self._draw_stroke(n, rows, columns)

    def _draw_stroke(self, n: int, rows: np.ndarray, columns: np.ndarray) -> None:
        x = (columns + 0.5) * self.pixel - self.center[n, 0]
        y = (rows + 0.5) * self.pixel - self.center[n, 1]
        index, u, v = _points_inside(
            rows, columns, x, y, self.axis[n], self.scale[n], self.box[n], self.canvas.shape[1]
        )
        blur = SPREAD * self.pixel / float(self.scale[n])
        alpha, mix, relief = self.brush.engine(self.geometry[n], u, v, (blur, blur), int(self.seed[n]))
        flat = self.canvas.reshape(-1, self.canvas.shape[2])
        _lay(flat, index, alpha, mix, self.start[n], self.end[n], self.opacity[n])
        if self.surface is not None:
            self.surface.lay(n, index, alpha, relief, self.opacity[n])


def draw(strokes: Strokes, canvas: np.ndarray) -> np.ndarray:
    """All strokes on a copy of `canvas` [H, W, C] float32 (see `Drawing`), drawn by the brush's engine."""
    drawing = Drawing(strokes, canvas.copy())
    with drawing_threads() as pool:
        drawing.draw(len(strokes), pool)
    return drawing.canvas


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
