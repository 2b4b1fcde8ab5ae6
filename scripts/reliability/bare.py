"""Install Impasto with `pip install .` into an empty environment, and paint there without a network.

    python -m scripts.reliability.bare [--python PYTHON] [--folder FOLDER]

The last commit is installed from a copy, so nothing of this folder is used; the environment, of several GB, is made in
FOLDER (a temporary one, removed at the end) or, where there is one already, installed into. The painting is made by the
command `impasto` in a folder with nothing but a picture, with an empty environment, an empty home, and, on Linux as
root, in a network namespace in which nothing can be reached. The exit code is 1 if it fails.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts import ROOT

OFFLINE = ("unshare", "--net")


def install(python: str, folder: Path, copy: Path) -> Path:
    """Install the last commit, unpacked in the new folder `copy`, into an environment; the command's path."""
    copy.mkdir()
    archive = subprocess.run(["git", "-C", ROOT, "archive", "HEAD"], capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", copy], input=archive, check=True)
    if not (folder / "bin" / "python").exists():
        subprocess.run([python, "-m", "venv", folder], check=True)
    pip: list[str | Path] = [
        folder / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, "."], cwd=copy, check=True)
    return folder / "bin" / "impasto"


def offline() -> tuple[str, ...]:
    """Words before a command that take its network away; none where that is not possible."""
    able = shutil.which(OFFLINE[0]) and subprocess.run([*OFFLINE, "true"], capture_output=True).returncode == 0
    return OFFLINE if able else ()


def paint(command: Path, home: Path) -> float:
    """Paint a picture twice; the seconds that the second run took. Raises RuntimeError with what went wrong."""
    home.mkdir()
    shutil.copyfile(ROOT / "painter" / "pictures" / "samples" / "apple_coin.png", home / "apple.png")
    seconds = 0.0
    for name in ("first.png", "second.png"):
        start = time.monotonic()
        words = [*offline(), "env", "-i", f"HOME={home}", "PATH=/usr/bin:/bin", command, "apple.png", "-o", name]
        words += ["--size", "128", "--strokes", "60", "--seed", "1"]
        done = subprocess.run(words, cwd=home, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"exit code {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
        seconds = time.monotonic() - start
        print(f"{name}: {seconds:.1f} s; {done.stdout.strip().splitlines()[-1]}")
    if (home / "first.png").read_bytes() != (home / "second.png").read_bytes():
        raise RuntimeError("the two paintings are not the same")
    return seconds


def main() -> int:
    """Install and paint; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="what the environment is made with (%(default)s)")
    parser.add_argument("--folder", type=Path, help="of the environment")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="impasto-bare-") as scratch:
        folder = options.folder or Path(scratch, "environment")
        command = install(options.python, folder.absolute(), Path(scratch, "copy"))
        print("without a network" if offline() else "with the network, which cannot be taken away here")
        try:
            paint(command, Path(scratch, "home"))
        except RuntimeError as error:
            print(error)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
