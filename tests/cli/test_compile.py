"""Compiling ahead: what is missing is painted with, and nothing is left for the first painting to compile."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from painter import cli
from painter.cli import compile as compile_command
from painter.cli import compiling, progress
from painter.options.paint import STYLES
from painter.pipeline import Result, SearchResult
from painter.pipeline import find_strokes as really_find
from painter.pipeline import finish as really_finish
from painter.search.subject import Subject
from painter.system.usage import Stopwatch
from renderers.compiled import STAMP


@pytest.mark.slow
def test_what_is_missing_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each brush is searched with in this process, and drawn with in another and, from what that left, in this one."""
    searched, drawn = [], []

    def find(subject: Subject, watch: Stopwatch) -> SearchResult:
        searched.append((subject.config.brush_name, subject.target.image.shape[2]))
        return really_find(subject, watch)

    def finish(subject: Subject, found: SearchResult, watch: Stopwatch) -> Result:
        drawn.append((subject.brush.partition("-")[0], subject.target.image.shape[2]))
        return really_finish(subject, found, watch)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compiling, "find_strokes", find)
    monkeypatch.setattr(compiling, "finish", finish)
    monkeypatch.setattr(compile_command, "kernels_are_compiled", lambda brush: brush not in ("markerpen", STAMP))
    assert cli.main(["compile"]) == 0
    assert searched == [("markerpen", 4), ("markerpen", 3), ("own", 4), ("own", 3)]
    assert drawn == [("markerpen", 4), ("markerpen", 3), (STAMP, 4), (STAMP, 3)]
    out, err = capsys.readouterr()
    assert out == "compiled the kernels of markerpen, stamp\n" and "markerpen (1 of 2)" in err
    assert not list(tmp_path.iterdir()) and not multiprocessing.active_children()


def test_nothing_is_done_twice(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []

    def is_compiled(brush: str) -> bool:
        asked.append(brush)
        return True

    monkeypatch.setattr(compile_command, "kernels_are_compiled", is_compiled)
    assert cli.main(["compile"]) == 0 and asked == [*STYLES, STAMP]
    assert capsys.readouterr().out == "all kernels are compiled\n"


@pytest.mark.parametrize(("brush", "asked"), [("watercolor", "watercolor"), ("stamp-0a1b", STAMP), (None, None)])
def test_a_brush_that_is_compiled_first_is_announced(
    brush: str | None, asked: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "kernels_are_compiled", lambda found: found != asked)
    progress.announce_compiling(brush)
    assert capsys.readouterr().err.startswith("compiling kernels, once; this takes about 20 seconds")
