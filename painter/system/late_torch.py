"""torch without the part of it that no painting needs: its import is most of a start."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_UNUSED = "torch._meta_registrations"
"""torch's rules for tensors without numbers, for its compiler: a fifth of what importing torch takes."""


class _Late(ModuleType):
    """Stands for a module that is imported when something in it is first asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # whoever looks through all modules asks each for __file__
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} yet")
        return getattr(import_late(), name)


def put_off() -> None:
    """Have torch, if it is not imported yet, imported without what a painting does not need.

    For programs of ours alone: in a process that belongs to others torch is imported as it is.
    """
    if "torch" not in sys.modules:
        sys.modules.setdefault(_UNUSED, _Late(_UNUSED))


def import_late() -> ModuleType:
    """Import what was put off; before torch's compiler or tensors on the device "meta" are used."""
    if isinstance(sys.modules.get(_UNUSED), _Late):
        del sys.modules[_UNUSED]
    return importlib.import_module(_UNUSED)


def random_generator(seed: int) -> torch.Generator:
    """A generator of random numbers on the CPU.

    torch makes none without what was put off, so it is imported then.
    """
    import torch

    try:
        made = torch.Generator()
    except RuntimeError:
        import_late()
        made = torch.Generator()
    return made.manual_seed(seed)
