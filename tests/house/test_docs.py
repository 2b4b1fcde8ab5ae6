"""What the documentation shows is run, and what it says of the Python API is what the docstrings say."""

from __future__ import annotations

import doctest
import importlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import painter
from painter import ExportConfig, PaintConfig, Painting, paint
from painter.export import FORMATS
from painter.pictures.samples import sample_path
from scripts.benchmark import exports
from scripts.make_docs import CHAPTERS, PAGES, main

ROOT = Path(__file__).resolve().parents[2]
PICTURE = (64, 48)  # width and height of the stand-in for pictures that examples name
# What examples ask for, and what stands for it here, so that they are quick.
QUICKER = {
    "strokes=800": "strokes=8, size=64, iterations=3",
    "size=2048": "size=96",
    "size=4096": "size=128",
}
STILLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("a.png", {}),
    ("b.png", {"bit_depth": 16}),
    ("a.jpg", {}),
    ("a.webp", {}),
    ("b.webp", {"quality": 100}),
    ("a.svg", {}),
    ("b.svg", {"svg": "plot"}),
    ("a.html", {}),
    ("a.ora", {}),
    ("a.psd", {}),
    ("a.strokes.json", {}),
    ("a.strokes.json.gz", {}),
)


# --- examples in texts --------------------------------------------------------------------------------------


