"""Candidates: what an opaque band gains, in which colours, and how it is laid."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from helpers.placing import images, lay, mask, random

from painter.search.candidates import (
    MOMENTS,
    NOTHING,
    Scene,
    colors_by_pixels,
    covered_by_pixels,
    error_by_pixels,
    fit_colors,
    gain,
    gain_by_pixels,
    make_scene,
)
from renderers.brushes.base import MAX_BEND

SIZES = pytest.mark.parametrize("size", [(40, 52), (7, 5), (1, 30), (30, 1), (1, 1)])
CHANNELS = pytest.mark.parametrize("channels", [3, 4])
RIGHT_ANGLES = (0.0, 0.5 * math.pi, math.pi, -0.5 * math.pi)


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
