"""Drawing strokes with the brush's engine: the finished picture, at any size.

The canvas is cut into bands of rows, each drawn by one thread from the first stroke to the last. Pixels do not depend
on each other, so neither the number of bands nor that of threads changes the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from renderers.media.media import medium_of
from renderers.media.medium import Appearance, Marks, Texture
from renderers.media.pencil import draw_pencil
from renderers.pigments import Mixing, to_colors, to_pigment
from renderers.placed import PlacedStrokes
from renderers.strokes import Strokes
from renderers.threads import core_count

BAND_PIXELS = 2**20  # in a band, at most: bounds the memory that one stroke takes in one thread


@contextmanager
def drawing_threads() -> Iterator[ThreadPoolExecutor]:
    """A pool of `core_count` threads."""
    with ThreadPoolExecutor(max_workers=core_count()) as pool:
        yield pool


class Drawing:
    """A canvas, or some rows of one, on which strokes are drawn from the first to the last.

    Args:
        strokes: N strokes; must be `PlacedStrokes` if `canvas` has only some rows of the full one.
        canvas: [H, W, C] float32, the picture below the strokes; C = 3, or 4 for premultiplied RGBA. Changed in place.
        relief: whether to compute the height of the paint as well.
        top: which row of the full canvas is the first of `canvas`.
        texture: how the brush's medium and the sheet show; not at all if not given.
        mixing: of colours; that of `strokes` if they are placed. What is painted is then in `seen`, not in `canvas`.
    """

    def __init__(
        self, strokes: Strokes | PlacedStrokes, canvas: np.ndarray, relief: bool = False, top: int = 0,
        texture: Texture | None = None, mixing: Mixing = "srgb",
    ) -> None:  # fmt: skip
        height, width, channels = canvas.shape
        self.top, self.bottom = top, top + height
        if not isinstance(strokes, PlacedStrokes):
            margin = medium_of(strokes.brush, texture).margin
            strokes = PlacedStrokes(strokes, height, width, channels, margin, mixing)
        self.placed, self.pixel = strokes, strokes.pixel
        self.canvas = canvas if strokes.mixing == "srgb" else to_pigment(canvas)
        self.medium = medium_of(self.placed.brush.name, texture)
        self.rows = self.medium.rows(self.placed, self.canvas, top, relief)
        self.drawn = 0

    @property
    def height(self) -> np.ndarray:
        """[H, W] float32, height of the paint drawn so far, canvas units: what `renderers.relief.light` reads.

        Raises:
            ValueError: the drawing was made without `relief`.
        """
        if not self.medium.keeps_height or not self.rows.plane.size:
            raise ValueError("this drawing has no height; make it with relief=True")
        return self.rows.plane

    def seen(self, relief: float, appearance: Appearance, rows: slice = slice(None)) -> np.ndarray:
        """What is drawn so far as it is seen, [rows, W, C] float32: with its texture, and lit.

        Args:
            relief: how much the paint stands out, in [0, 1].
            appearance: what else decides how it is seen.
            rows: which rows; the others are only looked at.
        """
        first, last, _ = rows.indices(len(self.canvas))
        around = self.medium.overlap(self.pixel, relief)
        begin = max(0, first - around)
        part = self.rows.part(begin, min(len(self.canvas), last + around))
        if self.placed.mixing == "pigment":
            part = replace(part, canvas=to_colors(part.canvas))
        seen = self.medium.finish(part, relief, appearance, slice(first - begin, last - begin))
        if appearance.lines is not None and appearance.pencil > 0:
            seen = self._with_pencil(seen, appearance, first)
        return seen

    def changed(self, before: int, relief: float) -> list[slice]:
        """Which rows look otherwise than after the first `before` strokes; all of them if that is negative."""
        if before < 0:
            return [slice(0, len(self.canvas))]
        around = self.medium.overlap(self.pixel, relief)
        touched = np.zeros(len(self.canvas), bool)
        for rows, _ in self._boxes(before):
            touched[max(0, rows.start - around) : rows.stop + around] = True
        edges = np.flatnonzero(np.diff(touched, prepend=False, append=False)).tolist()
        return [slice(first, last) for first, last in zip(edges[::2], edges[1::2], strict=True)]

    def is_pointwise(self, appearance: Appearance) -> bool:
        """Whether what is seen at a pixel hangs on nothing around it, so that `seen_at` can tell it."""
        plain = appearance.region is None and (appearance.lines is None or appearance.pencil == 0)
        return plain and self.medium.pointwise

    def changed_pixels(self, before: int) -> np.ndarray:
        """Which pixels may look otherwise than after the first `before` strokes: [M] int64, row by row. For drawings
        that are pointwise."""
        touched = np.zeros(self.canvas.shape[:2], bool)
        for box in self._boxes(before):
            touched[box] = True
        return np.flatnonzero(touched)

    def _boxes(self, before: int) -> Iterator[tuple[slice, slice]]:
        """Rows and columns of this canvas within which each stroke lies that was drawn after the first `before`."""
        placed = self.placed
        for n in placed.touching(before, self.drawn, self.top, self.bottom):
            rows = slice(max(0, placed.top[n] - self.top), max(0, placed.bottom[n] - self.top))
            yield rows, slice(placed.left[n], placed.right[n])

    def seen_at(self, pixels: np.ndarray, appearance: Appearance) -> np.ndarray:
        """What `seen` shows at some pixels, [M, C] float32. For drawings that are pointwise.

        Args:
            pixels: [M], M > 0, numbered row by row, as from `changed_pixels`.
        """
        canvas = self.canvas.reshape(-1, self.canvas.shape[2]).take(pixels, axis=0)
        if self.placed.mixing == "pigment":
            canvas = to_colors(canvas[None])[0]
        return self.medium.finish_at(self.rows, canvas, appearance, pixels)

    def _with_pencil(self, seen: np.ndarray, appearance: Appearance, first: int) -> np.ndarray:
        """A copy of what is seen, from row `first` on, with pencil lines."""
        assert appearance.lines is not None
        sheet, seen = self.rows.sheet, seen.copy()
        height = None if sheet is None else sheet.height[1 + first : 1 + first + len(seen)]
        draw_pencil(
            seen, appearance.lines, appearance.pencil, height, self.pixel, self.top + first, self.rows.full,
            self.medium.bare_margin,
        )  # fmt: skip
        return seen

    def draw(self, count: int, pool: ThreadPoolExecutor) -> None:
        """Draw the next strokes until `count` of them are on the canvas."""
        self._draw_rows(count, pool, self.top)

    def continue_from(self, above: Drawing, pool: ThreadPoolExecutor) -> None:
        """Draw all strokes; the rows shared with `above`, a finished drawing of rows further up that overlaps this one,
        are copied from there."""
        finished = above.bottom - self.top
        self.canvas[:finished] = above.canvas[self.top - above.top :]
        if self.rows.plane.size:
            self.rows.plane[:finished] = above.rows.plane[self.top - above.top :]
        self._draw_rows(len(self.placed), pool, above.bottom)

    def _draw_rows(self, count: int, pool: ThreadPoolExecutor, top: int) -> None:
        """Draw the next strokes, up to `count`, on the rows from `top` on."""
        rows = max(1, min(BAND_PIXELS // self.placed.width, -(-(self.bottom - top) // (4 * core_count()))))
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
        index, u, v, footprint = placed.points(n, rows, columns, self.top)
        self.medium.lay(placed, Marks(n, index, u, v, footprint), self.rows)


def draw(strokes: Strokes, canvas: np.ndarray) -> np.ndarray:
    """A copy of `canvas` [H, W, C] float32 (see `Drawing`) with all strokes on it, drawn by the brush's engine."""
    drawing = Drawing(strokes, canvas.copy())
    with drawing_threads() as pool:
        drawing.draw(len(strokes), pool)
    return drawing.canvas


