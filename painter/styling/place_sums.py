"""Sums over all places of features, Gram matrices and squares, some places at a time: no features are copied.

Each piece is worked on by one thread, and what pieces add up to is added up in their order, so that the number of
threads changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from painter.styling import recycled
from painter.styling.winograd import GRADIENTS
from painter.system.devices import one_torch_thread
from renderers.threads import share

_NUMBERS = 2**18  # of features that are worked on at a time


def gram_products(flat: Tensor, counts: Tensor | None) -> Tensor:
    """F diag(m) F^T [C, C] of features F [C, P] and m [P], 1 if not given."""
    rows, pieces = flat.T, _pieces(flat)
    parts = _empty(flat, len(pieces), len(flat), len(flat))

    def work(k: int) -> None:
        part = rows[pieces[k]]
        torch.mm((part if counts is None else part * counts[pieces[k], None]).T, part, out=parts[k])

    _each(work, len(pieces), flat)
    for part in parts[1:]:
        parts[0] += part
    return parts[0].clone()


def gram_gradient(flat: Tensor, counts: Tensor | None, both: Tensor) -> Tensor:
    """S F diag(m) [C, P] of features F [C, P], m [P] and S [C, C] that is symmetric; it lies as the features do.

    Like other gradients it is multiplied in bfloat16 where the processor can, and float32 comes out.
    """
    rows, pieces = flat.T, _pieces(flat)
    found = _empty_like(flat)
    both = both.to(GRADIENTS) if _is_plain(flat) else both

    def work(k: int) -> None:
        part = rows[pieces[k]].to(both.dtype) @ both
        torch.mul(part, 1 if counts is None else counts[pieces[k], None], out=found.T[pieces[k]])

    _each(work, len(pieces), flat)
    return found


def squares(flat: Tensor, target: Tensor, counts: Tensor | None) -> Tensor:
    """[] the sum of m (F - T)^2 of features F and T [C, P] and m [P], 1 if not given."""
    pieces = _pieces(flat)
    parts = flat.new_empty(len(pieces))

    def work(k: int) -> None:
        change = (flat.T[pieces[k]] - target.T[pieces[k]]).square_()
        parts[k] = (change if counts is None else change.mul_(counts[pieces[k], None])).sum()

    _each(work, len(pieces), flat)
    return parts.sum()


def squares_gradient(flat: Tensor, target: Tensor, counts: Tensor | None, by: Tensor) -> Tensor:
    """Times `by` [], the gradient of `squares` [C, P]; it lies as the features do."""
    pieces, found = _pieces(flat), _empty_like(flat)
    factors = 2 * by if counts is None else counts[:, None] * (2 * by)

    def work(k: int) -> None:
        part = found.T[pieces[k]]
        torch.sub(flat.T[pieces[k]], target.T[pieces[k]], out=part)
        part.mul_(factors if counts is None else factors[pieces[k]])

    _each(work, len(pieces), flat)
    return found


def _is_plain(flat: Tensor) -> bool:
    return flat.dtype == torch.float32 and flat.device.type == "cpu"


def _empty(flat: Tensor, *shape: int) -> Tensor:
    """Like the features in kind, on their device."""
    return recycled.features.empty(*shape) if _is_plain(flat) else flat.new_empty(shape)


def _empty_like(flat: Tensor) -> Tensor:
    return _empty(flat, flat.shape[1], flat.shape[0]).T if flat.stride(0) == 1 else torch.empty_like(flat)


def _pieces(flat: Tensor) -> list[slice]:
    """Places that are worked on at a time."""
    channels, places = flat.shape
    step = max(1, _NUMBERS // channels) if flat.device.type == "cpu" else places
    return [slice(start, start + step) for start in range(0, places, step)]


def _each(work: Callable[[int], None], count: int, flat: Tensor) -> None:
    """Call work(k) for k in 0 … count - 1, on the CPU in threads, each with one of torch's own."""

    def some(first: int, step: int) -> None:
        with one_torch_thread(), torch.no_grad():
            for k in range(first, count, step):
                work(k)

    if flat.device.type == "cpu":
        share(some)
    else:
        for k in range(count):
            work(k)
