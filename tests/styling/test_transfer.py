"""Style transfer on pixels: that it gets there, its options, its files and its ends."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from helpers.style_network import random_network
from PIL import Image

from painter import cli
from painter.errors import DivergedError, OptionError, PictureError
from painter.export.transfers import transfer_endings
from painter.options.fields import option_name
from painter.options.transfer import LEARNING_RATES, TransferConfig
from painter.pictures.pixels import LUMINANCE
from painter.styling import place_sums, winograd
from painter.styling.feature_networks import load_features
from painter.styling.features import Features
from painter.styling.inputs import Sources, load_sources
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

LAYERS = "relu1_1,relu2_1:2"
QUICK = {"features": "random", "size": 48, "iterations": 6, "scales": 1, "style_layers": LAYERS,
         "content_layer": "relu2_1"}  # fmt: skip
ARGUMENTS = [
    "--features", "random", "--size", "48", "--iterations", "6", "--scales", "2", "--quiet",
    "--style-layers", LAYERS, "--content-layer", "relu2_1",
]  # fmt: skip


def quick(**changes: Any) -> TransferConfig:
    return TransferConfig(**{**QUICK, **changes})


@pytest.fixture(scope="module")
def network() -> Features:
    return random_network()


@pytest.fixture(autouse=True)
def one_network(network: Features, monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks take a second to make; the tests share one."""
    monkeypatch.setattr("painter.styling.feature_networks.random_features", lambda seed: network)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a content, two styles, a transparent picture and a mask."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["paint.py"])
    y, x = np.mgrid[:36, :48]
    disc = (x - 24) ** 2 + (y - 18) ** 2 < 150
    rgb = np.stack([200 - 2 * y, 90 + 2 * x, 60 + disc * 150], 2)
    save("content.png", rgb)
    save("see-through.png", np.concatenate([rgb, disc[..., None] * 255], 2))
    y, x = np.mgrid[:48, :40]
    save("stripes.png", np.stack([150 + 80 * ((x + y) // 8 % 2), 0 * x + 60, 0 * x + 40], 2))
    save("checks.png", np.stack([0 * x + 40, 0 * x + 80, 140 + 80 * ((x // 8 + y // 8) % 2)], 2))
    save("mask.png", np.repeat((np.mgrid[:36, :48][1] < 24)[..., None] * 255, 3, 2))
    return tmp_path


def save(name: str, pixels: np.ndarray) -> None:
    Image.fromarray(pixels.astype(np.uint8)).save(name)


def read(name: str) -> np.ndarray:
    with Image.open(name) as image:
        return np.asarray(image)


def sources(config: TransferConfig, *styles: str, content: str = "content.png") -> Sources:
    return load_sources(content, styles or ["stripes.png"], config)


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


# --- options ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"style_layers": "relu9_1"}, "--style-layers relu9_1: there is no layer 'relu9_1'; choose from relu1_1"),
        (
            {"style_layers": "relu1_1:x"},
            "--style-layers relu1_1:x: must be relu1_1 to relu5_4, separated by commas, each with or without :WEIGHT",
        ),
        ({"style_layers": "relu1_1,relu1_1:2"}, "names a layer twice"),
        ({"style_layers": "relu1_1:0"}, "weights must be from 0"),
        ({"features": "vgg16", "style_layers": "relu5_4"}, "--style-layers: vgg16 has no layer 'relu5_4'"),
        ({"features": "vgg16", "content_layer": "relu4_4"}, "--content-layer: vgg16 has no layer 'relu4_4'"),
        ({"weights": "w.pth"}, "--weights w.pth: --features random takes none"),
        ({"style_size": "32,64"}, "--style-size 32,64: has 2 numbers for 1 scales"),
        ({"style_size": "8"}, "--style-size 8: must be whole numbers from 16 to 4096, separated by commas"),
        ({"scale_styles": "1", "style_weights": "1"}, "--scale-styles with --style-weights"),
        ({"style_weights": "1,-1"}, "--style-weights 1,-1: must be numbers from 0"),
        ({"optimizer": "adagrad"}, "--optimizer adagrad: unknown; choose from adam, nadam, rmsprop, sgd, lbfgs"),
        ({"amsgrad": "yes"}, "--amsgrad yes: must be true or false"),
        ({"content_weight": float("nan")}, "--content-weight nan: must be a number from 0"),
    ],
)
def test_bad_options(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        quick(**changes)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "styles", "message"),
    [
        ({"style_weights": "1,2"}, 1, "--style-weights 1,2: give one number for each of the 1 styles"),
        ({"style_weights": "0,0"}, 2, "not all 0"),
        ({"scale_styles": "3"}, 2, "--scale-styles 3: there is no style 3 of 2"),
        ({"region": "mask.png"}, 3, "--region mask.png: cannot assign parts of the picture to 3 styles"),
        ({"region": "mask.png", "style_weights": "1,1"}, 2, "give one style, or two without --style-weights"),
    ],
)
def test_options_that_do_not_fit_the_styles(changes: dict[str, Any], styles: int, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        quick(**changes).blend(styles)
    assert message in str(caught.value)


def test_bad_pictures(here: Path) -> None:
    with pytest.raises(PictureError, match=r"cannot read none.png: there is no such file"):
        sources(quick(), "none.png")
    save("black.png", np.zeros((36, 48, 3)))
    with pytest.raises(PictureError, match=r"--region black.png: the mask is black everywhere"):
        sources(quick(region="black.png"))
    with pytest.raises(OptionError, match="no style picture"):
        load_sources("content.png", [], quick())


# --- the command --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_command_writes_all_its_files(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = ["-o", "a.png", "-o", "a.gif", "--losses", "a.csv", "--losses", "plot.png"]
    assert cli.main(["transfer", "content.png", "stripes.png", *ARGUMENTS, *outputs]) == 0
    assert capsys.readouterr() == ("", "")
    assert read("a.png").shape == (36, 48, 3)
    with Image.open("a.gif") as gif:
        assert gif.size == (48, 36) and gif.n_frames > 4
        assert np.abs(np.asarray(gif.convert("RGB")).astype(int) - read("content.png")).mean() < 12
        gif.seek(gif.n_frames - 1)
        assert np.abs(np.asarray(gif.convert("RGB")).astype(int) - read("a.png")).mean() < 8
    rows = list(csv.DictReader(Path("a.csv").read_text().splitlines()))
    assert list(rows[0]) == ["iteration", "scale", "content", "style", "tv", "total"]
    assert [int(row["iteration"]) for row in rows] == [0, 1, 2, 3, 3, 4, 5, 6]
    assert float(rows[-1]["total"]) < float(rows[0]["total"])
    assert read("plot.png").shape[1] > 500 and read("plot.png")[..., :3].std() > 5


@pytest.mark.slow
def test_command_writes_every_format(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["a.png", "a.jpg", "a.jpeg", "a.webp", "a.gif", "a.mp4"]
    assert sorted(Path(name).suffix for name in names) == sorted(transfer_endings())
    arguments = ["transfer", "content.png", "stripes.png", *ARGUMENTS, "--bit-depth", "16", "--webp", "animated"]
    assert cli.main([*arguments, *(part for name in names for part in ("-o", name))]) == 0
    deep = np.asarray(cv2.imread("a.png", cv2.IMREAD_UNCHANGED))[..., ::-1]
    assert deep.dtype == np.uint16 and len(np.unique(deep % 257)) > 50
    assert np.abs(read("a.jpg") - deep / 257).mean() < 8
    with Image.open("a.webp") as webp, Image.open("a.gif") as gif:
        assert webp.n_frames > 4 and gif.n_frames > 4
    assert Path("a.mp4").stat().st_size > 500


@pytest.mark.slow
def test_command_numbers_what_is_there(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [option for option in ARGUMENTS if option != "--quiet"]
    arguments = ["transfer", "content.png", "stripes.png", *options, "-o", "a.png", "--losses", "a.csv"]
    save("a.png", np.zeros((4, 4, 3)))
    assert cli.main(arguments) == 0
    told = capsys.readouterr().out
    assert told.startswith("wrote a-2.png, a-2.csv (existing files were kept; --overwrite replaces them)\n")
    assert read("a.png").shape == (4, 4, 3) and read("a-2.png").shape == (36, 48, 3)
    assert cli.main([*arguments, "--overwrite"]) == 0
    assert read("a.png").shape == (36, 48, 3) and Path("a.csv").is_file()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_finds_much_the_same(here: Path) -> None:
    config = quick(optimizer="adam")
    ours, theirs = (
        transfer(sources(config), each, load_features("random").to(each.device))
        for each in (replace(config, device="cpu"), replace(config, device="cuda"))
    )
    assert np.abs(ours.pixels - theirs.pixels).mean() < 0.01


@pytest.mark.slow
def test_command_has_a_default_name_and_says_the_losses(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [argument for argument in ARGUMENTS if argument != "--quiet"]
    assert cli.main(["transfer", "content.png", "stripes.png", *arguments]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("wrote output/content-stripes.png\ncontent ")
    assert "scale 2 of 2" in told.err and "style " in told.err and "total " in told.err
    assert Path("output/content-stripes.png").is_file()


@pytest.mark.slow
def test_command_when_interrupted(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "painter.styling.recorder.FrameRecorder.watch", lambda *arguments: signal.raise_signal(signal.SIGINT)
    )
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert cli.main(["transfer", "content.png", "stripes.png", *ARGUMENTS, "-o", "a.png", "-o", "a.gif"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert read("a.png").shape == (36, 48, 3)


@pytest.mark.slow
def test_command_when_it_diverges(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = Objective.__call__

    def spoiled(self: Any, image: torch.Tensor) -> Any:
        loss, terms = original(self, image)
        calls.append(1)
        return loss, {**terms, "total": float("nan")} if len(calls) == 3 else terms

    calls: list[int] = []
    monkeypatch.setattr(Objective, "__call__", spoiled)
    arguments = ["transfer", "content.png", "stripes.png", *ARGUMENTS, "--optimizer", "adam", "-o", "a.png"]
    arguments += ["--losses", "a.csv"]
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert "error: the loss became NaN or infinite after 2 steps" in error and error.count("\n") == 1
    assert read("a.png").shape == (36, 48, 3) and len(Path("a.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["content.png"], "the following arguments are required: STYLE"),
        (["content.png", "none.png"], "cannot read none.png: there is no such file"),
        (["content.png", "stripes.png", "-o", "a.svg"], "cannot write a.svg: style transfer makes .png, .jpg, .jpeg, "),
        (["content.png", "stripes.png", "-o", "stripes.png"], "cannot write stripes.png: it is style picture 1"),
        (
            ["content.png", "stripes.png", "--device", "cuda"],
            "--device cuda: torch finds no CUDA device on this machine",
        ),
        (["content.png", "stripes.png", "--losses", "a.txt"], "cannot write a.txt: losses are written as .csv or .png"),
        (["content.png", "stripes.png", "--region", "no.png"], "--region no.png: there is no such file"),
        (["content.png", "stripes.png", "--features", "vgg19", "--weights", "no.pth"], "--weights no.pth: there is no"),
        (["content.png", "stripes.png", "--style-weights", "1,2"], "--style-weights 1,2: give one number"),
    ],
)
def test_command_refuses(arguments: list[str], message: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(here.iterdir())
    given = [argument for argument in ARGUMENTS if argument not in ("--features", "random") or "vgg19" not in arguments]
    assert cli.main(["transfer", *arguments, *given]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and f"paint.py transfer: error: {message}" in told.err
    assert set(here.iterdir()) == before


def test_help_names_every_option(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["transfer", "--help"])
    told = capsys.readouterr().out
    assert all(f"  {option_name(spec.name)} " in told for spec in fields(TransferConfig))


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["content.png", "none.png"], ["content.png", "stripes.png", "--decay", "slow"]],
)
def test_nothing_heavy_is_imported_before_it_is_needed(arguments: list[str], here: Path) -> None:
    code = (
        "import sys\n"
        "from painter.cli import main\n"
        "try: main(['transfer', *sys.argv[1:]])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'numba', 'matplotlib'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=here, env=environment, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]", done


@pytest.mark.slow
def test_no_optimiser_imports_torchs_compiler() -> None:
    """Which takes a second and 150 MB; L-BFGS did."""
    code = """
import sys, torch
from painter.options.transfer import TransferConfig
from painter.styling.optimizers import PixelOptimizer
moved = PixelOptimizer(torch.full((4, 4, 3), 0.5), TransferConfig(features="random"))
moved.step(lambda image: (image.square().sum(), {}), 0.0)
moved.restore(moved.state())
assert moved.image.mean() < 0.5
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
