"""The Triton kernels against the reference, values and gradients: on a CUDA device, else under Triton's interpreter."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace

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

from renderers.blending import Layers, blend_reference, tile_pairs
from renderers.brushes import BRUSHES

triton = pytest.importorskip("triton", reason="triton is not installed")
cuda = importlib.import_module("renderers.blending.cuda")

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def moved(layers: Layers, dtype: torch.dtype, device: str) -> list[Tensor]:
    return [tensor.detach().to(device, dtype).requires_grad_() for tensor in tensors(layers)]


def gradients(result: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    """Of a fixed random sum of the painting; zeros where no stroke touches it."""
    if not result.requires_grad:
        return [torch.zeros_like(leaf).cpu() for leaf in leaves]
    weight = torch.randn(result.shape, generator=torch.Generator().manual_seed(9)).to(result)
    return [gradient.cpu() for gradient in torch.autograd.grad((result * weight).sum(), leaves, materialize_grads=True)]


def painted(canvas: Tensor, layers: Layers) -> tuple[Tensor, list[Tensor]]:
    """The kernels' canvas and gradients, on the CPU."""
    leaves = moved(layers, torch.float32, DEVICE)
    result = cuda.blend_cuda(canvas.to(DEVICE), with_tensors(layers, leaves))
    return result.detach().cpu(), gradients(result, leaves)


def expected(canvas: Tensor, layers: Layers) -> tuple[Tensor, list[Tensor]]:
    """The reference's, in float64."""
    leaves = moved(layers, torch.float64, "cpu")
    result = blend_reference(canvas.double(), with_tensors(layers, leaves))
    return result.detach(), gradients(result, leaves)


def largest(values: Tensor) -> float:
    return float(values.abs().max()) if values.numel() else 0.0


def assert_same(canvas: Tensor, layers: Layers) -> list[Tensor]:
    """The kernels agree with the reference; their gradients."""
    before = canvas.clone()
    (seen, found), (wanted, exact) = painted(canvas, layers), expected(canvas, layers)
    assert torch.equal(canvas, before)
    assert seen.dtype == torch.float32 and seen.shape == canvas.shape
    assert (seen - wanted).abs().max() <= VALUE_ERROR
    for name, gradient, truth in zip(FIELDS, found, exact, strict=True):
        assert gradient.dtype == torch.float32 and gradient.shape == truth.shape
        error, scale = largest(gradient - truth), largest(truth)
        assert error <= GRADIENT_ERROR * scale + 1e-6, f"{name}: off by {error} of {scale}"
    return found


def subset(layers: Layers, strokes: list[int]) -> Layers:
    maps = replace(layers.maps, offset=layers.maps.offset[strokes], size=layers.maps.size[strokes])
    colors = (layers.start[strokes], layers.end[strokes])
    return Layers(layers.transform[strokes], maps, *colors, layers.opacity[strokes])


# --- against the reference ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("size", [(21, 29), (16, 32), (1, 1), (35, 3), (5, 35)])
def test_kernels_agree_on_any_canvas(size: tuple[int, int], channels: int) -> None:
    found = assert_same(
        random_canvas((*size, channels)), random_layers([32, 64, 4, 2, 32, 3, 64, 16], (*size, channels), seed=5)
    )
    assert min(size) == 1 or all(gradient.abs().max() > 0 for gradient in found)


@pytest.mark.slow
@pytest.mark.parametrize("brush", list(BRUSHES))
def test_kernels_agree_on_strokes_of_every_brush(brush: str) -> None:
    size = (21, 29, 3)
    assert_same(random_canvas(size), brush_layers(brush, 8, size))


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("channels", [3, 4])
def test_kernels_agree_on_no_stroke_and_on_one(count: int, channels: int) -> None:
    size = (21, 30, channels)
    layers, canvas = subset(random_layers([32], size, spread=0), [0] * count), random_canvas(size)
    assert_same(canvas, layers)
    assert torch.equal(painted(canvas, layers)[0], canvas) == (count == 0)


def test_kernels_agree_without_any_map() -> None:
    canvas = random_canvas((7, 5, 3))
    none = torch.zeros(0, 3)
    assert_same(canvas, Layers(torch.zeros(0, 2, 3), gathered([], 0), none, none, torch.zeros(0)))


@pytest.mark.slow
@pytest.mark.parametrize("opacity", [0.98, 1.0])
def test_kernels_agree_under_a_pile_of_opaque_strokes(opacity: float) -> None:
    size = (16, 16, 3)
    layers = random_layers([8] * 40, size, spread=0.2)
    flat = with_alpha(layers.maps, rim_mask(8))
    assert_same(random_canvas(size), replace(layers, maps=flat, opacity=torch.full((40,), opacity)))


