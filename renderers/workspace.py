"""Large arrays that are used again and again, step after step.

Memory that comes fresh from the system is handed over page by page as it is first touched; for the many megabytes
that a step of the search fills, this can cost more than filling them.
"""

from __future__ import annotations

import numpy as np


class ScratchBuffer:
    """A float32 array of at least `size` numbers, not cleared, which goes back when nobody holds this any longer."""

    _free: list[np.ndarray] = []
    KEPT = 4  # arrays at most that wait to be used again

    def __init__(self, size: int) -> None:
        fitting = [k for k, array in enumerate(self._free) if array.size >= size]
        if fitting:
            self.array = self._free.pop(min(fitting, key=lambda k: self._free[k].size))
        else:
            self.array = np.empty(size + size // 4, np.float32)

    def __del__(self) -> None:
        self._free.append(self.array)
        if len(self._free) > self.KEPT:
            self._free.pop(min(range(len(self._free)), key=lambda k: self._free[k].size))
