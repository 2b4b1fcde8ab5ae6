"""Damaged and hostile stroke files and videos, and stroke files of the original program."""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
import tempfile
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from painter.options.paint import PaintConfig
from painter.painting.painting import Painting
from painter.painting.stroke_columns import allowed
from painter.painting.stroke_file import save_strokes
from painter.pictures.pixels import in_steps
from painter.video.stroke_video import Film, FilmFrame, FrameWriter, end_line, head_line
from renderers.brushes import BRUSHES, NETWORK_BRUSHES, register
from renderers.brushes.stamp import Stamp
from renderers.strokes import Strokes
from scripts.fuzz.cases.mutations import CANARY, TRICKS, mutate_text, mutated, rearranged
from scripts.fuzz.cases.picture_files import picture


@cache
def stroke_documents() -> tuple[dict[str, Any], ...]:
    """Good stroke files of all brushes, as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.strokes.json")
        documents = []
        for brush in (*NETWORK_BRUSHES, "stamp"):
            save_strokes(_painting(brush), path)
            documents.append(json.loads(path.read_bytes()))
    return tuple(documents)


def _painting(brush: str, count: int = 6) -> Painting:
    noise = in_steps(np.random.default_rng(5).random((9, 14), np.float32))
    tools = register(Stamp(noise)) if brush == "stamp" else BRUSHES[brush]
    generator = torch.Generator().manual_seed(count)
    strokes = Strokes(
        tools.name,
        tools.sample(count, generator),
        torch.rand(count, tools.colors, 3, generator=generator),
        torch.rand(count, generator=generator),
        torch.randint(0, 2**31, (count,), generator=generator),
    )
    about = {
        "input": {"name": "a.png", "sha256": "0f" * 32, "width": 40, "height": 30},
        "palette": ["#102030", "#ffffff"],
        "impasto": "1.0.0",
        "checkpoint": None,
    }
    region = noise if brush in ("stamp", "rectangle") else None
    style = "oilpaintbrush" if brush == "stamp" else brush
    config = PaintConfig(style=style, strokes=77, size=48, relief=0.5 if brush == "oilpaintbrush" else 0)
    return Painting(strokes, (30, 40), (0.2, 0.4, 0.6) if region is None else None, config, region, about)


def _original(rng: random.Random) -> bytes:
    """A file of the original program with damaged or hostile arrays or bytes."""
    columns, colors = rng.choice(((5, 6), (5, 3), (8, 6), (8, 3), (7, 3)))
    shapes = {"x_ctt": columns, "x_color": colors, "x_alpha": 1}
    arrays: dict[str, Any] = {
        name: np.random.default_rng(rng.randrange(99)).random((1, 4, d), np.float32) for name, d in shapes.items()
    }
    name = rng.choice(list(arrays))
    for _ in range(rng.randrange(3)):
        arrays[name][0, rng.randrange(4), 0] = rng.choice((np.nan, np.inf, -1, -1e30, 2.5, 1e-30))
    if rng.random() < 0.3:
        arrays[name] = rng.choice(
            (np.zeros((1, 0, 5)), np.zeros(3), np.zeros((1, 4, 5), "c8"), np.zeros((2, 3, 8), "f2"), np.array("../x"),
             np.zeros((1, 4, 5), ">f8"), np.zeros((1, 1_000_001, 1), "f4"), np.zeros((1, 4, 5), [("a", "f4")]))
        )  # fmt: skip
    if rng.random() < 0.1:
        arrays[f"../../{CANARY}"] = arrays.pop(name)
    buffer = io.BytesIO()
    (np.savez_compressed if rng.random() < 0.5 else np.savez)(buffer, **arrays)
    return mutated(buffer.getvalue(), rng) if rng.random() < 0.6 else buffer.getvalue()


def _at_the_limits(document: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The document with numbers at the limits of what is allowed, on a canvas that is allowed."""
    document = json.loads(json.dumps(document))
    brush = _painting(document["brush"], 1).strokes.brush
    for parameter in BRUSHES[brush].parameters:
        column, limits = document["strokes"][parameter.name], allowed(parameter)
        for n in range(len(column)):
            if rng.random() < 0.4:
                column[n] = rng.choice((*limits, parameter.low, parameter.high, min(max(0.0, limits[0]), limits[1])))
    canvas = document["canvas"]
    canvas["height"], canvas["width"] = rng.choice(((1, 1), (30, 40), (1, 200_000_000), (200_000_000, 1), (3, 7)))
    canvas["ground"] = rng.choice(("transparent", "#ffffff", [0, 1, 0.123456789]))
    return document


