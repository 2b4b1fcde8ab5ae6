"""A painting from a file: one of our stroke files, or the strokes that the original program saved."""

from __future__ import annotations

import os
from pathlib import Path

from painter.errors import StrokeFileError
from painter.options.paint import PaintConfig
from painter.painting.bounded_json import Bounds, bounded_text, parse_object
from painter.painting.carried import carried_strokes
from painter.painting.file_bytes import read_bytes, refused, unpacked
from painter.painting.original import read_original
from painter.painting.painting import Painting
from painter.painting.stroke_file import FORMAT, HELP, read_document, wrong_format

_LONG = 2**24  # bytes
# 1,000,000 strokes of any brush need fewer; each has two or three lists, in its colours, and six values for each.
_BOUNDS = Bounds(lists=3_100_000, values=17_000_000, per_list=7)


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
        text = bounded_text(content, _BOUNDS)
        del content  # half a gigabyte, perhaps, and parsing needs more
        document, has_constants = parse_object(text)
        del text
        painting = read_document(document, wanted)
        if has_constants:
            raise StrokeFileError(f"it contains NaN or Infinity, which JSON does not have; {HELP}")
        return painting
    except StrokeFileError as error:
        raise refused(path, error) from error
    except MemoryError:
        wrong = "it needs more memory than this machine has free"
        raise refused(path, StrokeFileError(f"{wrong}; split the painting")) from None


def _check_mark(content: bytes) -> None:
    """Raise StrokeFileError if a long file does not contain the format's name (in escapes, perhaps).

    Parsing it takes seconds.
    """
    if len(content) > _LONG and FORMAT.encode() not in content and b"\\u" not in content:
        raise wrong_format()
