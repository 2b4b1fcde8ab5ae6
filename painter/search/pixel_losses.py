"""How far a canvas is from its target: terms that return a scalar each, for the search to scale and sum.

`pixel_loss` compares colours place by place. `TransportLoss` asks how far the paint would have to travel, and
so leads a stroke that does not touch its place yet, about which the pixels under it have no opinion.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from painter.errors import OptionError
from painter.search.target import ALPHA_WEIGHT
from painter.search.transport import GridCost, sinkhorn, sinkhorn_divergence

MIX_CROSSOVER = 0.1  # colour error at which both terms of 'mix' pull equally; unit: full range of a channel

_PENALTIES: dict[str, Callable[[Tensor], Tensor]] = {
    "l1": torch.abs,
    "l2": torch.square,
    "mix": lambda error: error.square() + 2 * MIX_CROSSOVER * error.abs(),
}
PIXEL_LOSSES = tuple(_PENALTIES)


def pixel_loss(
    canvas: Tensor,  # [H, W, C]
    target: Tensor,  # [H, W, C]
    kind: str = "l2",
    weight: Tensor | None = None,  # [H, W]
) -> Tensor:
    """Mean colour error over pixels and channels.

    With d = canvas - target, 'l1' is the mean of |d| and 'l2' of d^2. 'mix' is that of d^2 + 0.2 |d|, whose
    terms have slopes 2 |d| and 0.2: equal at |d| = 0.1, a usual error of a half-finished painting. Above it
    the square rules and goes for the worst places first; below it the modulus pulls on where the square has
    gone flat.

    Args:
        canvas, target: float, values in [0, 1]; C is 3 (opaque) or 4 (premultiplied RGBA, alpha ALPHA_WEIGHT times).
        kind: one of PIXEL_LOSSES.
        weight: float, >= 0, how much a pixel counts; the mean is then the weighted one, so that only ratios
            of weights matter. All zero gives 0.

    Returns:
        [] float, >= 0.
    """
    if kind not in _PENALTIES:
        raise OptionError(f"unknown pixel loss {kind!r}; choose from {', '.join(PIXEL_LOSSES)}")
    if canvas.ndim != 3 or canvas.shape != target.shape:
        shapes = f"{[*canvas.shape]} and {[*target.shape]}"
        raise ValueError(f"canvas and target must both be [H, W, C], got {shapes}")
    penalty = _PENALTIES[kind](canvas - target)
    if canvas.shape[2] == 4:
        penalty = penalty * penalty.new_tensor([1, 1, 1, ALPHA_WEIGHT])
    if weight is None:
        return penalty.mean()
    if weight.shape != canvas.shape[:2]:
        raise ValueError(f"weight must be [H, W] = {[*canvas.shape[:2]]}, got {[*weight.shape]}")
    return (penalty.mean(2) * weight).sum() / weight.sum().clamp_min(torch.finfo(weight.dtype).tiny)


class TransportLoss:
    """How far the paint on a canvas is from where the target has it (Zou et al. 2021, section 3.3).

    A stroke that does not overlap its target has the same pixel loss wherever it is; what it costs to move it
    there falls as it approaches. Paint is departure from the ground colour, lighter and darker apart, by
    channel: 2 C histograms on a reduced canvas, each brought to total 1 and compared by a debiased Sinkhorn
    divergence under the squared distance. They are summed by their share of the target's paint.

    A shift of all paint by d longer sides costs about d^2. How much paint there is does not count, nor does
    paint of a channel and sign that the target lacks: the pixel loss sees both.

    Departures: the authors' program takes the raw values of one random channel for mass, so that a white
    canvas is full, and differentiates through a few iterations; here mass is paint, all channels count at
    every step, and the gradient is that of the optimum.

    Args:
        target: [H, W, C] float, values in [0, 1]; the loss lives on its device.
        ground: [C] float, colour of the empty canvas, premultiplied if C is 4.
        side: cells of the reduced canvas along the longer side, >= 2; never more than the target has pixels.
        epsilon: temperature, in squared longer sides; sqrt(epsilon) is the distance within which paint blurs.
        iterations: of Sinkhorn; at the default epsilon, 30 leave an error under 0.1 % in the gradient.
        floor: mass spread evenly over canvas and target, as a share of the target's paint; it keeps the
            gradient of a nearly empty canvas bounded.
    """

    SMALLEST_SHARE = 1e-3  # a histogram with less of the target's paint than this is left out

    def __init__(
        self,
        target: Tensor,
        ground: Tensor,
        side: int = 24,
        epsilon: float = 0.01,
        iterations: int = 30,
        floor: float = 0.01,
    ) -> None:
        if target.ndim != 3 or ground.shape != target.shape[2:]:
            raise ValueError(f"target must be [H, W, C] and ground [C], got {[*target.shape]} and {[*ground.shape]}")
        if side < 2 or epsilon <= 0 or iterations < 1 or floor <= 0:
            raise OptionError(f"transport loss got {side=}, {epsilon=}, {iterations=}, {floor=}")
        self.epsilon, self.iterations = epsilon, iterations
        self.ground = ground.detach()
        self.grid = _reduced(target.shape[0], target.shape[1], side)
        # Double precision lets the separable cost use matrix products; Apple's GPU has none and does without.
        self.dtype = torch.float32 if target.device.type == "mps" else torch.float64
        self.cost = GridCost(*self.grid, dtype=self.dtype, device=target.device)
        with torch.no_grad():
            self._measure_target(target, floor)

    def _measure_target(self, target: Tensor, floor: float) -> None:
        paint = self._paint(target)
        total = paint.sum(1)
        share = total / total.sum().clamp_min(torch.finfo(self.dtype).tiny)
        self.kept = (share > self.SMALLEST_SHARE).nonzero()[:, 0]  # [K], of the 2 C histograms
        self.share = share[self.kept]
        self.floor = floor * total[self.kept, None] / paint.shape[1]  # [K, 1], mass per cell
        self.wanted = self._histograms(target)
        self.wanted_to_wanted, _, _ = sinkhorn(self.wanted, self.wanted, self.cost, self.epsilon, self.iterations)

    def __call__(self, canvas: Tensor) -> Tensor:
        """The loss of a canvas.

        Args:
            canvas: [H', W', C] float of the target's aspect, at any resolution; bare pixels get no gradient.

        Returns:
            [] of the canvas' dtype, in squared longer sides; 0 if the target is the bare ground.
        """
        if canvas.ndim != 3 or canvas.shape[2] != len(self.ground):
            raise ValueError(f"canvas must be [H, W, {len(self.ground)}], got {[*canvas.shape]}")
        divergence = sinkhorn_divergence(
            self._histograms(canvas),
            self.wanted,
            self.cost,
            self.epsilon,
            self.iterations,
            b_to_b=self.wanted_to_wanted,
        )
        return (divergence * self.share).sum().to(canvas.dtype)

    def _histograms(self, image: Tensor) -> Tensor:
        """[K, cells], each of total 1 and nowhere empty."""
        paint = self._paint(image)[self.kept] + self.floor
        return paint / paint.sum(1, keepdim=True)

    def _paint(self, image: Tensor) -> Tensor:
        """Departure from the ground on the reduced canvas, lighter and then darker: [2 C, cells], >= 0."""
        height, width = self.grid
        rows = _area_weights(image.shape[0], height, image)
        columns = _area_weights(image.shape[1], width, image)
        # Pooled before the sign is taken, so that grain around the ground colour cancels and is not paint.
        departure = torch.einsum("yh,hwc,xw->cyx", rows, image - self.ground, columns).flatten(1)
        return torch.cat([departure, -departure]).relu().to(self.dtype)


def _reduced(height: int, width: int, side: int) -> tuple[int, int]:
    """Size of the grid whose longer side has at most `side` cells, of the same aspect, for [H, W] pixels."""
    longer = max(height, width)
    scale = min(side, longer) / longer
    return max(1, round(height * scale)), max(1, round(width * scale))


def _area_weights(pixels: int, cells: int, like: Tensor) -> Tensor:
    """[cells, pixels]: the share of each cell that a pixel covers, so that rows sum to 1.

    Two small products with these are an exact area average, and unlike torch's adaptive pooling they have a
    deterministic gradient on every device.
    """
    edge = torch.arange(pixels, dtype=like.dtype, device=like.device) / pixels
    start = torch.arange(cells, dtype=like.dtype, device=like.device)[:, None] / cells
    overlap = torch.minimum(edge + 1 / pixels, start + 1 / cells) - torch.maximum(edge, start)
    return overlap.clamp_min(0) * cells
