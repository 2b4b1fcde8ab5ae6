"""A painting into a file; the ending picks the format. Has the writers of the formats that are made from strokes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from painter.export.artwork import Artwork
from painter.export.encoding import EncodingConfig
from painter.export.formats import check_output, format_of, writes
from painter.export.layered_files import write_ora, write_psd
from painter.export.svg import write_svg
from painter.export.timeline import Timeline, evenly, make_timeline
from painter.export.write import carried_by, timeline_for, write_artwork
from painter.options.export import ExportConfig
from painter.painting.animation import draw_frames
from painter.painting.carried import packed_text
from painter.painting.drawn import Drawn, draw_once, may_be_kept
from painter.painting.html_page import FALLBACK_SIDE, write_html
from painter.painting.painting import Painting
from painter.painting.stroke_file import packed_strokes, save_strokes
from painter.painting.stroke_layers import layers_of
from painter.pictures.ground import Color


@dataclass(frozen=True, eq=False)
class PaintedArtwork:
    """A painting as an `Artwork`."""

    painting: Painting
    drawn: Drawn | None = None  # what has been drawn of it already
    _grown: list[Drawn] = field(default_factory=list)  # what has been drawn of it since

    @property
    def side(self) -> int:
        return self.painting.config.size

    @property
    def frame_side(self) -> int:
        return self.side

    @property
    def ground(self) -> Color | None:
        return self.painting.ground

    def still(self, side: int) -> np.ndarray:
        return self.drawn.image if self.drawn is not None and side == self.side else self.painting.draw(side)

    def carried(self) -> str:
        """See `Artwork`. Of the files that options name it has no more than the last part of their names."""
        config = self.painting.config
        named: dict[str, Any] = {name: path.name for name, path in config.files.items()}
        return packed_text(packed_strokes(replace(self.painting, config=replace(config, **named))))

    def bands(self, depth: int) -> np.ndarray | Iterable[np.ndarray]:
        return self.drawn.image if self.drawn is not None and depth == 8 else self.painting.bands(depth=depth)

    def timeline(self, config: ExportConfig, fps: float | None = None, full: bool = False) -> Timeline:
        return make_timeline(len(self.painting.strokes), config, fps, full)

    def frames(self, side: int, timeline: Timeline) -> Iterator[np.ndarray]:
        drawn = self._with_frames(side, timeline)
        if drawn is None:
            return draw_frames(self.painting, side, timeline)
        return (drawn.frames[count] for count in timeline.counts)

    def samples(self, side: int, timeline: Timeline) -> Sequence[np.ndarray]:
        """See `Artwork`. Pixels of frames that are kept anyway, or else small drawings."""
        small, count = EncodingConfig.sample_side, EncodingConfig.sample_frames
        drawn = self._with_frames(side, timeline)
        if drawn is None:
            return list(self.painting.frames(min(side, small), count))
        step = max(1, side // small)
        return [drawn.frames[strokes][::step, ::step] for strokes in evenly(timeline.rising, count)]

    def _with_frames(self, side: int, timeline: Timeline) -> Drawn | None:
        """What has all of a timeline's frames, drawn now if they have not been; None if they are not to be kept.

        Which it is depends on the painting and the timeline alone, since a file's colours are chosen from the frames.
        """
        if side != self.side or not may_be_kept(self.painting, timeline.counts):
            return None
        for drawn in (self.drawn, *self._grown):
            if drawn is not None and drawn.has(timeline.counts):
                return drawn
        self._grown.append(draw_once(self.painting, [timeline.counts]))
        return self._grown[-1]


def draw_for(painting: Painting, files: Iterable[str | os.PathLike[str]], config: ExportConfig | None = None) -> Drawn:
    """Draw a painting once for all files that are then written by `save_painting`.

    Args:
        files: their names.
        config: as for `save_painting`.
    """
    artwork, config = PaintedArtwork(painting), config or ExportConfig()
    timelines = [timeline_for(name, artwork, config) for name in files if config.gif_side >= artwork.side]
    return draw_once(painting, [timeline.counts for timeline in timelines if timeline is not None])


def save_painting(
    painting: Painting,
    path: str | os.PathLike[str],
    drawn: Drawn | None = None,
    config: ExportConfig | None = None,
) -> list[str]:
    """Write `painting` to `path`, at the size that its configuration asks for.

    Args:
        path: its ending picks the format (see `format_of`); with a slash at its end, a folder of frames.
        drawn: what has been drawn of it already, see `draw_for`.
        config: how; the defaults if not given.

    Returns:
        Notes, a line each, on what differs from what was asked for, such as what was lowered to fit `max_bytes`.

    Raises:
        OutputError: there is no format of this ending, the file cannot be written, or it cannot be made as small as
            `max_bytes`; `path` is then unchanged.
    """
    check_output(path)
    return write_artwork(PaintedArtwork(painting, drawn), path, config)


@writes(".svg")
def _write_svg(path: Path, artwork: Artwork, config: ExportConfig) -> list[str]:
    painting = _painting_of(artwork)
    write_svg(
        path, painting.strokes, painting.aspect, painting.ground, painting.region,
        title=(painting.about.get("input") or {}).get("name"), seed=painting.config.seed,
        few_colors=painting.config.palette is not None, config=config,
        carried=carried_by(artwork, config),
    )  # fmt: skip
    return []


@writes(".ora", ".psd")
def _write_layers(path: Path, artwork: Artwork, config: ExportConfig) -> list[str]:
    painting = _painting_of(artwork)
    write = write_psd if format_of(path).ending == ".psd" else write_ora
    write(path, *layers_of(painting, artwork.side, config.layers))
    lost = [name for name in ("texture", "relief") if getattr(painting.config, name) > 0]
    lost += ["mixing"] if painting.config.mixing != "srgb" else []
    return [f"{path}: layers hold bare strokes, without {' and '.join(lost)}"] if lost else []


@writes(".html")
def _write_html(path: Path, artwork: Artwork, config: ExportConfig) -> list[str]:
    write_html(path, _painting_of(artwork), artwork.still(min(FALLBACK_SIDE, artwork.side)), config)
    return []


@writes(".strokes.json", ".strokes.json.gz")
def _write_strokes(path: Path, artwork: Artwork, config: ExportConfig) -> list[str]:
    save_strokes(_painting_of(artwork), path)
    return []


def _painting_of(artwork: Artwork) -> Painting:
    assert isinstance(artwork, PaintedArtwork), "formats that need strokes are not for other artworks"
    return artwork.painting
