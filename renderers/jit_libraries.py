"""Compiled kernels as they come from the disk, without what only the compiler needs.

Beside a kernel's machine code numba keeps its bitcode, for kernels that call it and are compiled later, and parses it
whenever the kernel is loaded: to have it, and for the names of the functions in it. That is 0.08 s of a start. Here the
names come from the machine code's own table of symbols, and bitcode is parsed when it is asked for.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numba.core.codegen import JITCodeLibrary

_SECTION = np.dtype(
    {"names": ["kind", "offset", "size", "link"], "formats": ["<u4", "<u8", "<u8", "<u4"], "offsets": [4, 24, 32, 40],
     "itemsize": 64}
)  # fmt: skip
_SYMBOL = np.dtype(
    {"names": ["name", "info", "section"], "formats": ["<u4", "u1", "<u2"], "offsets": [0, 4, 6], "itemsize": 24}
)
_ELF64 = b"\x7fELF\x02\x01"  # little-endian
_TABLE_OF_SYMBOLS = 2

_unserialize = JITCodeLibrary._unserialize.__func__  # type: ignore[attr-defined]
_module_for_linking = JITCodeLibrary._get_module_for_linking


def defined_names(machine_code: bytes) -> set[str] | None:
    """What an object file defines for others; None if it is not of the format of Linux (ELF, 64 bits, little-endian).

    Source: System V Application Binary Interface, 'Object Files'.
    """
    if not machine_code.startswith(_ELF64):
        return None
    start, count = np.frombuffer(machine_code, "<u8", 1, 40)[0], np.frombuffer(machine_code, "<u2", 1, 60)[0]
    sections = np.frombuffer(machine_code, _SECTION, int(count), int(start))
    names: set[str] = set()
    for table in sections[sections["kind"] == _TABLE_OF_SYMBOLS]:
        symbols = np.frombuffer(machine_code, _SYMBOL, int(table["size"]) // _SYMBOL.itemsize, int(table["offset"]))
        texts = int(sections[table["link"]]["offset"])
        of_others = (symbols["section"] != 0) & (symbols["info"] >> 4 > 0)  # not undefined, not local
        for begin in (symbols["name"][of_others] + texts).tolist():
            names.add(machine_code[begin : machine_code.index(b"\0", begin)].decode())
    return names


def _unserialize_without_bitcode(cls: Any, codegen: Any, state: tuple[Any, ...]) -> Any:
    name, kind, data = state
    names = defined_names(data[0]) if kind == "object" else None
    if names is None:
        return _unserialize(cls, codegen, state)
    library = codegen.create_library(name)
    library.enable_object_caching()
    library._set_compiled_object(data[0])
    library._finalize_final_module()
    library._bitcode = data[1]
    codegen._engine._defined_symbols |= names
    return library


def _module_for_linking_parsed_now(library: Any) -> Any:
    bitcode = library.__dict__.pop("_bitcode", None)
    if bitcode is not None:
        library._shared_module = llvm.parse_bitcode(bitcode)
    return _module_for_linking(library)  # type: ignore[no-untyped-call]


def load_without_bitcode() -> None:
    """Have numba load compiled kernels this way from now on."""
    JITCodeLibrary._unserialize = classmethod(_unserialize_without_bitcode)  # type: ignore[assignment, method-assign]
    JITCodeLibrary._get_module_for_linking = _module_for_linking_parsed_now  # type: ignore[method-assign]
