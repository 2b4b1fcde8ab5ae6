"""Run the tests with the oldest or the newest versions of dependencies that setup.cfg allows.

    python -m scripts.reliability.versions oldest|newest [--python PYTHON] [--folder FOLDER] [--list] [-- TEST ...]

makes an environment in FOLDER (~/.cache/impasto/versions/KIND-PYTHON), which takes several GB, or takes the one that is
there if setup.cfg asks for the same, and runs pytest with the words after `--`; all tests, if there are none. Kernels
are kept in FOLDER, too: versions of numba do not read each other's. For 'oldest' every dependency has its lower limit,
for 'newest' the newest that the registry has. --list prints what would be installed, and does nothing.
"""

from __future__ import annotations

import argparse
import configparser
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from scripts import ROOT

EXTRAS = ("studio", "test")
TOOLS = ("pytest", "pytest-xdist", "setuptools", "build", "POT")  # of the extra 'dev', for the tests themselves
LEFT_OUT = (
    "tests/export/test_svg.py::test_vpype_reads_it",  # needs a program that limits versions itself
    # A search amplifies what libraries round otherwise; the boards beside these hold the engines to the byte.
    "tests/pipeline/test_golden.py::test_paintings_are_the_golden_ones",
)
STAMP = "installed.txt"


def requirements(kind: str, setup: Path = ROOT / "setup.cfg") -> list[str]:
    """Lines for pip: each dependency, with the extras that the tests need, at its lower limit or at its newest version.

    Args:
        kind: 'oldest' or 'newest'.
    """
    return [_at_lower_limit(line) if kind == "oldest" else line for line in _allowed(setup)]


def _allowed(setup: Path) -> Iterator[str]:
    config = configparser.ConfigParser()
    config.read_string(setup.read_text())
    yield from config["options"]["install_requires"].split("\n")[1:]
    for extra in EXTRAS:
        yield from config["options.extras_require"][extra].split("\n")[1:]
    for line in config["options.extras_require"]["dev"].split("\n")[1:]:
        if re.split(r"[<>=]", line)[0] in TOOLS:
            yield line


def _at_lower_limit(line: str) -> str:
    """'name>=1.2,<3; marker' → 'name==1.2.*; marker': the newest of its corrections."""
    found = re.fullmatch(r"([\w-]+)>=([\d.]+)(?:,<[\d.]+)?(;.*)?", line)
    if found is None:
        raise ValueError(f"setup.cfg: {line!r} is not of the form name>=LEAST or name>=LEAST,<LIMIT")
    name, least, marker = found.groups()
    return f"{name}=={least}.*{marker or ''}"


def make_environment(folder: Path, python: str, lines: list[str]) -> Path:
    """An environment with these requirements; its Python.

    Raises:
        FileExistsError: a folder with other things.
        ValueError: this Python makes no environments.
    """
    own, stamp = folder / "bin" / "python", folder / STAMP
    wanted = "\n".join(lines)
    if stamp.exists() and stamp.read_text() == wanted:
        return own
    if folder.exists() and not (folder / "pyvenv.cfg").exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder}: is a folder with other things, which would be lost; give an empty one")
    try:
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ValueError(f"--python {python}: cannot make an environment; name a Python 3.10 to 3.14") from error
    pip: list[str | Path] = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", *lines], check=True)
    stamp.write_text(wanted)
    return own


def run_tests(folder: Path, python: Path, tests: list[str]) -> int:
    """Run pytest in an environment; its exit code."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(folder / "kernels")}
    show = "import sys; from importlib.metadata import distributions as all; print(sys.version.split()[0], *sorted("
    show += "f'{one.name}-{one.version}' for one in all()))"
    subprocess.run([python, "-c", show], check=True)
    left_out = [f"--deselect={test}" for test in LEFT_OUT]
    words: list[str | Path] = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *left_out, *tests]
    return subprocess.run(words, cwd=ROOT, env=environment).returncode


def main() -> int:
    """Make the environment and run the tests; pytest's exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("oldest", "newest"))
    parser.add_argument("--python", default=sys.executable, help="what the environment is made with (%(default)s)")
    parser.add_argument("--folder", type=Path, help="of the environment")
    parser.add_argument("--list", action="store_true", help="print the requirements only")
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:end])
    lines = requirements(options.kind)
    if options.list:
        print(*lines, sep="\n")
        return 0
    name = f"{options.kind}-{Path(options.python).resolve().name}"
    folder = options.folder or Path.home() / ".cache" / "impasto" / "versions" / name
    start = time.monotonic()
    try:
        python = make_environment(folder, options.python, lines)
    except (FileExistsError, NotADirectoryError) as error:
        parser.error(f"--folder {error}")
    except ValueError as error:
        parser.error(str(error))
    code = run_tests(folder, python, words[end + 1 :])
    print(f"{options.kind}: exit code {code} after {time.monotonic() - start:.0f} s, in {folder}")
    return code


if __name__ == "__main__":
    sys.exit(main())
