"""Changes that damage a good file of any kind, or make it hostile."""

from __future__ import annotations

import json
import random
import re
import struct
from typing import Any

CANARY = "canary"
"""In every name that a hostile file asks the program to open: nothing of this name may ever be opened."""

TRICKS = (
    f"../../{CANARY}.png", f"/{CANARY}/etc/passwd", f"~/{CANARY}", f"..\\..\\{CANARY}", f"{CANARY}\x00.png", "..", "/",
    f"\x1b[31m{CANARY}\n\r\t", f"</title><script>{CANARY}()</script>", f'"/><image href="http://{CANARY}/"/>', "]]>&x;",
    "\ud800\uffff", "\u202egnp", "a" * 5000, "-o", "--overwrite", "%s%n{0}", f"file:///{CANARY}", f"data:,{CANARY}", "",
)  # fmt: skip
HOSTILE: tuple[Any, ...] = (
    None, True, -1, 0, 1, -0.0, 0.5, 1e-320, 3.0000001, 1e308, float("nan"), float("inf"), -float("inf"), 2**31, 2**63,
    -(2**64), 10**19, 10**400, [], {}, [[]], [1, 2, 3], {"a": {}}, "", "0.5", "#ff00ff", "auto", "stamp", *TRICKS,
)  # fmt: skip
_TOKENS = (
    b"NaN", b"-Infinity", b"1e999", b"-1", b"0", b"null", b"true", b'""', b"[]", b"{}", b"9" * 4500, b"1e-999", b"=",
    b'"\\ud800"', b"[" * 3000, b'"\\u0000"', b"2147483648", b"0.5.5", b"]", b"\xff\xfe", b"-0", b"0x" + b"f" * 5000,
    b"4.0001", b"a.b.c", b'"""', b"\x1b[2J", b"1979-05-27T07:32:00Z", b"\n", b"\x00",
)  # fmt: skip
_WORDS = re.compile(rb'[-0-9.e]+|"[^"\n]*"|[a-z_]+|[\[\]{}:,=]')
_EXTREMES = (0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """`content` with a few bytes or pieces changed, duplicated, moved or removed, and numbers made extreme."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at, kind = rng.randrange(len(data)), rng.randrange(7)
        if rng.random() < 0.5:  # rather in the headers
            at = min(at, rng.randrange(128))
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del data[at : at + rng.choice((1, 4, 50))]
        elif kind == 3:
            data[at:at] = data[at : at + rng.choice((1, 20, 400))]
        elif kind == 4 and rng.random() < 0.3:
            del data[at:]
        elif kind == 5:
            other = rng.randrange(len(data))
            data[at : at + 8] = data[other : other + 8]
        else:
            form = rng.choice((">I", "<I", ">H", "<H"))
            number = rng.choice(_EXTREMES) & (0xFFFFFFFF if form[1] == "I" else 0xFFFF)
            data[at : at + struct.calcsize(form)] = struct.pack(form, number)
        if not data:
            return b"\0"
    return bytes(data)


def mutate_text(content: bytes, rng: random.Random) -> bytes:
    """A text with a few of its words replaced by hostile ones."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        words = [match.span() for match in _WORDS.finditer(content)]
        if words:
            start, end = rng.choice(words)
            content = content[:start] + rng.choice(_TOKENS) + content[end:]
    return content


def rearranged(document: Any, rng: random.Random) -> Any:
    """A JSON document with a few members, anywhere in it, set to hostile values, renamed or removed."""
    document = json.loads(json.dumps(document))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        holder: Any = document
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = rng.choice(keys)
            if isinstance(holder[key], (dict, list)) and rng.random() < 0.8:
                holder = holder[key]
                continue
            action = rng.random()
            if action < 0.8:
                holder[key] = rng.choice(HOSTILE)
            elif action < 0.9:
                del holder[key]
            elif isinstance(holder, dict):
                holder[rng.choice(TRICKS)] = holder.pop(key)
            else:
                holder.append(holder[key])
            break
    return document
