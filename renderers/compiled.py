"""Whether the kernels have been compiled already. Found out without importing numba."""

from __future__ import annotations

import os
from pathlib import Path


def kernels_are_compiled() -> bool:
    """Whether numba's cache of compiled code is beside the sources; also true where that folder is read-only, as numba
    then has its cache elsewhere."""
    folder = Path(__file__).parent
    return next(folder.glob("**/*.nbi"), None) is not None or not os.access(folder, os.W_OK)
