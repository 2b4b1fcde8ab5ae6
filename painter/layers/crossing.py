"""Crosses two layered collections: the heads of one on the bodies of the other, aligned, in one palette.

Layers are taken and left by name, or by where they are: a layer whose pictures lie, on average, above the middle of the
figure is part of the head. Grounds, which cover nearly everything, belong to the body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.color import rgb2lab

from painter.batch.collection.recipe import Axis, Recipe
from painter.errors import OptionError, one_line
from painter.layers.layer_files import Drawn
from painter.pictures.stacking import read_layer, resized

_GROUND = 0.9  # mean alpha from which a layer is a ground
_COLORS, _APART = 64, 10.0  # of a palette, at most; least difference between two of them, in steps of 1/255
_NEARLY = 0.12  # difference of scale from 1 up to which heads are only moved, so that pixels stay as they are
_HEAVIEST = 10**6


@dataclass(frozen=True, eq=False)
class Parts:
    """The traits of one collection, from the lowest layer to the topmost, and which are of the head."""

    name: str
    traits: tuple[Drawn, ...]
    head: tuple[bool, ...]
    smooth: bool

    def chosen(self, head: bool) -> list[Drawn]:
        """Those of the head, or all others."""
        return [trait for trait, one in zip(self.traits, self.head, strict=True) if one == head]


def read_parts(recipe: Recipe, names: Sequence[str] | None, option: str) -> Parts:
    """The parts of a collection, from its recipe.

    Args:
        names: of the traits of the head; None finds them by where they are.
        option: the option that gave the names, for messages.

    Raises:
        OptionError: the recipe has no layers, or there is no such trait.
        PictureError: a layer cannot be read.
    """
    axes = [axis for axis in recipe.axes if any(value.layer for value in axis.values)]
    if not axes:
        raise OptionError(
            f"{one_line(recipe.file)}: its values have no layers; name the recipe of a layered collection"
        )
    traits = tuple(map(_drawn, axes))
    known = {trait.name.casefold() for trait in traits}
    for name in names or ():
        if name.casefold() not in known:
            raise OptionError(
                f"{option} {name}: there is no such layer; choose from {', '.join(t.name for t in traits)}"
            )
    asked = None if names is None else {name.casefold() for name in names}
    head = _is_head(traits) if asked is None else tuple(trait.name.casefold() in asked for trait in traits)
    if not any(head) or all(head):
        which = "no layer" if not any(head) else "every layer"
        raise OptionError(f"{one_line(recipe.file)}: {which} would be of the head; name those that are with {option}")
    return Parts(recipe.about.name, traits, head, recipe.layers.smooth)


def cross(heads: Parts, bodies: Parts, one_palette: bool = True) -> list[Drawn]:
    """The traits of the crossed collection, from the lowest layer to the topmost.

    Args:
        one_palette: whether heads get the colours of the bodies' collection.
    """
    taken = heads.chosen(head=True)
    side = max(bodies.traits[0].pictures.shape[1:3])
    moved = _aligned(taken, bodies.chosen(head=True), side, heads.smooth and bodies.smooth)
    if one_palette:
        moved = _recolored(moved, [trait for trait in bodies.traits if not _is_ground(trait)])
    place = bodies.head.index(True)
    kept = bodies.chosen(head=False)
    below = sum(not one for one in bodies.head[:place])
    names = {trait.name.casefold() for trait in kept}
    moved = [
        replace(trait, name=f"{heads.name} {trait.name}") if trait.name.casefold() in names else trait
        for trait in moved
    ]
    return [*kept[:below], *moved, *kept[below:]]


def _drawn(axis: Axis) -> Drawn:
    """An axis with its pictures; a value without a layer shows nothing."""
    weights = [Fraction(value.count) if value.count is not None else value.weight for value in axis.values]
    scale = lcm(*(weight.denominator for weight in weights))
    files = [value.layer for value in axis.values]
    pictures = {file: read_layer(file) for file in files if file is not None}
    empty = np.zeros_like(next(iter(pictures.values())))
    return Drawn(
        axis.name,
        tuple(str(value.name) for value in axis.values),
        tuple(min(_HEAVIEST, max(1, int(weight * scale))) for weight in weights),
        np.stack([empty if file is None else pictures[file] for file in files]),
    )


# --- where parts are ----------------------------------------------------------------------------------------------


def _cover(trait: Drawn) -> np.ndarray:
    """The mean alpha of a trait's pictures, [H, W] in [0, 1]."""
    cover: np.ndarray = np.average(trait.pictures[..., 3] / 255, axis=0, weights=trait.weights)
    return cover


def _is_ground(trait: Drawn) -> bool:
    return bool(_cover(trait).mean() >= _GROUND)