def python_blocks(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def picture_size(path: str | Path) -> tuple[int, int]:
    """Width and height of a picture file."""
    with Image.open(path) as image:
        return image.width, image.height


def run_blocks(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run a text's examples one after the other in `folder`; returns the names that they leave."""
    monkeypatch.chdir(folder)
    pixels = np.random.default_rng(4).integers(0, 256, (*PICTURE[::-1], 3), np.uint8)
    Image.fromarray(pixels).save("portrait.jpg")
    names: dict[str, Any] = {}
    for block in python_blocks(path):
        for slow, quick in QUICKER.items():
            block = block.replace(slow, quick)
        exec(compile(block, path.name, "exec"), names)
    return names


def test_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    names = run_blocks(ROOT / "README.md", tmp_path, monkeypatch)
    assert re.match(r"\d+\.\d+ dB\n", capsys.readouterr().out)
    assert picture_size("portrait.png") == (64, 48)
    assert picture_size("poster.png") == (128, 96)
    assert np.array_equal(names["painting"].draw(), names["result"].image)
    assert {path.name for path in tmp_path.iterdir()} == {
        "portrait.jpg", "portrait.png", "portrait.strokes.json", "poster.png", "poster.svg"
    }  # fmt: skip


@pytest.mark.slow
def test_the_page_on_python_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = ROOT / "docs/python.md"
    blocks = "".join(python_blocks(page))
    assert all(slow in blocks for slow in QUICKER)
    shown = [".load(", ".draw(size=", ".frames(", ".save("]
    assert all(call in blocks for call in shown)
    names = run_blocks(page, tmp_path, monkeypatch)
    assert re.match(r"\d+\.\d+ dB\n", capsys.readouterr().out)
    assert names["large"].shape == (72, 96, 3)
    assert picture_size("portrait.png") == (64, 48)
    assert picture_size("poster.png") == (128, 96)
    assert np.array_equal(names["painting"].draw(), names["result"].image)
    assert {path.name for path in tmp_path.iterdir()} == {
        "portrait.jpg", "portrait.png", "portrait.strokes.json", "poster.png", "poster.svg", "portrait.mp4"
    }  # fmt: skip


@pytest.mark.slow
def test_the_documents_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [path for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in PAGES]
    ran = 0
    for path in documents:
        folder = tmp_path / path.stem
        folder.mkdir()
        prepare_stroke_file(folder)
        run_blocks(path, folder, monkeypatch)
        ran += len(python_blocks(path))
    assert ran


def prepare_stroke_file(folder: Path) -> None:
    """The stroke file that docs/stroke-format.md reads."""
    made("oilpaintbrush").save(folder / "cat.strokes.json")


# --- examples in docstrings ---------------------------------------------------------------------------------


def modules_with_examples() -> list[str]:
    """Of the modules but `painter` itself, whose example the others go on from."""
    paths = [path for folder in ("painter", "renderers") for path in sorted((ROOT / folder).rglob("*.py"))]
    with_examples = [path for path in paths if re.search(r"^\s*>>> ", path.read_text("utf-8"), re.MULTILINE)]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in with_examples]
    return [name.removesuffix(".__init__") for name in names if name != "painter.__init__"]


def run_examples(test: doctest.DocTest) -> int:
    """Run a docstring's examples, leaving their names in `test.globs`; returns how many there are."""
    said: list[str] = []
    outcome = doctest.DocTestRunner(verbose=False).run(test, out=said.append, clear_globs=False)
    assert not outcome.failed, "".join(said)
    return outcome.attempted


@pytest.fixture(scope="module")
def first_names() -> dict[str, Any]:
    """What the package's own example leaves."""
    names: dict[str, Any] = {}
    assert painter.__doc__ is not None
    test = doctest.DocTestParser().get_doctest(painter.__doc__, names, "painter", "painter/__init__.py", 0)
    assert run_examples(test) >= 5
    return test.globs


@pytest.mark.slow
@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_in_docstrings_run(
    name: str, first_names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    tests = doctest.DocTestFinder().find(module, globs={**first_names, **vars(module)})
    assert sum(run_examples(test) for test in tests)


def test_what_is_public_is_documented_with_examples() -> None:
    things = [thing for _, things in CHAPTERS for thing in things]
    names = {thing.__name__ for thing in things}
    errors = {name for name in painter.__all__ if name.endswith("Error")}
    assert set(painter.__all__) - errors - {"__version__"} <= names
    assert all(name in vars(importlib.import_module("painter.errors")) for name in errors)
    with_examples = set(modules_with_examples())
    assert {thing.__module__ for thing in things if hasattr(thing, "__module__")} <= with_examples
    for method in (Painting.load, Painting.save, Painting.draw, Painting.bands, Painting.frames, Painting.drawn_after):
        assert ">>> " in (method.__doc__ or "")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_is_made_is_up_to_date(page: str, tmp_path: Path) -> None:
    main(["--out", str(tmp_path)])
    assert {path.name for path in tmp_path.iterdir()} == set(PAGES)
    assert (tmp_path / page).read_text("utf-8") == (ROOT / "docs" / page).read_text("utf-8"), "run `make docs`"


# --- what the examples promise ------------------------------------------------------------------------------


def made(style: str, **changes: Any) -> Painting:
    """A painting in few strokes."""
    config = PaintConfig(style=style, strokes=12, size=64, iterations=2, seed=3)
    return replace(paint(sample_path(), config).painting, **changes)


def assert_the_same_stills(painting: Painting, folder: Path) -> None:
    painting.save(folder / "x.strokes.json")
    again = Painting.load(folder / "x.strokes.json")
    for name, options in STILLS:
        contents = []
        for which, one in (("first", painting), ("second", again)):
            (folder / which).mkdir(exist_ok=True)
            notes = one.save(folder / which / name, config=ExportConfig(**options))
            bare = name.endswith((".html", ".ora", ".psd"))  # these have no texture, and say so
            assert notes == [] or (bare and "without texture" in notes[0]), notes
            contents.append((folder / which / name).read_bytes())
        assert contents[0] == contents[1], name


@pytest.mark.slow
@pytest.mark.parametrize("style", ["oilpaintbrush", "watercolor", "markerpen", "rectangle"])
def test_a_stroke_file_draws_the_same_bytes(style: str, tmp_path: Path) -> None:
    assert {Path("x" + ending).suffixes[-1] for ending in FORMATS if ending[0] == "."} - {".jpeg", ".gif", ".mp4"} == {
        Path(name).suffixes[-1] for name, _ in STILLS
    }
    painting = made(style)
    assert painting.ground is None
    assert_the_same_stills(painting, tmp_path)


@pytest.mark.slow
def test_a_stroke_file_of_a_region_in_relief_draws_the_same_bytes(tmp_path: Path) -> None:
    painting = made("oilpaintbrush", ground=(0.2, 0.4, 0.6), region=np.eye(16, dtype=np.float32))
    painting = replace(painting, config=replace(painting.config, relief=0.7))
    assert_the_same_stills(painting, tmp_path)


@pytest.mark.slow
def test_a_stroke_file_of_a_brush_of_ones_own_draws_the_same_bytes(tmp_path: Path) -> None:
    tip = np.zeros((12, 16), np.uint8)
    tip[2:9, 3:12] = 200
    Image.fromarray(tip).save(tmp_path / "tip.png")
    painting = paint(sample_path(), PaintConfig(brush=str(tmp_path / "tip.png"), strokes=6, size=48, iterations=1))
    assert_the_same_stills(painting.painting, tmp_path)


def test_save_takes_a_size(tmp_path: Path) -> None:
    painting = made("rectangle")
    assert painting.save(tmp_path / "a.png", tmp_path / "b.jpg", size=100) == []
    assert {picture_size(tmp_path / name) for name in ("a.png", "b.jpg")} == {(100, 100)}
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(np.array(image), painting.draw(100))
    assert painting.config.size == 64


@pytest.mark.slow
def test_save_says_what_was_lowered(tmp_path: Path) -> None:
    (note,) = made("markerpen").save(tmp_path / "a.gif", config=ExportConfig(max_bytes=2500))
    assert note.startswith(f"{tmp_path / 'a.gif'}: ")
    assert (tmp_path / "a.gif").stat().st_size <= 2500


# --- the table of exports -----------------------------------------------------------------------------------


def test_every_format_is_measured() -> None:
    names = [name for _, name, _ in exports.EXPORTS if name]
    measured = {name if name.endswith("/") else name[name.index(".") :] for name in names}
    assert measured == set(FORMATS) - {".jpeg"}
    rows = re.findall(r"^\| (\S.*?) \|", (ROOT / "docs/formats.md").read_text("utf-8"), re.MULTILINE)
    assert {title for title, _, _ in exports.EXPORTS} <= set(rows)


@pytest.mark.slow
def test_an_export_is_measured(tmp_path: Path) -> None:
    painting = made("markerpen")
    painting.save(tmp_path / "x.strokes.json")
    measured = exports.measure(tmp_path / "x.strokes.json", 100, "out.png", {})
    painting.save(tmp_path / "x.png", size=100)
    assert measured["bytes"] == (tmp_path / "x.png").stat().st_size
    assert measured["strokes"] == 12 and 0 < measured["seconds"] < 60 and measured["mb"] > 50
    lines = exports.table([[measured] * len(exports.EXPORTS)] * 2)
    assert lines[0].count("12 strokes") == 2 and len({line.count("|") for line in lines}) == 1
