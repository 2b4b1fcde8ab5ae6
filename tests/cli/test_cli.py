"""The command line: what it paints, and what it refuses. As a subprocess wherever that is what matters."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.forked import Ended, paint_forked, run_forked
from helpers.light import Light, light_processes
from PIL import Image

from painter import PaintConfig, cli, paint
from painter.cli.commands import COMMANDS, Command
from painter.errors import DeviceError, PictureError
from painter.options.export import ExportConfig
from painter.options.fields import option_name
from painter.options.presets import PRESETS
from painter.pictures.samples import sample_path
from painter.search.subject import Subject
from painter.system import devices
from painter.system.interrupts import deferred_interrupts

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("--style", "markerpen", "--strokes", "12", "--size", "48", "--iterations", "10")
TINY = PaintConfig(style="markerpen", strokes=12, size=48, iterations=10)


def start(*arguments: str, cwd: Path, **options: Any) -> subprocess.Popen[str]:
    """`python paint.py` with these arguments."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "paint.py"), *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def run(*arguments: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    with start(*arguments, cwd=cwd, **options) as process:
        out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def forked(*arguments: str, cwd: Path) -> Ended:
    """The same as `run`, where how the process starts is not what matters."""
    return paint_forked(arguments, cwd)


def refused(*arguments: str, cwd: Path, by: Callable[..., Ended | subprocess.CompletedProcess[str]] = run) -> str:
    """Run and expect one line on standard error, exit code 2 and no new file; returns what follows 'error: '."""
    before = listing(cwd)
    done = by(*arguments, cwd=cwd)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith("paint.py: error: ")
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n"), done.stderr
    assert listing(cwd) == before
    return done.stderr.removeprefix("paint.py: error: ").rstrip("\n")


@pytest.fixture(scope="module")
def light() -> Iterator[Light]:
    """What runs as `run` does wherever torch is not to be imported, and without the half second of a start."""
    with light_processes() as light:
        yield light


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that commands run in this process are given in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["paint.py"])
    return tmp_path


