"""Colours that mix as pigments: reflectances, mixtures, blending and drawing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.layers import (
    FIELDS,
    GRADIENT_ERROR,
    VALUE_ERROR,
    brush_layers,
    random_canvas,
    random_layers,
    tensors,
    with_tensors,
)
from torch import Tensor

from renderers import pigments, spectra
from renderers.blending import blend, mixing
from renderers.blending.relevance import removal_costs
from renderers.brushes import BRUSHES
from renderers.drawing import Drawing, draw_bands, drawing_threads
from renderers.evaluation import random_strokes
from renderers.media.medium import Appearance, Texture
from renderers.pigments import mixed_channels
from renderers.spectra import CORNERS, corner_reflectances, mix_pigments, rgb_of_wavebands
from renderers.strokes import Strokes

BLUE, YELLOW, RED, WHITE = (0.12, 0.25, 0.62), (0.99, 0.82, 0.0), (0.78, 0.06, 0.18), (1.0, 1.0, 1.0)


def colors(count: int, channels: int = 3) -> np.ndarray:
    """Colours and all corners of the cube, premultiplied if there are four channels."""
    rng = np.random.default_rng(3)
    some = np.concatenate([rng.random((count, 3)), CORNERS, np.zeros((2, 3))]).astype(np.float32)
    if channels == 3:
        return some
    alpha = rng.random((len(some), 1)).astype(np.float32)
    alpha[0], alpha[1] = 0, 1
    return np.concatenate([some * alpha, alpha], axis=1)


def is_green(color: np.ndarray, by: float = 0.05) -> bool:
    return bool(color[1] > max(color[0], color[2]) + by)


# --- reflectances and mixtures --------------------------------------------------------------------------------


def test_reflectances_show_their_colours_and_are_smooth() -> None:
    reflectances = corner_reflectances()
    assert reflectances.min() >= 0 and reflectances.max() <= 1
    np.testing.assert_allclose(reflectances @ rgb_of_wavebands().T, CORNERS, atol=1e-9)
    green, blue = reflectances[5], reflectances[6]
    assert 3 <= green.argmax() <= 5 and blue.argmax() < 2  # green light lies between blue and red
    assert (np.diff(blue) <= 0.01).all()


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_that_are_not_mixed_come_back(channels: int) -> None:
    given = colors(200, channels)
    laid = pigments.to_pigment(given)
    assert laid.shape[1] == mixed_channels(channels, "pigment") and laid.dtype == np.float32
    np.testing.assert_allclose(pigments.to_colors(laid), given, atol=2e-5)


@pytest.mark.parametrize("channels", [3, 4])
def test_kernels_and_torch_agree_with_plain_numpy(channels: int) -> None:
    given = colors(100, channels)
    laid = pigments.to_pigment(given)
    if channels == 3:
        np.testing.assert_allclose(laid, spectra.to_pigment(given), rtol=1e-5)
        np.testing.assert_allclose(pigments.to_colors(laid), spectra.to_colors(laid), atol=1e-5)
    np.testing.assert_allclose(mixing.to_pigment(torch.from_numpy(given)), laid, rtol=1e-5, atol=1e-6)
    back = mixing.to_colors(torch.from_numpy(laid))
    np.testing.assert_allclose(back, pigments.to_colors(laid), atol=2e-5)


@pytest.mark.parametrize("function", [mixing.to_pigment, lambda laid: mixing.to_colors(1 + 2 * laid)])
def test_gradients_match_finite_differences(function: Callable[[Tensor], Tensor]) -> None:
    size = 3 if function is mixing.to_pigment else 10
    given = torch.rand(6, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 0.9 + 0.05
    assert torch.autograd.gradcheck(function, given.requires_grad_(), eps=1e-6, atol=1e-5)


def test_gradients_are_finite_everywhere() -> None:
    given = torch.from_numpy(colors(20)).requires_grad_()
    mixing.to_colors(mixing.to_pigment(given)).sum().backward()
    assert given.grad is not None and torch.isfinite(given.grad).all()


def test_blue_and_yellow_give_green() -> None:
    even = np.array([[1.0, 1.0]])
    green = mix_pigments(np.array([BLUE, YELLOW]), even)[0]
    assert is_green(green), green
    assert not is_green((np.array(BLUE) + YELLOW) / 2, 0.0)


def test_dark_paint_outweighs_light_paint() -> None:
    pink, plain = mix_pigments(np.array([RED, WHITE]), np.array([[1.0, 1.0]]))[0], (np.array(RED) + WHITE) / 2
    assert pink.sum() < plain.sum() - 0.1 and pink[0] > pink[1:].max()
    parts = mix_pigments(np.array([RED, WHITE]), np.array([[1.0, 0.0], [0.0, 7.0], [2.0, 1.0], [6.0, 3.0]]))
    np.testing.assert_allclose(parts[:2], [RED, WHITE], atol=1e-5)
    np.testing.assert_allclose(parts[2], parts[3], atol=1e-6)


# --- blending -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["cpu", "cuda"])
@pytest.mark.parametrize("channels", [3, 4])
def test_kernels_blend_pigments_as_the_reference_does(channels: int, backend: str) -> None:
    size = (9, 13, channels)
    layers = replace(random_layers([4, 8, (5, 7), 6], size), mixing="pigment")
    canvas = random_canvas(size)
    if channels == 4:
        layers.start[:, 3] = layers.end[:, 3] = 1
        canvas = torch.cat([canvas[..., :3] * canvas[..., 3:], canvas[..., 3:]], dim=2)
    weight = torch.randn(size, generator=torch.Generator().manual_seed(9))
    found = []
    for kernels, dtype in ((backend, torch.float32), ("reference", torch.float64)):
        leaves = [tensor.detach().to(dtype).requires_grad_() for tensor in tensors(layers)]
        moved = replace(with_tensors(layers, leaves), mixing="pigment")
        seen = blend(canvas.to(dtype), moved, kernels)
        found.append((seen, torch.autograd.grad((seen * weight.to(dtype)).sum(), leaves)))
    (fast, gradients), (exact, wanted) = found
    assert fast.shape == canvas.shape and (fast - exact).abs().max() <= VALUE_ERROR
    for name, gradient, other in zip(FIELDS, gradients, wanted, strict=True):
        assert (gradient - other).abs().max() <= GRADIENT_ERROR * other.abs().max() + 1e-6, name


def test_one_colour_everywhere_is_turned_into_pigment_once() -> None:
    layers = replace(random_layers([4, 8], (9, 13, 3)), mixing="pigment")
    bare = torch.tensor((0.9, 0.8, 0.7))
    spread = bare.expand(9, 13, 3)
    assert mixing.to_pigment(spread).stride()[:2] == (0, 0)
    torch.testing.assert_close(blend(spread, layers), blend(spread.clone(), layers))


def test_removal_costs_of_pigments_are_near_what_removing_costs() -> None:
    size = (24, 24, 3)
    layers = brush_layers("oilpaintbrush", 12, size)
    layers = replace(layers, mixing="pigment", opacity=layers.opacity * 0.15)
    canvas = torch.full(size, 0.7)
    target = 0.8 * blend(canvas, layers) + 0.1
    costs = removal_costs(canvas, target, layers)
    whole = (blend(canvas, layers) - target).square().sum()
    others = [torch.tensor([k for k in range(12) if k != n]) for n in range(12)]
    exact = torch.stack([(blend(canvas, layers.select(rest)) - target).square().sum() - whole for rest in others])
    assert np.corrcoef(costs.numpy(), exact.numpy())[0, 1] > 0.9


# --- drawing --------------------------------------------------------------------------------------------------


def one_stroke(brush: str, start: tuple[float, ...], end: tuple[float, ...], opacity: float) -> Strokes:
    """Across the middle of the canvas."""
    center, values = torch.tensor([[0.5, 0.375]]), torch.tensor([[0.0], [0.8], [0.4], [0.0]])
    shape = BRUSHES[brush].place(center, *values)
    both = torch.tensor([start, end])[None, : BRUSHES[brush].colors]
    return Strokes(brush, shape, both, torch.tensor([opacity]), torch.zeros(1, dtype=torch.int64))


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("texture", [None, Texture(0.6, "linen")])
@pytest.mark.parametrize("brush", ["oilpaintbrush", "rectangle", "watercolor", "markerpen"])
def test_yellow_over_blue_is_drawn_green(brush: str, texture: Texture | None, channels: int) -> None:
    ground = np.array((*BLUE, 1.0)[:channels], np.float32)
    strokes = one_stroke(brush, YELLOW, YELLOW, 0.75 if brush == "watercolor" else 0.55)
    seen = {}
    for kind in ("srgb", "pigment"):
        with drawing_threads() as pool:
            drawing = Drawing(strokes, np.tile(ground, (48, 64, 1)), texture=texture, mixing=kind)
            drawing.draw(1, pool)
            whole = drawing.seen(0.0, Appearance(ground))
            bands = draw_bands(strokes, (48, 64), Appearance(ground), 0.0, 7, pool, texture, kind)
            np.testing.assert_array_equal(np.concatenate(list(bands)), whole)
        assert whole.shape[2] == channels and (whole >= 0).all() and (whole <= 1).all()
        seen[kind] = whole[20:28, 28:36].mean(axis=(0, 1))
    assert is_green(seen["pigment"]), seen
    assert not is_green(seen["srgb"]), seen


def test_the_middle_of_a_stroke_of_two_colours_is_green() -> None:
    strokes = one_stroke("oilpaintbrush", BLUE, YELLOW, 1.0)
    with drawing_threads() as pool:
        drawing = Drawing(strokes, np.ones((48, 64, 3), np.float32), mixing="pigment")
        drawing.draw(1, pool)
        row = drawing.seen(0.0, Appearance(np.ones(3, np.float32)))[22:26, 14:50].mean(axis=0)
    assert is_green(row[len(row) // 2]) and row[0].argmax() == 2 and not is_green(row[-1])


def test_the_search_sees_pigments_as_they_are_drawn() -> None:
    """A blended canvas, with the engine's own maps, is the drawing."""
    layers = replace(brush_layers("oilpaintbrush", 12, (96, 96, 3)), mixing="pigment")
    seen = blend(torch.ones(96, 96, 3), layers).numpy()
    strokes = random_strokes(BRUSHES["oilpaintbrush"], 12, torch.Generator().manual_seed(0))
    with drawing_threads() as pool:
        drawing = Drawing(strokes, np.ones((96, 96, 3), np.float32), mixing="pigment")
        drawing.draw(12, pool)
        drawn = drawing.seen(0.0, Appearance(np.ones(3, np.float32)))
    assert float(np.square(seen - drawn).mean()) < 10**-2.8
