"""Hill climbing: what candidates gain, how they are found and laid, and the strokes and the search made of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from painter.options.paint import MAX_ITERATIONS, PaintConfig
from painter.search.adam import (
    Moments,
    StrokeAdam,
    cat_moments,
    fresh_moments,
    moments_state,
    restore_moments,
    select_moments,
    step_plainly,
)
from painter.search.candidates import (
    BEND,
    LENGTH,
    MOMENTS,
    NOTHING,
    WIDTH,
    Scene,
    X,
    Y,
    colors_by_pixels,
    covered_by_pixels,
    error_by_pixels,
    fit_colors,
    gain,
    gain_by_pixels,
    lay_candidate,
    make_scene,
)
from painter.search.climbing import Bounds, best_candidates
from painter.search.config import SearchConfig
from painter.search.parameters import Constraints
from painter.search.placement import CLIMBED_OPACITY, Climbing, place_climbed
from painter.search.plan import SIDE_STEP, make_plan, planned_iterations, steps_within
from painter.search.search import Search
from painter.search.target import Target
from painter.system.snapshot import dump, load
from renderers.brushes import BRUSHES, NETWORK_BRUSHES, Limits, register
from renderers.brushes.base import MAX_BEND
from renderers.brushes.stamp import Stamp
from renderers.checkpoint import load_networks
from renderers.decoder import network_maps
from renderers.strokes import Strokes
from renderers.threads import limited_to

ALL = pytest.mark.parametrize("brush", list(NETWORK_BRUSHES))
SIZES = pytest.mark.parametrize("size", [(40, 52), (7, 5), (1, 30), (30, 1), (1, 1)])
CHANNELS = pytest.mark.parametrize("channels", [3, 4])
DEFAULTS = SearchConfig()
PLACES = make_plan(DEFAULTS.reference_strokes, DEFAULTS.usual_iterations, DEFAULTS).places
CLIMBING = Climbing(DEFAULTS.tries, PLACES, DEFAULTS.place_spread)
PAPER = np.array([0.93, 0.9, 0.82], np.float32)
RED = np.array([0.85, 0.2, 0.15], np.float32)
NOTHING_YET = np.zeros(4, np.float32)
RIGHT_ANGLES = (0.0, 0.5 * math.pi, math.pi, -0.5 * math.pi)

networks_of = cache(load_networks)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- candidates: what is tried ------------------------------------------------------------------------------


def images(size: tuple[int, int], channels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Target and canvas [H, W, C], premultiplied, with some pixels of nothing, and a weight [H, W], a third zeros."""
    noise = random(seed)
    pair = noise.random((2, *size, channels), np.float32)
    if channels == 4:
        pair[..., 3] *= noise.random((2, *size)) > 0.3
        pair[..., :3] *= pair[..., 3:]
    weight = noise.random(size, np.float32) * (noise.random(size) > 0.3)
    return pair[0], pair[1], weight


def candidates(count: int, size: tuple[int, int], seed: int = 0) -> Iterator[np.ndarray]:
    """Straight ones and bent ones of both ways; at all angles, right ones among them; large, tiny, partly off the
    canvas and wholly."""
    noise, (height, width) = random(seed), size
    for k in range(count):
        length = max(size) * math.exp(noise.uniform(-4, 0.7))
        angle = RIGHT_ANGLES[k % 4] if k % 2 else noise.uniform(-7, 7)
        if k % 8 == 7:  # nearly right
            angle += noise.normal() * 10 ** noise.uniform(-12, -3)
        bend = (0.0, noise.uniform(-MAX_BEND, MAX_BEND), noise.choice([-1, 1]) * MAX_BEND)[k % 3]
        x, y = noise.uniform(-0.3, 1.3, 2) * (width, height)
        yield np.array([x, y, angle, length, length / noise.uniform(1, 9), bend])


def gained(scene: Scene, candidate: np.ndarray) -> float:
    return float(gain(candidate, scene, np.empty(MOMENTS), np.zeros(4, np.int64)))


def fitted(scene: Scene, candidate: np.ndarray, gradient: bool = False) -> np.ndarray:
    colors = np.empty((2, 3))
    fit_colors(candidate, scene, gradient, colors, np.zeros(4, np.int64))
    return colors


