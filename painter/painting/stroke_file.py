"""Stroke files: a painting's strokes, with all that is needed to draw them again, in one open text file.

docs/stroke-format.md describes the format, painter/schemas/ has it as a JSON Schema. What is written reads back to
the same bits. What is read may come from anywhere, so everything is checked, and nothing that it names is opened.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from painter.errors import ImpastoError, OptionError, OutputError, StrokeFileError, one_line
from painter.options.paint import PaintConfig
from painter.painting.bounded_json import Bounds, bounded_text, parse_object, shown
from painter.painting.painting import Painting
from painter.pictures.color import HEX, levels_of, to_hex
from painter.pictures.grey_png import pack_grey, unpack_grey
from painter.pictures.ground import Color
from painter.pictures.palette import MAX_COLORS

if TYPE_CHECKING:  # torch and numba take seconds to import, and a bad file is refused before that
    from renderers.brushes import Brush

FORMAT = "impasto-strokes"
VERSION = 1
STAMP = "stamp"
"""What `brush` says of a brush of one's own, whose texture is in the file."""

MAX_BYTES = 512 * 2**20
"""Largest file that is read, also unpacked."""

MAX_SIDE = 200_000_000
_LONG = 2**24  # bytes
# 1,000,000 strokes of any brush need fewer; each has two or three lists, in its colours, and six values for each.
_BOUNDS = Bounds(lists=3_100_000, values=17_000_000, per_list=7)
_LONGEST_OPTION = 4096  # characters: a list of 256 colours, or a path
_HELP = "see docs/stroke-format.md"
_SHA256 = re.compile(r"[0-9a-f]{64}")


# --- writing ------------------------------------------------------------------------------------------------


def save_strokes(painting: Painting, path: str | os.PathLike[str]) -> None:
    """Write a painting's strokes to `path`, packed by gzip if its name ends in .gz. Equal paintings, equal bytes.

    >>> save_strokes(painting, "box.strokes.json.gz")
    >>> len(load_strokes("box.strokes.json.gz").strokes)
    8

    Raises:
        OutputError: the file cannot be written, or the painting holds what no stroke file keeps (NaN, places far off
            the canvas, a region between the steps of 8 bits); `path` then keeps what it held.
    """
    from painter.export import writing
    from painter.painting.stroke_columns import check_strokes, column_texts
    from renderers.brushes import BRUSHES

    path = Path(path)
    brush = BRUSHES[painting.strokes.brush]
    strokes = painting.strokes.map(lambda values: values.detach().cpu().contiguous())
    try:
        check_strokes(strokes, brush)
        head = _head(painting)
    except StrokeFileError as error:
        raise OutputError(f"cannot write {one_line(path)}: {error}") from error
    with writing(path) as temporary, open(temporary, "wb") as file:
        if path.suffix.lower() == ".gz":
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
                _write(packed, head, column_texts(strokes, brush))
        else:
            _write(file, head, column_texts(strokes, brush))


def _write(file: BinaryIO | gzip.GzipFile, head: dict[str, Any], columns: Iterator[str]) -> None:
    members = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items())
    file.write(f'{{\n{members},\n"strokes": {{\n'.encode("ascii"))
    for text in columns:
        file.write(text.encode("ascii"))
    file.write(b"}\n}\n")


def _head(painting: Painting) -> dict[str, Any]:
    """All but the strokes."""
    from renderers.brushes import BRUSHES
    from renderers.brushes.stamp import Stamp

    brush, config = BRUSHES[painting.strokes.brush], painting.config
    about = _about(painting.about)
    height, width = (_whole("its aspect", side, 1, MAX_SIDE) for side in painting.aspect)
    head: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
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


def units(brush: Brush) -> dict[str, str]:
    """The unit of each column but the seeds, which are plain numbers."""
    return {**{p.name: p.unit for p in brush.parameters}, "colors": "sRGB", "opacity": "1"}


def _ground_name(ground: Color | None) -> str | list[float]:
    """As --canvas takes it where that is exact, else its three numbers."""
    if ground is None:
        return "transparent"
    if not all(0 <= channel <= 1 for channel in ground):  # so that NaN fails too
        raise StrokeFileError(f"its ground is {ground}; each channel must be from 0 to 1")
    levels = [round(255 * channel) for channel in ground]
    if [level / 255 for level in levels] == list(ground):
        return to_hex(ground)
    return [float(channel) for channel in ground]


