"""torch without the parts of it that no painting needs, its libraries loaded ahead: its import is most of a start."""

from __future__ import annotations

import ctypes
import importlib
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from threading import Lock, local
from types import ModuleType
from typing import Any

from painter.system.ahead import Ahead
from painter.system.usage import address_space

_UNUSED = (
    "cuda.bindings.driver",  # NVIDIA's
    "cuda.bindings.runtime",
    "unittest.mock",
    "yaml",  # for numba's settings, if there is a file of them
    "scipy",  # whose version numba asks for
    "torchgen.model",
    "torch.nn.intrinsic",
    "torch.nn.qat",
    "torch.nn.quantizable",
    "torch.nn.quantized",
    "torch.quantization",
    "torch.distributions",
    "torch.utils.data",
    "torch.profiler",
    "torch.masked",
    "torch.func",
    "torch._higher_order_ops",  # for programs that are compiled
    "torch.export",
    "torch.distributed._meta_registrations",
    "torch._meta_registrations",  # rules for tensors without numbers, for torch's compiler: a fifth of the import
    "torch.compiler",
    "torch._native",  # kernels for GPUs in place of torch's older ones
)
"""What torch, or numba, imports at once and only some of its other parts use.

In torch's own order: they import each other.
"""

_TRIED = "2.14"  # with other versions of torch, what is put off here has not been tried
_IF_TRIED = frozenset(
    (
        "torch._higher_order_ops",
        "torch._native",
        "torch.compiler",
        "torch.distributed._meta_registrations",
        "torch.func",
        "torch.masked",
        "torch.profiler",
        "torchgen.model",
    )
)

_FUNCTIONS = {"torch.func": ("vmap",), "torch._higher_order_ops": ("cond", "while_loop")}
"""What torch gives as its own from what is put off; until then, functions that import it when they are called."""

_ALONE = (
    "torch._custom_op",
    "torch._dispatch",
    "torch._library",
    "torch._subclasses",
    "torch.utils._",
    "torch.utils.serialization",
)
"""How the names of further parts of torch begin that do without what is put off: reading weights takes them."""

_GENERATORS = "torch._prims.rng_prims"  # which prepares torch.Generator
_LIBRARIES = ("libtorch_global_deps.so", "libtorch.so")  # in torch's own order; they bring most others with them


_FIRST = ("cv2", "PIL.BmpImagePlugin", "PIL.JpegImagePlugin")

_lock = Lock()
_waiting: set[str] = set()  # what has not been asked for
_loading: list[Ahead[None]] = []  # torch's libraries
_here = local()  # whether this thread is importing what was put off


class _Late(ModuleType):
    """Stands for a module that is imported when something in it is first asked for."""

    __path__: list[str] = []  # it may be a package: `_Finder` knows where its modules are

    def __getattr__(self, name: str) -> Any:
        if name == "__version__":
            return _version(self.__name__) or getattr(_imported(self.__name__), name)
        if name.startswith("__"):  # whoever looks through all modules asks each for __file__
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} yet")
        if name in _FUNCTIONS.get(self.__name__, ()) and not _torch_is_there():
            return _forwarding(self.__name__, name)
        return getattr(_imported(self.__name__), name)


class _Finder(MetaPathFinder):
    """Finds what is put off, which is there but empty, and imports it where it is needed.

    All of it is, before a part of torch is imported that torch does not import by itself, such as its compiler, which
    its optimisers use: those parts expect all of torch to be there.
    """

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        package = name.rpartition(".")[0]
        if name in _waiting:
            return None if PathFinder.find_spec(name, path, target) is None else ModuleSpec(name, _Empty())
        if isinstance(sys.modules.get(package), _Late):
            path = getattr(_imported(package), "__path__", [])
        elif name.startswith("torch.") and not name.startswith(_ALONE) and _torch_is_there() and _is_put_off():
            if hasattr(_here, "importing"):
                return None
            import_late()
        else:
            return None
        if name in sys.modules:  # Python would import it once more, as its own specification says
            known = sys.modules[name]
            known.__spec__ = ModuleSpec(name, _Known(known))
            return known.__spec__
        return PathFinder.find_spec(name, path, target)


