"""What a PNG says of its colours in the chunks cICP, iCCP, sRGB, gAMA and cHRM.

See the PNG specification of the W3C, third edition, section 11.3.2; the first of these that is there counts. Pillow
reads profiles (iCCP); gAMA is honoured by `painter.pictures.pixels`; what is not honoured is told.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_CHUNKS = 1000  # that are looked at; those of colours come before the pixels
_LARGEST = 32  # bytes of a chunk of numbers
_USUAL_GAMMA = (0.43, 0.48)  # around 1 / 2.2, which is how programs write down that a picture is sRGB
_POSSIBLE_GAMMA = (0.1, 10.0)
_PRIMARIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)  # of sRGB, x and y of red, green and blue
_SRGB = {(1, transfer) for transfer in (1, 6, 13, 14, 15)}  # of cICP: sRGB, and what differs little from it
_PRIMARY_NAMES = {1: "BT.709", 9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}
_TRANSFER_NAMES = {1: "BT.709", 8: "linear light", 13: "sRGB", 16: "PQ (HDR)", 18: "HLG (HDR)"}


@dataclass(frozen=True)
class PngColors:
    """How samples become colours."""

    gamma: float | None = None  # samples are light to the power of this; None: they are sRGB, or have a profile
    other: str | None = None  # what colours they are that are read as if they were sRGB


def read_png_colors(stream: BinaryIO) -> PngColors:
    """What a file says of its colours; nothing if it is no PNG, or damaged. The stream is left anywhere."""
    chunks = _chunks(stream)
    if len(chunks.get(b"cICP", b"")) == 4:
        primaries, transfer = chunks[b"cICP"][:2]
        if b"iCCP" in chunks or (primaries, transfer) in _SRGB:
            return PngColors()
        first = _PRIMARY_NAMES.get(primaries, f"of primaries {primaries}")
        return PngColors(other=f"{first} with {_TRANSFER_NAMES.get(transfer, f'transfer {transfer}')}")
    if b"iCCP" in chunks or b"sRGB" in chunks:
        return PngColors()
    return PngColors(_gamma(chunks.get(b"gAMA", b"")), _other_primaries(chunks.get(b"cHRM", b"")))


def _gamma(content: bytes) -> float | None:
    if len(content) != 4:
        return None
    gamma: float = struct.unpack(">I", content)[0] / 100_000
    usual = _USUAL_GAMMA[0] <= gamma <= _USUAL_GAMMA[1]
    return gamma if not usual and _POSSIBLE_GAMMA[0] <= gamma <= _POSSIBLE_GAMMA[1] else None


def _other_primaries(content: bytes) -> str | None:
    if len(content) != 32:
        return None
    values = [value / 100_000 for value in struct.unpack(">8I", content)[2:]]
    near = all(abs(value - usual) < 0.01 for value, usual in zip(values, _PRIMARIES, strict=True))
    return None if near else "of other primaries than those of sRGB"


def _chunks(stream: BinaryIO) -> dict[bytes, bytes]:
    """The chunks before the pixels by their names; the content of large ones is left out."""
    found: dict[bytes, bytes] = {}
    stream.seek(0)
    if stream.read(8) != _SIGNATURE:
        return found
    for _ in range(_MOST_CHUNKS):
        head = stream.read(8)
        if len(head) < 8 or head[4:] in (b"IDAT", b"IEND"):
            break
        length = int.from_bytes(head[:4], "big")
        found[head[4:]] = stream.read(length) if length <= _LARGEST else b""
        stream.seek(4 if length <= _LARGEST else length + 4, 1)
    return found
