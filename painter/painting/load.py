"""A painting from a file: one of our stroke files, or the strokes that the original program saved."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from painter.errors import StrokeFileError, one_line
from painter.options.paint import PaintConfig
from painter.painting.bounded_json import Bounds, check_bounds, parse_object, plain_text
from painter.painting.carried import carried_strokes
from painter.painting.file_bytes import read_bytes, refused, unpacked
from painter.painting.long_lists import LongList, placeholder, take_lists
from painter.painting.original import read_original
from painter.painting.painting import Painting
from painter.painting.stroke_file import FORMAT, HELP, read_document, wrong_format

_LONG = 2**24  # bytes
# 1,000,000 strokes of any brush need fewer; each has two or three lists, in its colours, and six values for each.
_BOUNDS = Bounds(lists=3_100_000, values=17_000_000, per_list=7)
_BOUNDS_OF_REST = Bounds(lists=500_000, values=2_500_000, per_list=7)  # when long lists have been taken out


def load_painting(path: str | os.PathLike[str], style: str | None = None) -> Painting:
    """Read a stroke file, compressed or not, or the `*_strokes.npz` of the original program.

    >>> painting.save("box.strokes.json")
    []
    >>> load_painting("box.strokes.json").about["input"]["width"]
    40

    Args:
        path: the file; its content counts, not its name. A PNG or SVG may carry one, see `ExportConfig.embed`.
        style: the brush, where the file does not name it (see `painter.painting.original`).

    Returns:
        The painting: drawn, it is the same as the one that was saved, byte for byte.

    Raises:
        StrokeFileError: the file cannot be read or has an error; one line with its name, what is wrong and where.
        OptionError: there is no such style.
    """
    path = Path(path)
    wanted = None if style is None else PaintConfig(style=style).style
    try:
        content = unpacked(read_bytes(path))
        carried = carried_strokes(content)
        if carried is not None:
            content = unpacked(carried)
        if content.startswith(b"PK") or path.suffix.lower() == ".npz":
            return read_original(content, wanted)
        _check_mark(content)
        check_bounds(content, _BOUNDS)
        rest, lists = take_lists(content)
        del content  # half a gigabyte, perhaps, and parsing needs more
        if lists:
            check_bounds(rest, _BOUNDS_OF_REST)
        text = plain_text(rest)
        del rest
        document, has_constants = parse_object(text)
        del text
        _put_back(lists, document.get("strokes"))
        painting = read_document(document, wanted)
        if has_constants:
            raise StrokeFileError(f"it contains NaN or Infinity, which JSON does not have; {HELP}")
        return painting
    except StrokeFileError as error:
        raise refused(path, error) from error
    except MemoryError:
        wrong = "it needs more memory than this machine has free"
        raise refused(path, StrokeFileError(f"{wrong}; split the painting")) from None


def _put_back(lists: list[LongList], columns: Any) -> None:
    """Put long lists that were taken out of a file in the places of columns; what is elsewhere is not looked at."""
    by_mark = {placeholder(number): one for number, one in enumerate(lists)}
    for name, mark in columns.items() if isinstance(columns, dict) else ():
        if isinstance(mark, str) and mark in by_mark:
            values = by_mark[mark].values
            if values is None:
                wrong = f"strokes.{one_line(name[:40])} has entries of different kinds"
                raise StrokeFileError(f"{wrong}; each must be like the first")
            columns[name] = values


def _check_mark(content: bytes) -> None:
    """Raise StrokeFileError if a long file does not contain the format's name (in escapes, perhaps).

    Parsing it takes seconds.
    """
    if len(content) > _LONG and FORMAT.encode() not in content and b"\\u" not in content:
        raise wrong_format()
