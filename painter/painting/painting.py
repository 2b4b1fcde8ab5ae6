"""The painting: strokes on a ground. It can be drawn at any size, and its making replayed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from painter.errors import OptionError
from painter.options.export import ExportConfig
from painter.options.fields import plain
from painter.options.kinds import Choice, Integer, Kind, Number
from painter.options.paint import PaintConfig
from painter.pictures.ground import Color, canvas_color, region_at, to_bytes, to_words
from painter.pictures.notebook_pictures import Player, shown_in_notebooks
from painter.pictures.resizing import fit_size
from renderers.drawing import Drawing, draw_bands, drawing_threads
from renderers.media.calm import PIXEL as CALM_PIXEL
from renderers.media.calm import calm_map
from renderers.media.media import textured
from renderers.media.medium import Appearance, Texture
from renderers.media.pencil import SIDE as PENCIL_SIDE
from renderers.media.pencil import pencil_lines
from renderers.pigments import mixed_channels
from renderers.strokes import Strokes

MAX_DRAWN_SIDE = 2**15
"""Longest side at which a painting is drawn, pixels."""

_SHARE = Number(0.0, 1.0)
_DRAWN_PIXELS = 2**22  # drawn at a time, by all cores; bounds the memory that a large painting takes


@dataclass(frozen=True, eq=False)
class Painting:
    """Strokes on a ground, in paint order.

    >>> painting.strokes.brush, len(painting.strokes), painting.aspect
    ('markerpen', 8, (30, 40))

    It is a value: `dataclasses.replace` makes another of it, with other strokes or on another ground.

    >>> from dataclasses import replace
    >>> replace(painting, strokes=painting.strokes[:3], ground=None).draw().shape
    (48, 64, 4)
    """

    strokes: Strokes
    aspect: tuple[int, int]  # height and width, in any one unit; usually the picture's own pixels
    ground: Color | None  # what is painted on; None is transparent
    config: PaintConfig
    # [H, W] float32 in [0, 1] in steps of 1/255, of any size: how much paint shows; all of it if None
    region: np.ndarray | None = None
    # Where it comes from: 'input' (name, sha256, width, height), 'palette' (['#rrggbb', …]), 'impasto' (the version
    # that found the strokes), 'checkpoint' (sha256); each None or missing if unknown.
    about: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def load(path: str | os.PathLike[str], style: str | None = None) -> Painting:
        """Read a stroke file, or strokes that the original program saved; see `painter.painting.load.load_painting`.

        >>> painting.save("box.strokes.json")
        []
        >>> np.array_equal(Painting.load("box.strokes.json").draw(), painting.draw())
        True

        Args:
            path: `.strokes.json`, `.strokes.json.gz`, or the original's `_strokes.npz`.
            style: the brush, where the file does not name it (`.npz`).

        Raises:
            StrokeFileError: the file cannot be read or has an error.
            OptionError: there is no such style.
        """
        from painter.painting.load import load_painting

        return load_painting(path, style)

    def save(
        self, *paths: str | os.PathLike[str], size: int | None = None, config: ExportConfig | None = None
    ) -> list[str]:
        """Write the painting to files; endings pick the formats, see `painter.export.FORMATS`.

        >>> painting.save("box.png", "box.svg", "box.gif", config=ExportConfig(duration=1, hold=0.5))
        []
        >>> painting.save("poster.png", size=200)
        []
        >>> painting.save("box.gif", config=ExportConfig(fps=100, frames=9))
        ['box.gif: 5 of 9 frames; a GIF shows at most 50 a second']

        Args:
            size: the longer side of the pictures, pixels, 16 to 8192; `config.size` of the painting if not given.
            config: how; the defaults if not given.

        Returns:
            Notes, a line each, on what differs from what was asked for, such as what was lowered to fit `max_bytes`.

        Raises:
            OptionError: the size is out of range.
            OutputError: there is no format of this ending, or the file cannot be written.
        """
        from painter.painting.save import save_painting

        painting = self if size is None else replace(self, config=replace(self.config, size=size))
        return [note for path in paths for note in save_painting(painting, path, config=config)]

    def player(self, size: int | None = None, config: ExportConfig | None = None) -> Player:
        """The painting as a notebook plays it: it scrubs, zooms, and says which stroke is under the pointer.

        >>> painting.player(size=300)
        <Player: 8 markerpen strokes, 300x225>

        Args:
            size: its longer side on the page, pixels; 512, or `config.size` if that is less, if not given.
            config: duration, hold, ease, reverse and loop; the defaults if not given.
        """
        from painter.painting.html_page import player_of

        return player_of(self, size or min(512, self.config.size), config or ExportConfig())

    def __repr__(self) -> str:
        height, width = fit_size(*self.aspect, self.config.size)
        return f"<Painting: {len(self.strokes)} {self.strokes.brush} strokes, {width}x{height}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """What notebooks show: the painting, at most 512 pixels a side."""
        if self not in _shown:
            _shown[self] = shown_in_notebooks(self.draw(min(512, self.config.size)))
        return {**_shown[self], "text/plain": repr(self)}

    def draw(self, size: int | None = None, relief: float | None = None, texture: float | None = None) -> np.ndarray:
        """The finished painting.

        >>> painting.draw(size=200).shape
        (150, 200, 3)
        >>> lit, bare = painting.draw(relief=1.0), painting.draw(texture=0.0)

        Args:
            size: its longer side, pixels, at most MAX_DRAWN_SIDE; `config.size` if not given.
            relief: how much the paint stands out, in [0, 1]; `config.relief` if not given.
            texture: how much of the medium and the sheet shows, in [0, 1]; `config.texture` if not given.

        Returns:
            uint8 [H, W, 3], or [H, W, 4] with straight alpha on a transparent ground.

        Raises:
            OptionError: a value is out of range.
        """
        height, width = fit_size(*self.aspect, self._side(size))
        image = np.empty((height, width, len(canvas_color(self.ground))), np.uint8)
        top = 0
        for band in self.bands(size, relief, texture=texture):
            image[top : top + len(band)] = band
            top += len(band)
        return image

    def draw_bare(self, size: int | None = None) -> np.ndarray:
        """`draw` without light, texture and pencil: the strokes as the search sees them, which figures are of."""
        bare = replace(self, config=replace(self.config, relief=0.0, texture=0.0, pencil=0.0))
        return bare.draw(size)

    def bands(
        self, size: int | None = None, relief: float | None = None, rows: int | None = None, depth: int = 8,
        texture: float | None = None,
    ) -> Iterator[np.ndarray]:  # fmt: skip
        """The finished painting from the top, a band of rows at a time: no more than that is in memory.

        >>> [band.shape for band in painting.bands(size=64, rows=20)]
        [(20, 64, 3), (20, 64, 3), (8, 64, 3)]

        Args:
            size, relief, texture: as for `draw`.
            rows: of a band, at least 1; as many as 2**22 pixels have if not given, fewer where pigments
                mix. The last band may have fewer.
            depth: bits of a channel, 8 or 16.

        Yields:
            uint8 or uint16 [rows, W, C]; together those of 8 bits are what `draw` returns, byte for byte.

        Raises:
            OptionError: another depth; or, with the first band, what `draw` raises.
            ValueError: `rows` is below 1; raised with the first band.
        """
        finished = {8: to_bytes, 16: to_words}[_checked("depth", depth, Choice((8, 16)))]
        return map(finished, self._canvases(size, relief, rows, texture))

    def _canvases(
        self, size: int | None, relief: float | None, rows: int | None, texture: float | None
    ) -> Iterator[np.ndarray]:
        """`bands` as floats: [rows, W, C] float32, premultiplied on a transparent ground."""
        relief = self.config.relief if relief is None else _checked("relief", relief, _SHARE)
        shape = fit_size(*self.aspect, self._side(size))
        if rows is None:
            channels = len(canvas_color(self.ground))
            rows = max(1, _DRAWN_PIXELS * channels // mixed_channels(channels, self.config.blending) // shape[1])
        surface = self.surface(texture)
        with drawing_threads() as pool:
            appearance = self._appearance(shape, surface, pool)
            yield from draw_bands(self.strokes, shape, appearance, relief, rows, pool, surface, self.config.blending)

    def _side(self, size: int | None) -> int:
        """The longer side that is asked for, pixels. Raises OptionError if nothing can be drawn at it."""
        side: int = self.config.size if size is None else _checked("size", size, Integer(1, MAX_DRAWN_SIDE))
        return side

    def surface(self, texture: float | None = None) -> Texture | None:
        """How the medium and the sheet show; None: not at all.

        Args:
            texture: as for `draw`.

        Raises:
            OptionError: it is out of range.
        """
        strength = self.config.texture if texture is None else _checked("texture", texture, _SHARE)
        if strength == 0:
            return None
        paper = textured(self.strokes.brush).paper
        ground = paper if self.config.ground == "auto" else self.config.ground
        return Texture(strength, ground, self.config.margin, self.config.glazes)

    def _appearance(self, shape: tuple[int, int], texture: Texture | None, pool: ThreadPoolExecutor) -> Appearance:
        """The bare canvas, the region at this height and width, and what a small drawing of the painting tells."""
        calm = lines = None
        if texture is not None and textured(self.strokes.brush).fronts:
            calm = self._seen_in(calm_map, min(max(shape), round(1 / CALM_PIXEL)), pool)
        if self.config.pencil > 0:
            lines = self._seen_in(pencil_lines, PENCIL_SIDE, pool)
        region = region_at(self.region, *shape)
        return Appearance(canvas_color(self.ground), calm, region, lines, self.config.pencil)

    def _seen_in(
        self, look: Callable[[np.ndarray], np.ndarray], side: int, pool: ThreadPoolExecutor
    ) -> np.ndarray | None:
        """What `look` sees in a drawing of this long side; None if it is a single row or column of pixels.

        It is kept, as a painting is drawn for each of its files.
        """
        known, small = _looks.setdefault(self, {}), fit_size(*self.aspect, side)
        if min(small) < 2:
            return None
        if (look, side) not in known:
            appearance = Appearance(canvas_color(self.ground), region=region_at(self.region, *small))
            drawn = draw_bands(self.strokes, small, appearance, 0.0, small[0], pool, mixing=self.config.blending)
            known[look, side] = look(np.concatenate(list(drawn)))
        return known[look, side]

    def frames(self, size: int | None = None, count: int = 80) -> Iterator[np.ndarray]:
        """The painting as it grows: first the bare ground, last exactly `draw(size)`.

        >>> growing = list(painting.frames(size=32, count=3))
        >>> len(growing), growing[-1].shape
        (3, (24, 32, 3))
        >>> np.array_equal(growing[-1], painting.draw(32))
        True

        Args:
            size: the longer side, pixels; `config.size` if not given.
            count: how many, at least 2; with fewer strokes than that one frame a stroke, and the ground.

        Yields:
            What `draw` returns, each time with the same number of further strokes, give or take one.

        Raises:
            OptionError: the size is out of range.
            ValueError: `count` is below 2.
        """
        if count < 2:
            raise ValueError(f"frames are the ground and the finished painting at least, got {count=}")
        steps = min(count - 1, len(self.strokes))
        return self.drawn_after((len(self.strokes) * step // max(1, steps) for step in range(steps + 1)), size)

    def drawn_after(self, counts: Iterable[int], size: int | None = None) -> Iterator[np.ndarray]:
        """The painting after so many of its strokes, for each of `counts`, one by one.

        >>> sketch, half = painting.drawn_after([2, 4], size=32)
        >>> half.shape
        (24, 32, 3)

        Args:
            counts: numbers of strokes, from 0 to all, none below the one before it: paint is not taken away.
            size: the longer side, pixels; `config.size` if not given.

        Yields:
            What `draw` returns; the same array again where a count is that of the frame before.

        Raises:
            OptionError: the size is out of range.
            ValueError: a count is below the one before it, or above the number of strokes.
        """
        canvas, relief = self._bare_canvas(self._side(size)), self.config.relief
        texture = self.surface()
        drawing = Drawing(self.strokes, canvas, relief > 0, texture=texture, mixing=self.config.blending)
        before, frame = -1, np.empty(canvas.shape, np.uint8)
        with drawing_threads() as pool:
            appearance = self._appearance(canvas.shape[:2], texture, pool)
            for count in counts:
                if not max(0, before) <= count <= len(self.strokes):
                    raise ValueError(f"{count} strokes cannot follow {before}, of {len(self.strokes)}")
                if count != before:
                    drawing.draw(count, pool)
                    frame = frame.copy()
                    _refresh(frame, drawing, before, relief, appearance)
                    before = count
                yield frame

    def _bare_canvas(self, size: int) -> np.ndarray:
        """[H, W, C] float32 of the ground."""
        color = canvas_color(self.ground)
        canvas = np.empty((*fit_size(*self.aspect, size), len(color)), np.float32)
        canvas[:] = color
        return canvas


def _refresh(frame: np.ndarray, drawing: Drawing, before: int, relief: float, appearance: Appearance) -> None:
    """Bring a frame, which shows the first `before` strokes, up to date; it is a new one if that is negative."""
    if before < 0 or not drawing.is_pointwise(appearance):
        for rows in drawing.changed(before, relief):
            frame[rows] = to_bytes(drawing.seen(relief, appearance, rows))
        return
    pixels = drawing.changed_pixels(before)
    if len(pixels):
        frame.reshape(-1, frame.shape[2])[pixels] = to_bytes(drawing.seen_at(pixels, appearance)[None])[0]


def _checked(name: str, value: Any, kind: Kind) -> Any:
    """An argument in its canonical form. Raises OptionError if this kind does not allow it."""
    try:
        return kind.check(plain(value))
    except ValueError as error:
        raise OptionError(f"{name}={value!r}: {error}") from None


_shown: WeakKeyDictionary[Painting, dict[str, Any]] = WeakKeyDictionary()
_looks: WeakKeyDictionary[Painting, dict[tuple[Callable[[np.ndarray], np.ndarray], int], np.ndarray]]
_looks = WeakKeyDictionary()
