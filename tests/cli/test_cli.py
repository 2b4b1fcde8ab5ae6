"""The command line: its options, its help, and what it refuses before it begins."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import pytest
from helpers.cli_runs import QUICK, forked, listing, png_header, refused, run, save_picture
from helpers.cli_runs import here as here  # the fixture
from helpers.cli_runs import light as light  # the fixture
from helpers.light import Light

from painter import PaintConfig, cli
from painter.cli.commands import COMMANDS, Command
from painter.options.export import ExportConfig
from painter.options.fields import option_name
from painter.options.presets import PRESETS


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
