"""Builds the two reference pages: docs/api.md from docstrings, docs/options.md from the options' definitions.

    python -m scripts.make_docs [--out docs]

CHAPTERS and SECTIONS say what is in them. The examples in api.md are the docstrings', which tests/house/test_docs.py
runs; it also fails when a page is out of date.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import painter
import painter.errors
from painter.cli.collection import ACTIONS
from painter.cli.commands import COMMANDS, PAINT
from painter.export import FORMATS, Format, format_of, register
from painter.options.export import ExportConfig
from painter.options.fields import option_name
from painter.options.layers import CrossConfig, ImportConfig, UnmixConfig
from painter.options.learn import BlendConfig, GenerateConfig, LearnConfig
from painter.options.morph import MorphConfig
from painter.options.paint import PaintConfig
from painter.options.presets import PRESETS
from painter.options.replay import ReplayConfig
from painter.options.restyle import RestyleConfig
from painter.options.reveal import RevealConfig
from painter.options.running import RunningConfig
from painter.options.serving import StudioConfig
from painter.options.transfer import TransferConfig
from painter.options.video import VideoConfig
from painter.painting.load import load_painting
from painter.painting.morph import Morph, morph
from painter.painting.painting import Painting
from painter.painting.replay import with_overrides
from painter.painting.stroke_file import save_strokes
from painter.pictures.arrays import Arrays
from painter.pictures.metrics import compare
from painter.pictures.palette import choose_palette, read_palette
from painter.pictures.picture import load_picture
from painter.pictures.samples import sample_path
from painter.pipeline import Result, paint, reveal
from painter.search.control import Control
from painter.styling.restyle import Restyled, restyle
from painter.system.atomic import replacing
from renderers.strokes import Strokes
from scripts import ROOT

# The title of a chapter, and what is in it.
CHAPTERS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("Paint", (paint, PaintConfig, Result, Control, Arrays)),
    ("The painting", (Painting, Strokes)),
    ("Files", (ExportConfig, format_of, Format, register, save_strokes, load_painting)),
    ("Draw it again", (ReplayConfig, with_overrides)),
    ("Several paintings in one", (reveal, RevealConfig, morph, MorphConfig, Morph)),
    ("Style", (restyle, RestyleConfig, Restyled)),
    ("Pictures, colours, figures", (load_picture, sample_path, choose_palette, read_palette, compare)),
    ("Errors", (painter.errors,)),
)


@dataclass(frozen=True)
class Section:
    """What docs/options.md says of one command."""

    words: str  # that name it, after the program's name
    module: str  # its make_parser has all options
    configs: tuple[type, ...]  # that options come from
    page: str  # where to read more


COLLECTION_CONFIGS: dict[str, tuple[type, ...]] = {
    "run": (RunningConfig,),
    "import": (ImportConfig,),
    "unmix": (UnmixConfig,),
    "cross": (CrossConfig,),
    "learn": (LearnConfig,),
    "generate": (GenerateConfig, RunningConfig),
    "blend": (BlendConfig, RunningConfig),
}
LEARNING = ("learn", "generate", "blend")
SECTIONS = (
    Section("", PAINT.module, (PaintConfig, RevealConfig, ExportConfig), "painting.md"),
    Section("suggest", COMMANDS["suggest"].module, (PaintConfig,), "painting.md"),
    Section("batch", COMMANDS["batch"].module, (PaintConfig, ExportConfig, RunningConfig), "distributed.md"),
    Section("replay", COMMANDS["replay"].module, (ReplayConfig, ExportConfig), "files.md"),
    Section("morph", COMMANDS["morph"].module, (MorphConfig, ExportConfig), "moving.md"),
    Section("video", COMMANDS["video"].module, (VideoConfig,), "video.md"),
    Section("restyle", COMMANDS["restyle"].module, (RestyleConfig, ExportConfig), "style.md"),
    Section("transfer", COMMANDS["transfer"].module, (TransferConfig, ExportConfig), "style.md"),
    Section("compile", COMMANDS["compile"].module, (), "painting.md"),
    Section("features", COMMANDS["features"].module, (), "style.md"),
    Section("studio", COMMANDS["studio"].module, (StudioConfig,), "studio.md"),
    *(
        Section(
            f"collection {name}", action.__name__,
            COLLECTION_CONFIGS.get(name, ()), "learning.md" if name in LEARNING else "collections.md",
        )
        for name, action in ACTIONS.items()
    ),
)  # fmt: skip
# What the options of one dataclass are called on the page.
GROUPS: dict[type, str] = {
    PaintConfig: "A painting",
    RevealConfig: "Several pictures",
    ExportConfig: "Files and animation",
    RunningConfig: "Processes and machines",
    StudioConfig: "The studio",
    ReplayConfig: "What may differ",
    MorphConfig: "A morph",
    VideoConfig: "A clip",
    RestyleConfig: "A new style",
    TransferConfig: "A transfer",
    ImportConfig: "What the recipe asks for",
    UnmixConfig: "Traits, and what the recipe asks for",
    CrossConfig: "Colours, and what the recipe asks for",
    LearnConfig: "Learning a collection",
    GenerateConfig: "New pieces",
    BlendConfig: "Children",
}
OPTIONS_INTRO = """\
# Options

Made from the options' definitions by `make docs`; `impasto COMMAND --help` shows the same.

