"""The rooms of the house: imports run one way, without circles, and our own modules are imported at the top."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# From the top of the house down: a room may import those that come after it, and itself.
ROOMS = (
    "painter.cli", "painter.studio", "painter.notebook", "painter.layers", "painter.learning", "painter.video",
    "painter.batch", "painter.pipeline", "painter.styling", "painter.search", "painter.painting", "painter.export",
    "painter.pictures", "painter.system", "painter.options", "painter.errors", "painter.version", "checkpoints",
    "renderers",
)  # fmt: skip

# Modules that may import others inside a function, and why.
LATE = {
    "painter": "the public verbs: `import painter` and --help must not wait for torch",
    "painter.painting.painting": "Painting.load, .save and .player, for users",
    "painter.cli": "the registry of commands: one is imported when it is run",
    "painter.studio.worker_entry": "a process of the studio begins here, and the server needs no torch",
    "painter.batch.worker": "a worker's process begins here, and only it needs torch",
    "painter.batch.ray_pool": "a task on another machine begins here, and only it needs torch",
    "renderers": "the public verbs: light modules below it are imported without torch",
    "renderers.blending": "Triton is there on machines with a GPU only",
}
COMMANDS = "painter.cli."  # each command has one function that imports what is heavy, when options have been checked


@dataclass(frozen=True)
class Import:
    """One import of a module of ours."""

    importer: str
    imported: str
    function: str | None  # that it stands in, by the outermost one's name; None at the top
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def modules(root: Path) -> dict[str, Path]:
    """Our modules' files, by name."""
    files = [path for part in ("painter", "renderers", "checkpoints") for path in sorted((root / part).rglob("*.py"))]
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def imports(root: Path) -> list[Import]:
    """Every import of a module of ours by another, also under TYPE_CHECKING."""
    known = modules(root)
    return [found for name, path in known.items() for found in _imports_of(name, ast.parse(path.read_text()), known)]


def _imports_of(module: str, tree: ast.AST, known: dict[str, Path], function: str | None = None) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [
                whole if (whole := f"{node.module}.{alias.name}") in known else node.module for alias in node.names
            ]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "import_module":
            names = [text for text in _texts(node) if text in known] or ["?"]
        for name in dict.fromkeys(names):
            if name in known or name == "?":
                yield Import(module, name, function, getattr(node, "lineno", 0))
        inner = function
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            inner = function or getattr(node, "name", "lambda")
        yield from _imports_of(module, node, known, inner)


def _texts(call: ast.Call) -> list[str]:
    return [value.value for value in call.args if isinstance(value, ast.Constant) and isinstance(value.value, str)]


def room_of(module: str) -> str | None:
    """The room that a module stands in; None for the package itself, which stands above them all."""
    return next((room for room in ROOMS if module == room or module.startswith(room + ".")), None)


def circles(found: list[Import]) -> list[list[str]]:
    """Modules that import each other, each circle once (Tarjan's strongly connected components)."""
    edges: dict[str, set[str]] = {}
    for one in found:
        if one.function is None and one.imported != "?":
            edges.setdefault(one.importer, set()).add(one.imported)
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    parts: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in sorted(edges.get(name, ())):
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            part = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(part) > 1 or name in edges.get(name, ()):
                parts.append(part)

    for name in sorted(edges):
        if name not in order:
            visit(name)
    return parts


def upward(found: list[Import]) -> list[Import]:
    """Imports of a room that stands above the importer's."""
    wrong = []
    for one in found:
        importer, imported = room_of(one.importer), room_of(one.imported)
        if importer is not None and imported is not None and ROOMS.index(imported) < ROOMS.index(importer):
            wrong.append(one)
    return wrong


def stray(found: list[Import]) -> list[Import]:
    """Imports inside functions that are not the one late step of a command, or in LATE."""
    late = [one for one in found if one.function is not None and one.importer not in LATE]
    steps: dict[str, set[str]] = {}
    for one in late:
        steps.setdefault(one.importer, set()).add(str(one.function))
    return [one for one in late if not one.importer.startswith(COMMANDS) or len(steps[one.importer]) > 1]


@pytest.fixture(scope="module")
def ours() -> list[Import]:
    return imports(ROOT)


@pytest.mark.slow
def test_there_is_no_import_circle(ours: list[Import]) -> None:
    assert not circles(ours), "\n".join(" <-> ".join(part) for part in circles(ours))


@pytest.mark.slow
def test_imports_run_one_way(ours: list[Import]) -> None:
    assert not upward(ours), "\n".join(map(str, upward(ours)))


def test_modules_are_imported_at_the_top(ours: list[Import]) -> None:
    assert not stray(ours), "\n".join(f"{one} inside {one.function}" for one in stray(ours))


def test_every_exception_is_one(ours: list[Import]) -> None:
    """What is in LATE is there for a reason: it does import late."""
    assert {one.importer for one in ours if one.function is not None} >= set(LATE)


def test_every_module_stands_in_a_room() -> None:
    assert [name for name in modules(ROOT) if room_of(name) is None] == ["painter"]


VERBS = {"morph", "paint", "replay", "restyle", "running", "transfer", "video"}
"""What can be done: each has its options in one room, its work in another and its command in a third."""


def test_no_file_name_stands_for_two_things() -> None:
    """In two rooms of painter, but for verbs, and the actions of `collection`, which are named after themselves."""
    places: dict[str, set[str]] = {}
    for name, path in modules(ROOT).items():
        if name.startswith("painter.") and path.name != "__init__.py" and not name.startswith("painter.cli.collection"):
            places.setdefault(path.stem, set()).add(name)
    assert {stem: names for stem, names in places.items() if len(names) > 1 and stem not in VERBS} == {}


def test_every_room_says_what_it_is_for() -> None:
    for name, path in modules(ROOT).items():
        if path.name == "__init__.py" and name != "checkpoints":
            text = ast.get_docstring(ast.parse(path.read_text())) or ""
            files = [file.stem for file in path.parent.glob("*.py") if file.stem != "__init__"]
            assert len(text.splitlines()) >= 5 or len(files) < 3, f"{name}: say in five lines what it is for"


PLANTED = {
    "circle": ({"painter/search/a.py": "import painter.search.b", "painter/search/b.py": "import painter.search.a"}),
    "upward": ({"painter/options/a.py": "from painter.cli import b", "painter/cli/b.py": ""}),
    "late": ({"painter/search/a.py": "def f():\n    from painter import errors", "painter/errors.py": ""}),
    "hidden": ({"painter/search/a.py": "def f():\n    import_module('painter.errors')", "painter/errors.py": ""}),
}


@pytest.mark.parametrize("flaw", PLANTED)
def test_a_flaw_is_found_and_named(flaw: str, tmp_path: Path) -> None:
    for name, text in PLANTED[flaw].items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = imports(tmp_path)
    counts = [len(circles(found)), len(upward(found)), len(stray(found))]
    assert counts == [flaw == "circle", flaw == "upward", flaw in ("late", "hidden")]
    named = str(circles(found) or upward(found) or stray(found))
    assert "a" in named
