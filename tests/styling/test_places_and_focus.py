"""Style compared place by place, and the content's focus, in the loss of pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.style_network import network as network  # the fixture
from torch import Tensor

from painter.options.transfer import TransferConfig
from painter.pictures.pixels import LUMINANCE
from painter.styling import objective as module
from painter.styling import style_losses as losses
from painter.styling.color_target import ColorTarget
from painter.styling.features import Features
from painter.styling.inputs import TransferInputs
from painter.styling.nearest_features import NearestTarget
from painter.styling.objective import Objective


def image(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def inputs(**changes: Any) -> TransferInputs:
    made = TransferInputs(image(24, 32, 0), [image(40, 28, 1)], [None], None, None, None)
    return replace(made, **changes)


def config(**changes: Any) -> TransferConfig:
    return TransferConfig(features="random", size=32, scales=1, content_color="own", **changes)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nearest", "both"])
def test_the_style_is_the_sum_of_its_parts(kind: str, network: Features) -> None:
    made, settings = inputs(), config(style_loss=kind)
    moved = torch.from_numpy(image(24, 32, 2))
    _, terms = Objective(network, made, [1.0], settings)(moved)
    style = torch.from_numpy(made.styles[0])
    names = ["relu1_1", "relu2_1", "relu3_1", "relu4_1"]
    found = network(moved, names)
    expected = module.NEAREST_WEIGHT * NearestTarget(network, [style], [None])(found)
    expected = expected + module.COLORS_WEIGHT * ColorTarget(style, None, module.DIRECTIONS)(moved)
    if kind == "both":
        target = losses.style_target(network, [style], list(settings.layer_weights))
        expected = expected + losses.style_loss(found, [target], settings.layer_weights)
    assert terms["style"] == pytest.approx(float(expected), rel=1e-4)


def test_each_side_has_its_own_style(network: Features) -> None:
    """With two styles and a region, the places of either side are drawn to their own."""
    region = np.zeros((24, 32), np.float32)
    region[:, :16] = 1
    made = inputs(styles=[image(40, 28, 1), image(30, 30, 3)], shown=[None, None], region=region)
    whole = Objective(network, made, [1.0, 1.0], config(style_loss="nearest"))
    first, second = whole._places
    assert [len(places.colors) for places in whole._places] == [1, 1]
    assert first.within is not None and second.within is not None
    assert torch.equal(first.within + second.within, torch.ones(24, 32))
    assert len(first.target.columns) != len(second.target.columns)


def test_in_the_focus_the_content_counts_and_the_style_does_not(network: Features) -> None:
    focus = np.zeros((24, 32), np.float32)
    focus[:, :16] = 1
    made, settings = inputs(focus=focus), config(style_weight=0.0, tv_weight=0.0)
    content = torch.from_numpy(made.content)

    def changed(half: slice) -> float:
        moved = content.clone()
        moved[:, half] = 1 - moved[:, half]
        return Objective(network, made, [1.0], settings)(moved)[1]["content"]

    assert changed(np.s_[:16]) > 4 * changed(np.s_[16:]) > 0
    style = Objective(network, made, [1.0], config(content_weight=0.0, tv_weight=0.0))
    moved = content.clone().requires_grad_()
    loss, _ = style(moved)
    loss.backward()
    assert moved.grad is not None
    assert moved.grad[:, :4].abs().max() < 1e-3 * moved.grad[:, 28:].abs().max()


def test_likeness_against_a_direct_computation() -> None:
    ours, theirs = (torch.from_numpy(image(5, 6, seed)).double() for seed in (0, 1))
    counts = torch.from_numpy(image(5, 6, 2)[..., 0]).double()
    light = [(each.numpy() @ LUMINANCE.astype(np.float64)).ravel() for each in (ours, theirs)]
    weights = counts.numpy().ravel()
    mean = np.average(light[1], weights=weights)
    expected = np.average((light[0] - light[1]) ** 2, weights=weights)
    expected /= np.average((light[1] - mean) ** 2, weights=weights) + 1e-3
    assert float(losses.likeness_loss(ours, theirs, counts)) == pytest.approx(expected, rel=1e-6)
    assert float(losses.likeness_loss(ours, ours, counts)) == 0
    assert float(losses.likeness_loss(ours, theirs, torch.zeros_like(counts))) == 0

    def loss(moved: Tensor) -> Tensor:
        return losses.likeness_loss(moved, theirs, counts)

    assert torch.autograd.gradcheck(loss, ours.requires_grad_())


def test_content_that_counts_everywhere_alike_is_the_plain_one() -> None:
    a, b = (torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(seed)) for seed in range(2))
    plain = losses.content_loss(a, b)
    torch.testing.assert_close(losses.content_loss(a, b, torch.full((4, 5), 3.0)), 3 * plain)


def test_steps_of_scales() -> None:
    for scales, iterations in ((1, 7), (3, 100), (4, 3)):
        plain = TransferConfig(features="random", scales=scales, iterations=iterations).steps()
        assert sum(plain) == iterations and max(plain) - min(plain) <= 1
    falling = TransferConfig(features="hed", iterations=300).steps()
    assert falling == [122, 99, 79]
