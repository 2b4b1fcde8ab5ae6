"""What is shipped: a wheel that holds all that is needed, and paints from anywhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from email.parser import Parser
from pathlib import Path

import pytest
from PIL import Image

from painter import __version__
from painter.pictures.samples import SAMPLES
from renderers.brushes import NETWORK_BRUSHES

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("painter", "renderers", "checkpoints", "paint.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")

pytestmark = pytest.mark.slow


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
    take_kernels(folder)
    return folder


def take_kernels(folder: Path) -> None:
    """Spare the wheel half a minute of compiling: the tree's kernels, where numba sees that their source is the same,
    of which it compares time and size."""
    found = (cached for package in ("painter", "renderers") for cached in (ROOT / package).rglob("*.nb[ci]"))
    for cached in found:
        source = cached.parent.parent / (cached.name.split(".")[0] + ".py")
        ours = folder / source.relative_to(ROOT)
        if ours.is_file() and ours.read_bytes() == source.read_bytes():
            times = source.stat()
            os.utime(ours, ns=(times.st_atime_ns, times.st_mtime_ns))
            (ours.parent / "__pycache__").mkdir(exist_ok=True)
            shutil.copy(cached, ours.parent / "__pycache__")


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
        expected |= tracked(folder, ".py") | {f"{folder}/py.typed"}
    expected |= (
        tracked("renderers", ".js")
        | tracked("painter/painting", ".html")
        | tracked("painter/video", ".html")
        | tracked("painter/studio/static", ".html", ".js", ".css", ".svg", ".webp")
        | tracked("painter/pictures/samples", ".png")
        | tracked("painter", ".json")
        | {"checkpoints/manifest.json"}
    )
    manifest = json.loads((ROOT / "checkpoints" / "manifest.json").read_text())["brushes"]
    expected |= {f"checkpoints/{entry['file']}" for entry in manifest.values()}
    assert contents == expected
    assert (
        len(manifest) == len(NETWORK_BRUSHES)
        and {f"painter/pictures/samples/{name}.png" for name in SAMPLES} <= contents
    )
    assert wheel.stat().st_size < 8 * 2**20


def test_the_wheel_says_what_it_is(wheel: Path, unpacked: Path) -> None:
    assert wheel.name == f"impasto-{__version__}-py3-none-any.whl"
    (about,) = unpacked.glob("*.dist-info")
    metadata = Parser().parsestr((about / "METADATA").read_text())
    assert (metadata["Name"], metadata["Version"]) == ("impasto", __version__)
    assert metadata["Requires-Python"] == ">=3.10"
    needed = {re.split(r"[><= ;]", line)[0] for line in metadata.get_all("Requires-Dist", []) if "extra" not in line}
    assert {"torch", "numpy", "numba", "safetensors", "Pillow"} <= needed and "pytest" not in needed
    assert str(metadata.get_payload()).startswith("# Impasto\n")
    assert "MIT" in (metadata["License"], metadata["License-Expression"])
    (licence,) = about.rglob("LICENSE")
    assert licence.read_text().startswith("MIT License\n")
    entries = ConfigParser()
    entries.read(about / "entry_points.txt")
    assert dict(entries["console_scripts"]) == {"impasto": "paint:main"}


# As pip's script for the entry point does it; then it tells where everything came from.
CONSOLE_SCRIPT = """
import importlib.metadata, json, os, sys
(entry,) = importlib.metadata.distribution("impasto").entry_points.select(group="console_scripts")
sys.argv[0] = entry.name
def leave(code, end=os._exit):
    names = ("paint", "painter", "renderers", "checkpoints")
    ours = [module for name, module in sys.modules.items() if name.split(".")[0] in names]
    with open("modules.json", "w") as file:
        json.dump([module.__file__ for module in ours], file)
    end(code)
os._exit = leave
entry.load()()
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


def test_the_version_is_written_once() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert setup["metadata"]["version"] == "attr: painter.version.__version__"
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
