"""What is shipped: a wheel that paints from anywhere, and a README that tells the truth about the options."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from dataclasses import fields
from email.parser import Parser
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from painter import PaintConfig, __version__
from painter.cli import make_parser, replay
from painter.cli.commands import COMMANDS
from painter.export import FORMATS
from painter.options.export import ExportConfig
from painter.options.fields import option_name
from painter.options.kinds import OrNames
from painter.options.paint import CANVASES, DEVICES, FOCUSES, LOSSES, STYLE_ALIASES, STYLES
from painter.options.presets import PRESETS
from painter.options.replay import ReplayConfig
from painter.pictures.samples import SAMPLES
from painter.search.config import SearchConfig
from renderers.brushes import NETWORK_BRUSHES

ROOT = Path(__file__).resolve().parents[2]
BOUNDS_IN_README = ("strokes", "until_psnr", "seconds", "size", "tones", "levels", "relief")
SHIPPED = ("painter", "renderers", "checkpoints", "paint.py", "setup.cfg", "pyproject.toml", "README.md")


# --- the wheel ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the tree (setuptools leaves its traces where it builds)."""
    tree, dist = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tree)
    # Without isolation it needs no network, only the setuptools that torch brings along.
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(dist), str(tree)]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, env=alone())
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = dist.iterdir()
    return built


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's contents: what `pip install --target` would make of it."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def alone(*paths: Path) -> dict[str, str]:
    """The environment of a process that imports from `paths` first, and not from the tree."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**environment, "PYTHONPATH": os.pathsep.join(map(str, paths))} if paths else environment


def tracked(folder: str, *endings: str) -> set[str]:
    files = (ROOT / folder).rglob("*")
    return {path.relative_to(ROOT).as_posix() for path in files if path.suffix in endings}


def test_the_wheel_holds_all_that_is_needed_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    contents = {name for name in names if ".dist-info/" not in name}
    expected = {"paint.py"}
    for folder in ("painter", "renderers", "checkpoints"):
        expected |= tracked(folder, ".py")
    expected |= tracked("painter/samples", ".png") | tracked("painter/schemas", ".json") | {"checkpoints/manifest.json"}
    manifest = json.loads((ROOT / "checkpoints" / "manifest.json").read_text())["brushes"]
    expected |= {f"checkpoints/{entry['file']}" for entry in manifest.values()}
    assert contents == expected
    assert len(manifest) == len(NETWORK_BRUSHES) and {f"painter/samples/{name}.png" for name in SAMPLES} <= contents
    assert wheel.stat().st_size < 8 * 2**20


def test_the_wheel_says_what_it_is(wheel: Path, unpacked: Path) -> None:
    assert wheel.name == f"impasto-{__version__}-py3-none-any.whl"
    (about,) = unpacked.glob("*.dist-info")
    metadata = Parser().parsestr((about / "METADATA").read_text())
    assert (metadata["Name"], metadata["Version"]) == ("impasto", __version__)
    assert metadata["Requires-Python"] == ">=3.10"
    needed = {re.split(r"[><= ;]", line)[0] for line in metadata.get_all("Requires-Dist", []) if "extra" not in line}
    assert {"torch", "numpy", "numba", "safetensors", "Pillow"} <= needed and "pytest" not in needed
    assert metadata.get_payload().startswith("# Impasto\n")
    entries = ConfigParser()
    entries.read(about / "entry_points.txt")
    assert dict(entries["console_scripts"]) == {"impasto": "painter.cli:main"}


# As pip's script for the entry point does it; then it tells where everything came from.
CONSOLE_SCRIPT = """
import importlib.metadata, json, sys
(entry,) = importlib.metadata.distribution("impasto").entry_points.select(group="console_scripts")
sys.argv[0] = entry.name
code = entry.load()()
ours = [module for name, module in sys.modules.items() if name.split(".")[0] in ("painter", "renderers", "checkpoints")]
with open("modules.json", "w") as file:
    json.dump([module.__file__ for module in ours], file)
