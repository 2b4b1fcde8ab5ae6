"""Convolutions with 3 by 3 filters and a rectifier after them, in a quarter of the products: Winograd's.

Lavin and Gray 2016, 'Fast algorithms for convolutional neural networks', F(4 x 4, 3 x 3): a picture is cut into tiles
of 6 by 6 that overlap, each is transformed, channels are mixed point by point, and what comes out is transformed back
into 4 by 4 places. Of what goes in nothing is kept for the gradient, and of what comes out one bit a number.

A gradient's products may be of bfloat16, summed up in float32: it turns by one or two hundredths. What comes out is
exact to float32, so that a line search can rely on the loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from painter.styling import recycled
from painter.styling.winograd_kernels import POINTS, SEEN, TILE, cut, join
from painter.system.devices import one_torch_thread
from renderers.simd import HAS_BFLOAT16, WIDE
from renderers.threads import share

_TILE_NUMBERS = 2**15  # of the tiles that are worked on at a time, at each point: tiles times channels
_STEP = _TILE_NUMBERS + 3 * WIDE  # numbers from point to point: powers of two apart they would share lines of the cache
_G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24

GRADIENTS = torch.bfloat16 if HAS_BFLOAT16 else torch.float32  # where little of them may be lost

_scratch: list[tuple[Tensor, Tensor]] = []
"""What threads have worked with, [POINTS, _STEP] each, for those that come after: to clear it anew costs a tenth."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution's filters as the products need them."""

    forward: Tensor  # [POINTS, I, O]
    backward: Tensor  # [POINTS, O, I], in the numbers that gradients are multiplied in
    edges: Tensor  # [4, O, 3 * I], the filters' upper, lower, left and right sides
    biases: Tensor  # [O]

    @staticmethod
    def of(filters: Tensor, biases: Tensor, gradients: torch.dtype = torch.float32) -> Layer:
        """From filters [O, I, 3, 3] and biases [O], float32; gradients are multiplied in numbers of the kind named."""
        filters = F.pad(filters, (0, 0, 0, 0, 0, -filters.shape[1] % WIDE))
        sides = [filters[:, :, 0], filters[:, :, 2], filters[..., 0], filters[..., 2]]  # [O, I, 3] each
        edges = torch.stack([side.transpose(1, 2).flatten(1) for side in sides])
        turned = filters.flip(2, 3).transpose(0, 1)
        return Layer(_transformed(filters), _transformed(turned).to(gradients), edges, biases)


def fits(h: Tensor, filters: Tensor) -> bool:
    """Whether `convolve` can be used, and pays: h [1, I, H, W], filters [O, I, 3, 3]."""
    outs, ins = filters.shape[:2]
    plain = h.device.type == "cpu" and h.dtype == filters.dtype == torch.float32
    whole = (ins % WIDE == 0 or ins < WIDE) and outs % WIDE == 0
    return plain and whole and h.shape[2] * h.shape[3] >= max(ins, outs)


