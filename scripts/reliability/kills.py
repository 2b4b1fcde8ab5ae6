"""Kill the commands that search, and the studio, at random moments, run them again, and check that nothing is lost.

    python -m scripts.reliability.kills [--kills N] [--seed K] [--only NAME] [--log FILE]

N kills (100) are shared among the commands below. Each is SIGKILL to the command's own process, at a moment drawn from
the processor time that an undisturbed run takes; a third of the runs are killed twice. Then the same command, with
--resume where there is one, runs to its end. A case fails

* if a file is there after a kill that is not complete, or one after the end that an undisturbed run writes otherwise;
* if a painting that was recorded as finished is written again;
* if a process of a killed command is still there 20 s later;
* if a hidden file is left that the next run, a day later, does not remove.

The log has a line for each case; the exit code is 1 if any failed. Commands run in processes forked from this one,
which has imported everything, so that moments fall into their work.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.reliability.killed_commands import COMMANDS, Killed, is_hidden, warm_up

TICK = os.sysconf("SC_CLK_TCK")
TWO_DAYS = 2 * 86400.0
PATIENCE = 20.0  # seconds that the processes of a killed command may take to end
LIMIT = 600.0  # seconds that a command may take: one that waits for something that never comes takes no processor time
TEMPORARY = "temporary"  # a folder beside those of the cases


class Wrong(Exception):
    """What a kill must not do."""


# --- processes ----------------------------------------------------------------------------------------------


def start(work: Callable[[], int], folder: Path, said: Path) -> int:
    """Call `work` in a process of its own, in `folder`; what it says is added to a file. Its number."""
    if (child := os.fork()) != 0:
        return child
    code = 70
    try:
        os.setsid()
        os.chdir(folder)
        handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        sys.argv, tempfile.tempdir = ["paint.py"], str(said.parent / TEMPORARY)
        code = work()
        sys.stdout.flush()
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def session(number: int) -> dict[int, float]:
    """The processes of a session that still run, and the processor time of each in seconds."""
    found = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with suppress(OSError):
                fields = (path / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == number and fields[0] != "Z":
                    found[int(path.name)] = (int(fields[11]) + int(fields[12])) / TICK
    return found


def finish(process: int) -> int:
    """Wait for the end of a process; its exit code. Raises Wrong where it does not end."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    raise _given_up(process)


def follow(process: int, seconds: float = math.inf) -> tuple[bool, float]:
    """Wait until a process ends, or its session has taken so much processor time; whether it ended, and the time.

    Raises:
        Wrong: it ended with another exit code than 0, or does not end.
    """
    most: dict[int, float] = {}
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            if code := os.waitstatus_to_exitcode(status):
                raise Wrong(f"exit code {code}, undisturbed")
            return True, sum(most.values())
        most |= session(process)
        if sum(most.values()) >= seconds:
            return False, sum(most.values())
        time.sleep(0.002)
    raise _given_up(process)


def _given_up(process: int) -> Wrong:
    """Kill a process and its children, which have taken too long; what is wrong with it."""
    for kill in (os.kill, os.killpg):  # it may not have come to a group of its own
        with suppress(ProcessLookupError):
            kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return Wrong(f"did not end in {LIMIT:g} s")


def kill_at(process: int, seconds: float) -> bool:
    """Kill a process when its session has taken so much processor time; False if it ended before."""
    if follow(process, seconds)[0]:
        return False
    os.kill(process, signal.SIGKILL)
    if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) != -signal.SIGKILL:
        return False
    end = time.monotonic() + PATIENCE
    while left := session(process):
        if time.monotonic() > end:
            os.killpg(process, signal.SIGKILL)
            raise Wrong(f"processes {sorted(left)} outlived the one that started them")
        time.sleep(0.02)
    return True


# --- files --------------------------------------------------------------------------------------------------


def hidden(folder: Path) -> set[str]:
    """The hidden files of a folder."""
    names = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    return {str(name) for name in names if is_hidden(name)}


def make_older(folder: Path, everything: bool = False) -> None:
    """Let all hidden files, or all, be two days old, as their times say."""
    then = time.time() - TWO_DAYS
    for path in folder.rglob("*"):
        if everything or is_hidden(path.relative_to(folder)):
            os.utime(path, (then, then))


# --- cases --------------------------------------------------------------------------------------------------


@dataclass
class Whole:
    """An undisturbed run."""

    files: dict[str, bytes]
    seconds: float  # of processor time
    unsteady: set[str]  # files that differ from run to run; with times in them
    hidden: set[str]  # that it leaves, such as a ledger's lock


