"""How numba kernels are compiled: once, cached on disk, and running without the interpreter lock."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import numba
from numba.core.caching import Cache, IndexDataCacheFile
from numba.core.runtime.nrt import rtsys

from renderers.compiled import cache_folder
from renderers.errors import ImpastoError
from renderers.jit_libraries import load_without_bitcode
from renderers.kernel_parts import digest_of

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_OUR_PACKAGES = ("renderers", "painter")
_options: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}}
_numba: Any = numba.config  # whose members are not declared
F = TypeVar("F", bound=Callable[..., Any])

if _numba.DISABLE_JIT:
    raise ImpastoError("NUMBA_DISABLE_JIT is set, and Impasto's kernels must be compiled; unset it")


def kernel(function: F) -> F:
    """Compile a function when it is first called with arguments of new types."""
    return cached(function, **_options)


def inlined(function: F) -> F:
    """Inline a function into the kernels that call it, so that what it returns stays in registers."""
    return cached(function, forceinline=True, **_options)


def cached(function: F, **options: Any) -> F:
    """`numba.njit` without the interpreter lock, cached in `renderers.compiled.cache_folder`."""
    compiled: F
    with _cache_in_place():
        try:
            compiled = numba.njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # nothing can be written anywhere
            compiled = numba.njit(nogil=True, **options)(function)
    return compiled


@contextmanager
def _cache_in_place() -> Iterator[None]:
    """Within this context, numba looks for a kernel's cache where we want it; its own setting is left alone."""
    folder, before = cache_folder(), _numba.CACHE_DIR
    _numba.CACHE_DIR = "" if folder is None else str(folder)
    try:
        yield
    finally:
        _numba.CACHE_DIR = before


# --- a cache that cannot be used is no cache ----------------------------------------------------------------
#
# Numba compares the digest or time of the source only after it has read a kernel's index, and reading fails with an
# exception where a type has since been renamed or moved, so that Impasto would not start after an update in place. Nor
# must it fail where a power cut has left an empty file, or where the disk is full when a kernel is to be kept.

_DAMAGED = (AttributeError, EOFError, ImportError, LookupError, MemoryError, TypeError, ValueError, pickle.PickleError)
_load_index, _load_data = IndexDataCacheFile._load_index, IndexDataCacheFile._load_data
_load_prepared = Cache.load_overload


def _load_readable_index(cache: IndexDataCacheFile) -> dict[Any, str]:
    """A kernel's index in the disk cache; empty where it was written by a version of Impasto with other types."""
    try:
        index: dict[Any, str] = _load_index(cache)  # type: ignore[no-untyped-call]
    except _DAMAGED:
        return {}
    return index


def _load_readable_data(cache: IndexDataCacheFile, name: str) -> Any:
    """A kernel's compiled code. Raises OSError if it is damaged, which is how numba learns that it is not there."""
    try:
        return _load_data(cache, name)  # type: ignore[no-untyped-call]
    except _DAMAGED as error:
        raise OSError(f"{name} is damaged") from error


def _save_alone(cache: IndexDataCacheFile, key: Any, data: Any) -> None:
    """Keep a compiled kernel.

    Numba numbers the files of one kernel's versions, so that two processes that compile versions of it at a time would
    give both one number, and the kernel would later be called with numbers of another type. Here the name tells the
    version, and the index is changed by one process at a time.
    """
    signature, target = key[:2]
    name = cache._index_name.removesuffix("nbi") + hashlib.sha256(repr((signature, target)).encode()).hexdigest()[:16]
    cache._save_data(f"{name}.nbc", data)
    with _locked(cache._cache_path):
        overloads = {**cache._load_index(), key: f"{name}.nbc"}
        cache._save_index(overloads)


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Within this context no other process of ours is within it, where the system has such locks for folders."""
    handle = None
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)  # and with it the lock


@contextmanager
def _without_the_disk(cache: Cache) -> Iterator[None]:
    """Within this context a cache that cannot be read or written is passed over."""
    try:
        yield
    except OSError:
        return


def _load_unprepared(cache: Any, signature: Any, context: Any) -> Any:
    """A compiled kernel from the disk cache; None if it is not there.

    Numba first prepares itself for compiling, which takes a fifth of a second at the first kernel; what is compiled
    already needs only the functions that keep track of arrays. The compiler prepares itself when it comes to that.
    """
    if cache._py_func.__module__.partition(".")[0] not in _OUR_PACKAGES:
        return _load_prepared(cache, signature, context)  # type: ignore[no-untyped-call]
    _stamp(cache)
    rtsys.initialize(context)
    with cache._guard_against_spurious_io_errors():
        return cache._load_overload(signature, context)


def _stamp(cache: Any) -> None:
    """Have numba compare not only the kernel's own file with that of the disk cache, but all that it is made of."""
    file = cache._cache_file
    if not isinstance(file._source_stamp, dict):
        file._source_stamp = {"file": file._source_stamp, "parts": digest_of(cache._py_func)}


Cache.load_overload = _load_unprepared  # type: ignore[method-assign]
IndexDataCacheFile._load_index = _load_readable_index  # type: ignore[method-assign]
IndexDataCacheFile._load_data = _load_readable_data  # type: ignore[method-assign]
IndexDataCacheFile.save = _save_alone  # type: ignore[method-assign]
Cache._guard_against_spurious_io_errors = _without_the_disk  # type: ignore[assignment, method-assign]
load_without_bitcode()
