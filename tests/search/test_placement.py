"""Strokes made of the candidates that climbing found."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from helpers.placing import (
    DEFAULTS,
    PAPER,
    RED,
    cut_out,
    images,
    make_search,
    random,
    same,
    scenery,
    seen,
    sizes,
    tensors,
)

from painter.search.parameters import Constraints
from painter.search.placement import CLIMBED_OPACITY, Climbing, place_climbed
from painter.search.plan import make_plan
from painter.search.target import Target
from renderers.brushes import BRUSHES, NETWORK_BRUSHES, Limits, register
from renderers.brushes.stamp import Stamp
from renderers.strokes import Strokes

ALL = pytest.mark.parametrize("brush", list(NETWORK_BRUSHES))
CHANNELS = pytest.mark.parametrize("channels", [3, 4])
PLACES = make_plan(DEFAULTS.reference_strokes, DEFAULTS.usual_iterations, DEFAULTS).places
CLIMBING = Climbing(DEFAULTS.tries, PLACES, DEFAULTS.place_spread)


@pytest.fixture
def stamp() -> Iterator[str]:
    """The name of a brush of one's own, three times as long as wide; other tests look at all brushes."""
    before = set(BRUSHES)
    y, x = np.mgrid[-1:1:20j, -1:1:60j]
    yield register(Stamp((1 - np.hypot(x, y)).clip(0, 1).astype(np.float32))).name
    for name in set(BRUSHES) - before:
        del BRUSHES[name]


def placed(
    target: np.ndarray, brush: str, count: int, size: float, opacity: float = CLIMBED_OPACITY,
    canvas: np.ndarray | None = None, seed: int = 0, limits: tuple[float, float] = (0.0, np.inf),
) -> Strokes:  # fmt: skip
    bare = np.zeros_like(target) if target.shape[2] == 4 else np.broadcast_to(PAPER, target.shape)
    canvas = bare if canvas is None else canvas
    error, weight = Target(target, bare[0, 0]).canvas_error(canvas), np.ones(target.shape[:2], np.float32)
    return place_climbed(
        target, canvas, error, weight, brush, count, size, opacity, CLIMBING, random(seed), limits=limits
    )  # fmt: skip


def check_placed(strokes: Strokes, brush: str, count: int, opacity: float, target_height: float = 0.75) -> None:
    assert strokes.brush == brush and len(strokes) == count
    assert strokes.colors.shape == (count, BRUSHES[brush].colors, 3) and strokes.colors.dtype == torch.float32
    assert all(torch.isfinite(values).all() for values in tensors(strokes).values())
    assert strokes.colors.min() >= 0 and strokes.colors.max() <= 1
    assert (strokes.opacity == opacity).all()
    tools = BRUSHES[brush]
    known = tools.constrain(strokes.params, Limits(height=target_height))
    for found, fitting in zip(tools.extent(strokes.params), tools.extent(known), strict=True):
        torch.testing.assert_close(found, fitting, rtol=1e-4, atol=1e-5)  # shapes as the brush may have them


@pytest.mark.slow
@ALL
@pytest.mark.parametrize(("count", "opacity"), [(1, 0.2), (7, CLIMBED_OPACITY), (60, 1.0)])
def test_as_many_strokes_as_wanted_of_the_opacity_wanted(brush: str, count: int, opacity: float) -> None:
    strokes = placed(scenery(), brush, count, 0.15, opacity)
    check_placed(strokes, brush, count, opacity)
    assert same(strokes, placed(scenery(), brush, count, 0.15, opacity))
    assert not same(strokes, placed(scenery(), brush, count, 0.15, opacity, seed=1))


def test_a_stamp_keeps_its_slimness(stamp: str) -> None:
    strokes = placed(scenery(), stamp, 30, 0.15)
    check_placed(strokes, stamp, 30, CLIMBED_OPACITY)
    length, width = BRUSHES[stamp].extent(strokes.params)
    least, most = 0.15 / CLIMBING.spread, 0.15 * CLIMBING.spread
    assert (length / width).numpy() == pytest.approx(3.0, rel=0.05)
    assert sizes(strokes).min() > 0.99 * least and sizes(strokes).max() < 1.01 * most


@pytest.mark.parametrize("size", [(1, 1), (1, 16), (16, 1), (3, 2)])
@CHANNELS
def test_strokes_on_the_smallest_canvases(size: tuple[int, int], channels: int) -> None:
    for brush in NETWORK_BRUSHES:
        strokes = placed(images(size, channels)[0], brush, 9, 0.2)
        assert len(strokes) == 9 and all(torch.isfinite(values).all() for values in tensors(strokes).values())


@ALL
@pytest.mark.parametrize("limits", [(0.08, 0.12), (0.3, 0.35), (0.1, 0.1), (0.0, 0.06)])
def test_sizes_are_within_their_limits(brush: str, limits: tuple[float, float]) -> None:
    low, high = limits
    size = min(max(0.1, low), high)
    found = sizes(placed(scenery(), brush, 30, size, limits=limits))
    assert found.min() >= low * (1 - 1e-5) and found.max() <= high * (1 + 1e-5)
    allowed = Constraints(Limits(min_size=low, max_size=high))
    found = sizes(allowed.strokes(placed(scenery(), brush, 30, size, limits=limits)))
    assert found.min() >= low * (1 - 1e-6) and found.max() <= high * (1 + 1e-6)


@ALL
def test_strokes_lower_the_error(brush: str) -> None:
    search = make_search(scenery(), PAPER, brush, strokes=40, iterations=0)
    list(search.run())
    bare, now = (np.square(canvas - scenery()).mean() for canvas in (np.broadcast_to(PAPER, (48, 64, 3)), seen(search)))
    assert now < 0.2 * bare


@pytest.mark.slow
@ALL
@pytest.mark.parametrize("size", [0.03, 0.3])
@pytest.mark.parametrize("radius", [0.05, 0.1, 0.4])
def test_no_black_comes_from_where_the_picture_is_transparent(brush: str, size: float, radius: float) -> None:
    target = cut_out(48, radius)
    half = target * 0.5
    beyond = half.copy()
    beyond[..., 3], beyond[..., :3] = 0.5, 0.5 * RED  # painted everywhere, also where nothing is to be
    for canvas in (np.zeros_like(target), half, beyond, target):
        colors = placed(target, brush, 40, size, canvas=canvas).colors.numpy()
        np.testing.assert_allclose(colors, np.broadcast_to(RED, colors.shape), atol=0.02)


def test_strokes_for_a_picture_of_nothing_are_finite_and_spread() -> None:
    strokes = placed(np.zeros((9, 7, 4), np.float32), "watercolor", 30, 0.2)
    check_placed(strokes, "watercolor", 30, CLIMBED_OPACITY, 1.0)
    centers = BRUSHES["watercolor"].center(strokes.params).numpy()
    assert len(np.unique(centers.round(4), axis=0)) > 20
