"""Whether the kernels have been compiled already. No numba is needed to say so."""

from __future__ import annotations

import os
from pathlib import Path


def kernels_are_compiled() -> bool:
    """Whether numba has left compiled code beside the sources; true, too, where it cannot and keeps it elsewhere."""
    folder = Path(__file__).parent
    return next(folder.glob("**/*.nbi"), None) is not None or not os.access(folder, os.W_OK)
