"""Fast convolutions against torch's: values, gradients, borders, and independence of the number of threads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from painter.styling import place_sums, winograd
from painter.styling.features import halved
from painter.styling.style_losses import gram, weighted_gram
from painter.styling.winograd_kernels import POINTS, cut, join
from renderers.simd import WIDE
from renderers.threads import limited_to


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def plainly(h: Tensor, filters: Tensor, biases: Tensor) -> Tensor:
    return F.conv2d(F.pad(h, (1, 1, 1, 1), mode="replicate"), filters, biases).relu()


@pytest.mark.parametrize("means", [False, True])
@pytest.mark.parametrize(
    ("ins", "outs", "height", "width"),
    [(16, 32, 13, 18), (32, 16, 1, 3), (3, 16, 8, 5), (16, 16, 7, 1), (48, 16, 31, 12), (16, 16, 1, 1)],
)
def test_values_and_gradient(ins: int, outs: int, height: int, width: int, means: bool) -> None:
    h = drawn(1, ins, height, width).requires_grad_()
    filters, biases = drawn(outs, ins, 3, 3, seed=2) / (3 * ins**0.5), drawn(outs, seed=3)
    wanted, found = plainly(h, filters, biases), winograd.convolve(h, winograd.Layer.of(filters, biases), means)
    wanted = F.avg_pool2d(wanted, 2, ceil_mode=True) if means else wanted
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    g = drawn(*found.shape, seed=1)
    wanted_gradient, gradient = (torch.autograd.grad(one, h, g)[0] for one in (wanted, found))
    torch.testing.assert_close(gradient, wanted_gradient, rtol=1e-4, atol=1e-4)


def test_a_gradient_in_bfloat16_turns_by_hundredths() -> None:
    h, g = drawn(1, 32, 21, 22).requires_grad_(), drawn(1, 32, 21, 22, seed=1)
    filters, biases = drawn(32, 32, 3, 3, seed=2) / 17, drawn(32, seed=3)
    found = []
    for kind in (torch.float32, torch.bfloat16):
        found.append(torch.autograd.grad(winograd.convolve(h, winograd.Layer.of(filters, biases, kind)), h, g)[0])
    assert 0 < (found[1] - found[0]).norm() / found[0].norm() < 0.05


def test_kernels_round_to_bfloat16_as_torch_does() -> None:
    height, width, channels, tiles = 6, 7, 16, 4
    image, shape = drawn(height * width * channels).numpy(), (height, width, channels)
    scratch, counts = np.empty(POINTS * WIDE, np.float32), np.empty(POINTS, np.float32)
    step, none, places = tiles * channels, np.empty(0, np.uint8), np.empty(2 * POINTS, np.int64)
    exact, rounded = np.empty(POINTS * step, np.float32), np.empty(POINTS * step, np.uint16)
    for out in (exact, rounded):
        cut(image, none, shape, True, False, 2, 0, tiles, step, out, scratch, places, counts)
    halves = torch.from_numpy(exact).bfloat16()
    np.testing.assert_array_equal(rounded, halves.view(torch.uint16).numpy())
    made = []
    for parts in (halves.float().numpy(), rounded):
        result = np.empty_like(image)
        join(parts, np.zeros(channels, np.float32), False, False, 2, 0, tiles, step, shape, result, none, scratch)
        made.append(result)
    np.testing.assert_array_equal(made[0], made[1])


def test_pieces_and_threads_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    h, layer = drawn(1, 16, 41, 30), winograd.Layer.of(drawn(16, 16, 3, 3, seed=1), drawn(16, seed=2))
    whole = winograd.convolve(h, layer)
    monkeypatch.setattr(winograd, "_TILE_NUMBERS", 16 * 7)  # 7 tiles at a time
    for threads in (1, 3):
        with limited_to(threads):
            assert torch.equal(winograd.convolve(h, layer), whole)


def test_what_it_fits() -> None:
    def fits(ins: int, outs: int, side: int, dtype: torch.dtype = torch.float32) -> bool:
        return winograd.fits(torch.zeros(1, ins, side, side, dtype=dtype), torch.zeros(outs, ins, 3, 3, dtype=dtype))

    assert fits(64, 64, 32) and fits(3, 64, 32)
    assert not fits(64, 64, 4)  # hardly any places: filters would cost more to transform than they spare
    assert not fits(20, 64, 32) and not fits(64, 20, 32) and not fits(64, 64, 32, torch.float64)


@pytest.mark.parametrize(("height", "width"), [(4, 6), (5, 7), (1, 1), (1, 4)])
def test_halves(height: int, width: int) -> None:
    h = drawn(1, 2, height, width).double().requires_grad_()
    assert torch.equal(halved(h), F.avg_pool2d(h, 2, ceil_mode=True))
    assert torch.autograd.gradcheck(halved, h, fast_mode=True)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("last", [False, True])
def test_gram_is_the_plain_one(masked: bool, last: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_sums, "GRADIENTS", torch.float32)
    monkeypatch.setattr(place_sums, "_NUMBERS", 5 * 7)  # 7 of 12 places at a time
    features = drawn(5, 4, 3) if not last else drawn(4, 3, 5).permute(2, 0, 1)
    mask = drawn(4, 3, seed=1).abs() if masked else None
    found, g = [], drawn(5, 5, seed=2)
    for plain in (False, True):
        leaf = features.clone().requires_grad_()
        matrix = weighted_gram(leaf, torch.ones(4, 3) if mask is None else mask) if plain else gram(leaf, mask)
        found.append((matrix, torch.autograd.grad(matrix, leaf, g)[0]))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_gram_gradient_is_the_same_by_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    features, found = drawn(40, 8, 16).permute(2, 0, 1), []
    monkeypatch.setattr(place_sums, "_NUMBERS", 16 * 60)
    for threads in (1, 3):
        with limited_to(threads):
            leaf = features.clone().requires_grad_()
            matrix = gram(leaf)
            found.append((matrix, torch.autograd.grad(matrix, leaf, drawn(16, 16, seed=2))[0]))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_gram_knows_a_masks_gradient() -> None:
    features, mask = drawn(3, 4, 2).double(), drawn(4, 2, seed=1).abs().double().requires_grad_()
    assert torch.autograd.gradcheck(lambda counts: gram(features, counts), mask, fast_mode=True)
