"""Which layer lies above which: first from pixels that one value decides alone, then by trying neighbours exchanged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from painter.layers.sprites import TOLERANCE, Stacked, differing, find_sprites, unexplained

_PIXELS = 400  # that are looked at: those that differ most from token to token
_TOKENS = 160
_DECIDED = 0.7  # share of a value's tokens, as what lies above may cover the others
_ELSEWHERE = 0.35  # largest share of other tokens that show the same
_CLEAR = 10  # times as many votes for an order as against it decide it
_NOISE = 3  # pixels more that an order must explain if votes are against it
_FEWEST = 3  # tokens from which a value's pixel counts as decided
_SWEEPS = 4


def find_order(tokens: Stacked) -> list[int]:
    """The layers' numbers from the lowest to the topmost.

    Layers that never meet keep their order, in which `tokens` has them.
    """
    tokens = _some(tokens)
    votes = _votes(tokens)
    return _improved(tokens, _ranked(votes), votes)


def _some(tokens: Stacked) -> Stacked:
    """Some tokens, at the pixels that differ most."""
    chosen = np.linspace(0, len(tokens.pixels) - 1, min(_TOKENS, len(tokens.pixels))).astype(int)
    spread = tokens.pixels[chosen].var(0).sum(-1)
    changing = np.flatnonzero(spread > TOLERANCE**2)
    if len(changing) > _PIXELS:  # evenly spread, so that small parts count as well
        changing = changing[np.linspace(0, len(changing) - 1, _PIXELS).astype(int)]
    return Stacked(tokens.pixels[chosen][:, changing], tokens.values[chosen], tokens.counts)


def _votes(tokens: Stacked) -> np.ndarray:
    """[L, L]: pixels at which a value of one layer hides a value of another."""
    layers = len(tokens.counts)
    votes = np.zeros((layers, layers), np.int64)
    groups = [(k, tokens.values[:, k] == v) for k in range(layers) for v in range(tokens.counts[k])]
    decided = [_decided(tokens.pixels, group, ~group) for _, group in groups]
    for i, (k, mine) in enumerate(groups):
        fixed, color = decided[i][0].nonzero()[0], decided[i][1]
        for m, other in groups:
            both = mine & other
            if m == k or not both.any() or not len(fixed):
                continue
            alone, shown = _decided(tokens.pixels[:, fixed], other & ~mine, ~other & ~mine)
            hidden = ~differing(np.median(tokens.pixels[both][:, fixed], axis=0), color[fixed])
            votes[k, m] += int((alone & hidden & differing(shown, color[fixed], 4 * TOLERANCE)).sum())
    return votes


def _decided(pixels: np.ndarray, group: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels at which most tokens of a group, and few others, show the same, bool [P]; what they show, [P, 4]."""
    if group.sum() < _FEWEST:
        return np.zeros(pixels.shape[1], bool), np.zeros((pixels.shape[1], 4), np.float32)
    shown = pixels[group]
    color = np.median(shown, axis=0)
    here, elsewhere = ((~differing(part, color)).mean(0) if len(part) else 0 for part in (shown, pixels[others]))
    return np.logical_and(here >= _DECIDED, elsewhere <= _ELSEWHERE), color


def _ranked(votes: np.ndarray) -> list[int]:
    """The order that most votes agree with: one after the other, the layer that is hidden most by what is left."""
    left, order = list(range(len(votes))), []
    while left:
        # Its votes for lying above others, less those for lying below; the first of equal ones.
        lowest = min(left, key=lambda k: (sum(np.sign(votes[k, m] - votes[m, k]) for m in left), left.index(k)))
        order.append(lowest)
        left.remove(lowest)
    return order


def _improved(tokens: Stacked, order: list[int], votes: np.ndarray) -> list[int]:
    """Exchange neighbours that votes do not decide between as long as that explains more."""
    best = _unexplained(tokens, order)
    for _ in range(len(order)):
        before = best
        for k in range(len(order) - 1):
            lower, upper = order[k], order[k + 1]
            if best == 0:
                return order
            against = votes[upper, lower] > votes[lower, upper]
            if votes[upper, lower] >= _CLEAR * max(1, votes[lower, upper]):
                continue
            other = [*order[:k], order[k + 1], order[k], *order[k + 2 :]]
            found = _unexplained(tokens, other)
            if found < best - _NOISE * against:
                order, best = other, found
        if best == before:
            break
    return order


def _unexplained(tokens: Stacked, order: Sequence[int]) -> int:
    """Pixels at which the layers in this order do not explain all tokens."""
    ordered = tokens.reordered(order)
    return int((unexplained(find_sprites(ordered, _SWEEPS), ordered) > 0).sum())
