"""Finds the traits of stacked pictures where there is no metadata.

A picture is looked at in small cells. In each, tokens that look alike have one label. Cells whose labels say much about
each other (mutual information) show one part; what tokens show in the largest such group of cells gives a trait, whose
layer is then found by least squares, see sprites.py. What the layers so far do not explain gives the next trait.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from painter.layers.sprites import Sprites, Stacked, differing, find_sprites, stack

_GRID = 48  # pixels of a side that are looked at, at most
_CELL = 2  # pixels of a cell's side
_MOST_LABELS = 12  # of a cell; rarer ones count as one
_MOST_TRAITS = 16
_RELATED = 0.7  # share of the larger entropy that two cells have in common from which they show one part
_ALIKE = 0.35  # share of a group's cells in which tokens of one value may differ
_RAREST = 2  # tokens of a value
_EXPLAINED = 0.002  # share of the pixels that may stay unexplained
_GAIN = 0.97  # of what is unexplained must be left at most by another trait
_COVERED = 0.35  # share of the tokens that are not explained at a pixel from which all are looked at
_APART = 3.0  # tokens that two traits should have in common by chance, from which having none makes them one
_SWEEPS, _RESTARTS = 3, 1


@dataclass(frozen=True, eq=False)
class Found:
    """Traits of tokens."""

    values: np.ndarray  # [T, traits] int64
    sure: float  # in [0, 1]: how much nearer tokens are to others of their value than to those of the next, on average


def find_traits(pixels: np.ndarray, shape: tuple[int, int]) -> Found:
    """The traits of tokens that all differ in them.

    Args:
        pixels: [T, H * W, 4] float32 in [0, 1], premultiplied.
        shape: (H, W).
    """
    small, (_, width) = _reduced(pixels, shape)
    count = len(small)
    values, margins = np.zeros((count, 1), np.int64), list[float]()
    sprites = find_sprites(Stacked(small, values, (1,)))
    wrong = differing(stack(sprites, values), small)
    while values.shape[1] <= _MOST_TRAITS and wrong.mean() > _EXPLAINED:
        found = _next_trait(small, wrong, width)
        if found is None:
            break
        trait, margin = found
        more = np.concatenate((values, trait[:, None]), axis=1)
        counts = tuple(int(one) for one in more.max(0) + 1)
        found_sprites = find_sprites(Stacked(small, more, counts), _SWEEPS, _RESTARTS, width)
        left = differing(stack(found_sprites, more), small)
        if left.mean() > _GAIN * wrong.mean():
            break
        values, wrong, sprites = more, left, found_sprites
        margins.append(margin)
    values = _without_doubles(small, values, sprites)
    return Found(_merged(values[:, 1:]), float(np.mean(margins)) * (1 - float(wrong.mean())) if margins else 0.0)


def infer_values(sprites: Sprites, pixels: np.ndarray, sweeps: int = 4, most: int = 3000) -> np.ndarray:
    """The values of layers that tokens show: [T, L] int64.

    Args:
        sprites: of each layer, the lowest first.
        pixels: [T, P, 4] float32, premultiplied.
        sweeps: times that all layers are looked at, one given the others.
        most: pixels that are looked at.
    """
    step = max(1, pixels.shape[1] // most)
    pixels, sprites = pixels[:, ::step], [one[:, ::step] for one in sprites]
    values = np.zeros((len(pixels), len(sprites)), np.int64)
    best = np.full(len(pixels), np.inf)
    for _ in range(sweeps):
        before = values.copy()
        for k, layer in enumerate(sprites):
            for v in range(len(layer)):
                other = values.copy()
                other[:, k] = v
                cost = np.minimum(np.abs(stack(sprites, other) - pixels).max(-1), 0.1).sum(1)
                better = cost < best
                values[better, k], best = v, np.minimum(cost, best)
        if np.array_equal(values, before):
            break
    return values


def _without_doubles(pixels: np.ndarray, values: np.ndarray, sprites: Sprites) -> np.ndarray:
    """The traits [T, traits] with values made one that explain as much as one.

    A part that lies on another may have been taken for several, one on each. They never occur with the same value of
    that other trait; only such values are tried.
    """
    values = values.copy()
    for k in range(1, values.shape[1]):
        here = np.flatnonzero((sprites[k][..., 3] > 0).any(0))
        best = _left(pixels[:, here], values)
        for u in range(len(sprites[k])):
            for v in range(u + 1, len(sprites[k])):
                if _exclusive(values, k, u, v):
                    other = values.copy()
                    other[other[:, k] == v, k] = u
                    left = _left(pixels[:, here], other)
                    if left <= best + _EXPLAINED:
                        values, best = other, min(best, left)
        values[:, k] = np.unique(values[:, k], return_inverse=True)[1].reshape(-1)
    return values


def _exclusive(values: np.ndarray, trait: int, u: int, v: int) -> bool:
    """Whether two values of a trait never occur with the same value of some other trait."""
    first, second = (values[values[:, trait] == one] for one in (u, v))
    if not len(first) or not len(second):
        return False
    others = [m for m in range(1, values.shape[1]) if m != trait]
    return any(not np.intersect1d(first[:, m], second[:, m]).size for m in others)


def _left(pixels: np.ndarray, values: np.ndarray) -> float:
    """The share of pixels that layers of these values do not explain."""
    counts = tuple(int(one) for one in values.max(0) + 1)
    return float(differing(stack(find_sprites(Stacked(pixels, values, counts), _SWEEPS), values), pixels).mean())


def _merged(values: np.ndarray) -> np.ndarray:
    """The traits [T, traits], those made one that never show together: parts of one trait at different places."""
    merged: list[np.ndarray] = []
    for trait in values.T:
        shown = trait != np.bincount(trait).argmax()
        for k, other in enumerate(merged):
            there = other != np.bincount(other).argmax()
            if not (shown & there).any() and shown.mean() * there.sum() >= _APART:
                merged[k] = np.unique(np.stack((other, trait), axis=1), axis=0, return_inverse=True)[1].reshape(-1)
                break
        else:
            merged.append(trait)
    together: np.ndarray = np.stack(merged, axis=1) if merged else values
    return together


def _reduced(pixels: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
    """Some pixels of each picture, on a grid, and the grid's size: colours stay as they are."""
    height, width = shape
    step = -(-max(height, width) // _GRID)
    grid = pixels.reshape(len(pixels), height, width, 4)[:, step // 2 :: step, step // 2 :: step]
    rows, columns = (side // _CELL * _CELL for side in grid.shape[1:3])
    grid = grid[:, :rows, :columns]
    return np.ascontiguousarray(grid).reshape(len(pixels), -1, 4), (rows, columns)


def _next_trait(pixels: np.ndarray, wrong: np.ndarray, width: int) -> tuple[np.ndarray, float] | None:
    """The values of one more trait, [T] int64, from what is not explained, and how clear they are; None if nothing is.

    Args:
        wrong: [T, P] bool, what is not explained.
    """
    labels = _labels(pixels, wrong, width)
    if not labels.shape[1]:
        return None
    related = _related(labels)
    group = related[related.sum(1).argmax()]
    return _clustered(labels[:, group])


def _labels(pixels: np.ndarray, wrong: np.ndarray, width: int) -> np.ndarray:
    """Of cells that are not explained, which tokens look alike: [T, cells] int64; 0 where nothing is unexplained."""
    count, (height, width) = len(pixels), (pixels.shape[1] // width, width)

    def cells(values: np.ndarray) -> np.ndarray:
        """[T, cells, ...] of [T, P, ...]."""
        rows, columns = height // _CELL, width // _CELL
        parts = values.reshape(count, rows, _CELL, columns, _CELL, -1).transpose(0, 1, 3, 2, 4, 5)
        found: np.ndarray = parts.reshape(count, rows * columns, -1)
        return found

    # Layers below a part that covers a pixel in most tokens explain it in some by chance.
    counted = wrong | (wrong.mean(0) > _COVERED)
    marked = np.where(counted[..., None], np.rint(pixels * 255) + 1, 0).astype(np.int16)
    steps, unexplained = cells(marked), cells(wrong).any(-1)
    found = []
    for k in np.flatnonzero(unexplained.mean(0) >= max(0.02, _RAREST / count)):
        _, number = np.unique(steps[:, k], axis=0, return_inverse=True)
        number = np.where(steps[:, k].any(-1), number.reshape(-1) + 1, 0)
        kinds, often = np.unique(number, return_counts=True)
        common = kinds[np.argsort(-often, kind="stable")][: _MOST_LABELS - 1]
        place = np.searchsorted(np.sort(common), number).clip(0, len(common) - 1)
        known = np.sort(common)[place] == number
        # So that 0 stays 'explained', and the last label stands for all that are rare.
        found.append(np.where(number == 0, 0, np.where(known, place + 1, _MOST_LABELS)))
    return np.stack(found, axis=1) if found else np.zeros((count, 0), np.int64)


def _related(labels: np.ndarray) -> np.ndarray:
    """Which cells show one part: bool [cells, cells], by mutual information as a share of the larger entropy."""
    count, cells = labels.shape
    kinds = _MOST_LABELS + 1
    one_hot = (labels[:, :, None] == np.arange(kinds)).reshape(count, -1).astype(np.float32)
    joint = (one_hot.T @ one_hot / count).reshape(cells, kinds, cells, kinds)
    alone = one_hot.mean(0).reshape(cells, kinds)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.nansum(alone * np.log(alone), axis=1)
        shared = -np.nansum(joint * np.log(joint), axis=(1, 3))  # the joint entropy
    used = (alone > 0).sum(1)
    information = entropy[:, None] + entropy - shared
    information -= (used[:, None] - 1) * (used - 1) / (2 * count)  # what chance alone gives (G. Miller, 1955)
    largest = np.maximum(entropy[:, None], entropy)
    related: np.ndarray = information >= _RELATED * np.maximum(largest, 1e-9)
    np.fill_diagonal(related, True)
    return related


def _clustered(labels: np.ndarray) -> tuple[np.ndarray, float]:
    """Values of tokens by their labels [T, cells] in a group of cells, and how clear these are, in [0, 1].

    The most common row of labels leads the first value, the most common of those far from it the second, and so on, as
    parts that lie above may hide some cells of a token.
    """
    rows, inverse, often = np.unique(labels, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    leaders: list[np.ndarray] = []
    for k in np.argsort(-often, kind="stable"):
        if all((rows[k] != leader).mean() > _ALIKE for leader in leaders):
            near = (labels != rows[k]).mean(1) <= _ALIKE
            if near.sum() >= _RAREST or not leaders:
                leaders.append(rows[k])
    distance = np.stack([(labels != leader).mean(1) for leader in leaders], axis=1)
    often = np.bincount(distance.argmin(1), minlength=len(leaders))
    distance = distance[:, often >= min(_RAREST, often.max())]
    ordered = np.sort(distance, axis=1)
    margin = 1 - ordered[:, 0] / np.maximum(ordered[:, 1], 1e-9) if ordered.shape[1] > 1 else np.zeros(len(labels))
    return distance.argmin(1).astype(np.int64), float(margin.clip(0, 1).mean())
