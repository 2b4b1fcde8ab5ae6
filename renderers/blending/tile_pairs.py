"""Pairs of a stroke and a tile of the canvas that meet: what the Triton kernels walk through. Plain torch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

TILE = 16  # pixels, both ways; a power of two
# A pair's row, and likewise the gradient with respect to it: 6 numbers of the affine map from pixel (column, row, 1)
# to texel (column, row); the opacity; up to 4 channels of `start`; up to 4 of `end`; nothing.
OPACITY, START, END, COLUMNS = 6, 7, 11, 16
SLACK = 1e-3  # pixels and texels added on all sides when pairing, since kernels round to float32


class Pairs(NamedTuple):
    """The P pairs of a stroke and a tile that meet, by tile, and in paint order within each."""

    rows: Tensor  # [P, COLUMNS] float32: see COLUMNS; pixels count from the tile's first
    places: Tensor  # [P, 3] int64: offset, rows and columns of the stroke's maps
    by_stroke: Tensor  # [P] int64: each pair's place when they are ordered by stroke, then tile
    tile_first: Tensor  # [tiles + 1] int64: each tile's first pair
    stroke_first: Tensor  # [N + 1] int64: each stroke's first pair, in that other order


def pair_up(
    canvas: Tensor, transform: Tensor, start: Tensor, end: Tensor, opacity: Tensor, offset: Tensor, size: Tensor
) -> Pairs:
    """Pairs for a canvas [H, W, C] and N strokes; offset [N] and size [N, 2] on the canvas's device."""
    across, down = -(-canvas.shape[1] // TILE), -(-canvas.shape[0] // TILE)
    texel = texel_transform(transform, size)
    strokes, x, y = meetings(texel, size, canvas.shape[0], canvas.shape[1])
    tiles, by_stroke = torch.sort(y * across + x, stable=True)
    stroke_first = torch.searchsorted(strokes, torch.arange(len(size) + 1, device=canvas.device))
    tile_first = torch.searchsorted(tiles, torch.arange(across * down + 1, device=canvas.device))
    strokes, x, y = strokes[by_stroke], x[by_stroke], y[by_stroke]
    affine = _moved(texel[strokes], x * TILE, y * TILE).flatten(1).float()  # from float64 only now: origins cancel
    rest = torch.zeros(len(size), COLUMNS - OPACITY, device=canvas.device)
    rest[:, 0] = opacity
    rest[:, START - OPACITY :][:, : start.shape[1]] = start
    rest[:, END - OPACITY :][:, : end.shape[1]] = end
    places = torch.cat([offset[:, None], size], dim=1)
    return Pairs(torch.cat([affine, rest[strokes]], dim=1), places[strokes], by_stroke, tile_first, stroke_first)


def texel_transform(transform: Tensor, size: Tensor) -> Tensor:
    """[N, 2, 3] float64: pixel (column, row, 1) → texel (column, row) of each stroke's map; centres are integers."""
    half = size.flip(1)[:, :, None].double() / 2
    texel = transform.double() * half
    texel[:, :, 2] += half[:, :, 0] - 0.5
    return texel


def _moved(texel: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The same affine maps [P, 2, 3] for pixels counted from (x, y), [P] each."""
    moved = texel.clone()
    moved[:, :, 2] += texel[:, :, 0] * x[:, None] + texel[:, :, 1] * y[:, None]
    return moved


def meetings(texel: Tensor, size: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Stroke, tile column and tile row, [P] int64 each, of all pairs that meet; by stroke, then tile."""
    low, high = _tile_box(texel, size, height, width)
    across, down = (high - low + 1).clamp(min=0).unbind(1)
    count = across * down
    strokes = torch.repeat_interleave(torch.arange(len(size), device=size.device), count)
    running = torch.arange(len(strokes), device=size.device) - (count.cumsum(0) - count)[strokes]
    x, y = low[strokes, 0] + running % across[strokes], low[strokes, 1] + running // across[strokes]
    # Separating axes: the tiles' axes are done by `_tile_box`, the two of the rotated frame are left.
    half = (TILE - 1) / 2
    middle = _moved(texel[strokes], x * TILE + half, y * TILE + half)
    reach = half * middle[:, :, :2].abs().sum(2) + SLACK
    last = size[strokes].flip(1) - 1
    keep = ((middle[:, :, 2] + reach >= 0) & (middle[:, :, 2] - reach <= last)).all(1)
    return strokes[keep], x[keep], y[keep]


def _tile_box(texel: Tensor, size: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """First and last tile (column, row), [N, 2] int64 each, around what the texels' centres reach; empty: last < first.

    A stroke with a NaN, an infinity or no extent meets no tile.
    """
    a, b, c, d, e, f = texel.flatten(1).T[:, :, None]
    u = (size[:, 1:] - 1) * torch.tensor([0, 1, 0, 1], device=size.device) - c
    v = (size[:, :1] - 1) * torch.tensor([0, 0, 1, 1], device=size.device) - f
    corners = torch.stack([e * u - b * v, a * v - d * u], dim=1) / (a * e - b * d)[:, None]  # [N, (x, y), 4] pixels
    real = corners.isfinite().all(2).all(1) & (size > 1).all(1)
    edge = torch.tensor([width - 1, height - 1], dtype=torch.float64, device=size.device)
    low = (corners.amin(2) - SLACK).ceil().clamp(min=0)
    high = torch.minimum((corners.amax(2) + SLACK).floor(), edge)
    empty = ~real | (low > high).any(1)
    low, high = (torch.where(empty[:, None], value, bound) for value, bound in ((0.0, low), (-TILE, high)))
    return low.long() // TILE, high.long() // TILE
