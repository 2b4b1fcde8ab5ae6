"""A painting into a file; the ending picks the format."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np

from painter.export import check_output, format_of
from painter.export.encoding import EncodingConfig
from painter.export.fitting import Quality, name_size, write_fitting
from painter.export.folder import write_folder
from painter.export.gif import COLOURS, write_gif
from painter.export.jpeg import write_jpeg
from painter.export.mp4 import WHITE, write_mp4
from painter.export.png import write_png
from painter.export.timeline import Timeline, make_timeline
from painter.export.webp import write_animated_webp, write_webp
from painter.options.export import ExportConfig
from painter.painting.animation import draw_frames
from painter.painting.painting import Painting

_SMOOTH = 24  # pictures a second that an MP4 has at least, unless `fps` says otherwise, so that times are kept


@dataclass
class _Job:
    """One file to be written."""

    painting: Painting
    path: Path
    image: np.ndarray | None
    config: ExportConfig
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        return self.painting.config.size

    def timeline(self, fps: float | None = None, whole: bool = False) -> Timeline:
        return make_timeline(len(self.painting.strokes), self.config, fps, whole)

    def still(self, side: int) -> np.ndarray:
        """The finished painting: the image at hand, if it is that size."""
        if self.image is not None and side == self.size:
            return self.image
        return self.painting.draw(side)

    def fit(self, whole: Quality, write: Callable[[Path, Quality], None]) -> None:
        """Write the file with all means, or those with which it is as small as it has to be."""
        if self.config.max_bytes is None:
            write(self.path, whole)
            return
        note = write_fitting(self.path, whole, write, self.config.max_bytes)
        if note:
            self.notes.append(note)


def save_painting(
    painting: Painting,
    path: str | os.PathLike[str],
    image: np.ndarray | None = None,
    config: ExportConfig | None = None,
) -> list[str]:
    """Write `painting` to `path`, at the size that its configuration asks for.

    Args:
        path: its ending picks the format (see `format_of`); with a slash at its end, a folder of frames.
        image: what `painting.draw()` returns, if that is at hand already.
        config: how; the defaults if not given.

    Returns:
        Lines for people about what is not as it was asked for: what was lowered to fit `max_bytes`, say.

    Raises:
        OutputError: for an ending that we do not write, a file that cannot be written, or one that cannot be made as
            small as `max_bytes`; `path` then keeps what it held.
    """
    check_output(path)
    ending = format_of(path).ending
    job = _Job(painting, Path(path), image, config or ExportConfig())
    _WRITERS[ending](job)
    if job.config.max_bytes is not None and ending not in _FITTED:
        size = sum(file.stat().st_size for file in [job.path, *job.path.glob("*")] if file.is_file())
        if size > job.config.max_bytes:
            what = "--max-bytes makes only GIF, WebP, MP4 and JPEG smaller"
            job.notes.append(f"{job.path}: it has {name_size(size)}; {what}")
    return job.notes


def _save_png(job: _Job) -> None:
    depth = job.config.bit_depth
    write_png(job.path, job.painting.bands(depth=depth) if job.image is None or depth != 8 else job.image)


def _save_jpeg(job: _Job) -> None:
    def write(path: Path, means: Quality) -> None:
        write_jpeg(path, job.still(means.side), means.quality or 1)

    job.fit(Quality(job.size, quality=job.config.quality), write)


def _save_webp(job: _Job) -> None:
    if job.config.webp == "animated":
        _save_animated_webp(job)
        return

    def write(path: Path, means: Quality) -> None:
        write_webp(path, job.still(means.side), means.quality or 1)

    job.fit(Quality(job.size, quality=job.config.quality), write)


def _save_animated_webp(job: _Job) -> None:
    timeline = job.timeline()

    def write(path: Path, means: Quality) -> None:
        shown = timeline.thinned(means.frames or 2)
        frames = draw_frames(job.painting, means.side, shown)
        write_animated_webp(path, frames, _milliseconds(shown), means.quality or 1, job.config.loop)

    side = min(job.size, job.config.gif_side)
    job.fit(Quality(side, len(timeline.counts), quality=job.config.quality), write)


def _save_gif(job: _Job) -> None:
    timeline = _within_rate(job, job.timeline())
    painting = job.painting

    def write(path: Path, means: Quality) -> None:
        shown = timeline.thinned(means.frames or 2)
        samples = list(painting.frames(min(means.side, EncodingConfig.sample_side), EncodingConfig.sample_frames))
        frames = draw_frames(painting, means.side, shown)
        write_gif(path, frames, samples, times_ms=_milliseconds(shown), loop=job.config.loop, colors=means.colors or 1)

    side = min(job.size, job.config.gif_side)
    job.fit(Quality(side, len(timeline.counts), colors=COLOURS), write)


def _within_rate(job: _Job, timeline: Timeline) -> Timeline:
    """The timeline in no more frames a second than a GIF can have."""
    most, before = Fraction(EncodingConfig.gif_fps), len(timeline.counts)
    if timeline.fps <= most:
        return timeline
    fewer = timeline.thinned(max(2, 1 + int((before - 1) * most / timeline.fps)))
    job.notes.append(f"{job.path}: {len(fewer.counts)} of {before} frames; a GIF shows at most {most} a second")
    return replace(fewer, fps=min(fewer.fps, most), hold=max(fewer.hold, 1 / most))


def _save_mp4(job: _Job) -> None:
    timeline = job.timeline(EncodingConfig.video_fps, whole=job.config.frames is None)
    red, green, blue = job.painting.ground or WHITE
    background = (round(255 * red), round(255 * green), round(255 * blue))

    def write(path: Path, means: Quality) -> None:
        shown = timeline.thinned(means.frames or 2)
        asked = job.config.fps is not None and shown is timeline
        rate = shown.fps if asked else shown.fps * max(1, ceil(_SMOOTH / shown.fps))
        frames = draw_frames(job.painting, means.side, shown)
        seconds = [time for _, time in shown.shots]
        write_mp4(path, frames, seconds, rate, background=background, crf=means.crf or 0)

    side = min(job.size, EncodingConfig.video_side)
    job.fit(Quality(side, len(timeline.counts), crf=EncodingConfig.video_crf), write)


def _save_folder(job: _Job) -> None:
    write_folder(job.path, draw_frames(job.painting, job.size, job.timeline()))


def _save_svg(job: _Job) -> None:
    from painter.export.svg import write_svg

    write_svg(job.path, job.painting, job.config)


def _save_strokes(job: _Job) -> None:
    from painter.painting.stroke_file import save_strokes

    save_strokes(job.painting, job.path)


def _milliseconds(timeline: Timeline) -> list[Fraction]:
    return [1000 * time for _, time in timeline.shots]


_WRITERS: dict[str, Callable[[_Job], None]] = {
    ".png": _save_png,
    ".jpg": _save_jpeg,
    ".jpeg": _save_jpeg,
    ".webp": _save_webp,
    ".gif": _save_gif,
    ".mp4": _save_mp4,
    ".svg": _save_svg,
    ".strokes.json": _save_strokes,
    ".strokes.json.gz": _save_strokes,
    "frames/": _save_folder,
}
_FITTED = (".jpg", ".jpeg", ".webp", ".gif", ".mp4")
