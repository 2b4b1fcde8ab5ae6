"""The check of a GPU, as far as it can be tried without one: under Triton's interpreter."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from renderers.blending import Layers, blend
from renderers.decoding import NetworkMaps
from renderers.networks import BrushNetworks
from scripts.benchmark import gpu_check

pytest.importorskip("triton", reason="triton is not installed")
EMPTY: dict[str, Any] = {
    "device": "d", "torch": "t", "iterations": [], "paintings": [], "failed": [], "left_out": [],
}  # fmt: skip
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def halved(networks: BrushNetworks) -> BrushNetworks:
    """Networks whose first layer is weaker."""
    with torch.no_grad():
        networks.raster.inner.weight *= 0.5
    return networks


@pytest.mark.slow
def test_right_kernels_are_good() -> None:
    found = gpu_check.compare_kernels("rectangle", 3, (20, 24, 4), DEVICE)
    assert found["good"] and 0 < found["value"] < 1e-5 and set(found["gradients"]) == set(gpu_check.FIELDS)


def test_right_decoders_are_good_and_wrong_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    found = gpu_check.compare_decoders("rectangle", 3, (20, 24, 4), DEVICE)
    assert found["good"] and 0 < found["value"] < 1e-5 and set(found["gradients"]) == set(gpu_check.DECODED)
    monkeypatch.setattr(gpu_check, "network_maps", lambda networks, *_: NetworkMaps(halved(networks), 1.0))
    assert not gpu_check.compare_decoders("rectangle", 3, (20, 24, 4), DEVICE)["good"]


def test_wrong_kernels_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(canvas: Tensor, layers: Layers, backend: str) -> Tensor:
        return blend(canvas, replace(layers, opacity=layers.opacity * 1.01), "reference")

    monkeypatch.setattr(gpu_check, "blend", wrong)
    assert not gpu_check.compare_kernels("rectangle", 3, (20, 24, 3), DEVICE)["good"]


def test_gradients_that_are_no_numbers_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(canvas: Tensor, layers: Layers, backend: str) -> Tensor:
        texels = layers.maps.texels + 0 * (0 * layers.maps.texels).sqrt()  # the same values, and gradients of 0 * inf
        return blend(canvas, replace(layers, maps=replace(layers.maps, texels=texels)), "reference")

    monkeypatch.setattr(gpu_check, "blend", wrong)
    found = gpu_check.compare_kernels("rectangle", 3, (20, 24, 3), DEVICE)
    assert found["value"] < 1e-5 and math.isnan(found["gradients"]["texels"]) and not found["good"]
    assert "gradients nan: WRONG" in gpu_check.table({**EMPTY, "kernels": [found]})


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


def test_a_part_that_fails_is_listed_and_the_others_go_on(tmp_path: Path) -> None:
    check = gpu_check.Check("cpu", tmp_path, limit=60.0)
    check.do("kernels", "b", lambda: EMPTY["nothing"])
    check.do("paintings", "5 at 9 px", lambda: {"strokes": 5, "size": 9, "seconds": 1.0, "psnr": 20.0})
    assert [row["what"] for row in check.found["failed"]] == ["kernels, b"] and len(check.found["paintings"]) == 1
    assert "failed: kernels, b: KeyError('nothing')" in gpu_check.table(check.found)
