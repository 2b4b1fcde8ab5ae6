"""What all tests share."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

# As painter.system.library_settings has them, and for the same reasons; before anything imports torch.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

# Each of the processes that share the tests' files keeps to one core, as does all that it starts: threads that wait for
# each other on two busy cores cost a tenth of the time. A third process, for what the others leave while they wait,
# takes twenty seconds more than it saves.
if "PYTEST_XDIST_WORKER" in os.environ and hasattr(os, "sched_setaffinity"):
    cores, number = sorted(os.sched_getaffinity(0)), int(os.environ["PYTEST_XDIST_WORKER"][2:])
    if number < len(cores):
        os.sched_setaffinity(0, {cores[number]})

# Paintings must not depend on which networks are installed.
os.environ["IMPASTO_FACES"] = "cascade"

import torch
from helpers.forked import fork_context

from renderers.brushes import BRUSHES

# Without a device Triton's kernels run in Python; before anything imports triton.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

# What is written outlives a process without, and no test cuts the power; a disk that is busy would be waited for.
os.fsync = lambda fd: None


# With these, which take longest, begun first, all processes end at about the same time.
LONGEST = (
    "test_learning", "test_kills", "test_ray", "test_commands", "test_batch", "test_restyle", "test_restyle_runs",
    "test_transfer", "test_transfer_command", "test_studio_page", "test_webgl", "test_resume", "test_painting_runs",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))


def pytest_collection_finish() -> None:
    gc.freeze()  # what all modules hold stays to the end, and need not be gone through again and again


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--refresh-golden", action="store_true", help="write tests/golden/ anew instead of comparing")


@pytest.fixture(scope="module", autouse=True)
def registered_brushes() -> Iterator[None]:
    """Stamps that a file's tests register are gone after them, in whatever order files run in one process."""
    before = dict(BRUSHES)
    yield
    for name in set(BRUSHES) - set(before):
        del BRUSHES[name]


@pytest.fixture(autouse=True)
def usual_interrupt() -> Iterator[None]:
    """Ctrl-C means something, to us and to what we start, even in the background of a shell, which takes it away."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def forked_workers() -> Iterator[None]:
    """Workers of batches and of the studio are forked, as helpers.forked tells: none has to import everything anew."""
    with pytest.MonkeyPatch.context() as patch:
        for pool in ("painter.batch.pools", "painter.studio.pool"):
            patch.setattr(f"{pool}._CONTEXT", fork_context())
        yield


@pytest.fixture
def ordinary_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Somebody who may not write wherever root may, in `tmp_path`; names must not begin further up."""
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "locked").mkdir(mode=0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield
    if root:
        os.seteuid(0)
