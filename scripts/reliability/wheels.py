"""Build the wheel twice from the last commit, and check that both have the same bytes.

    python -m scripts.reliability.wheels

builds in two folders with other names, other times of files, another locale and time zone, and SOURCE_DATE_EPOCH set
to the time of the commit; both with umask 022. It prints the sha256, and the files that differ, if any do; the exit
code is 1 then.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from scripts import ROOT


def build(folder: Path, epoch: str, **changes: str) -> Path:
    """The wheel of the last commit, built in a folder that is made.

    Args:
        epoch: seconds since 1970, the time of all files in it.
        changes: variables of the environment.
    """
    folder.mkdir()
    archive = subprocess.run(["git", "-C", ROOT, "archive", "HEAD"], capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-m", "-C", folder], input=archive, check=True)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", "."]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch, **changes}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the wheel was not built: {(done.stdout + done.stderr)[-2000:]}")
    (wheel,) = (folder / "dist").iterdir()
    return wheel


def differences(one: Path, other: Path) -> list[str]:
    """The names of files that are in one of two wheels only, or not the same in both."""
    with zipfile.ZipFile(one) as first, zipfile.ZipFile(other) as second:
        entries = [{each.filename: (each.CRC, each.date_time, each.external_attr) for each in z.infolist()}
                   for z in (first, second)]  # fmt: skip
    names = sorted(entries[0].keys() | entries[1].keys())
    return [name for name in names if entries[0].get(name) != entries[1].get(name)]


def main() -> int:
    """Build twice and compare; 1 if the wheels differ."""
    time = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%ct"], capture_output=True, text=True, check=True)
    epoch = time.stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        os.umask(0o022)  # files keep their modes in a wheel
        one = build(Path(folder, "one"), epoch, TZ="UTC", LC_ALL="C")
        other = build(Path(folder, "another"), epoch, TZ="Asia/Tokyo", PYTHONHASHSEED="7")
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (one, other)]
        print(one.name, *dict.fromkeys(digests))
        if digests[0] != digests[1]:
            print("differ:", *differences(one, other), sep="\n  ")
    return int(digests[0] != digests[1])


if __name__ == "__main__":
    sys.exit(main())
