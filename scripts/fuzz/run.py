"""Give the program thousands of damaged and hostile files, and check that it refuses each in one line.

    python -m scripts.fuzz.run [--cases N] [--seed K] [--first N] [--heavy] [--jobs N] [--out FOLDER]

Pictures, masks, brushes, palettes, stroke files and videos, configurations, recipes, checkpoints, weights, autosaves,
journals, ledgers, models, folders of layers and requests of pages, mutated and invented (see scripts/fuzz/cases/), are
read by their readers, some of them by complete commands. A case fails if anything else is raised than an ImpastoError
whose message is one printable line; if it takes more than 10 s of processor time or 2 GB of memory, 2.25 GB for the
heaviest, which are made in the same process; if a file is left half written, or a temporary file left behind, or an
existing file changed; or if anything is opened that a stroke file names. Cases run in a process
(scripts/fuzz/worker.py) that is watched, and killed and replaced when necessary.

The files of failed cases are kept in FOLDER (output/fuzz) as SEED-CASE-NAME. The exit code is 1 if any case failed.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts import ROOT
from scripts.fuzz.cases.heavy import HEAVY

WORKER = ("-m", "scripts.fuzz.worker")  # words of Python's command line
MAX_SECONDS, MAX_WALL = 10.0, 90.0  # of processor time; of wall time, for when the processor is busy with other work
MAX_MB, MAX_HEAVY_MB = 2048.0, 2304.0


@dataclass
class Outcome:
    """The result of a case."""

    case: int
    kind: str = "?"
    refused: str | None = None
    wrong: str | None = None
    seconds: float = 0.0
    peak_mb: float = 0.0


@dataclass
class Tally:
    """The results of all cases."""

    kinds: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    failures: list[Outcome] = field(default_factory=list)
    slowest: Outcome = field(default_factory=lambda: Outcome(0))
    peak_mb: float = 0.0

    @property
    def cases(self) -> int:
        """How many were run."""
        return self.kinds.total()

    def add(self, outcome: Outcome) -> None:
        """Count one more result."""
        self.kinds[outcome.kind] += 1
        self.refused[outcome.kind] += outcome.refused is not None
        self.slowest = max(self.slowest, outcome, key=lambda one: one.seconds)
        self.peak_mb = max(self.peak_mb, outcome.peak_mb)
        if outcome.wrong is not None:
            self.failures.append(outcome)


# --- watching -----------------------------------------------------------------------------------------------


class Worker:
    """The process that runs cases."""

    def __init__(self, seed: int, folder: Path) -> None:
        one = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
        self._scratch = tempfile.TemporaryDirectory(prefix="impasto-fuzz-")  # here: the process may be killed
        places = {"IMPASTO_FUZZ_OUT": str(folder.absolute()), "IMPASTO_FUZZ_SCRATCH": self._scratch.name}
        environment = {**os.environ, **one, **places, "PYTHONPATH": str(ROOT)}
        command, pipe = [sys.executable, *WORKER], subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, cwd=ROOT)
        self._send(seed)
        if self._line() != b"ready\n":
            raise RuntimeError("the process that runs the cases did not start: see above")

    def run(self, case: int) -> Outcome:
        """The result of a case. If the process has ended, `wrong` says so and `running` is false."""
        assert self.process.stdout is not None
        self._send(case)
        most = MAX_HEAVY_MB if case < 0 else MAX_MB
        start, before, peak = time.monotonic(), self._cpu(), 0.0
        while not select.select([self.process.stdout.fileno()], [], [], 0.05)[0]:
            seconds, wall, peak = self._cpu() - before, time.monotonic() - start, max(peak, self._rss_mb())
            if seconds > 2 * MAX_SECONDS or wall > MAX_WALL or peak > most:  # making the case counts, too
                wrong = f"stopped after {seconds:.1f} s of processor time, {wall:.1f} s in all, at {peak:.0f} MB"
                self.end()
                return Outcome(case, wrong=wrong, seconds=seconds, peak_mb=peak)
        line = self._line()
        if not line:
            self.end()
            return Outcome(case, wrong=f"the process died with exit code {self.process.returncode}")
        outcome = Outcome(**json.loads(line))
        if outcome.wrong is None and (outcome.seconds > MAX_SECONDS or outcome.peak_mb > most):
            outcome.wrong = f"took {outcome.seconds:.1f} s and {outcome.peak_mb:.0f} MB"
        return outcome

    @property
    def running(self) -> bool:
        """Whether it takes another case."""
        return self.process.poll() is None

    def end(self) -> None:
        """Stop the process."""
        self.process.kill()
        self.process.communicate()
        self._scratch.cleanup()

    def _send(self, number: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{number}\n".encode())
        self.process.stdin.flush()

    def _line(self) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def _cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _rss_mb(self) -> float:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def fuzz(cases: Sequence[int], seed: int, folder: Path, jobs: int = 1) -> Tally:
    """Run cases, given by their numbers, in `jobs` processes; files of failed cases are kept in `folder`."""
    tally, queue, lock = Tally(), iter(cases), threading.Lock()

    def take() -> Iterator[int]:
        while True:
            with lock:
                case = next(queue, None)
            if case is None:
                return
            yield case

    def run() -> None:
        worker = Worker(seed, folder)
        try:
            for case in take():
                if not worker.running:
                    worker = Worker(seed, folder)
                outcome = worker.run(case)
                with lock:
                    tally.add(outcome)
        finally:
            worker.end()

    threads = [threading.Thread(target=run) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if tally.cases < len(cases):
        raise RuntimeError(f"only {tally.cases} of {len(cases)} cases were run")
    return tally


def main() -> int:
    """Run all cases and print the results; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2400, help="how many (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case, to run one again (%(default)s)")
    parser.add_argument("--heavy", action="store_true", help="also the largest files that are read to the end")
    parser.add_argument("--seed", type=int, default=0, help="of all cases (%(default)s)")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes (%(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "output" / "fuzz", help="for the files of failed cases")
    options = parser.parse_args()
    start = time.monotonic()
    cases = list(range(options.first, options.first + options.cases))
    if options.heavy:
        cases += range(-len(HEAVY), 0)
    tally = fuzz(cases, options.seed, options.out, options.jobs)
    for outcome in tally.failures:
        print(f"case {outcome.case} ({outcome.kind}): {outcome.wrong}")
    kinds = ", ".join(f"{kind} {count} ({tally.refused[kind]} refused)" for kind, count in sorted(tally.kinds.items()))
    print(f"{tally.cases} cases with seed {options.seed} in {time.monotonic() - start:.0f} s: {kinds}")
    most = f"{tally.slowest.seconds:.1f} s (case {tally.slowest.case}) and {tally.peak_mb:.0f} MB"
    print(f"at most {most}; {len(tally.failures)} failed")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
