"""Colours and opacities by least squares: as the plain reference finds them, and better than those of before."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from painter.options.paint import LOSSES
from painter.search.color_fit import Canvas, Paint, fit, fit_colors
from painter.search.color_fit_reference import fit_by_pixels
from painter.search.pixel_losses import pixel_loss
from painter.search.target import Target
from renderers.brushes import BRUSHES
from renderers.coverage import Coverage, coverage_of
from renderers.drawing import draw
from renderers.evaluation import random_strokes
from renderers.strokes import Strokes

ALL = pytest.mark.parametrize("brush", list(BRUSHES))
HEIGHT, WIDTH = 24, 32
LIMITS = (0.2, 0.9)


def strokes_of(brush: str, count: int, seed: int = 0) -> Strokes:
    found = random_strokes(BRUSHES[brush], count, torch.Generator().manual_seed(seed))
    opacity = 0.3 + 0.5 * torch.rand(count, generator=torch.Generator().manual_seed(seed + 1))
    return Strokes(brush, found.params, found.colors, opacity, found.seed)


def target_of(channels: int = 3, seed: int = 0, weighted: bool = False, regional: bool = False) -> Target:
    """Noise; transparent in part with four channels."""
    random = np.random.default_rng(seed)
    image = random.random((HEIGHT, WIDTH, channels), np.float32)
    ground = np.full(channels, 0.9, np.float32)
    if channels == 4:
        image[:, :, :3] *= image[:, :, 3:]
        ground[:] = 0
    weight = random.random((HEIGHT, WIDTH), np.float32) * 3 if weighted else None
    region = None
    if regional:
        region = random.random((HEIGHT, WIDTH), np.float32).round(1)
        image = ground + region[:, :, None] * (image - ground)
    return Target(image, ground, weight, region)


def paint_of(strokes: Strokes, free: np.ndarray) -> Paint:
    coverage = coverage_of(strokes, HEIGHT, WIDTH)
    return Paint.of(BRUSHES[strokes.brush], coverage, strokes.colors, strokes.opacity, free, LIMITS)


def error(canvas: np.ndarray, target: Target, loss: str) -> float:
    weight = None if target.weight is None else torch.from_numpy(target.weight)
    return float(pixel_loss(torch.from_numpy(canvas), torch.from_numpy(target.image), loss, weight))


def bare(target: Target) -> np.ndarray:
    return np.broadcast_to(target.ground, target.image.shape).astype(np.float32)


@ALL
@pytest.mark.parametrize(("channels", "loss"), [(3, "l2"), (3, "mix"), (4, "mix"), (4, "l1")])
def test_the_fit_is_that_of_the_reference(brush: str, channels: int, loss: str) -> None:
    target = target_of(channels, weighted=channels == 3, regional=True)
    strokes, canvas = strokes_of(brush, 6), Canvas.of(target, loss)
    free = np.array([True, True, False, True, True, True])
    before, fast, plain = (paint_of(strokes, free) for _ in range(3))
    painted, by_pixels = fit(canvas, fast, 2), fit_by_pixels(canvas, plain, 2)
    moved = np.abs(fast.colors - before.colors).max(axis=(1, 2))
    assert moved[2] == 0 and fast.opacity[2] == before.opacity[2] and moved.max() > 0.1
    np.testing.assert_allclose(fast.colors, plain.colors, atol=2e-3)
    np.testing.assert_allclose(fast.opacity, plain.opacity, atol=2e-3)
    np.testing.assert_allclose(painted, by_pixels, atol=2e-3)


@ALL
@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_returned_is_what_is_drawn_and_nearer_to_the_target(brush: str, loss: str) -> None:
    target = target_of(weighted=True)
    strokes = strokes_of(brush, 30)
    errors = [error(draw(strokes, bare(target)), target, loss)]
    for sweeps in (0, 1, 2, 6):
        fitted, painted = fit_colors(strokes, target, loss, sweeps, LIMITS)
        np.testing.assert_allclose(draw(fitted, bare(target)), painted, atol=1e-6)
        errors.append(error(painted, target, loss))
        assert fitted.colors.shape == strokes.colors.shape
        assert all(torch.equal(fitted.params[name], strokes.params[name]) for name in strokes.params)
    assert errors[0] == pytest.approx(errors[1], rel=1e-5)
    assert errors[1:] == sorted(errors[1:], reverse=True) and errors[-1] < 0.95 * errors[0]


@pytest.mark.parametrize("channels", [3, 4])
def test_colors_and_opacities_stay_within_their_limits(channels: int) -> None:
    target = target_of(channels)
    target.image[: HEIGHT // 2] = 0  # darker than any paint on the ground: some want to be beyond
    target.image[HEIGHT // 2 :, :, :] = 1
    fitted, _ = fit_colors(strokes_of("oilpaintbrush", 12), target, "l2", 3, LIMITS)
    assert fitted.colors.min() == 0 and fitted.colors.max() == 1
    assert fitted.opacity.min() >= np.float32(0.2) and fitted.opacity.max() == np.float32(0.9)


def test_what_is_hardly_seen_keeps_its_colors() -> None:
    canvas = Canvas(np.full((50, 3), 0.9, np.float32), np.full((50, 3), 0.4, np.float32), np.ones(50, np.float32))
    pixels, one = np.arange(50, dtype=np.int32), np.ones(100, np.float32)
    coverage = Coverage(np.array([0, 50, 100]), np.concatenate([pixels, pixels]), 0.99 * one, 0 * one)
    paint = Paint.of(BRUSHES["rectangle"], coverage, torch.full((2, 1, 3), 0.6), torch.ones(2))
    fit(canvas, paint, 3)
    below, above = np.abs(paint.colors[:, 0] - 0.6).max(axis=1)
    assert below < 0.005 and above == pytest.approx(0.2, abs=0.02)


def test_no_strokes_are_the_bare_canvas() -> None:
    target = target_of()
    fitted, painted = fit_colors(strokes_of("markerpen", 3)[torch.arange(0)], target, "mix", 3, LIMITS)
    assert len(fitted) == 0 and np.array_equal(painted, bare(target))
