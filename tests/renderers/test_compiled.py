"""Where compiled kernels are kept, and that a cache that cannot be used stops nobody."""

from __future__ import annotations

import errno
import importlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from numba.core.caching import CacheImpl, IndexDataCacheFile

import renderers.compiled as compiled
import renderers.jit as jit
from renderers.errors import ImpastoError

MODULE = """
from renderers.jit import cached

def double(x):
    return 2 * x

doubled = cached(double)
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Home and temporary files in `tmp_path`; what was found out about the real ones is forgotten, and again after."""
    for name, folder in (("HOME", "home"), ("TMPDIR", "tmp")):
        (tmp_path / folder).mkdir()
        monkeypatch.setenv(name, str(tmp_path / folder))
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tempfile.tempdir", None)
    compiled.cache_folder.cache_clear()
    yield
    compiled.cache_folder.cache_clear()


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let only folders below these names be written to."""
    really = compiled._can_write

    def let(*names: Path) -> None:
        def can_write(folder: Path) -> bool:
            return any(folder.is_relative_to(name) for name in names) and really(folder)

        monkeypatch.setattr(compiled, "_can_write", can_write)
        compiled.cache_folder.cache_clear()

    return let


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], ModuleType]:
    """Imports a module with a kernel, anew each time; its cache is in the user's folder."""
    (tmp_path / "doubling.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))

    def fresh() -> ModuleType:
        monkeypatch.delitem(__import__("sys").modules, "doubling", raising=False)
        return importlib.import_module("doubling")

    return fresh


def test_the_first_folder_that_can_be_written_to(tmp_path: Path, only: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = Path(compiled.__file__).parent
    only(sources, tmp_path)
    assert compiled.cache_folder() is None  # numba's own choice
    only(tmp_path)
    found = compiled.cache_folder()
    assert found is not None and found.parent == tmp_path / "home/.cache/impasto" and found.is_dir()
    assert found.name == f"kernels-{compiled._digest_of_sources()}"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    compiled.cache_folder.cache_clear()
    assert compiled.cache_folder() == tmp_path / "xdg/impasto" / found.name
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "asked"))
    compiled.cache_folder.cache_clear()
    assert compiled.cache_folder() == tmp_path / "asked"
    only(tmp_path / "tmp")
    temporary = compiled.cache_folder()
    assert temporary == tmp_path / "tmp" / f"impasto-{os.getuid()}" / found.name
    assert temporary.parent.stat().st_mode & 0o777 == 0o700
    only()
    assert compiled.cache_folder() is None


def test_a_folder_of_somebody_else_is_not_trusted(tmp_path: Path, only: Any) -> None:
    only(tmp_path / "tmp")
    ours = tmp_path / "tmp" / f"impasto-{os.getuid()}"
    ours.mkdir(mode=0o777)
    ours.chmod(0o777)
    assert compiled.cache_folder() is None
    ours.rmdir()
    ours.symlink_to(tmp_path / "home")
    compiled.cache_folder.cache_clear()
    assert compiled.cache_folder() is None


def test_each_brush_has_kernels_of_its_own(tmp_path: Path, only: Any) -> None:
    only(tmp_path / "home")
    folder = compiled.cache_folder()
    assert folder is not None and not compiled.kernels_are_compiled()
    (folder / "brushes_0").mkdir()
    (folder / "brushes_0" / "markerpen._paint-191.py311.nbi").touch()
    assert compiled.kernels_are_compiled() and compiled.kernels_are_compiled("markerpen")
    assert not compiled.kernels_are_compiled("watercolor")


@pytest.mark.slow
def test_kernels_are_kept_and_found_again(module: Callable[[], ModuleType]) -> None:
    assert module().doubled(4) == 8
    again = module().doubled
    assert again(4) == 8 and not again.stats.cache_misses and again.stats.cache_path.startswith(os.environ["HOME"][:-4])


def test_without_any_place_kernels_are_compiled_anew(
    module: Callable[[], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    assert module().doubled(4) == 8


DAMAGES: tuple[Callable[[bytes], bytes], ...] = (
    lambda good: b"",
    lambda good: good[: len(good) // 2],
    lambda good: b"pickle" + good,
    lambda good: good[:4] + b"(" + good[4:],
    lambda good: b"cno_such_module\nno_such_name\n.",
)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_damaged_cache_is_written_anew(
    damage: Callable[[bytes], bytes], ending: str, module: Callable[[], ModuleType], tmp_path: Path
) -> None:
    assert module().doubled(4) == 8
    (path,) = (tmp_path / "cache").rglob(f"*.{ending}")
    path.write_bytes(damage(path.read_bytes()))
    assert module().doubled(4) == 8
    again = module().doubled
    assert again(4) == 8 and not again.stats.cache_misses


def test_a_full_disk_is_no_reason_to_stop(
    module: Callable[[], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "_open_for_write", full)
    assert module().doubled(4) == 8 and not list((tmp_path / "cache").rglob("*.nbi"))


def test_numba_must_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit._numba, "DISABLE_JIT", 1)
    with pytest.raises(ImpastoError, match="NUMBA_DISABLE_JIT is set"):
        importlib.reload(jit)


def test_versions_of_a_kernel_may_be_kept_by_many_at_a_time(tmp_path: Path) -> None:
    """Numba itself gives them one number now and then, and later calls a kernel with numbers of another type."""
    types = [f"float{bits}" for bits in range(40)]

    def keep(name: str) -> None:
        index = IndexDataCacheFile(str(tmp_path), "kernel.py311", "stamp")  # as another process has it
        index.save((name, "a processor", "code"), f"compiled for {name}")

    with ThreadPoolExecutor(len(types)) as pool:
        list(pool.map(keep, types))
    index = IndexDataCacheFile(str(tmp_path), "kernel.py311", "stamp")
    assert [index.load((name, "a processor", "code")) for name in types] == [f"compiled for {name}" for name in types]
    assert index.load((types[0], "another", "code")) is None
