"""The ledger, and the driver that writes it: what it calls done is there, whatever ends a run. Nobody paints here."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.jobs import FakePool, done_in, files_of, job, painted

from painter.batch.digests import Digests
from painter.batch.driver import Event, Summary, run_jobs
from painter.batch.jobs import Failure, Job, Outcome, Work
from painter.batch.ledger import NAME, Ledger, WrittenFile
from painter.errors import ImpastoError, LedgerError, OutputError
from painter.options.export import ExportConfig
from painter.options.paint import PaintConfig

ROOT = Path(__file__).resolve().parents[2]


def paint_all(
    folder: Path, jobs: list[Job], pool: FakePool | None = None, retries: int = 2
) -> tuple[Summary, FakePool]:
    pool = pool or FakePool()
    with Ledger.open(folder) as ledger:
        return run_jobs(jobs, folder, ledger, pool, retries=retries), pool


# --- the ledger ---------------------------------------------------------------------------------------------


def test_rows_come_back_as_they_were_put_in(tmp_path: Path) -> None:
    written = WrittenFile("a" * 64, 7, 12345)
    with Ledger.open(tmp_path) as ledger:
        assert ledger.meta("seed") is None
        ledger.set_meta("seed", "7")
        ledger.add([("2", "d2", ["2.png", "2.gif"]), ("1", "d1", ["1.png"]), ("3", "d3", ["3.png"])])
        for key in ("1", "2"):
            ledger.begin(key)
        assert ledger.finish("2", {"2.png": written}, {"psnr": 21.5}, 1.25, "host:1") == {}
        ledger.fail("1", "why", "host:2")
    with Ledger.open(tmp_path) as ledger:
        assert ledger.meta("seed") == "7" and list(ledger.rows()) == ["2", "1", "3"]
        done = ledger.done()["2"]
        assert (done.digest, done.state, done.attempts, done.worker) == ("d2", "done", 1, "host:1")
        assert (done.seconds, done.figures, done.files) == (1.25, {"psnr": 21.5}, {"2.png": written})
        failed = ledger.rows()["1"]
        assert (failed.state, failed.reason, failed.worker, failed.files) == ("failed", "why", "host:2", {})
        assert ledger.row("3") is not None and ledger.row("4") is None
        # What was planned and never came is known no more.
        assert ledger.file_names() == {"2.png": "2", "1.png": "1", "3.png": "3"}


def test_what_ran_in_a_run_that_died_waits_again(tmp_path: Path) -> None:
    with Ledger.open(tmp_path) as ledger:
        ledger.add([("1", "d", ["1.png"])])
        ledger.begin("1")
    with Ledger.open(tmp_path) as ledger:
        row = ledger.rows()["1"]
        assert (row.state, row.attempts) == ("waiting", 1)


@pytest.mark.slow
def test_a_hundred_thousand_jobs_are_one_transaction(tmp_path: Path) -> None:
    with Ledger.open(tmp_path) as ledger:
        before = ledger._connection.total_changes
        ledger.add((str(n), "d", [f"{n}.png"]) for n in range(100_000))
        assert ledger._connection.total_changes - before == 200_000
        assert len(ledger.rows()) == 100_000 and ledger.done() == {}


def test_one_run_at_a_time_has_it(tmp_path: Path) -> None:
    with Ledger.open(tmp_path), pytest.raises(LedgerError, match="another run is writing here; wait until it ends"):
        Ledger.open(tmp_path)
    Ledger.open(tmp_path).close()


def test_others_can_read_meanwhile(tmp_path: Path) -> None:
    with Ledger.open(tmp_path) as ledger:
        ledger.add([("1", "d", ["1.png"])])
        reader = sqlite3.connect(f"file:{tmp_path / NAME}?mode=ro", uri=True)
        assert reader.execute("SELECT key, state FROM jobs").fetchall() == [("1", "waiting")]
        reader.close()


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.close()


def foreign_database(path: Path) -> None:
    change(path, "CREATE TABLE jobs (mine TEXT)")


def later_version(path: Path) -> None:
    Ledger.open(path.parent).close()
    change(path, "PRAGMA user_version = 99")


def damage(path: Path) -> None:
    with Ledger.open(path.parent) as ledger:
        ledger.add((str(n), "d" * 64, [f"{n}.png"]) for n in range(500))
    content = bytearray(path.read_bytes())
    content[5000:9000] = random.Random(0).randbytes(4000)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b""), "not a ledger of Impasto; it was left unchanged"),
        (lambda path: path.write_text("a diary " * 100), "not a ledger of Impasto; it was left unchanged"),
        (foreign_database, "not a ledger of Impasto; it was left unchanged"),
        (later_version, "it has version 99, but this Impasto reads version 1"),
        (damage, r"it is damaged \(.*\); it was left unchanged"),
        (lambda path: path.mkdir(), "not a regular file"),
    ],
)
def test_what_is_no_ledger_is_refused_and_left_alone(
    make: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    path = tmp_path / NAME
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(LedgerError, match=message) as raised:
        Ledger.open(tmp_path)
    assert str(raised.value).startswith(f"{path}: ") and "\n" not in str(raised.value)
    assert before is None or path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="No such file or directory; choose another folder"):
        Ledger.open(tmp_path / "missing")


# --- the driver ---------------------------------------------------------------------------------------------


def test_what_is_done_is_not_painted_again(tmp_path: Path) -> None:
    jobs = [job(str(n), f"images/{n}.png", f"strokes/{n}.strokes.json") for n in range(5)]
    summary, pool = paint_all(tmp_path, jobs[:3])
    assert (summary.painted, summary.kept, summary.failed, summary.left) == (3, 0, 0, 0)
    summary, pool = paint_all(tmp_path, jobs)
    assert pool.asked == ["3", "4"] and (summary.painted, summary.kept) == (2, 3)
    expected = {name: content for job in jobs for name, content in painted(job).files.items()}
    assert files_of(tmp_path) == expected
    with Ledger.open(tmp_path) as ledger:
        for row in ledger.done().values():
            for name, file in row.files.items():
                content = (tmp_path / name).read_bytes()
                assert (file.sha256, file.size) == (hashlib.sha256(content).hexdigest(), len(content))


def test_a_missing_or_altered_file_is_painted_again_and_a_copy_is_not(tmp_path: Path) -> None:
    jobs = [job(str(n)) for n in range(4)]
    paint_all(tmp_path, jobs)
    (tmp_path / "images/0.png").unlink()
    (tmp_path / "images/1.png").write_bytes(b"short")
    same = (tmp_path / "images/2.png").read_bytes()
    (tmp_path / "images/2.png").write_bytes(same)  # another time, the same content: a folder that was copied
    other = bytes(len(same))
    (tmp_path / "images/3.png").write_bytes(other)
    _, pool = paint_all(tmp_path, jobs)
    assert pool.asked == ["0", "1", "3"]
    assert files_of(tmp_path) == {name: content for job in jobs for name, content in painted(job).files.items()}


def test_only_jobs_that_changed_are_painted_again(tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"one")
    folder = tmp_path / "out"
    folder.mkdir()
    jobs = [job("a", picture=picture), job("b"), job("c", "images/c.png", "images/c.gif")]
    paint_all(folder, jobs)
    picture.write_bytes(b"two")
    jobs[2] = replace(jobs[2], files=("images/c.png",))
    _, pool = paint_all(folder, jobs)
    assert pool.asked == ["a", "c"]
    assert set(files_of(folder)) == {"images/a.png", "images/b.png", "images/c.png"}  # the GIF is no longer anybody's
    jobs[1] = replace(jobs[1], config=PaintConfig(seed=1))
    assert paint_all(folder, jobs)[1].asked == ["b"]


def test_a_file_that_is_no_longer_ours_is_not_removed(tmp_path: Path) -> None:
    before = job("a", "a.png", "a.gif")
    paint_all(tmp_path, [before])
    (tmp_path / "a.gif").write_bytes(b"retouched")
    paint_all(tmp_path, [replace(before, files=("a.png",))])
    assert (tmp_path / "a.gif").read_bytes() == b"retouched"


def test_a_stranger_s_file_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/1.png").write_bytes(b"mine")
    pool = FakePool()
    with pytest.raises(OutputError, match=r"images/1\.png: a file that the ledger does not know is already there"):
        paint_all(tmp_path, [job("0"), job("1")], pool)
    assert pool.asked == [] and files_of(tmp_path) == {"images/1.png": b"mine"}


def test_a_failing_job_is_tried_three_times_and_the_others_go_on(tmp_path: Path) -> None:
    reasons = {"1": ("a crash", False), "2": ("no picture", True)}
    events: list[Event] = []

    def make(job: Work) -> Outcome:
        reason = reasons.get(job.key)
        return painted(job) if reason is None else Failure(job.key, *reason, worker="me:1")

    jobs = [job(str(n)) for n in range(4)]
    pool = FakePool(make)
    with Ledger.open(tmp_path) as ledger:
        summary = run_jobs(jobs, tmp_path, ledger, pool, events.append)
        rows = ledger.rows()
    assert (summary.painted, summary.failed, summary.left) == (2, 2, 0)
    assert [pool.asked.count(str(n)) for n in range(4)] == [1, 3, 1, 1]  # bad input stays bad
    assert [(rows[key].state, rows[key].reason, rows[key].attempts) for key in "12"] == [
        ("failed", "a crash", 3), ("failed", "no picture", 1),
    ]  # fmt: skip
    seen = [(event.kind, event.key) for event in events]
    assert seen[0] == ("started", "") and seen.count(("retrying", "1")) == 2
    assert {("failed", "1"), ("failed", "2"), ("painted", "0"), ("painted", "3")} < set(seen)
    assert events[-1].summary.left == 0
    # The next run tries again.
    reasons.clear()
    summary, pool = paint_all(tmp_path, jobs)
    assert sorted(pool.asked) == ["1", "2"] and summary.failed == 0


def test_a_job_that_fails_once_is_painted(tmp_path: Path) -> None:
    pool = FakePool(
        lambda job: painted(job) if pool.asked.count(job.key) > 1 else Failure(job.key, "a crash", False, "me:1")
    )
    summary, _ = paint_all(tmp_path, [job("1")], pool, retries=1)
    assert (summary.painted, summary.failed) == (1, 0)


@pytest.mark.parametrize(
    ("jobs", "message"),
    [
        ([job("1"), job("1", "b.png")], "1: two paintings have this name"),
        ([job("1", "a.png"), job("2", "A.png")], r"cannot write A\.png: two paintings have this name"),
        ([job("1", "../a.png")], r"\.\./a\.png: it is outside the output folder"),
        ([job("1", "/a.png")], r"/a\.png: it is outside the output folder"),
        ([job("1", "frames/")], "a folder of frames can only be written for a single painting"),
        ([job("1", "a.txt")], r"there is no format '\.txt'"),
    ],
)
def test_names_that_cannot_be_are_refused(jobs: list[Job], message: str, tmp_path: Path) -> None:
    with pytest.raises(ImpastoError, match=message):
        paint_all(tmp_path, jobs)
    assert files_of(tmp_path) == {}


def test_a_file_that_cannot_be_written_ends_the_run_with_a_line(tmp_path: Path) -> None:
    def make(job: Work) -> Outcome:
        if job.key == "1":
            (tmp_path / "images/1.png").mkdir()
        return painted(job)

    with pytest.raises(
        OutputError, match=r"cannot write .*images/1\.png: Is a directory; run the same command again to continue"
    ):
        paint_all(tmp_path, [job(str(n)) for n in range(3)], FakePool(make, capacity=1))
    with Ledger.open(tmp_path) as ledger:
        assert list(ledger.done()) == ["0"]


def test_ctrl_c_records_what_is_there_and_ends_the_workers(tmp_path: Path) -> None:
    def make(job: Work) -> Outcome:
        if job.key == "2":
            os.kill(os.getpid(), signal.SIGINT)
        return painted(job)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        summary, pool = paint_all(tmp_path, [job(str(n)) for n in range(9)], FakePool(make, capacity=4))
    finally:
        signal.signal(signal.SIGINT, before)
    assert summary.interrupted and pool.closed
    assert summary.painted == 4 and summary.left == 5  # what had come back by then, too
    assert pool.asked == [str(n) for n in range(6)]
    with Ledger.open(tmp_path) as ledger:
        states = [row.state for row in ledger.rows().values()]
    assert states == ["done"] * 4 + ["waiting"] * 5


def test_the_digest_is_of_all_that_decides_the_bytes_and_of_nothing_else(tmp_path: Path) -> None:
    picture, mask = tmp_path / "a.png", tmp_path / "mask.png"
    picture.write_bytes(b"picture")
    mask.write_bytes(b"mask")
    base = Job("1", picture, PaintConfig(region=str(mask)), ("1.png",))
    digest = Digests().of(base)
    (tmp_path / "elsewhere").mkdir()
    for path in (picture, mask):
        (tmp_path / "elsewhere" / path.name).write_bytes(path.read_bytes())
    moved = replace(base.config, region=str(tmp_path / "elsewhere" / "mask.png"))
    same = replace(base, key="2", picture=tmp_path / "elsewhere" / "a.png", config=moved)
    assert Digests().of(same) == digest
    others = [
        replace(base, config=replace(base.config, seed=1)),
        replace(base, config=replace(base.config, region=None)),
        replace(base, config=replace(base.config, style="watercolor")),
        replace(base, export=ExportConfig(bit_depth=16)),
        replace(base, files=("2.png",)),
        replace(base, picture=mask),
    ]
    mask.write_bytes(b"another")
    others.append(base)
    digests = Digests()
    assert len({digest, *map(digests.of, others)}) == 1 + len(others)


def test_each_file_is_read_once_for_all_digests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"picture")
    read: list[Path] = []

    def note(path: Path) -> str:
        read.append(path)
        return "0" * 64

    monkeypatch.setattr("painter.batch.digests.sha256_of", note)
    digests = Digests()
    found = {digests.of(job(str(n), picture=picture, seed=n)) for n in range(100)}
    assert len(found) == 100 and read == [picture]


# --- kills --------------------------------------------------------------------------------------------------

_DRIVER = """
import os, signal, sys, threading, time
from pathlib import Path
from helpers.jobs import FakePool, job, painted
from painter.batch.ledger import Ledger
from painter.batch.driver import run_jobs