def lay(scene: Scene, candidate: np.ndarray, colors: np.ndarray) -> None:
    lay_candidate(candidate, scene, colors, np.zeros(4, np.int64))


def mask(scene: Scene, candidate: np.ndarray) -> np.ndarray:
    return covered_by_pixels(scene, candidate)[0]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union."""
    return float((a & b).sum() / max(1, (a | b).sum()))


@SIZES
@CHANNELS
@pytest.mark.parametrize("opacity", [0.2, 0.55, 1.0])
def test_gains_and_colors_are_those_of_the_reference(size: tuple[int, int], channels: int, opacity: float) -> None:
    scene = make_scene(*images(size, channels), opacity)
    met = 0
    for candidate in candidates(96, size):
        assert gained(scene, candidate) == pytest.approx(gain_by_pixels(scene, candidate), rel=1e-9, abs=1e-9)
        if gain_by_pixels(scene, candidate) > NOTHING:
            met += 1
            for gradient in (False, True):
                colors = fitted(scene, candidate, gradient)
                np.testing.assert_allclose(colors, colors_by_pixels(scene, candidate, gradient), rtol=0, atol=1e-6)
                assert colors.min() >= 0 and colors.max() <= 1
    assert met > 1


def test_a_candidate_that_covers_nothing_gains_nothing() -> None:
    target, canvas, weight = images((20, 30), 4)
    weight[:, 15:], target[:10] = 0, 0
    scene = make_scene(target, canvas, weight, 0.5)
    shape = [0.3, 4.0, 2.0, 0.1]
    nowhere = [(-9.0, 5.0), (500.0, 5.0), (5.0, 400.0), (22.0, 14.0), (6.0, 3.0), (5.0, 14.0)]
    gains = [gained(scene, np.array([*place, *shape])) for place in nowhere]
    assert gains[:5] == [NOTHING] * 5  # off the canvas, where nothing counts, and where the picture is nothing
    assert gains[5] > -1e3
    tiny = np.array([5.0, 14.0, 0.3, 0.1, 0.1, 0.0])  # between the centres of pixels
    assert gained(scene, tiny) == NOTHING == gain_by_pixels(scene, tiny)
    for gradient in (False, True):  # of the picture's mean colour then, not of the black of nothing
        colors = fitted(scene, tiny, gradient)
        np.testing.assert_allclose(colors, colors_by_pixels(scene, tiny, gradient), rtol=0, atol=1e-12)
        np.testing.assert_allclose(colors, np.broadcast_to(scene.mean, (2, 3)), rtol=0, atol=1e-12)
    counts = target[..., 3] * weight
    mean = (target[..., :3] * weight[..., None]).sum(axis=(0, 1)) / counts.sum()
    np.testing.assert_allclose(scene.mean, mean, rtol=1e-4)


@CHANNELS
@pytest.mark.parametrize("opacity", [0.3, 1.0])
def test_laying_keeps_the_sums_right(channels: int, opacity: float) -> None:
    target, canvas, weight = images((33, 41), channels)
    scene = make_scene(target, canvas, weight, opacity)
    painted = canvas.astype(np.float64)
    for k, candidate in enumerate(candidates(60, (33, 41), 1)):
        inside, along = covered_by_pixels(scene, candidate)
        colors = fitted(scene, candidate, gradient=k % 2 == 1)
        lay(scene, candidate, colors)
        paint = np.ones((inside.sum(), channels))
        paint[:, :3] = colors[0] + 0.5 * (1 + along[inside])[:, None] * (colors[1] - colors[0])
        painted[inside] += opacity * (paint - painted[inside])
        if k % 20 == 19:
            anew = make_scene(target, painted, weight, opacity)
            np.testing.assert_allclose(scene.canvas, anew.canvas, rtol=0, atol=1e-12)
            np.testing.assert_allclose(scene.sums, anew.sums, rtol=1e-9, atol=1e-7)


@CHANNELS
def test_laying_lowers_the_error_by_what_was_gained(channels: int) -> None:
    scene = make_scene(*images((33, 41), channels), 0.6)
    for candidate in candidates(60, (33, 41), 2):
        wanted, before = gained(scene, candidate), error_by_pixels(scene, scene.canvas)
        lay(scene, candidate, fitted(scene, candidate))
        fallen = before - error_by_pixels(scene, scene.canvas)
        assert fallen == pytest.approx(max(wanted, 0) if wanted == NOTHING else wanted, rel=1e-9, abs=1e-9)


def test_a_gradient_gains_more_than_one_color() -> None:
    ramp = np.linspace(0.1, 0.9, 48, dtype=np.float32)[None, :, None] * np.ones((20, 1, 3), np.float32)
    candidate = np.array([24.0, 10.0, math.pi, 30.0, 6.0, 0.0])  # from right to left
    errors = []
    for gradient in (False, True):
        scene = make_scene(ramp, np.zeros_like(ramp), np.ones((20, 48)), 1.0)
        colors = fitted(scene, candidate, gradient)
        lay(scene, candidate, colors)
        errors.append(((scene.canvas - scene.target)[mask(scene, candidate)] ** 2).sum())
    assert errors[1] < 1e-6 < errors[0]
    assert colors[0].min() > colors[1].max() + 0.4


# --- climbing -----------------------------------------------------------------------------------------------

BOUNDS = Bounds(1.0, 40.0, 1.0, 30.0, 1.0, 8.0, MAX_BEND, MAX_BEND)


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


# --- strokes from them --------------------------------------------------------------------------------------


@pytest.fixture
def stamp() -> Iterator[str]:
    """The name of a brush of one's own, three times as long as wide; other tests look at all brushes."""
    before = set(BRUSHES)
    y, x = np.mgrid[-1:1:20j, -1:1:60j]
    yield register(Stamp((1 - np.hypot(x, y)).clip(0, 1).astype(np.float32))).name
    for name in set(BRUSHES) - before:
        del BRUSHES[name]


