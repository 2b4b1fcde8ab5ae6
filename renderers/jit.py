"""How this program's numba kernels are compiled: once, kept on disk, and running without the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba.core.caching import IndexDataCacheFile

_options: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile a function when it is first called with arguments of given types."""
    compiled: F = numba.njit(**_options)(function)
    return compiled


def inlined(function: F) -> F:
    """Compile a part of kernels: into them, so that what it returns stays in registers."""
    compiled: F = numba.njit(forceinline=True, **_options)(function)
    return compiled


_load_index = IndexDataCacheFile._load_index


def _load_readable_index(cache: IndexDataCacheFile) -> dict[Any, str]:
    """A kernel's compiled forms on disk; none where they were left by a version of this program with other types.

    Numba compares the source's time only after it has read the index, and a type that has since been renamed or moved
    ends that with an exception. So a program that was updated in place would not start.
    """
    try:
        index: dict[Any, str] = _load_index(cache)  # type: ignore[no-untyped-call]
    except (AttributeError, ImportError):
        return {}
    return index


IndexDataCacheFile._load_index = _load_readable_index  # type: ignore[method-assign]
