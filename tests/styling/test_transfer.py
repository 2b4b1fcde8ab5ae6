"""Style transfer on pixels: that it gets there, in scales and in several styles, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.style_network import network as network  # the fixture
from helpers.style_network import one_network as one_network  # the fixture
from helpers.transfers import here as here  # the fixture
from helpers.transfers import quick, read, save, sources
from PIL import Image

from painter.errors import DivergedError
from painter.options.transfer import LEARNING_RATES, TransferConfig
from painter.pictures.pixels import LUMINANCE
from painter.styling import place_sums, winograd
from painter.styling.feature_networks import load_features
from painter.styling.features import Features
from painter.styling.inputs import load_sources
from painter.styling.objective import Objective
from painter.styling.optimizers import PixelOptimizer, decayed
from painter.styling.recorder import FrameRecorder
from painter.styling.transfer import (
    Transfer,
    TransferProgress,
    TransferResult,
    load_network,
    transfer,
)


def begin(config: TransferConfig, *styles: str) -> Transfer:
    return Transfer(sources(config, *styles), config, load_network(config))


def run(config: TransferConfig, *styles: str, content: str = "content.png", **more: Any) -> TransferResult:
    return transfer(sources(config, *styles, content=content), config, **more)


# --- getting there ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", list(LEARNING_RATES))
def test_every_optimizer_lowers_the_loss(optimizer: str, here: Path) -> None:
    result = run(quick(optimizer=optimizer, iterations=24, start="noise"))
    totals = [record.total for record in result.records]
    assert [record.iteration for record in result.records] == list(range(25))
    assert min(totals[1:]) < 0.8 * totals[0]
    assert result.image.shape == (36, 48, 3) and result.image.dtype == np.uint8


@pytest.mark.slow
def test_lbfgs_lowers_the_loss_at_each_step_without_evaluating_twice(
    here: Path, network: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    original = Objective.__call__

    def counted(self: Objective, image: torch.Tensor) -> Any:
        calls.append(1)
        return original(self, image)

    monkeypatch.setattr(Objective, "__call__", counted)
    config = quick(optimizer="lbfgs", iterations=15, decay="constant")
    totals = [record.total for record in run(config).records]
    assert all(after < before for before, after in pairwise(totals))
    assert len(calls) < 2 * len(totals)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", list(LEARNING_RATES))
def test_what_is_optimised_is_what_is_written(optimizer: str, here: Path, network: Features) -> None:
    """Nothing leaves [0, 1], so that clipping takes nothing away, from black and white areas neither."""
    save("ends.png", np.where(np.mgrid[:36, :48][1][..., None] < 24, 0, 255).repeat(3, 2))
    config = quick(optimizer=optimizer, iterations=12, style_weight=200)
    under_way = Transfer(sources(config, content="ends.png"), config, network)
    for _ in under_way.run():
        image = under_way.pixel_optimizer.image.detach()
        assert image.min() >= 0 and image.max() <= 1
    _, terms = under_way.objective(torch.from_numpy(under_way.result().pixels))
    best = min(record.total for record in under_way.records)
    assert terms["total"] == pytest.approx(best, rel=1e-4) and best < under_way.records[0].total


@pytest.mark.slow
def test_the_loss_is_that_of_a_direct_computation(
    here: Path, network: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it in float64, and its gradient by differences, at one pixel after another."""
    monkeypatch.setattr(place_sums, "GRADIENTS", torch.float32)
    save("soft.png", (np.mgrid[:36, :48][1] * 5)[..., None].repeat(3, 2))
    config = quick(size=16, region="soft.png", content_weight=2, style_weight=3, tv_weight=5)
    weights = [(getattr(network, f"{name}_filters"), getattr(network, f"{name}_biases")) for name in network.names]
    single, double = (Features("random", weights, network.centre) for _ in range(2))
    double.double()
    scene = sources(config, "stripes.png", "checks.png").scene(config, 0)
    ours = Objective(single, scene, [1.0, 1.0], config)
    image = torch.rand(scene.content.shape, generator=torch.Generator().manual_seed(1)).requires_grad_()
    loss, terms = ours(image)
    loss.backward()
    assert image.grad is not None

    def features(picture: np.ndarray) -> dict[str, np.ndarray]:
        found = double(torch.from_numpy(picture).double(), ["relu1_1", "relu2_1"])
        return {name: layer.numpy() for name, layer in found.items()}

    def gram(layer: np.ndarray, mask: np.ndarray) -> np.ndarray:
        products: np.ndarray = np.einsum("ihw,jhw,hw->ij", layer, layer, mask / mask.sum())
        return products

    def direct(picture: np.ndarray) -> float:
        found, kept = features(picture), features(scene.content)
        content = ((found["relu2_1"] - kept["relu2_1"]) ** 2).sum() / (kept["relu2_1"] ** 2).sum()
        assert scene.region is not None
        style, region = 0.0, scene.region.astype(np.float64)
        for name, share in (("relu1_1", 1 / 3), ("relu2_1", 2 / 3)):
            for look, mask in zip(scene.styles, (region, 1 - region), strict=True):
                theirs = features(look)[name]
                wanted = gram(theirs, np.ones(theirs.shape[1:]))
                rows, columns = found[name].shape[1:]
                step = mask.shape[0] // rows
                cells = mask.reshape(rows, step, columns, step).mean((1, 3))
                distance = ((gram(found[name], cells) - wanted) ** 2).sum() / (wanted**2).sum()
                style += share * mask.mean() * distance
        across, down = np.diff(picture, axis=1), np.diff(picture, axis=0)
        variation = ((across**2).sum() + (down**2).sum()) / (across.size + down.size)
        return float(2 * content + 3 * style + 5 * variation)

    exact = image.detach().double().numpy()
    assert terms["total"] == pytest.approx(direct(exact), rel=1e-4)
    unit = 10 / (exact.shape[0] * exact.shape[1])
    for place in ((0, 0, 0), (5, 7, 1), (11, 15, 2)):
        step = np.zeros_like(exact)
        step[place] = 1e-4
        slope = (direct(exact + step) - direct(exact - step)) / 2e-4 / unit
        assert image.grad[place].item() == pytest.approx(slope, rel=2e-3, abs=1e-4)


