"""What is read of a compiled kernel that comes from the disk."""

from __future__ import annotations

import sys
from typing import Any

import numba
import pytest

import renderers.jit  # noqa: F401 - which has numba load kernels our way
from renderers.jit_libraries import defined_names


@pytest.fixture(scope="module")
def library() -> Any:
    """That of a kernel that was compiled here."""

    def three_times(count: int) -> int:
        return 3 * count

    compiled: Any = numba.njit("int64(int64)")(three_times)
    return next(iter(compiled.overloads.values())).library


@pytest.fixture(scope="module")
def state(library: Any) -> tuple[str, str, tuple[bytes, bytes]]:
    """As the disk cache has it: its name, and machine code with bitcode."""
    machine_code = library._codegen._tm.emit_object(library._final_module)
    return library.name, "object", (machine_code, library._get_module_for_linking().as_bitcode())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere machine code has another format")
def test_names_are_those_of_the_compiler(library: Any, state: Any) -> None:
    module = library._final_module
    symbols = [symbol for kind in (module.functions, module.global_variables) for symbol in kind]
    defined = {symbol.name for symbol in symbols if not symbol.is_declaration}
    assert any("three_times" in name for name in defined)
    assert defined_names(state[2][0]) == {name for name in defined if not name.startswith(".const.")}


def test_other_formats_are_left_to_numba() -> None:
    assert defined_names(b"\xcf\xfa\xed\xfe" + bytes(100)) is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere numba reads both")
def test_bitcode_is_read_when_it_is_asked_for(library: Any, state: Any) -> None:
    loaded = library._codegen.unserialize_library(state)
    assert loaded._shared_module is None
    names, wanted = ({f.name for f in one._get_module_for_linking().functions} for one in (loaded, library))
    assert names == wanted and any("three_times" in name for name in names)
    assert loaded._get_module_for_linking() is loaded._shared_module