begun = 0

def make(job):
    global begun
    begun += 1
    if begun == int(sys.argv[4]):  # killed somewhat later, wherever it is by then
        threading.Timer(float(sys.argv[5]), os.kill, (os.getpid(), signal.SIGKILL)).start()
    if begun > int(sys.argv[4]) + 8:
        time.sleep(60)  # that timer is late
    with open(sys.argv[2], "a") as log:
        log.write(job.key + "\\n")
    time.sleep(0.002)
    return painted(job)

folder = Path(sys.argv[1])
jobs = [job(str(n), f"images/{n}.png", f"strokes/{n}.strokes.json") for n in range(int(sys.argv[3]))]
with Ledger.open(folder) as ledger:
    run_jobs(jobs, folder, ledger, FakePool(make))
"""


@pytest.mark.slow
def test_killed_at_any_moment_nothing_is_painted_twice_and_nothing_is_half_written(tmp_path: Path) -> None:
    folder, log, count = tmp_path / "out", tmp_path / "log", 50
    folder.mkdir()
    arguments = [sys.executable, "-c", _DRIVER, str(folder), str(log), str(count)]
    moments = random.Random(3)
    kills = 0
    for _ in range(40):
        done, asked = done_in(folder) if kills else set(), log.read_text().split() if log.exists() else []
        plan = [str(moments.randint(1, 6)), f"{moments.uniform(0, 0.02):.4f}"]
        process = subprocess.run(
            [*arguments, *plan], cwd=ROOT, timeout=120, env={**os.environ, "PYTHONPATH": str(ROOT / "tests")}
        )
        again = set(log.read_text().split()[len(asked) :])
        assert not again & done, "what was done has been painted again"
        for name, content in files_of(folder).items():
            if not name.split("/")[-1].startswith("."):
                key = Path(name).name.split(".")[0]
                assert content == painted(job(key, name)).files[name], name
        assert all((folder / f"images/{key}.png").exists() for key in done_in(folder))
        if process.returncode == 0:
            break
        kills += 1
    assert kills >= 3 and process.returncode == 0
    asked = log.read_text().split()
    assert set(asked) == {str(n) for n in range(count)}
    assert len(asked) - count <= kills  # what was in hand when a kill came, and nothing else, was painted twice
    assert not [name for name in files_of(folder) if Path(name).name.startswith(".")]  # no temporary file is left
    with Ledger.open(folder) as ledger:
        assert len(ledger.done()) == count


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE jobs SET reason = CAST(x'ff' AS TEXT)",  # what a bad sector may leave
        "UPDATE jobs SET figures = 'no'",
        "UPDATE jobs SET figures = '[1]'",
        'UPDATE jobs SET figures = \'{"psnr": "high"}\'',
        "UPDATE jobs SET seconds = 'long'",
        "UPDATE files SET size = 'large', sha256 = 'a'",
        "UPDATE files SET mtime_ns = x'00', sha256 = 'a'",
    ],
)
def test_rows_that_are_damaged_are_told_in_a_line(change: str, tmp_path: Path) -> None:
    paint_all(tmp_path, [job("a")])
    connection = sqlite3.connect(tmp_path / NAME)
    with connection:
        connection.execute(change)
    connection.close()
    with Ledger.open(tmp_path) as ledger, pytest.raises(LedgerError, match="it is damaged") as caught:
        ledger.rows()
    assert str(caught.value).isprintable()
