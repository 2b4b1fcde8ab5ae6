"""What a compiled kernel is made of, so that it is compiled anew when any of it changes.

Numba looks at the kernel's own file alone. The kernels that it calls, and the constants that are compiled into it, may
be in others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

import numpy as np

_digests: dict[FunctionType, str] = {}


def digest_of(function: FunctionType) -> str:
    """A sha256, as hexadecimal digits, of a function's code, of what it calls and of the constants that it names.

    Args:
        function: of Python, as it was before it was compiled.
    """
    if function not in _digests:
        _digests[function] = ""  # while it is made, for a function that calls itself
        found = hashlib.sha256()
        for part in _parts(function):
            found.update(part.encode() + b"\0")
        _digests[function] = found.hexdigest()
    return _digests[function]


def _parts(function: FunctionType) -> Iterator[str]:
    yield from _code_parts(function.__code__)
    yield repr(function.__defaults__)
    for name in sorted(_names(function.__code__)):
        yield f"{name} {_part(function.__globals__.get(name))}"
    for cell in function.__closure__ or ():
        yield _part(cell.cell_contents)


def _code_parts(code: CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_parts(constant)
        else:
            yield repr(sorted(constant, key=repr) if isinstance(constant, frozenset) else constant)


def _names(code: CodeType) -> set[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _part(value: Any) -> str:
    """A constant as text, a function by its digest; nothing for modules, types and all else."""
    function = getattr(value, "py_func", getattr(value, "_defn", value))  # of numba's dispatchers and intrinsics
    if isinstance(function, FunctionType):
        return digest_of(function)
    return repr(value) if isinstance(value, (bool, int, float, str, tuple, np.generic)) else ""
