"""Stroke files: a painting's strokes, with all that is needed to draw them again, in one open text file.

docs/stroke-format.md describes the format; painter/batch/collection/schemas/ has it as a JSON Schema. What is written
reads back to the same bits. What is read may come from anywhere, so everything is checked, and no file that it names is
opened. `painter.painting.load` reads the file itself.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from painter.errors import OptionError, OutputError, StrokeFileError, one_line
from painter.export.places import writing
from painter.options.kinds import is_hex_color
from painter.options.paint import STYLE_OPTIONS, PaintConfig
from painter.painting.bounded_json import shown, whole
from painter.painting.painting import Painting
from painter.painting.stroke_columns import check_strokes, column_texts, read_columns
from painter.pictures.color import levels_of, to_hex
from painter.pictures.grey_png import pack_grey, unpack_grey
from painter.pictures.ground import Color
from painter.pictures.palette import MAX_COLORS
from renderers.brushes import BRUSHES, NETWORK_BRUSHES, Brush, register
from renderers.brushes.stamp import Stamp
from renderers.stamp_size import LONGEST

FORMAT = "impasto-strokes"
VERSIONS = 1, 2
"""1: paint laid flat in sRGB. 2: with what a reader of version 1 leaves out, see `_version`."""

STAMP = "stamp"
"""The name in `brush` of a brush of one's own, whose texture is in the file."""

HELP = "see docs/stroke-format.md"
"""What to do, at the end of messages."""

MAX_SIDE = 200_000_000
_LONGEST_OPTION = 4096  # characters: a list of 256 colours, or a path
_SHA256 = re.compile(r"[0-9a-f]{64}")


# --- writing ------------------------------------------------------------------------------------------------


def save_strokes(painting: Painting, path: str | os.PathLike[str]) -> None:
    """Write a painting's strokes to `path`, compressed by gzip if its name ends in .gz.

    Equal paintings give equal bytes.

    >>> save_strokes(painting, "box.strokes.json.gz")
    >>> len(Painting.load("box.strokes.json.gz").strokes)
    8

    Raises:
        OutputError: the file cannot be written, or the painting has what a stroke file cannot keep (NaN, places far
            off the canvas, a region that is not in steps of 1/255); `path` is then unchanged.
    """
    path = Path(path)
    try:
        head, columns = _content(painting)
    except StrokeFileError as error:
        raise OutputError(f"cannot write {one_line(path)}: {error}") from error
    with writing(path) as temporary, open(temporary, "wb") as file:
        if path.suffix.lower() == ".gz":
            _write_packed(file, head, columns)
        else:
            _write(file, head, columns)


def packed_strokes(painting: Painting) -> bytes:
    """The bytes of a painting's compressed stroke file.

    Raises:
        OutputError: as for `save_strokes`.
    """
    buffer = BytesIO()
    try:
        _write_packed(buffer, *_content(painting))
    except StrokeFileError as error:
        raise OutputError(f"the strokes cannot be carried in a picture: {error}; leave out --embed always") from error
    return buffer.getvalue()


def _content(painting: Painting) -> tuple[dict[str, Any], Iterator[str]]:
    """All but the strokes, and the strokes. Raises StrokeFileError if a stroke file cannot keep them."""
    brush = BRUSHES[painting.strokes.brush]
    strokes = painting.strokes.map(lambda values: values.detach().cpu().contiguous())
    check_strokes(strokes, brush)
    return _head(painting), column_texts(strokes, brush)


def _write_packed(file: BinaryIO, head: dict[str, Any], columns: Iterator[str]) -> None:
    with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        _write(packed, head, columns)


def _write(file: BinaryIO | gzip.GzipFile, head: dict[str, Any], columns: Iterator[str]) -> None:
    members = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items())
    file.write(f'{{\n{members},\n"strokes": {{\n'.encode("ascii"))
    for text in columns:
        file.write(text.encode("ascii"))
    file.write(b"}\n}\n")


