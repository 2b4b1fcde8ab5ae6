"""What the README and the pages of docs/ say is true: options with their defaults, examples, files and links."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from painter import PaintConfig
from painter.cli.collection import ACTIONS
from painter.cli.commands import COMMANDS, PAINT
from painter.export import FORMATS
from painter.options.export import ExportConfig
from painter.options.fields import option_name
from painter.options.kinds import OrNames
from painter.options.paint import CANVASES, DEVICES, FOCUSES, LOSSES, STYLE_ALIASES, STYLES
from painter.options.presets import PRESETS
from painter.options.replay import ReplayConfig
from painter.options.restyle import RestyleConfig
from painter.options.running import RunningConfig
from painter.options.transfer import TransferConfig
from painter.search.config import SearchConfig
from scripts.make_docs import GROUPS, SECTIONS

ROOT = Path(__file__).resolve().parents[2]
MOST_WORDS = 700  # of the README
MOST_LINES = 6  # of its Python
BOUNDED = ("strokes", "until_psnr", "seconds", "size", "tones", "levels", "relief")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", *(f"docs/{path.name}" for path in ROOT.glob("docs/*.md")))
ALL = "|".join([f"collection (?:{'|'.join(ACTIONS)})", *(name for name in COMMANDS if name != "collection")])
EVERYWHERE = ("help", "version")


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def parser_of(words: str) -> ArgumentParser:
    """Of the command that these words name; '' paints."""
    first, _, action = words.partition(" ")
    home = PAINT if not first else COMMANDS[first]
    module: Any = ACTIONS[action] if action else import_module(home.module)
    parser = module.make_parser()
    assert isinstance(parser, ArgumentParser)
    return parser


def section(name: str, title: str) -> str:
    """What stands under a title of a page, up to the next of its level."""
    level = title.split(" ")[0]
    return page(name).split(f"\n{title}\n")[1].split(f"\n{level} ")[0]


# --- the README ---------------------------------------------------------------------------------------------


def test_the_readme_is_short() -> None:
    text = page("README.md")
    assert len(text.split()) <= MOST_WORDS
    assert len(re.findall(r"!\[", text)) == 1
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len([line for line in block.splitlines() if line]) <= MOST_LINES


def test_the_readme_says_how_to_install_and_where_to_read_on() -> None:
    text = page("README.md")
    assert all(command in text for command in ("make paint", "make test", "pip install ."))
    commands = re.findall(r"^impasto .*$", text, re.MULTILINE)
    assert len(commands) == 3
    linked = set(re.findall(r"\]\(([^)#]+)\)", text))
    assert {name for name in PAGES if name != "README.md"} <= linked
    assert all(f"`{name}`" in text or f"impasto {name} " in text for name in COMMANDS)


# --- options ------------------------------------------------------------------------------------------------


def rows(text: str) -> dict[str, tuple[str, str]]:
    """Of tables of options: the default, where there is one, and the remarks, by the option's names."""
    found = {}
    for line in re.findall(r"^\| `-.*$", text, re.MULTILINE):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for name in re.findall(r"--?[a-z][\w-]*", cells[0]):
            found[name] = (cells[1].strip("`") if len(cells) == 3 else "", cells[-1])
    return found


def sections() -> dict[str, str]:
    """The sections of docs/options.md by the command that they are of."""
    titles = re.findall(r"^## `impasto ?(.*)`$", page("docs/options.md"), re.MULTILINE)
    return {
        re.split(r"(?:^| )(?=[\[A-Z-])", title)[0]: section("docs/options.md", f"## `{_title(title)}`")
        for title in titles
    }


def _title(title: str) -> str:
    return f"impasto {title}".rstrip()


def test_every_command_has_a_section() -> None:
    actions = {f"collection {name}" for name in ACTIONS}
    assert set(sections()) == {"", *COMMANDS, *actions} - {"collection"}
    assert {one.words for one in SECTIONS} == set(sections())


@pytest.mark.parametrize("words", [one.words for one in SECTIONS])
def test_a_section_has_every_option_of_its_command_and_no_other(words: str) -> None:
    (configs,) = (one.configs for one in SECTIONS if one.words == words)
    text = sections()[words]
    shown = set(rows(text))
    known: set[str] = set()
    for config in configs:
        names = {option_name(spec.name) for spec in fields(config)}
        if not names & shown or not names <= shown:  # its table stands in another section
            (line,) = [line for line in text.splitlines() if re.match(rf"(All of|Of) \[{GROUPS[config]}\]", line)]
            shown |= names if line.startswith("All of") else set()
            shown |= set(re.findall(r"`(--[\w-]+)`", line))
    for action in parser_of(words)._actions:
        if action.dest not in EVERYWHERE:
            known |= set(action.option_strings)
            assert not action.option_strings or set(action.option_strings) <= shown, action.option_strings
    assert shown <= known


