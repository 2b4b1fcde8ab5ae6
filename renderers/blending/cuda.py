"""Soft blending as Triton kernels, forward and backward, on a CUDA device.

The canvas is cut into square tiles, each the work of one program. Strokes are paired with the tiles that their frames
meet, and every program walks its pairs in paint order. The forward pass records what lies below each pair on a tape
(float32), so that the backward pass needs no division by 1 - α. In the backward pass every pair has its own row of
partial sums, added up per stroke in a fixed order: canvas and gradients are the same from run to run, except those of
the maps, which many pixels add to at once (atomically, in any order).

With TRITON_INTERPRET=1 set before triton is first imported the same kernels run, slowly, on CPU tensors.
"""

# Triton kernels have no type annotations.
# mypy: allow-untyped-defs

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from renderers.blending.layers import MAX_ALPHA, Layers

try:
    import triton
    import triton.language as tl
except ImportError as error:
    raise ImportError("blending on CUDA needs triton: `pip install triton`, or choose another backend") from error

TILE = 16  # pixels, both ways; a power of two
WARPS = 8  # of 32 threads for each tile: one pixel a thread, so that blocks need no re-dealing
OPTIONS = {"enable_fp_fusion": True}  # set explicitly: Triton's default is about to change
# A pair's row, and likewise the gradient with respect to it: 6 numbers of the affine map from pixel (column, row, 1)
# to texel (column, row); the opacity; up to 4 channels of `start`; up to 4 of `end`; nothing.
OPACITY, START, END, COLUMNS = 6, 7, 11, 16
SLACK = 1e-3  # pixels and texels added on all sides when pairing, since kernels round to float32

# The same as constants of the kernels.
_TILE, _OPACITY, _START = tl.constexpr(TILE), tl.constexpr(OPACITY), tl.constexpr(START)
_END, _COLUMNS, _MAX_ALPHA = tl.constexpr(END), tl.constexpr(COLUMNS), tl.constexpr(MAX_ALPHA)


def blend_cuda(canvas: Tensor, layers: Layers) -> Tensor:
    """See `renderers.blending.blend`. Every tensor on one CUDA device, except `maps.offset` and `maps.size`.

    Where gradients are needed, the tape takes 4·C·TILE² bytes for each pair of a stroke and a tile that it meets.

    Args:
        canvas: [H, W, C] float32; C = 3 or 4.
        layers: N strokes, in paint order.

    Returns:
        [H, W, C] float32.

    Raises:
        ValueError: tensors are not all on one CUDA device, or the number of channels is not 3 or 4.
    """
    maps = layers.maps
    floats = [layers.transform, maps.texels, layers.start, layers.end, layers.opacity]
    _check(canvas, floats)
    inputs = [value.float().contiguous() for value in floats]
    inputs += [value.to(canvas.device, torch.int64) for value in (maps.offset, maps.size)]
    with torch.cuda.device_of(canvas):
        if torch.is_grad_enabled() and any(value.requires_grad for value in floats):
            painted: Tensor = _Blend.apply(canvas, *inputs)
            return painted
        return _paint(canvas, inputs, record=False)[0]


def _check(canvas: Tensor, floats: list[Tensor]) -> None:
    if canvas.shape[2] not in (3, 4):
        raise ValueError(f"canvas must have 3 or 4 channels, got {tuple(canvas.shape)}")
    devices = {value.device for value in (canvas, *floats)}
    interpreted = not isinstance(_forward, triton.runtime.JITFunction)  # decided when kernels are defined
    if len(devices) > 1 or not (canvas.is_cuda or interpreted):
        raise ValueError(f"all tensors must be on one CUDA device, got {', '.join(sorted(map(str, devices)))}")


class _Blend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, canvas: Tensor, *inputs: Tensor) -> Tensor:
        painted, tape, pairs = _paint(canvas, inputs, record=True)
        ctx.save_for_backward(inputs[1], inputs[-1], tape, *pairs)
        return painted

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        texels, size, tape, *rest = ctx.saved_tensors
        with torch.cuda.device_of(texels):
            sums, grad_texels = _gather(
                gradients[0].contiguous(), texels, tape, _Pairs(*rest), for_maps=ctx.needs_input_grad[2]
            )
        channels = gradients[0].shape[2]
        transform = sums[:, :OPACITY].view(-1, 2, 3) * (size.flip(1)[:, :, None] / 2)
        start, end = sums[:, START : START + channels], sums[:, END : END + channels]
        floats = [value.float().contiguous() for value in (transform, start, end, sums[:, OPACITY])]
        return (None, floats[0], grad_texels, *floats[1:], None, None)


# --- pairs of a stroke and a tile ---------------------------------------------------------------------------


