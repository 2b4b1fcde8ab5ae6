"""The long lists of numbers in a large JSON file, read piece by piece into arrays.

Python's parser makes an object of 24 bytes of each number and twice as much of each list, and a machine takes longer to
hand over that memory than the parser to fill it. Almost all of a large stroke file is columns of numbers; so they are
taken out of the text first and read a few megabytes at a time, by the same parser, which keeps its strictness.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from painter.errors import StrokeFileError
from painter.painting.bounded_json import no_collection

LARGE = 2**22  # bytes: the parser reads a smaller file in no time
_LONG = 2**16  # bytes of a list that is worth taking out
_PIECE = 2**22  # bytes that are parsed at a time

_TAIL = 2**16  # bytes at the end of a piece in which a comma is looked for

_KEY = re.compile(rb'[^\\]"[ \t\r\n]*:\Z')  # the end of a member's name; within a text, quotes have a backslash
# By byte: 0 if lists of numbers are made of it.
_OTHERS = bytes(byte not in b"[]0123456789eE+-., \t\r\n" for byte in range(256))


@dataclass(frozen=True)
class LongList:
    """A list that was taken out of a text."""

    start: int  # its place in the bytes of the file
    end: int
    # [N], [N, K] or [N, K, L] int64 or float64; None if its entries are not alike
    values: np.ndarray | None


def take_lists(content: bytes) -> tuple[bytes, list[LongList]]:
    """A JSON file without its long lists of numbers, and these lists.

    In the place of each list stands the text of `placeholder`.

    Raises:
        StrokeFileError: a list is not JSON.
    """
    if len(content) < LARGE:
        return content, []
    found: list[LongList] = []
    for first, last in _runs(content):
        start = content.find(b"[", first, last)
        if start < 0 or content[first:start].strip() or not _KEY.search(content[max(0, first - 64) : first]):
            continue  # not the value of a member
        pieces = list(_pieces(content, start, last))
        if pieces:
            found.append(LongList(start, pieces[-1][1] + 1, _values(content, pieces)))
    ends = [0, *(one.end for one in found)]
    starts = [*(one.start for one in found), len(content)]
    kept = [content[end:start] for end, start in zip(ends, starts, strict=True)]
    marks = [json.dumps(placeholder(number)).encode() for number in range(len(found))]
    return b"".join(part for pair in zip(kept, [*marks, b""], strict=True) for part in pair), found


def placeholder(number: int) -> str:
    """The text that stands for a list that was taken out, by its position among them."""
    return f"a long list of numbers ({number})"


def _runs(content: bytes) -> Iterator[tuple[int, int]]:
    """Where there are long runs of what lists of numbers are made of."""
    before = -1
    for at in range(0, len(content), _PIECE):
        others = np.flatnonzero(np.frombuffer(content[at : at + _PIECE].translate(_OTHERS), bool)) + at
        ends = np.append(others, len(content)) if at + _PIECE >= len(content) else others
        begins = np.concatenate([[before], ends])[:-1]
        for k in np.flatnonzero(ends - begins > _LONG):
            yield int(begins[k]) + 1, int(ends[k])
        before = int(ends[-1]) if len(ends) else before


def _pieces(content: bytes, start: int, last: int) -> Iterator[tuple[int, int]]:
    """The inside of the list that begins at `start` in pieces, cut at commas between its entries.

    Nothing is yielded if it does not end before `last`.
    """
    bytes_, cuts, depth = np.frombuffer(content, np.uint8), [start], 0
    for at in range(start, last, _PIECE):
        part = bytes_[at : min(last, at + _PIECE)]
        after = depth + _net(part)
        if after <= 0:  # the list ends here
            closed = at + int(np.argmax(depth + np.cumsum(_steps(part), dtype=np.int32) == 0))
            yield from ((cut + 1, end) for cut, end in zip(cuts, [*cuts[1:], closed], strict=True))
            return
        tail = part[-_TAIL:]
        depths = after - _net(tail) + np.cumsum(_steps(tail), dtype=np.int32)
        commas = np.flatnonzero((tail == ord(",")) & (depths == 1))
        if len(commas):
            cuts.append(at + len(part) - len(tail) + int(commas[-1]))
        depth = after


def _steps(part: np.ndarray) -> np.ndarray:
    """How each byte changes the depth of brackets, int8."""
    steps: np.ndarray = (part == ord("[")).astype(np.int8) - (part == ord("]")).astype(np.int8)
    return steps


def _net(part: np.ndarray) -> int:
    """How all of the bytes change it."""
    return int(np.count_nonzero(part == ord("["))) - int(np.count_nonzero(part == ord("]")))


def _values(content: bytes, pieces: list[tuple[int, int]]) -> np.ndarray | None:
    """The values in the pieces of a list, as one array; None if its entries are not alike."""
    arrays: list[np.ndarray] = []
    with no_collection():
        for start, end in pieces:
            array = _array(_entries(content, start, end))
            if array is None or (arrays and array.shape[1:] != arrays[0].shape[1:]):
                return None
            arrays.append(array)
    return np.concatenate(arrays)


def _entries(content: bytes, start: int, end: int) -> list[Any]:
    """The entries of a list that stand between two places. Raises StrokeFileError if they are not JSON."""
    try:
        entries: list[Any] = json.loads(b"[" + content[start:end] + b"]")
    except (ValueError, RecursionError) as error:
        at = start + max(0, getattr(error, "pos", 1) - 1)
        line, column = content.count(b"\n", 0, at) + 1, at - content.rfind(b"\n", 0, at)
        wrong = f"it is not JSON: a list of numbers is damaged at line {line}, column {column}"
        raise StrokeFileError(f"{wrong}; copy or save it again") from None
    return entries


def _array(values: list[Any]) -> np.ndarray | None:
    """Numbers, or lists of as many numbers each, as an array; None if they are something else."""
    try:
        array = np.array(values)
    except (ValueError, OverflowError):
        return None
    return array if array.dtype in (np.int64, np.float64) and array.ndim <= 3 else None
