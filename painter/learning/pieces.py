"""New pieces: drawn, decoded, passed over where traits come too often, cleaned up, and refused where they are copies.

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
from painter.learning.seeds import generator
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
    passed_over: int = 0  # pieces drawn before it whose traits come too often


@dataclass(frozen=True, eq=False)
class Drawn:
    """A batch, by rows."""

    pixels: list[np.ndarray | None]  # uint8 [H, W, C]; None of those that are passed over
    origins: list[Origin]
    codes: Tensor  # [n, places, dims], or [n, latent]


class Drawer(Protocol):
    """What draws what a piece is decoded from: codes, or latents of the engine dcgan; of new pieces, or of children."""

    def draw(self, numbers: Sequence[int], attempt: int) -> tuple[Tensor, list[Origin]]:
        """Codes [n, places, dims] or latents [n, latent] of at most BATCH pieces, in rows for their numbers alone."""


@torch.no_grad()
def shown(model: Model, codes: Tensor, raw: bool = False) -> Tensor:
    """What a model makes of the codes or latents of at most BATCH pieces: signals [BATCH, C, S, S], the last one
    repeated. A piece's does not depend on how many there are.

    Args:
        raw: whether to leave single pixels of pixel art as they are.
    """
    filled = torch.cat((codes, codes[-1:].expand(BATCH - len(codes), *codes.shape[1:])))
    return model.networks.decode(filled, None if raw else model.lone)


class PieceMaker:
    """Makes pieces of a model.

    Args:
        drawer: draws their codes.
        design: how they are cleaned up and compared.
        raw: whether to leave out the clean-up.
        seed: decides which pieces with frequent traits are passed over; None passes over none.
    """

    def __init__(
        self, model: Model, drawer: Drawer, design: Design, raw: bool = False, seed: int | None = None
    ) -> None:
        self._model, self._drawer, self._design, self._raw, self._seed = model, drawer, design, raw, seed
        self._number_of: dict[bytes, int] = {}  # of pieces that were kept

    def remember(self, number: int, pixels: np.ndarray) -> None:
        """Let a piece that an earlier run has made count as made."""
        self._number_of.setdefault(pixels.tobytes(), number)

    def make(self, first: int, count: int, threads: Executor) -> Iterator[Piece]:
        """Pieces from number `first` on, up to number `count`; `first` - 1 is a multiple of BATCH."""
        batches = [range(k, min(k + BATCH, count + 1)) for k in range(first, count + 1, BATCH)]
        waiting: list[Future[list[Drawn]]] = []
        ahead = 4  # batches that are drawn before they are needed
        for k, batch in enumerate(batches):
            while len(waiting) < min(len(batches), k + ahead):
                waiting.append(threads.submit(self._first_tries, batches[len(waiting)]))
            yield from self._chosen(batch, waiting[k].result())

    def _chosen(self, numbers: range, tries: list[Drawn]) -> Iterator[Piece]:
        """The pieces of one batch, in order; those that are refused are drawn again."""
        for row, number in enumerate(numbers):
            refusals: list[Refusal] = []
            passed_over = 0
            for attempt in range(self._design.copies.tries):
                if attempt == len(tries):
                    tries.append(self._drawn(numbers, attempt))
                drawn, origin = tries[attempt].pixels[row], tries[attempt].origins[row]
                if drawn is None:
                    passed_over += 1
                    continue
                distance, neighbour = self._nearest(drawn)
                why = self._refused(drawn, distance, neighbour)
                if why is None:
                    self.remember(number, drawn)
                    codes = tries[attempt].codes[row]
                    yield Piece(number, drawn, origin, distance, neighbour, tuple(refusals), codes, passed_over)
                    break
                refusals.append(Refusal(number, attempt + 1, why))
            else:
                yield Piece(number, None, origin, distance, neighbour, tuple(refusals), passed_over=passed_over)

    def _first_tries(self, numbers: range) -> list[Drawn]:
        """A batch, drawn until each of its pieces has a try that is not passed over."""
        tries = [self._drawn(numbers, 0)]
        while any(all(one.pixels[row] is None for one in tries) for row in range(len(numbers))):
            tries.append(self._drawn(numbers, len(tries)))
        return tries

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

    @torch.no_grad()
    def _drawn(self, numbers: Sequence[int], attempt: int) -> Drawn:
        codes, origins = self._drawer.draw(numbers, attempt)
        signal = shown(self._model, codes, self._raw)
        square = self._model.form.cropped(to_pixels(signal))
        pixels = [
            self._cleaned(square[row], origins[row]) if kept else None
            for row, kept in enumerate(self._kept(signal, numbers, attempt))
        ]
        return Drawn(pixels, origins, codes)

    def _kept(self, signal: Tensor, numbers: Sequence[int], attempt: int) -> list[bool]:
        """Which pieces are not passed over, for signals [BATCH, C, S, S] of some numbers."""
        rarities, judge = self._model.rarities, self._model.networks.judge
        if rarities is None or judge is None or self._seed is None or attempt >= self._design.rarities.tries:
            return [True] * len(numbers)
        chances = rarities.chances(judge.numbers(signal))[: len(numbers)]
        randoms = [generator("rarity", self._seed, number, attempt) for number in numbers]
        return [float(torch.rand(1, generator=one)) < chance for one, chance in zip(randoms, chances, strict=True)]

    def _cleaned(self, pixels: np.ndarray, origin: Origin) -> np.ndarray:
        if self._raw or self._model.engine == "strokes":
            return pixels
        palettes = self._model.palettes
        palette = np.concatenate(palettes) if origin.kind else palettes[origin.source]
        return cleaned(pixels, palette, self._model.pixel_art, self._design.cleaning)
