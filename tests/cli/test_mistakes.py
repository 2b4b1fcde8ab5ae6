"""Mistakes of daily use: each gets one line before any work, and nothing is lost."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from painter import cli
from painter.cli.arguments import new_parser
from painter.export import FORMATS, Format, register, without_effect
from painter.options.export import ExportConfig

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--size", "32", "--strokes", "4", "--iterations", "0", "--texture", "0"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, with cat.png in it, in which commands are run."""
    pixels = np.random.default_rng(1).integers(0, 256, (30, 40, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "cat.png")
    Image.fromarray(np.zeros((30, 40, 4), np.uint8)).save(tmp_path / "clear.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that must be refused in one line, with exit code 2 and no new file; the line."""
    before = set(Path.cwd().rglob("*"))
    assert cli.main(list(words)) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1, captured
    assert set(Path.cwd().rglob("*")) == before
    return captured.err


# --- names that name no file --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", ".", "./", "/", "..", "a/.."])
def test_outputs_without_a_name(name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = "the name is empty; is a variable of the command unset?" if name == "" else "it names no file"
    for words in (
        ["cat.png", "-o", name],
        ["cat.png", "-o", "a.png", "--report", name],
        ["cat.png", "-o", "a.png", "--style-image", "cat.png", "--losses", name],
        ["replay", "none.strokes.json", "-o", name],
    ):
        assert wrong in refused(capsys, *words, *([] if words[0] == "replay" else SMALL)), words


@pytest.mark.parametrize(
    "words",
    [
        [""],
        ["batch", "", "-o", "out"],
        ["batch", ".", "-o", ""],
        ["suggest", "cat.png", "-o", ""],
        ["transfer", "cat.png", ""],
        ["collection", "run", "a.toml", "-o", ""],
        ["collection", "init", ""],
    ],
)
def test_empty_names_are_not_the_current_folder(
    words: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "the name is empty" in refused(capsys, *words)


def test_a_recipe_beside_another_needs_a_folder_with_a_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["collection", "init", ".", "--quiet"]) == 0
    assert "cannot write to .: it has such files already" in refused(capsys, "collection", "init", ".")


@pytest.mark.parametrize(
    "words",
    [
        ["cat.png", "--report", "a.json", "--report", "b.json"],
        ["cat.png", "--config", "a.toml", "--config", "b.toml"],
        ["suggest", "cat.png", "-o", "a.png", "-o", "b.png"],
        ["batch", ".", "-o", "a", "-o", "b"],
    ],
)
def test_the_first_of_two_files_is_not_dropped(
    words: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "given twice; leave one out" in refused(capsys, *words)


# --- before the search --------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--min-size", "--max-size"])
def test_strokes_that_no_stroke_file_can_keep(option: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, "cat.png", "-o", "a.png", option, "1e-9", *SMALL)
    assert f"{option} 1e-09: must be a number from 1e-05 to 1" in line


def test_a_mask_is_compared_with_the_picture_as_it_is(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("L", (9, 9), 255).save(here / "square.png")
    for command in (["cat.png"], ["transfer", "cat.png", "cat.png"]):
        line = refused(capsys, *command, "--size", "32", "--region", "square.png", "-o", "a.png")
        assert "the mask has 9 x 9 pixels but the picture 40 x 30" in line


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--style", "watercolor", "--relief", "0.5"], ["--tones", "2"]])
def test_nothing_is_painted_where_there_is_nothing(more: list[str], here: Path) -> None:
    words = ["clear.png", "-o", "a.png", "--size", "32", "--strokes", "6", "--iterations", "2", "--quiet", *more]
    assert cli.main([*words, "--report", "a.json"]) == 0
    assert not np.asarray(Image.open("a.png")).any() and json.loads(Path("a.json").read_text())["psnr"] == 100
    assert cli.main(["replay", "a.strokes.json", "-o", "b.png", "--quiet"]) == 0
    assert Path("b.png").read_bytes() == Path("a.png").read_bytes()


def test_nothing_is_seen_of_a_region_beside_the_picture(here: Path) -> None:
    pixels = np.zeros((30, 40, 4), np.uint8)
    pixels[:, :20] = 255
    Image.fromarray(pixels).save("left.png")
    Image.fromarray(255 - pixels[..., 3]).save("right.png")
    assert cli.main(["left.png", "--region", "right.png", "-o", "a.png", "--quiet", *SMALL]) == 0
    assert not np.asarray(Image.open("a.png")).any()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["cat.png", "--style-image", "clear.png", "--features", "random", "-o", "a.png", *SMALL], "clear.png: it is"),
        (["clear.png", "--style-image", "cat.png", "--features", "random", "-o", "a.png", *SMALL], "the input picture"),
        (["transfer", "cat.png", "clear.png", "-o", "a.png"], "style picture 1, clear.png"),
        (["transfer", "clear.png", "cat.png", "-o", "a.png"], "the input picture, clear.png"),
    ],
)
def test_style_needs_something_to_see(
    words: list[str], what: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, *words)
    assert what in line and "transparent everywhere" in line


# --- what was dropped without a word ------------------------------------------------------------------------


def test_further_frames_are_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [Image.new("RGB", (40, 30), color) for color in ("red", "green", "blue")]
    frames[0].save("moves.gif", save_all=True, append_images=frames[1:])
    told = "moves.gif: it has 3 frames, of which the first is taken\n"
    assert cli.main(["moves.gif", "-o", "a.png", *SMALL]) == 0
    assert told in capsys.readouterr().err
    assert cli.main(["moves.gif", "-o", "a.png", "--quiet", *SMALL]) == 0
    assert capsys.readouterr().err == ""


# --- old terminals ------------------------------------------------------------------------------------------


def test_help_in_any_locale(tmp_path: Path) -> None:
    parser = new_parser("Painting… with dashes – and dots", "paint.py")
    with open(tmp_path / "out", "w", encoding="ascii") as stream:
        parser.print_help(stream)
    assert r"Painting\u2026 with dashes \u2013" in (tmp_path / "out").read_text()


# --- a machine that gives out -------------------------------------------------------------------------------


def failing(error: BaseException) -> Callable[[str], Any]:
    def fail(name: str) -> Any:
        raise error

    return fail


def limited(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limit, limit))


@pytest.mark.parametrize(
    "error",
    [
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        OSError("Could not find/load shared object file 'libllvmlite.so'"),
        RuntimeError("can't start new thread"),
        MemoryError(),
    ],
)
def test_libraries_that_do_not_fit_into_memory(
    error: Exception, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, 2**31)
    monkeypatch.setattr(cli, "import_module", failing(error))
    assert "there is not enough memory; raise the limit of memory (ulimit -v)" in refused(capsys, "cat.png")


def test_too_little_memory_for_any_library(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, 400 * 2**20)
    assert "this process may use 400 MB; raise the limit" in refused(capsys, "cat.png")


def test_a_broken_library_is_not_called_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "import_module", failing(ImportError("undefined symbol")))
    limited(monkeypatch, resource.RLIM_INFINITY)
    with pytest.raises(ImportError, match="undefined symbol"):
        cli.main(["cat.png"])