class _Pairs(NamedTuple):
    """The P pairs of a stroke and a tile that meet, by tile, and in paint order within each."""

    rows: Tensor  # [P, COLUMNS] float32: see COLUMNS; pixels count from the tile's first
    places: Tensor  # [P, 3] int64: offset, rows and columns of the stroke's maps
    by_stroke: Tensor  # [P] int64: each pair's place when they are ordered by stroke, then tile
    tile_first: Tensor  # [tiles + 1] int64: each tile's first pair
    stroke_first: Tensor  # [N + 1] int64: each stroke's first pair, in that other order


def _pair_up(
    canvas: Tensor, transform: Tensor, start: Tensor, end: Tensor, opacity: Tensor, offset: Tensor, size: Tensor
) -> _Pairs:
    """Pairs for a canvas [H, W, C] and N strokes; offset [N] and size [N, 2] on the canvas's device."""
    across, down = triton.cdiv(canvas.shape[1], TILE), triton.cdiv(canvas.shape[0], TILE)
    texel = _texel_transform(transform, size)
    strokes, x, y = _meetings(texel, size, canvas.shape[0], canvas.shape[1])
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
    return _Pairs(torch.cat([affine, rest[strokes]], dim=1), places[strokes], by_stroke, tile_first, stroke_first)


def _texel_transform(transform: Tensor, size: Tensor) -> Tensor:
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


