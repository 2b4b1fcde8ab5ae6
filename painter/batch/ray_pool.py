"""Workers on many machines: jobs as Ray tasks. docs/distributed.md describes how to start a cluster.

The files that jobs name, and the networks, are put into Ray's object store once, as bytes, so that other machines need
not have them. Only the driver writes the files that come back. Ray restarts a task when its worker or machine dies;
`run_jobs` tries a painting that fails again, as with every pool.
"""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Any

from painter.batch.jobs import Failure, Outcome, Painted, Work
from painter.errors import WorkersError, one_line
from painter.options.running import RunningConfig
from painter.system.atomic import remove_abandoned_folders
from painter.system.quiet import silenced_stderr
from painter.system.usage import keep_freed_memory
from painter.version import __version__
from renderers.manifest import MANIFEST, checkpoint_folder, read_manifest, use_checkpoints
from renderers.special_files import read_regular


@dataclass(frozen=True)
class RayConfig:
    """Settings of a Ray cluster and of our connection to it."""

    restarts: int = 3  # by Ray itself, of a task whose worker or machine has died
    object_store_mb: int = 512  # of 2**20 bytes, for a cluster of our own; it holds pictures, networks and outcomes
    connect_seconds: float = 5.0  # to wait for an answer from the cluster's address
    poll_seconds: float = 1.0  # between looks at which machines there are
    shutdown_seconds: float = 2.0  # for workers to end when the pool closes


_HELP = "see docs/distributed.md"
_PREFIX = "impasto-ray-"  # of the folders into which workers write the files of a task


