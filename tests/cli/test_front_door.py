"""What somebody gets who runs `python paint.py` with a Python that cannot run it: one line that says what to do."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "paint.py"
# Without site-packages, without the environment's paths, and yet with paint.py's own folder, as Python has it.
BARE = (sys.executable, "-S", "-E", "-s", "-B")
# As the console script does it, in this interpreter but without one of the packages.
WITHOUT = """
import sys
sys.modules[{package!r}] = None
sys.argv = ["impasto", *sys.argv[1:]]
from painter.cli import main
sys.exit(main())
"""
# As an older Python, whose version is all that differs here.
OLDER = """
import runpy, sys
sys.version_info = (3, 9, 18, "final", 0)
sys.modules["painter"] = None
runpy.run_path({program!r}, run_name="__main__")
"""


def refused(*command: str, cwd: Path) -> str:
    """Run a command, expecting exit code 2, one line on standard error and no new file; returns the line."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n"), done.stderr
    assert "Traceback" not in done.stderr and not list(cwd.iterdir())
    return done.stderr.rstrip("\n")


def test_the_bare_python_sees_no_dependency(tmp_path: Path) -> None:
    code = "from importlib.util import find_spec; print([bool(find_spec(n)) for n in ('numpy', 'torch', 'painter')])"
    done = subprocess.run([*BARE, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "[False, False, False]\n", done


@pytest.mark.parametrize("arguments", [[], ["--help"], ["none.png"], ["replay", "none.json"], ["collection", "--help"]])
def test_without_the_dependencies(arguments: list[str], tmp_path: Path) -> None:
    line = refused(*BARE, str(PROGRAM), *arguments, cwd=tmp_path)
    first = "numpy" if sys.version_info >= (3, 11) else "tomli"  # of what is imported
    assert line.startswith("paint.py") and f": error: the Python package {first} is not installed; " in line
    assert "`make paint`" in line and "`pip install .`" in line


@pytest.mark.slow
@pytest.mark.parametrize("package", ["torch", "numba", "PIL"])
def test_without_one_of_them(package: str, tmp_path: Path) -> None:
    line = refused(sys.executable, "-c", WITHOUT.format(package=package), "--quiet", cwd=tmp_path)
    assert line.startswith(f"impasto: error: the Python package {package} is not installed; run `make paint`, ")


def test_a_missing_module_of_our_own_is_a_fault(tmp_path: Path) -> None:
    code = WITHOUT.format(package="painter.cli.paint")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "ModuleNotFoundError: import of painter.cli.paint halted" in done.stderr


def test_with_an_older_python(tmp_path: Path) -> None:
    line = refused(sys.executable, "-c", OLDER.format(program=str(PROGRAM)), cwd=tmp_path)
    assert line == "paint.py: error: this is Python 3.9; run it with Python 3.10 or newer"
    ast.parse(PROGRAM.read_text(), feature_version=(3, 7))