# --- reading ------------------------------------------------------------------------------------------------


def load_strokes(path: str | os.PathLike[str], style: str | None = None) -> Painting:
    """Read a stroke file, packed by gzip or not, or the `*_strokes.npz` of the original program.

    >>> painting.save("box.strokes.json")
    []
    >>> load_strokes("box.strokes.json").about["input"]["width"]
    40

    Args:
        path: the file; what it holds counts, not its name.
        style: the brush, where the file leaves that open (see `painter.painting.original`).

    Returns:
        The painting: drawn, it is the same as the one that was saved, byte for byte.

    Raises:
        StrokeFileError: the file cannot be read or is not right; one line with its name, what is wrong and where.
        OptionError: there is no such style.
    """
    path = Path(path)
    wanted = None if style is None else PaintConfig(style=style).style
    try:
        content = _unpacked(_read(path))
        if content.startswith(b"PK") or path.suffix.lower() == ".npz":
            from painter.painting.original import read_original

            return read_original(content, wanted)
        _check_marked(content)
        text = bounded_text(content, _BOUNDS)
        del content  # half a gigabyte, perhaps, and parsing needs more
        document, impure = parse_object(text)
        del text
        painting = _painting(document, wanted)
        if impure:
            raise StrokeFileError(f"NaN or Infinity stands in it, which JSON has not; {_HELP}")
        return painting
    except StrokeFileError as error:
        raise StrokeFileError(f"cannot read {one_line(path)}: {error}") from error
    except MemoryError:
        wrong = "it needs more memory than this machine has free"
        raise StrokeFileError(f"cannot read {one_line(path)}: {wrong}; split the painting") from None


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise StrokeFileError("it is a folder; name a stroke file inside it")
        if path.exists() and not path.is_file():  # a pipe would keep us waiting for ever
            raise StrokeFileError("it is not an ordinary file; save the strokes to a file first")
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise StrokeFileError("there is no such file; check the name and the folder") from None
    except (OSError, ValueError) as error:  # a name too long, or with a null character in it
        raise StrokeFileError(f"{getattr(error, 'strerror', None) or error}; check the name") from error
    if not content:
        raise StrokeFileError("the file is empty; copy or save it again")
    return _within_limit(content)


def _unpacked(content: bytes) -> bytes:
    """`content` without gzip, if that is what it is in."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = _within_limit(unpacker.decompress(content, MAX_BYTES + 1))
    except zlib.error as error:
        raise StrokeFileError("its gzip packing is damaged; copy or save it again") from error
    if not unpacker.eof:
        raise StrokeFileError("it is cut short: its gzip packing does not end; copy or save it again")
    if unpacker.unused_data:
        raise StrokeFileError("something follows after the end of its gzip packing; copy or save it again")
    return plain


def _within_limit(content: bytes) -> bytes:
    if len(content) > MAX_BYTES:
        raise StrokeFileError(f"it holds more than {MAX_BYTES >> 20} MB; split the painting")
    return content


def _check_marked(content: bytes) -> None:
    """Raise StrokeFileError if a long file has the format's name nowhere (it may be escaped): parsing takes seconds."""
    if len(content) > _LONG and FORMAT.encode() not in content and b"\\u" not in content:
        raise _unmarked()


def _unmarked() -> StrokeFileError:
    return StrokeFileError(f"it is no stroke file: its 'format' is not '{FORMAT}'; name another, or {_HELP}")


def _painting(document: dict[str, Any], style: str | None) -> Painting:
    from painter.painting.stroke_columns import read_columns

    _check_version(document)
    brush = _brush(document, style)
    config, aspect, ground = _canvas(document)
    about = _about(document)
    region = None if document.get("region") is None else unpack_grey("region", document.pop("region"))
    strokes = read_columns(_object(document, "strokes"), brush)
    return Painting(strokes, aspect, ground, config, region, about)


def _check_version(document: dict[str, Any]) -> None:
    if document.get("format") != FORMAT:
        raise _unmarked()
    version = document.get("version")
    if type(version) is not int or version != VERSION:
        wrong = f"its version is {shown(version)} and this Impasto reads {VERSION}"
        raise StrokeFileError(f"{wrong}; read it with a newer Impasto" if version is not None else f"{wrong}; {_HELP}")


