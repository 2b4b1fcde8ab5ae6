"""What libraries are told by variables of the environment, in processes of ours; each is read when it is imported."""

from __future__ import annotations

import os

_SETTINGS = {
    # Threads that wait by spinning, the default, starve each other where other programs want the cores too: on two busy
    # cores a search of 3 s took 55.
    "OMP_WAIT_POLICY": "passive",
    "OPENBLAS_THREAD_TIMEOUT": "4",  # NumPy's, of which it is the logarithm: 2**4 cycles, not 2**26
    "THP_MEM_ALLOC_ENABLE": "1",  # torch's large blocks lie in large pages, so that fewer have to be cleared
}


def set_libraries() -> None:
    """Tell them, before any is imported; what is set already stays."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
