"""The strokes of a clip with what belongs to each of them for life: identity, moments and fades."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from painter.painting.stroke_columns import strokes_of
from painter.search.adam import Moments, cat_moments, moments_state, restore_moments, select_moments
from painter.system.snapshot import like
from renderers.strokes import Strokes


@dataclass(frozen=True, eq=False)
class Company:
    """N strokes in paint order."""

    strokes: Strokes
    moments: Moments  # what Adam knows of them
    id: np.ndarray  # [N] int64, unique in the clip
    fade: np.ndarray  # [N] float32 in [0, 1], the share of their opacity with which they are seen
    slope: np.ndarray  # [N] float32, by which that changes each frame: below 0 they die, above 0 they appear

    def __len__(self) -> int:
        return len(self.id)

    def __getitem__(self, index: np.ndarray) -> Company:
        """Those at `index`: a mask [N] or positions [M]."""
        at = torch.from_numpy(np.flatnonzero(index) if index.dtype == bool else index)
        rows = at.numpy()
        return Company(
            self.strokes[at], select_moments(self.moments, at), self.id[rows], self.fade[rows], self.slope[rows]
        )

    def joined(self, others: Company) -> Company:
        """Both, `others` on top."""
        return Company(
            Strokes.cat([self.strokes, others.strokes]), cat_moments(self.moments, others.moments),
            *(np.concatenate([getattr(self, name), getattr(others, name)]) for name in _ARRAYS),
        )  # fmt: skip

    @property
    def dying(self) -> np.ndarray:
        """[N] bool: those that fade out."""
        dying: np.ndarray = self.slope < 0
        return dying

    @property
    def opacity(self) -> np.ndarray:
        """[N] float32, with which they are seen."""
        opacity: np.ndarray = self.strokes.opacity.numpy() * self.fade
        return opacity

    def seen(self) -> Strokes:
        """As they are painted now."""
        return self._at(self.fade)

    def settled(self) -> Strokes:
        """As they will be when all fades are over."""
        return self._at(self.settled_fade)

    @property
    def settled_fade(self) -> np.ndarray:
        """[N] float32: the fade when all fades are over."""
        return np.where(self.slope > 0, 1, np.where(self.slope < 0, 0, self.fade)).astype(np.float32)

    def faded(self) -> Company:
        """A frame later."""
        fade = (self.fade + self.slope).clip(0, 1)
        return replace(self, fade=fade, slope=np.where((fade >= 1) & (self.slope > 0), np.float32(0), self.slope))

    def state(self) -> dict[str, Any]:
        """For `restored_company`: a tree for `painter.system.snapshot.dump`."""
        arrays = {name: torch.from_numpy(getattr(self, name)) for name in _ARRAYS}
        return {"strokes": self.strokes, "moments": moments_state(self.moments), **arrays}

    def _at(self, fade: np.ndarray) -> Strokes:
        s = self.strokes
        return Strokes(s.brush, s.params, s.colors, s.opacity * torch.from_numpy(fade), s.seed)


_ARRAYS = ("id", "fade", "slope")
_DTYPES = (torch.int64, torch.float32, torch.float32)


def new_company(strokes: Strokes, moments: Moments, first: int) -> Company:
    """Strokes that are seen at once, with identities from `first` on."""
    count = len(strokes)
    fade, slope = np.ones(count, np.float32), np.zeros(count, np.float32)
    return Company(strokes, moments, np.arange(first, first + count), fade, slope)


def restored_company(state: dict[str, Any], brush: str, fresh: Any) -> Company:
    """A company from its `state`.

    Args:
        fresh: makes the moments of strokes that have taken no step.

    Raises:
        ValueError, LookupError or TypeError: it is not such a state.
    """
    strokes = strokes_of(state["strokes"], brush)
    moments = fresh(strokes)
    restore_moments(moments, state["moments"])
    empty = [torch.empty(len(strokes), dtype=dtype) for dtype in _DTYPES]
    arrays = [like(state[name], wanted).numpy() for name, wanted in zip(_ARRAYS, empty, strict=True)]
    return Company(strokes, moments, *arrays)
