"""The same from Python."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.cli_runs import TINY, listing
from PIL import Image

from painter import paint
from painter.errors import DeviceError, PictureError
from painter.pictures.samples import sample_path
from painter.system import devices


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