def test_amsgrad_and_the_others_reach_torch(here: Path) -> None:
    image = torch.zeros(2, 2, 3)
    group = PixelOptimizer(
        image, quick(optimizer="adam", amsgrad=True, beta1=0.8, epsilon=1e-3)
    ).optimizer.param_groups[0]
    assert (group["amsgrad"], group["betas"][0], group["eps"]) == (True, 0.8, 1e-3)
    assert PixelOptimizer(image, quick(optimizer="sgd", beta1=0.5)).optimizer.param_groups[0]["momentum"] == 0.5
    stepper = PixelOptimizer(image, quick(optimizer="adam", learning_rate=0.5, decay="linear", final_rate=0.2))
    stepper.here(lambda image: (image.sum(), {}))
    stepper.step(lambda image: (image.sum(), {}), 0.5)
    assert stepper.optimizer.param_groups[0]["lr"] == pytest.approx(0.5 * 0.6)


def test_decays() -> None:
    for name in ("linear", "cosine", "exponential"):
        assert decayed(name, 0.1, 0) == pytest.approx(1) and decayed(name, 0.1, 1) == pytest.approx(0.1)
        assert decayed(name, 0.1, 0.4) > decayed(name, 0.1, 0.6)
    assert decayed("constant", 0.1, 0.7) == 1
    assert decayed("exponential", 0.01, 0.5) == pytest.approx(0.1)


@pytest.mark.slow
def test_result_is_the_best_picture_and_is_repeatable(here: Path) -> None:
    pictures: list[tuple[float, np.ndarray]] = []

    def note(progress: TransferProgress) -> None:
        pictures.append((progress.record.total, progress.picture()))

    config = quick(optimizer="sgd", learning_rate=2.0, decay="constant")  # so large that the loss rises
    result = run(config, on_progress=note)
    best = min(pictures, key=lambda pair: pair[0])
    assert np.array_equal(result.image, best[1]) and not np.array_equal(result.image, pictures[-1][1])
    assert np.array_equal(run(config).image, result.image)


@pytest.mark.slow
def test_total_is_the_weighted_sum(here: Path) -> None:
    config = quick(content_weight=2, style_weight=3, tv_weight=5, iterations=2)
    for record in run(config).records:
        expected = 2 * record.content + 3 * record.style + 5 * record.tv
        assert record.total == pytest.approx(expected, rel=1e-5)
    assert config.content_loss == "features"


@pytest.mark.slow
def test_content_alone_stays(here: Path) -> None:
    config = quick(style_weight=0, tv_weight=0)
    assert np.array_equal(run(config).image, read("content.png"))
    luminance = run(quick(style_weight=0, tv_weight=0, content_loss="luminance"))
    assert np.array_equal(luminance.image, read("content.png"))


