"""Damaged and hostile recipes, palettes, weights, and the records that runs keep: journals and ledgers."""

from __future__ import annotations

import io
import json
import random
import tempfile
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import save

from painter.batch.collection.example import EXAMPLE
from painter.batch.ledger import NAME, Ledger, WrittenFile
from scripts.fuzz.cases.mutations import HOSTILE, TRICKS, mutate_text, mutated, rearranged

LEDGER = NAME
COMMAND = "a command"
PICTURE = "good.png"  # that the recipe names
_HEX = b"; a palette\n#102030\nff8800\n//\nFFAA2233\n#abc\n"
_GPL = b"GIMP Palette\nName: Dusk\nColumns: 4\n#\n 16  32  48 Night\n255 136   0 Lamp\n"


def recipe_file(rng: random.Random) -> tuple[str, bytes]:
    """A damaged or hostile recipe of a collection: (name, bytes)."""
    good = _recipe()
    way = rng.random()
    if way < 0.5:
        lines = good.splitlines(keepends=True)
        for _ in range(rng.choice((1, 1, 2, 5))):
            n = rng.randrange(len(lines))
            if b"=" in lines[n] and rng.random() < 0.7:
                value = json.dumps(rng.choice(HOSTILE)).replace("null", '"null"').replace(": ", " = ")
                lines[n] = lines[n].split(b"=")[0] + b"= " + value.encode(errors="replace") + b"\n"
            else:
                lines[n] = rng.choice((b"", lines[n] * 2, b"[[axis]]\n", b"[paint]\n"))
        return "a.toml", b"".join(lines)
    return "a.toml", mutate_text(good, rng) if way < 0.8 else mutated(good, rng) if way < 0.95 else good


@cache
def _recipe() -> bytes:
    """The example with few tokens, all of one picture."""
    text = EXAMPLE.replace("size = 64 ", "size = 9 ")
    for name in ("octahedron", "apple_coin", "circuit_coin"):
        text = text.replace(f"pictures/{name}.png", PICTURE)
    return text.encode()


def palette_file(rng: random.Random) -> tuple[str, bytes]:
    """A damaged or hostile palette: (name, bytes)."""
    name, good = rng.choice((("a.hex", _HEX), ("a.gpl", _GPL), ("a.txt", _GPL), ("a.txt", _HEX), ("a", _HEX)))
    way = rng.random()
    if way < 0.1:
        return name, good * rng.choice((1, 50, 4000))
    return name, mutate_text(good, rng) if way < 0.6 else mutated(good, rng)


def weights_file(rng: random.Random) -> tuple[str, bytes]:
    """A damaged or hostile file of a network's weights: (name, bytes); none of them is a whole network's."""
    tensors = {"features.0.weight": torch.ones(64, 3, 3, 3), "features.0.bias": torch.zeros(64)}
    if rng.random() < 0.5:
        content = save(tensors)
        size = int.from_bytes(content[:8], "little")
        if rng.random() < 0.6:
            text = json.dumps(rearranged(json.loads(content[8 : 8 + size]), rng)).encode()
            return "a.safetensors", len(text).to_bytes(8, "little") + text + content[8 + size :]
        return "a.safetensors", mutated(content, rng)
    packed = io.BytesIO()
    held = tensors if rng.random() < 0.7 else rng.choice(TRICKS)
    torch.save(held, packed, _use_new_zipfile_serialization=rng.random() < 0.6)
    return "a.pth", mutated(packed.getvalue(), rng)


def journal(rng: random.Random) -> bytes:
    """A journal of a run: one in four whole, the others damaged or hostile."""
    document = {"command": COMMAND, "number": 2, "stamps": {"a-2.png": [[0, 1], []], "a-2.gif": []}}
    way = rng.random()
    if way < 0.3:
        return json.dumps(rearranged(document, rng)).encode()
    content = json.dumps(document).encode()
    if way < 0.55:
        return content
    return mutate_text(content, rng) if way < 0.8 else mutated(content, rng)


def ledger(rng: random.Random) -> bytes:
    """A damaged or hostile ledger of a batch."""
    content = bytearray(_ledger())
    for _ in range(rng.choice((1, 1, 3, 20))):
        way, at = rng.random(), rng.randrange(len(content))
        if way < 0.4:
            content[at] = rng.randrange(256)
        elif way < 0.6:  # in the tables' rows rather than in empty pages
            at = content.find(b"done", rng.randrange(len(content) // 2))
            content[max(0, at) : max(0, at) + 4] = rng.choice((b"none", b"\xff\x00\xff\x00", b"DONE", b"fail"))
        elif way < 0.8:
            page = 4096 * rng.randrange(max(1, len(content) // 4096))
            content[page : page + 8] = rng.randbytes(8)
        elif way < 0.9:
            del content[at:]
            break
    return bytes(content)


@cache
def _ledger() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        with Ledger.open(folder) as made:
            made.add((f"{n}.png", f"{n:064x}", [f"{n}.png"]) for n in range(9))
            for n in range(4):
                made.begin(f"{n}.png")
                files = {f"{n}.png": WrittenFile(f"{n:064x}", 10, 20)}
                made.finish(f"{n}.png", files, {"psnr": 20.0}, 1.0, "me:1")
            made.fail("5.png", "it is no picture", "me:1")
            made.set_meta("batch", "{}")
        return Path(folder, NAME).read_bytes()
