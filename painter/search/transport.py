"""Entropic optimal transport between histograms, by Sinkhorn's iterations in the log domain.

The value is that of Feydy et al. 2019 ("Interpolating between Optimal Transport and MMD using Sinkhorn
Divergences", equations 1 and 8), for histograms a and b, a cost C and a temperature epsilon:

    OT(a, b) = min over plans P with marginals a, b of  <P, C> + epsilon KL(P | a x b)
             = max over potentials f, g of              <a, f> + <b, g>  (what is left of it at the optimum)

Its gradient with respect to a is f and with respect to b is g (envelope theorem; Peyré & Cuturi 2019,
"Computational Optimal Transport", section 4), so no iteration is unrolled: the potentials are found without a
graph, and the value is then written as a linear function of a and b.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


class DenseCost:
    """Any cost, as a matrix: the plain reference, O(n m) per update.

    Args:
        matrix: [n, m] float, finite, >= 0; matrix[i, j] is the price of moving one unit from bin i to bin j.
    """

    def __init__(self, matrix: Tensor) -> None:
        if matrix.ndim != 2:
            raise ValueError(f"cost must be [n, m], got {list(matrix.shape)}")
        self.matrix = matrix

    @property
    def shape(self) -> tuple[int, int]:
        """Number of bins on either side, (n, m)."""
        return self.matrix.shape[0], self.matrix.shape[1]

    def largest(self) -> float:
        """The dearest move."""
        return float(self.matrix.max())

    def to_rows(self, h: Tensor, epsilon: float) -> Tensor:
        """Soft minimum over the columns: -epsilon log sum_j exp(h[j] - C[i, j] / epsilon), for each i.

        Args:
            h: [B, m] logarithms of weights; -inf is an empty bin, but no histogram may be all empty.
            epsilon: temperature, > 0, in units of the cost.

        Returns:
            [B, n], in units of the cost; finite.
        """
        return -epsilon * torch.logsumexp(h[:, None, :] - self.matrix / epsilon, dim=2)

    def to_columns(self, h: Tensor, epsilon: float) -> Tensor:
        """The same over the rows: h is [B, n], the result [B, m]."""
        return -epsilon * torch.logsumexp(h[:, None, :] - self.matrix.T / epsilon, dim=2)


class GridCost:
    """Squared distance between the cells of one grid, in units of its longer side; O(n^1.5) per update.

    exp(-|x - y|^2 / epsilon) is a product of one factor per axis, so the sum over all cells is a sum over
    rows and then over columns (Solomon et al. 2015, "Convolutional Wasserstein Distances"). `dense()` is the
    same cost as a matrix: the specification to which the tests hold this class.

    Args:
        height, width: cells of the grid, >= 1; bins are in row-major order, n = m = height * width.
        dtype, device: those of the histograms it will be used with.
    """

    def __init__(
        self, height: int, width: int, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu"
    ) -> None:
        if height < 1 or width < 1:
            raise ValueError(f"a grid needs at least one cell, got {height} x {width}")
        place = torch.arange(max(height, width), dtype=dtype, device=device) / max(height, width)
        apart = (place[:, None] - place[None, :]) ** 2
        self.rows = apart[:height, :height]
        self.columns = apart[:width, :width]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of bins on either side, (n, n)."""
        n = len(self.rows) * len(self.columns)
        return n, n

    def largest(self) -> float:
        """The dearest move: from corner to corner."""
        height, width = len(self.rows), len(self.columns)
        return ((height - 1) ** 2 + (width - 1) ** 2) / max(height, width) ** 2

    def dense(self) -> DenseCost:
        """The same cost as a matrix [n, n]."""
        n, _ = self.shape
        return DenseCost((self.rows[:, None, :, None] + self.columns[None, :, None, :]).reshape(n, n))

    def to_rows(self, h: Tensor, epsilon: float) -> Tensor:
        """As `DenseCost.to_rows`: h is [B, n], the result [B, n]."""
        grid = h.unflatten(1, (len(self.rows), len(self.columns)))
        reduce = _log_of_products if self._range_fits(h.dtype, epsilon) else _sums_of_exponentials
        return -epsilon * reduce(grid, -self.rows / epsilon, -self.columns / epsilon).flatten(1)

    def to_columns(self, h: Tensor, epsilon: float) -> Tensor:
        """The same: this cost is symmetric."""
        return self.to_rows(h, epsilon)

    def _range_fits(self, dtype: torch.dtype, epsilon: float) -> bool:
        """Whether the dtype can hold, to full precision, all that `_log_of_products` meets.

        With the largest weight brought to 1 no sum is below exp(-largest / epsilon), and a term that matters
        to a sum is at most a factor `eps` smaller. On a square grid that holds from epsilon = 0.003 in
        float64 and from 0.03 in float32.
        """
        numbers = torch.finfo(dtype)
        return self.largest() / epsilon < math.log(numbers.eps / numbers.tiny)