def _is_head(traits: Sequence[Drawn]) -> tuple[bool, ...]:
    """Which traits lie above the middle of the figure."""
    figure = [_cover(trait) for trait in traits if not _is_ground(trait)]
    if not figure:
        return tuple(False for _ in traits)
    top, bottom, _, _ = _box(np.max(figure, axis=0))
    middle = (top + bottom) / 2
    return tuple(not _is_ground(trait) and _height(_cover(trait)) < middle for trait in traits)


def _height(cover: np.ndarray) -> float:
    """The row of the centre of what is covered; the lowest if nothing is."""
    rows = cover.sum(1)
    return float((rows * np.arange(len(rows))).sum() / rows.sum()) if rows.sum() else float(len(rows))


def _box(cover: np.ndarray) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of what is covered at least half as much as the most covered pixel."""
    shown = cover >= 0.5 * max(float(cover.max()), 1e-9)
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _largest(traits: Sequence[Drawn]) -> np.ndarray:
    """The cover of the trait that covers most: the head itself, rather than what is on it."""
    return max(map(_cover, traits), key=lambda cover: float(cover.sum()))


def _aligned(taken: Sequence[Drawn], instead: Sequence[Drawn], side: int, smooth: bool) -> list[Drawn]:
    """Heads as wide as the heads that they replace, with the middle of their lower edge at the same place."""
    sized = [
        replace(trait, pictures=np.stack([resized(one, side, smooth) for one in trait.pictures])) for trait in taken
    ]
    _, bottom, left, right = _box(_largest(sized))
    _, their_bottom, their_left, their_right = _box(_largest(instead))
    scale = (their_right - their_left) / (right - left)
    if abs(scale - 1) <= _NEARLY:
        scale = 1.0
    middle, their_middle = (left + right) / 2, (their_left + their_right) / 2
    shape = instead[0].pictures.shape[1:3]
    return [
        replace(
            trait,
            pictures=np.stack(
                [
                    _placed(one, scale, (bottom, middle), (their_bottom, their_middle), shape, smooth)
                    for one in trait.pictures
                ]
            ),
        )
        for trait in sized
    ]


def _placed(
    pixels: np.ndarray, scale: float, point: tuple[float, float], goal: tuple[float, float], shape: Sequence[int],
    smooth: bool,
) -> np.ndarray:  # fmt: skip
    """A picture scaled, so that `point` (row, column) comes to `goal` in a picture of another shape."""
    if scale != 1:
        pixels = resized(pixels, max(1, round(scale * max(pixels.shape[:2]))), smooth)
    down, across = (round(goal[k] - scale * point[k]) for k in (0, 1))
    image = Image.new("RGBA", (shape[1], shape[0]), (0, 0, 0, 0))
    image.paste(Image.fromarray(pixels), (across, down))
    return np.array(image)


# --- colours ------------------------------------------------------------------------------------------------------


def _recolored(traits: Sequence[Drawn], others: Sequence[Drawn]) -> list[Drawn]:
    """Pictures in the palette of others: each of their main colours becomes the one nearest to it to the eye."""
    own, theirs = _palette(traits), _palette(others)
    if not len(own) or not len(theirs):
        return list(traits)
    labs = [rgb2lab(colors[None] / 255)[0] for colors in (own, theirs)]
    change = theirs[((labs[0][:, None] - labs[1]) ** 2).sum(-1).argmin(1)].astype(float) - own
    found = []
    for trait in traits:
        colors = trait.pictures[..., :3].reshape(-1, 3)
        kinds, which = np.unique(colors, axis=0, return_inverse=True)
        nearest = np.concatenate(
            [((part[:, None].astype(float) - own) ** 2).sum(-1).argmin(1) for part in np.array_split(kinds, 64)]
        )
        new = np.rint(kinds + change[nearest]).clip(0, 255).astype(np.uint8)[which.reshape(-1)]
        pictures = np.concatenate((new.reshape(*trait.pictures.shape[:3], 3), trait.pictures[..., 3:]), axis=-1)
        pictures[pictures[..., 3] == 0] = 0
        found.append(replace(trait, pictures=pictures))
    return found


def _palette(traits: Sequence[Drawn]) -> np.ndarray:
    """The most frequent opaque colours of pictures that are not too near to each other: uint8 [K, 3]."""
    colors = np.concatenate([trait.pictures[trait.pictures[..., 3] > 250][:, :3] for trait in traits])
    kinds, often = np.unique(colors, axis=0, return_counts=True)
    palette: list[np.ndarray] = []
    for k in np.argsort(-often, kind="stable"):
        if all(np.abs(kinds[k].astype(int) - other).max() >= _APART for other in palette):
            palette.append(kinds[k])
        if len(palette) == _COLORS:
            break
    return np.array(palette, np.uint8).reshape(-1, 3)


def default_name(heads: Path, bodies: Path) -> str:
    """What a crossed collection is called, from the folders of both recipes."""
    return f"{heads.resolve().parent.name} on {bodies.resolve().parent.name}"