def stroke_file(rng: random.Random) -> tuple[str, bytes]:
    """A damaged or hostile stroke file: (name, bytes)."""
    way = rng.random()
    if way < 0.15:
        return "a.npz", _original(rng)
    document = rng.choice(stroke_documents())
    if way < 0.3:
        document = _at_the_limits(document, rng)
    elif way < 0.65:
        document = rearranged(document, rng)
    if way < 0.8 and isinstance(document.get("input"), dict) and rng.random() < 0.5:
        document = {**document, "input": {**document["input"], "name": rng.choice(TRICKS)}}
    if 0.65 < way < 0.8:  # undamaged, except for the files that it names
        named = {key: rng.choice(TRICKS) for key in ("region", "focus", "palette", "brush") if rng.random() < 0.7}
        document = {**document, "config": {**document["config"], **named}}
    if isinstance(document.get("texture"), str) and rng.random() < 0.2:
        document = {**document, "texture": base64.b64encode(picture(rng)[1]).decode()}
    content = json.dumps(document, ensure_ascii=rng.random() < 0.7).encode(errors="surrogatepass")
    if way > 0.8:
        content = mutate_text(content, rng) if rng.random() < 0.5 else mutated(content, rng)
    if rng.random() < 0.2:
        content = gzip.compress(content, 1)
        content = mutated(content, rng) if rng.random() < 0.7 else content + gzip.compress(b"{}")
    if rng.random() < 0.004:
        content = gzip.compress(b'{"a":' + b" " * 2**28, 1)
    return "a.strokes.json", content


@cache
def film_lines() -> tuple[dict[str, Any], ...]:
    """A good stroke video, as JSON: a stroke moves, one dies and one is born, nothing happens, a cut."""
    painting = _painting("rectangle")
    film, strokes = Film("rectangle", (30, 40), Fraction(24), painting.config), painting.strokes
    ground, moved = (1.0, 1.0, 1.0), strokes.map(torch.Tensor.clone)
    moved.params["x"][1] += 0.01
    frames = [
        FilmFrame(strokes[:4], np.arange(4), ground, cut=True),
        FilmFrame(moved[:4], np.arange(4), ground),
        FilmFrame(moved[1:6], np.arange(1, 6), ground),
        FilmFrame(moved[1:6], np.arange(1, 6), ground, still=True),
        FilmFrame(strokes[:3], np.arange(6, 9), ground, cut=True),
    ]
    writer = FrameWriter(film)
    lines = [head_line(film), *map(writer.line, frames), end_line(len(frames))]
    return tuple(json.loads(gzip.decompress(line)) for line in lines)


def film_file(rng: random.Random) -> tuple[str, bytes]:
    """A damaged or hostile stroke video: (name, bytes)."""
    lines, way = list(film_lines()), rng.random()
    if way < 0.4:
        lines = rearranged(lines, rng)
    elif way < 0.55:
        n = rng.randrange(len(lines))
        lines[n : n + 1] = rng.choice(([], [lines[n]] * 2, [lines[n]] * 300, [rng.choice(lines)]))
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    if 0.55 < way < 0.7:
        content = mutate_text(content, rng)
    packed = gzip.compress(content, 1)
    return "a.strokes.jsonl.gz", mutated(packed, rng) if 0.7 < way < 0.85 else packed
