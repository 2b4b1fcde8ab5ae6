"""The largest files that are read to the end before they are refused."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from scripts.fuzz.cases.picture_files import png_bomb

_BEGIN = b'{"format":"impasto-strokes","a":'  # long files without it are refused at once

_LIST = b",[" + b",".join([b"0.91234567890123456789"] * 6) + b"]"


def _large(inside: bytes, times: int, before: bytes = _BEGIN + b"[0", after: bytes = b"]}") -> bytes:
    return before + inside * times + after


HEAVY: tuple[tuple[str, Callable[[], bytes]], ...] = (
    ("a.png", lambda: png_bomb(14_100, 14_100, 8, 6)),
    ("a.png", lambda: png_bomb(14_100, 14_100, 8, 2)),
    ("a.png", lambda: png_bomb(14_100, 14_100, 16, 0)),
    ("a.png", lambda: png_bomb(199_000_000, 1, 8, 0)),
    ("a.strokes.json", lambda: _large(b",0.91234567890123456789", 16_900_000)),
    ("a.strokes.json", lambda: _large(b",6.8985865317742003e-309", 16_900_000)),
    ("a.strokes.json", lambda: _large(b",1", 16_900_000)),
    ("a.strokes.json", lambda: _large(b",[0,0]", 3_000_000)),
    # As many lists and bytes as the largest painting has: indistinguishable from it until all of them are read.
    ("a.strokes.json", lambda: _large(_LIST, 1_900_000)),
    ("a.strokes.json", lambda: _large(_LIST, 1_900_000, _BEGIN + b"[" + _LIST[1:])),
    ("a.strokes.json", lambda: _large(b"," + b"0.91234567890123456789," * 2500 + b"null", 4_600)),
    ("a.strokes.json", lambda: _large(b",[" + b"1" * 160, 3_000_000)),
    ("a.strokes.json", lambda: _large(b" ", 260_000_000, _BEGIN + '"é"'.encode(), b"}")),
    ("a.strokes.json", lambda: _large("é".encode() + b"a" * 1000, 260_000, _BEGIN + b'"', b'"}')),
    ("a.strokes.json", lambda: _large(b"\\n", 130_000_000, _BEGIN + b'"', b'"}')),
    ("a.strokes.json", lambda: _large(b"9", 260_000_000, _BEGIN, b"}")),
    ("a.strokes.json", lambda: _large(b"9", 260_000_000, _BEGIN + b"0.", b"}")),
    ("a.strokes.json", lambda: gzip.compress(_large(b" ", 2**30), 1)),
    ("a.toml", lambda: b"a" + b".a" * 1_000_000 + b" = 1"),
)