sys.exit(code)
"""


def test_the_wheel_paints_from_any_folder(unpacked: Path, tmp_path: Path) -> None:
    options = ["--style", "tape", "--strokes", "5", "--size", "24", "--iterations", "2", "--report", "report.json"]
    done = subprocess.run(
        [sys.executable, "-c", CONSOLE_SCRIPT, *options],
        cwd=tmp_path,
        env=alone(unpacked),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    paintings = [f"output/octahedron-rectangle{ending}" for ending in (".png", ".gif", ".strokes.json")]
    assert done.stdout.startswith(f"wrote {', '.join(paintings)}, report.json\n")
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {*paintings, "report.json", "modules.json"}
    modules = json.loads((tmp_path / "modules.json").read_text())
    assert len(modules) > 20
    assert all(Path(name).is_relative_to(unpacked) for name in modules), "not from the tree"
    with Image.open(tmp_path / "output" / "octahedron-rectangle.png") as image:
        assert image.size == (24, 24) and image.mode == "RGBA"
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["strokes"], report["version"]) == (5, __version__)


# --- what is said of it -------------------------------------------------------------------------------------


def test_the_version_is_written_once() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert setup["metadata"]["version"] == "attr: painter.version.__version__"
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def readme() -> str:
    return (ROOT / "README.md").read_text()


def option_rows() -> dict[str, tuple[str, str]]:
    """Of the README's table of options: the default and the remarks, by the option's first word."""
    section = readme().split("\n## Options\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if re.match(r"\| `(-|IMAGE)", line)]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    # Two options of a kind share a row.
    return {name.strip("` ").split()[0]: (row[1].strip("`"), row[2]) for row in rows for name in row[0].split(",")}


def test_the_readme_has_every_option_and_no_other() -> None:
    actions = [action for action in make_parser()._actions if action.dest not in ("help", "version", "image")]
    rows = option_rows()
    for action in actions:
        assert any(name in rows for name in action.option_strings), action.option_strings
    assert set(rows) <= {"IMAGE"}.union(*(action.option_strings for action in actions))
    # What its examples use is there, too.
    examples = [line for line in readme().splitlines() if re.search(r"paint\.py |^impasto |`impasto ", line)]
    assert len(examples) >= 3
    for line in examples:
        command = re.search(rf"(?:paint\.py|impasto) ({'|'.join(COMMANDS)}) ", line)
        parser = make_parser() if command is None else import_module(f"painter.cli.{command[1]}").make_parser()
        known = {name for action in parser._actions for name in action.option_strings}
        assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", line)) <= known, line


def test_the_readme_has_every_option_of_replay() -> None:
    section = readme().split("\n## Draw it again\n")[1].split("\n## ")[0]
    told = {row.split("`")[1].split()[0] for row in section.splitlines() if row.startswith("| `-")}
    assert told == {option_name(spec.name) for spec in fields(ReplayConfig)}
    actions = [action for action in replay.make_parser()._actions if action.dest not in ("help", "version", "file")]
    known = {option_name(spec.name) for config in (ReplayConfig, ExportConfig) for spec in fields(config)}
    others = [action.option_strings[-1] for action in actions if not known.intersection(action.option_strings)]
    assert others == ["--output", "--overwrite", "--quiet"]


def test_the_readme_has_the_right_defaults_and_bounds() -> None:
    rows = option_rows()
    for spec in (*fields(PaintConfig), *fields(ExportConfig)):
        default, remarks = rows[option_name(spec.name)]
        is_number = isinstance(spec.default, (int, float)) and not isinstance(spec.default, bool)
        shown = f"{spec.default:g}" if is_number else spec.default or ""
        assert default == shown, spec.name
        numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", remarks)]
        if spec.name in BOUNDS_IN_README:
            kind = spec.metadata["kind"]
            bounds = kind.kind if isinstance(kind, OrNames) else kind
            assert numbers[:2] == [bounds.low, bounds.high], spec.name
    usual = f"or else {SearchConfig().usual_iterations}"
    assert usual in rows["--iterations"][1] and usual in PaintConfig.__dataclass_fields__["iterations"].metadata["help"]
    assert rows["-o"][0] == "output/NAME-STYLE.png` and `.gif"
    files = readme().split("\n### Files and animation\n")[1].split("\n## ")[0]
    assert all(f"`{ending}`" in files for ending in FORMATS)
    assert str(ExportConfig().gif_side) in rows["--size"][1]


def test_the_readme_has_every_choice() -> None:
    rows = option_rows()
    for option, choices in (
        ("--canvas", CANVASES), ("--loss", LOSSES), ("--device", DEVICES), ("--focus", FOCUSES), ("--preset", PRESETS),
    ):  # fmt: skip
        assert all(f"`{choice}`" in " ".join((f"`{rows[option][0]}`", rows[option][1])) for choice in choices), option
    section = readme().split("\n## The four styles\n")[1].split("\n## ")[0]
    for style in STYLES:
        assert re.search(rf"^\| `{style}`", section, re.MULTILINE), style
    assert set(re.findall(r"\(`(\w+)`\)", section)) <= set(STYLE_ALIASES)


def test_the_files_that_the_readme_names_are_there() -> None:
    text = readme()
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    layout = re.findall(r"`((?:renderers|painter|scripts|checkpoints)/[\w./]*)`", text)
    assert len(layout) > 10
    for name in [*shown, *layout]:
        assert (ROOT / name).exists(), name