def scenery(height: int = 48, width: int = 64) -> np.ndarray:
    """[H, W, 3]: a disc and a box on a shaded ground."""
    y, x = np.mgrid[:height, :width]
    picture = np.stack([0.9 - 0.3 * x / width, 0.85 - 0.4 * y / height, 0.8 + 0 * x], axis=2).astype(np.float32)
    picture[(x > width * 0.55) & (y > height * 0.5)] = (0.1, 0.3, 0.7)
    picture[np.hypot(x - width * 0.3, y - height * 0.4) < height * 0.28] = RED
    return picture


def cut_out(side: int = 48, radius: float = 0.3) -> np.ndarray:
    """[side, side, 4]: a red disc with a soft edge on nothing, premultiplied."""
    y, x = np.mgrid[:side, :side] + 0.5
    alpha = (radius * side + 0.5 - np.hypot(x - side / 2, y - side / 2)).clip(0, 1)[..., None]
    return np.concatenate([alpha * RED, alpha], axis=2).astype(np.float32)


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


def sizes(strokes: Strokes) -> np.ndarray:
    return BRUSHES[strokes.brush].size(strokes.params).numpy()


def tensors(strokes: Strokes) -> dict[str, Tensor]:
    return {**strokes.params, "colors": strokes.colors, "opacity": strokes.opacity, "seed": strokes.seed}


def same(a: Strokes, b: Strokes) -> bool:
    """Whether two sets of strokes are equal to the last bit."""
    return a.brush == b.brush and all(torch.equal(value, tensors(b)[name]) for name, value in tensors(a).items())


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


# --- the search that places them ----------------------------------------------------------------------------


def make_search(
    target: np.ndarray, ground: np.ndarray = PAPER, brush: str = "rectangle", strokes: int = 24, iterations: int = 30,
    region: np.ndarray | None = None, palette: np.ndarray | None = None, settling: int = DEFAULTS.settling_steps,
    **options: object,
) -> Search:  # fmt: skip
    config = PaintConfig(style=brush, strokes=strokes, iterations=iterations, **options)  # type: ignore[arg-type]
    goal = Target(target, ground, region=region, palette=palette, opacity=config.opacity_range(len(ground) == 4))
    how = replace(DEFAULTS, settling_steps=settling)
    return Search(goal, network_maps(networks_of(brush), "cpu", DEFAULTS.density), brush, config, how)


def seen(search: Search) -> np.ndarray:
    return search.painted(search.view(10**6))