class Killer:
    """Runs and kills one command, in new folders in `scratch`."""

    def __init__(self, command: Killed, scratch: Path) -> None:
        self.command, self.scratch = command, scratch
        (scratch / TEMPORARY).mkdir(exist_ok=True)
        self.said = scratch / f"{command.name}.txt"
        self.moments: list[str] = []  # of the last case's kills
        self.whole = self._undisturbed()

    def _undisturbed(self) -> Whole:
        runs = []
        for k in range(2):
            folder = self._new_folder(f"whole-{k}")
            try:
                _, seconds = follow(start(lambda: self.command.run(1e9, 0), folder, self.said))
            except Wrong as error:
                raise RuntimeError(f"{self.command.name}: {error}: {self.said.read_text()[-3000:]}") from error
            runs.append(self.command.shown(folder))
        one, other = runs
        assert one.keys() == other.keys(), "an undisturbed run writes the same files each time"
        return Whole(other, seconds, {name for name in one if one[name] != other[name]}, hidden(folder))

    def _new_folder(self, name: str) -> Path:
        folder = self.scratch / f"{self.command.name}-{name}"
        folder.mkdir()
        self.command.prepare(folder)
        return folder

    def case(self, number: int, rng: random.Random) -> str:
        """One run with its kills; a line about it. Raises Wrong."""
        folder, moments = self._new_folder(str(number)), self.moments
        moments.clear()
        saved, kills = rng.choice((0.0, 0.05, 15.0)), rng.choice((1, 1, 2))
        for k in range(kills):
            share = rng.uniform(0, 0.98)
            process = start(lambda k=k: self.command.run(saved, k), folder, self.said)  # type: ignore[misc]
            killed = kill_at(process, share * self.whole.seconds)
            moments.append(f"{share:.0%}" if killed else f"{share:.0%} (had ended)")
            self._check_complete(folder)
            if not killed:
                break
        before = self.command.recorded(folder)
        stamps = {name: self._stamp(folder / name) for name in before}
        if killed and (code := finish(start(lambda: self.command.run(saved, kills), folder, self.said))):
            raise Wrong(f"exit code {code} when run again: {self.said.read_text()[-1500:]}")
        again = [name for name in before if self._stamp(folder / name) != stamps[name]]
        if again:
            raise Wrong(f"{again[0]} was recorded as finished, and painted again")
        self._check_same(folder)
        left = hidden(folder) - self.whole.hidden | self._temporary()
        if left:
            self._check_removed(folder, left)
        shutil.rmtree(folder)
        more = f", {len(before)} paintings kept" if before else ""
        more += f", {len(left)} hidden left and removed" if left else ""
        return f"killed at {', '.join(moments)}, saved every {saved:g} s: the same{more}"

    def _stamp(self, path: Path) -> tuple[int, int]:
        found = path.stat()
        return found.st_ino, found.st_mtime_ns

    def _check_complete(self, folder: Path) -> None:
        for name, content in self.command.shown(folder).items():
            if name not in self.whole.files:
                raise Wrong(f"{name} is there after a kill")
            if name not in self.whole.unsteady and content != self.whole.files[name]:
                raise Wrong(f"{name} is not complete after a kill")

    def _check_same(self, folder: Path) -> None:
        files = self.command.shown(folder)
        if files.keys() != self.whole.files.keys():
            raise Wrong(f"other files: {sorted(files.keys() ^ self.whole.files.keys())}")
        for name in files.keys() - self.whole.unsteady:
            if files[name] != self.whole.files[name]:
                raise Wrong(f"{name} has other bytes")

    def _temporary(self) -> set[str]:
        """What is left in the folder for temporary files."""
        return {f"temporary {name}" for name in os.listdir(self.scratch / TEMPORARY)}

    def _check_removed(self, folder: Path, left: set[str]) -> None:
        make_older(folder)
        make_older(self.scratch / TEMPORARY, everything=True)
        if code := finish(start(lambda: self.command.run_anew(), folder, self.said)):
            raise Wrong(f"exit code {code} when run anew")
        if still := (hidden(folder) | self._temporary()) & left:
            raise Wrong(f"{sorted(still)} is left, and the next run does not remove it")


def main() -> int:
    """Run all cases and print the log; 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="how many at least (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (%(default)s)")
    parser.add_argument("--only", choices=[command.name for command in COMMANDS], help="this command alone")
    parser.add_argument("--log", type=Path, help="write the log to this file, too")
    options = parser.parse_args()
    began, lines, failed, kills = time.monotonic(), [], 0, 0
    commands = [command for command in COMMANDS if options.only in (None, command.name)]
    warm_up()
    with tempfile.TemporaryDirectory(prefix="impasto-kills-") as scratch:
        for command in commands:
            killer = Killer(command, Path(scratch))
            print(f"{command.name}: {killer.whole.seconds:.2f} s, {len(killer.whole.files)} files", flush=True)
            done = number = 0
            while done < options.kills * command.share / sum(one.share for one in commands):
                try:
                    said = killer.case(number, random.Random(f"{options.seed}-{command.name}-{number}"))
                    done += said.count("%") - said.count("had ended")
                except Wrong as error:
                    moments = ", ".join(killer.moments)
                    said, failed, done = f"FAILED, killed at {moments}: {error}", failed + 1, done + 1
                lines.append(f"{command.name} {number}: {said}")
                print(lines[-1], flush=True)
                number += 1
            kills += done
    lines.append(f"{kills} kills with seed {options.seed} in {time.monotonic() - began:.0f} s: {failed} cases failed")
    print(lines[-1])
    if options.log:
        options.log.write_text("\n".join(lines) + "\n")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
