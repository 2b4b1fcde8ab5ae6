"""Strokes that are placed where the error is largest: where and how they lie, and what may become of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from helpers.placing import ANYTHING, DEFAULTS, PAPER, RED, centers, cut_out, random, shapes, tensors
from torch import Tensor

from painter.search.adam import Adam
from painter.search.parameters import Constraints, StrokeParameters
from painter.search.placement import edge_direction, find_peaks, place_strokes
from renderers.brushes import BRUSHES, Limits
from renderers.evaluation import random_strokes
from renderers.strokes import Strokes

ALL = pytest.mark.parametrize("brush", list(BRUSHES))


# --- where strokes go ---------------------------------------------------------------------------------------


def test_the_first_peak_is_the_largest_error() -> None:
    error = random(1).random((40, 60), np.float32) * 0.2
    error[28:31, 44:47] = 5.0
    x, y = find_peaks(error, 1, 3.0, random())[0]
    assert abs(x - 45.5) <= 1 and abs(y - 29.5) <= 1


def test_peaks_go_to_every_bad_place_in_turn() -> None:
    error = np.zeros((50, 50), np.float32)
    places = [(10, 12), (40, 9), (22, 41)]  # (x, y)
    for x, y in places:
        error[y - 1 : y + 2, x - 1 : x + 2] = 1.0
    peaks = find_peaks(error, 3, 4.0, random())
    for place in places:
        assert np.abs(peaks - np.array(place) - 0.5).max(axis=1).min() <= 1.5


def test_peaks_spread_over_an_even_error() -> None:
    peaks = find_peaks(np.ones((64, 64), np.float32), 64, 4.0, random())
    distance = np.linalg.norm(peaks[:, None] - peaks[None], axis=2) + 100 * np.eye(64)
    assert distance.min() > 3.0  # of random ones, about 0.5
    assert (np.histogram2d(peaks[:, 0], peaks[:, 1], bins=4, range=[[0, 64]] * 2)[0] >= 2).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 16), (5, 3)])
def test_more_peaks_than_pixels(size: tuple[int, int]) -> None:
    for error in (np.zeros(size, np.float32), np.ones(size, np.float32)):
        peaks = find_peaks(error, 5000, 0.7, random())
        assert (peaks > 0).all() and (peaks < [size[1], size[0]]).all()
        visits = np.histogram2d(peaks[:, 0], peaks[:, 1], bins=size[::-1], range=[[0, size[1]], [0, size[0]]])[0]
        assert visits.sum() == 5000 and visits.min() > 0.5 * visits.mean()  # they stay spread


@pytest.mark.parametrize("degrees", [0, 20, 45, 90, 117, 160])
def test_the_direction_along_a_straight_edge(degrees: float) -> None:
    angle = math.radians(degrees)
    y, x = np.mgrid[:48, :48] - 23.5
    across = y * math.cos(angle) - x * math.sin(angle)
    target = (across.clip(-1, 1)[..., None] * [0.3, -0.2, 0.1] + 0.5).astype(np.float32)
    direction, clearness = edge_direction(target, 2.0)
    middle = np.abs(across[12:36, 12:36]) < 2
    turned = direction[12:36, 12:36][middle] - angle
    assert np.abs(np.sin(turned)).max() < 0.05  # modulo half a turn
    assert clearness[12:36, 12:36][middle].min() > 0.9


def test_a_flat_picture_has_no_clear_direction() -> None:
    _, clearness = edge_direction(np.full((20, 30, 3), 0.4, np.float32), 2.0)
    assert clearness.max() == 0
    y, x = np.mgrid[:40, :40] - 19.5
    disc = (np.hypot(x, y) < 6).astype(np.float32)[..., None].repeat(3, axis=2)
    _, clearness = edge_direction(disc, 8.0)
    assert clearness[18:22, 18:22].max() < 0.1  # all directions at once


@ALL
def test_strokes_lie_along_edges(brush: str) -> None:
    angle = 0.6
    y, x = np.mgrid[:64, :64]
    waves = 0.5 + 0.5 * np.sin((y * math.cos(angle) - x * math.sin(angle)) * 0.7)
    target = waves[..., None].repeat(3, axis=2).astype(np.float32)
    strokes = place_strokes(target, np.ones((64, 64), np.float32), brush, 60, 0.06, random())
    axis = BRUSHES[brush].frame(strokes.params, 1 / 64).axis.numpy()
    across = axis[:, 1] * math.cos(angle) - axis[:, 0] * math.sin(angle)
    assert np.median(np.abs(across)) < 0.1
    assert (axis @ [math.cos(angle), math.sin(angle)] > 0).mean() == pytest.approx(0.5, abs=0.25)  # either way


@ALL
def test_placed_strokes_have_the_size_and_the_colors_of_their_place(brush: str) -> None:
    target = shapes(60, 80)
    error = np.zeros((60, 80), np.float32)
    error[8:40, 10:38] = 1.0
    strokes = place_strokes(target, error, brush, 25, 0.05, random())
    assert len(strokes) == 25 and strokes.brush == brush
    assert strokes.colors.shape == (25, BRUSHES[brush].colors, 3) and strokes.colors.dtype == torch.float32
    place = centers(strokes) * 80
    assert (place > [8, 6]).all() and (place < [40, 42]).all()
    frame = BRUSHES[brush].frame(strokes.params, 1e-6)
    size = 2 * frame.scale * frame.box.prod(dim=1).sqrt()
    assert size.min() > 0.035 and size.max() < 0.11  # 0.05, give or take the spread; curves reach a little farther
    # Between the disc and the paper around it, and nothing else.
    share = ((strokes.colors.numpy() - RED) @ (PAPER - RED)) / ((PAPER - RED) @ (PAPER - RED))
    between = RED + share[..., None] * (PAPER - RED)
    np.testing.assert_allclose(strokes.colors.numpy(), between, atol=1e-3)
    assert share.min() > -1e-3 and share.max() < 1 + 1e-3 and (share < 0.02).any()
    assert (strokes.opacity > 0.5).all() and len(strokes.seed.unique()) == 25


@ALL
@pytest.mark.parametrize("size", [0.03, 0.3])
def test_no_black_comes_from_where_the_picture_is_transparent(brush: str, size: float) -> None:
    target = cut_out(64, 0.1)
    for error in (target[..., 3], np.ones((64, 64), np.float32), np.zeros((64, 64), np.float32)):
        colors = place_strokes(target, error, brush, 80, size, random()).colors.numpy()
        np.testing.assert_allclose(colors, np.broadcast_to(RED, colors.shape), atol=0.02)


def test_strokes_for_a_picture_of_nothing_are_finite() -> None:
    strokes = place_strokes(
        np.zeros((9, 7, 4), np.float32), np.zeros((9, 7), np.float32), "watercolor", 30, 0.2, random()
    )
    assert all(torch.isfinite(values).all() for values in tensors(strokes).values())


# --- what may become of strokes -----------------------------------------------------------------------------


@ALL
def test_strokes_stay_within_their_limits_after_wild_steps(brush: str) -> None:
    limits = Limits(width=1.0, height=0.4)
    variables = StrokeParameters(
        random_strokes(BRUSHES[brush], 80, torch.Generator().manual_seed(2)), Constraints(limits), DEFAULTS
    )
    generator = torch.Generator().manual_seed(3)
    for _ in range(25):
        loss = sum((values * torch.randn(values.shape, generator=generator)).sum() for values in variables.tensors)
        assert isinstance(loss, Tensor)
        variables.descend(loss, 40.0)
        now = variables.strokes().detach()
        assert all(torch.isfinite(values).all() for values in tensors(now).values())
        assert now.colors.min() >= 0 and now.colors.max() <= 1 + 1e-6
        assert now.opacity.min() >= ANYTHING.opacity[0] - 1e-6 and now.opacity.max() <= 1 + 1e-6
        for name, values in BRUSHES[brush].constrain(now.params, limits).items():
            period = 2 * math.pi if name == "angle" else math.inf
            apart = (now.params[name] - values).abs()
            assert torch.minimum(apart, (period - apart).abs()).max() < 1e-4, name
    # The steps were wild: there is something at every bound.
    assert (now.colors == 0).any() and (now.colors > 1 - 1e-6).any() and (now.opacity > 1 - 1e-6).any()


@ALL
def test_variables_begin_as_the_strokes_they_were_made_of(brush: str) -> None:
    strokes = random_strokes(BRUSHES[brush], 20, torch.Generator().manual_seed(4))
    now = StrokeParameters(strokes, ANYTHING, DEFAULTS).strokes()
    for name, values in tensors(strokes).items():
        torch.testing.assert_close(tensors(now)[name].detach(), values, rtol=1e-6, atol=1e-7)
    assert torch.equal(now.seed, strokes.seed)


def test_adam_is_torchs() -> None:
    generator = torch.Generator().manual_seed(5)
    start = [torch.rand(size, generator=generator) for size in ((7,), (3, 2, 3), (4,))]
    ours, theirs = ([values.clone().requires_grad_() for values in start] for _ in range(2))
    adam, reference = Adam(ours), torch.optim.Adam(theirs, lr=1.0, betas=(0.9, 0.98), fused=True)
    for step in range(12):
        rate = 0.1 / (1 + step)
        reference.param_groups[0]["lr"] = rate
        for k, (values, other) in enumerate(zip(ours, theirs, strict=True)):
            gradient = torch.randn(values.shape, generator=generator)
            values.grad, other.grad = (None, None) if k == 2 else (gradient, gradient.clone())
        if step == 6:  # as after a kill
            state = {name: [values.clone() for values in kept] for name, kept in adam.state().items()}
            adam = Adam(ours)
            adam.restore(state)
        adam.step(rate)
        reference.step()
    assert all(torch.equal(values, other) for values, other in zip(ours, theirs, strict=True))
    assert torch.equal(ours[2], start[2])


def test_a_small_stroke_takes_small_steps() -> None:
    size = torch.tensor([0.2, 0.02])
    shape = BRUSHES["rectangle"].place(torch.full((2, 2), 0.5), torch.zeros(2), size, size, torch.zeros(2))
    strokes = Strokes("rectangle", shape, torch.full((2, 1, 3), 0.5), torch.full((2,), 0.5), torch.arange(2))
    variables = StrokeParameters(strokes, ANYTHING, DEFAULTS)
    now = variables.strokes()
    variables.descend(now.params["x"].sum() + now.params["angle"].sum() - now.colors.sum() + now.opacity.sum(), 1.0)
    after = variables.strokes().detach()
    # Adam's first step is its rate, whatever the gradient; a frame is a little larger than its stroke.
    moved = (0.5 - after.params["x"]) / (DEFAULTS.rate_length * size)
    torch.testing.assert_close(moved, torch.full((2,), 32 / 31), rtol=1e-3, atol=0)
    torch.testing.assert_close(after.params["angle"], torch.full((2,), -DEFAULTS.rate_angle), rtol=1e-3, atol=0)
    torch.testing.assert_close(after.colors, torch.full((2, 1, 3), 0.5 + DEFAULTS.rate_color), rtol=1e-3, atol=0)
    torch.testing.assert_close(after.opacity, torch.full((2,), 0.5 - DEFAULTS.rate_opacity), rtol=1e-3, atol=0)
    assert torch.equal(after.params["y"], torch.full((2,), 0.5))
