"""Run commands on full disks, in read-only folders, under a clock that jumps, two at a time and with little memory.

    python -m scripts.reliability.troubles [--only COMMAND]

For each command of killed_commands.py that is not a server:

full       on a file system (tmpfs; the user must be root) of 20 sizes, from nothing free to all that it needs: it says
           in one line what is wrong, with exit code 2, or 1 where some of many paintings failed; no file is half
           written or left behind but hidden ones; with room again, it makes the same files
read-only  in a folder that cannot be written to: one line, exit code 2
clock      while the time of day jumps back and forth by up to three years at each look: the same files
two        twice at the same time in one folder: one is refused in one line, or both are complete, under two names
memory     as a program of its own with 1 GB of address space: one line, exit code 2

It prints a line for each; the exit code is 1 if any was otherwise.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts import ROOT
from scripts.reliability.killed_commands import COMMANDS, Killed, warm_up
from scripts.reliability.kills import Wrong, finish, start

STEPS = 20  # sizes of disks
PAGE = 4096
THREE_YEARS = 1e8  # seconds
NEVER = 1e9  # seconds between two savings of progress


class Trial:
    """One command, and what it makes undisturbed."""

    def __init__(self, command: Killed, scratch: Path) -> None:
        self.command, self.scratch, self.count = command, scratch, 0
        (scratch / "temporary").mkdir(exist_ok=True)
        folder = self.folder()
        self.said = ""
        if self.run(folder):
            raise RuntimeError(self.said)
        self.whole = command.shown(folder)
        self.bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    def folder(self) -> Path:
        """A new folder with what the command reads."""
        self.count += 1
        made = self.scratch / f"{self.command.name}-{self.count}"
        made.mkdir()
        self.command.prepare(made)
        return made

    def run(self, folder: Path, before: Callable[[], None] | None = None, anew: bool = False) -> int:
        """Run the command in a process; its exit code. `said` is what it has said.

        Args:
            before: called first in that process.
            anew: whether to replace what is there.
        """
        said = self.scratch / "said.txt"
        said.write_bytes(b"")

        def work() -> int:
            if before is not None:
                before()
            return self.command.run_anew() if anew else self.command.run(NEVER, 0)

        code = finish(start(work, folder, said))
        self.said = said.read_text()
        return code

    def check_refused(self, code: int) -> None:
        """Raise Wrong unless the end of what was said is one line with an error, after bars and notes."""
        lines = [line for line in self.said.replace("\r", "\n").splitlines() if line.strip()]
        many = code == 1 and self.command.name in ("batch", "collection")
        if "Traceback" in self.said or not (many or (code == 2 and sum("error: " in line for line in lines) == 1)):
            raise Wrong(f"exit code {code}: {self.said[-600:]}")

    def check_complete(self, folder: Path) -> None:
        """Raise Wrong if there is a file that an undisturbed run does not make, or makes otherwise."""
        for name, content in self.command.shown(folder).items():
            if content != self.whole.get(name):
                raise Wrong(f"{name} is {len(content)} bytes, half of it or too many")

    def check_whole(self, folder: Path) -> None:
        """Raise Wrong unless the files are those of an undisturbed run."""
        if self.command.shown(folder) != self.whole:
            raise Wrong(f"other files: {sorted(self.command.shown(folder))}")


# --- troubles -----------------------------------------------------------------------------------------------


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[None]:
    """A file system of so many bytes at `place`, while the context lasts. Raises PermissionError if it cannot be."""
    libc = ctypes.CDLL(None, use_errno=True)
    place.mkdir(exist_ok=True)
    if libc.mount(b"tmpfs", os.fsencode(place), b"tmpfs", 0, f"size={size}".encode()):
        raise PermissionError(os.strerror(ctypes.get_errno()))
    try:
        yield
    finally:
        libc.umount2(os.fsencode(place), 2)


def full(trial: Trial) -> str:
    """A disk with ever more room."""
    refused, sizes = 0, []
    for step in range(STEPS):
        room = step * max(PAGE, int(trial.bytes * 1.3 / (STEPS - 1)))
        place = trial.scratch / f"disk-{trial.command.name}-{step}"
        with small_disk(place, 64 << 20):
            trial.command.prepare(place)
            os.sync()
            _resize(place, room)
            code = trial.run(place)
            if code:
                refused += 1
                sizes.append(room)
                trial.check_refused(code)
                trial.check_complete(place)
                _resize(place, 64 << 20)
                if trial.run(place, anew=True):
                    raise Wrong(f"exit code when there is room again: {trial.said[-600:]}")
            trial.check_whole(place)
        place.rmdir()
    return f"{refused} of {STEPS} disks were full, of up to {max(sizes, default=0) >> 10} KB free"


def _resize(place: Path, room: int) -> None:
    """Leave so many bytes free on a small disk."""
    found = os.statvfs(place)
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    size = max(used + room, PAGE)
    subprocess.run(["mount", "-o", f"remount,size={size}", place], check=True)


def read_only(trial: Trial) -> str:
    """A folder that cannot be written to, as a user who may not write everywhere."""
    folder = trial.folder()
    folder.chmod(0o555)
    for above in (trial.scratch, trial.scratch / "temporary"):
        above.chmod(0o777)

    def before() -> None:
        os.setgid(65534)
        os.setuid(65534)

    trial.check_refused(trial.run(folder, before if os.getuid() == 0 else None))
    return "refused in one line"


def clock(trial: Trial) -> str:
    """Another time of day at each look."""
    folder, rng, real = trial.folder(), random.Random(1), time.time

    def before() -> None:
        time.time = lambda: real() + rng.uniform(-THREE_YEARS, THREE_YEARS)
        time.time_ns = lambda: int(1e9 * time.time())

    if code := trial.run(folder, before):
        raise Wrong(f"exit code {code}: {trial.said[-600:]}")
    trial.check_whole(folder)
    return "the same files"


def two(trial: Trial) -> str:
    """Twice at the same time."""
    folder, command = trial.folder(), trial.command
    texts = [trial.scratch / f"said-{k}.txt" for k in range(2)]
    for text in texts:
        text.write_bytes(b"")
    processes = [start(lambda: command.run(NEVER, 0), folder, text) for text in texts]
    codes = [finish(process) for process in processes]
    for code, text in zip(codes, texts, strict=True):
        if code:
            trial.said = text.read_text()
            trial.check_refused(code)
    if all(codes):
        raise Wrong("both were refused")
    files = command.shown(folder)
    for name, content in trial.whole.items():
        same = [other for other in files.values() if other == content]
        if len(same) < (1 if any(codes) else 2) and files.get(name) != content:
            raise Wrong(f"{name}: {len(same)} complete")
    if any(codes):
        trial.check_whole(folder)
    return "one was refused in one line" if any(codes) else "both are complete"


def memory(trial: Trial) -> str:
    """A program with 1 GB of address space."""
    folder = trial.folder()
    done = subprocess.run(
        [sys.executable, str(ROOT / "paint.py"), *trial.command.words], cwd=folder, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30)),
    )  # fmt: skip
    trial.said = done.stderr
    trial.check_refused(done.returncode)
    return done.stderr.strip().splitlines()[-1]


TROUBLES = {"full": full, "read-only": read_only, "clock": clock, "two": two, "memory": memory}


def main() -> int:
    """Try all commands in all troubles; 1 if any was not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {command.name: command for command in COMMANDS if command.beside is None}
    parser.add_argument("--only", choices=commands, help="this command alone")
    options = parser.parse_args()
    failed = 0
    warm_up()
    with tempfile.TemporaryDirectory(prefix="impasto-troubles-") as scratch:
        for name, command in commands.items():
            if options.only in (None, name):
                trial = Trial(command, Path(scratch))
                for trouble, work in TROUBLES.items():
                    try:
                        said = work(trial)
                    except Wrong as error:
                        said, failed = f"FAILED: {error}", failed + 1
                    except PermissionError as error:
                        said = f"not tried: {error}; only root can make small disks"
                    print(f"{name}, {trouble}: {said}", flush=True)
    print(f"{failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