@pytest.mark.slow
def test_invisible_strokes_change_nothing_but_may_come_back() -> None:
    size = (20, 33, 3)
    layers, canvas = replace(random_layers([16] * 6, size, seed=4), opacity=torch.zeros(6)), random_canvas(size)
    assert assert_same(canvas, layers)[-1].abs().max() > 0
    assert torch.equal(painted(canvas, layers)[0], canvas)


@pytest.mark.slow
def test_strokes_off_the_canvas_do_nothing() -> None:
    size = (20, 30, 3)
    layers, canvas = random_layers([16] * 4, size), random_canvas(size)
    away = layers.transform.clone()
    away[:, :, 2] += 60
    result, found = painted(canvas, replace(layers, transform=away))
    assert torch.equal(result, canvas)
    assert all(gradient.abs().max() == 0 for gradient in found)
    assert_same(canvas, replace(layers, transform=torch.cat([away[:2], layers.transform[2:]])))


@pytest.mark.slow
def test_strokes_that_are_nowhere_do_nothing() -> None:
    """The reference refuses them, so it is asked about the others only."""
    size = (20, 30, 3)
    layers, canvas = random_layers([8] * 6, size, spread=0.5), random_canvas(size)
    transform = layers.transform.clone()
    transform[0, 0, 0], transform[1, 1, 2], transform[3, 0] = torch.nan, torch.inf, transform[3, 1]
    transform[4] = 0
    result, found = painted(canvas, replace(layers, transform=transform))
    wanted, exact = expected(canvas, subset(layers, [2, 5]))
    assert (result - wanted).abs().max() <= VALUE_ERROR
    for name, gradient, truth in zip(FIELDS, found, exact, strict=True):
        assert gradient.isfinite().all(), name
        if name != "texels":
            assert (gradient[[0, 1, 3, 4]] == 0).all()
            gradient = gradient[[2, 5]]
        assert (gradient - truth).abs().max() <= GRADIENT_ERROR * truth.abs().max()