@pytest.mark.slow
@pytest.mark.parametrize("start", ["noise", "style"])
def test_starts(start: str, here: Path) -> None:
    config = quick(start=start, iterations=1, seed=5)
    begun = begin(config).pixel_optimizer.image.detach().numpy()
    other = quick(start=start, iterations=1, seed=6)
    assert not np.array_equal(begun, begin(other).pixel_optimizer.image.detach().numpy())
    wanted = read("stripes.png").reshape(-1, 3).mean(0) / 255 if start == "style" else np.full(3, 0.5)
    assert np.abs(begun.mean((0, 1)) - wanted).max() < 0.06


# --- scales and styles --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_scales_grow(here: Path) -> None:
    seen = []
    config = quick(size=64, scales=2, iterations=4)
    result = run(config, on_progress=lambda progress: seen.append((progress.record.scale, progress.picture().shape)))
    assert dict(seen) == {1: (24, 32, 3), 2: (48, 64, 3)}
    assert result.image.shape == (48, 64, 3)
    assert (config.sizes(), config.style_sizes()) == ([32, 64], [32, 64])
    assert quick(size=512, scales=3, style_size="256").style_sizes() == [64, 128, 256]
    assert quick(size=512, scales=3, style_size="99,88,300").style_sizes() == [99, 88, 300]
    assert quick(size=40, scales=3).sizes() == [32, 32, 40]


def test_frames_of_all_scales_are_of_one_size() -> None:
    film = FrameRecorder(4)
    for iteration, shape in enumerate(((43, 64, 3), (85, 128, 3), (171, 257, 3), (681, 1024, 3))):
        film.watch(iteration, lambda shape=shape: np.zeros(shape, np.uint8))  # type: ignore
    assert [frame.shape for frame in film.shown(np.zeros((682, 1024, 3), np.uint8))] == 5 * [(341, 512, 3)]


@pytest.mark.slow
def test_one_style_of_two_is_that_style(here: Path) -> None:
    alone = run(quick(), "checks.png").image
    assert np.array_equal(run(quick(style_weights="0,4"), "stripes.png", "checks.png").image, alone)
    assert np.array_equal(run(quick(scale_styles="2"), "stripes.png", "checks.png").image, alone)
    blended = run(quick(style_weights="1,1"), "stripes.png", "checks.png").image
    assert not np.array_equal(blended, alone)


@pytest.mark.slow
def test_region_leaves_the_rest_alone(here: Path) -> None:
    before, after = read("content.png"), run(quick(region="mask.png")).image
    assert np.array_equal(after[:, 24:], before[:, 24:])
    assert np.abs(after[:, :24].astype(int) - before[:, :24]).mean() > 5


@pytest.mark.slow
def test_full_region_is_no_region(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_sums, "GRADIENTS", torch.float32)
    monkeypatch.setattr(winograd, "GRADIENTS", torch.float32)
    save("full.png", np.full((36, 48, 3), 255))
    config = quick(region="full.png", iterations=3)
    a, b = run(config).image.astype(int), run(quick(iterations=3)).image.astype(int)
    assert np.abs(a - b).max() <= 1


@pytest.mark.slow
def test_two_styles_one_each_side(here: Path) -> None:
    config = quick(region="mask.png", content_weight=0, iterations=30, start="noise", tv_weight=0)
    colors = run(config, "stripes.png", "checks.png").image.astype(int)
    red, blue = colors[:, :20].mean((0, 1)), colors[:, 28:].mean((0, 1))
    assert red[0] > red[2] + 20 and blue[2] > blue[0] + 20


@pytest.mark.slow
def test_transparency_stays_and_what_is_hidden_does_not_count(here: Path) -> None:
    result = run(quick(), content="see-through.png")
    alpha = read("see-through.png")[..., 3]
    assert result.image.shape == (36, 48, 4) and np.array_equal(result.image[..., 3], alpha)
    config = quick(iterations=1, style_size="40")
    style = np.concatenate([read("stripes.png"), np.full((48, 40, 1), 255)], 2)
    style[24:] = 0  # of 48; both files have a long side of 40 then
    save("half.png", style[:40])
    save("upper.png", style[:24, :, :3])
    ours, theirs = (begin(config, name).objective._targets[0].grams["relu1_1"] for name in ("half.png", "upper.png"))
    assert (ours - theirs).norm() < 0.2 * theirs.norm()


