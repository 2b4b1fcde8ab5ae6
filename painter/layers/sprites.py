"""Finds the picture of each trait value from tokens that stack them, by alternating least squares, pixel by pixel.

A token shows, at a pixel, P + (1 - a) B, where P and a are the premultiplied colour and the alpha of a layer and B is
what lies below; layers above do the same to that. With all layers but one given, P and a of each of its values follow
from the tokens that have the value. Three answers are compared: the value is transparent there, it is opaque, or it is
in between; the simplest that explains most tokens is taken. Layers are solved in turn, from the topmost to the lowest,
several times over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

TOLERANCE = 1.75 / 255  # largest difference that rounding of pictures explains
_SEEN = 0.02  # share of a layer that must be seen through those above to count
_BYTES = 2**28  # of the largest arrays
_AGAIN = 3  # sweeps of a restart
_MOST_TRIED = 3  # answers of each kind from a few tokens alone
_SIMPLER = (0.0, 0.4, 0.8)  # tokens that an opaque or a half-transparent answer must explain more than a simpler one


@dataclass(frozen=True, eq=False)
class Stacked:
    """Tokens and the values of their layers, in the order of layers, the lowest first."""

    pixels: np.ndarray  # [T, P, 4] float32 in [0, 1], premultiplied
    values: np.ndarray  # [T, L] int64, of each token's layers
    counts: tuple[int, ...]  # values of each layer

    def reordered(self, order: Sequence[int]) -> Stacked:
        """With the layers in another order."""
        return Stacked(self.pixels, self.values[:, list(order)], tuple(self.counts[k] for k in order))

    def at(self, pixels: np.ndarray | slice) -> Stacked:
        """At some of the pixels."""
        return Stacked(self.pixels[:, pixels], self.values, self.counts)


Sprites = list[np.ndarray]
"""Of each layer, [values, P, 4] float32 in [0, 1], premultiplied."""


def find_sprites(tokens: Stacked, sweeps: int = 6, restarts: int = 0, width: int = 1) -> Sprites:
    """The pictures of all values.

    Args:
        tokens: at least one; the order of layers is taken as given.
        sweeps: times that all layers are solved.
        restarts: how often pixels that are not explained are solved anew, from what is beside them.
        width: pixels of a row.
    """
    count, pixels = tokens.pixels.shape[:2]
    step = max(1, _BYTES // (16 * count * (len(tokens.counts) + 4)))
    parts = [_Solver(tokens.at(slice(start, start + step))).solve(sweeps) for start in range(0, max(1, pixels), step)]
    sprites = [np.concatenate([part[k] for part in parts], axis=1) for k in range(len(tokens.counts))]
    random = np.random.default_rng(0)
    for _ in range(restarts):
        wrong = unexplained(sprites, tokens)
        bad = np.flatnonzero(wrong)[: step // 2]
        if not len(bad):
            break
        other = _Solver(tokens.at(bad), random).improve(_beside(sprites, bad, wrong == 0, width, random), _AGAIN)
        better = unexplained(other, tokens.at(bad)) < wrong[bad]
        for mine, found in zip(sprites, other, strict=True):
            mine[:, bad[better]] = found[:, better]
    return sprites


def unexplained(sprites: Sprites, tokens: Stacked) -> np.ndarray:
    """How many tokens show something else at each pixel: int [P]."""
    wrong: np.ndarray = differing(stack(sprites, tokens.values), tokens.pixels).sum(0)
    return wrong


def stack(sprites: Sprites, values: np.ndarray) -> np.ndarray:
    """What tokens with these values [T, L] show: [T, P, 4] float32, premultiplied."""
    shown: np.ndarray = sprites[0][values[:, 0]]
    for k in range(1, len(sprites)):
        above = sprites[k][values[:, k]]
        shown = above + (1 - above[..., 3:]) * shown
    return shown


def fill_hidden(sprites: Sprites, values: np.ndarray, shape: tuple[int, int]) -> Sprites:
    """Layers whose pixels that no token shows are those of the nearest pixel that one does.

    New combinations may show them.

    Args:
        sprites: in order, the lowest first.
        values: [T, L] int64, of the tokens that they were found from.
        shape: (height, width).
    """
    filled = [layer.copy() for layer in sprites]
    through = np.ones((len(values), sprites[0].shape[1]), np.float32)
    for k in reversed(range(len(sprites))):
        for v in range(len(sprites[k])):
            mine = values[:, k] == v
            hidden = ~(through[mine] > _SEEN).any(0).reshape(shape) if mine.any() else np.ones(shape, bool)
            if hidden.any() and not hidden.all():
                nearest = distance_transform_edt(hidden, return_distances=False, return_indices=True)
                filled[k][v] = sprites[k][v][np.ravel_multi_index(tuple(nearest), shape).reshape(-1)]
        through *= 1 - sprites[k][values[:, k], :, 3]
    return filled


def differing(a: np.ndarray, b: np.ndarray, tolerance: float = TOLERANCE) -> np.ndarray:
    """Where two pictures [..., 4] differ by more than rounding: bool [...]."""
    return _largest(np.abs(a - b)) > tolerance


def _largest(values: np.ndarray) -> np.ndarray:
    """The largest of four channels, [...] of [..., 4]; far faster than numpy's reduction of a short axis."""
    first = np.maximum(values[..., 0], values[..., 1])
    largest: np.ndarray = np.maximum(np.maximum(first, values[..., 2]), values[..., 3])
    return largest


