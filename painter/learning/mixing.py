"""Mixtures of two collections' pieces, for training: a part of one comes from the other (CutMix, in tokens)."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from torch import Tensor

from painter.learning.regions import random_region

_STEP = 24  # steps of 1/255 within which two backgrounds are alike
_IN_TURN, _ANY_ORDER = (
    0.6,
    0.8,
)  # shares of mixtures: the part after the rest, all in random order, else in raster order


class Mixer:
    """Mixes pieces of two collections that have the same background colour.

    Args:
        codes: uint8 [N, places, dims].
        sources: [N] int64, 0 or 1.
        backgrounds: [N] int64, the number of a piece's background.
        pictures: numbers of those that are learned, [n] int64.
    """

    def __init__(self, codes: Tensor, sources: Tensor, backgrounds: Tensor, pictures: Tensor) -> None:
        self._codes, self._sources, self._backgrounds = codes, sources, backgrounds
        self._grid = round(codes.shape[1] ** 0.5)
        self._of: dict[tuple[int, int], Tensor] = {}
        for source in (0, 1):
            own = pictures[sources[pictures] == source]
            for background in backgrounds[pictures].unique().tolist():
                alike = own[backgrounds[own] == background]
                self._of[source, background] = alike if len(alike) else own  # without its like, any piece will do

    def mix(self, number: int, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """A piece with a part of another collection's: its codes, classes and order, as for `Transformer.forward`."""
        source, background = int(self._sources[number]), int(self._backgrounds[number])
        others = self._of[1 - source, background]
        other = int(others[torch.randint(len(others), (1,), generator=random)])
        part = random_region(self._grid, random)
        codes = torch.where(part[:, None], self._codes[other], self._codes[number]).long()
        classes = torch.where(part, 1 - source, source)
        return codes, classes, self._order(part, random)

    def _order(self, part: Tensor, random: torch.Generator) -> Tensor:
        chance, places = float(torch.rand(1, generator=random)), len(part)
        shuffled = torch.rand(places, generator=random)
        if chance < _IN_TURN:
            return graft_order(part, shuffled)
        return shuffled.argsort() if chance < _ANY_ORDER else torch.arange(places)


def graft_order(part: Tensor, shuffled: Tensor) -> Tensor:
    """The order in which all else comes first, in random order, and then the part, in raster order: [places].

    Args:
        part: bool [places].
        shuffled: [places] random numbers in [0, 1).
    """
    places = len(part)
    return torch.where(part, 2 + torch.arange(places) / places, shuffled).argsort(stable=True)


def backgrounds_of(pixels: np.ndarray) -> Tensor:
    """The number of each piece's background colour, [N] int64: colours at the corners that are alike have one number.

    Args:
        pixels: uint8 [N, S, S, C].
    """
    corners = pixels[:, 1, 1].astype(np.int64)
    if corners.shape[1] == 4:
        corners[corners[:, 3] == 0] = 0
    counted = Counter(map(tuple, corners.tolist()))
    found: list[np.ndarray] = []
    number_of: dict[tuple[int, ...], int] = {}
    for color, _ in counted.most_common():
        distances = [int(np.abs(np.array(color) - other).max()) for other in found]
        nearest = int(np.argmin(distances)) if distances else -1
        if nearest < 0 or (distances[nearest] > _STEP and len(found) < 64):
            nearest = len(found)
            found.append(np.array(color))
        number_of[color] = nearest
    return torch.tensor([number_of[tuple(color)] for color in corners.tolist()])