class RayPool:
    """Ray's workers, on this machine or on many. To be closed, or used in `with`.

    Args:
        address: HOST:PORT of a cluster that this machine is part of, 'auto' to find it, or 'local' to start one here
            that ends with the pool.
        processes: tasks at a time, at most; if not given, as many as there are cores for.
        threads: that each task paints with, which is also the number of cores that it takes.

    Raises:
        WorkersError: Ray is not installed, there is no such cluster, or it does not accept our token.
    """

    def __init__(self, address: str, processes: int | None = None, threads: int | None = None) -> None:
        check_ray(address)
        self.threads = RunningConfig.threads if threads is None else threads
        self._processes = processes
        self._stored: dict[tuple[Path, int], Any] = {}  # path and its time -> reference to its bytes
        self._networks: dict[str, Any] = {}
        self._running: dict[Any, Work] = {}
        self._failed: list[Outcome] = []  # before they were sent
        self._looked, self._resources = -inf, dict[str, float]()
        self._connect(address)
        import ray

        self._ray: Any = ray
        self._paint = ray.remote(max_retries=RayConfig().restarts)(_paint)

    def __enter__(self) -> RayPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def capacity(self) -> int:
        slots = max(1, int(self._resource("CPU")) // self.threads)
        # Twice as many as are painted at a time, so that no core waits for the next task.
        return 2 * slots if self._processes is None else min(2 * slots, self._processes)

    def submit(self, job: Work) -> None:
        needs_gpu = "cuda" in (job.config.device, job.config.backend)
        if needs_gpu and not self._resource("GPU"):
            reason = "--device cuda: there is no GPU in the cluster; choose cpu or auto"
            self._failed.append(Failure(job.key, reason, permanent=True, worker="driver"))
            return
        paths = list(dict.fromkeys([*job.pictures, *job.config.files.values()]))
        try:
            contents = [self._content(path) for path in paths]
        except OSError as error:
            reason = f"cannot read {one_line(error.filename or job.pictures[0])}: {error.strerror or error}"
            self._failed.append(Failure(job.key, reason, permanent=True, worker="driver"))
            return
        task = Task(job, tuple(paths), self.threads)
        paint = self._paint.options(num_cpus=self.threads, num_gpus=1 if needs_gpu else 0)
        self._running[paint.remote(task, self._network(job), *contents)] = job

    def wait(self, seconds: float) -> list[Outcome]:
        outcomes, self._failed = self._failed, []
        if not self._running:
            return outcomes
        timeout = 0 if outcomes else seconds
        # The first outcome that is ready, and then all others that are ready too.
        some, _ = self._ray.wait(list(self._running), timeout=timeout, num_returns=1, fetch_local=False)
        if some:
            some, _ = self._ray.wait(list(self._running), timeout=0, num_returns=len(self._running), fetch_local=False)
        return outcomes + [self._outcome(reference) for reference in some]

    def close(self) -> None:
        """Cancel our tasks, and leave the cluster; a 'local' one ends."""
        if self._ray.is_initialized():
            with suppress(Exception):
                for reference in self._running:
                    self._ray.cancel(reference)
                # Time to remove temporary files; then Ray ends our workers.
                patience = RayConfig().shutdown_seconds
                self._ray.wait(list(self._running), num_returns=len(self._running), timeout=patience)
            self._ray.shutdown()
        self._running.clear()

    def _connect(self, address: str) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # send nothing to Ray's developers
        options: dict[str, Any] = {"logging_level": "CRITICAL", "log_to_driver": False}
        if address == "local":
            cores = None if self._processes is None else self._processes * self.threads
            store = RayConfig().object_store_mb * 2**20
            options |= {"num_cpus": cores, "include_dashboard": False, "object_store_memory": store}
        import ray
        import ray._private.worker as ray_worker

        # We report failed machines and workers ourselves; Ray has no public switch for its own long messages.
        ray_worker._worker_logs_enabled = False
        try:
            with silenced_stderr():  # errors are raised as well
                ray.init(address=address, **options)
        except (Exception, SystemExit) as error:
            why = one_line(" ".join(str(error).split()))[:300] or type(error).__name__
            if "Failed to connect" in why:  # `check_ray` has seen that something answers
                why = "what answers is not a Ray cluster, or has another token"
            raise WorkersError(f"--ray {address}: {why}; {_HELP}") from error

    def _resource(self, name: str) -> float:
        """How much of 'CPU' or 'GPU' the cluster has; at most `poll_seconds` old."""
        now = time.monotonic()
        if now - self._looked > RayConfig().poll_seconds:
            self._looked, self._resources = now, self._ray.cluster_resources()
        return self._resources.get(name, 0.0)

    def _content(self, path: Path) -> Any:
        """A reference to a file's bytes in the object store. Raises OSError if it cannot be read."""
        key = path, path.stat().st_mtime_ns
        if key not in self._stored:
            self._stored[key] = self._ray.put(read_regular(path))
        return self._stored[key]

    def _network(self, job: Work) -> Any:
        """A reference to the checkpoint of the job's brush and its manifest; None for a brush of your own."""
        style = job.config.style
        if job.config.brush is not None:
            return None
        if style not in self._networks:
            folder = checkpoint_folder()
            file = read_manifest(folder)[style]["file"]
            contents = {name: (folder / name).read_bytes() for name in (MANIFEST, file)}
            self._networks[style] = self._ray.put(contents)
        return self._networks[style]

    def _outcome(self, reference: Any) -> Outcome:
        job = self._running.pop(reference)
        try:
            outcome = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            reason = one_line((lines[-1] if isinstance(error, self._ray.exceptions.RayTaskError) else lines[0]).strip())
            return Failure(job.key, f"its worker failed: {reason[:300]}", permanent=False, worker="ray")
        assert isinstance(outcome, (Painted, Failure))
        return outcome


def check_ray(address: str) -> None:
    """Check that Ray can be used, without starting anything.

    Raises:
        WorkersError: Ray is not installed, nothing answers at the address, or there is no authentication token.
    """
    if find_spec("ray") is None:
        raise WorkersError(f"--ray {address}: Ray is not installed; pip install 'impasto[distributed]'")
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if address == "local":
        if not _has_token():
            # Known only to this process and those that it starts, so that nobody else can use the cluster.
            os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        return
    if address != "auto":
        _check_answer(address)
    if os.environ["RAY_AUTH_MODE"] == "token" and not _has_token():
        wrong = "there is no authentication token"
        raise WorkersError(f"--ray {address}: {wrong}; set RAY_AUTH_TOKEN_PATH to the cluster's token file, {_HELP}")


def _check_answer(address: str) -> None:
    """Raise WorkersError if nothing listens there; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), RayConfig().connect_seconds).close()
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise WorkersError(f"--ray {address}: nothing answers at this address ({why}); {_HELP}") from error


def _has_token() -> bool:
    """Whether there is a token in the places where Ray looks for one."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return True
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return (Path(named) if named else Path.home() / ".ray" / "auth_token").is_file()


# --- on the worker ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """A job as it is sent to another machine."""

    job: Work
    paths: tuple[Path, ...]  # the files that the job names, in the order of their contents
    threads: int
    version: str = __version__


def _paint(task: Task, networks: dict[str, bytes] | None, *contents: bytes) -> Outcome:
    """Paint one job; its files and networks are in a temporary folder of this machine meanwhile."""
    from painter.batch.paint_job import attempt, using_threads, worker_name

    if task.version != __version__:
        wrong = f"the worker has Impasto {__version__}, the driver {task.version}"
        return Failure(task.job.key, f"{wrong}; install the same version on all machines", True, worker_name())
    keep_freed_memory()
    remove_abandoned_folders(_PREFIX)
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder:
        local_paths = {}
        for number, (path, content) in enumerate(zip(task.paths, contents, strict=True)):
            local = Path(folder, str(number), path.name)  # with its own name, which stroke files keep
            local.parent.mkdir()
            local.write_bytes(content)
            local_paths[path] = local
        for name, content in (networks or {}).items():
            Path(folder, name).write_bytes(content)
        use_checkpoints(None if networks is None else Path(folder))
        try:
            with using_threads(task.threads):
                return attempt(task.job, local_paths, folder)
        finally:
            use_checkpoints(None)
