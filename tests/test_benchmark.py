"""scripts/benchmark.py: that it measures the search's own iterations and writes what it says. How fast: not here."""

from __future__ import annotations

import importlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
STYLE = "rectangle"


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module scripts/benchmark_parts.py."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("benchmark_parts")


@pytest.fixture
def script(parts: Any) -> Any:
    """The module scripts/benchmark.py."""
    return importlib.import_module("benchmark")


def bands() -> tuple[np.ndarray, np.ndarray]:
    """A picture [48, 64, 3] and a ground."""
    picture = np.zeros((48, 64, 3), np.float32)
    picture[:24, :, 0] = picture[:, 32:, 1] = 0.8
    return picture, np.full(3, 0.5, np.float32)


def test_quick_figures_are_written(tmp_path: Path) -> None:
    command = [sys.executable, "scripts/benchmark.py", "--quick", "--styles", STYLE, "--backends", "reference,cpu"]
    command += ["--strokes", "10,20", "--sides", "32", "--repeats", "1", "--out", str(tmp_path / "new")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"benchmark.json", "benchmark.png"}

    result = json.loads((tmp_path / "new" / "benchmark.json").read_text())
    assert result["machine"]["cores"] >= 1 and result["machine"]["cpu"] and result["date"]
    assert {"impasto", "python", "torch", "numba", "numpy"} == result["versions"].keys()
    assert result["rates"]["cpu"][STYLE]["copied"] > 0 and result["rates"]["cpu"][STYLE]["products"] > 0
    assert result["growth"].keys() == {"cpu"} and result["targets"] == [] and "paintings" not in result
    shown = [(row["strokes"], row["side"], row["backend"]) for row in result["iterations"]]
    assert shown == [(10, 32, "reference"), (10, 32, "cpu"), (20, 32, "reference"), (20, 32, "cpu")]
    for row in result["iterations"]:
        check_row(row)
        assert f"{row['ms']:.2f}" in done.stdout
    with Image.open(tmp_path / "new" / "benchmark.png") as image:
        image.load()
        assert image.format == "PNG" and min(image.size) > 300


def check_row(row: dict[str, Any]) -> None:
    assert list(row["parts_ms"]) == [
        "decode_forward", "decode_backward", "blend_forward", "blend_backward", "loss", "step",
    ]  # fmt: skip
    assert all(milliseconds > 0 for milliseconds in row["parts_ms"].values())
    # Another iteration than the whole one, on a machine that may be busy.
    assert 0.1 < sum(row["parts_ms"].values()) / row["ms"] < 10
    assert 0 < row["ms"] <= row["median_ms"] and row["covered_pixels"] > 0 and row["patches"] >= 4 * row["strokes"]
    assert list(row["floor_ms"]) == ["decode", "blend", "loss"] and min(row["floor_ms"].values()) > 0
    assert math.isclose(row["over_floor"], row["ms"] / sum(row["floor_ms"].values()))
    assert row["times_reference"] == 1 if row["backend"] == "reference" else row["times_reference"] > 0


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_iterations_timed_by_part_are_those_of_the_search(parts: Any, backend: str) -> None:
    picture, ground = bands()
    work = parts.Workload(STYLE, 8, 48)
    strokes = parts.place(STYLE, 8, picture, ground)
    descents = [parts.Descent(work, strokes, picture, ground, backend, 1) for _ in range(2)]
    for _ in range(3):
        descents[0].whole()
        descents[1].by_parts()
    plain, timed = (descent.search.strokes for descent in descents)
    assert plain is not None and timed is not None and not torch.equal(plain.opacity, strokes.opacity)
    torch.testing.assert_close(timed.colors, plain.colors)
    for name, values in plain.shape.items():
        torch.testing.assert_close(timed.shape[name], values)


def test_the_extent_counts_what_is_there(parts: Any) -> None:
    picture, ground = bands()
    strokes = parts.place(STYLE, 8, picture, ground)
    work = parts.Workload(STYLE, 8, 32)
    extent = parts.Descent(work, strokes, picture, ground, "cpu", 1).extent()
    larger = parts.Descent(parts.Workload(STYLE, 8, 64), strokes, picture, ground, "cpu", 1).extent()
    assert extent.canvas == 24 * 32 and extent.channels == 3 and extent.texels == 16 * extent.patches
    assert 2.5 * extent.pixels < larger.pixels < 4.5 * extent.pixels


def test_exponents_and_fits_are_those_of_known_laws(script: Any) -> None:
    assert script.exponent([1, 10, 100], [2, 20, 200]) == pytest.approx(1)
    assert script.exponent([1, 4], [3, 6]) == pytest.approx(0.5)
    assert script.exponent([4, 5], [3, 6]) is None and script.exponent([], []) is None
    rows = [{"strokes": strokes, "covered_pixels": pixels} for strokes, pixels in ((1, 10), (2, 5), (4, 90))]
    fit = script.linear_fit(rows, [0.002 * row["strokes"] + 3e-5 * row["covered_pixels"] for row in rows])
    assert list(fit.values()) == pytest.approx([2, 30, 0])


def test_targets_are_judged(script: Any) -> None:
    row = {"style": STYLE, "strokes": 500, "side": 256, "backend": "cpu", "ms": 61.0, "times_reference": 12.0}
    slow = {"style": STYLE, "strokes": 5000, "size": 1024, "seconds": 250.0, "peak_gb": 2.0}
    found = script.targets([row, {**row, "strokes": 100}, {**row, "backend": "reference"}], [slow])
    assert [target["met"] for target in found] == [False, True, False, True]


def test_a_painting_is_timed_in_a_process_of_its_own(script: Any, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(np.round(bands()[0] * 255).astype(np.uint8)).save(photo)
    row = script.time_painting(photo, STYLE, 5, 32, "--iterations", "3")
    assert row["seconds"] >= row["phases"]["total"] and 0.05 < row["peak_gb"] < 5 and row["psnr"] > 3
    assert {path.name for path in tmp_path.iterdir()} == {"photo.png", "painting.png", "painting.gif", "report.json"}


@pytest.mark.parametrize("option", [("--styles", "crayon"), ("--backends", "abacus"), ("--quick", "--end-to-end")])
def test_what_is_unknown_is_refused(
    script: Any, option: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark.py", *option])
    with pytest.raises(SystemExit, match="2"):
        script.read_options()
    assert "error: argument" in capsys.readouterr().err
