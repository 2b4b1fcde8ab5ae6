"""What many paintings cost: tokens per hour on this machine, overhead of Ray and of the ledger, memory; a projection.

    python -m scripts.benchmark.collection [--tokens 6] [--rounds 3] [--no-ray] [--json FILE]
    python -m scripts.benchmark.collection --quick

A token is a painting of a sample logo in 200 strokes at 256 px, written as PNG and stroke file. All pools are opened
and warmed up first; then, in each of --rounds, they paint in turn, --tokens for each of their workers, and the median
of the rounds counts. With --quick everything is tiny, to check that it works: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from painter.batch.driver import run_jobs
from painter.batch.jobs import Job, Outcome, Painted, Work
from painter.batch.ledger import NAME, Ledger, WrittenFile
from painter.batch.pools import LocalPool, Pool
from painter.batch.ray_pool import RayPool
from painter.options.paint import PaintConfig
from painter.pictures.samples import sample_path

TOKEN = {"style": "oilpaintbrush", "strokes": 200, "size": 256, "device": "cpu"}
QUICK_TOKEN = {"style": "markerpen", "strokes": 6, "size": 48, "iterations": 3, "device": "cpu"}
PROJECTED = 10_000  # tokens
PROJECTED_CORES = (16, 256)
TRIPS = 20  # of a tiny token to a worker and back

_numbers = count()


@dataclass
class Variant:
    """One way of painting many tokens."""

    name: str
    processes: int
    make: Callable[[], LocalPool | RayPool]
    seconds: list[float] = field(default_factory=list)  # per token, by round
    memory: dict[str, float] = field(default_factory=dict)
    trip_ms: float = 0.0

    @property
    def per_hour(self) -> float:
        return 3600 / median(self.seconds)


class Ready:
    """A pool whose paintings are there already: what is left is the driver's work."""

    def __init__(self, files: dict[str, bytes], capacity: int) -> None:
        self.capacity = capacity
        self._contents, self._jobs = list(files.values()), list[Work]()

    def submit(self, job: Work) -> None:
        self._jobs.append(job)

    def wait(self, seconds: float) -> list[Outcome]:
        jobs, self._jobs = self._jobs, []
        return [
            Painted(job.key, dict(zip(job.files, self._contents, strict=True)), {"psnr": 20.0}, 1.0, "nobody:0")
            for job in jobs
        ]

    def close(self) -> None: ...


