"""The Triton kernels of `renderers.decoder_cuda`: one program for BLOCK patches, from features to texels and back.

A network's weights are [in, out] matrices, padded with zeros to powers of two, and are the same for all patches; what
its first layer adds is the stroke's own. Products are sums of three in TF32, which are nearly as exact as float32 and
are what a GPU's matrix units compute; TF32 alone would be off by a thousandth.
"""

# Triton kernels have no type annotations.
# mypy: allow-untyped-defs

from __future__ import annotations

import triton
import triton.language as tl

from renderers.brushes.base import PATCH

BLOCK = 32  # patches of a program
LEFT, RIGHT, TOP, BOTTOM = 1, 2, 4, 8  # bits of `places`: which sides of a patch are on its frame's rim

_PRECISION = tl.constexpr("tf32x3")
_PATCH, _TEXELS, _BLOCK = tl.constexpr(PATCH), tl.constexpr(PATCH * PATCH), tl.constexpr(BLOCK)
_LEFT, _RIGHT, _TOP, _BOTTOM = (tl.constexpr(side) for side in (LEFT, RIGHT, TOP, BOTTOM))


@triton.jit
def decode(
    features, places, texels, count, columns,
    codes_a, inner_a, middle_a, middle_bias_a, outer_a, outer_bias_a,
    codes_m, inner_m, middle_m, middle_bias_m, outer_m, outer_bias_m,
    FEATURES: tl.constexpr, WIDTH_A: tl.constexpr, WIDTH_M: tl.constexpr,
):  # fmt: skip
    """Write α and mix of the texels of BLOCK of `count` patches, whose features have `columns` numbers.

    features [count, columns], texels [T, 2]; places [count, 4] int64: the frame, the index of the first texel, the
    texels in a row of the frame, and the sides that are on its rim. Weights of α end in _a, those of the mix in _m.
    """
    row = tl.program_id(0).to(tl.int64) * _BLOCK + tl.arange(0, _BLOCK)
    inside = row < count
    owner = tl.load(places + row * 4, mask=inside, other=0)
    x = _features(features, row, inside, columns, FEATURES)
    _, _, alpha = _network(
        x, codes_a, owner, inside, inner_a, middle_a, middle_bias_a, outer_a, outer_bias_a, FEATURES, WIDTH_A
    )
    _, _, mix = _network(
        x, codes_m, owner, inside, inner_m, middle_m, middle_bias_m, outer_m, outer_bias_m, FEATURES, WIDTH_M
    )
    at, rim = _texels(places, row, inside)
    mask = inside[:, None] & (at >= 0)
    tl.store(texels + at * 2, tl.where(rim, 0.0, tl.clamp(alpha, 0.0, 1.0)), mask=mask)
    tl.store(texels + at * 2 + 1, tl.clamp(mix, 0.0, 1.0), mask=mask)


@triton.jit
def decode_backward(
    gradient, features, places, d_features, d_codes_a, d_codes_m, count, columns,
    codes_a, inner_a, middle_a, middle_bias_a, outer_a, outer_bias_a,
    codes_m, inner_m, middle_m, middle_bias_m, outer_m, outer_bias_m,
    FEATURES: tl.constexpr, WIDTH_A: tl.constexpr, WIDTH_M: tl.constexpr,
):  # fmt: skip
    """From the gradient of the texels [T, 2] to that of the features and, by patch, of what the first layers add.

    The layers are computed once more, which costs less than to keep them: d_features [count, columns], d_codes_a
    [count, WIDTH_A] and d_codes_m [count, WIDTH_M] are written in full.
    """
    row = tl.program_id(0).to(tl.int64) * _BLOCK + tl.arange(0, _BLOCK)
    inside = row < count
    owner = tl.load(places + row * 4, mask=inside, other=0)
    x = _features(features, row, inside, columns, FEATURES)
    at, rim = _texels(places, row, inside)
    mask = inside[:, None] & (at >= 0)
    d_alpha = tl.load(gradient + at * 2, mask=mask & (rim == 0), other=0.0)
    d_mix = tl.load(gradient + at * 2 + 1, mask=mask, other=0.0)
    first, second, alpha = _network(
        x, codes_a, owner, inside, inner_a, middle_a, middle_bias_a, outer_a, outer_bias_a, FEATURES, WIDTH_A
    )
    d_x, d_first = _back(d_alpha, alpha, second, first, inner_a, middle_a, outer_a, FEATURES, WIDTH_A)
    _store_rows(d_codes_a, d_first, row, inside, WIDTH_A, WIDTH_A)
    first, second, mix = _network(
        x, codes_m, owner, inside, inner_m, middle_m, middle_bias_m, outer_m, outer_bias_m, FEATURES, WIDTH_M
    )
    more, d_first = _back(d_mix, mix, second, first, inner_m, middle_m, outer_m, FEATURES, WIDTH_M)
    _store_rows(d_codes_m, d_first, row, inside, WIDTH_M, WIDTH_M)
    _store_rows(d_features, d_x + more, row, inside, columns, FEATURES)


