"""Many people in the studio at once: are paintings lost, does memory stay flat, how long is the wait.

python -m scripts.benchmark.studio_load --clients 20 --jobs 200
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts import ROOT

PORT = 8181
MEMORY_EVERY = 5.0  # seconds
OPTIONS = {"strokes": 50, "size": 128, "iterations": 8}


@dataclass
class Figures:
    """What has been measured."""

    waits: list[float] = field(default_factory=list)  # seconds from asking to the finished painting
    lost: int = 0
    refused: int = 0
    memory: list[tuple[float, float, float]] = field(
        default_factory=list
    )  # seconds, MB of the server, of its processes
    lock: threading.Lock = field(default_factory=threading.Lock)


class Visitor(threading.Thread):
    """Asks for one painting after the other, and watches each."""

    def __init__(self, jobs: int, figures: Figures) -> None:
        super().__init__()
        self.jobs, self.figures, self.cookie = jobs, figures, ""

    def run(self) -> None:
        """Until all are painted."""
        picture = json.loads(self._ask("POST", "/api/pictures?sample=octahedron", {}))["id"]
        for seed in range(self.jobs):
            start = time.monotonic()
            answer = json.loads(
                self._ask("POST", "/api/jobs", {"picture": picture, "config": {**OPTIONS, "seed": seed}})
            )
            if "id" not in answer:
                with self.figures.lock:
                    self.figures.refused += 1
                continue
            stream = self._ask("GET", f"/api/jobs/{answer['id']}/stream")
            with self.figures.lock:
                if b'"kind":"done"' in stream:
                    self.figures.waits.append(time.monotonic() - start)
                else:
                    self.figures.lost += 1

    def _ask(self, method: str, path: str, body: object = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=1800)
        headers = {"origin": f"http://127.0.0.1:{PORT}", "content-type": "application/json", "cookie": self.cookie}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        self.cookie = self.cookie or (answer.getheader("set-cookie") or "").split(";")[0]
        content = answer.read()
        connection.close()
        return content


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clients", type=int, default=20, help="(%(default)s)")
    parser.add_argument("--jobs", type=int, default=200, help="of all clients together (%(default)s)")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "paint.py"), "studio", "--port", str(PORT), "--no-browser", "--quiet"]
        studio = subprocess.Popen([*command, "--folder", folder, "--queue", str(options.jobs)])
        try:
            _wait_for_it()
            figures = _visit(studio.pid, options.clients, options.jobs)
            kept = len(list(Path(folder).glob("paintings/*/about.json")))
        finally:
            studio.terminate()
            studio.wait()
    _print(figures, kept)


def _wait_for_it() -> None:
    while True:
        try:
            http.client.HTTPConnection("127.0.0.1", PORT).connect()
            return
        except ConnectionRefusedError:
            time.sleep(0.1)


def _visit(pid: int, clients: int, jobs: int) -> Figures:
    figures, start = Figures(), time.monotonic()
    visitors = [Visitor(jobs // clients, figures) for _ in range(clients)]
    for visitor in visitors:
        visitor.start()
    while any(visitor.is_alive() for visitor in visitors):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        figures.memory.append((time.monotonic() - start, _mb(pid), sum(_mb(int(child)) for child in children)))
        time.sleep(MEMORY_EVERY)
    return figures


def _mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS:")), 0.0)


def _print(figures: Figures, kept: int) -> None:
    waits = sorted(figures.waits)
    print(f"painted {len(waits)}, kept {kept}, lost {figures.lost}, refused {figures.refused}")
    print(f"seconds from asking to finished: median {waits[len(waits) // 2]:.1f}, longest {waits[-1]:.1f}")
    quarter = len(figures.memory) // 4
    for name, part in (("second", figures.memory[quarter : 2 * quarter]), ("last", figures.memory[-quarter:])):
        server, others = (max(row[k] for row in part) for k in (1, 2))
        seconds = figures.memory[-1][0]
        print(f"{name} quarter of {seconds:.0f} s, most memory: server {server:.0f} MB, processes {others:.0f} MB")


if __name__ == "__main__":
    main()
