"""Pictures of a painting that are drawn once for all of its files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from painter.painting.painting import Painting
from painter.pictures.ground import canvas_color
from painter.pictures.resizing import fit_size

MOST_BYTES = 2**27
"""What the frames that are kept may take."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A finished painting, and perhaps frames of how it grew."""

    image: np.ndarray  # what `painting.draw()` returns
    frames: Mapping[int, np.ndarray] = field(default_factory=dict)  # of the same size, by their numbers of strokes

    def has(self, counts: Iterable[int]) -> bool:
        """Whether all frames after so many strokes have been drawn."""
        return self.frames.keys() >= set(counts)


def may_be_kept(painting: Painting, counts: Collection[int]) -> bool:
    """Whether the frames after so many strokes, each once, take no more than MOST_BYTES."""
    height, width = fit_size(*painting.aspect, painting.config.size)
    return len(set(counts)) * height * width * len(canvas_color(painting.ground)) <= MOST_BYTES


def draw_once(painting: Painting, shown: Iterable[Iterable[int]]) -> Drawn:
    """Draw a painting, and on the way the frames that its files will show: each of them is part of the next.

    Args:
        shown: for each file the numbers of strokes of its frames. Those that would take more than MOST_BYTES with what
            has been chosen before them are left out.
    """
    kept: set[int] = set()
    for counts in shown:
        if may_be_kept(painting, more := kept | set(counts)):
            kept = more
    if not kept:
        return Drawn(painting.draw())
    rising = sorted(kept | {len(painting.strokes)})
    frames = dict(zip(rising, painting.drawn_after(rising), strict=True))
    return Drawn(frames[rising[-1]], frames)