def save_picture(path: Path, height: int = 30, width: int = 40, channels: int = 3) -> Path:
    """A picture with a gradient and a disc."""
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([255 * x / width, 255 * y / height, 0 * x + 90, 0 * x + 255], axis=2)[..., :channels]
    pixels[(x - width / 2) ** 2 + (y - height / 2) ** 2 < (min(height, width) / 3) ** 2, :3] = (250, 240, 60)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is this large and ends soon after."""
    parts = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(9)))
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in parts:
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return content


# --- options ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--style", "crayon"), "--style crayon: unknown; choose from oilpaintbrush, watercolor, markerpen, rectangle"),
        (("--strokes", "0"), "--strokes 0: must be a whole number from 1 to 100000"),
        (("--strokes", "-1"), "--strokes -1: must be a whole number from 1 to 100000"),
        (("--strokes", "100001"), "--strokes 100001: must be"),
        (("--strokes", "abc"), "--strokes abc: must be a whole number"),
        (("--strokes", "2.5"), "--strokes 2.5: must be a whole number"),
        (("--size", "15"), "--size 15: must be a whole number from 16 to 8192"),
        (("--size", "8193"), "--size 8193: must be"),
        (("--seed", "-3"), "--seed -3: must be"),
        (("--ot", "nan"), "--ot nan: must be a number from 0 to 1000"),
        (("--iterations", "many"), "--iterations many: must be"),
        (("--canvas", "#12345"), "--canvas #12345: unknown; choose from auto, white, black, transparent, #rrggbb"),
        (("--canvas", "reddish"), "--canvas reddish: unknown"),
        (("--loss", "l3"), "--loss l3: unknown; choose from l1, l2, mix"),
        (("--device", "tpu"), "--device tpu: unknown; choose from auto, cpu, cuda"),
        (("--stroke", "5"), "unrecognized arguments: --stroke"),
        (("--colour",), "unrecognized arguments: --colour"),
        (("a.png", "b.png"), "unrecognized arguments: b.png"),
        (("--strokes", "Auto"), "--strokes Auto: must be a whole number from 1 to 100000, or auto"),
        (("--min_size", "1"), "unrecognized arguments: --min_size"),
        (("--strokes",), "argument --strokes: expected one argument"),
        (("--style", "two\nlines"), "--style two\\nlines: unknown"),
    ],
)
def test_bad_options(arguments: tuple[str, ...], message: str, light: Light, tmp_path: Path) -> None:
    assert refused(*arguments, cwd=tmp_path, by=light.paint).startswith(message)


@pytest.mark.slow
def test_help_names_every_option_with_its_default(tmp_path: Path) -> None:
    done = run("--help", cwd=tmp_path, env={**os.environ, "COLUMNS": "200"})
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    for spec in (*fields(PaintConfig), *fields(ExportConfig)):
        at = next(k for k, line in enumerate(lines) if f"{line} ".startswith(f"  {option_name(spec.name)} "))
        line = " ".join(lines[at : at + 2])  # an option with a long name has its help below it
        assert f"(default: {spec.default})" in line or spec.default in (None, False)
    usual = ("--output", "--overwrite", "--no-strokes", "--report", "--quiet", "--version")
    assert all(option in done.stdout for option in usual)


@pytest.mark.slow
def test_help_lists_commands_and_presets(light: Light, tmp_path: Path) -> None:
    lines = light.paint("--help", cwd=tmp_path).stdout.splitlines()
    abouts = {name: command.help for name, command in COMMANDS.items()}
    for name, about in {**abouts, **{name: preset.about for name, preset in PRESETS.items()}}.items():
        assert any(line.split() == [name, *about.split()] for line in lines), name


@pytest.mark.slow
def test_every_command_is_a_module_that_says_what_it_takes(light: Light, tmp_path: Path) -> None:
    for name in COMMANDS:
        done = light.paint(name, "--help", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith(f"usage: paint.py {name} ")


GREETING = """
def main(arguments, program, watch):
    print(program, arguments, sorted(watch.seconds()))
    return 7
