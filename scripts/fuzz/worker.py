"""The process in which `scripts/fuzz/run.py` runs its cases, and what a case must not do."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import json
import os
import random
import re
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from io import FileIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from painter.cli import BAD_INPUT, main
from painter.options.toml import make_config, read_config_file
from painter.painting.load import load_painting
from painter.pictures.brush_file import load_texture
from painter.pictures.masks import load_mask
from painter.pictures.palette import read_palette
from painter.pictures.picture import load_picture
from painter.pipeline import find_strokes
from painter.system.autosave import Autosave, AutosaveConfig
from painter.system.usage import Stopwatch, peak_rss_mb
from painter.video.film import retimed
from painter.video.stroke_video_reader import read_film, read_frames
from renderers.checkpoint import load_networks
from scripts.fuzz.cases.autosaves import autosave, subject
from scripts.fuzz.cases.checkpoints import checkpoint
from scripts.fuzz.cases.collection_files import model
from scripts.fuzz.cases.configs import config_file
from scripts.fuzz.cases.heavy import HEAVY
from scripts.fuzz.cases.picture_files import BOMBS, picture, pictures
from scripts.fuzz.cases.record_files import ledger
from scripts.fuzz.cases.stroke_files import film_file, film_lines, stroke_documents, stroke_file
from scripts.fuzz.collections import answer_request_case, load_model_case, read_layers_case
from scripts.fuzz.records import (
    open_ledger_case,
    read_journal_case,
    read_palette_case,
    read_recipe_case,
    read_weights_case,
)
from scripts.fuzz.run import Outcome
from scripts.fuzz.watch import Opened, Wrong, refusal

LONGEST_MESSAGE = 2000  # characters
BEFORE = b"what was there before"
NEVER_READ = ("weights",)  # kinds of which no file is good: a whole network's would be too large
SVG_TAGS = {
    *("svg", "title", "desc", "rect", "g", "path", "linearGradient", "stop", "defs", "mask", "image", "use", "ellipse"),
    *("metadata", "strokes"),
    *("circle", "line", "polyline"),
}


def work() -> None:
    """Read numbers of cases, one per line, run them, and print an Outcome for each, as JSON."""
    answers = os.fdopen(os.dup(1), "w")
    scratch = Path(os.environ["IMPASTO_FUZZ_SCRATCH"])
    noise = open(scratch / "noise", "w+b", buffering=0)  # noqa: SIM115
    os.dup2(2, 1)
    seed, opened = int(sys.stdin.readline()), Opened()
    opened.root = str(scratch / "case")
    _warm_up(scratch / "warm")
    for stream in (1, 2):
        os.dup2(noise.fileno(), stream)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        outcome = _run_case(seed, int(line), Path(opened.root), opened, noise)
        if int(line) < 0:  # what one of the heaviest files has left must not count for the next
            gc.collect()
            with contextlib.suppress(AttributeError):
                ctypes.CDLL(None).malloc_trim(0)
        print(json.dumps(asdict(outcome)), file=answers, flush=True)


def _warm_up(folder: Path) -> None:
    """Import and compile all that the cases need."""
    (folder / "out").mkdir(parents=True)
    os.chdir(folder)
    Path("a.png").write_bytes(pictures()[0][1])
    for k, document in enumerate(stroke_documents()):
        Path(f"{k}.strokes.json").write_text(json.dumps(document))
        _command(["replay", f"{k}.strokes.json", *_OUTPUTS, "--size", "48", "--frames", "3"])
    for style in ("markerpen", "oil"):
        _command(["a.png", *_OUTPUTS, *_SHORT, "--style", style])
    autosave(random.Random(0))
    film_lines()
    ledger(random.Random(0))
    model(random.Random(0))


def _run_case(seed: int, case: int, root: Path, opened: Opened, noise: FileIO) -> Outcome:
    """Run one case, in a folder of its own; `noise` is what libraries write to by themselves."""
    rng = random.Random(f"{seed}-{case}")
    kind = rng.choices(list(KINDS), [share for share, _ in KINDS.values()])[0]
    run = KINDS[kind][1]
    if (special := _special(case)) is not None:
        kind, run = special
    outcome = Outcome(case, kind)
    opened.breaches.clear()
    opened.ours = True
    (root / "in" / "out").mkdir(parents=True)
    os.chdir(root / "in")
    opened.ours = False
    try:
        outcome.refused = run(rng, opened)
        if outcome.refused is not None:
            _check_message(outcome.refused)
        if said := _said(noise):
            raise Wrong(f"a library wrote to the terminal itself: {said!r}")
        if opened.breaches:
            raise Wrong(f"not allowed: {opened.breaches[0]}")
    except Wrong as error:
        outcome.wrong = str(error)
    except BaseException:
        outcome.wrong = traceback.format_exc(limit=-6)
    finally:
        opened.strict, opened.beside, opened.ours = False, False, True
        noise.truncate(0)
        outcome.seconds, outcome.peak_mb = time.process_time() - opened.start, _peak_mb()
        os.chdir("/")
        if outcome.wrong is None:
            shutil.rmtree(root)
        else:
            _keep(seed, case, root)
    return outcome


def _said(noise: FileIO) -> bytes:
    """The beginning of what is in a file."""
    return os.pread(noise.fileno(), 300, 0)


def _peak_mb() -> float:
    return peak_rss_mb() or 0.0


def _keep(seed: int, case: int, root: Path) -> None:
    """Move the files of a failed case to the folder where they are kept."""
    folder = Path(os.environ["IMPASTO_FUZZ_OUT"])
    folder.mkdir(parents=True, exist_ok=True)
    for path in root.rglob("*"):
        if path.is_file():
            shutil.copyfile(path, folder / f"{seed}-{case}-{path.name[-40:]}")
    shutil.rmtree(root)


def _check_message(message: str) -> None:
    if not message.isprintable() or len(message) > LONGEST_MESSAGE:
        raise Wrong(f"the message is not one short line: {message[:300]!r}")


# --- the kinds of case --------------------------------------------------------------------------------------


def _read_picture(rng: random.Random, opened: Opened) -> str | None:
    name, side, way = opened.write(*picture(rng)), rng.choice((1, 16, 40, 500)), rng.random()

    def read() -> None:
        if way < 0.6:
            found = load_picture(name, side)
            arrays = [found.rgb] if found.alpha is None else [found.rgb, found.alpha]
            if max(found.rgb.shape[:2]) != side:
                raise Wrong(f"the picture has {found.rgb.shape}")
        elif way < 0.75:
            arrays = [load_mask(name, 17, 24, "--region")]
        elif way < 0.9:
            arrays = [load_texture(name)]
        else:
            arrays = [read_palette(name, np.zeros((2, 2, 3), np.float32), None, 0)]
        if not all(a.min() >= 0 and a.max() <= 1 for a in arrays):
            raise Wrong("values are not within 0 and 1")

    return refusal(read)


def _read_strokes(rng: random.Random, opened: Opened) -> str | None:
    name, opened.strict = opened.write(*stroke_file(rng)), True

    def read() -> None:
        strokes = load_painting(name).strokes
        parts = [*strokes.params.values(), strokes.colors, strokes.opacity]
        if not all(part.isfinite().all() for part in parts):
            raise Wrong("values are not finite")

    return refusal(read)


def _read_film(rng: random.Random, opened: Opened) -> str | None:
    name, opened.strict = Path(opened.write(*film_file(rng))), True

    def read() -> None:
        film = read_film(name)
        for frame in retimed(read_frames(name), film.rate, film.rate * 3 / 2):
            parts = [*frame.strokes.params.values(), frame.strokes.colors, frame.strokes.opacity]
            if not all(part.isfinite().all() for part in parts):
                raise Wrong("values are not finite")

    return refusal(read)


def _read_config(rng: random.Random, opened: Opened) -> str | None:
    name = Path(opened.write(*config_file(rng)))
    return refusal(lambda: json.dumps(asdict(make_config({}, name)), allow_nan=False))


def _read_checkpoint(rng: random.Random, opened: Opened) -> str | None:
    manifest, content = checkpoint(rng)
    opened.write("manifest.json", manifest)
    opened.write("rectangle.safetensors", content)
    opened.strict = opened.beside = True

    def read() -> None:
        if not all(tensor.isfinite().all() for tensor in load_networks("rectangle", Path()).state_dict().values()):
            raise Wrong("weights are not finite")

    return refusal(read)


def _resume(rng: random.Random, opened: Opened) -> str | None:
    """A search is resumed from an autosave, or refuses it and leaves it as it is."""
    number, content = autosave(rng)
    never = AutosaveConfig(1e9)  # on a busy machine a good one would be replaced by the progress after it
    saving = Autosave(Path("a.png"), subject(number), resume=True, config=never)
    opened.write(str(saving.path), content)
    refused = refusal(lambda: find_strokes(subject(number), Stopwatch(), None, saving).painting.draw())
    if refused is not None and not refused.endswith("; it was left alone"):
        raise Wrong(f"refused, but not as an autosave: {refused}")
    if saving.path.read_bytes() != content:
        raise Wrong("the autosave was changed")
    return refused


def _special(case: int) -> tuple[str, Callable[[random.Random, Opened], str | None]] | None:
    """The first cases are BOMBS in turn, those below 0 HEAVY: returns the kind, and what runs the case."""
    if not -len(HEAVY) <= case < len(BOMBS):
        return None
    name, make = ("a.png", BOMBS[case]) if case >= 0 else HEAVY[case]

    def run(rng: random.Random, opened: Opened) -> str | None:
        opened.write(name, make())
        if name.endswith(".png"):
            return refusal(lambda: load_picture(name, 500))
        return refusal(lambda: read_config_file(Path(name)) if name.endswith(".toml") else load_painting(name))

    return "bomb" if case >= 0 else "heavy", run


_OUTPUTS = ("-o", "out/a.png", "-o", "out/a.svg", "-o", "out/a.gif")
_SHORT = ("--iterations", "2", "--strokes", "3", "--size", "32", "--frames", "3", "--levels", "1", "--ot", "0")


def _replay(rng: random.Random, opened: Opened) -> str | None:
    name, opened.strict = opened.write(*stroke_file(rng)), True
    extra = rng.choice(((), ("--svg", "plot"), ("--relief", "1"), ("--strokes", ":3"), ("--canvas", "transparent")))
    return _command(["replay", name, *_OUTPUTS, "--size", "48", "--frames", "3", "--strokes", ":20", *extra])


def _paint(rng: random.Random, opened: Opened) -> str | None:
    name, content = picture(rng)
    image, extra = opened.write("good.png", pictures()[0][1]), list[str]()
    hostile, way = opened.write(name, content), rng.randrange(6)
    if way < 2:
        image = hostile
    elif way < 5:
        extra = [("--region", "--focus", "--brush")[way - 2], hostile]
    else:
        extra = ["--config", opened.write(*config_file(rng))]
    style = rng.choice(("markerpen", "oil"))
    return _command([image, *_OUTPUTS, *_SHORT, "--style", style, *extra])


def _command(arguments: Sequence[str]) -> str | None:
    """Run a command that overwrites existing files; returns the message with which it refuses, None if it does not."""
    outputs = [Path(arguments[k + 1]) for k, word in enumerate(arguments) if word == "-o"]
    for path in outputs:
        path.write_bytes(BEFORE)
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = main([*arguments, "--quiet", "--overwrite"])
    written = {path for path in outputs if path.read_bytes() != BEFORE}
    for path in written:
        check_complete(path)
    left = set(Path("out").iterdir()) - {*outputs, Path("out/a.strokes.json")}
    if left:
        raise Wrong(f"left behind: {sorted(map(str, left))}")
    if code == BAD_INPUT:
        _check_message(errors.getvalue().removesuffix("\n"))
        if written:
            raise Wrong(f"refused ({errors.getvalue().strip()}), but wrote {sorted(map(str, written))}")
        return errors.getvalue().strip()
    if code != 0 or len(written) < len(outputs) or errors.getvalue():
        raise Wrong(f"exit code {code}, wrote {len(written)} of {len(outputs)}, printed {errors.getvalue()!r}")
    return None


def check_complete(path: Path) -> None:
    """Read a file that was written to its end.

    Raises:
        Wrong: it is an SVG with elements or links that we do not write.
        OSError, SyntaxError: it is incomplete.
    """
    if path.suffix == ".svg":
        root = ElementTree.parse(path).getroot()
        foreign = {element.tag.rpartition("}")[2] for element in root.iter()} - SVG_TAGS
        links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href") and v[:1] != "#"]
        texts = [element.text or "" for element in root.iter() if element.tag.endswith("}strokes")]
        if not all(re.fullmatch(r"[A-Za-z0-9+/=]+", text) for text in texts):
            raise Wrong("the SVG carries strokes that are not in base64")
        if foreign or not all(link.startswith("data:image/png;base64,") for link in links):
            raise Wrong(f"the SVG contains {foreign or links}")
        return
    with Image.open(path) as image:
        for frame in range(getattr(image, "n_frames", 1)):
            image.seek(frame)
            image.load()


KINDS: dict[str, tuple[int, Callable[[random.Random, Opened], str | None]]] = {
    "picture": (35, _read_picture),
    "strokes": (18, _read_strokes),
    "film": (7, _read_film),
    "config": (15, _read_config),
    "checkpoint": (11, _read_checkpoint),
    "autosave": (12, _resume),
    "replay": (10, _replay),
    "paint": (4, _paint),
    "recipe": (8, read_recipe_case),
    "palette": (5, read_palette_case),
    "weights": (6, read_weights_case),
    "journal": (4, read_journal_case),
    "ledger": (8, open_ledger_case),
    "model": (6, load_model_case),
    "layers": (6, read_layers_case),
    "request": (6, answer_request_case),
}
"""By kind: weight among the cases, and what runs a case and returns the message if it was refused."""


if __name__ == "__main__":
    work()
