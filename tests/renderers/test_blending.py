"""Soft blending: the reference against a direct loop, the kernels against the reference, values and gradients."""

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
    gathered,
    random_canvas,
    random_layers,
    rim_mask,
    tensors,
    with_alpha,
    with_tensors,
)
from torch import Tensor

from renderers.blending import BACKENDS, MAX_ALPHA, Layers, blend, blend_reference
from renderers.blending.relevance import removal_costs, seen_paint
from renderers.brushes import BRUSHES, NETWORK_BRUSHES
from renderers.decoder import Decoder
from renderers.decoding import EngineMaps, NetworkMaps, make_layers
from renderers.evaluation import random_strokes
from renderers.networks import BrushNetworks
from renderers.threads import limited_to


def blended(
    canvas: Tensor, layers: Layers, backend: str, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, list[Tensor]]:
    """The canvas, and the gradients of a fixed random sum of it."""
    leaves = [tensor.detach().to(dtype).requires_grad_() for tensor in tensors(layers)]
    result = blend(canvas.to(dtype), with_tensors(layers, leaves), backend)
    weight = torch.randn(canvas.shape, generator=torch.Generator().manual_seed(9)).to(dtype)
    if not result.requires_grad:  # no stroke touches the canvas
        return result, [torch.zeros_like(leaf) for leaf in leaves]
    grads = torch.autograd.grad((result * weight).sum(), leaves, allow_unused=True)
    return result.detach(), [
        torch.zeros_like(leaf) if grad is None else grad for grad, leaf in zip(grads, leaves, strict=True)
    ]


def assert_same(canvas: Tensor, layers: Layers) -> None:
    """The kernels agree with the reference computed in float64."""
    seen, gradients = blended(canvas, layers, "cpu")
    expected, exact = blended(canvas, layers, "reference", torch.float64)
    assert seen.dtype == torch.float32 and seen.shape == canvas.shape
    assert (seen - expected).abs().max() <= VALUE_ERROR
    for name, gradient, wanted in zip(FIELDS, gradients, exact, strict=True):
        assert gradient.dtype == torch.float32 and gradient.shape == wanted.shape
        error, scale = (gradient - wanted).abs().max(), wanted.abs().max()
        assert error <= GRADIENT_ERROR * scale + 1e-6, f"{name}: off by {error} of {scale}"


# --- the reference ------------------------------------------------------------------------------------------


def blend_directly(canvas: np.ndarray, layers: Layers) -> np.ndarray:
    """The definition, pixel by pixel."""
    canvas = canvas.astype(np.float64)
    for n in range(len(layers)):
        alpha, mix = (values.double().numpy() for values in layers.maps.of(n))
        rows, columns = alpha.shape
        start, end = layers.start[n].double().numpy(), layers.end[n].double().numpy()
        for row in range(canvas.shape[0]):
            for column in range(canvas.shape[1]):
                p, q = layers.transform[n].double().numpy() @ [column, row, 1]
                x, y = (p + 1) * columns / 2 - 0.5, (q + 1) * rows / 2 - 0.5
                if min(x, y) < 0 or x > columns - 1 or y > rows - 1:
                    continue
                j, i = min(int(x), columns - 2), min(int(y), rows - 2)
                near = np.outer([1 - (y - i), y - i], [1 - (x - j), x - j])
                covered, shade = ((near * texels[i : i + 2, j : j + 2]).sum() for texels in (alpha, mix))
                a = min(float(layers.opacity[n]) * covered, MAX_ALPHA)
                canvas[row, column] = a * (start + shade * (end - start)) + (1 - a) * canvas[row, column]
    return canvas


@pytest.mark.parametrize("size", [(9, 13, 3), (13, 9, 4), (1, 1, 3)])
@pytest.mark.parametrize("backend", BACKENDS)
def test_blending_is_what_its_definition_says(size: tuple[int, int, int], backend: str) -> None:
    layers = random_layers([4, 8, (5, 7), 16, (12, 8), 4], size)
    canvas = random_canvas(size)
    expected = blend_directly(canvas.numpy(), layers)
    assert size[:2] == (1, 1) or np.abs(expected - canvas.numpy()).max() > 0.1
    np.testing.assert_allclose(blend(canvas, layers, backend).numpy(), expected, atol=VALUE_ERROR)


