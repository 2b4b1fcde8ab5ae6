"""The one table of file formats, by ending, and the check of an output path before any work is done.

An entry describes a format and is light; its writer may need heavy libraries. So the built-in formats are described
here, and the modules with their writers (`painter.export.write`, `painter.painting.save`) add those when they are
imported, by `writes`. A format from outside the package comes with its writer, by `register`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from painter.errors import OutputError
from painter.export.ffmpeg import find_ffmpeg
from painter.export.places import check_frame_folder, check_named, check_parent, check_place
from painter.options.export import ExportConfig

if TYPE_CHECKING:  # numpy is not needed to look at a path
    from painter.export.artwork import Artwork

FOLDER = "frames/"
"""The ending of the one format that is a folder."""

Kind = Literal["still", "animation", "vector", "strokes"]
"""A finished picture (which may be able to move), one that grows, shapes, or the strokes' numbers."""

Writer = Callable[[Path, "Artwork", ExportConfig], list[str]]
"""Writes an artwork to a path; returns notes on what differs from what was asked for."""


@dataclass(frozen=True)
class Format:
    """A file format.

    Those of kind 'vector' and 'strokes' are made from strokes: their writers are given a
    `painter.painting.save.PaintedArtwork`, whose `painting` has them.
    """

    ending: str  # in lower case, with its first dot
    holds: str  # what such a file holds, for people
    kind: Kind
    writer: Writer | None = None  # None until the module that has it is imported
    check: Callable[[Path], object] | None = None  # raises OutputError where such a file cannot be made at a path
    shrinks: bool = False  # whether the writer keeps to ExportConfig.max_bytes
    options: tuple[str, ...] | None = None  # the fields of ExportConfig that it goes by; None: any

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files."""
        return self.ending == FOLDER

    @property
    def needs_strokes(self) -> bool:
        """Whether pixels and frames are not enough to make it."""
        return self.kind in ("vector", "strokes")


_MOVING = ("duration", "fps", "frames", "hold", "ease", "reverse")
_REPEATED = (*_MOVING, "loop", "gif_side")

FORMATS: dict[str, Format] = {}
"""All formats, by ending."""


def register(format: Format) -> Format:
    """Add a format to the table; from then on its ending is one that can be written. Returns the format.

    `del FORMATS[format.ending]` takes it out again.

    Raises:
        ValueError: its ending is not a dot and more, in lower case, or there is such a format already.
    """
    ending = format.ending
    if not format.is_folder and (ending[:1] != "." or len(ending) < 2 or ending != ending.lower()):
        raise ValueError(f"a format's ending is a dot and more, in lower case, not {ending!r}")
    if ending in FORMATS:
        raise ValueError(f"there is a format {ending!r} already")
    FORMATS[ending] = format
    return format


def writes(*endings: str) -> Callable[[Writer], Writer]:
    """Make a function the writer of built-in formats: a decorator."""

    def add(writer: Writer) -> Writer:
        for ending in endings:
            FORMATS[ending] = replace(FORMATS[ending], writer=writer)
        return writer

    return add


for _built_in in (
    Format(
        ".png", "the finished painting, in 8 or 16 bits a channel", "still", options=("bit_depth", "embed"),
    ),
    Format(
        ".jpg", "the finished painting, over white where it is transparent", "still", shrinks=True,
        options=("quality",),
    ),
    Format(".jpeg", "the same as .jpg", "still", shrinks=True, options=("quality",)),
    Format(
        ".webp", "the finished painting, or an animation if `webp` asks for it", "still", shrinks=True,
        options=("webp", "quality", *_REPEATED),
    ),
    Format(".gif", "the painting as it grows, stroke by stroke", "animation", shrinks=True, options=_REPEATED),
    Format(
        ".mp4", "the painting as it grows, over white where it is transparent", "animation", check=find_ffmpeg,
        shrinks=True, options=_MOVING,
    ),
    Format(".svg", "the strokes as vector paths", "vector", options=("svg", "svg_grain", "width_mm", "embed")),
    Format(".ora", "layers from coarse to fine, for Krita and GIMP: OpenRaster", "vector", options=("layers",)),
    Format(".psd", "the same, for Photoshop and others", "vector", options=("layers",)),
    Format(
        ".html", "a page that plays the painting in any browser", "vector",
        options=("duration", "hold", "ease", "reverse", "loop"),
    ),
    Format(".strokes.json", "the strokes themselves, to be replayed", "strokes", options=()),
    Format(".strokes.json.gz", "the same, compressed", "strokes", options=()),
    Format(
        FOLDER, "the painting as it grows, as a folder of numbered PNGs", "animation", check=check_frame_folder,
        options=_MOVING,
    ),
):  # fmt: skip
    register(_built_in)


def format_of(path: str | os.PathLike[str]) -> Format:
    """The format that a path's ending names, in upper or lower case; the longest ending of several.

    >>> format_of("box.STROKES.json").holds
    'the strokes themselves, to be replayed'

    A folder of frames is what ends in a slash, or has no ending and a name that ends in 'frames' (a Path keeps no
    slash).

    Raises:
        OutputError: there is no such format; one line with the path and all endings.
    """
    text = os.fspath(path)
    name = os.path.basename(text).lower()
    matching = [ending for ending in FORMATS if name.endswith(ending) and name != ending]
    if text.endswith(("/", os.sep)) or (name.endswith("frames") and not Path(text).suffix):
        return FORMATS[FOLDER]
    if matching:
        return FORMATS[max(matching, key=len)]
    suffix = Path(text).suffix
    what = f"there is no format '{suffix}'" if suffix else "the name has no ending"
    raise OutputError(f"cannot write {text}: {what}; use {_endings()}")


def moves(path: str | os.PathLike[str], webp: str) -> bool:
    """Whether a file of this name is an animation, where a .webp is 'still' or 'animated'.

    Raises:
        OutputError: there is no format of this ending.
    """
    format = format_of(path)
    return format.kind == "animation" or (format.ending == ".webp" and webp == "animated")


def without_effect(paths: Iterable[str | os.PathLike[str]], config: ExportConfig) -> list[str]:
    """The fields of a configuration that say something and that none of these files goes by.

    `max_bytes` is never among them: where it cannot be kept to, the writer says so.

    >>> without_effect(["box.png", "box.gif"], ExportConfig(duration=3.0, quality=50))
    ['quality']

    Raises:
        OutputError: there is no format of an ending.
    """
    heeded = {"max_bytes"}
    for format in map(format_of, paths):
        if format.options is None:
            return []
        still = format.ending == ".webp" and config.webp == "still"
        heeded |= set(format.options) - (set(_REPEATED) if still else set())
    said = (spec.name for spec in fields(config) if getattr(config, spec.name) != spec.default)
    return [name for name in said if name not in heeded]


def check_output(path: str | os.PathLike[str]) -> None:
    """Raise OutputError unless a file of a format in FORMATS can be put at `path`; leave nothing behind.

    The message is one line: the path, what is wrong with it, what to do.
    """
    place = Path(path)
    if not _names_folder(path):
        check_named(path)
    if os.path.isdir(place) and not _names_folder(path):
        raise OutputError(f"cannot write {place}: it is a folder; give a file name ending in {_endings()}")
    found = format_of(path)
    if found.check is not None:
        found.check(place)
    if found.is_folder:
        check_parent(place)
    else:
        check_place(place)


def _names_folder(path: str | os.PathLike[str]) -> bool:
    try:
        return format_of(path).is_folder
    except OutputError:
        return False


def _endings() -> str:
    *most, last = FORMATS
    return f"{', '.join(most)} or {last}"
