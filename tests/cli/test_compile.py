"""Compiling ahead: what is missing is painted with, and nothing is left for the first painting to compile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from painter import cli
from painter.cli import compile as compiling
from painter.cli import progress
from painter.options.paint import STYLES
from painter.pipeline import paint as really_paint
from renderers.compiled import STAMP


@pytest.mark.slow
def test_what_is_missing_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    painted = []

    def paint(picture: Any, config: Any) -> Any:
        painted.append((config.style if config.brush is None else STAMP, picture.shape[2]))
        return really_paint(picture, config)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("painter.pipeline.paint", paint)
    monkeypatch.setattr(compiling, "kernels_are_compiled", lambda brush: brush not in ("markerpen", STAMP))
    assert cli.main(["compile"]) == 0
    assert painted == [("markerpen", 4), ("markerpen", 3), (STAMP, 4), (STAMP, 3)]
    out, err = capsys.readouterr()
    assert out == "compiled the kernels of markerpen, stamp\n" and "markerpen (1 of 2)" in err
    assert not list(tmp_path.iterdir())


def test_nothing_is_done_twice(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []

    def is_compiled(brush: str) -> bool:
        asked.append(brush)
        return True

    monkeypatch.setattr(compiling, "kernels_are_compiled", is_compiled)
    assert cli.main(["compile"]) == 0 and asked == [*STYLES, STAMP]
    assert capsys.readouterr().out == "all kernels are compiled\n"


@pytest.mark.parametrize(("brush", "asked"), [("watercolor", "watercolor"), ("stamp-0a1b", STAMP), (None, None)])
def test_a_brush_that_is_compiled_first_is_announced(
    brush: str | None, asked: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "kernels_are_compiled", lambda found: found != asked)
    progress.announce_compiling(brush)
    assert capsys.readouterr().err.startswith("compiling kernels, once; this takes about 20 seconds")
