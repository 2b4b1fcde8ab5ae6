"""Training: a little of it helps, it can be stopped and resumed, and the script leaves what it promises."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import torch
from helpers.forked import Ended, run_forked
from PIL import Image
from torch import Tensor

from renderers.brushes import BRUSHES, NETWORK_BRUSHES
from renderers.brushes.base import PATCH, PATCHES, frame_grid
from renderers.checkpoint import load_networks, read_manifest
from renderers.engine import paint_patches
from renderers.evaluation import figures
from renderers.networks import BrushNetworks, Patches
from renderers.training import SHARP, Batch, StrokePool, TrainConfig, Trainer, paint_batch, patch_figures, psnr
from scripts.training import train_renderer

CPU = torch.device("cpu")
# Nothing renewed: what is drawn depends on no thread's pace.
LITTLE = TrainConfig(steps=60, patches=512, warm_up=10, pool=256, first_fill=256, renewal=0.0, seed=3)


def fresh_trainer(config: TrainConfig = LITTLE) -> Trainer:
    torch.manual_seed(0)
    return Trainer(BrushNetworks(NETWORK_BRUSHES["rectangle"]), config, CPU)


def held_out(brush: str = "rectangle", count: int = 60, sharp: float = 0.5) -> Batch:
    return paint_batch(NETWORK_BRUSHES[brush], count, torch.Generator().manual_seed(99), sharp)


def copied(trainer: Trainer) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in trainer.state().items()}


def finish(trainer: Trainer) -> list[int]:
    """The steps at which events came."""
    return [event.step for event in trainer.run()]


# --- strokes to learn from ----------------------------------------------------------------------------------


@pytest.mark.parametrize("brush", list(BRUSHES))
def test_a_batch_is_what_the_engine_paints(brush: str) -> None:
    batch = held_out(brush, count=5, sharp=1.0)
    patches = 5 * PATCHES[1] ** 2
    assert len(batch) == 5 and batch.alpha.shape == batch.mix.shape == (patches, PATCH**2)
    assert torch.equal(batch.owner, torch.arange(5).repeat_interleave(PATCHES[1] ** 2))
    shape = BRUSHES[brush].sample(5, torch.Generator().manual_seed(99))
    frame = BRUSHES[brush].frame(shape, SHARP)
    torch.testing.assert_close(batch.code, frame.code)
    # The texture's seed hardly shows at this size.
    grid = Patches.of(frame_grid(frame.box, SHARP / frame.scale, 1.0))
    alpha, mix = paint_patches(BRUSHES[brush], frame, SHARP, grid, torch.arange(5))
    assert (batch.alpha - alpha).square().mean() < 2e-4 and (batch.mix - mix).square().mean() < 2e-4


def test_a_batch_is_drawn_with_all_patches_of_its_strokes() -> None:
    batch = held_out(count=20, sharp=0.2)
    chosen = torch.tensor([3, 4, 11, 19])
    few = batch.select(chosen)
    assert torch.equal(few.code, batch.code[chosen])
    for n, stroke in enumerate(chosen):
        for values, others in ((few.features, batch.features), (few.alpha, batch.alpha), (few.mix, batch.mix)):
            assert torch.equal(values[few.owner == n], others[batch.owner == stroke])


def test_a_batch_is_the_same_with_any_number_of_threads() -> None:
    with ThreadPoolExecutor(3) as pool:
        batches = [
            paint_batch(NETWORK_BRUSHES["markerpen"], 20, torch.Generator().manual_seed(4), 0.3, threads)
            for threads in (None, pool)
        ]
    assert torch.equal(batches[0].alpha, batches[1].alpha) and torch.equal(batches[0].features, batches[1].features)


def test_strokes_are_seen_at_all_sizes() -> None:
    counts = {sharp: torch.bincount(held_out(count=200, sharp=sharp).owner).float() for sharp in (0.0, 0.25, 1.0)}
    most = PATCHES[1] ** 2
    assert (counts[1.0] == most).all()
    assert counts[0.0].min() < 8 and 20 < counts[0.0].median() < 120 and counts[0.0].max() == most
    assert 0.15 < (counts[0.25] == most).float().mean() - (counts[0.0] == most).float().mean() < 0.35


def test_the_pool_renews_itself_as_it_is_drawn_from() -> None:
    config = TrainConfig(pool=256, first_fill=128, renewal=1.0)
    pool = StrokePool(NETWORK_BRUSHES["rectangle"], config, CPU, workers=1)
    try:
        assert pool.painted == 1
        generator = torch.Generator().manual_seed(0)
        for _ in range(8):
            drawn = pool.draw(48 * PATCHES[1] ** 2, generator)  # 48 of the largest strokes, more of others
            assert len(drawn) >= 48 and drawn.owner.max() == len(drawn) - 1
    finally:
        pool.close()
    assert pool.painted >= 2 and len(pool.chunks) == 2  # three chunks or more owed; closing may forgo some
    assert not pool.thread.is_alive()


# --- learning -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_little_training_raises_both_figures() -> None:
    trainer, strokes = fresh_trainer(), held_out()
    before = patch_figures(trainer.networks, strokes)
    assert finish(trainer) == [60]
    after = patch_figures(trainer.networks, strokes)
    assert after[0] > before[0] + 3 and after[1] > before[1] + 3
    assert trainer.networks.training  # the caller's mode is kept


def test_figures_are_those_of_pooled_squared_errors() -> None:
    networks, strokes = fresh_trainer().networks.eval().requires_grad_(False), held_out(count=130)
    alpha, mix = networks.decode(strokes.code, strokes.features, strokes.owner)
    expected = [psnr(float((a - b).square().mean())) for a, b in ((alpha, strokes.alpha), (mix, strokes.mix))]
    assert patch_figures(networks, strokes) == pytest.approx(expected, abs=1e-3)
    assert psnr(0.01) == pytest.approx(20) and psnr(0) == pytest.approx(120)


@pytest.mark.slow
def test_training_goes_on_from_its_state() -> None:
    first = fresh_trainer(TrainConfig(**{**vars(LITTLE), "steps": 20}))
    finish(first)
    state = copied(first)
    kept = {name.rsplit(".", 1)[1] for name in state if name.startswith("adam.")}
    assert kept == {"step", "exp_avg", "exp_avg_sq"}
    resumed = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        trainer = Trainer(BrushNetworks(NETWORK_BRUSHES["rectangle"]), LITTLE, CPU)
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
    other = Trainer(BrushNetworks(NETWORK_BRUSHES["watercolor"]), LITTLE, CPU).state()
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


def train(folder: Path, *options: str) -> Ended:
    words = ("--brush", "rectangle", "--device", "cpu", "--threads", "1", "--runs", folder / "runs", "--out", folder)
    return run_forked(run_script, [*map(str, words), *options], folder=folder, seconds=180)


def run_script(words: list[str]) -> None:
    sys.argv[1:] = words
    train_renderer.figures = partial(figures, count=50)  # type: ignore[attr-defined]  # not of a thousand strokes
    train_renderer.main()


@pytest.mark.slow
def test_the_script_trains_resumes_and_publishes(tmp_path: Path) -> None:
    first = train(tmp_path, "--steps", "20")
    assert first.returncode == 0, first.stderr
    runs = tmp_path / "runs" / "rectangle"
    assert {path.name for path in runs.iterdir()} == {"state.safetensors", "curve.csv", "curve.png"}
    with Image.open(runs / "curve.png") as image:
        assert image.format == "PNG" and min(image.size) > 200
    entry = read_manifest(tmp_path)["rectangle"]
    content = (tmp_path / "rectangle.safetensors").read_bytes()
    assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    assert entry["trained"]["config"]["steps"] == 20 and "--steps 20" in entry["trained"]["command"]
    assert entry["trained"]["machine"] and entry["trained"]["seconds"] >= 0
    assert json.loads(first.stdout.removeprefix("rectangle ")) == entry["figures"]
    load_networks("rectangle", tmp_path)

    again = train(tmp_path, "--steps", "40", "--resume")
    assert again.returncode == 0, again.stderr
    rows = list(csv.DictReader((runs / "curve.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == [20, 40]
    assert (tmp_path / "rectangle.safetensors").read_bytes() != content
    assert read_manifest(tmp_path)["rectangle"]["trained"]["seconds"] >= entry["trained"]["seconds"]
    assert {path.name for path in tmp_path.iterdir()} == {"runs", "manifest.json", "rectangle.safetensors"}