def _head(painting: Painting) -> dict[str, Any]:
    """All but the strokes."""
    brush, config = BRUSHES[painting.strokes.brush], painting.config
    about = _about(painting.about)
    height, width = (_integer("its aspect", side, 1, MAX_SIDE) for side in painting.aspect)
    head: dict[str, Any] = {
        "format": FORMAT,
        "version": _version(config),
        "impasto": about["impasto"],
        "checkpoint": about["checkpoint"],
        "input": about["input"],
        "canvas": {"height": height, "width": width, "size": config.size, "ground": _ground_name(painting.ground)},
        "brush": STAMP if isinstance(brush, Stamp) else brush.name,
        "palette": about["palette"],
        "seed": config.seed,
        "config": asdict(config),
        "units": units(brush),
    }
    if isinstance(brush, Stamp):
        head["texture"] = pack_grey("texture", brush.texture)
    if painting.region is not None:
        head["region"] = pack_grey("region", painting.region)
    return head


def _version(config: PaintConfig) -> int:
    """The least version of which a reader draws what was painted."""
    plain = replace(config, texture=0.0, margin=0.0, pencil=0.0, mixing="srgb")
    return VERSIONS[0] if config == plain else VERSIONS[1]


def units(brush: Brush) -> dict[str, str]:
    """The unit of each column but the seeds, which are plain numbers."""
    return {**{p.name: p.unit for p in brush.parameters}, "colors": "sRGB", "opacity": "1"}


def _ground_name(ground: Color | None) -> str | list[float]:
    """As --canvas takes it if that is exact, else its three numbers."""
    if ground is None:
        return "transparent"
    if not all(0 <= channel <= 1 for channel in ground):  # so that NaN fails too
        raise StrokeFileError(f"its ground is {ground}; each channel must be from 0 to 1")
    levels = [round(255 * channel) for channel in ground]
    if [level / 255 for level in levels] == list(ground):
        return to_hex(ground)
    return [float(channel) for channel in ground]


# --- reading ------------------------------------------------------------------------------------------------


def read_document(document: dict[str, Any], style: str | None = None) -> Painting:
    """The painting in the JSON object of a stroke file; large members are removed from `document`.

    Args:
        document: the object.
        style: the brush that it must have, a canonical name; None for any.

    Raises:
        StrokeFileError: something is missing, of another type or out of range; one line without the file's name.
    """
    _check_version(document)
    brush = _brush(document, style)
    config, aspect, ground = _canvas(document)
    about = _about(document)
    region = None if document.get("region") is None else unpack_grey("region", document.pop("region"))
    strokes = read_columns(_object(document, "strokes"), brush)
    return Painting(strokes, aspect, ground, config, region, about)


def wrong_format() -> StrokeFileError:
    """The error of a file without the format's mark."""
    return StrokeFileError(f"it is not a stroke file: its 'format' is not '{FORMAT}'; name another, or {HELP}")


def _check_version(document: dict[str, Any]) -> None:
    if document.get("format") != FORMAT:
        raise wrong_format()
    version = whole(document.get("version"))
    if type(version) is not int or version not in VERSIONS:
        wrong = f"its version is {shown(version)} and this Impasto reads {VERSIONS[0]} to {VERSIONS[-1]}"
        raise StrokeFileError(f"{wrong}; read it with a newer Impasto" if version is not None else f"{wrong}; {HELP}")


def _brush(document: dict[str, Any], style: str | None) -> Brush:
    name = document.get("brush")
    brush: Brush
    if name == STAMP:
        brush = register(Stamp(unpack_grey("texture", document.pop("texture", None), LONGEST)))
    elif isinstance(name, str) and name in NETWORK_BRUSHES:
        brush = NETWORK_BRUSHES[name]
    else:
        raise _wrong("brush", name, f"one of {', '.join((*NETWORK_BRUSHES, STAMP))}")
    if style is not None and style != name:
        raise StrokeFileError(f"its brush is {name}, not {style}; leave the style out")
    given, ours = _object(document, "units", {}), units(brush)
    for column, unit in ours.items():
        if given.get(column, unit) != unit:
            raise _wrong(f"units.{column}", given[column], f"{unit!r}, the unit of this column")
    return brush