@triton.jit
def add_rows(rows, first_of, totals, WIDTH: tl.constexpr, AT_ONCE: tl.constexpr):
    """Add up the rows [P, WIDTH] of one stroke, in their order, into `totals` [N, WIDTH]; first_of [N + 1] int64."""
    stroke = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, WIDTH)
    first = tl.load(first_of + stroke)
    last = tl.load(first_of + stroke + 1)
    total = tl.zeros([WIDTH], tl.float32)
    for begin in range(first, last, AT_ONCE):
        row = begin + tl.arange(0, AT_ONCE)
        part = tl.load(rows + row[:, None] * WIDTH + column[None, :], mask=(row < last)[:, None], other=0.0)
        total += tl.sum(part, axis=0)
    tl.store(totals + stroke * WIDTH + column, total)


@triton.jit
def _features(features, row, inside, columns, FEATURES: tl.constexpr):
    """[BLOCK, FEATURES]; zeros beyond the patches and the columns that there are."""
    column = tl.arange(0, FEATURES)
    at = features + row[:, None] * columns + column[None, :]
    return tl.load(at, mask=inside[:, None] & (column < columns)[None, :], other=0.0)


@triton.jit
def _network(
    x, codes, owner, inside, inner, middle, middle_bias, outer, outer_bias,
    FEATURES: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Both hidden layers [BLOCK, WIDTH] and the texels [BLOCK, PATCH²], not yet clamped."""
    code = tl.load(codes + owner[:, None] * WIDTH + tl.arange(0, WIDTH)[None, :], mask=inside[:, None], other=0.0)
    first = tl.maximum(tl.dot(x, _matrix(inner, FEATURES, WIDTH), input_precision=_PRECISION) + code, 0.0)
    second = tl.dot(first, _matrix(middle, WIDTH, WIDTH), input_precision=_PRECISION)
    second = tl.maximum(second + tl.load(middle_bias + tl.arange(0, WIDTH))[None, :], 0.0)
    texels = tl.dot(second, _matrix(outer, WIDTH, _TEXELS), input_precision=_PRECISION)
    return first, second, texels + tl.load(outer_bias + tl.arange(0, _TEXELS))[None, :]


@triton.jit
def _back(d_texels, texels, second, first, inner, middle, outer, FEATURES: tl.constexpr, WIDTH: tl.constexpr):
    """Gradients of the features [BLOCK, FEATURES] and of the first hidden layer before it was rectified."""
    d = tl.where((texels >= 0) & (texels <= 1), d_texels, 0.0)  # as torch's clamp has it
    d = tl.dot(d, tl.trans(_matrix(outer, WIDTH, _TEXELS)), input_precision=_PRECISION)
    d = tl.where(second > 0, d, 0.0)
    d = tl.dot(d, tl.trans(_matrix(middle, WIDTH, WIDTH)), input_precision=_PRECISION)
    d = tl.where(first > 0, d, 0.0)
    return tl.dot(d, tl.trans(_matrix(inner, FEATURES, WIDTH)), input_precision=_PRECISION), d


@triton.jit
def _matrix(at, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """A matrix [ROWS, COLUMNS] of weights."""
    return tl.load(at + tl.arange(0, ROWS)[:, None] * COLUMNS + tl.arange(0, COLUMNS)[None, :])


@triton.jit
def _texels(places, row, inside):
    """Each patch's texels among all T, and whether they are on its frame's rim; [BLOCK, PATCH²] both."""
    first = tl.load(places + row * 4 + 1, mask=inside, other=0)
    width = tl.load(places + row * 4 + 2, mask=inside, other=0)
    sides = tl.load(places + row * 4 + 3, mask=inside, other=0)[:, None]
    k = tl.arange(0, _TEXELS)
    x, y = (k % _PATCH)[None, :], (k // _PATCH)[None, :]
    rim = ((x == 0) & ((sides & _LEFT) != 0)) | ((x == _PATCH - 1) & ((sides & _RIGHT) != 0))
    rim = rim | ((y == 0) & ((sides & _TOP) != 0)) | ((y == _PATCH - 1) & ((sides & _BOTTOM) != 0))
    return first[:, None] + y * width[:, None] + x, rim


@triton.jit
def _store_rows(at, values, row, inside, columns, COLUMNS: tl.constexpr):
    """Store [BLOCK, COLUMNS], of which `columns` numbers are kept."""
    column = tl.arange(0, COLUMNS)
    mask = inside[:, None] & (column < columns)[None, :]
    tl.store(at + row[:, None] * columns + column[None, :], values, mask=mask)