def _brush(document: dict[str, Any], style: str | None) -> Brush:
    from renderers.brushes import NETWORK_BRUSHES, register
    from renderers.brushes.stamp import LONGEST, Stamp

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
    said, ours = _object(document, "units", {}), units(brush)
    for column, unit in ours.items():
        if said.get(column, unit) != unit:
            raise _wrong(f"units.{column}", said[column], f"{unit!r}, the unit of this column")
    return brush


def _canvas(document: dict[str, Any]) -> tuple[PaintConfig, tuple[int, int], Color | None]:
    """The configuration, the aspect (height, width) and the ground."""
    canvas, given = _object(document, "canvas"), dict(_object(document, "config", {}))
    # The same values stand where other programs look for them, so they may contradict.
    for where, value, key in (("canvas.size", canvas.get("size"), "size"), ("seed", document.get("seed"), "seed")):
        if value is not None and given.setdefault(key, value) != value:
            raise StrokeFileError(f"{where} is {shown(value)} but config.{key} {shown(given[key])}; make them the same")
    if document["brush"] != STAMP:
        given.setdefault("style", document["brush"])
    config = _config(given)
    height, width = (_whole(f"canvas.{side}", canvas.get(side), 1, MAX_SIDE) for side in ("height", "width"))
    return config, (height, width), _ground(canvas.get("ground"))


def _config(given: dict[str, Any]) -> PaintConfig:
    """Options that a later Impasto may have added say how strokes were found, not how they look: passed over."""
    known = {spec.name for spec in fields(PaintConfig)}
    settings = {key: value for key, value in given.items() if key in known}
    for key, value in settings.items():
        if isinstance(value, (list, dict)) or (isinstance(value, str) and len(value) > _LONGEST_OPTION):
            raise _wrong(f"config.{key}", value, "a number, null or a short text")
    try:
        return PaintConfig(**settings)
    except OptionError as error:
        raise StrokeFileError(f"its config has {one_line(str(error))}; {_HELP}") from error


def _ground(ground: Any) -> Color | None:
    if ground == "transparent":
        return None
    if isinstance(ground, str) and HEX.fullmatch(ground):
        red, green, blue = (level / 255 for level in levels_of(ground))
    elif isinstance(ground, list) and len(ground) == 3 and all(_is_share(channel) for channel in ground):
        red, green, blue = map(float, ground)
    else:
        raise _wrong("canvas.ground", ground, "'transparent', '#rrggbb' or three numbers from 0 to 1")
    return red, green, blue


def _about(document: dict[str, Any]) -> dict[str, Any]:
    """`Painting.about`: all of its keys, None where the file says nothing."""
    version, checkpoint, palette = (document.get(key) for key in ("impasto", "checkpoint", "palette"))
    if version is not None and not (isinstance(version, str) and len(version) <= 100):
        raise _wrong("impasto", version, "a version such as '1.0.0', or null")
    if checkpoint is not None and not _is_sha256(checkpoint):
        raise _wrong("checkpoint", checkpoint, "a sha256 of 64 hexadecimal digits, or null")
    if palette is not None and not _is_palette(palette):
        raise _wrong("palette", palette, f"a list of 1 to {MAX_COLORS} colours '#rrggbb', or null")
    picture = None
    if document.get("input") is not None:
        said = _object(document, "input")
        if not isinstance(said.get("name"), str):
            raise _wrong("input.name", said.get("name"), "a text")
        if not _is_sha256(said.get("sha256")):
            raise _wrong("input.sha256", said.get("sha256"), "a sha256 of 64 hexadecimal digits")
        sides = {side: _whole(f"input.{side}", said.get(side), 1, MAX_SIDE) for side in ("width", "height")}
        picture = {"name": said["name"], "sha256": said["sha256"], **sides}
    return {"input": picture, "palette": palette, "impasto": version, "checkpoint": checkpoint}


# --- values -------------------------------------------------------------------------------------------------


def _object(holder: dict[str, Any], key: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
    value = holder.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, dict):
        raise _wrong(key, value, f"an object, {_HELP}")
    return value


def _whole(where: str, value: Any, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise _wrong(where, value, f"a whole number from {low} to {high}")
    return value


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _is_palette(value: Any) -> bool:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_COLORS:
        return False
    return all(isinstance(color, str) and HEX.fullmatch(color) for color in value)


def _wrong(where: str, value: Any, form: str) -> ImpastoError:
    """`value` is what the file has there; None stands for a missing one, too."""
    return StrokeFileError(f"{where} is {'missing' if value is None else shown(value)}; it must be {form}")
