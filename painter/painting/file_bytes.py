"""The bytes of a stroke file: read, unpacked, and no more of them than a painting needs. Imports nothing heavy."""

from __future__ import annotations

import zlib
from pathlib import Path

from painter.errors import StrokeFileError, one_line
from renderers.special_files import is_special_file

MAX_BYTES = 256 * 2**20
"""The largest file that is read; also its largest content, once unpacked."""


def check_readable(path: Path) -> None:
    """Look at a stroke file before anything heavy is imported, without reading it.

    Raises:
        StrokeFileError: there is no file that can be opened; one line with its name, what is wrong and what to do.
    """
    try:
        _read(path, 1)
    except StrokeFileError as error:
        raise refused(path, error) from error


def read_bytes(path: Path) -> bytes:
    """All of a file. Raises StrokeFileError, without the file's name, if it cannot be read or is too large."""
    return _within_limit(_read(path, MAX_BYTES + 1))


def unpacked(content: bytes) -> bytes:
    """`content` without gzip compression, if it has one.

    Raises:
        StrokeFileError: the compression is damaged, or the content is too large.
    """
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


def refused(path: Path, error: StrokeFileError) -> StrokeFileError:
    """The same error with the name of the file that cannot be read."""
    return StrokeFileError(f"cannot read {one_line(path)}: {error}")


def _read(path: Path, most: int) -> bytes:
    try:
        if path.is_dir():
            raise StrokeFileError("it is a folder; name a stroke file inside it")
        if is_special_file(path):
            raise StrokeFileError("it is not a regular file; save the strokes to a file first")
        with open(path, "rb") as file:
            content = file.read(most)
    except FileNotFoundError:
        raise StrokeFileError("there is no such file; check the name and the folder") from None
    except (OSError, ValueError) as error:  # a name too long, or with a null character in it
        raise StrokeFileError(f"{getattr(error, 'strerror', None) or error}; check the name") from error
    if not content:
        raise StrokeFileError("the file is empty; copy or save it again")
    return content


def _within_limit(content: bytes) -> bytes:
    if len(content) > MAX_BYTES:
        raise StrokeFileError(f"it holds more than {MAX_BYTES >> 20} MB; split the painting")
    return content
