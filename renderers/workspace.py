"""Large arrays that are reused, step after step.

The system hands over fresh memory page by page as it is first touched; for the many megabytes that a step of the search
fills, this can cost more than filling them.
"""

from __future__ import annotations

import numpy as np


class ScratchBuffer:
    """A float32 array of at least `size` numbers, not cleared; it is reused once this object is deleted."""

    _free: list[np.ndarray] = []
    MOST_FREE = 4  # arrays that wait to be reused, at most

    def __init__(self, size: int) -> None:
        fitting = [k for k, array in enumerate(self._free) if array.size >= size]
        if fitting:
            self.array = self._free.pop(min(fitting, key=lambda k: self._free[k].size))
        else:
            self.array = np.empty(size + size // 4, np.float32)

    def __del__(self) -> None:
        self._free.append(self.array)
        if len(self._free) > self.MOST_FREE:
            self._free.pop(min(range(len(self._free)), key=lambda k: self._free[k].size))
