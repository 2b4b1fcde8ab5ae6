"""Stroke videos written: as films with sound, as animations, as folders of frames, as pages, or as they are."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from painter.errors import OutputError, one_line
from painter.export.encoding import EncodingConfig
from painter.export.ffmpeg import find_ffmpeg
from painter.export.frames import write_frames
from painter.export.gif import write_gif
from painter.export.mp4 import write_mp4
from painter.export.places import check_frame_folder, check_named, check_parent, check_place, writing
from painter.export.webp import write_animated_webp
from painter.pictures.ground import Color
from painter.system.names import FILM_ENDING
from painter.video.film import drawn, retimed
from painter.video.film_page import write_film_page
from painter.video.stroke_video import Film
from painter.video.stroke_video_reader import read_frames

ENDINGS = (".mp4", ".gif", ".webp", "frames/", FILM_ENDING, ".html")
GIF_RATE = Fraction(EncodingConfig.gif_fps)
QUALITY = 80  # of an animated WebP


@dataclass(frozen=True, eq=False)
class FilmCut:
    """How a film is shown.

    Attributes:
        path: of the stroke video; `count` of its frames.
        rate: frames a second; the film's own if None.
        size: the longer side, pixels.
        ground: what is painted on; the frames' own if None.
        sound: a clip whose sound goes with it; None for none.
    """

    path: Path
    film: Film
    count: int
    size: int
    rate: Fraction | None = None
    ground: Color | None = None
    sound: Path | None = None

    def pictures(self, size: int | None = None, rate: Fraction | None = None) -> Iterator[np.ndarray]:
        """Its frames, drawn."""
        frames = retimed(read_frames(self.path), self.film.rate, rate or self.shown_rate)
        return drawn(self.film, frames, size or self.size, self.ground)

    @property
    def shown_rate(self) -> Fraction:
        """Frames a second."""
        return self.rate or self.film.rate

    def length(self, rate: Fraction) -> int:
        """Of how many frames it is at a rate."""
        return max(1, math.ceil(self.count * rate / self.film.rate))


def film_ending(path: str) -> str:
    """Which of ENDINGS a path has. Raises OutputError, one line, for any other."""
    name = os.path.basename(path).lower()
    if path.endswith("/") or (name.endswith("frames") and not Path(path).suffix):
        return "frames/"
    found = [ending for ending in ENDINGS if name.endswith(ending) and name != ending]
    if not found:
        raise OutputError(f"cannot write {one_line(path)}: a film ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")
    return found[0]


def check_film_output(path: str) -> None:
    """Raise OutputError unless a film can be put at a path; leave nothing behind."""
    ending, place = film_ending(path), Path(path)
    if ending == "frames/":
        check_frame_folder(place)
        check_parent(place)
        return
    check_named(path)
    check_place(place)
    if ending == ".mp4":
        find_ffmpeg(place)


def write_film_file(path: str, shown: FilmCut) -> list[str]:
    """Write a film to a path whose ending is one of ENDINGS; notes, a line each.

    Raises:
        OutputError: it cannot be written; what was at the path is unchanged.
        StrokeFileError: the stroke video cannot be read.
    """
    place, ending = Path(path), film_ending(path)
    if ending == FILM_ENDING:
        with writing(place) as temporary:
            shutil.copyfile(shown.path, temporary)
        return []
    if ending == ".html":
        write_film_page(place, shown.path, shown.film, shown.count, shown.size)
        return []
    if ending == "frames/":
        write_frames(place, shown.pictures())
        return []
    return {".mp4": _write_mp4, ".gif": _write_gif, ".webp": _write_webp}[ending](place, shown)


def _write_mp4(path: Path, shown: FilmCut) -> list[str]:
    rate = shown.shown_rate
    seconds = [1 / rate] * shown.length(rate)
    size = min(shown.size, EncodingConfig.video_side)
    notes = [] if size == shown.size else [f"{path}: its longer side is {size} pixels, the most that an MP4 gets"]
    if shown.sound is None:
        write_mp4(path, shown.pictures(size), seconds, rate)
        return notes
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.", suffix=".part") as folder:
        silent = Path(folder) / "silent.mp4"
        write_mp4(silent, shown.pictures(size), seconds, rate)
        return notes + _with_sound(path, silent, shown.sound, shown.length(rate) / rate)


def _with_sound(path: Path, silent: Path, source: Path, seconds: Fraction) -> list[str]:
    """Write the film, of so many seconds, with the sound of a clip: as it is where an MP4 can hold it, else as AAC,
    else without."""
    for codec in ("copy", "aac"):
        with writing(path) as temporary:
            command = [
                find_ffmpeg(path), "-nostdin", "-y", "-v", "error", "-protocol_whitelist", "file,pipe",
                "-i", f"file:{silent.absolute()}", "-i", f"file:{source.absolute()}",
                "-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy", "-c:a", codec, "-t", f"{float(seconds):.6f}",
                "-movflags", "+faststart", "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact",
                "-f", "mp4", str(temporary.absolute()),
            ]  # fmt: skip
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True)
            if done.returncode == 0:
                return []
            shutil.copyfile(silent, temporary)
    said = done.stderr.decode(errors="replace").strip().splitlines()
    why = one_line(said[-1])[:120] if said else "ffmpeg failed"
    return [f"{path}: the sound of {one_line(source)} could not be kept ({why})"]


def _write_gif(path: Path, shown: FilmCut) -> list[str]:
    rate = min(shown.shown_rate, GIF_RATE)
    step = max(1, shown.length(rate) // EncodingConfig.sample_frames)
    samples = list(islice(shown.pictures(EncodingConfig.sample_side, rate), 0, None, step))
    times = _milliseconds(shown.length(rate), rate)
    write_gif(path, shown.pictures(rate=rate), samples, times_ms=times)
    slower = f"{path}: {float(rate):g} frames a second; a GIF shows at most {float(GIF_RATE):g}"
    return [slower] if rate < shown.shown_rate else []


def _write_webp(path: Path, shown: FilmCut) -> list[str]:
    rate = shown.shown_rate
    write_animated_webp(path, shown.pictures(), _milliseconds(shown.length(rate), rate), QUALITY)
    return []


def _milliseconds(count: int, rate: Fraction) -> list[Fraction]:
    return [Fraction(1000) / rate] * count
