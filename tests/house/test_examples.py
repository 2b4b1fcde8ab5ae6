"""The programs in examples/: each runs as it stands, small and in an empty folder, and uses what is public alone."""

from __future__ import annotations

import ast
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import painter
from painter.painting.painting import Painting
from scripts.make_docs import CHAPTERS

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RUNS = {
    "paint_photo.py": "--strokes 8 --size 48",
    "animate.py": "--count 8 --size 48 --seconds 0.5 --max-bytes 8kB",
    "restyle.py": "--count 8 --size 48 --iterations 2 --mode texture",
    "custom_brush.py": "--strokes 5 --size 48",
    "make_collection.py": "--count 2 --strokes 5 --size 32 --processes 1",
}
MOST_LINES = 80

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked_workers")]


def run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, words: str | None = None) -> set[str]:
    """Run an example in `folder`; returns the files that are there then."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [name, *(RUNS[name] if words is None else words).split()])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_there_are_five_and_each_is_short_and_run_here() -> None:
    paths = sorted(EXAMPLES.glob("*.py"))
    assert {path.name for path in paths} == set(RUNS) and len(paths) == 5
    for path in paths:
        text = path.read_text("utf-8")
        assert len(text.splitlines()) <= MOST_LINES, path
        assert f"\n    python examples/{path.name} " in text, path


@pytest.mark.parametrize("name", RUNS)
def test_an_example_uses_what_is_public_alone(name: str) -> None:
    documented = {(thing.__module__, thing.__name__) for _, things in CHAPTERS for thing in things if callable(thing)}
    public = {("painter", thing) for thing in painter.__all__} | documented
    public |= {("painter.cli", "main"), ("painter.pictures.samples", "SAMPLES")}
    for node in ast.walk(ast.parse((EXAMPLES / name).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            ours = [alias.name for alias in node.names if alias.name.split(".")[0] in ("painter", "renderers")]
            assert not ours, ours
        elif isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in ("painter", "renderers"):
            assert {(node.module, alias.name) for alias in node.names} <= public, ast.unparse(node)


def test_a_photo_is_painted_with_its_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = run("paint_photo.py", tmp_path, monkeypatch)
    stem = "output/apple_coin-watercolor"
    assert files == {f"{stem}.png", f"{stem}.strokes.json"}
    with Image.open(tmp_path / f"{stem}.png") as image:
        assert image.size == (48, 48)
    assert len(Painting.load(tmp_path / f"{stem}.strokes.json").strokes) == 8
    shown = capsys.readouterr().out
    assert "step 1/" in shown and shown.rstrip().endswith("dB to the picture")


def test_a_film_is_made_of_a_logo_and_of_a_stroke_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("animate.py", tmp_path, monkeypatch) == {"output/logo.mp4", "output/logo.gif"}
    with Image.open(tmp_path / "output/logo.gif") as film:
        assert film.size == (48, 48) and getattr(film, "n_frames", 1) > 2
    assert (tmp_path / "output/logo.gif").stat().st_size <= 8000

    run("paint_photo.py", tmp_path, monkeypatch)
    words = "output/apple_coin-watercolor.strokes.json --size 32 --seconds 0.5 --out films"
    files = run("animate.py", tmp_path, monkeypatch, words)
    assert {"films/apple_coin-watercolor.mp4", "films/apple_coin-watercolor.gif"} <= files


def test_strokes_are_restyled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = run("restyle.py", tmp_path, monkeypatch)
    stem = "output/apple_coin-circuit_coin"
    assert files == {f"{stem}.png", f"{stem}.strokes.json"}
    assert "style loss " in capsys.readouterr().out
    styled = run("restyle.py", tmp_path, monkeypatch, f"{stem}.strokes.json --size 32 --iterations 1 --out again")
    assert "again/apple_coin-circuit_coin-circuit_coin.png" in styled


def test_a_brush_of_ones_own_is_drawn_and_painted_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = run("custom_brush.py", tmp_path, monkeypatch)
    assert files == {"output/leaf.png", "output/octahedron-leaf.png", "output/octahedron-leaf.svg"}
    with Image.open(tmp_path / "output/leaf.png") as image:
        leaf = np.array(image)
    assert leaf.shape == (96, 192) and 0.3 < (leaf == 0).mean() < 0.7


def test_a_collection_is_made_and_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = run("make_collection.py", tmp_path, monkeypatch)
    folder = "output/collection"
    assert {f"{folder}.toml", f"{folder}/contact.png", f"{folder}/rarity.csv"} <= files
    names = {json.loads((tmp_path / f"{folder}/json/{number}.json").read_text())["name"] for number in (1, 2)}
    assert names == {"Example #1", "Example #2"}
    before = (tmp_path / f"{folder}/images/1.png").stat().st_mtime_ns
    assert run("make_collection.py", tmp_path, monkeypatch) == files
    assert (tmp_path / f"{folder}/images/1.png").stat().st_mtime_ns == before