def _log_of_products(grid: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """log sum exp of grid [B, H, W] + rows [H, H] + columns [W, W], by two matrix products: [B, H, W]."""
    peak = grid.amax(dim=(1, 2), keepdim=True)
    return (rows.exp() @ (grid - peak).exp() @ columns.exp()).log() + peak


def _sums_of_exponentials(grid: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The same for any range of numbers, some six times slower."""
    down = torch.logsumexp(grid[:, None, :, :] + rows[None, :, :, None], dim=2)  # [B, H, W], a sum over rows
    return torch.logsumexp(down[:, :, None, :] + columns, dim=3)


def sinkhorn(
    a: Tensor,  # [B, n]
    b: Tensor,  # [B, m]
    cost: Tensor | DenseCost | GridCost,  # [n, m]
    epsilon: float,
    iterations: int,
    *,
    anneal: float = 0.3,
    relaxation: float = 1.7,
) -> tuple[Tensor, Tensor, Tensor]:
    """Entropic transport OT(a, b) of B pairs of histograms, with potentials (Cuturi 2013, in the log domain).

    Two departures from the plain iteration, which together make 30 iterations do what hundreds did: epsilon
    starts at the largest cost and falls to its final value, so that mass finds its way at a coarse scale
    first (Peyré & Cuturi 2019, section 4); then each update is over-relaxed, because the error that remains
    is smooth and shrinks slowly (Thibault et al. 2017, "Overrelaxed Sinkhorn-Knopp Algorithm").

    Args:
        a, b: float histograms, >= 0, empty bins allowed; each of total mass 1 (not checked).
        cost: a matrix [n, m], or a cost object on the histograms' device and of their dtype.
        epsilon: temperature, > 0, in units of the cost.
        iterations: pairs of updates in all, >= 1.
        anneal: share of the iterations, in [0, 1), during which epsilon falls; 0 starts at its final value.
        relaxation: in [1, 2); 1 is the plain update.

    Returns:
        value: [B] in units of the cost, differentiable once, with gradients f for a and g for b.
        f, g: [B, n] and [B, m], without graph, finite also at empty bins; the plan, whose first marginal is
            exactly a, is P[i, j] = a[i] b[j] exp((f[i] + g[j] - cost[i, j]) / epsilon).
    """
    if isinstance(cost, Tensor):
        cost = DenseCost(cost)
    if a.ndim != 2 or b.ndim != 2 or len(a) != len(b) or (a.shape[1], b.shape[1]) != cost.shape:
        shapes = f"{[*a.shape]}, {[*b.shape]} and {[*cost.shape]}"
        raise ValueError(f"a, b and cost must be [B, n], [B, m] and [n, m], got {shapes}")
    if epsilon <= 0 or iterations < 1 or not 0 <= anneal < 1 or not 1 <= relaxation < 2:
        raise ValueError(f"sinkhorn got {epsilon=}, {iterations=}, {anneal=}, {relaxation=}")
    f, g = _potentials(a, b, cost, _falling(cost.largest(), epsilon, iterations, anneal), relaxation)
    # An exact update of f came last, so this is the dual objective; f and g, having no graph, are its slopes.
    return (a * f).sum(1) + (b * g).sum(1), f, g


def _falling(start: float, epsilon: float, iterations: int, anneal: float) -> list[float]:
    """Temperatures by iteration: geometric from `start` towards `epsilon`, then `epsilon` (at least once)."""
    steps = min(int(iterations * anneal), iterations - 1) if start > epsilon else 0
    return [start * (epsilon / start) ** (i / steps) for i in range(steps)] + [epsilon] * (iterations - steps)


@torch.no_grad()
def _potentials(
    a: Tensor, b: Tensor, cost: DenseCost | GridCost, temperatures: list[float], relaxation: float
) -> tuple[Tensor, Tensor]:
    log_a, log_b = a.log(), b.log()  # -inf at empty bins, which the soft minima then leave out
    f, g = torch.zeros_like(a), torch.zeros_like(b)
    final = temperatures[-1]
    for i, epsilon in enumerate(temperatures):
        # Plain while epsilon moves, since there is no fixed point to hurry to, and last, so that f fits g.
        omega = relaxation if epsilon == final and i + 1 < len(temperatures) else 1.0
        g = g.lerp(cost.to_columns(f / epsilon + log_a, epsilon), omega)
        f = f.lerp(cost.to_rows(g / epsilon + log_b, epsilon), omega)
    return f, g


def sinkhorn_divergence(
    a: Tensor,  # [B, n]
    b: Tensor,  # [B, n]
    cost: DenseCost | GridCost,
    epsilon: float,
    iterations: int,
    *,
    b_to_b: Tensor | None = None,  # [B]
) -> Tensor:
    """OT(a, b) - OT(a, a) / 2 - OT(b, b) / 2: transport without the blur of its entropy.

    From Feydy et al. 2019, equation 3. Zero for equal histograms and positive otherwise, so that its
    gradient leads to b and not to a shrunken b.

    Args:
        a, b: as for `sinkhorn`; differentiable in a, and in b unless `b_to_b` is given without a graph.
        cost: symmetric, n by n.
        b_to_b: OT(b, b) from an earlier call of `sinkhorn` with the same settings, where b stays the same.

    Returns:
        [B] in units of the cost.
    """
    # One batch for all terms: at these sizes the time goes into launching operations. The same iterations on
    # equal histograms have equal outcomes, so the difference is 0 there even before they have converged.
    terms = [(a, b), (a, a)] if b_to_b is not None else [(a, b), (a, a), (b, b)]
    left, right = (torch.cat(side) for side in zip(*terms, strict=True))
    values = sinkhorn(left, right, cost, epsilon, iterations)[0].unflatten(0, (len(terms), len(a)))
    own = b_to_b if b_to_b is not None else values[2]
    divergence: Tensor = values[0] - values[1] / 2 - own / 2
    return divergence
