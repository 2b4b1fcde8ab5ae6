"""How numba kernels are compiled: once, cached on disk, and running without the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba.core.caching import IndexDataCacheFile

_options: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile a function when it is first called with arguments of new types."""
    compiled: F = numba.njit(**_options)(function)
    return compiled


def inlined(function: F) -> F:
    """Inline a function into the kernels that call it, so that what it returns stays in registers."""
    compiled: F = numba.njit(forceinline=True, **_options)(function)
    return compiled


_load_index = IndexDataCacheFile._load_index


def _load_readable_index(cache: IndexDataCacheFile) -> dict[Any, str]:
    """A kernel's index in the disk cache; empty where it was written by a version of Impasto with other types.

    Numba compares the time of the source only after it has read the index, and reading fails with an exception where a
    type has since been renamed or moved: without this, Impasto would not start after an update in place.
    """
    try:
        index: dict[Any, str] = _load_index(cache)  # type: ignore[no-untyped-call]
    except (AttributeError, ImportError):
        return {}
    return index


IndexDataCacheFile._load_index = _load_readable_index  # type: ignore[method-assign]
