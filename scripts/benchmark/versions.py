"""Versions of Impasto whose paintings are measured: this checkout, and another one that it is compared with.

Both run with the same Python, each from its own `paint.py` and with its own folder first in PYTHONPATH, so that an
installed Impasto is never used instead.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts import ROOT
from scripts.gallery.photos import paint_file

PACKAGES = ("painter", "renderers", "checkpoints")
CODE = (".py", ".safetensors", ".json")  # endings of the files that determine what a version does

# What `python FOLDER/paint.py` would import, and its version. Arguments: the folder, the packages.
PROBE = """
import importlib.util, json, sys
sys.path[0] = sys.argv[1]
from painter.version import __version__
specs = [importlib.util.find_spec(name) for name in sys.argv[2:]]
print(json.dumps({"version": __version__, "files": [spec.origin for spec in specs if spec and spec.origin]}))
"""


class VersionError(ValueError):
    """A folder that cannot be run as a version of Impasto; the message is a single line."""


@dataclass(frozen=True)
class Version:
    """A checkout of Impasto, and the options that it paints with."""

    folder: Path  # absolute
    number: str  # as its reports state it
    code: str  # hex digest of its code and networks
    options: tuple[str, ...] = ()  # further words of its command line

    def paint(self, picture: Path, png: Path, words: Sequence[str]) -> tuple[dict[str, Any], float]:
        """Run its `paint.py`, without texture; report and seconds as `photos.paint_file` gives them.

        Args:
            words: all options; `self.options` are not added.

        Raises:
            SystemExit: it failed, or its report states another version.
        """
        if (self.folder / "renderers" / "media").is_dir():  # versions before that have no such option
            words = ("--texture", "0", *words)
        report, seconds = paint_file(picture, png, words, environment_of(self.folder), self.folder / "paint.py")
        if report.get("version") != self.number:
            raise SystemExit(f"{self.folder}: its report states version {report.get('version')}, not {self.number}")
        return report, seconds

    def as_json(self) -> dict[str, Any]:
        return {"folder": str(self.folder), "version": self.number, "code": self.code, "options": self.options}


def find_version(folder: Path = ROOT, options: Sequence[str] = ()) -> Version:
    """The version in a folder; this checkout if none is given.

    Raises:
        VersionError: the folder is not a checkout of Impasto, or its `paint.py` would run code from elsewhere.
    """
    folder = folder.resolve()
    missing = [name for name in ("paint.py", "painter/version.py") if not (folder / name).is_file()]
    if missing:
        raise VersionError(f"{folder}: not a checkout of Impasto, {missing[0]} is missing")
    command = [sys.executable, "-c", PROBE, str(folder), *PACKAGES]
    probe = subprocess.run(command, env=environment_of(folder), capture_output=True, text=True)
    if probe.returncode:
        reason = (probe.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise VersionError(f"{folder}: this checkout of Impasto cannot be run: {reason}")
    found = json.loads(probe.stdout)
    foreign = [file for file in found["files"] if not Path(file).resolve().is_relative_to(folder)]
    if foreign:
        raise VersionError(f"{folder / 'paint.py'}: would run code from elsewhere: {foreign[0]}")
    return Version(folder, found["version"], digest_of(folder), tuple(options))


def environment_of(folder: Path) -> dict[str, str]:
    """Our environment, with the folder first in Python's search path."""
    rest = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": str(folder) + (os.pathsep + rest if rest else "")}


def digest_of(folder: Path) -> str:
    """Hex digest of a checkout's code and networks: names and bytes of their files."""
    digest = hashlib.sha256()
    files = [path for name in PACKAGES for path in (folder / name).rglob("*") if path.suffix in CODE]
    for path in [folder / "paint.py", *sorted(files)]:
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def print_versions(versions: Sequence[Version]) -> None:
    """Print which versions paint, where there are two, and warn if they are the same."""
    if len(versions) < 2:
        return
    for name, version in zip(("this", "other"), versions, strict=True):
        options = "".join(f" {word}" for word in version.options) or " none"
        print(f"{name}: {version.number}, code {version.code[:12]}, in {version.folder}, further options:{options}")
    ours, other = versions
    if (ours.code, ours.options) == (other.code, other.options):
        print("both are the same code with the same options: all differences below are noise")
