"""How this program's numba kernels are compiled: once, kept on disk, and running without the interpreter lock."""

from __future__ import annotations

from typing import Any

import numba

_options: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
kernel: Any = numba.njit(**_options)
# A kernel's part: compiled into it, so that what it returns stays in registers.
inlined: Any = numba.njit(forceinline=True, **_options)