"""


def test_a_command_from_outside_is_one_entry(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "greeting.py").write_text(GREETING)
    monkeypatch.syspath_prepend(here)
    monkeypatch.setitem(COMMANDS, "greet", Command("say hello", "greeting"))
    assert cli.main(["greet", "--loud", "you"]) == 7
    assert capsys.readouterr().out == "paint.py greet ['--loud', 'you'] ['total']\n"
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert "  greet                 say hello\n" in capsys.readouterr().out


def test_version(tmp_path: Path) -> None:
    assert run("--version", cwd=tmp_path).stdout.startswith("impasto 0.")


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"], ["--version"], ["--strokes", "0"], ["-o", "a.bmp"], ["none.png"],
        ["--preset", "none"], ["--config", "none.toml"], ["--focus", "none.png"], ["--palette", "#12"],
        ["suggest", "--help"], ["suggest", "--until-psnr", "5"], ["suggest", "none.png"],
        ["replay", "--help"], ["replay", "none.json", "--strokes", "5"], ["replay", "none.json", "--quality", "0"],
        ["replay", "none.json"],
    ],
)  # fmt: skip
def test_nothing_heavy_is_imported_before_it_is_needed(arguments: list[str], light: Light, tmp_path: Path) -> None:
    code = (
        "import sys, threading\n"
        "from painter.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "for thread in threading.enumerate():\n"
        "    if thread.name == 'impasto-ahead': thread.join()  # it would have ended by the end of a start\n"
        "heavy = {'torch', 'numba', 'cv2', 'skimage'} & set(sys.modules)\n"
        "print(threading.active_count(), sorted(heavy))"
    )
    done = light.run(code, arguments, tmp_path)
    assert done.stdout.splitlines()[-1] == "1 []", done


# --- pictures -----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.png", None, "there is no such file"),
        ("empty.png", b"", "the file is empty"),
        ("text.png", b"This is no picture, whatever its name says.\n", "it is not a picture"),
        ("huge.png", png_header(20_000, 10_001), "20000 x 10001 pixels, more than 200 megapixels"),
        ("bare.png", png_header(0, 7), "0 x 7 pixels"),
    ],
)
def test_bad_pictures(name: str, content: bytes | None, message: str, light: Light, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    answer = refused(name, cwd=tmp_path, by=light.paint)
    assert answer.startswith(f"cannot read {name}: ") and message in answer


@pytest.mark.slow
def test_truncated_picture(light: Light, tmp_path: Path) -> None:
    content = save_picture(tmp_path / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(content[: len(content) // 2])
    assert "damaged or cut short" in refused("half.png", cwd=tmp_path, by=light.paint)


@pytest.mark.slow
def test_folder_as_picture(light: Light, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    assert "it is a folder" in refused("folder.png", cwd=tmp_path, by=light.paint)


# --- outputs ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "a.bmp"), "cannot write a.bmp: there is no format '.bmp'; use .png, .jpg"),
        (("-o", "painting"), "cannot write painting: the name has no ending"),
        (("-o", "missing/a.png"), "cannot write missing/a.png: the folder missing does not exist"),
        (("-o", "output/a.png"), "cannot write output/a.png: the folder output does not exist"),
        (("-o", "a.png", "-o", "b.tiff"), "cannot write b.tiff: there is no format"),
        (("-o", "/proc/a.png"), "cannot write /proc/a.png: no file can be created in /proc"),
        (("-o", "a.png", "--report", "missing/r.json"), "cannot write missing/r.json: the folder missing"),
        (("-o", "a.png", "-o", "./a.png"), "cannot write a.png: two outputs have this name"),
        (("-o", "a.png", "--report", "a.png"), "cannot write a.png: two outputs have this name"),
        (("in.png", "-o", "in.png"), "cannot write in.png: it is the input picture"),
        (("in.png", "-o", "link.png"), "cannot write link.png: it is the input picture"),
        (("in.png", "--report", "in.png"), "cannot write in.png: it is the input picture"),
    ],
)
def test_bad_outputs(arguments: tuple[str, ...], message: str, light: Light, tmp_path: Path) -> None:
    save_picture(tmp_path / "in.png")
    os.link(tmp_path / "in.png", tmp_path / "link.png")
    assert refused(*arguments, cwd=tmp_path, by=light.paint).startswith(message)


@pytest.mark.slow
def test_default_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("mine")
    assert "output is not a folder" in refused(cwd=tmp_path)
    assert (tmp_path / "output").read_text() == "mine"


@pytest.mark.slow
def test_default_folder_is_not_left_behind(tmp_path: Path) -> None:
    refused("none.png", cwd=tmp_path)
    assert not (tmp_path / "output").exists()


@pytest.mark.slow
def test_device_that_is_not_there(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    assert refused("--device", "cuda", cwd=tmp_path, by=forked).startswith(
        "--device cuda: torch finds no CUDA device on this machine"
    )


def test_missing_checkpoint(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("renderers.checkpoint.checkpoint_folder", lambda: here)
    assert cli.main([*QUICK, "-o", "a.png"]) == 2
    error = capsys.readouterr().err
    assert "manifest.json" in error and error.count("\n") == 1
    assert not listing(here)


# --- paintings ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def default_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A run without an IMAGE, in its own folder."""
    folder = tmp_path_factory.mktemp("default")
    return folder, run(*QUICK, "--report", "report.json", cwd=folder)