class _Empty(Loader):
    """Gives a module that stands for another."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Late(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


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
        _waiting.update(_names())
        sys.meta_path.insert(0, _Finder())


def _names() -> list[str]:
    """What is put off with this version of torch."""
    return [name for name in _UNUSED if name not in _IF_TRIED or _is_tried()]


def import_late() -> None:
    """Import what was put off; before tensors on the device "meta" are used, or torch's compiler."""
    known = filter(_is_late if _torch_is_there() else _stands_in, _UNUSED)  # torch itself may not be that far yet
    _here.importing = True
    try:
        for name in known:
            with suppress(ModuleNotFoundError):  # it is not there, or not in this version of torch
                _imported(name)
    finally:
        del _here.importing
    torch = sys.modules.get("torch")
    for name, functions in _FUNCTIONS.items() if torch is not None else ():
        for function in functions if name in sys.modules else ():
            setattr(torch, function, getattr(sys.modules[name], function))


def allow_generators() -> None:
    """Make `torch.Generator()` work: some versions of torch prepare it in what is put off. Costs 0.4 s, once."""
    if _is_put_off() and _GENERATORS not in sys.modules:
        with suppress(ModuleNotFoundError):  # another version
            importlib.import_module(_GENERATORS)


def _is_tried() -> bool:
    """Whether torch is of the version that all of this has been tried with."""
    return (_version("torch") or "").startswith(f"{_TRIED}.")


@cache
def _version(package: str) -> str | None:
    """A package's version, as its file says; None if it does not."""
    for folder in _folders(package):
        with suppress(OSError, ValueError):
            text = Path(folder, "version.py").read_text()
            found = re.search(r"""^(?:version|__version__) = ['"](.+)['"]""", text, re.MULTILINE)
            if found:
                return found[1]
    return None


def _folders(package: str) -> list[str]:
    """Where a package is; none, if it is not there."""
    with suppress(ImportError, ValueError):
        spec = PathFinder.find_spec(package)
        return list((spec and spec.submodule_search_locations) or ())
    return []


def _is_put_off() -> bool:
    return any(map(_is_late, _UNUSED))


def _is_late(name: str) -> bool:
    return name in _waiting or _stands_in(name)


def _stands_in(name: str) -> bool:
    return isinstance(sys.modules.get(name), _Late)


def _torch_is_there() -> bool:
    """Whether torch has been imported, to its end."""
    spec = getattr(sys.modules.get("torch"), "__spec__", None)
    return spec is not None and not getattr(spec, "_initializing", False)


def _imported(name: str) -> ModuleType:
    if name.startswith("torch.") and not hasattr(_here, "importing"):
        import_late()  # one of them alone would be in an order that torch has not been tried in
    with _lock:  # else one thread removes what another has just begun to import
        _waiting.discard(name)
        if isinstance(sys.modules.get(name), _Late):
            del sys.modules[name]
    return importlib.import_module(name)


def _forwarding(module: str, name: str) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(_imported(module), name)(*arguments, **options)

    return call


def load_libraries_ahead() -> None:
    """Begin to load torch's libraries, a third of its import, in a thread, if memory is not limited.

    What pictures are read with is imported before: while one library is being loaded, whoever loads another waits, and
    all of Python with it.
    """

    def load() -> None:
        for name in _FIRST:
            with suppress(Exception):  # whoever needs it meets the same error
                importlib.import_module(name)
        load_libraries()

    if address_space() is None:
        _loading.append(Ahead(load))


def import_torch() -> None:
    """Import torch, once its libraries have been loaded; until then other threads can go on, as they could not if torch
    waited."""
    for loading in _loading:
        loading.result()
    importlib.import_module("torch")


def load_libraries() -> None:
    """Load torch's libraries without the interpreter lock, which Python itself keeps while it loads a library.

    What cannot be loaded here is left to torch.
    """
    with suppress(OSError, AttributeError, TypeError):  # there is no such loader
        loader = ctypes.CDLL(None).dlopen
        loader.argtypes, loader.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
        for folder in _folders("torch"):
            for name in _LIBRARIES:
                library = Path(folder, "lib", name)
                if library.is_file():
                    scope = os.RTLD_GLOBAL if name == _LIBRARIES[0] else os.RTLD_LOCAL  # as torch has it
                    loader(bytes(library), os.RTLD_LAZY | scope)  # a function is looked up when it is first called
