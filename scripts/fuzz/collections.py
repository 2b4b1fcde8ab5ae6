"""Cases of models, folders of layers and requests of pages: each returns the message if it was refused."""

from __future__ import annotations

import json
import os
import random
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from painter.layers.hashlips import read_layers
from painter.learning.model_file import load_model
from painter.options.serving import StudioConfig
from painter.studio.library import Library
from painter.studio.requests import export_options, paint_request, restyle_request
from scripts.fuzz.cases.collection_files import (
    export_request_of,
    layer_files,
    model,
    paint_request_of,
    restyle_request_of,
)
from scripts.fuzz.cases.picture_files import pictures
from scripts.fuzz.watch import Opened, refusal


def load_model_case(rng: random.Random, opened: Opened) -> str | None:
    """A model is read."""
    name = opened.write("a.model", model(rng))
    return refusal(lambda: load_model(name))


def read_layers_case(rng: random.Random, opened: Opened) -> str | None:
    """A folder of layers is read, with the configuration in it."""
    opened.ours = True
    for name, content in layer_files(rng, pictures()[0][1]).items():
        Path("layers", name).parent.mkdir(parents=True, exist_ok=True)
        Path("layers", name).write_bytes(content)
    opened.write("in", b"")
    return refusal(lambda: read_layers(Path("layers")))


@cache
def _studio() -> dict[Path, bytes]:
    """The files of a studio that has been given one picture: its preview takes a third of a second."""
    with tempfile.TemporaryDirectory() as folder:
        library = Library(Path(folder), megapixels=1)
        library.add_picture(library.temporary(pictures()[0][1]), "good.png")
        files = (path for path in Path(folder).rglob("*") if path.is_file())
        return {path.relative_to(folder): path.read_bytes() for path in files}


def answer_request_case(rng: random.Random, opened: Opened) -> str | None:
    """What a page asks for is checked; the studio answers to an error of types, too."""
    opened.ours = True
    for path, content in _studio().items():
        Path("out/studio", path).parent.mkdir(parents=True, exist_ok=True)
        Path("out/studio", path).write_bytes(content)
    library = Library(Path("out/studio"), megapixels=1)
    (picture,) = os.listdir("out/studio/pictures")
    opened.write("in", b"")
    painting = {"id": picture, "name": "good", "size": rng.choice((64, 64, 64, 10**9)), "strokes": 9}
    answers: tuple[tuple[Any, Callable[[dict[str, Any]], Any]], ...] = (
        (paint_request_of(rng, picture), lambda asked: paint_request(asked, library, StudioConfig())),
        (restyle_request_of(rng, picture), lambda asked: restyle_request(asked, painting, library, StudioConfig())),
        (export_request_of(rng), lambda asked: asdict(export_options(asked))),
    )
    asked, check = rng.choice(answers)

    def answer() -> None:
        if isinstance(asked, dict):
            json.dumps(check(json.loads(json.dumps(asked))))

    try:
        return refusal(answer)
    except TypeError:
        return "an option has a value of another type"
