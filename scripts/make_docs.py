"""Builds docs/api.md, the reference of the Python API, from docstrings.

    python scripts/make_docs.py [--out docs/api.md]

CHAPTERS says what is in it. The examples in it are the docstrings', which tests/test_docs.py runs.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import painter
import painter.errors
from painter.export import FORMATS, format_of
from painter.options.export import ExportConfig
from painter.options.paint import PaintConfig
from painter.options.replay import ReplayConfig
from painter.options.restyle import RestyleConfig
from painter.painting.painting import Painting
from painter.painting.replay import with_overrides
from painter.painting.stroke_file import load_strokes, save_strokes
from painter.pictures.metrics import compare
from painter.pictures.palette import choose_palette, read_palette
from painter.pictures.picture import load_picture
from painter.pictures.samples import sample_path
from painter.pipeline import Result, paint
from painter.styling.restyle import Restyled, restyle
from painter.system.atomic import replacing
from renderers.strokes import Strokes

ROOT = Path(__file__).resolve().parents[1]
# The title of a chapter, and what is in it.
CHAPTERS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("Paint", (paint, PaintConfig, Result)),
    ("The painting", (Painting, Strokes)),
    ("Files", (ExportConfig, format_of, save_strokes, load_strokes)),
    ("Draw it again", (ReplayConfig, with_overrides)),
    ("Style", (restyle, RestyleConfig, Restyled)),
    ("Pictures, colours, figures", (load_picture, sample_path, choose_palette, read_palette, compare)),
    ("Errors", (painter.errors,)),
)
SECTIONS = ("Args", "Returns", "Yields", "Raises")
OPERATORS = ("__getitem__",)  # shown, though their names begin with _
LISTS = ("Args", "Raises")  # a name and a text each


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "api.md")
    with replacing(parser.parse_args(words).out) as path:
        path.write_text(reference(), encoding="utf-8")


def reference() -> str:
    """All of docs/api.md."""
    lines = ["# Python API", "", "Made from docstrings by `make docs`; the examples run as tests.", ""]
    lines += [*_docstring(painter), ""]
    lines += [f"`painter` has {_in_words(sorted(painter.__all__))}.", ""]
    for title, things in CHAPTERS:
        lines += [f"## {title}", ""]
        if title == "Files":
            lines += [*_formats(), ""]
        for thing in things:
            lines += _entry(thing)
    return "\n".join(lines).rstrip("\n") + "\n"


def _entry(thing: Any) -> list[str]:
    if isinstance(thing, ModuleType):
        return [*_docstring(thing), ""]
    home = f"from `{'painter' if thing.__name__ in painter.__all__ else thing.__module__}`"
    if not inspect.isclass(thing):
        return [f"### {thing.__name__}", "", home, "", *_code([_signature(thing)]), "", *_docstring(thing), ""]
    lines = [f"### {thing.__name__}", "", home, "", *_docstring(thing), "", *_fields(thing), ""]
    for name, member in _methods(thing):
        lines += [f"#### {thing.__name__}.{name}", "", *_code([_signature(member)]), "", *_docstring(member), ""]
    return lines


def _methods(owner: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Methods and properties of the class itself that are public and have a docstring, as in the source."""
    for name, member in vars(owner).items():
        if isinstance(member, staticmethod):
            member = member.__func__
        elif isinstance(member, property):
            member = member.fget
        if inspect.isfunction(member) and member.__doc__ and (name in OPERATORS or not name.startswith("_")):
            yield name, member


def _signature(function: Callable[..., Any]) -> str:
    """As the source has it, with its decorator, on one line or one parameter a line."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(node, ast.FunctionDef)
    above = "".join(f"@{ast.unparse(decorator)}\n" for decorator in node.decorator_list)
    head, tail = f"{above}def {node.name}(", f") -> {ast.unparse(node.returns)}" if node.returns else ")"
    parameters = list(_parameters(node.args))
    line = ", ".join(parameters)
    if len(head) - len(above) + len(line) + len(tail) <= 110:
        return head + line + tail
    return head + "".join(f"\n    {parameter}," for parameter in parameters) + "\n" + tail


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    """Each as the source has it."""
    plain = arguments.args
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
    defaults += arguments.defaults
    for parameter, default in zip(plain, defaults, strict=True):
        yield _parameter(parameter, default)
    if arguments.vararg or arguments.kwonlyargs:
        yield "*" + (ast.unparse(arguments.vararg) if arguments.vararg else "")
    for parameter, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(parameter, default)


def _parameter(parameter: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(parameter) + (f" = {ast.unparse(default)}" if default else "")


def _fields(owner: type) -> list[str]:
    """The fields of a dataclass: a table of options, or as they stand in the source, with their comments."""
    if not is_dataclass(owner):
        return []
    if all("help" in spec.metadata for spec in fields(owner)):
        rows = [f"| `{spec.name}` | `{spec.default!r}` | {_cell(spec.metadata['help'])} |" for spec in fields(owner)]
        return ["| field | default | |", "|---|---|---|", *rows]
    source = inspect.getsource(owner).splitlines()
    (node,) = ast.parse("\n".join(source)).body
    assert isinstance(node, ast.ClassDef)
    places = [item for item in node.body if isinstance(item, ast.AnnAssign)]
    last = places[-1].end_lineno or places[-1].lineno
    start = next(k for k, item in enumerate(node.body) if item is places[0])
    first = node.body[start - 1].end_lineno or 0  # comments above the first field are its own
    return _code(textwrap.dedent("\n".join(source[first:last])).strip("\n").splitlines())


def _formats() -> list[str]:
    rows = [f"| `{ending}` | {_cell(holds)} |" for ending, holds in FORMATS.items()]
    more = "More about them: [formats.md](formats.md), [stroke-format.md](stroke-format.md), [svg.md](svg.md)."
    return ["`painter.export.FORMATS`, by ending:", "", "| ending | holds |", "|---|---|", *rows, "", more]


def _docstring(thing: Any) -> list[str]:
    """A docstring as lines of markdown."""
    blocks = re.split(r"\n\s*\n", inspect.cleandoc(thing.__doc__ or "")) if thing.__doc__ else []
    lines: list[str] = []
    for block in blocks:
        title, _, body = block.partition(":\n")
        if block.startswith(">>>"):
            lines += [*_code(block.splitlines(), "pycon"), ""]
        elif title in SECTIONS:
            lines += [f"**{title}**", "", *_section(title, textwrap.dedent(body)), ""]
        else:
            lines += [*block.splitlines(), ""]
    return lines[:-1]


def _section(title: str, body: str) -> list[str]:
    """The body of Args, Returns, …; of a list each item in a line."""
    if title not in LISTS:
        return body.splitlines()
    items = re.split(r"\n(?=\S)", body)
    parted = [" ".join(item.split()).partition(": ") for item in items]
    return [f"- `{name}`: {text}" for name, _, text in parted]


def _code(lines: Sequence[str], language: str = "python") -> list[str]:
    return [f"```{language}", *"\n".join(lines).splitlines(), "```"]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _in_words(names: Sequence[str]) -> str:
    *most, last = (f"`{name}`" for name in names)
    return f"{', '.join(most)} and {last}"


if __name__ == "__main__":
    main()