@pytest.mark.slow
def test_reference_gradients_match_finite_differences() -> None:
    size = (5, 6, 3)
    layers = random_layers([4, (5, 3), 4], size, seed=2, spread=0.5)
    canvas = random_canvas(size).double()
    leaves = tuple(tensor.double().requires_grad_() for tensor in tensors(layers))
    assert torch.autograd.gradcheck(
        lambda *values: blend_reference(canvas, with_tensors(layers, values)), leaves, eps=1e-7, atol=1e-6, rtol=1e-4
    )
    for name, gradient in zip(FIELDS, blended(canvas, layers, "reference", torch.float64)[1], strict=True):
        assert (gradient != 0).any(), name


def test_later_strokes_cover_earlier_ones() -> None:
    wide = torch.tensor([[0.1, 0, -1.0], [0, 0.1, -1.0]]).repeat(2, 1, 1)
    maps = gathered([(torch.arange(2), rim_mask(8).repeat(2, 1, 1), torch.zeros(2, 8, 8))], 2)
    colors = torch.tensor([[1.0, 0, 0], [0, 0, 1.0]])
    for opacity, expected in ((1.0, colors[1]), (0.5, colors.sum(0) * torch.tensor([0.25, 0, 0.5]))):
        layers = Layers(wide, maps, colors, colors, torch.full((2,), opacity))
        seen = blend(torch.zeros(20, 20, 3), layers)[9, 9]
        torch.testing.assert_close(seen, expected, rtol=0, atol=1 - MAX_ALPHA + 1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_strokes_leave_the_canvas(backend: str) -> None:
    canvas = random_canvas((7, 5, 3))
    none = gathered([], 0)
    layers = Layers(torch.zeros(0, 2, 3), none, torch.zeros(0, 3), torch.zeros(0, 3), torch.zeros(0))
    assert torch.equal(blend(canvas, layers, backend), canvas)


@pytest.mark.parametrize("brush", list(NETWORK_BRUSHES))
def test_no_strokes_of_a_brush_leave_the_canvas(brush: str) -> None:
    canvas = random_canvas((7, 5, 3))
    strokes = random_strokes(BRUSHES[brush], 3, torch.Generator().manual_seed(0))[:0]
    for source in (
        EngineMaps(strokes, 1 / 7, 1.0),
        NetworkMaps(BrushNetworks(NETWORK_BRUSHES[brush]), 1.0),
        Decoder(BrushNetworks(NETWORK_BRUSHES[brush]), 1.0),
    ):
        assert torch.equal(blend(canvas, make_layers(strokes, 1 / 7, 3, source)), canvas)


# --- the kernels against the reference ----------------------------------------------------------------------


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("size", [(97, 131), (1, 1), (64, 7), (3, 200)])
def test_kernels_agree_on_any_canvas(size: tuple[int, int], channels: int) -> None:
    canvas = random_canvas((*size, channels))
    assert_same(canvas, random_layers([32, 16, (64, 40), 8, 32, (4, 9), 16, (32, 8), 128, 16, 2, 3], (*size, channels)))


@pytest.mark.parametrize("brush", list(BRUSHES))
@pytest.mark.parametrize("channels", [3, 4])
def test_kernels_agree_on_strokes_of_every_brush(brush: str, channels: int) -> None:
    size = (61, 90, channels)
    assert_same(random_canvas(size), brush_layers(brush, 25, size))


def test_kernels_agree_on_one_stroke() -> None:
    assert_same(random_canvas((40, 30, 3)), random_layers([32], (40, 30, 3), spread=0))


@pytest.mark.slow
def test_kernels_agree_on_many_strokes() -> None:
    size = (97, 131, 3)
    assert_same(random_canvas(size), brush_layers("oilpaintbrush", 500, size, seed=3))


def test_kernels_agree_under_a_pile_of_opaque_strokes() -> None:
    """Un-blending divides by 0.005 for each of them."""
    size = (16, 16, 3)
    layers = random_layers([8] * 60, size, spread=0.2)
    flat = with_alpha(layers.maps, rim_mask(8))
    assert_same(random_canvas(size), replace(layers, maps=flat, opacity=torch.ones(60)))
    assert_same(random_canvas(size), replace(layers, maps=flat, opacity=torch.full((60,), 0.98)))


@pytest.mark.parametrize("opacity", [0.0, 1.0])
def test_kernels_agree_at_the_ends_of_opacity(opacity: float) -> None:
    size = (33, 47, 3)
    layers = replace(random_layers([16] * 10, size, seed=4), opacity=torch.full((10,), opacity))
    assert_same(random_canvas(size), layers)
    if not opacity:
        canvas = random_canvas(size)
        assert torch.equal(blend(canvas, layers), canvas)
        # An invisible stroke must still be able to come back.
        assert blended(canvas, layers, "cpu")[1][-1].abs().max() > 0


def test_strokes_off_the_canvas_do_nothing() -> None:
    size = (20, 30, 3)
    layers = random_layers([16] * 4, size)
    away = layers.transform.clone()
    away[:, :, 2] += 60
    canvas = random_canvas(size)
    result, gradients = blended(canvas, replace(layers, transform=away), "cpu")
    assert torch.equal(result, canvas)
    assert all(gradient.abs().max() == 0 for gradient in gradients)
    assert_same(canvas, replace(layers, transform=torch.cat([away[:2], layers.transform[2:]])))


def test_axis_parallel_strokes_agree() -> None:
    """Rows along which one frame coordinate does not change."""
    size = (24, 24, 3)
    layers = random_layers([8, 8, 12], size)
    transform = torch.tensor(
        [[[0.1, 0, -1.21], [0, 0.1, -1.13]], [[0, -0.125, 1.01], [0.125, 0, -1.02]], [[0.2, 0, -1.7], [0, -0.05, 0.92]]]
    )
    assert_same(random_canvas(size), replace(layers, transform=transform))


def test_without_gradients_for_maps_the_others_are_the_same() -> None:
    size = (40, 50, 3)
    layers, canvas = random_layers([16] * 6, size), random_canvas(size)
    _, everything = blended(canvas, layers, "cpu")
    transform, opacity = (value.clone().requires_grad_() for value in (layers.transform, layers.opacity))
    result = blend(canvas, replace(layers, transform=transform, opacity=opacity))
    weight = torch.randn(canvas.shape, generator=torch.Generator().manual_seed(9))
    few = torch.autograd.grad((result * weight).sum(), (transform, opacity))
    assert torch.equal(few[0], everything[0]) and torch.equal(few[1], everything[4])


def test_backward_may_run_twice() -> None:
    size = (20, 30, 3)
    layers, canvas = random_layers([16] * 5, size), random_canvas(size)
    opacity = layers.opacity.clone().requires_grad_()
    loss = blend(canvas, replace(layers, opacity=opacity)).square().sum()
    first, second = (torch.autograd.grad(loss, opacity, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_aspect_ratio_does_not_move_strokes() -> None:
    """A low canvas is the top of a square one."""
    strokes = random_strokes(BRUSHES["oilpaintbrush"], 20, torch.Generator().manual_seed(0))
    layers = make_layers(strokes, 1 / 60, 3, EngineMaps(strokes, 1 / 60, 1.0))
    square, low = (blend(torch.ones(height, 60, 3), layers) for height in (60, 23))
    assert torch.equal(square[:23], low)


def test_the_number_of_threads_changes_nothing() -> None:
    size = (97, 131, 3)
    canvas, layers = random_canvas(size), brush_layers("watercolor", 60, size)
    target = random_canvas(size, seed=2)

    def everything() -> list[Tensor]:
        result, gradients = blended(canvas, layers, "cpu")
        return [result, *gradients, removal_costs(canvas, target, layers)]

    by_count = []
    for count in (1, 2, 5):
        with limited_to(count):
            by_count.append(everything())
    for others in by_count[1:]:
        assert all(torch.equal(one, other) for one, other in zip(by_count[0], others, strict=True))


# --- bad input ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            lambda layers: replace(layers, transform=layers.transform[:, :1]),
            r"transform must be \[3, 2, 3\], got \(3, 1",
        ),
        (lambda layers: replace(layers, start=layers.start[:2]), r"start must be \[3, 3\], got \(2, 3\)"),
        (lambda layers: replace(layers, end=layers.end[:, :2]), r"end must be \[3, 3\], got \(3, 2\)"),
        (
            lambda layers: replace(layers, maps=replace(layers.maps, size=layers.maps.size[:1])),
            r"maps must be of 3 strokes",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_named(change: Callable[[Layers], Layers], complaint: str) -> None:
    layers = random_layers([8, 8, 8], (9, 9, 3))
    with pytest.raises(ValueError, match=complaint):
        blend(torch.zeros(9, 9, 3), change(layers))


def test_canvas_must_have_rows_columns_and_channels() -> None:
    layers = random_layers([8], (9, 9, 3))
    with pytest.raises(ValueError, match=r"canvas must be \[H, W, C\], got \(9, 9\)"):
        blend(torch.zeros(9, 9), layers)
    with pytest.raises(ValueError, match=r"start must be \[1, 4\]"):
        blend(torch.zeros(9, 9, 4), layers)


def test_unknown_backend_is_refused() -> None:
    with pytest.raises(ValueError, match=r"backend must be one of .*'abacus'"):
        blend(torch.zeros(9, 9, 3), random_layers([8], (9, 9, 3)), "abacus")


# --- relevance ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("weighted", [False, True])
def test_removal_costs_are_what_removing_costs(channels: int, weighted: bool) -> None:
    size = (37, 52, channels)
    weight = torch.rand(size[:2], generator=torch.Generator().manual_seed(4)) * 2 if weighted else None
    counts = torch.ones(size) if weight is None else weight[:, :, None].repeat(1, 1, channels)
    if weighted:
        counts[:, :, 3:] *= 2.5
    layers = random_layers([16, 8, 32, 16, 8, 16, 4, 32, 16, 8], size, seed=6)
    canvas, target = random_canvas(size), random_canvas(size, seed=2)
    painted = blend(canvas, layers)
    costs = removal_costs(canvas, target, layers, weight, 2.5 if weighted else 1.0)
    error = (counts * (painted - target).double().square()).sum()
    for n in range(len(layers)):
        opacity = layers.opacity.clone()
        opacity[n] = 0
        without = (counts * (blend(canvas, replace(layers, opacity=opacity)) - target).double().square()).sum()
        assert costs[n] == pytest.approx(float(without - error), abs=1e-5 * float(error))


def test_a_hidden_stroke_costs_nothing_to_remove() -> None:
    size = (20, 20, 3)
    layers = random_layers([8, 8], size, spread=0)
    wide = torch.tensor([[0.04, 0, -0.4], [0, 0.04, -0.4]])  # covers the canvas
    narrow = torch.tensor([[0.3, 0, -3.0], [0, 0.3, -3.0]])
    maps = with_alpha(layers.maps, rim_mask(8))
    hidden = Layers(torch.stack([narrow, wide]), maps, layers.start, layers.end, torch.ones(2))
    canvas, target = torch.zeros(size), random_canvas(size)
    costs = removal_costs(canvas, target, hidden)
    assert abs(costs[0]) < 0.01 * abs(costs[1])


def test_what_is_seen_of_a_stroke_is_what_its_colour_changes() -> None:
    size = (37, 52, 1)
    layers = random_layers([16, 8, 32, 16, 8, 16], size, seed=6)
    seen, paint = seen_paint(layers, *size[:2])
    black = torch.zeros(size)
    for n in range(len(layers)):
        white = torch.zeros(len(layers), 1)
        white[n] = 1
        alone = replace(layers.select(torch.tensor([n])), start=torch.ones(1, 1), end=torch.ones(1, 1))
        assert seen[n] == pytest.approx(float(blend(black, replace(layers, start=white, end=white)).sum()), rel=1e-4)
        assert paint[n] == pytest.approx(float(blend(black, alone).sum()), rel=1e-4)


# --- layers -------------------------------------------------------------------------------------------------


def test_layers_joined_and_on_a_part_of_the_canvas() -> None:
    size = (37, 52, 3)
    layers, canvas = random_layers([16, 8, 32, 16, 8], size, seed=6), random_canvas(size)
    whole = blend(canvas, layers)
    joined = layers.select(torch.tensor([1, 3])).joined(layers.select(torch.tensor([0, 2, 4])))
    ordered = joined.select(torch.tensor([2, 0, 3, 1, 4]))
    assert torch.equal(blend(canvas, ordered), whole)
    part = blend(canvas[5:30, 7:40], layers.within(7, 5))
    assert torch.allclose(part, whole[5:30, 7:40], atol=1e-5)
