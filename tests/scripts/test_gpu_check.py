"""The check of a GPU, as far as it can be tried without one: under Triton's interpreter."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from renderers.blending import Layers, blend
from scripts.benchmark import gpu_check

pytest.importorskip("triton", reason="triton is not installed")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def test_right_kernels_are_good() -> None:
    found = gpu_check.compare_kernels("rectangle", 3, (20, 24, 4), DEVICE)
    assert found["good"] and 0 < found["value"] < 1e-5 and set(found["gradients"]) == set(gpu_check.FIELDS)


def test_wrong_kernels_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(canvas: Tensor, layers: Layers, backend: str) -> Tensor:
        return blend(canvas, replace(layers, opacity=layers.opacity * 1.01), "reference")

    monkeypatch.setattr(gpu_check, "blend", wrong)
    assert not gpu_check.compare_kernels("rectangle", 3, (20, 24, 3), DEVICE)["good"]


def test_what_there_is_no_time_for_is_listed(tmp_path: Path) -> None:
    check = gpu_check.Check("cpu", tmp_path, limit=60.0)
    row: dict[str, Any] = {"brush": "b", "canvas": (2, 3, 3), "value": 1e-6, "gradients": {"end": 2.0}, "good": False}
    check.do("kernels", "b", lambda: row)
    check.end = 0.0
    check.do("paintings", "500 at 512 px", lambda: pytest.fail("there was no time for it"))
    told = json.loads((tmp_path / "gpu.json").read_text())
    assert len(told["kernels"]) == 1 and told["paintings"] == [] and told["left_out"] == ["500 at 512 px"]
    text = gpu_check.table(check.found)
    assert "gradients 2.0e+00: WRONG" in text and "left out: 500 at 512 px" in text


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        gpu_check.main([])
    assert ended.value.code == 2 and "torch sees no CUDA device" in capsys.readouterr().err