@pytest.mark.slow
@pytest.mark.parametrize("iterations", [0, 20])
def test_only_the_palettes_colors_are_placed(iterations: int) -> None:
    palette = np.array([[0.1, 0.1, 0.2], [0.9, 0.3, 0.3], [0.95, 0.95, 0.9]], np.float32)
    search = make_search(scenery(), iterations=iterations, palette=palette)
    list(search.run())
    assert search.strokes is not None
    colors = search.strokes.colors.reshape(-1, 3).numpy()
    assert {tuple(color) for color in colors} <= {tuple(color) for color in palette}
    assert len(np.unique(colors, axis=0)) > 1


@pytest.mark.parametrize(("opacity", "expected"), [("auto", CLIMBED_OPACITY), ("0.7:0.9", 0.7), ("0.1:0.3", 0.3)])
def test_strokes_begin_as_opaque_as_is_usual_or_allowed(opacity: str, expected: float) -> None:
    search = make_search(scenery(), iterations=0, opacity=opacity)
    list(search.run())
    assert search.strokes is not None
    np.testing.assert_allclose(search.strokes.opacity.numpy(), expected, rtol=1e-6)


@ALL
@pytest.mark.parametrize("box", [(12, 36, 20, 44), (20, 26, 30, 36)])
def test_strokes_go_to_the_region(brush: str, box: tuple[int, int, int, int]) -> None:
    region = np.zeros((48, 64), np.float32)
    top, bottom, left, right = box
    region[top:bottom, left:right] = 1
    target = np.where(region[..., None] > 0, scenery(), PAPER)
    search = make_search(target, brush=brush, iterations=0, region=region)
    list(search.run())
    assert search.strokes is not None
    x, y = 64 * BRUSHES[brush].center(search.strokes.params).numpy().T
    off = np.hypot(np.maximum(np.maximum(left - x, x - right), 0), np.maximum(np.maximum(top - y, y - bottom), 0))
    length, width = (64 * values.numpy() for values in BRUSHES[brush].extent(search.strokes.params))
    assert (off <= 0.5 * np.hypot(length, width) + 2).all()  # they reach it
    assert np.array_equal(seen(search)[region == 0], np.broadcast_to(PAPER, ((region == 0).sum(), 3)))


@pytest.mark.slow
@ALL
def test_new_strokes_settle_alone(brush: str) -> None:
    """The error falls, and what has been painted before stays as it is."""
    errors = []
    for steps in (0, 1, 8):
        search = make_search(scenery(), brush=brush, strokes=40, iterations=40, settling=steps)
        search.add(10, 0.3, 64)
        first = search.strokes
        assert first is not None
        search.add(20, 0.1, 64)
        assert search.strokes is not None and same(search.strokes[:10], first)
        assert search.moments is not None
        assert search.moments["steps"][0].tolist() == [steps] * 30
        errors.append(np.square(seen(search) - scenery()).mean())
    assert errors[2] < 0.9 * errors[0] and errors[2] < errors[1]


def test_settled_strokes_keep_to_the_region_and_the_limits() -> None:
    region = np.zeros((48, 64), np.float32)
    region[10:40, 20:50] = 1
    target = np.where(region[..., None] > 0, scenery(), PAPER)
    search = make_search(target, strokes=30, iterations=40, region=region, settling=8, min_size=0.08, max_size=0.12)
    search.add(30, 0.1, 64)
    assert search.strokes is not None
    assert np.array_equal(seen(search)[region == 0], np.broadcast_to(PAPER, ((region == 0).sum(), 3)))
    found = sizes(search.strokes)
    assert found.min() >= 0.08 * (1 - 1e-6) and found.max() <= 0.12 * (1 + 1e-6)


def test_stout_candidates_bend_less() -> None:
    scene = make_scene(scenery(), np.broadcast_to(PAPER, (48, 64, 3)), np.ones((48, 64)), 0.5)
    seeds = np.array([[x, y, 0.3, 14.0, 8.0, 0.0] for x in range(8, 60, 8) for y in range(8, 44, 8)], np.float64)
    for limit in (0.02, 0.125):
        bounds = BOUNDS._replace(bend_by_slimness=limit)
        found, _ = best_candidates(scene, seeds, 12, 200, bounds, 3, gradient=False)
        most = np.minimum(MAX_BEND, limit * found[:, 3] / found[:, 4])
        assert (np.abs(found[:, 5]) <= most * (1 + 1e-9)).all() and (np.abs(found[:, 5]) > 0.5 * most).any()


