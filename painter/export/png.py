"""The finished painting as a PNG, written band by band: no more than one band of rows is in memory.

The format is that of the PNG specification, third edition (W3C, 2025): rows are filtered, each by the filter whose
bytes have the least sum of magnitudes (12.7), and then deflated as one stream.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from painter.export.places import writing
from painter.export.png_filter import filter_rows

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOR_TYPES = {3: 2, 4: 6}  # channels -> the format's number for truecolour without and with alpha
MAX_SIDE = 2**31 - 1

KEYWORD = "impasto-strokes"
"""Of the text that a painting's strokes are carried in."""

MOST_GAIN = 8
"""Times as long that a deflated text may become, so that no small file fills the memory; others are written plain."""

_BAND_BYTES = 2**24  # of pixels, filtered at a time
_CHUNK_BYTES = 2**18  # deflated bytes, at least, in a chunk
_LEVEL = 6


def write_png(
    path: Path, image: np.ndarray | Iterable[np.ndarray], carried: str | None = None, sparing: bool = False
) -> None:
    """Write a picture losslessly to `path`.

    Args:
        image: uint8 or uint16 [H, W, 3] or [H, W, 4], sRGB with straight alpha; or bands of rows of such a picture,
            from the top, as `Painting.bands` gives them, which are read once and one at a time.
        carried: a text in ASCII that goes into the file under KEYWORD, compressed.
        sparing: whether to leave it out where it would more than double the file.

    Equal images give equal bytes, whatever bands they come in.

    Raises:
        ValueError: another shape or dtype, bands that do not fit each other, or none.
        OutputError: the file cannot be written; `path` is then unchanged.
    """
    with writing(path) as temporary, temporary.open("wb") as file:
        encode_png(file, image, carried, sparing)


def encode_png(
    file: BinaryIO, image: np.ndarray | Iterable[np.ndarray], carried: str | None = None, sparing: bool = False
) -> None:
    """Write a picture, as `write_png` takes it, into an open file that can seek. Raises ValueError as it does."""
    bands = iter([image] if isinstance(image, np.ndarray) else image)
    first = next(bands, None)
    if first is None:
        raise ValueError("there are no bands")
    _check(first, first)
    _write(file, first, chain([first], bands), b"" if carried is None else _text_chunk(carried), sparing)


def _text_chunk(text: str) -> bytes:
    """A text under KEYWORD, without a language; deflating base64 takes back most of what it adds."""
    plain = text.encode("ascii")
    deflated = zlib.compress(plain, 9)
    if len(plain) > MOST_GAIN * len(deflated):
        return _chunk(b"iTXt", KEYWORD.encode() + bytes(5) + plain)
    return _chunk(b"iTXt", KEYWORD.encode() + b"\0\1" + bytes(3) + deflated)


def _write(file: BinaryIO, first: np.ndarray, bands: Iterable[np.ndarray], more: bytes, sparing: bool) -> None:
    file.write(SIGNATURE + _header(first, 0))
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_FILTERED)
    deflated = bytearray()
    height = 0
    for filtered in _filtered(bands):
        # A row at a time, so that chunks, too, are the same whatever the bands.
        for row in filtered:
            deflated += compressor.compress(row)
            if len(deflated) >= _CHUNK_BYTES:
                file.write(_chunk(b"IDAT", bytes(deflated)))
                deflated.clear()
        height += len(filtered)
    file.write(_chunk(b"IDAT", bytes(deflated) + compressor.flush()))
    if not sparing or len(more) <= file.tell():
        file.write(more)
    file.write(_chunk(b"IEND", b""))
    file.seek(len(SIGNATURE))
    file.write(_header(first, height))  # only now do we know how high it is


def _filtered(bands: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield rows as they are deflated: uint8 [h, 1 + bytes of a row], the filter's number first."""
    first = above = None
    for band in bands:
        first = band if first is None else first
        _check(band, first)
        _, width, channels = band.shape
        stride = channels * band.itemsize
        step = max(1, _BAND_BYTES // (width * stride))
        for top in range(0, len(band), step):
            part = np.ascontiguousarray(band[top : top + step])
            rows = part.astype(part.dtype.newbyteorder(">"), copy=False).view(np.uint8).reshape(len(part), -1)
            above = np.zeros(width * stride, np.uint8) if above is None else above
            filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
            filter_rows(rows, above, stride, filtered)
            above = rows[-1].copy()
            yield filtered


def _check(band: np.ndarray, first: np.ndarray) -> None:
    """Raise ValueError unless `band` is part of a picture that we write, whose first band is `first`."""
    fits = band.ndim == 3 and band.shape[2] in COLOR_TYPES and band.dtype in (np.uint8, np.uint16) and band.size
    if not fits or band.shape[1] > MAX_SIDE:
        raise ValueError(f"expected uint8 or uint16 [H, W, 3] or [H, W, 4], got {band.dtype} {list(np.shape(band))}")
    if band.shape[1:] != first.shape[1:] or band.dtype != first.dtype:
        raise ValueError(f"bands differ: {first.dtype} {list(first.shape)}, then {band.dtype} {list(band.shape)}")


def _header(band: np.ndarray, height: int) -> bytes:
    _, width, channels = band.shape
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8 * band.itemsize, COLOR_TYPES[channels], 0, 0, 0))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