def test_the_options_page_has_every_option_of_replay() -> None:
    text = sections()["replay"]
    assert set(rows(text.split("### What may differ")[1])) == {option_name(spec.name) for spec in fields(ReplayConfig)}
    actions = [action for action in parser_of("replay")._actions if action.dest not in ("help", "version", "file")]
    known = {option_name(spec.name) for config in (ReplayConfig, ExportConfig) for spec in fields(config)}
    others = [action.option_strings[-1] for action in actions if not known.intersection(action.option_strings)]
    assert others == ["--output", "--overwrite", "--quiet"]


def test_the_options_page_has_the_right_defaults_and_bounds() -> None:
    found = rows(sections()[""])
    for spec in (*fields(PaintConfig), *fields(ExportConfig)):
        default, remarks = found[option_name(spec.name)]
        is_number = isinstance(spec.default, (int, float)) and not isinstance(spec.default, bool)
        shown = f"{spec.default:g}" if is_number else spec.default or ""
        assert default == shown, spec.name
        numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", remarks)]
        if spec.name in BOUNDED:
            kind = spec.metadata["kind"]
            bounds: Any = kind.kind if isinstance(kind, OrNames) else kind
            assert numbers[:2] == [bounds.low, bounds.high], spec.name
    usual = f"or else {SearchConfig().usual_iterations}"
    assert usual in found["--iterations"][1]
    assert usual in PaintConfig.__dataclass_fields__["iterations"].metadata["help"]
    for words, config in (
        ("replay", ReplayConfig),
        ("restyle", RestyleConfig),
        ("transfer", TransferConfig),
        ("batch", RunningConfig),
    ):
        found = rows(sections()[words])
        for spec in fields(config):
            assert found[option_name(spec.name)][1] == spec.metadata["help"].replace("|", "\\|"), (words, spec.name)


def test_the_options_page_has_every_choice() -> None:
    found = rows(sections()[""])
    for option, choices in (
        ("--canvas", CANVASES), ("--loss", LOSSES), ("--device", DEVICES), ("--focus", FOCUSES), ("--preset", PRESETS),
        ("--style", STYLES),
    ):  # fmt: skip
        words = re.findall(r"\w+", " ".join(found[option]))
        assert set(choices) <= set(words), option
    table = section("docs/options.md", "## Presets")
    for name, preset in PRESETS.items():
        (line,) = [line for line in table.splitlines() if line.startswith(f"| `{name}` |")]
        assert all(f"`{key} = {value!r}`" in line for key, value in preset.settings.items())


# --- what other pages say of options ------------------------------------------------------------------------


def test_the_pages_have_the_right_numbers() -> None:
    """What is explained in words, beside docs/options.md."""
    painting, controls, files = (page(f"docs/{name}.md") for name in ("painting", "controls", "files"))
    bounds = {spec.name: spec.metadata["kind"] for spec in fields(PaintConfig)}
    bounds["strokes"] = bounds["strokes"].kind
    for text, names in (
        (painting, ("strokes", "until_psnr", "seconds", "size")),
        (controls, ("tones", "levels", "relief")),
    ):
        for name in names:
            (remark,) = re.findall(rf"`{option_name(name)} [A-Z]+`(?:(?!`--).)*?(?=\.\s|;\s|:\s)", text, re.DOTALL)[:1]
            low, high = bounds[name].low, bounds[name].high
            assert re.search(rf"\b{low:,g} to {high:,g}\b|\b{low:g} to {high:g}\b", remark), (name, remark)
    assert f"or else {SearchConfig().usual_iterations}" in controls
    assert f"takes {SearchConfig().usual_iterations} steps" in painting
    assert f"{PaintConfig().strokes} by default" in painting and f"{PaintConfig().size} by default" in painting
    assert f"at most {ExportConfig().gif_side} px" in files and f"{PaintConfig().size} px by default" in files
    assert all(f"`NAME-STYLE{ending}`" in files for ending in (".png", ".gif", ".strokes.json"))
    written = section("docs/files.md", "## What is written")
    assert all(f"`{ending}`" in written for ending in FORMATS)


