"""The writers of formats that hold pixels, and the writing of any artwork; a path's ending picks the format."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np

from painter.errors import OutputError
from painter.export.artwork import Artwork
from painter.export.encoding import EncodingConfig
from painter.export.fitting import Quality, name_size, write_fitting
from painter.export.formats import FOLDER, format_of, moves, writes
from painter.export.frames import write_frames
from painter.export.gif import COLORS, write_gif
from painter.export.jpeg import write_jpeg
from painter.export.mp4 import write_mp4
from painter.export.png import write_png
from painter.export.recorded import RecordedPicture
from painter.export.timeline import Timeline
from painter.export.transfers import check_transfer_ending
from painter.export.webp import write_animated_webp, write_webp
from painter.options.export import ExportConfig

_SMOOTH = 24  # pictures a second that an MP4 has at least, unless `fps` says otherwise, so that times are kept
_WHITE = (1.0, 1.0, 1.0)


def write_artwork(artwork: Artwork, path: str | os.PathLike[str], config: ExportConfig | None = None) -> list[str]:
    """Write an artwork to `path`.

    Args:
        path: its ending picks the format (see `format_of`); with a slash at its end, a folder of frames.
        config: how; the defaults if not given.

    Returns:
        Notes, a line each, on what differs from what was asked for, such as what was lowered to fit `max_bytes`.

    Raises:
        OutputError: there is no format of this ending, the file cannot be written, or it cannot be made as small as
            `max_bytes`; `path` is then unchanged.
    """
    place, config, format = Path(path), config or ExportConfig(), format_of(path)
    assert format.writer is not None, f"the module with the writer of {format.ending} is not imported"
    notes = format.writer(place, artwork, config)
    if config.max_bytes is not None and not format.shrinks:
        size = sum(file.stat().st_size for file in [place, *place.glob("*")] if file.is_file())
        if size > config.max_bytes:
            notes.append(f"{place}: it has {name_size(size)}; --max-bytes makes only GIF, WebP, MP4 and JPEG smaller")
    return notes


def save_transfer(
    path: Path, pixels: np.ndarray, frames: Callable[[], Sequence[np.ndarray]], config: ExportConfig | None = None
) -> list[str]:
    """Write the result of a style transfer, or an animation of its making.

    Args:
        path: its ending picks the format, one of `transfer_endings`.
        pixels: [H, W, 3] or [H, W, 4] float32 in [0, 1], straight alpha.
        frames: makes the animation's frames, uint8 [h, w, C] of one size, the finished picture last.
        config: how; the defaults if not given. See `painter.export.transfers.OPTIONS`.

    Returns:
        Lines for people, as `write_artwork`.

    Raises:
        OutputError: it is another ending, or the file cannot be written; `path` is then unchanged.
    """
    check_transfer_ending(path)
    return write_artwork(RecordedPicture(pixels, frames), path, config)


def carried_by(artwork: Artwork, config: ExportConfig) -> str | None:
    """What a picture of the artwork is to carry along.

    Raises:
        OutputError: it is to carry what it cannot.
    """
    if config.embed == "never":
        return None
    try:
        return artwork.carried()
    except OutputError:
        if config.embed == "always":
            raise
        return None


def timeline_for(path: str | os.PathLike[str], artwork: Artwork, config: ExportConfig) -> Timeline | None:
    """When a file of this name shows which frame; None if it does not move.

    Raises:
        OutputError: there is no format of this ending.
    """
    if not moves(path, config.webp):
        return None
    ending = format_of(path).ending
    if ending == ".mp4":
        return _video_timeline(artwork, config)
    timeline = artwork.timeline(config)
    return _within_gif_rate(timeline) if ending == ".gif" else timeline


# --- the writers --------------------------------------------------------------------------------------------


@writes(".png")
def _write_png(path: Path, artwork: Artwork, config: ExportConfig) -> list[str]:
    write_png(path, artwork.bands(config.bit_depth), carried_by(artwork, config), sparing=config.embed == "auto")
    return []


@writes(".jpg", ".jpeg")
def _write_jpeg(path: Path, artwork: Artwork, config: ExportConfig) -> list[str]:
    def write(path: Path, quality: Quality) -> None:
        write_jpeg(path, artwork.still(quality.side), quality.quality or 1)

    return _fit(path, config, Quality(artwork.side, quality=config.quality), write)


@writes(".webp")
def _write_webp(path: Path, artwork: Artwork, config: ExportConfig) -> list[str]:
    if config.webp == "animated":
        return _write_animated_webp(path, artwork, config)

    def write(path: Path, quality: Quality) -> None:
        write_webp(path, artwork.still(quality.side), quality.quality or 1)

    return _fit(path, config, Quality(artwork.side, quality=config.quality), write)


def _write_animated_webp(path: Path, artwork: Artwork, config: ExportConfig) -> list[str]:
    timeline = artwork.timeline(config)

    def write(path: Path, quality: Quality) -> None:
        shown = timeline.thinned(quality.frames or 2)
        frames = artwork.frames(quality.side, shown)
        write_animated_webp(path, frames, shown.milliseconds, quality.quality or 1, config.loop)

    side = min(artwork.frame_side, config.gif_side)
    return _fit(path, config, Quality(side, len(timeline.counts), quality=config.quality), write)


@writes(".gif")
def _write_gif(path: Path, artwork: Artwork, config: ExportConfig) -> list[str]:
    timeline = artwork.timeline(config)
    slower = _within_gif_rate(timeline)

    def write(path: Path, quality: Quality) -> None:
        shown = slower.thinned(quality.frames or 2)
        samples = artwork.samples(quality.side, shown)
        frames, colors = artwork.frames(quality.side, shown), quality.colors or 1
        write_gif(path, frames, samples, times_ms=shown.milliseconds, loop=config.loop, colors=colors)

    side, count = min(artwork.frame_side, config.gif_side), len(slower.counts)
    notes = []
    if slower is not timeline:
        most = f"a GIF shows at most {EncodingConfig.gif_fps:g} a second"
        notes.append(f"{path}: {count} of {len(timeline.counts)} frames; {most}")
    return notes + _fit(path, config, Quality(side, count, colors=COLORS), write)


def _within_gif_rate(timeline: Timeline) -> Timeline:
    """The timeline with no more frames a second than a GIF can have; itself if it has no more."""
    most = Fraction(EncodingConfig.gif_fps)
    if timeline.fps <= most:
        return timeline
    fewer = timeline.thinned(max(2, 1 + int((len(timeline.counts) - 1) * most / timeline.fps)))
    return replace(fewer, fps=min(fewer.fps, most), hold=max(fewer.hold, 1 / most))


@writes(".mp4")
def _write_mp4(path: Path, artwork: Artwork, config: ExportConfig) -> list[str]:
    timeline = _video_timeline(artwork, config)
    red, green, blue = artwork.ground or _WHITE
    background = (round(255 * red), round(255 * green), round(255 * blue))

    def write(path: Path, quality: Quality) -> None:
        shown = timeline.thinned(quality.frames or 2)
        rate = _video_rate(shown, as_asked=config.fps is not None and shown is timeline)
        frames, seconds = artwork.frames(quality.side, shown), [time for _, time in shown.shots]
        write_mp4(path, frames, seconds, rate, background=background, crf=quality.crf or 0)

    side = min(artwork.frame_side, EncodingConfig.video_side)
    return _fit(path, config, Quality(side, len(timeline.counts), crf=EncodingConfig.video_crf), write)


def _video_timeline(artwork: Artwork, config: ExportConfig) -> Timeline:
    return artwork.timeline(config, EncodingConfig.video_fps, full=config.frames is None)


def _video_rate(timeline: Timeline, as_asked: bool) -> Fraction:
    """Pictures a second: the timeline's own rate if `fps` was given, else a multiple of it."""
    if timeline.video_fps is not None:
        return timeline.video_fps
    return timeline.fps if as_asked else timeline.fps * max(1, ceil(_SMOOTH / timeline.fps))


@writes(FOLDER)
def _write_frames(path: Path, artwork: Artwork, config: ExportConfig) -> list[str]:
    write_frames(path, artwork.frames(artwork.frame_side, artwork.timeline(config)))
    return []


def _fit(path: Path, config: ExportConfig, best: Quality, write: Callable[[Path, Quality], None]) -> list[str]:
    """Write the file in the best quality, or in one that is as small as it has to be; what was lowered."""
    if config.max_bytes is None:
        write(path, best)
        return []
    note = write_fitting(path, best, write, config.max_bytes)
    return [note] if note else []
