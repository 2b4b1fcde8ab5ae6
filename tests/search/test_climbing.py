"""Hill climbing: how the best candidates are found; bounds, seeds and threads."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from helpers.placing import BOUNDS, PAPER, RED, images, lay, mask, overlap, random

from painter.search.candidates import (
    BEND,
    LENGTH,
    WIDTH,
    Scene,
    X,
    Y,
    colors_by_pixels,
    error_by_pixels,
    gain_by_pixels,
    make_scene,
)
from painter.search.climbing import Bounds, best_candidates
from painter.search.placement import CLIMBED_OPACITY
from renderers.brushes.base import MAX_BEND
from renderers.threads import limited_to

CHANNELS = pytest.mark.parametrize("channels", [3, 4])


def noisy(seed: int = 3, size: tuple[int, int] = (40, 52)) -> Scene:
    return make_scene(*images(size, 3, seed), CLIMBED_OPACITY)


def seeds_for(count: int, size: tuple[int, int] = (40, 52), seed: int = 4, bend: float = 0.0) -> np.ndarray:
    """[count, 6]: all over the canvas and a little beyond, of many sizes."""
    noise = random(seed)
    x, y = noise.uniform(-0.1, 1.1, (2, count)) * np.array([size[1], size[0]])[:, None]
    length = np.exp(noise.uniform(0, 4, count))
    width = length / noise.uniform(1, 12, count)
    return np.stack([x, y, noise.uniform(-4, 4, count), length, width, np.full(count, bend)], axis=1)


@CHANNELS
@pytest.mark.parametrize("gradient", [False, True])
def test_the_number_of_threads_changes_nothing(channels: int, gradient: bool) -> None:
    results = []
    for threads in (1, 2, 3):
        with limited_to(threads):
            scene = make_scene(*images((40, 52), channels), 0.5)
            found, colors = best_candidates(scene, seeds_for(70), 9, 60, BOUNDS, 5, gradient)
            results.append([values.tobytes() for values in (found, colors, scene.canvas, scene.sums)])
    assert results[0] == results[1] == results[2]


def test_a_seed_decides() -> None:
    first, again, other = (best_candidates(noisy(), seeds_for(60), 8, 40, BOUNDS, seed, False)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.isclose(first, other).all(axis=1).any()


def test_seeds_stay_as_they_were() -> None:
    seeds = seeds_for(30)
    best_candidates(noisy(), seeds, 5, 20, BOUNDS, 1, False)
    assert np.array_equal(seeds, seeds_for(30))


@pytest.mark.parametrize("gradient", [False, True])
@CHANNELS
def test_what_is_chosen_gains_what_it_says_and_lies_on_the_canvas(channels: int, gradient: bool) -> None:
    pictures = images((40, 52), channels)
    scene, plain = make_scene(*pictures, 0.5), make_scene(*pictures, 0.5)
    found, colors = best_candidates(scene, seeds_for(80), 12, 80, BOUNDS, 5, gradient)
    gains = []
    for candidate, ends in zip(found, colors, strict=True):
        np.testing.assert_allclose(ends, colors_by_pixels(plain, candidate, gradient), rtol=0, atol=1e-6)
        gains.append(gain_by_pixels(plain, candidate))
        before = error_by_pixels(plain, plain.canvas)
        lay(plain, candidate, ends)
        fallen = before - error_by_pixels(plain, plain.canvas)
        # Of a gradient both ends are brought into range, which may cost a little of what it gains beyond one colour.
        assert fallen == pytest.approx(gains[-1], abs=1e-6) if not gradient else fallen > 0.8 * gains[-1]
    np.testing.assert_allclose(scene.canvas, plain.canvas, rtol=0, atol=1e-12)
    assert min(gains) > 0 and gains[0] == max(gains)


@pytest.mark.parametrize(
    "bounds",
    [
        BOUNDS,
        BOUNDS._replace(smallest=5.0, largest=5.0),
        BOUNDS._replace(smallest=3.0, largest=9.0, slimmest=2.0, bend=0.0),
        BOUNDS._replace(stoutest=3.0, slimmest=3.0, bend=0.0),  # as a stamp's
        BOUNDS._replace(longest=6.0, largest=4.0, bend=0.02),
    ],
)
@pytest.mark.parametrize("tries", [0, 60])
def test_bounds_are_respected(bounds: Bounds, tries: int) -> None:
    found, _ = best_candidates(noisy(), seeds_for(80, bend=0.3), 40, tries, bounds, 5, False)
    length, width = found[:, LENGTH], found[:, WIDTH]
    size, slimness = np.sqrt(length * width), length / width
    assert size.min() >= bounds.smallest * (1 - 1e-9) and size.max() <= bounds.largest * (1 + 1e-9)
    assert slimness.min() >= bounds.stoutest * (1 - 1e-9) and slimness.max() <= bounds.slimmest * (1 + 1e-9)
    assert np.abs(found[:, BEND]).max() <= bounds.bend
    assert (found[:, [X, Y]] >= 0).all() and (found[:, [X, Y]] <= [52, 40]).all()
    # The size is the last word, and may make a candidate a little longer or narrower than it was to be.
    assert length.max() <= max(bounds.longest, bounds.smallest * math.sqrt(bounds.slimmest)) * (1 + 1e-9)


def test_more_tries_gain_more() -> None:
    firsts = []
    for tries in (0, 10, 60, 300):
        gains = []
        for seed in range(12):
            scene = noisy(seed)
            before = error_by_pixels(scene, scene.canvas)
            best_candidates(scene, seeds_for(12, seed=seed), 1, tries, BOUNDS, seed, False)
            gains.append(before - error_by_pixels(scene, scene.canvas))
        firsts.append(gains)
    assert all(few <= many + 1e-9 for gains in zip(*firsts, strict=True) for few, many in pairwise(gains[:2]))
    means = [float(np.mean(gains)) for gains in firsts]
    assert means == sorted(means) and means[-1] > 1.3 * means[0]


def flat_with(drawn: np.ndarray) -> Scene:
    """A picture of one thing in red on paper, and the bare paper."""
    target = np.where(drawn[..., None], RED, PAPER)
    return make_scene(target, np.broadcast_to(PAPER, target.shape), np.ones(drawn.shape), 1.0)


def a_shape(kind: str) -> np.ndarray:
    """[48, 64] bool"""
    y, x = np.mgrid[:48, :64] + 0.5
    if kind == "disc":
        return np.asarray(np.hypot(x - 40, y - 20) < 8)
    shape = {"strip": (34.0, 5.0, 0.0), "arc": (36.0, 5.0, 0.1), "arc the other way": (36.0, 5.0, -0.1)}[kind]
    blank = make_scene(*images((48, 64), 3), 1.0)
    return mask(blank, np.array([35.0, 22.0, 0.5, *shape]))


@pytest.mark.parametrize(
    ("kind", "bend", "least"),
    [
        ("disc", 0.0, 0.78),  # a square has 0.83 at best
        ("strip", 0.0, 0.9),
        ("strip", MAX_BEND, 0.9),
        ("arc", MAX_BEND, 0.85),
        ("arc the other way", MAX_BEND, 0.85),
    ],
)
def test_a_shape_in_a_flat_picture_is_found(kind: str, bend: float, least: float) -> None:
    drawn = a_shape(kind)
    bounds = BOUNDS._replace(bend=bend, longest=60.0)
    for seed in range(3):
        scene = flat_with(drawn)
        seeds = seeds_for(16, drawn.shape, seed)
        seeds[:, [X, Y]] = np.argwhere(drawn)[random(seed).integers(0, drawn.sum(), 16)][:, ::-1] + 0.5
        found, colors = best_candidates(scene, seeds, 1, 600, bounds, seed, False)
        assert overlap(mask(scene, found[0]), drawn) > least
        np.testing.assert_allclose(colors[0], np.broadcast_to(RED, (2, 3)), atol=0.12)
        if "arc" in kind:
            straight, _ = best_candidates(flat_with(drawn), seeds, 1, 600, bounds._replace(bend=0.0), seed, False)
            assert overlap(mask(scene, straight[0]), drawn) < overlap(mask(scene, found[0]), drawn) - 0.1


@pytest.mark.parametrize("tries", [0, 40])
def test_two_strokes_are_not_stacked_on_one_spot(tries: int) -> None:
    y, x = np.mgrid[:48, :64] + 0.5
    strong, weak = np.hypot(x - 16, y - 24) < 6, np.hypot(x - 48, y - 24) < 6
    target = np.where(strong[..., None], RED, np.where(weak[..., None], 0.8 * PAPER, PAPER))
    scene = make_scene(target, np.broadcast_to(PAPER, target.shape), np.ones(strong.shape), 1.0)
    near = random(6).normal((16, 24), 1, (12, 2))  # all of which look better than the weak one, until one is laid
    seeds = np.array([[px, py, 0.2, 10.0, 10.0, 0.0] for px, py in (*near, (48, 24))])
    found, _ = best_candidates(scene, seeds, 2, tries, BOUNDS._replace(smallest=8.0, largest=12.0), 5, False)
    assert np.hypot(*(found[0, [X, Y]] - [16, 24])) < 4 and np.hypot(*(found[1, [X, Y]] - [48, 24])) < 4


@pytest.mark.parametrize("gradient", [False, True])
def test_where_nothing_else_counts_strokes_are_laid_again(gradient: bool) -> None:
    target, canvas, weight = images((40, 52), 3)
    weight[:] = 0
    weight[10:14, 20:25] = 1
    scene = make_scene(target, canvas, weight, 0.5)
    seeds = seeds_for(40)
    seeds[:3, [X, Y]] = 22, 12
    found, _ = best_candidates(scene, seeds, 30, 20, BOUNDS._replace(largest=6.0), 5, gradient)
    assert all((weight[mask(scene, candidate)] > 0).any() for candidate in found)  # none of them outside
    assert len(np.unique(found.round(6), axis=0)) > 10


def test_where_nothing_counts_at_all_strokes_lie_where_they_began() -> None:
    target, canvas, weight = images((40, 52), 3)
    found, _ = best_candidates(make_scene(target, canvas, 0 * weight, 0.5), seeds_for(40), 30, 20, BOUNDS, 5, True)
    assert len(np.unique(found, axis=0)) == 30