def test_the_content_in_the_styles_colours(here: Path) -> None:
    pale = np.full((24, 24, 3), (240, 230, 220), np.uint8) - (np.arange(24) % 8 * 6).astype(np.uint8)[:, None, None]
    Image.fromarray(pale).save("pale.png")
    wanted = pale.reshape(-1, 3).mean(axis=0)

    def content(**options: Any) -> np.ndarray:
        config = quick(content_color="style", **options)
        return load_sources("content.png", ["pale.png"], config).scene(config, 0).content * 255

    found, own = content(), content(style_weight=0.0)
    assert np.abs(found.reshape(-1, 3).mean(axis=0) - wanted).max() < 2
    assert np.abs(own.reshape(-1, 3).mean(axis=0) - wanted).max() > 20  # no style, nothing to be brought to
    assert np.array_equal(content(preserve_color="histogram"), own)
    mask = np.zeros((36, 48), np.uint8)
    mask[:, 24:] = 255
    Image.fromarray(mask).save("right.png")
    parted = content(region="right.png")
    assert np.array_equal(parted[:, :20], own[:, :20])
    assert np.abs(parted[:, 28:].reshape(-1, 3).mean(axis=0) - wanted).max() < 4
    Image.fromarray(np.full((36, 48), 255, np.uint8)).save("all.png")
    assert np.array_equal(content(region="all.png"), found)


@pytest.mark.slow
def test_preserved_luminance_changes_no_chroma(here: Path) -> None:
    before = read("content.png").astype(float)
    after = run(quick(preserve_color="luminance")).image.astype(float)
    inside = ((after > 0) & (after < 255)).all(2)
    shift = (after - before)[inside]
    assert inside.mean() > 0.7 and np.abs(shift - shift.mean(1, keepdims=True)).max() <= 1.01
    assert np.abs(shift).mean() > 3


@pytest.mark.slow
def test_preserved_histogram_keeps_the_mean_colour(here: Path) -> None:
    def distance(**changes: Any) -> float:
        image = run(quick(style_weight=100, iterations=20, optimizer="lbfgs", **changes)).image
        return float(np.abs(image.mean((0, 1)) - read("content.png").mean((0, 1))).max())

    assert distance(preserve_color="histogram") < 8 < distance()
    assert LUMINANCE.sum() == pytest.approx(1)


# --- ends ---------------------------------------------------------------------------------------------------


def at(iteration: int, act: Callable[[], None]) -> Callable[[TransferProgress], None]:
    return lambda progress: act() if progress.record.iteration == iteration else None


@pytest.mark.slow
def test_interrupt_keeps_the_best(here: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    config = quick(size=64, scales=2)
    result = run(config, on_progress=at(2, interrupt))
    assert result.interrupted and result.image.shape == (48, 64, 3) and len(result.records) == 3


@pytest.mark.slow
def test_diverging_keeps_the_last_good_picture(here: Path) -> None:
    config = quick()
    under_way = begin(config)
    with pytest.raises(DivergedError, match="NaN or infinite after 4 steps; the last good") as caught:
        for progress in under_way.run():
            if progress.record.iteration == 3:
                with torch.no_grad():
                    under_way.pixel_optimizer._moved.fill_(float("nan"))
    assert caught.value.iteration == 4
    best = caught.value.result
    assert len(best.records) == 4 and best.image.std() > 5
    assert np.array_equal(best.image, run(quick(iterations=6), on_progress=at(3, lambda: None)).image) is False


@pytest.mark.slow
def test_seconds_stop_in_time(here: Path) -> None:
    import time

    begin = time.monotonic()
    result = run(quick(iterations=100_000, seconds=1, scales=2))
    assert time.monotonic() - begin < 8
    assert 3 < len(result.records) < 10_000 and not result.interrupted
    assert {record.scale for record in result.records} == {1, 2}


@pytest.mark.slow
def test_time_ends_a_step_that_lasts(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """L-BFGS may search for long along one direction; the best before that search is kept."""
    now, config = [0.0], quick(seconds=10, iterations=50, content_color="own")
    monkeypatch.setattr("painter.search.time_budget.time.monotonic", lambda: now[0])
    original = Objective.__call__

    def slow(self: Any, image: torch.Tensor) -> Any:
        now[0] += 1.0
        calls.append(now[0])
        loss, terms = original(self, image)
        return (loss, terms) if len(calls) < 3 else (loss + 1e6 * now[0], terms)  # it only rises

    calls: list[float] = []
    monkeypatch.setattr(Objective, "__call__", slow)
    result = run(config)
    assert 9 <= calls[-1] <= 10 and len(result.records) < 4 and not result.interrupted


# --- devices ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_finds_much_the_same(here: Path) -> None:
    config = quick(optimizer="adam")
    ours, theirs = (
        transfer(sources(config), each, load_features("random").to(each.device))
        for each in (replace(config, device="cpu"), replace(config, device="cuda"))
    )
    assert np.abs(ours.pixels - theirs.pixels).mean() < 0.01
