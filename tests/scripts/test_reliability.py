"""The scripts that try things at length: their judgement, on small cases made on purpose."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import zipfile
from functools import partial
from pathlib import Path

import pytest
from helpers.forked import check_forked

from scripts.reliability import killed_commands, kills, troubles, versions, wheels

LINUX = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are followed in /proc")


# --- versions -----------------------------------------------------------------------------------------------


def test_a_folder_with_other_things_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(FileExistsError, match="is a folder with other things, which would be lost"):
        versions.make_environment(tmp_path, sys.executable, [])
    assert (tmp_path / "thesis.txt").exists()


def test_a_python_that_makes_no_environment_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--python no-python: cannot make an environment"):
        versions.make_environment(tmp_path / "new", "no-python", [])


def test_the_oldest_versions_are_the_lower_limits() -> None:
    oldest, newest = versions.requirements("oldest"), versions.requirements("newest")
    assert len(oldest) == len(newest) > 15 and "starlette>=0.40" in [line.partition(",")[0] for line in newest]
    assert all("==" in line for line in oldest)
    assert any(line.startswith("numpy==1.26.*") for line in oldest)
    assert any(line.startswith("tomli==") and line.endswith('; python_version < "3.11"') for line in oldest)


def test_a_limit_of_another_form_is_named(tmp_path: Path) -> None:
    setup = tmp_path / "setup.cfg"
    text = "[options]\ninstall_requires =\n    torch~=2.0\n[options.extras_require]\nstudio =\ntest =\ndev =\n"
    setup.write_text(text)
    with pytest.raises(ValueError, match=r"'torch~=2\.0' is not of the form"):
        versions.requirements("oldest", setup)
    assert versions.requirements("newest", setup) == ["torch~=2.0"]


# --- wheels -------------------------------------------------------------------------------------------------


def test_what_differs_between_wheels_is_named(tmp_path: Path) -> None:
    paths = [tmp_path / "a.whl", tmp_path / "b.whl"]
    for path, files in zip(paths, ({"same": "1", "x": "2"}, {"same": "1", "x": "3", "y": ""}), strict=True):
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(zipfile.ZipInfo(name), text)
    assert wheels.differences(*paths) == ["x", "y"]
    assert wheels.differences(paths[0], paths[0]) == []


# --- kills --------------------------------------------------------------------------------------------------


def busy(seconds: float) -> int:
    """Take so much processor time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return 0


def check_kills(folder: Path) -> None:
    assert kills.kill_at(kills.start(lambda: busy(60), folder, folder / "said"), 0.05)
    assert not kills.kill_at(kills.start(lambda: 0, folder, folder / "said"), 60.0)
    with pytest.raises(kills.Wrong, match="exit code 3"):
        kills.kill_at(kills.start(lambda: 3, folder, folder / "said"), 60.0)


@pytest.mark.slow
@LINUX
def test_a_process_is_killed_when_it_has_taken_its_time(tmp_path: Path) -> None:
    check_forked(check_kills, tmp_path, folder=tmp_path)


def wait_for_ever() -> int:
    signal.pause()
    return 0


def check_what_never_ends(folder: Path) -> None:
    kills.LIMIT = 0.1
    for follow in (kills.finish, lambda process: kills.kill_at(process, 60.0)):
        process = kills.start(wait_for_ever, folder, folder / "said")
        with pytest.raises(kills.Wrong, match=r"did not end in 0\.1 s"):
            follow(process)
        with pytest.raises(ChildProcessError):
            os.waitpid(process, 0)


@pytest.mark.slow
@LINUX
def test_a_process_that_never_ends_is_killed(tmp_path: Path) -> None:
    check_forked(check_what_never_ends, tmp_path, folder=tmp_path)


def leave_one() -> int:
    if os.fork() == 0:
        signal.pause()
    return busy(60)


def check_what_is_left(folder: Path) -> None:
    kills.PATIENCE = 0.1
    with pytest.raises(kills.Wrong, match="outlived"):
        kills.kill_at(kills.start(leave_one, folder, folder / "said"), 0.05)


@pytest.mark.slow
@LINUX
def test_a_process_that_outlives_its_parent_is_noticed(tmp_path: Path) -> None:
    check_forked(check_what_is_left, tmp_path, folder=tmp_path)


def make_files(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name.replace("dot", ".")).write_text(text)


def test_files_that_are_hidden_or_notes_are_not_compared(tmp_path: Path) -> None:
    make_files(tmp_path, a="1", dothidden="2")
    (tmp_path / "ledger.sqlite-wal").write_text("3")
    assert killed_commands.shown(tmp_path) == {"a": b"1"} and kills.hidden(tmp_path) == {".hidden"}
    kills.make_older(tmp_path)
    assert time.time() - (tmp_path / ".hidden").stat().st_mtime > 86400 > time.time() - (tmp_path / "a").stat().st_mtime


def write_with_a_flaw(flaw: str, words: list[str]) -> int:
    """A command that takes time while it writes a file: right, and with each flaw."""
    text = "other" if flaw == "other" and "--resume" in words else "whole"
    Path("out" if flaw == "half" else ".out.part").write_text(text[:2])
    busy(0.1)
    Path("out" if flaw == "half" else ".out.part").write_text(text)
    if flaw != "half":
        Path(".out.part").rename("out")
    if flaw == "left" and "--resume" in words:
        Path(".left").write_text("")
    return 0


def check_flaw(flaw: str, folder: Path) -> None:
    killed_commands.main = partial(write_with_a_flaw, flaw)  # type: ignore[attr-defined]
    killer = kills.Killer(killed_commands.Killed("made", (), lambda folder: None, 1, again=("--resume",)), folder)
    rng = random.Random(5)
    rng.uniform = lambda a, b: 0.5  # type: ignore[method-assign]
    if not flaw:
        assert ": the same" in killer.case(0, rng)
        return
    expected = {"half": "not complete", "other": "other bytes", "left": "does not remove"}[flaw]
    with pytest.raises(kills.Wrong, match=expected):
        killer.case(0, rng)


@pytest.mark.slow
@LINUX
@pytest.mark.parametrize("flaw", ["", "half", "other", "left"])
def test_what_a_kill_must_not_do_is_noticed(flaw: str, tmp_path: Path) -> None:
    check_forked(check_flaw, flaw, tmp_path, folder=tmp_path)


def check_refusals(folder: Path) -> None:
    killed_commands.main = lambda words: 0  # type: ignore
    trial = troubles.Trial(killed_commands.Killed("made", (), lambda folder: None, 1), folder)
    trial.said = "reading\rpaint.py: error: cannot write a.png: No space left on device; free some\n"
    trial.check_refused(2)
    for code, said in ((1, trial.said), (2, "Traceback (most recent call last)"), (2, "error: a\nerror: b\n"), (2, "")):
        trial.said = said
        with pytest.raises(kills.Wrong):
            trial.check_refused(code)


@pytest.mark.slow
@LINUX
@pytest.mark.skipif(sys.platform != "linux", reason="of Linux's file systems")
def test_refusals_are_judged(tmp_path: Path) -> None:
    check_forked(check_refusals, tmp_path, folder=tmp_path)
