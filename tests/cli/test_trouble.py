"""Interrupts, full disks, files that are there already, readers that go away."""

from __future__ import annotations

import errno
import json
import signal
import sys
from pathlib import Path

import pytest
from helpers.cli_runs import QUICK, listing, raising, save_picture, start
from helpers.cli_runs import here as here  # the fixture
from helpers.forked import run_forked
from PIL import Image

from painter import cli
from painter.system.interrupts import deferred_interrupts


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