@pytest.mark.slow
def test_without_arguments_the_sample_is_painted(
    default_run: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = default_run
    assert done.returncode == 0, done.stderr
    paintings = [f"output/octahedron-markerpen{ending}" for ending in (".png", ".gif", ".strokes.json")]
    assert listing(folder) == {"output", *paintings, "report.json"}
    wrote, figures = done.stdout.splitlines()
    assert wrote == f"wrote {', '.join(paintings)}, report.json"
    assert figures.startswith("12 strokes, PSNR ")
    assert "12 strokes" in done.stderr and "dB" in done.stderr and "full size" in done.stderr
    assert "Warning" not in done.stderr


@pytest.mark.slow
def test_transparent_background_stays(default_run: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = default_run
    with Image.open(folder / "output/octahedron-markerpen.png") as image:
        assert (image.mode, image.size) == ("RGBA", (48, 48))
        alpha = np.asarray(image.getchannel("A"))
    assert alpha[0, 0] == alpha[-1, -1] == 0 and alpha.max() > 200
    with Image.open(folder / "output/octahedron-markerpen.gif") as gif:
        assert gif.size == (48, 48) and gif.n_frames > 6
        gif.seek(gif.n_frames - 1)
        last = np.asarray(gif.convert("RGBA"))[..., 3]
    assert (last[0, 0], last.max()) == (0, 255)


@pytest.mark.slow
def test_report(default_run: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = default_run
    report = json.loads((folder / "report.json").read_text())
    assert report["config"] == {
        **{spec.name: spec.default for spec in fields(PaintConfig)},
        **{"style": "markerpen", "strokes": 12, "size": 48, "iterations": 10},
    }
    digest = hashlib.sha256(sample_path().read_bytes()).hexdigest()
    assert report["input"] == {"name": "octahedron", "sha256": digest, "width": 512, "height": 512}
    assert (report["strokes"], report["ground"], report["interrupted"]) == (12, "transparent", False)
    endings = (".png", ".gif", ".strokes.json")
    assert report["outputs"] == [f"output/octahedron-markerpen{ending}" for ending in endings]
    assert 5 < report["psnr"] < 60 and 0 < report["l1"] < 0.5 and 0 < report["ssim"] < 1
    assert 0.3 < report["alpha_iou"] <= 1
    seconds = report["seconds"]
    assert {"load", "search", "draw", "write", "total"} <= set(seconds)
    in_turn = [value for name, value in seconds.items() if name not in ("total", "measure")]
    assert seconds["total"] >= max(sum(in_turn) - 0.01, seconds["measure"]), "it is measured while files are written"
    assert report["peak_rss_mb"] > 100 and report["version"]


@pytest.mark.slow
def test_same_seed_same_bytes(default_run: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    folder, _ = default_run
    done = forked(str(sample_path()), *QUICK, "--quiet", "-o", "b.gif", "-o", "b.png", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for ending in ("png", "gif", "strokes.json"):
        first = (folder / f"output/octahedron-markerpen.{ending}").read_bytes()
        assert first == (tmp_path / f"b.{ending}").read_bytes()


@pytest.mark.slow
def test_another_seed_another_painting(here: Path) -> None:
    for seed in "12":
        assert cli.main([*QUICK, "--quiet", "--seed", seed, "-o", f"{seed}.png"]) == 0
    assert (here / "1.png").read_bytes() != (here / "2.png").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 7, 100])
def test_stroke_count_is_exact(count: int, here: Path) -> None:
    save_picture(here / "in.png")
    arguments = ["in.png", "--style", "marker", "--strokes", str(count), "--size", "32", "--iterations", "9", "--quiet"]
    assert cli.main([*arguments, "-o", "a.png", "--report", "r.json"]) == 0
    assert json.loads((here / "r.json").read_text())["strokes"] == count


@pytest.mark.slow
@pytest.mark.parametrize("style", ["oil", "watercolor", "marker", "rectangle"])
def test_every_style_paints(style: str, here: Path) -> None:
    save_picture(here / "in.png")
    arguments = ["in.png", "--style", style, "--strokes", "9", "--size", "32", "--iterations", "9", "--quiet"]
    assert cli.main([*arguments, "--ot", "0.5", "--loss", "l1"]) == 0
    full = PaintConfig(style=style).style
    paintings = {f"output/in-{full}{ending}" for ending in (".png", ".gif", ".strokes.json")}
    assert listing(here) == {"in.png", "output", *paintings}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("height", "width", "color", "shape"),
    [
        (1, 1, (200, 30, 60), (48, 48)),
        (20, 20, (9, 9, 9), (48, 48)),
        (10, 4000, None, (1, 48)),
        (4000, 10, None, (48, 1)),
    ],
)
def test_odd_pictures_paint(
    height: int, width: int, color: tuple[int, int, int] | None, shape: tuple[int, int], here: Path
) -> None:
    if color is None:
        save_picture(here / "in.png", height, width)
    else:
        Image.new("RGB", (width, height), color).save(here / "in.png")
    assert cli.main(["in.png", *QUICK, "--quiet", "-o", "a.png", "-o", "a.gif", "--report", "r.json"]) == 0
    with Image.open(here / "a.png") as image, Image.open(here / "a.gif") as gif:
        assert image.size == gif.size == shape[::-1]
    report = json.loads((here / "r.json").read_text())
    assert report["psnr"] > (20 if color else 8)
    assert report["ground"] != "transparent"


@pytest.mark.slow
@pytest.mark.parametrize(("canvas", "color"), [("white", (255, 255, 255)), ("#204060", (32, 64, 96))])
def test_canvas_color_is_what_is_painted_on(canvas: str, color: tuple[int, int, int], here: Path) -> None:
    assert cli.main([*QUICK, "--quiet", "--canvas", canvas, "-o", "a.png", "-o", "a.gif"]) == 0
    with Image.open(here / "a.png") as image, Image.open(here / "a.gif") as gif:
        assert image.mode == "RGB"
        first = np.asarray(gif.convert("RGB"))
    assert (first == color).all()


@pytest.mark.slow
def test_opaque_picture_on_a_transparent_canvas(here: Path) -> None:
    save_picture(here / "in.png")
    arguments = ["in.png", *QUICK, "--quiet", "--canvas", "transparent", "-o", "a.png", "--report", "r.json"]
    assert cli.main(arguments) == 0
    with Image.open(here / "a.png") as image:
        assert (image.mode, image.size) == ("RGBA", (48, 36))
    assert json.loads((here / "r.json").read_text())["alpha_iou"] > 0.5


@pytest.mark.slow
def test_without_iterations_strokes_are_only_placed(here: Path) -> None:
    arguments = ["--style", "marker", "--strokes", "20", "--size", "32", "--iterations", "0"]
    assert cli.main([*arguments, "-o", "a.png", "--report", "r.json"]) == 0
    assert json.loads((here / "r.json").read_text())["strokes"] == 20


def test_names_with_odd_characters(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "two\nlines \udcff ü.png"
    save_picture(here / "in.png").rename(here / name)
    assert cli.main([name, *QUICK]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert (here / "output" / "two\nlines \udcff ü-markerpen.png").exists()


# --- trouble on the way -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_interrupted_search_writes_what_there_is(tmp_path: Path) -> None:
    save_picture(tmp_path / "in.png")
    arguments = ["in.png", "--style", "markerpen", "--strokes", "60", "--size", "48", "--iterations", "50000"]
    with start(*arguments, "-o", "a.png", "-o", "a.gif", "--report", "r.json", cwd=tmp_path) as process:
        assert process.stderr is not None
        seen = ""
        while "%|" not in seen:  # the bar, which appears with the first step
            character = process.stderr.read(1)
            assert character, seen
            seen += character
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert out.startswith("interrupted; wrote a.png, a.gif, a.strokes.json, r.json\n")
    assert listing(tmp_path) == {"in.png", "a.png", "a.gif", "a.strokes.json", "r.json"}
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["interrupted"] is True and 1 <= report["strokes"] <= 60
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (48, 36)
        image.load()


NAMED = (("a", "png"), ("a", "strokes.json"), ("r", "json"))


@pytest.mark.slow
def test_files_that_exist_are_kept(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*QUICK, "-o", "a.png", "--report", "r.json"]
    (here / "a.png").write_bytes(b"mine")
    (here / "a.png").chmod(0o444)
    for number in (2, 3):
        assert cli.main(arguments) == 0
        names = [f"{name}-{number}.{ending}" for name, ending in NAMED]
        line = f"wrote {', '.join(names)} (existing files were kept; --overwrite replaces them)\n"
        assert capsys.readouterr().out.startswith(line)
    files = {f"{name}-{number}.{ending}" for number in (2, 3) for name, ending in NAMED}
    assert listing(here) == {"a.png", *files}
    assert (here / "a.png").read_bytes() == b"mine"
    assert (here / "a-2.png").read_bytes() == (here / "a-3.png").read_bytes()
    assert json.loads((here / "r-3.json").read_text())["outputs"] == ["a-3.png", "a-3.strokes.json"]


@pytest.mark.slow
def test_overwriting_is_asked_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.png").write_bytes(b"mine")
    (here / "a.strokes.json").write_bytes(b"mine")
    assert cli.main([*QUICK, "-o", "a.png", "--overwrite"]) == 0
    assert capsys.readouterr().out.startswith("wrote a.png, a.strokes.json\n")
    assert listing(here) == {"a.png", "a.strokes.json"}
    assert b"mine" not in ((here / "a.png").read_bytes(), (here / "a.strokes.json").read_bytes())
    (here / "a.png").chmod(0o444)
    assert cli.main([*QUICK, "-o", "a.png", "--overwrite"]) == 2
    assert "cannot write a.png: the file there is read-only" in capsys.readouterr().err


FRAMES = ("frame-00000.png", "frame-00001.png")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["-o", "a.png", "--no-strokes"], {"a.png"}),
        (["-o", "b.Strokes.json.gz", "-o", "a.png"], {"a.png", "b.Strokes.json.gz"}),
        (["-o", "a.b.png", "-o", "c.jpg"], {"a.b.png", "c.jpg", "a.b.strokes.json"}),
        (["-o", "frames", "--frames", "2"], {"frames", *(f"frames/{n}" for n in FRAMES), "frames.strokes.json"}),
        (["-o", "all/", "--frames", "2", "--no-strokes"], {"all", *(f"all/{n}" for n in FRAMES)}),
    ],
)
def test_which_files_are_written(arguments: list[str], written: set[str], here: Path) -> None:
    assert cli.main([*QUICK, "--quiet", *arguments]) == 0
    assert listing(here) == written


def test_a_stroke_file_does_not_go_over_what_is_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.strokes.json").write_text("strokes = 5")
    assert cli.main(["--config", "a.strokes.json", "-o", "a.png", "--overwrite"]) == 2
    assert (
        "cannot write a.strokes.json: it is the file given to --config; choose another name" in capsys.readouterr().err
    )


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "error", "code", "message", "left"),
    [
        ("painter.search.maps.load_networks", KeyboardInterrupt(), 130, "interrupted", set()),
        ("painter.search.search.Search.run", KeyboardInterrupt(), 130, "interrupted", set()),
        ("painter.search.search.Search.run", MemoryError(), 2, "error: there is not enough memory", set()),
        (
            "painter.search.search.Search.run",
            RuntimeError("can't allocate memory: 9 bytes"),
            2,
            "error: there is not",
            set(),
        ),
        ("painter.export.gif._blocks", KeyboardInterrupt(), 130, "interrupted", {"a.strokes.json", "a.png"}),
        (
            *("painter.export.gif._blocks", OSError(errno.ENOSPC, "No space left on device"), 2),
            "error: cannot write a.gif: No space left on device; written before that: a.strokes.json, a.png",
            {"a.strokes.json", "a.png"},
        ),
    ],
)
def test_trouble_on_the_way(
    where: str,
    error: BaseException,
    code: int,
    message: str,
    left: set[str],
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import painter.export.gif
    import painter.search.search  # noqa: F401, so that they can be patched

    monkeypatch.setattr(where, raising(error))
    assert cli.main([*QUICK, "--quiet", "-o", "a.png", "-o", "a.gif"]) == code
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"paint.py: {message}") and err.count("\n") == 1
    assert listing(here) == left