def convolve(h: Tensor, layer: Layer, means: bool = False) -> Tensor:
    """relu(h * filters + biases), where what is at the border goes on outside.

    A few channels cost as much as WIDE.

    Args:
        h: [1, I, H, W] float32, best with its channels last; differentiable.
        means: whether only means of 2 by 2 places are wanted, of fewer at the end of an odd side; the places
            themselves are then never in memory.

    Returns:
        [1, O, H, W] or, rounded up, [1, O, H / 2, W / 2], its channels last.
    """
    missing = layer.forward.shape[1] - h.shape[1]
    if missing:
        h = F.pad(h.permute(0, 2, 3, 1), (0, missing)).permute(0, 3, 1, 2)
    out: Tensor = _Convolution.apply(h, layer, means)
    return out


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, layer: Layer, means: bool) -> Tensor:
        shape = h.shape[2], h.shape[3], layer.forward.shape[2]
        signs = np.empty(prod(shape) // 8, np.uint8)
        height, width, channels = _halved(shape) if means else shape
        out = _empty(height, width, channels)
        _correlate(_channels_last(h), None, True, layer.forward, layer.biases, _channels_last(out), shape, signs)
        ctx.layer, ctx.signs, ctx.shape = layer, signs, shape
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        layer, g, shape = ctx.layer, _channels_last(gradients[0]), ctx.shape
        out = _empty(shape[0], shape[1], layer.backward.shape[2])
        none = torch.zeros(out.shape[1])
        _correlate(g, ctx.signs, False, layer.backward, none, _channels_last(out), shape, None)
        _add_border(_channels_last(out), layer.edges, g, ctx.signs, shape)
        return out, None, None


def _halved(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    return -(-shape[0] // 2), -(-shape[1] // 2), shape[2]


def _add_border(out: Tensor, edges: Tensor, g: Tensor, signs: np.ndarray, shape: tuple[int, int, int]) -> None:
    """What the border has to do with the places outside that repeat it, added to a gradient.

    Args:
        out: [H, W, I].
        edges: see `Layer`.
        g: [H, W, O], the gradient of what came out; or of means of 2 by 2 places.
        signs: of what came out, as `join` writes them.
        shape: (H, W, O).
    """
    shown = signs.reshape(*shape[:2], -1)
    for k, end in enumerate((0, -1)):
        line, parts = out[end], _along(_line(g, shape, end), shown[end], edges[k])
        _add_shifted(line, parts)
        line[0] += parts[0, 0]  # corners
        line[-1] += parts[-1, 2]
        across = _line(g.transpose(0, 1), (shape[1], shape[0], shape[2]), end)
        _add_shifted(out[:, end], _along(across, shown[:, end], edges[2 + k]))


def _line(g: Tensor, shape: tuple[int, int, int], end: int) -> Tensor:
    """[W, O]: the first or last line (`end` 0 or -1) of a gradient [H, W, O], or of one of means, see `_add_border`."""
    if g.shape == shape:
        return g[end]
    height, width = shape[:2]
    line = g[end].repeat_interleave(2, 0)[:width] / (4 if height % 2 == 0 or (end == 0 and height > 1) else 2)
    if width % 2:
        line[-1] *= 2
    return line


def _along(g: Tensor, shown: np.ndarray, edge: Tensor) -> Tensor:
    """[L, 3, I]: what each place of a line [L, O], where its bits [L, O / 8] are 1, has to do with three outside."""
    bits = np.unpackbits(np.ascontiguousarray(shown), axis=1, bitorder="little")
    found: Tensor = ((g * torch.from_numpy(bits)) @ edge).unflatten(1, (3, -1))
    return found


def _add_shifted(line: Tensor, parts: Tensor) -> None:
    """Add [L, 3, I] to the places before, at and after each of a line [L, I], as far as they are in it."""
    line += parts[:, 1]
    line[:-1] += parts[1:, 0]
    line[1:] += parts[:-1, 2]


def _correlate(
    h: Tensor, signs: np.ndarray | None, repeats: bool, filters: Tensor, biases: Tensor, out: Tensor,
    shape: tuple[int, int, int], out_signs: np.ndarray | None,
) -> None:  # fmt: skip
    """Fill `out` [H, W, O] from h [H, W, I]; rectified if there are `out_signs`. See `cut` and `join`.

    One of them may have only the means of 2 by 2 places, or their gradient: `shape` is its own without that.
    """
    seen, made = (*shape[:2], h.shape[2]), (*shape[:2], out.shape[2])
    fewer, makes_fewer = tuple(h.shape[:2]) != shape[:2], tuple(out.shape[:2]) != shape[:2]
    across = -(-shape[1] // TILE)
    tiles = across * -(-shape[0] // TILE)
    most = max(1, min(tiles, _TILE_NUMBERS // max(h.shape[2], out.shape[2])))
    image, result = h.numpy().reshape(-1), out.numpy().reshape(-1)
    none = np.empty(0, np.uint8)
    pieces: Iterator[int] = count()  # whose next is taken under the interpreter's lock

    def work(first: int, step: int) -> None:
        scratch, counts = np.empty(POINTS * WIDE, np.float32), np.empty(POINTS, np.float32)
        places = np.empty(2 * POINTS, np.int64)
        both = _scratch.pop() if _scratch else (torch.empty(POINTS, _STEP), torch.empty(POINTS, _STEP))
        ins, outs = (one.view(filters.dtype) for one in both)
        with one_torch_thread():
            while (start := next(pieces) * most) < tiles:
                number = min(most, tiles - start)
                cut(image, none if signs is None else signs, seen, repeats, fewer, across, start, number,
                    ins.shape[1], _numbers(ins), scratch, places, counts)  # fmt: skip
                torch.bmm(_rows(ins, number, h.shape[2]), filters, out=_rows(outs, number, out.shape[2]))
                join(_numbers(outs), biases.numpy(), out_signs is not None, makes_fewer, across, start, number,
                     outs.shape[1], made, result, none if out_signs is None else out_signs, scratch)  # fmt: skip
        _scratch.append(both)

    share(work)


def _numbers(points: Tensor) -> np.ndarray:
    """All of them, as kernels take them: bfloat16 as uint16."""
    flat: np.ndarray = (points.view(torch.uint16) if points.dtype == torch.bfloat16 else points).numpy().reshape(-1)
    return flat


def _rows(points: Tensor, tiles: int, channels: int) -> Tensor:
    found: Tensor = points[:, : tiles * channels].unflatten(1, (tiles, channels))
    return found


def _empty(height: int, width: int, channels: int) -> Tensor:
    """[1, C, H, W], its channels last."""
    return recycled.features.empty(1, height, width, channels).permute(0, 3, 1, 2)


def _channels_last(h: Tensor) -> Tensor:
    """[H, W, C], one number after the other, of [1, C, H, W]."""
    return h.detach()[0].permute(1, 2, 0).contiguous()


def _transformed(filters: Tensor) -> Tensor:
    """[POINTS, I, O]: G g Gᵀ of filters [O, I, 3, 3]."""
    g = torch.from_numpy(_G)
    points = torch.einsum("pa,qb,oiab->pqio", g, g, filters.detach().double())
    return points.reshape(SEEN * SEEN, *points.shape[2:]).float().contiguous()
