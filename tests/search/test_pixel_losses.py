"""Pixel and transport losses: against plain numpy, against POT, and on the job they are there for."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import ot
import pytest
import torch
from helpers.placing import ANYTHING, DEFAULTS, centers, networks_of
from torch import Tensor

from painter.errors import OptionError
from painter.search.config import SearchConfig
from painter.search.parameters import StrokeParameters
from painter.search.pixel_losses import PIXEL_LOSSES, TransportLoss, pixel_loss
from painter.search.transport import DenseCost, GridCost, sinkhorn, sinkhorn_divergence
from renderers.blending import blend
from renderers.brushes import BRUSHES
from renderers.decoder import network_maps
from renderers.decoding import make_layers
from renderers.strokes import Strokes

ALL = pytest.mark.parametrize("brush", list(BRUSHES))
WHITE = torch.ones(3)


@pytest.fixture(autouse=True)
def _fixed_seed() -> None:
    torch.manual_seed(0)


def histograms(count: int, bins: int, empty: float = 0.0) -> Tensor:
    """[count, bins] float64 of total 1, uneven, about a share `empty` of the bins without mass."""
    mass = torch.rand(count, bins, dtype=torch.float64) ** 3
    mass[torch.rand(count, bins) < empty] = 0
    return mass / mass.sum(1, keepdim=True)


def blob(centre: Tensor, size: tuple[int, int] = (64, 64), sigma: float = 0.05) -> Tensor:
    """A soft dark disc on white: [H, W, 3] of centre's dtype; centre (x, y) and sigma in longer sides."""
    y, x = (torch.arange(n, dtype=centre.dtype).add(0.5) / max(size) for n in size)
    distance = (x[None, :] - centre[0]) ** 2 + (y[:, None] - centre[1]) ** 2
    colour = torch.tensor([0.1, 0.2, 0.4], dtype=centre.dtype)
    return 1 - torch.exp(-distance / (2 * sigma**2))[:, :, None] * (1 - colour)


# ---- pixel loss


def plain_pixel_loss(canvas: np.ndarray, target: np.ndarray, kind: str, weight: np.ndarray | None) -> float:
    error = np.abs(canvas - target)
    by_kind = {"l1": error, "l2": error**2, "mix": error**2 + 0.2 * error}
    counts = np.array([1, 1, 1, 3])[: canvas.shape[2]]  # alpha counts thrice
    return float(np.average((counts * by_kind[kind]).mean(axis=2), weights=weight))