def test_ctrl_c_while_libraries_are_loaded(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ImportError("numpy could not be imported")
    error.__context__ = SystemError("initialisation failed")
    error.__context__.__cause__ = KeyboardInterrupt()
    monkeypatch.setattr(cli, "import_module", failing(error))
    assert cli.main(["cat.png"]) == 130
    assert capsys.readouterr().err.endswith(": interrupted; nothing more was written\n")


def test_ctrl_c_before_anything_is_loaded(tmp_path: Path) -> None:
    """In a process of its own: what the first line of the program imports is interrupted."""
    (tmp_path / "painter").mkdir()
    (tmp_path / "painter" / "__init__.py").write_text("raise KeyboardInterrupt")
    shutil.copy(ROOT / "paint.py", tmp_path)
    done = subprocess.run([sys.executable, "-S", "paint.py"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "paint.py: interrupted; nothing more was written\n")


# --- options that do nothing, and what a figure is of -------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "asked", "idle"),
    [
        (["a.png"], {"duration": 3, "quality": 50}, ["duration", "quality"]),
        (["a.png", "a.gif"], {"duration": 3, "quality": 50, "loop": 2}, ["quality"]),
        (["a.webp"], {"fps": 5.0, "quality": 50}, ["fps"]),
        (["a.webp"], {"fps": 5.0, "webp": "animated"}, []),
        (["frames/"], {"frames": 5, "loop": 2, "max_bytes": 9}, ["loop"]),
        (["a.mp4"], {"reverse": True, "gif_side": 64, "hold": 1}, ["gif_side"]),
        (["a.svg"], {"svg": "plot", "width_mm": 50, "bit_depth": 16}, ["bit_depth"]),
        (["a.strokes.json.gz"], {}, []),
    ],
)
def test_options_that_no_file_goes_by(files: list[str], asked: dict[str, Any], idle: list[str]) -> None:
    assert sorted(without_effect(files, ExportConfig(**asked))) == sorted(idle)


def test_a_format_from_outside_may_go_by_anything() -> None:
    register(Format(".idle", "nothing", "still"))
    try:
        assert without_effect(["a.png", "a.idle"], ExportConfig(duration=3)) == []
    finally:
        del FORMATS[".idle"]


def test_options_without_effect_are_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cat.png", "-o", "a.png", "--duration", "3", "--margin", "0.1", *SMALL]) == 0
    told = capsys.readouterr().err
    assert "--duration has no effect on a.png\n" in told and "--margin has no effect with --texture 0\n" in told
    assert cli.main(["replay", "a.strokes.json", "-o", "b.png", "--fps", "9"]) == 0
    assert "--fps has no effect on b.png\n" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "compared"),
    [
        ([], "the picture"),
        (["--tones", "3"], "the picture in 3 tones"),
        (["--palette", "#000000,#ffffff"], "the picture in all its colours"),
        (
            ["--tones", "2", "--palette", "3", "--region", "half.png"],
            "the picture in 2 tones of the palette within the region",
        ),
    ],
)
def test_the_psnr_says_what_it_is_against(
    more: list[str], compared: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.tile(np.array([0] * 20 + [255] * 20, np.uint8), (30, 1))).save("half.png")
    assert cli.main(["cat.png", "-o", "a.png", "--report", "a.json", *SMALL, *more]) == 0
    against = "" if compared == "the picture" else f" against {compared}"
    assert capsys.readouterr().out.rstrip().endswith(against)
    assert json.loads(Path("a.json").read_text())["compared_with"] == compared
