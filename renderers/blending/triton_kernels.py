"""The Triton kernels of `renderers.blending.cuda`: one program for each tile of the canvas, or for each stroke."""

# Triton kernels have no type annotations.
# mypy: allow-untyped-defs

from __future__ import annotations

import triton
import triton.language as tl

from renderers.blending.layers import MAX_ALPHA
from renderers.blending.tile_pairs import COLUMNS, END, OPACITY, START, TILE

# The same as constants of the kernels.
_TILE, _OPACITY, _START = tl.constexpr(TILE), tl.constexpr(OPACITY), tl.constexpr(START)
_END, _COLUMNS, _MAX_ALPHA = tl.constexpr(END), tl.constexpr(COLUMNS), tl.constexpr(MAX_ALPHA)


@triton.jit
def forward(
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
def backward(
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
def add_pairs(sums, stroke_first, totals, AT_ONCE: tl.constexpr):
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