def _canvas(document: dict[str, Any]) -> tuple[PaintConfig, tuple[int, int], Color | None]:
    """The configuration, the aspect (height, width) and the ground."""
    canvas, given = _object(document, "canvas"), dict(_object(document, "config", {}))
    # The same values are also where other programs look for them, so the two may differ.
    for where, value, key in (("canvas.size", canvas.get("size"), "size"), ("seed", document.get("seed"), "seed")):
        if value is not None and given.setdefault(key, value) != value:
            raise StrokeFileError(f"{where} is {shown(value)} but config.{key} {shown(given[key])}; make them the same")
    if document["brush"] != STAMP:
        given.setdefault("style", document["brush"])
    given.setdefault("texture", 0.0)  # files from before there was any are drawn to the same bytes as then
    config = _config(given)
    height, width = (_integer(f"canvas.{side}", canvas.get(side), 1, MAX_SIDE) for side in ("height", "width"))
    return config, (height, width), _ground(canvas.get("ground"))


def _config(given: dict[str, Any]) -> PaintConfig:
    """Options that this Impasto does not know are ignored: they say how strokes were found, not how they look."""
    known = {spec.name for spec in fields(PaintConfig)}
    if given.get("style_image") is None:  # then these had no effect; their defaults have changed since
        known -= set(STYLE_OPTIONS)
    settings = {key: whole(value) for key, value in given.items() if key in known}
    for key, value in settings.items():
        if isinstance(value, (list, dict)) or (isinstance(value, str) and len(value) > _LONGEST_OPTION):
            raise _wrong(f"config.{key}", value, "a number, null or a short text")
    try:
        return PaintConfig(**settings)
    except OptionError as error:
        raise StrokeFileError(f"its config has {one_line(str(error))}; {HELP}") from error


def _ground(ground: Any) -> Color | None:
    if ground == "transparent":
        return None
    if is_hex_color(ground):
        red, green, blue = (level / 255 for level in levels_of(ground))
    elif isinstance(ground, list) and len(ground) == 3 and all(_is_fraction(channel) for channel in ground):
        red, green, blue = map(float, ground)
    else:
        raise _wrong("canvas.ground", ground, "'transparent', '#rrggbb' or three numbers from 0 to 1")
    return red, green, blue


def _about(document: dict[str, Any]) -> dict[str, Any]:
    """`Painting.about`: all of its keys, None where the file has nothing."""
    version, checkpoint, palette = (document.get(key) for key in ("impasto", "checkpoint", "palette"))
    if version is not None and not (isinstance(version, str) and len(version) <= 100):
        raise _wrong("impasto", version, "a version such as '1.0.0', or null")
    if checkpoint is not None and not _is_sha256(checkpoint):
        raise _wrong("checkpoint", checkpoint, "a sha256 of 64 hexadecimal digits, or null")
    if palette is not None and not _is_palette(palette):
        raise _wrong("palette", palette, f"a list of 1 to {MAX_COLORS} colours '#rrggbb', or null")
    picture = None
    if document.get("input") is not None:
        given = _object(document, "input")
        if not isinstance(given.get("name"), str):
            raise _wrong("input.name", given.get("name"), "a text")
        if not _is_sha256(given.get("sha256")):
            raise _wrong("input.sha256", given.get("sha256"), "a sha256 of 64 hexadecimal digits")
        sides = {side: _integer(f"input.{side}", given.get(side), 1, MAX_SIDE) for side in ("width", "height")}
        picture = {"name": given["name"], "sha256": given["sha256"], **sides}
    return {"input": picture, "palette": palette, "impasto": version, "checkpoint": checkpoint}


# --- values -------------------------------------------------------------------------------------------------


def _object(holder: dict[str, Any], key: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
    value = holder.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, dict):
        raise _wrong(key, value, f"an object, {HELP}")
    return value


def _integer(where: str, value: Any, low: int, high: int) -> int:
    value = whole(value)
    if type(value) is not int or not low <= value <= high:
        raise _wrong(where, value, f"a whole number from {low} to {high}")
    return value


def _is_fraction(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _is_palette(value: Any) -> bool:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_COLORS:
        return False
    return all(map(is_hex_color, value))


def _wrong(where: str, value: Any, form: str) -> StrokeFileError:
    """The error of a wrong value at a place in the file; None stands for a missing one, too."""
    return StrokeFileError(f"{where} is {'missing' if value is None else shown(value)}; it must be {form}")