def test_faults_of_our_own_are_not_hidden(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("painter.pipeline.prepare", raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.main([*QUICK, "--quiet"])
    assert not listing(here)


def test_the_first_interrupt_waits_for_a_finished_painting() -> None:
    with pytest.raises(KeyboardInterrupt), deferred_interrupts(stopped=False) as noted:
        signal.raise_signal(signal.SIGINT)
        assert noted == [signal.SIGINT]
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_interrupt_does_not_wait() -> None:
    with pytest.raises(KeyboardInterrupt), deferred_interrupts(stopped=True):
        signal.raise_signal(signal.SIGINT)


def run_unheard(words: list[str]) -> None:
    """The program, whose every line meets a full disk."""
    sys.argv = ["paint.py", *words]
    sys.stdout = sys.stderr = open("/dev/full", "w")  # noqa: SIM115
    cli.run_program()


@pytest.mark.slow
def test_a_reader_that_has_gone_away_is_no_error(tmp_path: Path) -> None:
    assert run_forked(run_unheard, [*QUICK, "-o", "a.png"], folder=tmp_path).returncode == 0
    assert (tmp_path / "a.png").exists()


@pytest.mark.slow
def test_a_quality_out_of_reach_is_reported(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--size", "32", "--iterations", "4", "--strokes", "3", "-o", "a.png", "--until-psnr"]
    assert cli.main([*command, "60"]) == 0
    assert capsys.readouterr().out.endswith("; 60 dB takes more strokes\n")
    assert cli.main([*command, "10"]) == 0
    assert "takes more" not in capsys.readouterr().out


# --- suggest ------------------------------------------------------------------------------------------------


class Growth:
    """Stands for painter.search.stroke_count, which takes minutes: its functions, and what they were given."""

    POINTS = [(50, 18.25), (100, 20.5), (1000, 21.125)]

    def __init__(self) -> None:
        self.subject: Subject | None = None
        self.on_progress: Any = None

    def suggest(self, subject: Subject, on_progress: Any = None) -> list[tuple[int, float]]:
        self.subject, self.on_progress = subject, on_progress
        return self.POINTS

    def choose(self, points: list[tuple[int, float]]) -> int:
        assert points == self.POINTS
        return 100

    def plot_curve(self, points: list[tuple[int, float]], chosen: int, path: Path) -> None:
        save_picture(path, height=len(points), width=chosen)


@pytest.fixture
def growth(monkeypatch: pytest.MonkeyPatch) -> Growth:
    stand_in = Growth()
    monkeypatch.setitem(sys.modules, "painter.search.stroke_count", stand_in)
    monkeypatch.setattr("painter.search.stroke_count", stand_in, raising=False)
    monkeypatch.setattr("painter.export.plots.plot_curve", stand_in.plot_curve)
    return stand_in


def test_suggest_prints_a_table_and_draws_the_curve(
    growth: Growth, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_picture(here / "in.png")
    assert cli.main(["suggest", "in.png", "--style", "marker", "--size", "48", "-o", "curve.png"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "strokes  PSNR, dB",
        "     50     18.25",
        "    100     20.50  <- auto",
        "   1000     21.12",
        "--strokes auto would use 100",
        "wrote curve.png",
    ]
    assert listing(here) == {"in.png", "curve.png"}
    with Image.open(here / "curve.png") as curve:
        assert curve.size == (100, 3)
    assert growth.subject is not None and growth.on_progress is not None
    assert growth.subject.config == PaintConfig(style="markerpen", size=48)
    assert growth.subject.about["name"] == "in"


def test_suggest_has_a_place_of_its_own_for_the_curve(
    growth: Growth, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["suggest", "--size", "48", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert "--strokes auto would use 100\n" in out and err == "" and growth.on_progress is None
    assert listing(here) == {"output", "output/octahedron-oilpaintbrush-curve.png"}


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [(KeyboardInterrupt(), 130, "interrupted; nothing more"), (MemoryError(), 2, "error: there is not enough memory")],
)
def test_trouble_while_suggesting(
    error: BaseException, code: int, message: str, growth: Growth, here: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(growth, "suggest", raising(error))
    assert cli.main(["suggest", "--size", "48", "--quiet", "-o", "curve.png"]) == code
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"paint.py suggest: {message}") and err.count("\n") == 1
    assert not listing(here)


# --- from Python --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_paint_from_python(tmp_path: Path) -> None:
    steps: list[Any] = []
    result = paint(sample_path(), TINY, steps.append)
    assert result.image.shape == (48, 48, 4) and result.image.dtype == np.uint8
    assert len(result.painting.strokes) == result.report["strokes"] == 12
    assert steps and steps[-1].step == len(steps)
    assert not result.interrupted
    result.save(tmp_path / "a.png", str(tmp_path / "a.gif"))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), result.image)
    assert listing(tmp_path) == {"a.png", "a.gif"}


@pytest.mark.slow
def test_paint_an_array() -> None:
    pixels = np.asarray(Image.open(sample_path()))
    result = paint(pixels, TINY)
    assert result.report["input"]["name"] == "picture"
    assert result.image.shape == (48, 48, 4)


def test_paint_raises_typed_errors(tmp_path: Path) -> None:
    with pytest.raises(PictureError):
        paint(tmp_path / "none.png")
    with pytest.raises(PictureError):
        paint(np.zeros((3, 3)))


def test_interrupted_from_python_keeps_the_last_step() -> None:
    def interrupt(progress: Any) -> None:
        if progress.step == 2:
            raise KeyboardInterrupt

    result = paint(sample_path(), replace(TINY, iterations=60), interrupt)
    assert result.interrupted
    assert result.report["strokes"] == len(result.painting.strokes) < 12


@pytest.mark.parametrize(
    ("cuda", "triton", "device", "backend", "expected"),
    [
        (False, True, "auto", "auto", ("cpu", "cpu")),
        (True, True, "auto", "auto", ("cpu", "cpu")),
        (True, True, "cuda", "auto", ("cuda", "cuda")),
        (True, False, "cuda", "auto", ("cuda", "reference")),
        (True, True, "auto", "cuda", ("cuda", "cuda")),
        (True, True, "cuda", "reference", ("cuda", "reference")),
        (False, False, "auto", "reference", ("cpu", "reference")),
        (False, False, "auto", "cpu", ("cpu", "cpu")),
        (False, True, "cuda", "auto", r"--device cuda: torch finds no CUDA device on this machine"),
        (False, True, "auto", "cuda", r"--backend cuda: torch finds no CUDA device on this machine"),
        (True, True, "cpu", "cuda", r"--backend cuda: does not work with --device cpu"),
        (True, True, "cuda", "cpu", r"--backend cpu: does not work with --device cuda"),
        (True, False, "cuda", "cuda", r"--backend cuda: needs Triton"),
    ],
)
def test_device_and_backend_are_chosen_by_what_is_there(
    monkeypatch: pytest.MonkeyPatch,
    cuda: bool,
    triton: bool,
    device: str,
    backend: str,
    expected: tuple[str, str] | str,
) -> None:
    monkeypatch.setattr(devices, "has_cuda", lambda: cuda)
    monkeypatch.setattr(devices, "find_spec", lambda name: name if triton else None)
    if isinstance(expected, tuple):
        assert devices.resolve_device(device, backend) == expected
    else:
        with pytest.raises(DeviceError, match=expected):
            devices.resolve_device(device, backend)