def test_the_pages_have_every_choice() -> None:
    controls = page("docs/controls.md")
    for choices in (CANVASES, LOSSES, DEVICES, FOCUSES, PRESETS):
        assert all(f"`{choice}`" in controls or f" {choice}`" in controls for choice in choices), choices
    styles = section("docs/painting.md", "## The four styles")
    for style in STYLES:
        assert re.search(rf"^\| `{style}`", styles, re.MULTILINE), style
    assert set(re.findall(r"\(`(\w+)`\)", styles)) <= set(STYLE_ALIASES)


def example_lines() -> Iterator[tuple[str, str, str]]:
    """Of all pages: the page, the command's words and the line."""
    for name in PAGES:
        for line in page(name).splitlines():
            if match := re.search(rf"(?:paint\.py|(?:^|`|bin/)impasto)(?: ({ALL}))?(?= |$)([^`]*)", line):
                yield name, match[1] or "", match[2]


def test_examples_use_options_that_there_are() -> None:
    lines = list(example_lines())
    assert len(lines) >= 30
    assert {words for _, words, _ in lines} >= {"", *COMMANDS} - {"collection"}
    for name, words, line in lines:
        known = {name for action in parser_of(words)._actions for name in action.option_strings}
        assert set(re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", line.split("#")[0])) <= known, (name, line)


def test_the_options_that_pages_name_are_there() -> None:
    known = {name for one in SECTIONS for action in parser_of(one.words)._actions for name in action.option_strings}
    for name in ("painting", "controls", "files", "resume", "style", "python"):
        named = set(re.findall(r"`(--[a-z][a-z0-9-]*)", page(f"docs/{name}.md")))
        assert named <= known, (name, named - known)


# --- files and links ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_the_files_that_a_page_names_are_there(name: str) -> None:
    text = page(name)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (ROOT / name).parent / path if path else ROOT / name
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target
    layout = re.findall(r"`((?:renderers|painter|scripts|checkpoints|tests|examples|docs)/[\w./]*)`", text)
    for place in layout:
        assert (ROOT / place).exists() or "NAME" in place, place
    for module in re.findall(r"-m (scripts\.[\w.]+)", text):
        assert (ROOT / (module.replace(".", "/") + ".py")).exists(), module
    if name != "CHANGELOG.md":  # which names what was there before
        for module in re.findall(r"`((?:painter|renderers)(?:\.\w+)+)", text):
            assert named(module), module


def test_the_make_targets_that_pages_name_are_there() -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", page("Makefile"), re.MULTILINE))
    for name in PAGES:
        named = set(re.findall(r"(?:^|`)make ([a-z][\w-]*)", page(name), re.MULTILINE))
        assert named <= targets, (name, named - targets)


def test_the_guide_for_contributors_has_the_rooms_in_order() -> None:
    places = re.findall(r"^\| `([\w./]+)` \|", section("CONTRIBUTING.md", "## The rooms"), re.MULTILINE)
    rooms = [place.removesuffix("/").removesuffix(".py").replace("/", ".") for place in places]
    known = import_module("house.test_imports").ROOMS
    assert rooms == [room for room in known if room not in ("painter.version", "checkpoints")]


def test_the_guide_for_contributors_is_brief_about_what_can_be_added() -> None:
    parts = dict(re.findall(r"^### (.+)\n\n((?:.+\n)+)", section("CONTRIBUTING.md", "## How to add"), re.MULTILINE))
    assert set(parts) == {"A brush", "A file format", "An option", "A command"}
    assert all(len(text.splitlines()) <= 5 for text in parts.values())
    assert len(re.findall(r"`((?:renderers|painter|scripts|checkpoints)/[\w./]*)`", page("CONTRIBUTING.md"))) > 20


def anchors(path: Path) -> set[str]:
    """Of the titles of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def named(dotted: str) -> bool:
    """Whether there is a module of this name, or something in one."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:count])
        if path.with_suffix(".py").exists() or (path / "__init__.py").exists():
            thing: Any = import_module(".".join(parts[:count]))
            for part in parts[count:]:
                if not hasattr(thing, part) and part not in getattr(thing, "__annotations__", {}):
                    return False
                thing = getattr(thing, part, None)
            return True
    return False
