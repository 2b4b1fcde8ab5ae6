"""New pieces: drawn, decoded, cleaned up, and refused where they are copies.

A piece depends on the seed and its number, and on earlier pieces only if it would be the same as one of them: then it
is drawn again, as it is if it is a copy. So the first hundred of a thousand pieces are those of a run for a hundred.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from painter.learning.cleaning import cleaned
from painter.learning.copies import nearest, reduced
from painter.learning.learning_config import Design
from painter.learning.model_file import Model
from painter.learning.signal import to_pixels
from painter.learning.token_sampling import BATCH


@dataclass(frozen=True)
class Origin:
    """What a piece was drawn from."""

    source: int  # the number of its collection, of the larger part in a child
    kind: str = ""  # the part that is of the other parent: 'top' and so on; '' if it is not a child
    share: float = 0.0  # of the second collection in a child


@dataclass(frozen=True)
class Refusal:
    """A piece that was drawn and refused."""

    number: int
    attempt: int
    why: str  # one line


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece that was kept, or none if every attempt was refused."""

    number: int
    pixels: np.ndarray | None  # uint8 [H, W, C]; None if it is left out
    origin: Origin
    distance: float  # to the nearest learned piece, see painter.learning.copies
    neighbour: int  # the number of that piece in the collection, from 0
    refusals: tuple[Refusal, ...]
    codes: Tensor | None = None  # [places, dims] that it was decoded from, or [latent]; None if it is left out


Drawn = tuple[list[np.ndarray], list[Origin], Tensor]
"""The pixels, origins and codes of a batch, by rows."""


class Drawer(Protocol):
    """What draws what a piece is decoded from: codes, or latents of the engine dcgan; of new pieces, or of children."""

    def draw(self, numbers: Sequence[int], attempt: int) -> tuple[Tensor, list[Origin]]:
        """Codes [n, places, dims] or latents [n, latent] of at most BATCH pieces, in rows for their numbers alone."""


class PieceMaker:
    """Makes pieces of a model.

    Args:
        drawer: draws their codes.
        design: how they are cleaned up and compared.
        raw: whether to leave out the clean-up.
    """

    def __init__(self, model: Model, drawer: Drawer, design: Design, raw: bool = False) -> None:
        self._model, self._drawer, self._design, self._raw = model, drawer, design, raw
        self._number_of: dict[bytes, int] = {}  # of pieces that were kept

    def remember(self, number: int, pixels: np.ndarray) -> None:
        """Let a piece that an earlier run has made count as made."""
        self._number_of.setdefault(pixels.tobytes(), number)

    def make(self, first: int, count: int, threads: Executor) -> Iterator[Piece]:
        """Pieces from number `first` on, up to number `count`; `first` - 1 is a multiple of BATCH."""
        batches = [range(k, min(k + BATCH, count + 1)) for k in range(first, count + 1, BATCH)]
        waiting: list[Future[Drawn]] = []
        ahead = 4  # batches that are drawn before they are needed
        for k, batch in enumerate(batches):
            while len(waiting) < min(len(batches), k + ahead):
                waiting.append(threads.submit(self._drawn, batches[len(waiting)], 0))
            yield from self._chosen(batch, waiting[k].result())

    def _chosen(self, numbers: range, first: Drawn) -> Iterator[Piece]:
        """The pieces of one batch, in order; those that are refused are drawn again."""
        tries = self._design.copies.tries
        later = {0: first}
        for row, number in enumerate(numbers):
            refusals: list[Refusal] = []
            for attempt in range(tries):
                if attempt not in later:
                    later[attempt] = self._drawn(numbers, attempt)
                pixels, origins, codes = later[attempt]
                drawn, origin = pixels[row], origins[row]
                distance, neighbour = self._nearest(drawn)
                why = self._refused(drawn, distance, neighbour)
                if why is None:
                    self.remember(number, drawn)
                    yield Piece(number, drawn, origin, distance, neighbour, tuple(refusals), codes[row])
                    break
                refusals.append(Refusal(number, attempt + 1, why))
            else:
                yield Piece(number, None, origin, distance, neighbour, tuple(refusals))

    def _nearest(self, pixels: np.ndarray) -> tuple[float, int]:
        small = reduced(pixels[None], self._model.originals.reduced.shape[1])
        distance, which = nearest(small, self._model.originals.reduced)
        return float(distance[0]), int(which[0])

    def _refused(self, pixels: np.ndarray, distance: float, neighbour: int) -> str | None:
        """Why a piece is not kept, in one line; None if it is."""
        same = self._number_of.get(pixels.tobytes())
        if same is not None:
            return f"the same as piece {same}"
        threshold = self._model.originals.threshold
        if distance >= threshold:
            return None
        count = sum(self._model.counts)
        which = f"piece {neighbour + 1}" if neighbour < count else f"piece {neighbour % count + 1}, mirrored"
        return (
            f"a copy of learned {which}: it differs by {distance:.2f}, where learned pieces differ by at "
            f"least {threshold:.2f}"
        )

    def _drawn(self, numbers: Sequence[int], attempt: int) -> Drawn:
        codes, origins = self._drawer.draw(numbers, attempt)
        return self._decoded(codes, origins), origins, codes

    @torch.no_grad()
    def _decoded(self, codes: Tensor, origins: Sequence[Origin]) -> list[np.ndarray]:
        filled = torch.cat((codes, codes[-1:].expand(BATCH - len(codes), *codes.shape[1:])))  # a fixed size
        square = to_pixels(self._model.networks.decode(filled, None if self._raw else self._model.lone))
        pixels = self._model.form.cropped(square)[: len(codes)]
        if self._raw or self._model.engine == "strokes":
            return list(pixels)
        return [self._cleaned(one, origin) for one, origin in zip(pixels, origins, strict=True)]

    def _cleaned(self, pixels: np.ndarray, origin: Origin) -> np.ndarray:
        palettes = self._model.palettes
        palette = np.concatenate(palettes) if origin.kind else palettes[origin.source]
        return cleaned(pixels, palette, self._model.pixel_art, self._design.cleaning)