def main(words: Sequence[str] | None = None) -> None:
    options = _parse(words)
    token = QUICK_TOKEN if options.quick else TOKEN
    tokens, rounds = (2, 1) if options.quick else (options.tokens, options.rounds)
    variants = [
        Variant("1 process x 1 thread", 1, partial(LocalPool, 1, 1)),
        Variant("1 process x 2 threads", 1, partial(LocalPool, 1, 2)),
        Variant("2 processes x 1 thread", 2, partial(LocalPool, 2, 1)),
    ]
    if not options.no_ray:
        variants.append(Variant("Ray, 2 tasks x 1 thread", 2, partial(RayPool, "local", 2, 1)))
    print(f"load before: {_load()}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        painted = measure_variants(variants, Path(folder), token, tokens, rounds, stack)
        driver = measure_driver(Path(folder), painted, 20 if options.quick else 300)
        ledger = measure_ledger(Path(folder), 2_000 if options.quick else 100_000, 50 if options.quick else 2_000)
    figures = report(variants, driver, ledger)
    figures |= {"token": token, "tokens": tokens, "rounds": rounds, "cores": os.cpu_count(), "load_after": _load()}
    show(figures)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


# --- measuring ----------------------------------------------------------------------------------------------


def measure_variants(
    variants: list[Variant], folder: Path, token: dict[str, Any], tokens: int, rounds: int, stack: ExitStack
) -> dict[str, bytes]:
    """Measure all variants; returns the files of one token."""
    pools = [variant.make() for variant in variants]
    for pool in pools:
        stack.callback(pool.close)
    painted: dict[str, bytes] = {}
    for variant, pool in zip(variants, pools, strict=True):
        paint(pool, folder, token, 2 * variant.processes)
        print(f"{variant.name}: warm, load {_load()}", file=sys.stderr)
    for _ in range(rounds):
        for variant, pool in zip(variants, pools, strict=True):
            # The same number for each worker, so that none is idle at the end while another paints the last one.
            number = tokens * variant.processes
            start = time.perf_counter()
            workers, painted = paint(pool, folder, token, number)
            variant.seconds.append((time.perf_counter() - start) / number)
            variant.memory = memory_of(workers)
            print(f"{variant.name}: {variant.seconds[-1]:.2f} s per token, load {_load()}", file=sys.stderr)
    for variant, pool in zip(variants, pools, strict=True):
        variant.trip_ms = 1000 * median(trip(pool) for _ in range(TRIPS))
    return painted


def make_jobs(token: dict[str, Any], number: int) -> list[Job]:
    """Jobs with new keys and seeds."""
    jobs = []
    for n in [next(_numbers) for _ in range(number)]:
        jobs.append(
            Job(str(n), sample_path(), PaintConfig(**token, seed=n), (f"images/{n}.png", f"strokes/{n}.strokes.json"))
        )
    return jobs


def paint(pool: Pool, folder: Path, token: dict[str, Any], number: int) -> tuple[set[int], dict[str, bytes]]:
    """Paint a number of tokens as a run does; returns the workers' process ids and the files of the last token."""
    jobs = make_jobs(token, number)
    place = folder / f"run-{jobs[0].key}"
    place.mkdir()
    with Ledger.open(place) as ledger:
        summary = run_jobs(jobs, place, ledger, pool)
        assert summary.painted == number, summary
        workers = {int(row.worker.rpartition(":")[2]) for row in ledger.done().values()}
    return workers, {name: (place / name).read_bytes() for name in jobs[-1].files}


def trip(pool: Pool) -> float:
    """Seconds that a token takes beyond its painting: to the worker and back."""
    job = make_jobs(QUICK_TOKEN, 1)[0]
    start = time.perf_counter()
    pool.submit(job)
    while not (outcomes := pool.wait(10)):
        pass
    assert isinstance(outcomes[0], Painted)
    return time.perf_counter() - start - outcomes[0].seconds


def memory_of(workers: set[int]) -> dict[str, float]:
    """MB (2**20 bytes) of the largest worker: 'peak' so far, and 'own' now, with its share of shared memory."""
    found: dict[str, float] = {}
    for pid in workers:
        with suppress(OSError):
            for file, key, name in (("status", "VmHWM:", "peak"), ("smaps_rollup", "Pss:", "own")):
                for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
                    if line.startswith(key):
                        found[name] = max(found.get(name, 0.0), int(line.split()[1]) / 1024)
    return found


def measure_driver(folder: Path, painted: dict[str, bytes], number: int) -> dict[str, float]:
    """The driver's work per token, files and ledger, if tokens arrive one by one and if many arrive at once."""
    figures = {"kilobytes": sum(map(len, painted.values())) / 1000}
    for name, together in (("ms", 1), ("together_ms", 32)):
        place = folder / f"driver-{together}"
        place.mkdir()
        with Ledger.open(place) as ledger:
            start = time.perf_counter()
            run_jobs(make_jobs(TOKEN, number), place, ledger, Ready(painted, together))
            figures[name] = 1000 * (time.perf_counter() - start) / number
    return figures


def measure_ledger(folder: Path, number: int, sample: int) -> dict[str, float]:
    """Add jobs and record them: the last `sample` as a run does, the others without waiting for the disk."""
    place = folder / "ledger"
    place.mkdir()
    figures: dict[str, float] = {"jobs": number}
    names = {str(n): (f"images/{n}.png", f"strokes/{n}.strokes.json") for n in range(number)}
    keys = list(names)

    def record(ledger: Ledger, some: Sequence[str]) -> float:
        start = time.perf_counter()
        for key in some:
            ledger.begin(key)
            file = WrittenFile(hashlib.sha256(key.encode()).hexdigest(), 100_000, time.time_ns())
            ledger.finish(key, dict.fromkeys(names[key], file), {"psnr": 20.0, "l1": 0.1}, 1.0, "host:1")
        return 1000 * (time.perf_counter() - start) / len(some)

    def timed(work: Callable[[], Any]) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    with Ledger.open(place, durable=False) as ledger:
        figures["add_s"] = timed(lambda: ledger.add((key, "0" * 64, names[key]) for key in keys))
        figures["record_normal_ms"] = record(ledger, keys[:-sample])
    with Ledger.open(place) as ledger:
        figures["record_ms"] = record(ledger, keys[-sample:])
        figures["read_s"] = timed(ledger.rows)
    figures["open_s"] = timed(lambda: Ledger.open(place).close())
    figures["megabytes"] = (place / NAME).stat().st_size / 1e6
    return figures


# --- output -------------------------------------------------------------------------------------------------


def report(variants: list[Variant], driver: dict[str, float], ledger: dict[str, float]) -> dict[str, Any]:
    """All figures, ready for JSON."""
    local = variants[2]
    ray = variants[3] if len(variants) > 3 else None
    trip_seconds = (ray or local).trip_ms / 1000
    # Seconds that a core is busy with a token, if all cores are.
    core_seconds = median(local.seconds) * local.processes + trip_seconds
    projection = {}
    for cores in PROJECTED_CORES:
        painting, writing = PROJECTED * core_seconds / cores, PROJECTED * driver["together_ms"] / 1000
        projection[str(cores)] = {"minutes": max(painting, writing) / 60, "driver_busy": min(1.0, writing / painting)}
    return {
        "variants": {
            variant.name: {
                "seconds": variant.seconds,
                "per_hour": variant.per_hour,
                "trip_ms": variant.trip_ms,
                "memory_mb": variant.memory,
            }
            for variant in variants
        },
        "scaling": variants[2].per_hour / variants[0].per_hour,
        "threads_scaling": variants[1].per_hour / variants[0].per_hour,
        "driver": driver,
        "ledger": ledger,
        "projection": projection,
    }


def show(figures: dict[str, Any]) -> None:
    """Print the figures as Markdown tables."""
    print("\n| | tokens per hour | ratio to 1 x 1 | to a worker and back, ms | memory of a worker, MB (peak; own) |")
    print("|---|---|---|---|---|")
    first = next(iter(figures["variants"].values()))["per_hour"]
    for name, variant in figures["variants"].items():
        memory = variant["memory_mb"]
        megabytes = f"{memory['peak']:.0f}; {memory['own']:.0f}" if len(memory) == 2 else "?"
        share = variant["per_hour"] / first
        print(f"| {name} | {variant['per_hour']:.0f} | {share:.2f} | {variant['trip_ms']:.1f} | {megabytes} |")
    driver, ledger = figures["driver"], figures["ledger"]
    print("\n| the driver and its ledger | |\n|---|---|")
    print(f"| a token's files ({driver['kilobytes']:.0f} kB) and its row, ms | {driver['ms']:.1f} |")
    print(f"| the same if 32 tokens arrive at once, ms | {driver['together_ms']:.1f} |")
    print(f"| {ledger['jobs']:,} jobs added, s | {ledger['add_s']:.1f} |")
    print(f"| a row recorded, waiting for the disk, ms | {ledger['record_ms']:.2f} |")
    print(f"| the same without waiting for the disk (synchronous=NORMAL), ms | {ledger['record_normal_ms']:.2f} |")
    print(f"| opening; reading all rows, s | {ledger['open_s']:.2f}; {ledger['read_s']:.2f} |")
    print(f"| size of the ledger, MB | {ledger['megabytes']:.0f} |")
    print(f"\nA projection, not a measurement: {PROJECTED:,} such tokens, if all cores were like these and always busy")
    for cores, value in figures["projection"].items():
        busy = f"the driver is busy {value['driver_busy']:.0%} of the time"
        print(f"- on {cores} cores: {value['minutes']:.0f} minutes; {busy}")


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"


def _parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tokens", type=int, default=6, help="for each worker, in each round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="whose median counts (%(default)s)")
    parser.add_argument("--no-ray", action="store_true", help="do not measure Ray")
    parser.add_argument("--quick", action="store_true", help="tiny, to check that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to this file")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
