"""A compiled kernel is used again only while all that it is made of is the same, in whatever file that is."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from numba.core.caching import IndexDataCacheFile

from renderers.blending.spans import _find_rows
from renderers.kernel_parts import digest_of

CALLED = (
    "from renderers.jit import kernel\nFACTOR = {factor}\n\n@kernel\ndef times(x):\n    return x * FACTOR + {more}\n"
)
CALLS = """
from called import times
from renderers.jit import kernel
SHARE = 0.5

@kernel
def half(x):
    return SHARE * times(x)
"""


def load(folder: Path, name: str, text: str) -> ModuleType:
    path = folder / f"{name}-{len(list(folder.iterdir()))}.py"  # Python keeps what it compiled of a name for a second
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def digest_with(folder: Path, calls: str = CALLS, factor: float = 2, more: str = "0") -> str:
    load(folder, "called", CALLED.format(factor=factor, more=more))
    digest: str = digest_of(load(folder, "calls", calls).half.py_func)
    return digest


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("called", "calls"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))


def test_what_is_called_and_named_in_another_file_counts(tmp_path: Path) -> None:
    before = digest_with(tmp_path)
    assert digest_with(tmp_path) == before
    assert digest_with(tmp_path, factor=3) != before
    assert digest_with(tmp_path, more="x") != before
    assert digest_with(tmp_path, CALLS.replace("0.5", "0.25")) != before
    assert digest_with(tmp_path, CALLS + "\nOTHER = 1\n") == before


TALKING = """
def fall(n):
    return fall(n - 1) if n else {last}

def outer():
    k = {held}
    return lambda n: k + fall(n)
"""


def test_functions_may_call_themselves_and_hold_others(tmp_path: Path) -> None:
    ends = ((1, 2), (1, 3), (4, 2))
    made = [load(tmp_path, "called", TALKING.format(last=last, held=held)).outer() for last, held in ends]
    assert len({digest_of(one) for one in made}) == 3


def test_numba_compares_it() -> None:
    rows: Any = _find_rows
    rows.compile("void(float64[:, ::1], int64[:, ::1], int64, int64[::1], int64[::1])")
    cache, digest = rows._cache, digest_of(rows.py_func)
    file = cache._cache_file
    assert file._source_stamp["parts"] == digest and file._load_index()
    other = IndexDataCacheFile(cache.cache_path, "", {**file._source_stamp, "parts": "another"})
    other._index_path = file._index_path
    assert other._load_index() == {}