def _beside(
    sprites: Sprites, bad: np.ndarray, explained: np.ndarray, width: int, random: np.random.Generator
) -> Sprites:
    """What each value shows at a pixel beside each of the `bad` ones, at one that is explained if there is any."""
    rows, columns = divmod(bad, width)
    height = len(explained) // width
    places, known = [], []
    for down, across in ((a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)):
        place = np.clip(rows + down, 0, height - 1) * width + np.clip(columns + across, 0, width - 1)
        places.append(place)
        known.append(explained[place])
    beside, liked = np.stack(places), np.stack(known)
    found = []
    for layer in sprites:
        chosen = (random.random((len(layer), *beside.shape)) + liked).argmax(1)  # [values, bad]
        at = np.take_along_axis(beside, chosen, axis=0)
        found.append(np.take_along_axis(layer, at[..., None], axis=1))
    return found


class _Solver:
    """Solves the layers at some pixels.

    Args:
        random: compares more answers; None does not.
    """

    def __init__(self, tokens: Stacked, random: np.random.Generator | None = None) -> None:
        self._tokens, self._layers, self._random = tokens, len(tokens.counts), random
        pixels = tokens.pixels.shape[1]
        self._sprites = [np.zeros((count, pixels, 4), np.float32) for count in tokens.counts]
        self._groups = [
            [np.flatnonzero(tokens.values[:, k] == v) for v in range(count)] for k, count in enumerate(tokens.counts)
        ]

    def solve(self, sweeps: int) -> Sprites:
        """The layers, from a first guess."""
        self._sweep(first=True)
        return self.improve(self._sprites, sweeps - 1)

    def improve(self, sprites: Sprites, sweeps: int) -> Sprites:
        """The layers, from some that are given."""
        self._sprites = sprites
        for _ in range(sweeps):
            before = [one.copy() for one in self._sprites]
            self._sweep(first=False)
            if all(np.array_equal(a, b) for a, b in zip(before, self._sprites, strict=True)):
                break
        return self._sprites

    def _sweep(self, first: bool) -> None:
        """Solve all layers once, from the topmost to the lowest."""
        pixels, values = self._tokens.pixels, self._tokens.values
        below = self._below()
        over, through = np.zeros_like(pixels), np.ones((*pixels.shape[:2], 1), np.float32)
        for k in reversed(range(self._layers)):
            seen = (pixels - over) / np.maximum(through, 1e-3)
            alike = _alike(seen, through) if first else None
            for v, group in enumerate(self._groups[k]):
                if len(group):
                    found = (seen[group], through[group, :, 0])
                    if first:
                        self._sprites[k][v] = _first_guess(*found, alike if k else None)
                    else:
                        self._sprites[k][v] = _solve_value(*found, below[k][group], self._random)
            mine = self._sprites[k][values[:, k]]
            over += through * mine
            through *= 1 - mine[..., 3:]

    def _below(self) -> list[np.ndarray]:
        """What lies below each layer, [T, P, 4]."""
        shown = [np.zeros_like(self._tokens.pixels)]
        for k in range(self._layers - 1):
            mine = self._sprites[k][self._tokens.values[:, k]]
            shown.append(mine + (1 - mine[..., 3:]) * shown[-1])
        return shown


