"""The tree of errors is complete, and its messages stay on one line."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from painter import errors
from painter.errors import one_line

ROOT = Path(__file__).resolve().parents[2]


def bases() -> dict[str, str]:
    """The first base of every class that is defined in the package or in renderers."""
    texts = [path.read_text() for room in ("painter", "renderers") for path in (ROOT / room).rglob("*.py")]
    trees = [ast.parse(text) for text in texts if re.search(r"\bclass \w+\(", text)]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {node.name: node.bases[0].id for node in classes if node.bases and isinstance(node.bases[0], ast.Name)}


@pytest.mark.slow
def test_the_tree_names_every_error_once() -> None:
    found, known = {"ImpastoError"}, bases()
    while more := {name for name, base in known.items() if base in found} - found:
        found |= more
    words = (errors.__doc__ or "").split()
    assert len(found) > 10 and {name: words.count(name) for name in found} == dict.fromkeys(found, 1)


def test_names_of_files_stay_on_one_line() -> None:
    assert one_line("two\nlines \x1b[1m é") == "two\\nlines \\x1b[1m é"
    assert one_line(Path("a\tb")) == "a\\tb"
