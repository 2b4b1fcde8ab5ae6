"""Fuzz one reader guided by coverage, with atheris (libFuzzer for Python): finds what blind changes do not reach.

    python -m scripts.fuzz.guided READER [options of libFuzzer, such as -runs=20000 -max_total_time=60 -seed=1]

READER: strokes, config, recipe, palette, layers, model, journal. atheris is not among the dependencies, and not there
for every Python: `pip install atheris`. The painter's modules and the standard library's json are instrumented. An
input fails if anything else is raised than an ImpastoError whose message is one printable line; it is kept by libFuzzer
as crash-DIGEST in the current folder. What has been found to reach new code is kept in output/fuzz/corpus/READER.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

from scripts import ROOT

with atheris.instrument_imports(include=["painter", "json", "tomllib", "renderers.checkpoint"]):
    from painter.batch.collection.reading import read_recipe
    from painter.layers.javascript import read_constants
    from painter.learning.model_file import load_model
    from painter.options.toml import make_config
    from painter.painting.load import load_painting
    from painter.pictures.palette import read_palette
    from painter.system.journal import Journal

import numpy as np

from painter.errors import ImpastoError
from scripts.fuzz.cases.collection_files import layer_files, model
from scripts.fuzz.cases.configs import config_file
from scripts.fuzz.cases.record_files import COMMAND, journal, palette_file, recipe_file
from scripts.fuzz.cases.stroke_files import stroke_file

SEEDS = 60  # files of the blind fuzzer that each reader begins with

READERS: dict[str, tuple[str, Callable[[Path], object], Callable[[random.Random], bytes]]] = {
    "strokes": ("a.strokes.json", load_painting, lambda rng: stroke_file(rng)[1]),
    "config": ("a.toml", lambda path: make_config({}, path), lambda rng: config_file(rng)[1]),
    "recipe": ("a.toml", read_recipe, lambda rng: recipe_file(rng)[1]),
    "palette": (
        "a.txt", lambda path: read_palette(str(path), np.zeros((2, 2, 3), np.float32), None, 0),
        lambda rng: palette_file(rng)[1],
    ),
    "layers": ("config.js", lambda path: read_constants(path.read_text("utf-8", "replace")),
               lambda rng: layer_files(rng, b"picture")["config.js"]),
    "model": ("a.model", load_model, model),
    "journal": ("a.journal", lambda path: Journal(path, COMMAND, resume=True), journal),
}  # fmt: skip
"""By name: the file's name, what reads it, and what makes a file to begin with."""


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    if len(sys.argv) < 2 or sys.argv[1] not in READERS:
        sys.exit(__doc__)
    name = sys.argv[1]
    file, read, make = READERS[name]
    corpus = ROOT / "output" / "fuzz" / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for k in range(SEEDS):
        (corpus / f"seed-{k}").write_bytes(make(random.Random(k)))
    path = Path(tempfile.mkdtemp(prefix="impasto-guided-"), file)

    def one(content: bytes) -> None:
        path.write_bytes(content)
        try:
            read(path)
        except ImpastoError as error:
            if not str(error).isprintable() or len(str(error)) > 2000:
                raise ValueError(f"the message is not one short line: {str(error)[:300]!r}") from error

    os.chdir(path.parent)
    atheris.Setup([sys.argv[0], str(corpus), *sys.argv[2:]], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
