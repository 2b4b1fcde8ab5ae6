"""Damaged autosaves: truncated, of another painting, or nonsense with a valid checksum."""

from __future__ import annotations

import json
import random
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from painter.options.paint import PaintConfig
from painter.pipeline import find_strokes
from painter.search.subject import Subject, prepare_subject
from painter.system.autosave import Autosave, AutosaveConfig
from painter.system.snapshot import HEAD_BYTES, with_checksum
from painter.system.usage import Stopwatch
from scripts.fuzz.cases.mutations import mutate_text, mutated, rearranged

SEARCHES: tuple[dict[str, Any], ...] = (
    {"style": "markerpen", "strokes": 6},
    {"style": "watercolor", "strokes": 9, "palette": "#000000,#ffffff,#00ff00"},
    {"style": "rectangle", "strokes": "auto", "seconds": 60.0},
    {"style": "rectangle", "strokes": 30, "until_psnr": 11.0},
)


@cache
def subject(number: int) -> Subject:
    """The subject of the search with this number."""
    pixels = np.random.default_rng(2).integers(0, 256, (4, 6, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    config = PaintConfig(size=24, iterations=8, levels=2, focus="none", device="cpu", **SEARCHES[number])
    return prepare_subject(pixels, config)


@cache
def _good() -> tuple[tuple[int, bytes], ...]:
    """Autosaves of all searches after a few steps, and at their end: (number, bytes)."""
    found = []
    for number in range(len(SEARCHES)):
        with tempfile.TemporaryDirectory() as folder:
            autosave = Autosave(Path(folder, "a.png"), subject(number), config=AutosaveConfig(seconds=0.0))

            def watch(progress: Any, number: int = number, path: Path = autosave.path) -> None:
                if progress.step in (4, 7):  # which is not saved yet
                    found.append((number, path.read_bytes()))

            find_strokes(subject(number), Stopwatch(), watch, autosave)
            found.append((number, autosave.path.read_bytes()))
    return tuple(found)


def autosave(rng: random.Random) -> tuple[int, bytes]:
    """A damaged autosave: (number of the search that it is for, bytes). Most have a valid checksum."""
    number, content = rng.choice(_good())
    way = rng.random()
    if way < 0.1:
        return number, content[: rng.randrange(len(content))]
    if way < 0.2:
        return number, mutated(content, rng)
    if way < 0.25:  # of another painting
        return rng.choice([other for other in range(len(SEARCHES)) if other != number]), content
    content = content[HEAD_BYTES:]
    if way < 0.3:
        return number, with_checksum(mutated(content, rng))
    arrays = load(content)
    text = arrays.pop("tree").tobytes()
    if way < 0.75:
        tree = json.loads(text)
        part = tree if rng.random() < 0.1 else tree["search"]
        part.update(rearranged(part, rng))
        text = json.dumps(tree).encode(errors="surrogatepass")
    elif way < 0.8:
        text = mutate_text(text, rng)
    else:
        _spoil(arrays, rng)
    return number, with_checksum(save({**arrays, "tree": np.frombuffer(text, np.uint8)}))


def _spoil(arrays: dict[str, np.ndarray], rng: random.Random) -> None:
    """Give some tensors other values, shapes or types, or remove one."""
    for _ in range(rng.choice((1, 1, 3))):
        name = rng.choice(sorted(arrays))
        values = arrays[name].copy()
        kind = rng.randrange(5)
        if kind == 0 and values.size:
            values.flat[rng.randrange(values.size)] = rng.choice((0, -1, 2**30))
        elif kind == 1 and values.size and values.dtype.kind == "f":
            values.flat[rng.randrange(values.size)] = rng.choice((np.nan, np.inf, -1e30, 1e-40, 3.0))
        elif kind == 2:
            values = np.ascontiguousarray(values.ravel()[: rng.choice((0, 1, 2))])
        elif kind == 3:
            with np.errstate(all="ignore"):
                values = values.astype(rng.choice(("f8", "f2", "i8", "u1", "?")))
        else:
            values = np.ascontiguousarray(np.broadcast_to(values, (2, *values.shape)))
        arrays[name] = values
    if rng.random() < 0.1:
        del arrays[rng.choice(sorted(arrays))]