@pytest.mark.slow
def test_many_tiny_strokes_agree() -> None:
    """Several in every tile, most within one; fewer where Python does the work."""
    size, count = ((37, 61, 3), 2000) if DEVICE == "cuda" else ((21, 45, 3), 36)
    generator = torch.Generator().manual_seed(0)
    layers = random_layers([4, 8] * (count // 2), size)
    center = torch.rand(count, 2, 1, generator=generator) * torch.tensor([[size[1]], [size[0]]])
    turned = torch.linalg.qr(torch.randn(count, 2, 2, generator=generator))[0] / 1.7
    assert_same(random_canvas(size), replace(layers, transform=torch.cat([turned, -turned @ center], dim=2)))


@pytest.mark.slow
def test_small_strokes_keep_their_place_far_from_the_origin() -> None:
    """Where float32 pixels to texels would be off by a hundredth of a texel."""
    size = (5, 3003, 3)
    turned = torch.tensor([[0.5, 0.05], [-0.04, 0.4]])
    center = torch.tensor([[[2990.3], [2.2]], [[2997.1], [1.7]], [[2984.3], [2.9]]])
    place = torch.cat([turned.expand(3, 2, 2), -turned @ center], dim=2)
    layers = replace(random_layers([128] * 3, size), transform=place)
    assert all(gradient.abs().max() > 0 for gradient in assert_same(random_canvas(size), layers))


@pytest.mark.slow
def test_a_stroke_over_more_tiles_than_are_added_at_once_agrees() -> None:
    size = (83, 85, 3)
    wide = torch.tensor([[[0.017, 0.003, -0.95], [-0.004, 0.016, -0.6]]])
    assert_same(random_canvas(size), replace(random_layers([32], size), transform=wide))


def test_pixels_on_the_last_texels_read_nothing_beyond_their_map() -> None:
    side, size = 4, (6, 7, 3)
    centred = torch.tensor([[[0.5, 0, -0.75], [0, 0.5, -0.75]]])  # pixels fall on texels
    layers, canvas = replace(random_layers([side], size), transform=centred), random_canvas(size)
    beyond = torch.full((side + 1, 2), torch.nan)
    maps = replace(layers.maps, texels=torch.cat([layers.maps.texels, beyond]))
    result, found = painted(canvas, replace(layers, maps=maps))
    assert (result - expected(canvas, layers)[0]).abs().max() <= VALUE_ERROR
    assert all(gradient.isfinite().all() for gradient in found)


@pytest.mark.slow
def test_tensors_need_not_be_contiguous() -> None:
    size = (19, 23, 4)
    layers, canvas = random_layers([16] * 4, size, spread=0.5), random_canvas(size)
    result, found = painted(canvas, layers)
    leaves = moved(layers, torch.float32, DEVICE)
    strided = [leaf.movedim(0, -1).contiguous().movedim(-1, 0) for leaf in leaves[:1]]
    strided += [torch.stack([leaf, leaf], dim=-1)[..., 0] for leaf in leaves[1:]]
    assert not any(tensor.is_contiguous() for tensor in strided)
    again = cuda.blend_cuda(
        canvas.to(DEVICE).transpose(0, 1).contiguous().transpose(0, 1), with_tensors(layers, strided)
    )
    assert torch.equal(again.detach().cpu(), result)
    for one, other in zip(gradients(again, leaves), found, strict=True):
        torch.testing.assert_close(one, other)


# --- gradients ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_all_but_the_gradients_of_maps_repeat_exactly() -> None:
    size = (30, 30, 3)
    layers, canvas = random_layers([32] * 6, size), random_canvas(size)
    (first, ours), (second, theirs) = painted(canvas, layers), painted(canvas, layers)
    assert torch.equal(first, second)
    for name, one, other in zip(FIELDS, ours, theirs, strict=True):
        assert name == "texels" or torch.equal(one, other), name


@pytest.mark.slow
def test_without_gradients_for_maps_the_others_are_the_same() -> None:
    size = (30, 20, 3)
    layers, canvas = random_layers([16] * 4, size), random_canvas(size)
    _, everything = painted(canvas, layers)
    leaves = moved(layers, torch.float32, DEVICE)
    leaves[1].requires_grad_(False)
    result = cuda.blend_cuda(canvas.to(DEVICE), with_tensors(layers, leaves))
    few = gradients(result, [leaves[0], *leaves[2:]])
    assert all(torch.equal(one, other) for one, other in zip(few, everything[:1] + everything[2:], strict=True))


@pytest.mark.slow
def test_without_any_gradient_the_values_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    size = (30, 20, 3)
    layers, canvas = random_layers([16] * 4, size), random_canvas(size)
    wanted, _ = painted(canvas, layers)
    monkeypatch.setattr(cuda, "_Blend", None)  # no tape
    with torch.no_grad():
        result = cuda.blend_cuda(canvas.to(DEVICE), with_tensors(layers, moved(layers, torch.float32, DEVICE)))
    assert not result.requires_grad
    assert torch.equal(result.cpu(), wanted)


def test_the_canvas_gets_no_gradient() -> None:
    size = (18, 17, 3)
    layers, canvas = random_layers([16] * 2, size, spread=0), random_canvas(size).to(DEVICE).requires_grad_()
    leaves = moved(layers, torch.float32, DEVICE)
    cuda.blend_cuda(canvas, with_tensors(layers, leaves)).sum().backward()
    assert canvas.grad is None and leaves[0].grad is not None


@pytest.mark.slow
def test_backward_may_run_twice() -> None:
    size = (20, 30, 3)
    layers, canvas = random_layers([16] * 3, size, spread=0.5), random_canvas(size)
    leaves = moved(layers, torch.float32, DEVICE)
    loss = cuda.blend_cuda(canvas.to(DEVICE), with_tensors(layers, leaves)).square().sum()
    first, second = (torch.autograd.grad(loss, leaves[-1], retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)


# --- tiles --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_strokes_meet_the_tiles_that_they_touch_and_few_others() -> None:
    height, width = 150, 210
    layers = random_layers([16] * 60, (height, width, 3), seed=2)
    texel = tile_pairs.texel_transform(layers.transform, layers.maps.size)
    strokes, x, y = tile_pairs.meetings(texel, layers.maps.size, height, width)
    pairs = list(zip(*(values.tolist() for values in (strokes, y, x)), strict=True))
    assert pairs == sorted(set(pairs))
    touched = set()
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    for n, frame in enumerate(layers.transform.double()):
        p, q = (axis[0] * columns + axis[1] * rows + axis[2] for axis in frame)
        inside = torch.maximum(p.abs(), q.abs()) <= 1 - 1 / 16
        touched |= {(n, *tile) for tile in (inside.nonzero() // tile_pairs.TILE).unique(dim=0).tolist()}
    assert touched <= set(pairs)
    assert len(pairs) <= 1.02 * len(touched)


# --- bad input, missing parts -------------------------------------------------------------------------------


def test_tensors_elsewhere_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def kernel() -> None: ...

    monkeypatch.setattr(cuda, "forward", triton.runtime.JITFunction(kernel))  # as without the interpreter
    with pytest.raises(ValueError, match=r"must be on one CUDA device, got cpu"):
        cuda.blend_cuda(torch.zeros(9, 9, 3), random_layers([8], (9, 9, 3)))


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_three_or_four_channels_only(channels: int) -> None:
    with pytest.raises(ValueError, match=rf"3 or 4 channels, got \(9, 9, {channels}\)"):
        cuda.blend_cuda(torch.zeros(9, 9, channels), random_layers([8], (9, 9, channels)))


def test_without_triton_the_import_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "renderers.blending.cuda")
    with pytest.raises(ImportError, match="needs triton"):
        importlib.import_module("renderers.blending.cuda")
