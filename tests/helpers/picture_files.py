"""Pictures as files: saved by Pillow, and PNGs that Pillow does not write."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def colours(height: int = 6, width: int = 8) -> np.ndarray:
    """[height, width, 3] uint8 in which no two pixels and no two corners are alike."""
    y, x = np.mgrid[:height, :width]
    red, green = x * 255 // max(1, width - 1), y * 255 // max(1, height - 1)
    return np.stack((red, green, (x + y) * 7), -1).astype(np.uint8)


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    """Have Pillow save the image; its path."""
    image.save(path, **options)
    return path


def palette_picture() -> Image.Image:
    """16 x 16 pixels of a palette: the left half red, the right half blue."""
    image = Image.new("P", (16, 16), 0)
    image.putpalette([255, 0, 0, 0, 0, 255, 0, 255, 0])
    image.paste(1, (8, 0, 16, 16))
    return image


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG: its length, kind, data and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(width: int, height: int, bits: int, colour_type: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG of a size or depth that Pillow does not write. Each row starts with a filter byte."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + extra + body + png_chunk(b"IEND", b"")
