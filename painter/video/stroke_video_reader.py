"""Stroke videos, read: whatever is in them is checked, and no more of it is in memory than a frame."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from painter.errors import OptionError, StrokeFileError, one_line
from painter.options.kinds import is_hex_color
from painter.options.paint import PaintConfig
from painter.painting.bounded_json import Bounds, check_bounds, parse_object, plain_text, shown, whole
from painter.painting.file_bytes import refused
from painter.painting.stroke_columns import MAX_STROKES, read_columns
from painter.pictures.color import levels_of
from painter.pictures.ground import Color
from painter.video.stroke_video import FORMAT, VERSION, Film, FilmFrame
from renderers.brushes import BRUSHES, NETWORK_BRUSHES, Brush
from renderers.brushes.base import SEED_END
from renderers.special_files import is_special_file
from renderers.strokes import Strokes

HELP = "see docs/stroke-video.md"
MAX_SIDE = 200_000_000
MAX_FRAMES = 10_000_000
LONGEST_LINE = 64 * 2**20  # bytes, unpacked
LARGEST = 8 * 2**30  # bytes of all lines, unpacked
_READ = 2**16  # bytes at a time
_BOUNDS = Bounds(lists=700_000, values=4_000_000, per_list=7, objects=20, strings=100)
_LAST_ID = 2**53
_MEMBERS = {"frame", "cut", "ground", "gone", "born", "set"}


def read_film(path: Path) -> Film:
    """What all frames of a file share.

    Raises:
        StrokeFileError: it cannot be read or is not a stroke video; one line with its name.
    """
    try:
        with open_lines(path) as lines:
            return _film(next(lines, None))
    except StrokeFileError as error:
        raise refused(path, error) from error


def read_frames(path: Path) -> Iterator[FilmFrame]:
    """The frames of a file, one at a time: of long ones no more is in memory.

    Raises:
        StrokeFileError: it cannot be read or has an error; one line with its name, what is wrong and in which frame.
    """
    number = -1
    try:
        with open_lines(path) as lines:
            film = _film(next(lines, None))
            reader = _Reader(film)
            for document in lines:
                if "end" in document:
                    if document != {"end": number + 1}:
                        raise StrokeFileError(f"end is {shown(document['end'])}; it has {number + 1} frames")
                    if next(lines, None) is not None:
                        raise StrokeFileError("something follows after its last line; copy or save it again")
                    return
                number += 1
                yield reader.next(number, document)
        raise StrokeFileError(f"it is cut short after {number + 1} frames: its last line is missing; copy it again")
    except StrokeFileError as error:
        where = f"frame {number}: " if number >= 0 and "cut short" not in str(error) else ""
        raise refused(path, StrokeFileError(f"{where}{error}")) from error


def count_frames(path: Path) -> int:
    """How many frames a file has; all of it is checked. Raises StrokeFileError."""
    return sum(1 for _ in read_frames(path))


class open_lines:
    """The lines of a packed file as JSON objects, bounded in size: a context with their iterator."""

    def __init__(self, path: Path) -> None:
        if path.is_dir():
            raise StrokeFileError("it is a folder; name a stroke video inside it")
        if is_special_file(path):
            raise StrokeFileError("it is not a regular file; save it to a file first")
        try:
            self._file = open(path, "rb")  # noqa: SIM115, closed by __exit__
        except (OSError, ValueError) as error:
            raise StrokeFileError(f"{getattr(error, 'strerror', None) or error}; check the name") from error

    def __enter__(self) -> Iterator[dict[str, Any]]:
        return _documents(self._file)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _documents(file: BinaryIO) -> Iterator[dict[str, Any]]:
    total, parts, held = 0, list[bytes](), 0  # the parts of a line are joined once, when it ends
    with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
        while True:
            try:
                part = unpacked.read1(_READ)
            except EOFError:
                raise StrokeFileError("it is cut short: its gzip packing does not end; copy or save it again") from None
            except (OSError, zlib.error):
                raise StrokeFileError("it is not packed by gzip, or damaged; copy or save it again") from None
            if not part:
                break
            total += len(part)
            lines = list[bytes]()
            parts.append(part)
            held += len(part)
            if b"\n" in part:
                *lines, rest = b"".join(parts).split(b"\n")
                parts, held = [rest], len(rest)
            if total > LARGEST or held > LONGEST_LINE:
                raise StrokeFileError(f"it holds more than a stroke video may; {HELP}")
            for line in lines:
                yield _object(line)
    if b"".join(parts).strip():
        raise StrokeFileError("it is cut short: its last line does not end; copy or save it again")


def _object(line: bytes) -> dict[str, Any]:
    check_bounds(line, _BOUNDS)
    document, has_constants = parse_object(plain_text(line))
    if has_constants:
        raise StrokeFileError(f"it contains NaN or Infinity, which JSON does not have; {HELP}")
    return document


def _film(head: dict[str, Any] | None) -> Film:
    if head is None or head.get("format") != FORMAT:
        raise StrokeFileError(f"it is not a stroke video; {HELP}")
    if whole(head.get("version")) != VERSION:
        raise StrokeFileError(f"its version is {shown(head.get('version'))}, and this Impasto reads {VERSION}; {HELP}")
    brush = head.get("brush")
    if not isinstance(brush, str) or brush not in NETWORK_BRUSHES:
        raise _wrong("brush", brush, f"one of {', '.join(NETWORK_BRUSHES)}")
    canvas = head.get("canvas")
    if not isinstance(canvas, dict):
        raise _wrong("canvas", canvas, "an object with height and width")
    height, width = (_integer(f"canvas.{side}", canvas.get(side), 1, MAX_SIDE) for side in ("height", "width"))
    rate = head.get("rate")
    if not isinstance(rate, list) or len(rate) != 2:
        raise _wrong("rate", rate, "two whole numbers: frames, and in how many seconds")
    rate = Fraction(*(_integer("rate", value, 1, 10**6) for value in rate))
    return Film(brush, (height, width), rate, _config(head.get("config"), brush))


def _config(given: Any, brush: str) -> PaintConfig:
    if not isinstance(given, dict):
        raise _wrong("config", given, "an object")
    known = {spec.name for spec in fields(PaintConfig)}
    plain = {key: whole(value) for key, value in given.items() if not isinstance(value, list | dict)}
    settings = {key: value for key, value in plain.items() if key in known}
    try:
        return PaintConfig(**{**settings, "style": brush})
    except (OptionError, TypeError) as error:
        raise StrokeFileError(f"its config has {one_line(str(error))}; {HELP}") from error


class _Reader:
    """Puts frames together from what changed."""

    def __init__(self, film: Film) -> None:
        self._brush: Brush = BRUSHES[film.brush]
        self._frame: FilmFrame | None = None

    def next(self, number: int, document: dict[str, Any]) -> FilmFrame:
        """The next frame, from its line."""
        if number >= MAX_FRAMES:
            raise StrokeFileError(f"it has more than {MAX_FRAMES:,} frames; split it")
        if whole(document.get("frame")) != number:
            raise _wrong("frame", document.get("frame"), str(number))
        unknown = sorted(set(document) - _MEMBERS)
        if unknown:
            raise StrokeFileError(f"{one_line(unknown[0][:40])} is not a member of a frame; {HELP}")
        cut = document.get("cut", False)
        if type(cut) is not bool:
            raise _wrong("cut", cut, "true or false")
        if not cut and self._frame is None:
            raise StrokeFileError("the first frame begins no shot; it needs cut and ground")
        self._frame = self._changed(document, cut)
        return self._frame

    def _changed(self, document: dict[str, Any], cut: bool) -> FilmFrame:
        before = self._frame
        if before is not None and set(document) == {"frame"}:
            return replace(before, cut=False, still=True)
        ids = [] if before is None else before.id.tolist()
        gone = set(_ids("gone", document.get("gone", [])))
        if not gone <= set(ids):
            raise StrokeFileError(f"gone has stroke {min(gone - set(ids))}, which is not there")
        kept = [n for n in ids if n not in gone]
        born, seeds = self._born(document.get("born"), set(ids))
        order = np.array(kept + born, np.int64)
        if len(order) > MAX_STROKES:
            raise StrokeFileError(f"it has {len(order):,} strokes, more than {MAX_STROKES:,}; split the painting")
        rows, given = self._set(document.get("set"), {n: k for k, n in enumerate(order.tolist())}, born)
        base = torch.tensor([k for k, n in enumerate(ids) if n not in gone], dtype=torch.int64)
        strokes = self._merged(None if before is None else before.strokes[base], len(born), seeds, rows, given)
        return FilmFrame(strokes, order, self._ground(document, cut), cut)

    def _born(self, born: Any, known: set[int]) -> tuple[list[int], list[int]]:
        """Identities and seeds of new strokes."""
        if born is None:
            return [], []
        if not isinstance(born, dict) or set(born) != {"id", "seed"}:
            raise _wrong("born", born, "an object with id and seed")
        ids, seeds = _ids("born.id", born["id"]), _integers("born.seed", born["seed"], SEED_END - 1)
        if len(ids) != len(seeds):
            raise StrokeFileError(f"born.id has {len(ids)} entries but born.seed {len(seeds)}")
        if known & set(ids):
            raise StrokeFileError(f"born.id has stroke {min(known & set(ids))}, which is there already")
        return ids, seeds

    def _set(self, given: Any, at: dict[int, int], born: list[int]) -> tuple[list[int], Strokes | None]:
        """Rows in the new order, and what they become."""
        if given is None:
            if born:
                raise StrokeFileError("set is missing, and strokes were born")
            return [], None
        if not isinstance(given, dict):
            raise _wrong("set", given, "an object of columns")
        ids = _ids("set.id", given.pop("id", None))
        missing = set(born) - set(ids)
        if missing or not set(ids) <= set(at):
            n = min(missing or set(ids) - set(at))
            wrong = f"no stroke {n}, which was born" if missing else f"stroke {n}, which is not there"
            raise StrokeFileError(f"set.id has {wrong}")
        if "seed" in given:
            raise StrokeFileError("set.seed is there; a stroke keeps the seed it was born with")
        strokes = read_columns({**given, "seed": [0] * len(ids)}, self._brush)
        if len(strokes) != len(ids):
            raise StrokeFileError(f"set.id has {len(ids)} entries but set.opacity {len(strokes)}")
        return [at[n] for n in ids], strokes

    def _merged(
        self, kept: Strokes | None, born: int, seeds: list[int], rows: list[int], given: Strokes | None
    ) -> Strokes:
        """Those kept, with `born` more of these seeds on top, and rows overwritten by what is given."""
        count = (0 if kept is None else len(kept)) + born
        at = torch.tensor(rows, dtype=torch.int64)

        def column(old: torch.Tensor | None, new: torch.Tensor | None, shape: tuple[int, ...]) -> torch.Tensor:
            values = torch.zeros((count, *shape))
            if old is not None:
                values[: len(old)] = old
            if new is not None:
                values[at] = new
            return values

        params = {
            name: column(None if kept is None else kept.params[name], None if given is None else given.params[name], ())
            for name in self._brush.names
        }
        colors, opacity = (
            column(
                None if kept is None else getattr(kept, name), None if given is None else getattr(given, name), shape
            )
            for name, shape in (("colors", (self._brush.colors, 3)), ("opacity", ()))
        )
        seed = torch.tensor(seeds, dtype=torch.int64)
        if kept is not None:
            seed = torch.cat([kept.seed, seed])
        return Strokes(self._brush.name, params, colors, opacity, seed)

    def _ground(self, document: dict[str, Any], cut: bool) -> Color:
        ground = document.get("ground")
        if ground is None and not cut:
            assert self._frame is not None
            return self._frame.ground
        if not is_hex_color(ground):
            raise _wrong("ground", ground, "'#rrggbb'")
        red, green, blue = (level / 255 for level in levels_of(ground))
        return red, green, blue


def _ids(where: str, values: Any) -> list[int]:
    found = _integers(where, values, _LAST_ID)
    if len(set(found)) < len(found):
        raise StrokeFileError(f"{where} has a stroke twice")
    return found


def _integers(where: str, values: Any, most: int) -> list[int]:
    if not isinstance(values, list):
        raise _wrong(where, values, "a list of whole numbers")
    return [_integer(where, value, 0, most) for value in values]


def _integer(where: str, value: Any, low: int, high: int) -> int:
    value = whole(value)
    if type(value) is not int or not low <= value <= high:
        raise _wrong(where, value, f"a whole number from {low} to {high}")
    return value


def _wrong(where: str, value: Any, form: str) -> StrokeFileError:
    return StrokeFileError(f"{where} is {'missing' if value is None else shown(value)}; it must be {form}")