def _alike(seen: np.ndarray, through: np.ndarray) -> np.ndarray:
    """Pixels at which all tokens that show anything show the same: bool [P]."""
    shown = through > 0.5
    low = np.where(shown, seen, np.inf).min(0)
    high = np.where(shown, seen, -np.inf).max(0)
    alike: np.ndarray = (high - low).max(-1) <= 2 * TOLERANCE
    return alike


def _first_guess(seen: np.ndarray, through: np.ndarray, alike: np.ndarray | None) -> np.ndarray:
    """Opaque where all tokens of a value show the same and others something else, or else transparent: [P, 4].

    Args:
        seen: [n, P, 4], what the tokens show below the layers above.
        through: [n, P], how much of it is seen.
        alike: [P], where all tokens show the same; None for the lowest layer, which is opaque everywhere.
    """
    color = _median(seen, through)
    if alike is None:
        return color
    wrong = (differing(seen, color) & (through > 0.5)).sum(0)
    opaque = (wrong == 0) & ~alike & (through > 0.5).any(0)
    return np.where(opaque[:, None], color, 0)


def _solve_value(
    seen: np.ndarray, through: np.ndarray, below: np.ndarray, random: np.random.Generator | None
) -> np.ndarray:
    """The best answer at each pixel, [P, 4] premultiplied.

    Args:
        seen, below: what tokens show and what lies below, [n, P, 4] each.
        through: [n, P], how much of the layer is seen.
        random: also tries answers from a few tokens alone (M. Fischler, R. Bolles, 1981: RANSAC).
    """
    weight = np.where(through > _SEEN, through, 0)[..., None]
    found = [np.zeros_like(seen[0]), _median(seen, through), _half_transparent(seen, weight, below)]
    simpler = list(_SIMPLER)
    for _ in range(int(random.integers(1, _MOST_TRIED + 1)) if random is not None and len(seen) > 2 else 0):
        assert random is not None
        chosen = random.integers(0, len(seen), 3)
        found += [seen[chosen[0]], _half_transparent(seen[chosen], weight[chosen], below[chosen])]
        simpler += _SIMPLER[1:]
    answers, costs = np.stack(found), []
    for answer, more in zip(answers, simpler, strict=True):
        error = _largest(np.abs(weight * (seen - answer - (1 - answer[:, 3:]) * below)))
        costs.append((error > TOLERANCE).sum(0) + np.minimum(error, 10 * TOLERANCE).mean(0) + more)
    best = np.argmin(costs, axis=0)
    answer = np.take_along_axis(answers, best[None, :, None], 0)[0]
    return np.where((weight > 0).any(0), answer, 0).astype(np.float32)


def _median(seen: np.ndarray, through: np.ndarray) -> np.ndarray:
    """The median of what tokens show where they show most: an opaque colour [P, 4], in steps of 1/255."""
    shown = through >= 0.9 * through.max(0, keepdims=True)
    ordered = np.sort(np.where(shown[..., None], seen, np.inf), axis=0)
    color = np.take_along_axis(ordered, ((shown.sum(0) - 1) // 2)[None, :, None], 0)[0]
    steps: np.ndarray = (np.rint(np.clip(color, 0, 1) * 255) / 255).astype(np.float32)
    return steps


def _half_transparent(seen: np.ndarray, weight: np.ndarray, below: np.ndarray) -> np.ndarray:
    """The least squares' answer [P, 4]: seen = P + s B, with one slope s = 1 - alpha for all colours.

    Alpha's own channel is (1 - s) + s B, a line through (1, 1).
    """
    total = np.maximum(weight.sum(0), 1e-9)
    mean_seen, mean_below = (weight * seen).sum(0) / total, (weight * below).sum(0) / total
    a, b = (seen - mean_seen)[..., :3], (below - mean_below)[..., :3]
    one_seen, one_below = (1 - seen)[..., 3:], (1 - below)[..., 3:]
    across = (weight * a * b).sum((0, 2)) + (weight * one_seen * one_below).sum((0, 2))
    spread = (weight * b * b).sum((0, 2)) + (weight * one_below**2).sum((0, 2))
    slope = np.clip(across / np.maximum(spread, 1e-9), 0, 1)
    alpha = np.rint((1 - slope) * 255)[:, None] / 255
    color = np.clip(mean_seen - (1 - alpha) * mean_below, 0, alpha)[:, :3]
    with np.errstate(invalid="ignore"):
        straight = np.rint(np.nan_to_num(color / alpha) * 255) / 255  # as an 8-bit picture keeps it
    found: np.ndarray = np.concatenate((straight * alpha, alpha), axis=1).astype(np.float32)
    return found
