"""`suggest`: its table, its curve, and trouble on the way."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.cli_runs import here as here  # the fixture
from helpers.cli_runs import listing, raising, save_picture
from PIL import Image

from painter import PaintConfig, cli
from painter.search.subject import Subject


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
