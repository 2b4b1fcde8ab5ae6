"""Many machines, as two of Ray's nodes on this one: the same bytes as without, and a node may die."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers.jobs import QUICK, TINY, done_in, files_of, save_picture

from painter import PaintConfig
from painter.batch.jobs import Failure, Job, Painted
from painter.batch.paint_job import attempt, paint_job
from painter.batch.ray_pool import RayPool, Task, _paint
from painter.version import __version__
from renderers.manifest import checkpoint_folder

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
ROOT = Path(__file__).resolve().parents[2]
FORMATS = ("--format", "png", "--format", "strokes.json")

# In a process of its own: Ray looks for tokens when it is imported, and this process may have imported it before.
_CLUSTER = """
from ray.cluster_utils import Cluster
node = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
head = {**node, "include_dashboard": False, "no_monitor": True}  # nobody looks at it or adds machines to it
cluster = Cluster(initialize_head=True, connect=False, head_node_args=head)
try:
    second = cluster.add_node(**node)
    print(cluster.address, flush=True)
    input()
    cluster.remove_node(second, allow_graceful=False)
    print("killed", flush=True)
    input()
finally:
    cluster.shutdown()
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """Two nodes with a core each, that let nobody in without the token. A line to its input kills the second one."""
    token = tmp_path / "token"
    token.write_text("a" * 64)
    for name, value in {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": os.pathsep.join(
            (str(ROOT), str(ROOT / "tests"))
        ),  # what is installed on the machines of a real one
    }.items():
        monkeypatch.setenv(name, value)
    with subprocess.Popen(
        [sys.executable, "-c", _CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        yield started
        started.communicate("\n\n", timeout=60)


def start_batch(folder: Path, output: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "paint.py"), "batch", "in", "-o", output, *QUICK, *FORMATS, *arguments]
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_two_nodes_paint_the_same_bytes_and_one_may_die(cluster: subprocess.Popen[str], tmp_path: Path) -> None:
    assert cluster.stdout is not None
    count = 12
    for n in range(count):
        save_picture(tmp_path / f"in/{n}.png", n)
    save_picture(tmp_path / "mask.png", 99)
    config = PaintConfig(**TINY, region="mask.png")  # type: ignore[arg-type]
    at = {Path("mask.png"): tmp_path / "mask.png"}
    expected: dict[str, bytes] = {}
    for n in range(count):  # while the nodes start
        job = Job(f"{n}.png", tmp_path / f"in/{n}.png", config, (f"{n}.png", f"{n}.strokes.json"))
        expected |= paint_job(job, at).files
    address = cluster.stdout.readline().strip()

    # Without the right token nobody is let in. Ray takes its time to say so, while others paint.
    (tmp_path / "wrong").write_text("b" * 64)
    with start_batch(tmp_path, "no", "--ray", address, RAY_AUTH_TOKEN_PATH=str(tmp_path / "wrong")) as refused:
        paint_and_kill(cluster, address, tmp_path, expected)
        _, err = refused.communicate(timeout=120)
    assert refused.returncode == 2 and "Traceback" not in err
    why = "what answers is not a Ray cluster, or has another token; see docs/distributed.md"
    assert err.splitlines()[-1] == f"paint.py batch: error: --ray {address}: {why}"
    assert [line for line in err.splitlines() if "Unauthenticated" in line] == []


def paint_and_kill(cluster: subprocess.Popen[str], address: str, tmp_path: Path, expected: dict[str, bytes]) -> None:
    """Paint all pictures, and kill the second node when two are done."""
    assert cluster.stdin is not None and cluster.stdout is not None
    count = len(expected) // 2
    process = start_batch(tmp_path, "out", "--region", "mask.png", "--ray", address)
    deadline = time.monotonic() + 180
    while not (tmp_path / "out/ledger.sqlite").exists() or len(done_in(tmp_path / "out")) < 2:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)
    print(file=cluster.stdin, flush=True)
    assert cluster.stdout.readline() == "killed\n"
    out, err = process.communicate(timeout=180)
    assert (process.returncode, out) == (0, f"{count} painted\n"), err
    assert "raylet" not in err and "retr" not in err  # Ray itself has seen to it

    made = files_of(tmp_path / "out")
    assert len(made) == 2 * count == 24 and made == expected
    connection = sqlite3.connect(tmp_path / "out/ledger.sqlite")
    assert connection.execute("SELECT count(*), max(attempts), min(state) FROM jobs").fetchone() == (count, 1, "done")
    connection.close()