@pytest.mark.slow
def test_moments_live_as_long_as_their_strokes() -> None:
    search = make_search(scenery(), strokes=30, iterations=40)
    stages = {stage.name: stage for stage in search.stages()}
    assert sum(stage.moved > 0 for stage in stages.values()) > 2
    before, last = torch.zeros(0), ""
    for progress in search.run():
        assert search.moments is not None and search.strokes is not None
        now = search.moments["steps"][0].clone()
        assert len(now) == len(search.strokes)
        stage = stages[progress.stage]
        fresh = (stage.added or stage.moved) if progress.stage != last else 0
        kept, new = now[: len(now) - fresh], now[len(now) - fresh :]
        assert (new == DEFAULTS.settling_steps + 1).all()
        if stage.moved and progress.stage != last:
            ages = Counter(before.tolist())
            assert Counter((kept - 1).tolist()) <= ages  # the others have gone
        else:
            assert torch.equal(kept, before + 1)
        assert all(len(part) == len(now) for parts in search.moments.values() for part in parts)
        before, last = now, progress.stage
    assert before.max() == DEFAULTS.settling_steps + search.taken and before.min() < before.max()


def run_stage(search: Search, at: int) -> None:
    """As `Search.run` does it."""
    stage = search.stages()[at]
    list(search.run_stage(stage))
    search._at += 1


