"""Convolutions with 3 by 3 filters and a rectifier after them, in a quarter of the products: Winograd's.

Lavin and Gray 2016, 'Fast algorithms for convolutional neural networks', F(4 x 4, 3 x 3): a picture is cut into tiles
of 6 by 6 that overlap, each is transformed, channels are mixed point by point, and what comes out is transformed back
into 4 by 4 places. Of what goes in nothing is kept for the gradient, and of what comes out one bit a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from painter.styling.winograd_kernels import POINTS, SEEN, TILE, cut, join
from renderers.simd import WIDE
from renderers.threads import share

_TILE_NUMBERS = 2**15  # of the tiles that are worked on at a time, at each point: tiles times channels
_STEP = _TILE_NUMBERS + 3 * WIDE  # numbers from point to point: powers of two apart they would share lines of the cache
_G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24

_scratch: list[tuple[Tensor, Tensor]] = []
"""What threads have worked with, [POINTS, _STEP] each, for those that come after: to clear it anew costs a tenth."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution's filters as the products need them."""

    forward: Tensor  # [POINTS, I, O]
    backward: Tensor  # [POINTS, O, I]
    edges: Tensor  # [4, O, 3 * I], the filters' upper, lower, left and right sides
    biases: Tensor  # [O]

    @staticmethod
    def of(filters: Tensor, biases: Tensor) -> Layer:
        """From filters [O, I, 3, 3] and biases [O], float32."""
        filters = F.pad(filters, (0, 0, 0, 0, 0, -filters.shape[1] % WIDE))
        sides = [filters[:, :, 0], filters[:, :, 2], filters[..., 0], filters[..., 2]]  # [O, I, 3] each
        edges = torch.stack([side.transpose(1, 2).flatten(1) for side in sides])
        turned = filters.flip(2, 3).transpose(0, 1)
        return Layer(_transformed(filters), _transformed(turned), edges, biases)


def fits(h: Tensor, filters: Tensor) -> bool:
    """Whether `convolve` can be used, and pays: h [1, I, H, W], filters [O, I, 3, 3]."""
    outs, ins = filters.shape[:2]
    plain = h.device.type == "cpu" and h.dtype == filters.dtype == torch.float32
    whole = (ins % WIDE == 0 or ins < WIDE) and outs % WIDE == 0
    return plain and whole and h.shape[2] * h.shape[3] >= max(ins, outs)


def convolve(h: Tensor, layer: Layer) -> Tensor:
    """relu(h * filters + biases), where what is at the border goes on outside.

    A few channels cost as much as WIDE.

    Args:
        h: [1, I, H, W] float32, best with its channels last; differentiable.

    Returns:
        [1, O, H, W], its channels last.
    """
    missing = layer.forward.shape[1] - h.shape[1]
    out: Tensor = _Convolution.apply(F.pad(h, (0, 0, 0, 0, 0, missing)) if missing else h, layer)
    return out


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, layer: Layer) -> Tensor:
        height, width = h.shape[2:]
        out = _empty(height, width, layer.forward.shape[2])
        signs = np.empty(out.numel() // 8, np.uint8)
        _correlate(_channels_last(h), None, True, layer.forward, layer.biases, _channels_last(out), signs)
        ctx.layer, ctx.signs = layer, signs
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        layer, g = ctx.layer, _channels_last(gradients[0])
        out = _empty(g.shape[0], g.shape[1], layer.backward.shape[2])
        none = torch.zeros(out.shape[1])
        _correlate(g, ctx.signs, False, layer.backward, none, _channels_last(out), None)
        _add_border(_channels_last(out), layer.edges, g, ctx.signs)
        return out, None


def _add_border(out: Tensor, edges: Tensor, g: Tensor, signs: np.ndarray) -> None:
    """What the border has to do with the places outside that repeat it, added to a gradient.

    Args:
        out: [H, W, I].
        edges: see `Layer`.
        g: [H, W, O], the gradient of what came out.
        signs: of that, as `join` writes them.
    """
    shown = signs.reshape(*g.shape[:2], -1)
    for k, end in enumerate((0, -1)):
        line, parts = out[end], _along(g[end], shown[end], edges[k])
        _add_shifted(line, parts)
        line[0] += parts[0, 0]  # corners
        line[-1] += parts[-1, 2]
        _add_shifted(out[:, end], _along(g[:, end], shown[:, end], edges[2 + k]))


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
    out_signs: np.ndarray | None,
) -> None:  # fmt: skip
    """Fill `out` [H', W', O] from h [H, W, I]; rectified if there are `out_signs`. See `cut` and `join`."""
    seen, made = ((image.shape[0], image.shape[1], image.shape[2]) for image in (h, out))
    across = -(-out.shape[1] // TILE)
    tiles = across * -(-out.shape[0] // TILE)
    most = max(1, min(tiles, _TILE_NUMBERS // max(h.shape[2], out.shape[2])))
    image, result = h.numpy().reshape(-1), out.numpy().reshape(-1)
    none = np.empty(0, np.uint8)
    pieces: Iterator[int] = count()  # whose next is taken under the interpreter's lock

    def work(first: int, step: int) -> None:
        scratch, counts = np.empty(POINTS * WIDE, np.float32), np.empty(POINTS, np.float32)
        places = np.empty(POINTS, np.int64)
        ins, outs = _scratch.pop() if _scratch else (torch.empty(POINTS, _STEP), torch.empty(POINTS, _STEP))
        ways = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            while (start := next(pieces) * most) < tiles:
                number = min(most, tiles - start)
                cut(image, none if signs is None else signs, seen, repeats, across, start, number,
                    _STEP, ins.numpy().reshape(-1), scratch, places, counts)  # fmt: skip
                torch.bmm(_rows(ins, number, h.shape[2]), filters, out=_rows(outs, number, out.shape[2]))
                join(outs.numpy().reshape(-1), biases.numpy(), out_signs is not None, across, start, number, _STEP,
                     made, result, none if out_signs is None else out_signs, scratch)  # fmt: skip
        finally:
            torch.set_num_threads(ways)
            _scratch.append((ins, outs))

    share(work)


def _rows(points: Tensor, tiles: int, channels: int) -> Tensor:
    found: Tensor = points[:, : tiles * channels].unflatten(1, (tiles, channels))
    return found


def _empty(height: int, width: int, channels: int) -> Tensor:
    """[1, C, H, W], its channels last."""
    return torch.empty(1, channels, height, width, memory_format=torch.channels_last)


def _channels_last(h: Tensor) -> Tensor:
    """[H, W, C], one number after the other, of [1, C, H, W]."""
    return h.detach()[0].permute(1, 2, 0).contiguous()


def _transformed(filters: Tensor) -> Tensor:
    """[POINTS, I, O]: G g Gᵀ of filters [O, I, 3, 3]."""
    g = torch.from_numpy(_G)
    points = torch.einsum("pa,qb,oiab->pqio", g, g, filters.detach().double())
    return points.reshape(SEEN * SEEN, *points.shape[2:]).float().contiguous()