def draw_bands(
    strokes: Strokes, shape: tuple[int, int], appearance: Appearance, relief: float, rows: int,
    pool: ThreadPoolExecutor, texture: Texture | None = None, mixing: Mixing = "srgb",
) -> Iterator[np.ndarray]:  # fmt: skip
    """All strokes on a bare canvas, a band of rows at a time: memory is bounded by the band, not by the canvas.

    Concatenated, the bands are bit-identical to the full canvas drawn at once and lit.

    Args:
        strokes: N strokes.
        shape: height and width of the full canvas, pixels.
        appearance: the bare canvas, and what else decides how it is seen.
        relief: how strongly the paint stands out, in [0, 1].
        rows: of a band, at least 1; the last band may have fewer.
        texture, mixing: see `Drawing`.

    Yields:
        [rows, W, C] float32 from the top.

    Raises:
        ValueError: `rows` is below 1.
    """
    if rows < 1:
        raise ValueError(f"a band has at least one row, got {rows=}")
    height, width = shape
    medium, ground = medium_of(strokes.brush, texture), appearance.ground
    placed = PlacedStrokes(strokes, height, width, len(ground), medium.margin, mixing)
    overlap = medium.overlap(placed.pixel, relief)
    above: Drawing | None = None
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        first, last = max(0, top - overlap), min(height, bottom + overlap)
        canvas = np.empty((last - first, width, len(ground)), np.float32)
        canvas[:] = ground
        drawing = Drawing(placed, canvas, relief > 0, first, texture)
        if above is None:
            drawing.draw(len(placed), pool)
        else:
            drawing.continue_from(above, pool)
        yield drawing.seen(relief, appearance, slice(top - first, bottom - first))
        above = drawing