@pytest.mark.slow
@pytest.mark.parametrize("brush", ["rectangle", "oilpaintbrush"])
def test_a_search_goes_on_between_stages(brush: str) -> None:
    search = make_search(scenery(), brush=brush)
    whole = make_search(scenery(), brush=brush)
    steps = [progress.strokes for progress in whole.run()]
    for at, stage in enumerate(search.stages()):
        again = make_search(scenery(), brush=brush)
        state = dump(search.state())
        again.restore(load(state))
        assert dump(again.state()) == state
        if at in (1, len(whole.stages()) // 2):  # as it is, to the end
            rest = list(again.run())
            assert again.taken == whole.taken and same(rest[-1].strokes, steps[-1])
        search = make_search(scenery(), brush=brush)
        search.restore(load(state))
        run_stage(search, at)
        if stage.steps:
            assert search.strokes is not None and same(search.strokes, steps[search.taken - 1])
    assert dump(search.state()) == dump(whole.state())


def test_a_state_without_its_moments_is_refused() -> None:
    search = make_search(scenery())
    run_stage(search, 0)
    state = load(dump(search.state()))
    shorter = {name: parts[:-1] for name, parts in state["moments"].items()}
    for moments in (None, {}, shorter):
        with pytest.raises((ValueError, LookupError, TypeError)):
            make_search(scenery()).restore({**state, "moments": moments})


def test_a_state_whose_unknowns_are_no_strokes_is_refused() -> None:
    """As a damaged autosave once had it: strokes of no height became strokes of no number at the next step."""
    search = make_search(scenery())
    next(search.run())
    state = load(dump(search.state()))
    make_search(scenery()).restore(state)
    for tensor in state["parameters"]["tensors"]:
        tensor.fill_(-1e9)
    with pytest.raises(ValueError, match=r"width|height|length|x|y"):
        make_search(scenery()).restore(state)


@pytest.mark.parametrize("name", ["x", "steps"])
def test_a_state_with_moments_below_zero_is_refused(name: str) -> None:
    """As a damaged autosave once had them: their roots are no numbers, and became a warning when strokes were drawn."""
    search = make_search(scenery())
    next(search.run())
    state = load(dump(search.state()))
    state["parameters"]["adam"][name][-1][0] = -1.0
    with pytest.raises(ValueError, match="at least 0"):
        make_search(scenery()).restore(state)


# --- Adam, stroke by stroke ---------------------------------------------------------------------------------

BETAS = DEFAULTS.betas


def unknowns(count: int, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    sizes = {"x": (count,), "colors": (count, 2, 3), "opacity": (count,)}
    return {name: torch.rand(size, generator=generator).requires_grad_() for name, size in sizes.items()}


def units_of(values: dict[str, Tensor]) -> dict[str, Tensor | float]:
    """In which steps are measured: of one of them another for each stroke."""
    return {"x": torch.linspace(0.1, 3.0, len(values["x"])), "colors": 0.03, "opacity": 1.0}


def adam_for(values: dict[str, Tensor], moments: Moments | None = None) -> StrokeAdam:
    return StrokeAdam(values, units_of(values), fresh_moments(values) if moments is None else moments, BETAS)


def pull(values: dict[str, Tensor], generator: torch.Generator, scale: float = 1.0) -> None:
    for value in values.values():
        value.grad = scale * torch.randn(value.shape, generator=generator)


def test_for_strokes_of_one_age_it_is_torchs_adam() -> None:
    ours, start = unknowns(6), unknowns(6)
    adam, units = adam_for(ours), units_of(ours)
    scales = {name: torch.as_tensor(unit).reshape(-1, *[1] * (ours[name].ndim - 1)) for name, unit in units.items()}
    theirs = {name: (values.detach() / scales[name]).requires_grad_() for name, values in start.items()}
    reference = torch.optim.Adam(theirs.values(), lr=1.0, betas=BETAS, eps=StrokeAdam.EPSILON)
    generator = torch.Generator().manual_seed(1)
    for step in range(30):
        rate = 0.1 / (1 + step)
        reference.param_groups[0]["lr"] = rate
        pull(ours, generator, 10.0 ** (step % 4 - 2))
        for name, values in theirs.items():
            values.grad = gradient_of(ours[name]) * scales[name]
        adam.step(rate)
        reference.step()
    for name, values in ours.items():
        torch.testing.assert_close(values, theirs[name] * scales[name], rtol=1e-4, atol=1e-5)
    adam.zero_grad()
    assert all(values.grad is None for values in ours.values())


def gradient_of(values: Tensor) -> Tensor:
    assert values.grad is not None
    return values.grad.clone()


def test_the_kernel_steps_as_the_reference() -> None:
    ours, theirs = unknowns(7), unknowns(7)
    adam, moments = adam_for(ours), fresh_moments(theirs)
    generator = torch.Generator().manual_seed(4)
    for step in range(1, 9):
        pull(ours, generator)
        moments["steps"][0].fill_(step)
        for name, values in theirs.items():
            (mean, square), (steps,) = moments[name], moments["steps"]
            of_strokes = (values.detach(), gradient_of(ours[name]), mean, square, adam.units[name], steps)
            step_plainly(of_strokes, 0.02, *BETAS, StrokeAdam.EPSILON)
        adam.step(0.02)
    for name, values in ours.items():
        torch.testing.assert_close(values, theirs[name], rtol=1e-5, atol=1e-6)
        for part, other in zip(adam.moments[name], moments[name], strict=True):
            torch.testing.assert_close(part, other, rtol=1e-5, atol=1e-7)


def test_unknowns_without_a_gradient_stay() -> None:
    values = unknowns(4)
    adam, before = adam_for(values), values["x"].detach().clone()
    pull(values, torch.Generator().manual_seed(5))
    values["x"].grad = None
    adam.step(0.1)
    assert torch.equal(values["x"], before) and not any(part.any() for part in adam.moments["x"])
    assert adam.moments["steps"][0].tolist() == [1.0] * 4


def test_a_new_stroke_among_old_ones_takes_full_steps() -> None:
    old = unknowns(5)
    moments = fresh_moments(old)
    generator = torch.Generator().manual_seed(2)
    for _ in range(9):
        pull(old, generator)
        adam_for(old, moments).step(0.01)
    new = unknowns(3, seed=7)
    both = {name: torch.cat([old[name].detach(), new[name].detach()]).requires_grad_() for name in old}
    before = {name: values.detach().clone() for name, values in both.items()}
    joined = cat_moments(moments, fresh_moments(new))
    pull(both, generator)
    for name, values in old.items():
        values.grad = gradient_of(both[name])[:5]
    ones: dict[str, Tensor | float] = dict.fromkeys(old, 1.0)
    StrokeAdam(both, ones, joined, BETAS).step(0.01)
    StrokeAdam(old, ones, moments, BETAS).step(0.01)
    for name, values in both.items():
        # The first step of Adam is its rate, whatever the gradient; the old ones go on as if nobody had come.
        moved = (values.detach() - before[name])[5:].abs()
        torch.testing.assert_close(moved, torch.full_like(moved, 0.01), rtol=1e-3, atol=0)
        assert torch.equal(values[:5], old[name])
    assert joined["steps"][0].tolist() == [10.0] * 5 + [1.0] * 3


def moved_moments(count: int) -> Moments:
    values = unknowns(count)
    moments = fresh_moments(values)
    for _ in range(4):
        pull(values, torch.Generator().manual_seed(3))
        adam_for(values, moments).step(0.01)
    return moments


def equal(a: Moments, b: Moments) -> bool:
    return a.keys() == b.keys() and all(
        torch.equal(one, other) for name in a for one, other in zip(a[name], b[name], strict=True)
    )


def test_moments_are_selected_and_joined_by_strokes() -> None:
    moments = moved_moments(6)
    first, rest = (select_moments(moments, torch.tensor(index)) for index in ([0, 1], [2, 3, 4, 5]))
    assert len(first["steps"][0]) == 2 and first["colors"][0].shape == (2, 2, 3)
    assert equal(cat_moments(first, rest), moments)
    assert equal(select_moments(moments, torch.arange(6)), moments)
    picked = select_moments(moments, torch.tensor([4, 1]))
    assert torch.equal(picked["x"][1], moments["x"][1][[4, 1]])
    picked["x"][0].zero_()
    assert moments["x"][0].abs().min() > 0  # they are copies


def test_moments_come_back_to_the_bit() -> None:
    moments, values = moved_moments(4), unknowns(4)
    other = fresh_moments(values)
    assert not equal(moments, other)
    kept = [part for parts in other.values() for part in parts]
    restore_moments(other, load(dump(moments_state(moments))))
    assert equal(moments, other) and all(a is b for a, b in zip(kept, (p for ps in other.values() for p in ps)))  # noqa: B905
    third = adam_for(values)
    third.restore(adam_for(values, moments).state())
    assert equal(third.moments, moments)
    with pytest.raises((ValueError, RuntimeError)):
        restore_moments(fresh_moments(unknowns(5)), moments_state(moments))


# --- the plan -----------------------------------------------------------------------------------------------


def test_steps_are_planned_as_asked_or_as_usual_or_for_the_time() -> None:
    at = DEFAULTS.reference_strokes

    def planned(strokes: int = at, part: float = 1.0, **options: object) -> int:
        return planned_iterations(PaintConfig(**options), DEFAULTS, strokes, part)  # type: ignore[arg-type]

    assert PaintConfig().iterations == "auto"
    assert planned() == planned(7) == planned(50_000) == DEFAULTS.usual_iterations
    assert planned(iterations=17) == planned(iterations=17, seconds=9.0) == 17
    assert planned(iterations=0, seconds=9.0) == 0
    assert planned(seconds=10.0) == round(10 * DEFAULTS.iterations_a_second)
    assert planned(seconds=10.0, part=0.3) == round(3 * DEFAULTS.iterations_a_second)
    counts = (10, 100, 1000, 10_000, 100_000)
    steps = [planned(count, seconds=10.0) for count in counts]
    assert steps == sorted(steps, reverse=True) and steps[-1] >= 1
    assert steps[0] / steps[2] == pytest.approx(100**DEFAULTS.slowing, rel=0.02)
    assert planned(100_000, 1e-6, seconds=1.0) == 1
    assert planned(25, seconds=86400.0) == MAX_ITERATIONS  # which can be asked for
    search = make_search(scenery(), iterations="auto", strokes=12)  # type: ignore[arg-type]
    assert search.steps == DEFAULTS.usual_iterations


def test_canvases_grow_with_the_count() -> None:
    counts = [1, 10, 100, 500, 700, 1000, 1500, 2000, 4000, 10_000, 100_000]
    plans = [make_plan(count, 100, DEFAULTS) for count in counts]
    (least, most), full = DEFAULTS.full_sides, [plan.full_side for plan in plans]
    assert full == sorted(full) and full[0] == least and full[-1] == most
    for plan in plans:
        sides = list(plan.move_sides)
        assert sides == sorted(sides) and all(DEFAULTS.move_side <= side <= plan.full_side for side in sides)
        whole = round(DEFAULTS.full_moves * len(sides))
        assert sides[len(sides) - whole :] == [plan.full_side] * whole
        pixels = np.linspace(*DEFAULTS.move_pixels, len(sides) - whole)
        size = plan.levels[-1].size
        for side, wanted, lowest in (
            (plan.full_side, DEFAULTS.full_pixels, least),
            *((side, wanted, DEFAULTS.move_side) for side, wanted in zip(sides, pixels, strict=False)),
        ):
            if lowest < side < most:
                assert side % SIDE_STEP == 0 and abs(wanted / size - side) <= SIDE_STEP / 2
    for one, other in pairwise(plan.move_sides for plan in plans if plan.moved):
        assert all(few <= many for few, many in zip(one, other, strict=True))


def test_more_steps_bring_more_rounds_of_moves_and_more_places() -> None:
    roots = (1, 2, 5, 10, 20, 100)
    plans = [make_plan(500, root**2, DEFAULTS) for root in roots]
    assert [len(plan.move_steps) for plan in plans] == [round(DEFAULTS.move_rounds * root) for root in roots]
    assert {plan.moved for plan in plans} == {round(DEFAULTS.move_share * 500)}
    places = [plan.places for plan in plans]
    assert places == sorted(places) and places[0] == DEFAULTS.least_places
    assert places[-1] == round(DEFAULTS.places * 100)


def test_with_little_time_no_more_is_planned_than_fits() -> None:
    many, few = make_plan(500, 50_000, DEFAULTS), make_plan(500, 50_000, DEFAULTS, seconds=2.0)
    like = make_plan(500, steps_within(2.0, DEFAULTS, 500, DEFAULTS.likely_a_second), DEFAULTS)
    assert few.likely == like.likely <= planned_iterations(PaintConfig(seconds=2.0), DEFAULTS, 500)
    assert (len(few.move_steps), few.places) == (len(like.move_steps), like.places)
    assert len(few.move_steps) < len(many.move_steps) and few.places < many.places
    steps = [*(level.steps for level in few.levels), *few.move_steps, few.full_steps, few.last_steps]
    assert sum(steps) == 50_000  # if the machine is so fast
    assert make_plan(500, 50, DEFAULTS, seconds=1000.0) == make_plan(500, 50, DEFAULTS)


# --- time ---------------------------------------------------------------------------------------------------


class Clock:
    """Stands for `time.monotonic`; moving strokes takes long, a step no time to speak of."""

    def __init__(self) -> None:
        self.now, self.look = 0.0, 1e-4

    def __call__(self) -> float:
        self.now += self.look
        return self.now


@pytest.mark.slow
@pytest.mark.parametrize("slowness", [0.01, 0.2, 0.5])
def test_no_stroke_is_moved_without_steps(slowness: float, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("painter.search.time_budget.time.monotonic", clock)
    search = make_search(scenery(), strokes=30, iterations=250, seconds=3.0)
    moves: list[int] = []
    move = search.move_weakest

    def slow(count: int, size: float, side: int, close: bool = False) -> None:
        moves.append(search.taken)
        clock.now += slowness
        move(count, size, side, close)

    monkeypatch.setattr(search, "move_weakest", slow)
    seen = list(search.run())
    taken = Counter(step.stage for step in seen)
    rounds = [stage for stage in search.stages() if stage.moved]
    assert 0 < len(moves) <= len(rounds) and (slowness > 0.1) == (len(moves) < len(rounds))
    assert [stage.name for stage in rounds if taken[stage.name]] == [s for s in taken if s.startswith("moving")]
    assert len([s for s in taken if s.startswith("moving")]) >= len(moves)
    assert min(np.diff(moves), default=400) >= DEFAULTS.steps_between_moves
    assert min(taken[s] for s in taken if s.startswith("moving")) >= DEFAULTS.least_move_steps
    assert taken["full size"] > 0 and clock.now < 3.0 + slowness
    assert search.strokes is not None and len(search.strokes) == 30


@pytest.mark.slow
def test_a_search_with_little_time_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("painter.search.time_budget.time.monotonic", clock)
    monkeypatch.setattr(clock, "look", 4e-3)

    def made() -> Search:
        return make_search(scenery(), strokes=30, iterations=400, seconds=1.0)

    search = made()
    states = [(progress.step, dump(search.state())) for progress in search.run() if progress.step % 30 == 7]
    for step, state in states:
        again = made()
        again.restore(load(state))
        assert dump(again.state()) == state
        rest = [progress.step for progress in again.run()]
        assert rest == list(range(step + 1, step + 1 + len(rest)))
        assert again.strokes is not None and len(again.strokes) == 30
