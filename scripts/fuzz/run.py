"""Feed the program files that lie, thousands of them, and see that it refuses each in one line.

    python scripts/fuzz.py [--cases N] [--seed K] [--first N] [--heavy] [--jobs N] [--out FOLDER]

Pictures, masks, brushes, palettes, stroke files, configurations, checkpoints and autosaves, mutated and made up (see
fuzz_cases/), go through their readers, and some through whole commands. A case fails if anything but an ImpastoError
of one printable line comes out; if it takes more than 10 s of the processor or 4 GB of memory; if a file is left half
written, or a temporary one left over, or a file that was there is no longer what it was; or if anything is opened that
a stroke file names. Cases run in a process that lives on (fuzz_worker.py), and is watched, killed and
replaced if need be.

What failed is kept in FOLDER (output/fuzz) as SEED-CASE-NAME, and told. The exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORKER = ROOT / "scripts" / "fuzz_worker.py"
MAX_SECONDS, MAX_WALL = 10.0, 90.0  # of the processor; and of the clock, where others have the processor
MAX_MB = 4096.0


@dataclass
class Outcome:
    """What came of a case."""

    case: int
    kind: str = "?"
    refused: str | None = None
    wrong: str | None = None
    seconds: float = 0.0
    peak_mb: float = 0.0


@dataclass
class Tally:
    """What came of all."""

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
        """Count one more."""
        self.kinds[outcome.kind] += 1
        self.refused[outcome.kind] += outcome.refused is not None
        self.slowest = max(self.slowest, outcome, key=lambda one: one.seconds)
        self.peak_mb = max(self.peak_mb, outcome.peak_mb)
        if outcome.wrong is not None:
            self.failures.append(outcome)


# --- the watch ----------------------------------------------------------------------------------------------


class Worker:
    """The process that runs cases."""

    def __init__(self, seed: int, folder: Path) -> None:
        one = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
        environment = {**os.environ, **one, "IMPASTO_FUZZ_OUT": str(folder.absolute()), "PYTHONPATH": str(ROOT)}
        command, pipe = [sys.executable, str(WORKER)], subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, cwd=ROOT)
        self._send(seed)
        if self._line() != b"ready\n":
            raise RuntimeError("the process that runs the cases does not start: see above")

    def run(self, case: int) -> Outcome:
        """What came of a case. The process has ended if `wrong` says so, and `running` is then false."""
        assert self.process.stdout is not None
        self._send(case)
        start, before, peak = time.monotonic(), self._cpu(), 0.0
        while not select.select([self.process.stdout.fileno()], [], [], 0.05)[0]:
            seconds, wall, peak = self._cpu() - before, time.monotonic() - start, max(peak, self._rss_mb())
            if seconds > 2 * MAX_SECONDS or wall > MAX_WALL or peak > MAX_MB:  # it makes the case, too
                wrong = f"stopped after {seconds:.1f} s of the processor, {wall:.1f} of the clock, at {peak:.0f} MB"
                self.end()
                return Outcome(case, wrong=wrong, seconds=seconds, peak_mb=peak)
        line = self._line()
        if not line:
            self.end()
            return Outcome(case, wrong=f"the process died with exit code {self.process.returncode}")
        outcome = Outcome(**json.loads(line))
        if outcome.wrong is None and (outcome.seconds > MAX_SECONDS or outcome.peak_mb > MAX_MB):
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
    """Run cases, each by its number, in `jobs` processes; what failed is kept in `folder`."""
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
    """Run all cases and tell what came of them; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2400)
    parser.add_argument("--first", type=int, default=0, help="number of the first case, to run one again")
    parser.add_argument("--heavy", action="store_true", help="also the heaviest files that there can be")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path, default=ROOT / "output" / "fuzz")
    options = parser.parse_args()
    start = time.monotonic()
    cases = list(range(options.first, options.first + options.cases))
    if options.heavy:
        sys.path.insert(0, str(ROOT))
        from scripts.fuzz.cases.heavy import HEAVY

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