An option has one name everywhere: `--min-size 0.01` on the command line is `min-size = 0.01` in a configuration file
and in a collection's recipe, and `PaintConfig(min_size=0.01)` in Python. Where no default is shown, the option is not
set. [controls.md](controls.md) explains, with pictures, what options do to a painting. Every command also has `--help`
and `--version`."""
EVERYWHERE = ("help", "version")

TITLES = ("Args", "Returns", "Yields", "Raises")
OPERATORS = ("__getitem__",)  # shown, though their names begin with _
LISTS = ("Args", "Raises")  # a name and a text each


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="the folder for the pages")
    folder = parser.parse_args(words).out
    for name, make in PAGES.items():
        with replacing(folder / name) as path:
            path.write_text(make(), encoding="utf-8")


# --- docs/options.md ----------------------------------------------------------------------------------------


def options_page() -> str:
    """All of docs/options.md."""
    lines = [OPTIONS_INTRO, ""]
    shown: set[type] = set()
    for section in SECTIONS:
        lines += _section_of(section, shown)
        shown |= set(section.configs)
    return "\n".join([*lines, *_presets()]) + "\n"


def _section_of(section: Section, shown: set[type]) -> list[str]:
    """A command's section; the options of dataclasses that are `shown` already are referred to."""
    parser = importlib.import_module(section.module).make_parser()
    title = " ".join(["impasto", *section.words.split(), *_usage(parser)])
    about = f"{' '.join((parser.description or '').split())} More: [{section.page}]({section.page})."
    lines = [f"## `{title}`", "", about, "", *_own_options(parser, section.configs), ""]
    for config in section.configs:
        if config not in shown:
            lines += [f"### {GROUPS[config]}", "", *_option_table(config), ""]
    references = [_reference(parser, config) for config in section.configs if config in shown]
    return [*lines, *[line for reference in references for line in (reference, "")]]


def _usage(parser: argparse.ArgumentParser) -> Iterator[str]:
    """What has to be, or may be, given without an option's name, and the options that have to be given."""
    for action in parser._actions:
        if action.required or not action.option_strings:
            name = f"{action.option_strings[0]} {action.metavar}" if action.option_strings else str(action.metavar)
            yield {"?": f"[{name}]", "+": f"{name} [{name} ...]"}.get(str(action.nargs), name)


def _own_options(parser: argparse.ArgumentParser, configs: Sequence[type]) -> list[str]:
    """A table of the options that do not come from dataclasses."""
    theirs = {option_name(spec.name) for config in configs for spec in fields(config)}
    rows = []
    for action in parser._actions:
        if action.dest not in EVERYWHERE and not theirs.intersection(action.option_strings):
            names = ", ".join(action.option_strings) or str(action.metavar)
            value = f" {action.metavar}" if action.option_strings and action.metavar else ""
            rows.append(f"| `{names}{value}` | {_cell((action.help or '').replace('%%', '%'))} |")
    return ["| | |", "|---|---|", *rows]


def _option_table(config: type) -> list[str]:
    """A table of the options of a dataclass."""
    rows = []
    for spec in fields(config):
        default = "" if spec.default is None or isinstance(spec.default, bool) else f"`{_default(spec.default)}`"
        name = f"{option_name(spec.name)} {spec.metadata['metavar']}".rstrip()
        rows.append(f"| `{name}` | {default} | {_cell(spec.metadata['help'])} |")
    return ["| option | default | |", "|---|---|---|", *rows]


def _default(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _reference(parser: argparse.ArgumentParser, config: type) -> str:
    """A line that says which of the options of a dataclass a command has, and their other names."""
    names = {name: action for action in parser._actions for name in action.option_strings}
    known = [option_name(spec.name) for spec in fields(config)]
    taken = [name for name in known if name in names]
    others = [
        f"`{other}` is another name of `{name}`"
        for name in taken
        for other in names[name].option_strings
        if other not in known
    ]
    title = f"[{GROUPS[config]}](#{GROUPS[config].lower().replace(' ', '-')})"
    what = f"All of {title}" if taken == known else f"Of {title}: {', '.join(f'`{name}`' for name in taken)}"
    return f"{'; '.join([what, *others])}."


def _presets() -> list[str]:
    """The section of presets."""
    rows = [
        f"| `{name}` | {preset.about} | {', '.join(f'`{key} = {value!r}`' for key, value in preset.settings.items())} |"
        for name, preset in PRESETS.items()
    ]
    about = "`--preset NAME` sets several options at once; a configuration file and the command line override it."
    return ["## Presets", "", about, "", "| preset | for | sets |", "|---|---|---|", *rows]


# --- docs/api.md --------------------------------------------------------------------------------------------


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
    home = f"from `{_home(thing)}`"
    if not inspect.isclass(thing):
        return [f"### {thing.__name__}", "", home, "", *_code([_signature(thing)]), "", *_docstring(thing), ""]
    lines = [f"### {thing.__name__}", "", home, "", *_docstring(thing), "", *_fields(thing), ""]
    for name, member in _methods(thing):
        lines += [f"#### {thing.__name__}.{name}", "", *_code([_signature(member)]), "", *_docstring(member), ""]
    return lines


def _home(thing: Any) -> str:
    """The outermost package that exports it, or its module."""
    parts = thing.__module__.split(".")
    packages = [".".join(parts[:count]) for count in range(1, len(parts))]
    exporting = (name for name in packages if thing.__name__ in getattr(sys.modules[name], "__all__", ()))
    return next(exporting, thing.__module__)


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
    rows = [f"| `{ending}` | {_cell(format.holds)} |" for ending, format in FORMATS.items()]
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
        elif title in TITLES:
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


PAGES: dict[str, Callable[[], str]] = {"api.md": reference, "options.md": options_page}

if __name__ == "__main__":
    main()