# --- what a worker does, without Ray --------------------------------------------------------------------------


def task(tmp_path: Path, version: str = __version__) -> tuple[Task, bytes]:
    picture = save_picture(tmp_path / "picture.png")
    job = Job("1", picture, PaintConfig(**TINY), ("1.png",))  # type: ignore[arg-type]
    return Task(job, (picture,), 1, version), picture.read_bytes()


def networks() -> dict[str, bytes]:
    return {name: (checkpoint_folder() / name).read_bytes() for name in ("manifest.json", "markerpen.safetensors")}


@pytest.mark.slow
def test_a_worker_needs_neither_pictures_nor_networks_of_its_own(tmp_path: Path) -> None:
    sent, picture = task(tmp_path)
    expected = attempt(sent.job)
    assert isinstance(expected, Painted)
    (tmp_path / "picture.png").unlink()
    made = _paint(sent, networks(), picture)
    assert not isinstance(made, Failure) and made.files == expected.files
    broken = _paint(sent, {**networks(), "markerpen.safetensors": b"other"}, picture)
    assert isinstance(broken, Failure) and broken.permanent and "checkpoint" in broken.reason
    assert checkpoint_folder() == ROOT / "checkpoints"  # its own again


def test_a_worker_of_another_version_declines(tmp_path: Path) -> None:
    sent, picture = task(tmp_path, "0.0.1")
    declined = _paint(sent, networks(), picture)
    assert isinstance(declined, Failure) and declined.permanent
    assert declined.reason == (
        f"the worker has Impasto {__version__}, the driver 0.0.1; install the same version on all machines"
    )


class NoCluster:
    """Ray, as far as a pool asks it before anything is sent."""

    def __init__(self, resources: dict[str, float]) -> None:
        self.resources, self.asked = resources, 0

    def cluster_resources(self) -> dict[str, float]:
        self.asked += 1
        return self.resources

    def is_initialized(self) -> bool:
        return False


@pytest.fixture
def unconnected(monkeypatch: pytest.MonkeyPatch) -> RayPool:
    """A pool of four cores that is not connected to anything."""
    monkeypatch.setattr(RayPool, "_connect", lambda self, address: None)
    monkeypatch.setattr("painter.batch.ray_pool.check_ray", lambda address: None)
    pool = RayPool("local", threads=2)
    pool._ray = NoCluster({"CPU": 4.0})
    return pool


@pytest.mark.slow
def test_what_cannot_be_sent_comes_back_as_a_failure(unconnected: RayPool, tmp_path: Path) -> None:
    picture = save_picture(tmp_path / "picture.png")
    config = PaintConfig(**TINY)  # type: ignore[arg-type]
    unconnected.submit(Job("1", tmp_path / "no.png", config, ("1.png",)))
    unconnected.submit(Job("2", picture, replace(config, device="cuda"), ("2.png",)))
    missing, without = unconnected.wait(0)
    assert isinstance(missing, Failure) and isinstance(without, Failure) and missing.permanent and without.permanent
    assert missing.reason == f"cannot read {tmp_path}/no.png: No such file or directory"
    assert without.reason == "--device cuda: there is no GPU in the cluster; choose cpu or auto"
    assert unconnected.wait(0) == []


def test_as_much_is_under_way_as_there_are_cores_for_and_as_much_again(unconnected: RayPool) -> None:
    assert [unconnected.capacity for _ in range(9)] == [4] * 9  # two threads each
    assert unconnected._ray.asked == 1
    unconnected._processes = 3
    assert unconnected.capacity == 3