@pytest.mark.parametrize("kind", PIXEL_LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("channels", [3, 4])
def test_pixel_loss_is_the_plain_formula(kind: str, weighted: bool, channels: int) -> None:
    canvas, target = torch.rand(2, 7, 5, channels)
    weight = torch.rand(7, 5) if weighted else None
    plain = plain_pixel_loss(canvas.numpy(), target.numpy(), kind, None if weight is None else weight.numpy())
    assert pixel_loss(canvas, target, kind, weight).item() == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize("kind", PIXEL_LOSSES)
def test_pixel_loss_gradient_is_numeric(kind: str) -> None:
    canvas, target = torch.rand(2, 4, 3, 3, dtype=torch.float64)
    weight = torch.rand(4, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: pixel_loss(x, target, kind, weight), canvas.requires_grad_())


def test_only_ratios_of_weights_matter() -> None:
    canvas, target = torch.rand(2, 4, 3, 3)
    torch.testing.assert_close(
        pixel_loss(canvas, target, "l1", torch.full((4, 3), 7.0)), pixel_loss(canvas, target, "l1")
    )
    assert pixel_loss(canvas, target, "l1", torch.zeros(4, 3)) == 0


def test_pixel_loss_says_what_it_got() -> None:
    image = torch.rand(4, 3, 3)
    with pytest.raises(OptionError, match=r"'l3'.*l1, l2, mix"):
        pixel_loss(image, image, "l3")
    with pytest.raises(ValueError, match=r"\[4, 3, 3\] and \[3, 4, 3\]"):
        pixel_loss(image, image.transpose(0, 1))
    with pytest.raises(ValueError, match=r"\[4, 3\], got \[3, 4\]"):
        pixel_loss(image, image, weight=torch.ones(3, 4))


# ---- Sinkhorn


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [0.02, 0.2])
@pytest.mark.parametrize("empty", [0.0, 0.4])
def test_sinkhorn_agrees_with_pot(epsilon: float, empty: float) -> None:
    a, b, cost = histograms(4, 20, empty), histograms(4, 31, empty), torch.rand(20, 31, dtype=torch.float64)
    value, f, g = sinkhorn(a, b, cost, epsilon, 500)
    plans = a[:, :, None] * b[:, None, :] * torch.exp((f[:, :, None] + g[:, None, :] - cost) / epsilon)
    for i in range(4):
        # POT is given the bins with mass only: with empty ones it warns of numerical errors and is wrong.
        rows, columns = a[i] > 0, b[i] > 0
        prices = cost[rows][:, columns].numpy()
        given = (a[i][rows].numpy(), b[i][columns].numpy(), prices, epsilon)
        how = {"method": "sinkhorn_log", "numItermax": 20000, "stopThr": 1e-12}
        plan = ot.sinkhorn(*given, **how)
        np.testing.assert_allclose(plans[i][rows][:, columns].numpy(), plan, rtol=1e-4, atol=1e-9)
        assert plans[i].sum().item() == pytest.approx(1)  # so none in the other bins
        moved = (plans[i] * cost).sum().item()
        assert moved == pytest.approx(float(ot.sinkhorn2(*given, **how)), rel=1e-4)
        divergence = (plan * np.log(plan / np.outer(given[0], given[1]))).sum()
        assert value[i].item() == pytest.approx((plan * prices).sum() + epsilon * divergence, rel=1e-4)


