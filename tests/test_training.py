"""Training: a little of it helps, it can be stopped and resumed, and the script leaves what it promises."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from renderers.brushes import BRUSHES
from renderers.checkpoint import load_networks, read_manifest
from renderers.engine import frame_maps
from renderers.networks import FRAME_SIDES, BrushNetworks
from renderers.training import Batch, StrokePool, TrainConfig, Trainer, frame_figures, paint_batch, psnr

ROOT = Path(__file__).resolve().parents[1]
CPU = torch.device("cpu")
# Nothing renewed: what is drawn depends on no thread's pace.
LITTLE = TrainConfig(steps=60, patches=512, warm_up=10, pool=256, first_fill=256, renewal=0.0, seed=3)


def fresh_trainer(config: TrainConfig = LITTLE, side: int = 32) -> Trainer:
    torch.manual_seed(0)
    return Trainer(BrushNetworks(BRUSHES["rectangle"]), side, config, CPU)


def held_out(brush: str = "rectangle", side: int = 32, count: int = 60) -> Batch:
    return paint_batch(BRUSHES[brush], side, count, torch.Generator().manual_seed(99), blurred=False)


def copied(trainer: Trainer) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in trainer.state().items()}


def finish(trainer: Trainer) -> list[int]:
    """The steps at which events came."""
    return [event.step for event in trainer.run()]


# --- strokes to learn from ----------------------------------------------------------------------------------


@pytest.mark.parametrize("brush", list(BRUSHES))
def test_a_batch_is_what_the_engine_paints(brush: str) -> None:
    batch = held_out(brush, count=5)
    assert len(batch) == 5 and batch.alpha.shape == batch.mix.shape == (5, 32, 32)
    shape = BRUSHES[brush].sample(5, torch.Generator().manual_seed(99))
    frame = BRUSHES[brush].frame(shape, 1e-9)
    torch.testing.assert_close(batch.code, frame.code)
    # The texture's seed does not show at this size.
    alpha, mix = frame_maps(BRUSHES[brush], frame, 1e-9, 32, torch.arange(5))
    torch.testing.assert_close(batch.alpha, alpha, rtol=0, atol=0.01)
    torch.testing.assert_close(batch.mix, mix, rtol=0, atol=0.01)


def test_a_batch_is_the_same_with_any_number_of_threads() -> None:
    with ThreadPoolExecutor(3) as pool:
        batches = [
            paint_batch(BRUSHES["markerpen"], 32, 20, torch.Generator().manual_seed(4), True, threads)
            for threads in (None, pool)
        ]
    assert torch.equal(batches[0].alpha, batches[1].alpha) and torch.equal(batches[0].patches, batches[1].patches)


def test_half_the_strokes_are_blurred_as_small_ones_are() -> None:
    sharp, mixed = (
        paint_batch(BRUSHES["rectangle"], 64, 200, torch.Generator().manual_seed(4), blurred).alpha
        for blurred in (False, True)
    )
    partly = [((alpha > 0.02) & (alpha < 0.98)).float().mean(dim=(1, 2)) for alpha in (sharp, mixed)]
    assert 0.3 < (partly[1] > partly[0] + 0.02).float().mean() < 0.6


def test_the_pool_renews_itself_as_it_is_drawn_from() -> None:
    config = TrainConfig(pool=256, first_fill=128, renewal=1.0)
    pool = StrokePool(BRUSHES["rectangle"], 32, config, CPU, workers=1)
    try:
        assert pool.painted == 1
        generator = torch.Generator().manual_seed(0)
        for _ in range(8):
            assert len(pool.draw(48, generator)) == 48
    finally:
        pool.close()
    assert 2 <= pool.painted <= 4 and len(pool.chunks) == 2  # 384 drawn: three chunks owed, closing may forgo some
    assert not pool.thread.is_alive()


# --- learning -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", FRAME_SIDES)
def test_a_little_training_raises_both_figures(side: int) -> None:
    trainer, strokes = fresh_trainer(side=side), held_out(side=side)
    before = frame_figures(trainer.networks, side, strokes)
    assert finish(trainer) == [60]
    after = frame_figures(trainer.networks, side, strokes)
    assert after[0] > before[0] + 3 and after[1] > before[1] + 3
    # The networks of the other frame are as they were, and the caller's mode is kept.
    other = FRAME_SIDES[1 - FRAME_SIDES.index(side)]
    untouched = fresh_trainer(side=side).networks.raster[str(other)].state_dict()
    for name, tensor in trainer.networks.raster[str(other)].state_dict().items():
        assert torch.equal(tensor, untouched[name])
    assert trainer.networks.training


def test_figures_are_those_of_pooled_squared_errors() -> None:
    networks, strokes = fresh_trainer().networks.eval().requires_grad_(False), held_out(count=130)
    alpha, mix = networks.decode(strokes.code, strokes.patches, 32)
    expected = [psnr(float((a - b).square().mean())) for a, b in ((alpha, strokes.alpha), (mix, strokes.mix))]
    assert frame_figures(networks, 32, strokes) == pytest.approx(expected, abs=1e-3)
    assert psnr(0.01) == pytest.approx(20) and psnr(0) == pytest.approx(120)


def test_training_goes_on_from_its_state() -> None:
    first = fresh_trainer(TrainConfig(**{**vars(LITTLE), "steps": 20}))
    finish(first)
    state = copied(first)
    kept = {name.rsplit(".", 1)[1] for name in state if name.startswith("adam.")}
    assert kept == {"step", "exp_avg", "exp_avg_sq"}
    resumed = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        trainer = Trainer(BrushNetworks(BRUSHES["rectangle"]), 32, LITTLE, CPU)
        trainer.load_state({name: tensor.clone() for name, tensor in state.items()})
        assert trainer.step == 20
        assert all(torch.equal(tensor, state[name]) for name, tensor in trainer.state().items())
        assert trainer.state().keys() == state.keys()
        assert finish(trainer) == [60]
        resumed.append(copied(trainer))
    # Weights and Adam's moments are all there is to know.
    assert all(torch.equal(tensor, resumed[1][name]) for name, tensor in resumed[0].items())
    assert any(not torch.equal(tensor, state[name]) for name, tensor in resumed[0].items())


def test_a_state_of_other_networks_is_refused() -> None:
    other = Trainer(BrushNetworks(BRUSHES["watercolor"]), 32, LITTLE, CPU).state()
    with pytest.raises(RuntimeError):
        fresh_trainer().load_state(other)
    with pytest.raises((KeyError, RuntimeError)):
        fresh_trainer().load_state({"step": torch.tensor(3)})


def test_the_rate_rises_and_then_falls_to_nothing() -> None:
    trainer = fresh_trainer()
    rates = []
    for trainer.step in range(LITTLE.steps):
        rates.append(trainer._rate())
    peak = rates.index(max(rates))
    assert rates[0] < 0.2 * LITTLE.rate and 5 <= peak <= 10 and rates[-1] < 0.01 * LITTLE.rate
    assert all(a > b for a, b in zip(rates[peak:], rates[peak + 1 :], strict=False))


# --- the script ---------------------------------------------------------------------------------------------


def train(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/train_renderer.py", "--brush", "rectangle", "--device", "cpu", "--threads", "1"]
    command += ["--runs", str(folder / "runs"), "--out", str(folder), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)


def test_the_script_trains_resumes_and_publishes(tmp_path: Path) -> None:
    first = train(tmp_path, "--steps", "20")
    assert first.returncode == 0, first.stderr
    runs = tmp_path / "runs" / "rectangle"
    assert {path.name for path in runs.iterdir()} == {
        f"{kind}-{side}.{ending}"
        for side in FRAME_SIDES
        for kind, ending in (("state", "safetensors"), ("curve", "csv"))
    } | {"curve.png"}
    with Image.open(runs / "curve.png") as image:
        assert image.format == "PNG" and min(image.size) > 200
    entry = read_manifest(tmp_path)["rectangle"]
    content = (tmp_path / "rectangle.safetensors").read_bytes()
    assert entry["sha256"] == hashlib.sha256(content).hexdigest() and entry["frames"] == list(FRAME_SIDES)
    assert entry["trained"]["config"]["steps"] == 20 and "--steps 20" in entry["trained"]["command"]
    assert entry["trained"]["machine"] and entry["trained"]["seconds"] >= 0
    assert json.loads(first.stdout.removeprefix("rectangle ")) == entry["figures"]
    load_networks("rectangle", tmp_path)

    again = train(tmp_path, "--steps", "40", "--resume")
    assert again.returncode == 0, again.stderr
    for side in FRAME_SIDES:
        rows = list(csv.DictReader((runs / f"curve-{side}.csv").open()))
        assert [int(row["step"]) for row in rows] == [20, 40]
    assert (tmp_path / "rectangle.safetensors").read_bytes() != content
    assert read_manifest(tmp_path)["rectangle"]["trained"]["seconds"] >= entry["trained"]["seconds"]
    assert {path.name for path in tmp_path.iterdir()} == {"runs", "manifest.json", "rectangle.safetensors"}
