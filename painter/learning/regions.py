"""Parts of a piece, as places of the grid of tokens: what a child takes from its other parent."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def rows_and_columns(grid: int) -> tuple[Tensor, Tensor]:
    """The row and the column of each place in raster order, as shares of the grid: [grid * grid] each, in (0, 1)."""
    steps = (torch.arange(grid) + 0.5) / grid
    return steps.repeat_interleave(grid), steps.repeat(grid)


def region(kind: str, grid: int, share: float) -> Tensor:
    """The places of a part that has about this share of all places: bool [grid * grid].

    Args:
        kind: 'top' or 'bottom' rows, a 'face' (a rectangle in the middle, above the centre) or a 'frame' (all but one).
        share: in [0, 1].
    """
    y, x = rows_and_columns(grid)
    if kind == "frame":
        return ~region("face", grid, 1 - share)
    # The places that belong first come first: as many as the share asks for.
    distance: Mapping[str, Tensor] = {
        "top": y + x * 1e-3,
        "bottom": 1 - y + x * 1e-3,
        "face": torch.maximum((x - 0.5).abs() * 0.9, (y - 0.47).abs()) + (y + x) * 1e-4,
    }
    count = round(share * grid * grid)
    if kind in ("top", "bottom"):
        count = round(share * grid) * grid  # entire rows
    chosen = torch.zeros(grid * grid, dtype=torch.bool)
    chosen[distance[kind].argsort(stable=True)[:count]] = True
    return chosen


def random_region(grid: int, random: torch.Generator) -> Tensor:
    """A part for training: top rows, bottom rows, or a rectangle centred from left to right; bool [grid * grid]."""

    def draw(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand(1, generator=random))

    y, x = rows_and_columns(grid)
    chance = draw(0, 1)
    if chance < 0.25:
        return y < draw(0.2, 0.6)
    if chance < 0.5:
        return y > draw(0.4, 0.8)
    left, top = draw(0, 0.35), draw(0, 0.6)
    bottom = draw(top + 0.25, 1)
    return (x > left) & (x < 1 - left) & (y > top) & (y < bottom)