@pytest.mark.parametrize(("anneal", "relaxation"), [(0.0, 1.0), (0.3, 1.0), (0.3, 1.7)])
def test_plan_has_the_marginals(anneal: float, relaxation: float) -> None:
    a, b, cost = histograms(3, 30, 0.3), histograms(3, 30, 0.3), GridCost(5, 6)
    _, f, g = sinkhorn(a, b, cost, 0.05, 400, anneal=anneal, relaxation=relaxation)
    matrix = cost.dense().matrix
    plan = a[:, :, None] * b[:, None, :] * torch.exp((f[:, :, None] + g[:, None, :] - matrix) / 0.05)
    torch.testing.assert_close(plan.sum(2), a, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(plan.sum(1), b, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("size", [(6, 9), (9, 4), (1, 7)])
@pytest.mark.parametrize("epsilon", [0.1, 0.01, 0.0005])  # the last is beyond the range of matrix products
def test_separable_cost_is_the_dense_one(size: tuple[int, int], epsilon: float) -> None:
    bins = size[0] * size[1]
    cost = GridCost(*size)
    a, b = histograms(3, bins, 0.3).requires_grad_(), histograms(3, bins, 0.3).requires_grad_()
    fast, plain = sinkhorn(a, b, cost, epsilon, 40), sinkhorn(a, b, cost.dense(), epsilon, 40)
    for x, y in zip(fast, plain, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-9, atol=1e-10)
    for x, y in zip(
        torch.autograd.grad(fast[0].sum(), (a, b)), torch.autograd.grad(plain[0].sum(), (a, b)), strict=True
    ):
        assert x.isfinite().all()
        torch.testing.assert_close(x, y, rtol=1e-9, atol=1e-10)


def test_grid_cost_is_the_squared_distance() -> None:
    matrix = GridCost(3, 4).dense().matrix
    places = np.stack([*np.mgrid[:3, :4]], axis=-1).reshape(-1, 2) / 4
    np.testing.assert_allclose(matrix.numpy(), ot.dist(places, places), atol=1e-12)
    assert GridCost(3, 4).largest() == pytest.approx(matrix.max().item())


@pytest.mark.parametrize("epsilon", [0.05, 0.01])
def test_single_precision_is_near_double(epsilon: float) -> None:
    a, b = histograms(3, 42, 0.3), histograms(3, 42, 0.3)
    double, _, _ = sinkhorn(a, b, GridCost(6, 7), epsilon, 50)
    single, _, _ = sinkhorn(a.float(), b.float(), GridCost(6, 7, dtype=torch.float32), epsilon, 50)
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_sinkhorn_gradient_is_numeric() -> None:
    left, right = torch.randn(2, 2, 12, dtype=torch.float64)

    def value(x: Tensor, y: Tensor) -> Tensor:
        return sinkhorn(x.softmax(1), y.softmax(1), GridCost(3, 4), 0.05, 100)[0]

    assert torch.autograd.gradcheck(value, (left.requires_grad_(), right.requires_grad_()), atol=1e-6)


@pytest.mark.slow
def test_thirty_quick_iterations_are_hundreds_of_plain_ones() -> None:
    """What `TransportLoss` relies on, at its own size and temperature."""
    a, b, cost = histograms(2, 24 * 24, 0.5), blob_histograms(), GridCost(24, 24)
    quick, f, _ = sinkhorn(a, b, cost, 0.01, 30)
    exact, f_exact, _ = sinkhorn(a, b, cost, 0.01, 1500, relaxation=1.0)
    torch.testing.assert_close(quick, exact, rtol=1e-5, atol=0)
    off = f - f_exact
    off = off - (a * off).sum(1, keepdim=True)  # a potential is free up to a constant
    assert off.abs().max() < 1e-3 * f_exact.abs().max()


def blob_histograms() -> Tensor:
    """[2, 576] float64: a disc in a corner, and a disc spread over most of the picture."""
    images = [blob(torch.tensor(c).double(), (24, 24), s) for c, s in (([0.1, 0.2], 0.04), ([0.6, 0.5], 0.3))]
    mass = torch.stack([1 - image[:, :, 0].flatten() for image in images])
    return mass / mass.sum(1, keepdim=True)


def test_sinkhorn_says_what_it_got() -> None:
    a = histograms(2, 6)
    with pytest.raises(ValueError, match=r"\[2, 6\], \[2, 6\] and \[9, 9\]"):
        sinkhorn(a, a, GridCost(3, 3), 0.1, 10)
    with pytest.raises(ValueError, match="epsilon=0"):
        sinkhorn(a, a, GridCost(2, 3), 0, 10)
    with pytest.raises(ValueError, match=r"\[n, m\], got \[6\]"):
        DenseCost(torch.ones(6))


def test_divergence_is_zero_for_equals_and_positive_else() -> None:
    a, b, cost = histograms(4, 48, 0.3), histograms(4, 48, 0.3), GridCost(6, 8)
    assert sinkhorn_divergence(a, a, cost, 0.01, 30).abs().max() < 1e-9
    apart = sinkhorn_divergence(a, b, cost, 0.01, 50)
    assert apart.min() > 1e-4
    torch.testing.assert_close(apart, sinkhorn_divergence(b, a, cost, 0.01, 50), rtol=1e-5, atol=0)
    own, _, _ = sinkhorn(b, b, cost, 0.01, 50)
    torch.testing.assert_close(apart, sinkhorn_divergence(a, b, cost, 0.01, 50, b_to_b=own))


# ---- transport loss


def test_transport_loss_of_the_target_is_zero() -> None:
    target = torch.rand(40, 30, 3)
    loss = TransportLoss(target, WHITE)
    assert abs(loss(target).item()) < 1e-6
    assert loss(target.flip(1)).item() > 1e-5


def test_transport_loss_of_a_shift_is_its_square() -> None:
    centre = torch.tensor([0.3, 0.4])
    loss = TransportLoss(blob(centre), WHITE, floor=1e-6)
    assert loss(blob(centre + torch.tensor([0.3, 0.2]))).item() == pytest.approx(0.13, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(24, 24), (61, 40)])
def test_transport_gradient_is_numeric(size: tuple[int, int]) -> None:
    target, canvas = 0.1 + 0.8 * torch.rand(2, *size, 3, dtype=torch.float64)
    loss = TransportLoss(target, WHITE.double(), side=6, iterations=300)
    direction = torch.randn_like(canvas)
    (slope,) = torch.autograd.grad(loss(canvas.requires_grad_()), canvas)
    with torch.no_grad():
        numeric = (loss(canvas + 1e-5 * direction) - loss(canvas - 1e-5 * direction)) / 2e-5
    assert (slope * direction).sum().item() == pytest.approx(numeric.item(), rel=1e-4)


def test_bare_canvas_has_a_finite_loss_and_no_gradient() -> None:
    canvas = torch.ones(32, 48, 3, requires_grad=True)
    value = TransportLoss(blob(torch.tensor([0.3, 0.3]), (32, 48)), WHITE)(canvas)
    value.backward()
    assert value.isfinite() and value > 0
    assert canvas.grad is not None and not canvas.grad.any()


def test_nearly_bare_canvas_has_a_bounded_gradient() -> None:
    target = blob(torch.tensor([0.3, 0.3]))
    loss = TransportLoss(target, WHITE)
    slopes = []
    for paint in (1e-3, 1e-6):
        canvas = (1 - paint * (1 - blob(torch.tensor([0.7, 0.7])))).requires_grad_()
        (slope,) = torch.autograd.grad(loss(canvas), canvas)
        slopes.append(slope.abs().max().item())
    assert math.isfinite(slopes[1]) and slopes[1] < 2 * slopes[0]


def test_bare_target_asks_for_nothing() -> None:
    canvas = torch.rand(20, 30, 3, requires_grad=True)
    value = TransportLoss(torch.ones(20, 30, 3), WHITE)(canvas)
    value.backward()
    assert value == 0
    assert canvas.grad is not None and not canvas.grad.any()


def test_canvas_may_have_another_resolution() -> None:
    centre = torch.tensor([0.4, 0.3])
    loss = TransportLoss(blob(centre, (60, 90)), WHITE)
    assert loss.grid == (16, 24)
    assert abs(loss(blob(centre, (40, 60))).item()) < 1e-5
    assert loss(blob(centre, (40, 60))).dtype == torch.float32


def test_transport_loss_says_what_it_got() -> None:
    with pytest.raises(ValueError, match=r"\[8, 8, 3\] and \[4\]"):
        TransportLoss(torch.ones(8, 8, 3), torch.ones(4))
    with pytest.raises(OptionError, match="side=1"):
        TransportLoss(torch.ones(8, 8, 3), WHITE, side=1)
    with pytest.raises(ValueError, match=r"\[8, 8, 4\]"):
        TransportLoss(torch.ones(8, 8, 3), WHITE)(torch.ones(8, 8, 4))


def opaque(centre: Tensor) -> Tensor:
    """[64, 64, 3]: dark on white."""
    return blob(centre)


def cut_out(centre: Tensor) -> Tensor:
    """[64, 64, 4]: the same stroke on nothing, premultiplied."""
    alpha = (1 - blob(centre)[:, :, :1]) / 0.9
    return torch.cat([alpha * torch.tensor([0.1, 0.2, 0.4]), alpha], dim=2)


@pytest.mark.slow
@pytest.mark.parametrize(("draw", "ground"), [(opaque, torch.ones(3)), (cut_out, torch.zeros(4))])
def test_transport_leads_where_pixels_cannot(draw: Callable[[Tensor], Tensor], ground: Tensor) -> None:
    goal, start = torch.tensor([0.72, 0.65]), torch.tensor([0.28, 0.3])
    target, centre = draw(goal), start.clone().requires_grad_()
    transport = TransportLoss(target, ground)

    (by_pixels,) = torch.autograd.grad(pixel_loss(draw(centre), target, "l2"), centre)
    near = (goal + 0.05).requires_grad_()
    (by_pixels_near,) = torch.autograd.grad(pixel_loss(draw(near), target, "l2"), near)
    assert by_pixels.norm() < 1e-3 * by_pixels_near.norm()  # no overlap: nothing to go by

    (by_transport,) = torch.autograd.grad(transport(draw(centre)), centre)
    assert torch.cosine_similarity(-by_transport, goal - start, dim=0) > 0.99
    assert by_transport.norm() == pytest.approx(2 * (goal - start).norm().item(), rel=0.1)  # of d^2

    for _ in range(25):
        (slope,) = torch.autograd.grad(transport(draw(centre)), centre)
        centre = (centre - 0.2 * slope).detach().requires_grad_()
    assert (centre - goal).norm() < 0.02  # of the longer side


# ---- transport, with the strokes themselves

GOAL, START = torch.tensor([0.7, 0.65]), torch.tensor([0.28, 0.3])
# On its way a stroke fades, which is all that the pixels ask of it; slowly, here, so that it arrives.
SLOW_FADING = SearchConfig(rate_length=0.06, rate_color=0.01, rate_opacity=0.01)


def dark_stroke(brush: str, center: Tensor) -> Strokes:
    one = (torch.tensor([value]) for value in (0.4, 0.3, 0.14, 0.0))
    shape = BRUSHES[brush].place(center[None], *one)
    return Strokes(brush, shape, torch.full((1, BRUSHES[brush].colors, 3), 0.15), torch.ones(1), torch.tensor([3]))


def on_white(strokes: Strokes) -> Tensor:
    """[64, 64, 3], as the networks paint them."""
    maps = network_maps(networks_of(strokes.brush), "cpu", DEFAULTS.density)
    return blend(torch.ones(64, 64, 3), make_layers(strokes, 1 / 64, 3, maps))


def slope(brush: str, at: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
    """[2]: how `loss` changes as the stroke at `at` is shifted."""
    shift = torch.zeros(2, requires_grad=True)
    stroke = dark_stroke(brush, at)
    shape = {name: v + shift[0] if name[0] == "x" else v + shift[1] if name[0] == "y" else v
             for name, v in stroke.params.items()}  # fmt: skip
    shifted = Strokes(brush, shape, stroke.colors, stroke.opacity, stroke.seed)
    return torch.autograd.grad(loss(on_white(shifted)), shift)[0]


@pytest.mark.slow
@ALL
def test_transport_leads_a_stroke_that_does_not_touch_its_place(brush: str) -> None:
    with torch.no_grad():
        target = on_white(dark_stroke(brush, GOAL))
        assert not ((on_white(dark_stroke(brush, START)) < 1) & (target < 1)).any(), "they overlap"
    transport = TransportLoss(target, torch.ones(3), DEFAULTS.transport_side)

    def pixels(canvas: Tensor) -> Tensor:
        return pixel_loss(canvas, target, "mix")

    # From far away the pixels have next to no opinion, on average over places within one (each for itself has the
    # stroke look a little larger or smaller), compared with what they say near by; transport points there.
    within = [torch.tensor([i, j]) / 3 / 64 for i in range(3) for j in range(3)]
    far, near = (sum(slope(brush, at + bit, pixels) for bit in within) for at in (START, GOAL + 0.05))
    assert isinstance(far, Tensor) and isinstance(near, Tensor)
    assert far.norm() < 0.03 * near.norm()
    assert torch.cosine_similarity(-slope(brush, START, transport), GOAL - START, dim=0) > 0.98

    ends, losses = [], []
    for weight in (0.0, 0.5):
        variables = StrokeParameters(dark_stroke(brush, START), ANYTHING, SLOW_FADING)
        for _ in range(110):
            canvas = on_white(variables.strokes())
            loss = pixels(canvas) + weight * transport(canvas) if weight else pixels(canvas)
            variables.descend(loss, 1.0)
        now = variables.strokes().detach()
        ends.append(torch.from_numpy(centers(now)[0]))
        losses.append(float(pixels(on_white(now)).detach()))
    assert (ends[0] - GOAL).norm() > 0.4  # shrinks to a speck, fades and finds nothing
    assert (ends[1] - GOAL).norm() < 0.1  # a third of its length
    assert losses[1] < 0.3 * losses[0]
