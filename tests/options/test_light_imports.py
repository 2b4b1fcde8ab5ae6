"""Rooms that other programs and the first check of options import must stay light."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import importlib, pkgutil, sys
room = importlib.import_module(sys.argv[1])
for module in pkgutil.iter_modules(room.__path__):
    if module.name not in sys.argv[3].split():
        importlib.import_module(f"{sys.argv[1]}.{module.name}")
print(*sorted(set(sys.argv[2].split()) & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("room", "heavy", "but_for"),
    [
        ("painter.options", "numpy torch", ""),
        ("painter.pictures", "torch numba", ""),
        ("painter.system", "numpy torch", "snapshot autosave"),
    ],
)
def test_no_module_imports_what_takes_seconds(room: str, heavy: str, but_for: str) -> None:
    arguments = [sys.executable, "-c", CODE, room, heavy, but_for]
    assert subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split() == []
