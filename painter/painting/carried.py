"""Strokes carried in a picture of them: a stroke file, packed and in base64, in a PNG or an SVG.

In a PNG it is an iTXt chunk with KEYWORD, in an SVG an element within <metadata>. Whatever else is in the file is not
looked at.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
import zlib

from painter.errors import StrokeFileError
from painter.export.png import KEYWORD, MOST_GAIN, SIGNATURE

_IN_SVG = re.compile(rb"<impasto:strokes\b[^>]*>([A-Za-z0-9+/=\s]*)</impasto:strokes>")
_DAMAGED = "the strokes that it carries are damaged; save it again"
_NONE = "it carries no strokes; save it with --embed always, or give a stroke file"


def packed_text(content: bytes) -> str:
    """A stroke file, packed by gzip, as it is carried."""
    return base64.b64encode(content).decode("ascii")


def carried_strokes(content: bytes) -> bytes | None:
    """The packed stroke file that a picture carries; None if this is no picture that could.

    Args:
        content: of the whole file.

    Raises:
        StrokeFileError: it is such a picture and carries none, or what it carries is damaged.
    """
    if content.startswith(SIGNATURE):
        text = _in_png(content)
    elif content.lstrip()[:5] in (b"<?xml", b"<svg "):
        found = _IN_SVG.search(content)
        text = found[1] if found else None
    else:
        return None
    if text is None:
        raise StrokeFileError(_NONE)
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        raise StrokeFileError(_DAMAGED) from None


def _inflated(text: bytes) -> bytes:
    """A text that is carried compressed. Raises StrokeFileError if it is damaged."""
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(text, MOST_GAIN * len(text) + 64)
    except zlib.error:
        raise StrokeFileError(_DAMAGED) from None
    if not unpacker.eof:
        raise StrokeFileError(_DAMAGED)
    return plain


def _in_png(content: bytes) -> bytes | None:
    """The text of the chunk with KEYWORD."""
    at, head = len(SIGNATURE), KEYWORD.encode() + b"\0"
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        data = content[at + 8 : at + 8 + length]
        if kind == b"iTXt" and data.startswith(head):
            # A keyword, whether it is compressed and how, a language and its keyword, which are empty.
            text = data[len(head) + 4 :]
            packing = data[len(head) : len(head) + 4]
            if packing == b"\1" + bytes(3):
                return _inflated(text)
            return text if packing == bytes(4) else None
        at += 12 + length
    return None