def _meetings(texel: Tensor, size: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
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


# --- launching ----------------------------------------------------------------------------------------------


def _paint(canvas: Tensor, inputs: Sequence[Tensor], record: bool) -> tuple[Tensor, Tensor, _Pairs]:
    """The canvas [H, W, C] after all strokes; the tape [P, C, TILE²], empty unless `record`; the pairs."""
    transform, texels, start, end, opacity, offset, size = inputs
    pairs = _pair_up(canvas, transform, start, end, opacity, offset, size)
    height, width, channels = canvas.shape
    painted = canvas.detach().to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    tape = painted.new_empty(len(pairs.rows) if record else 0, channels, TILE * TILE)
    if len(pairs.rows):
        _forward[(len(pairs.tile_first) - 1,)](
            painted, tape, pairs.rows, pairs.places, pairs.tile_first, texels, height, width,
            CHANNELS=channels, RECORD=record, num_warps=WARPS, **OPTIONS,
        )  # fmt: skip
    return painted, tape, pairs


def _gather(
    gradient: Tensor, texels: Tensor, tape: Tensor, pairs: _Pairs, for_maps: bool
) -> tuple[Tensor, Tensor | None]:
    """Gradients of every stroke's row, [N, COLUMNS] float64, and of the maps' texels [T, 2] if `for_maps`."""
    height, width, channels = gradient.shape
    strokes = len(pairs.stroke_first) - 1
    totals = torch.zeros(strokes, COLUMNS, dtype=torch.float64, device=gradient.device)
    grad_texels = torch.zeros_like(texels) if for_maps else None
    if len(pairs.rows):
        sums = torch.empty_like(pairs.rows)
        _backward[(len(pairs.tile_first) - 1,)](
            gradient, tape, *pairs[:4], texels, sums, grad_texels, height, width,
            CHANNELS=channels, MAPS=for_maps, num_warps=WARPS, **OPTIONS,
        )  # fmt: skip
        _add_pairs[(strokes,)](sums, pairs.stroke_first, totals, AT_ONCE=32, num_warps=1, **OPTIONS)
    return totals, grad_texels


# --- kernels ------------------------------------------------------------------------------------------------


@triton.jit
def _forward(
    painted, tape, rows, places, tile_first, texels, height, width,
    CHANNELS: tl.constexpr, RECORD: tl.constexpr,
):  # fmt: skip
    """Blend all pairs of one tile onto `painted`; fill the tape if RECORD."""
    tile = tl.program_id(0)
    x, y, dx, dy, inside = _pixels(tile, height, width)
    at = painted + (y.to(tl.int64) * width + x) * CHANNELS
    h0, h1, h2, h3 = _four(at, 1, inside, CHANNELS)
    first = tl.load(tile_first + tile)
    last = tl.load(tile_first + tile + 1)
    for pair in range(first, last):
        row = rows + pair * _COLUMNS
        height_of = tl.load(places + pair * 3 + 1).to(tl.int32)
        width_of = tl.load(places + pair * 3 + 2).to(tl.int32)
        corner, fx, fy, seen = _corner(row, height_of, width_of, dx, dy, inside)
        at_texel = (tl.load(places + pair * 3) + corner) * 2
        covered, _, _ = _sample(texels + at_texel, width_of, fx, fy, seen)
        m, _, _ = _sample(texels + at_texel + 1, width_of, fx, fy, seen)
        a = tl.minimum(tl.load(row + _OPACITY) * covered, _MAX_ALPHA)
        if RECORD:
            below = tape + pair * (CHANNELS * _TILE * _TILE) + dy * _TILE + dx
            _store_four(below, _TILE * _TILE, h0, h1, h2, h3, seen, CHANNELS)
        h0 = _lay(h0, a, m, row + _START)
        h1 = _lay(h1, a, m, row + _START + 1)
        h2 = _lay(h2, a, m, row + _START + 2)
        h3 = _lay(h3, a, m, row + _START + 3)
    _store_four(at, 1, h0, h1, h2, h3, inside, CHANNELS)


@triton.jit
def _backward(
    gradient, tape, rows, places, by_stroke, tile_first, texels, sums, grad_texels, height, width,
    CHANNELS: tl.constexpr, MAPS: tl.constexpr,
):  # fmt: skip
    """The gradients of the rows of one tile's pairs, last pair first; adds to those of their maps if MAPS."""
    tile = tl.program_id(0)
    x, y, dx, dy, inside = _pixels(tile, height, width)
    at = gradient + (y.to(tl.int64) * width + x) * CHANNELS
    g0, g1, g2, g3 = _four(at, 1, inside, CHANNELS)
    first = tl.load(tile_first + tile)
    last = tl.load(tile_first + tile + 1)
    for done in range(first, last):
        pair = first + last - 1 - done
        row = rows + pair * _COLUMNS
        height_of = tl.load(places + pair * 3 + 1).to(tl.int32)
        width_of = tl.load(places + pair * 3 + 2).to(tl.int32)
        corner, fx, fy, seen = _corner(row, height_of, width_of, dx, dy, inside)
        at_texel = (tl.load(places + pair * 3) + corner) * 2
        covered, a_x, a_y = _sample(texels + at_texel, width_of, fx, fy, seen)
        m, m_x, m_y = _sample(texels + at_texel + 1, width_of, fx, fy, seen)
        opacity = tl.load(row + _OPACITY)
        a = tl.minimum(opacity * covered, _MAX_ALPHA)
        below = tape + pair * (CHANNELS * _TILE * _TILE) + dy * _TILE + dx
        h0, h1, h2, h3 = _four(below, _TILE * _TILE, seen, CHANNELS)
        g0, d_a0, d_m0, start0, end0 = _lift(g0, h0, a, m, row + _START)
        g1, d_a1, d_m1, start1, end1 = _lift(g1, h1, a, m, row + _START + 1)
        g2, d_a2, d_m2, start2, end2 = _lift(g2, h2, a, m, row + _START + 2)
        g3, d_a3, d_m3, start3, end3 = _lift(g3, h3, a, m, row + _START + 3)
        d_a, d_m = d_a0 + d_a1 + d_a2 + d_a3, d_m0 + d_m1 + d_m2 + d_m3
        d_a = tl.where(opacity * covered <= _MAX_ALPHA, d_a, 0.0)  # the derivative of the clamp
        d_opacity = d_a * covered
        d_a *= opacity
        d_x, d_y = d_a * a_x + d_m * m_x, d_a * a_y + d_m * m_y
        share = _sums(
            d_x * x, d_x * y, d_x, d_y * x, d_y * y, d_y, d_opacity,
            start0, start1, start2, start3, end0, end1, end2, end3, tl.zeros_like(a),
        )  # fmt: skip
        tl.store(sums + tl.load(by_stroke + pair) * _COLUMNS + tl.arange(0, _COLUMNS), share)
        if MAPS:
            _scatter(grad_texels + at_texel, width_of, fx, fy, d_a, seen)
            _scatter(grad_texels + at_texel + 1, width_of, fx, fy, d_m, seen)


@triton.jit
def _add_pairs(sums, stroke_first, totals, AT_ONCE: tl.constexpr):
    """Add up one stroke's pairs, in their order: rows of `sums` [P, COLUMNS] into `totals` [N, COLUMNS] float64."""
    stroke = tl.program_id(0)
    column = tl.arange(0, _COLUMNS)
    first = tl.load(stroke_first + stroke)
    last = tl.load(stroke_first + stroke + 1)
    total = tl.zeros([_COLUMNS], tl.float64)
    for begin in range(first, last, AT_ONCE):
        pair = begin + tl.arange(0, AT_ONCE)
        share = tl.load(sums + pair[:, None] * _COLUMNS + column[None, :], mask=(pair < last)[:, None], other=0.0)
        total += tl.sum(share.to(tl.float64), axis=0)
    tl.store(totals + stroke * _COLUMNS + column, total)


@triton.jit
def _pixels(tile, height, width):
    """A tile's pixels, [TILE²] int32: column, row, the same from the tile's first, whether they are on the canvas."""
    across = tl.cdiv(width, _TILE)
    lane = tl.arange(0, _TILE * _TILE)
    dx, dy = lane % _TILE, lane // _TILE
    x, y = (tile % across) * _TILE + dx, (tile // across) * _TILE + dy
    return x, y, dx, dy, (x < width) & (y < height)


@triton.jit
def _four(at, step: tl.constexpr, mask, CHANNELS: tl.constexpr):
    """Load the channels of each pixel, `step` apart; a fourth of zeros where there are three."""
    c0 = tl.load(at, mask=mask, other=0.0)
    c1 = tl.load(at + step, mask=mask, other=0.0)
    c2 = tl.load(at + 2 * step, mask=mask, other=0.0)
    c3 = tl.zeros_like(c0)
    if CHANNELS == 4:
        c3 = tl.load(at + 3 * step, mask=mask, other=0.0)
    return c0, c1, c2, c3


@triton.jit
def _store_four(at, step: tl.constexpr, c0, c1, c2, c3, mask, CHANNELS: tl.constexpr):
    """Store the channels of each pixel, `step` apart."""
    tl.store(at, c0, mask=mask)
    tl.store(at + step, c1, mask=mask)
    tl.store(at + 2 * step, c2, mask=mask)
    if CHANNELS == 4:
        tl.store(at + 3 * step, c3, mask=mask)


@triton.jit
def _corner(row, height, width, dx, dy, inside):
    """Where pixels lie in a map: the flat index of the texel up left of each, the distance from its centre (column,
    row), and whether it is in the map at all.

    Explicit fma: both kernels round alike, so that the backward pass reads just what the forward pass recorded.
    """
    x, y = dx.to(tl.float32), dy.to(tl.float32)
    u = tl.fma(tl.load(row), x, tl.fma(tl.load(row + 1), y, tl.load(row + 2)))
    v = tl.fma(tl.load(row + 3), x, tl.fma(tl.load(row + 4), y, tl.load(row + 5)))
    seen = inside & (u >= 0) & (v >= 0) & (u <= width - 1) & (v <= height - 1)
    u, v = tl.where(seen, u, 0.0), tl.where(seen, v, 0.0)
    j, i = tl.minimum(u.to(tl.int32), width - 2), tl.minimum(v.to(tl.int32), height - 2)
    return (i * width + j).to(tl.int64), u - j, v - i, seen


@triton.jit
def _sample(at, width, fx, fy, seen):
    """Bilinear samples of α (or of the mix, one further), their derivatives by column and row; 0 where not `seen`."""
    up_left = tl.load(at, mask=seen, other=0.0)
    up_right = tl.load(at + 2, mask=seen, other=0.0)
    down_left = tl.load(at + width * 2, mask=seen, other=0.0)
    down_right = tl.load(at + width * 2 + 2, mask=seen, other=0.0)
    right, down = up_right - up_left, down_left - up_left
    twist = down_right - down_left - right
    slope = down + fx * twist
    return up_left + fx * right + fy * slope, right + fy * twist, slope


@triton.jit
def _scatter(at, width, fx, fy, d, seen):
    """Add d times their weights to the four texels of each bilinear sample."""
    tl.atomic_add(at, (1 - fx) * (1 - fy) * d, mask=seen, sem="relaxed")
    tl.atomic_add(at + 2, fx * (1 - fy) * d, mask=seen, sem="relaxed")
    tl.atomic_add(at + width * 2, (1 - fx) * fy * d, mask=seen, sem="relaxed")
    tl.atomic_add(at + width * 2 + 2, fx * fy * d, mask=seen, sem="relaxed")


@triton.jit
def _lay(below, a, m, start):
    """One channel of one stroke blended over what lies below."""
    color = tl.load(start)
    color += m * (tl.load(start + _END - _START) - color)
    return below + a * (color - below)


@triton.jit
def _lift(g, below, a, m, start):
    """Gradients of one channel, by pixel, with respect to: what lies below, a, m, start, end."""
    first = tl.load(start)
    tint = tl.load(start + _END - _START) - first
    d_a = g * (first + m * tint - below)
    d_color = a * g
    return g - d_color, d_a, d_color * tint, d_color * (1 - m), d_color * m


@triton.jit
def _sums(v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15):
    """The sums of sixteen blocks [TILE²] as one [16]: a single reduction, so a single wait for the other warps."""
    even = tl.join(tl.join(tl.join(v0, v8), tl.join(v4, v12)), tl.join(tl.join(v2, v10), tl.join(v6, v14)))
    odd = tl.join(tl.join(tl.join(v1, v9), tl.join(v5, v13)), tl.join(tl.join(v3, v11), tl.join(v7, v15)))
    return tl.sum(tl.reshape(tl.join(even, odd), [v0.shape[0], 16]), axis=0)
