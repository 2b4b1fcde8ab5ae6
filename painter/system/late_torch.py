"""torch without the parts of it that no painting needs, its libraries loaded ahead: its import is most of a start."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from contextlib import suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

_UNUSED = (
    "cuda.bindings.driver",  # NVIDIA's; where they are not installed, torch finds that out by itself
    "cuda.bindings.runtime",
    "torch._meta_registrations",  # rules for tensors without numbers, for torch's compiler: a fifth of the import
    "torch.distributions",
    "torch.export",
    "torch.nn.intrinsic",
    "torch.nn.qat",
    "torch.nn.quantizable",
    "torch.nn.quantized",
    "torch.quantization",
    "torch.utils.data",
)
"""What torch imports at once and only some of its other parts use."""

_COMPILER = ("torch._dynamo", "torch._inductor", "torch._prims", "torch._decomp", "torch._refs")
"""Parts of torch's compiler, which torch's optimisers import, too; they expect all of torch to be there."""

_GENERATORS = "torch._prims.rng_prims"  # which prepares torch.Generator
_LIBRARIES = ("libtorch_global_deps.so", "libtorch.so")  # in torch's own order; they bring most others with them


_lock = Lock()


class _Late(ModuleType):
    """Stands for a module that is imported when something in it is first asked for."""

    __path__: list[str] = []  # it may be a package: `_Within` knows where its modules are

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # whoever looks through all modules asks each for __file__
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} yet")
        return getattr(_imported(self.__name__), name)


class _Within(MetaPathFinder):
    """Finds the modules within a package that is put off, and imports that first, as Python does.

    Before torch's compiler is imported, all is imported that was put off.
    """

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        package = name.rpartition(".")[0]
        if name in _COMPILER and not getattr(sys.modules["torch"].__spec__, "_initializing", False):
            import_late()
        elif isinstance(sys.modules.get(package), _Late):
            path = getattr(_imported(package), "__path__", [])
        else:
            return None
        if name in sys.modules:  # Python would import it once more, as its own specification says
            known = sys.modules[name]
            known.__spec__ = ModuleSpec(name, _Known(known))
            return known.__spec__
        return PathFinder.find_spec(name, path, target)


class _Known(Loader):
    """Gives a module that its package has imported meanwhile, as it is."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


def put_off() -> None:
    """Have torch, if it is not imported yet, imported without what a painting does not need.

    For programs of ours alone: in a process that belongs to others torch is imported as it is.
    """
    if "torch" not in sys.modules:
        for name in _UNUSED:
            sys.modules.setdefault(name, _Late(name))
        sys.meta_path.insert(0, _Within())


def import_late() -> None:
    """Import what was put off; before torch's compiler or tensors on the device "meta" are used."""
    for name in _UNUSED:
        with suppress(ModuleNotFoundError):  # it is not there, or not in this version of torch
            _imported(name)


def allow_generators() -> None:
    """Make `torch.Generator()` work: some versions of torch prepare it in what is put off. Costs 0.4 s, once."""
    if _is_put_off() and _GENERATORS not in sys.modules:
        with suppress(ModuleNotFoundError):  # another version
            importlib.import_module(_GENERATORS)


def _is_put_off() -> bool:
    return any(isinstance(sys.modules.get(name), _Late) for name in _UNUSED)


def _imported(name: str) -> ModuleType:
    with _lock:  # else one thread removes what another has just begun to import
        if isinstance(sys.modules.get(name), _Late):
            del sys.modules[name]
    return importlib.import_module(name)


def load_libraries() -> None:
    """Load torch's libraries, a third of its import, without the interpreter lock: for a thread beside other work.

    Python itself keeps the lock while it loads a library. What cannot be loaded here is left to torch.
    """
    with suppress(ImportError, ValueError, OSError, AttributeError):
        spec = find_spec("torch")
        loader = ctypes.CDLL(None).dlopen
        loader.argtypes, loader.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            for name in _LIBRARIES:
                library = Path(folder, "lib", name)
                if library.is_file():
                    scope = os.RTLD_GLOBAL if name == _LIBRARIES[0] else os.RTLD_LOCAL  # as torch has it
                    loader(bytes(library), os.RTLD_NOW | scope)
