"""Damaged and hostile pictures, and decompression bombs."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from scripts.fuzz.cases.mutations import mutated


@cache
def pictures() -> tuple[tuple[str, bytes], ...]:
    """Good pictures, of all kinds that are read: (ending, bytes)."""
    values = np.random.default_rng(7).integers(0, 256, (17, 24, 4), dtype=np.uint8)
    rgba = Image.fromarray(values)
    rgb, grey = rgba.convert("RGB"), rgba.convert("L")
    deep = Image.fromarray(values.view(np.uint32)[..., 0].astype(np.uint16))
    floats = Image.fromarray(values[..., 0].astype(np.float32) / 255)
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    made: list[tuple[str, Image.Image, dict[str, Any]]] = [
        ("png", rgba, {}), ("png", grey, {"icc_profile": icc}), ("png", rgb, {"icc_profile": srgb, "exif": exif}),
        ("png", rgb.quantize(16), {"transparency": bytes(range(16))}), ("png", deep, {}),
        ("png", grey.convert("1"), {}),
        ("jpg", rgb, {"exif": exif}), ("jpg", rgb.convert("CMYK"), {}), ("jpg", rgb, {"progressive": True}),
        ("webp", rgba, {"lossless": True}), ("webp", rgba, {"exif": exif}), ("webp", rgba, {"save_all": True,
         "append_images": [rgba.rotate(90)]}), ("gif", rgb, {"save_all": True, "append_images": [grey.convert("RGB")]}),
        ("gif", rgb.quantize(8), {"transparency": 3}), ("bmp", rgb, {}), ("bmp", grey.convert("1"), {}),
        ("tif", rgba, {}), ("tif", rgb, {"compression": "tiff_lzw"}), ("tif", rgb, {"compression": "jpeg"}),
        ("tif", grey, {"compression": "tiff_adobe_deflate"}), ("tif", deep, {}), ("tif", floats, {}),
        ("tif", grey.convert("1"), {"compression": "group4"}), ("tif", rgb, {"exif": exif}),
    ]  # fmt: skip
    kinds = {"jpg": "JPEG", "tif": "TIFF"}
    result = []
    for ending, image, options in made:
        buffer = io.BytesIO()
        image.save(buffer, format=kinds.get(ending, ending.upper()), **options)
        result.append((ending, buffer.getvalue()))
    return tuple(result)


def with_checksums(content: bytes) -> bytes:
    """A PNG whose chunks have got the right checksums, so that a reader does not stop at them."""
    out, at = bytearray(content[:8]), 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        body = content[at + 4 : at + 8 + length]
        out += content[at : at + 4] + body + zlib.crc32(body).to_bytes(4, "big")
        at += 12 + length
    return bytes(out)


def picture(rng: random.Random) -> tuple[str, bytes]:
    """A damaged picture: (name, bytes)."""
    ending, content = rng.choice(pictures())
    content = mutated(content, rng)
    if ending == "png" and rng.random() < 0.8:
        content = with_checksums(content)
    return f"a.{rng.choice((ending, ending, 'png', 'gpl', 'txt'))}", content


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def _png(width: int, height: int, depth: int, kind: int, *chunks: bytes) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + _chunk(b"IEND", b"")


def _zeros(count: int) -> bytes:
    packer = zlib.compressobj(1)
    block = bytes(2**20)
    return b"".join(packer.compress(block) for _ in range(count >> 20)) + packer.flush()


def png_bomb(width: int, height: int, depth: int = 1, kind: int = 0) -> bytes:
    """A small PNG that really unpacks to a picture of this size."""
    row = 1 + (width * depth * {0: 1, 2: 3, 6: 4}[kind] + 7) // 8
    return _png(width, height, depth, kind, _chunk(b"IDAT", _zeros(row * height + 2**20)))


def _tiff(*tags: tuple[int, int, int, int], after: int = 0) -> bytes:
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + struct.pack("<I", after) + bytes(64)


_SIDES = ((256, 4, 1, 14000), (257, 4, 1, 14000), (258, 3, 1, 8), (262, 3, 1, 1))
BOMBS: tuple[Callable[[], bytes], ...] = (
    lambda: _png(2**31 - 1, 2**31 - 1, 8, 6, _chunk(b"IDAT", b"")),
    lambda: _png(0, 0, 8, 6, _chunk(b"IDAT", b"")),
    lambda: _png(8, 8, 8, 0, _chunk(b"zTXt", b"a\0\0" + _zeros(2**27)), _chunk(b"IDAT", zlib.compress(bytes(72)))),
    lambda: _png(8, 8, 8, 0, _chunk(b"iCCP", b"a\0\0" + _zeros(2**27)), _chunk(b"IDAT", zlib.compress(bytes(72)))),
    lambda: _png(8, 8, 8, 0, _chunk(b"IDAT", _zeros(2**28))),
    lambda: _png(8, 8, 8, 3, _chunk(b"IDAT", zlib.compress(bytes(72)))),  # its palette is missing
    lambda: _png(8, 8, 8, 0, b"\xff\xff\xff\xffIDAT" + bytes(40)),
    lambda: _png(8, 8, 8, 0, *[_chunk(b"tEXt", b"a\0" + bytes([65]) * 10_000)] * 300),
    lambda: png_bomb(14_000, 14_000),
    lambda: png_bomb(1, 2_000_000),
    lambda: b"GIF89a" + struct.pack("<HHBBBcHHHHB", 65535, 3000, 0, 0, 0, b",", 0, 0, 1, 1, 0) + b"\2;",
    lambda: b"BM" + struct.pack("<IIIIiiHHIIiiII", 99, 0, 54, 40, 14000, -14000, 1, 1, 0, 0, 0, 0, 2, 2) + bytes(60),
    lambda: b"BM" + struct.pack("<IIIIiiHHIIiiII", 99, 0, 54, 40, -8, 2**31 - 1, 1, 8, 1, 0, 0, 0, 2, 2) + bytes(60),
    lambda: b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + b"\xff" * 6,
    lambda: b"\xff\xd8\xff\xc0\0\x11\x08" + struct.pack(">HH", 65535, 3000) + b"\3\1\x11\0\2\x11\0\3\x11\0" + bytes(40),
    lambda: _tiff(*_SIDES, (273, 4, 2**31, 8), (279, 4, 2**31, 8)),
    lambda: _tiff(*_SIDES, (273, 4, 1, 8), (279, 4, 1, 2**32 - 1), after=8),  # a list that refers to itself
    lambda: _tiff(*_SIDES, (273, 4, 1, 2**32 - 1), (278, 4, 1, 0), (279, 4, 1, 0)),
)
"""Pictures that are not what their headers say, or far too large."""
