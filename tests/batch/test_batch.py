"""Workers of this machine, and folders painted by the command line."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from helpers.jobs import QUICK, TINY, save_picture

from painter import PaintConfig, RevealConfig, cli, paint, reveal
from painter.batch.driver import Summary, run_jobs
from painter.batch.folder import find_pictures, folder_jobs
from painter.batch.jobs import Failure, Job, Outcome, Painted, Work
from painter.batch.ledger import NAME, Ledger
from painter.batch.paint_job import attempt, paint_job, using_threads
from painter.batch.pools import LocalPool, _how_it_ended
from painter.batch.worker import TOO_LITTLE_MEMORY
from painter.cli import running as cli_running
from painter.errors import PictureError, WorkersError
from painter.options.export import ExportConfig
from painter.options.fields import option_name
from painter.options.running import RunningConfig

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.usefixtures("forked_workers")  # `paint.py batch`, below, starts workers as it does


def tiny_jobs(folder: Path, count: int, **options: Any) -> list[Job]:
    picture = save_picture(folder / "picture.png")
    return [
        Job(str(n), picture, PaintConfig(**{**TINY, **options, "seed": n}), (f"{n}.png", f"{n}.strokes.json"))
        for n in range(count)
    ]


def collected(pool: LocalPool, count: int) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    for _ in range(1200):
        outcomes |= {outcome.key: outcome for outcome in pool.wait(0.1)}
        if len(outcomes) == count:
            return outcomes
    raise AssertionError(f"{len(outcomes)} of {count} came back")


def pid_of(outcome: Outcome) -> int:
    return int(outcome.worker.rpartition(":")[2])


@pytest.fixture(scope="module")
def pool(forked_workers: None) -> Iterator[LocalPool]:
    with LocalPool(2) as started:
        yield started


# --- a painting, a worker -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_one_of_many_is_what_painting_it_alone_writes(tmp_path: Path) -> None:
    picture = save_picture(tmp_path / "picture.png")
    config = PaintConfig(**TINY)  # type: ignore[arg-type]
    made = paint_job(Job("1", picture, config, ("a/1.png", "1.gif", "b/1.strokes.json")))
    alone = paint(picture, config)
    alone.save(*(tmp_path / name for name in ("1.png", "1.gif", "1.strokes.json")))
    assert {name: content == (tmp_path / Path(name).name).read_bytes() for name, content in made.files.items()} == {
        "a/1.png": True, "1.gif": True, "b/1.strokes.json": True,
    }  # fmt: skip
    assert made.figures == {"psnr": alone.report["psnr"], "l1": alone.report["l1"], "strokes": 6}


@pytest.mark.slow
def test_a_style_is_taken_on_by_one_of_many_as_alone(tmp_path: Path) -> None:
    picture, style = save_picture(tmp_path / "picture.png"), save_picture(tmp_path / "style.png", 1)
    config = PaintConfig(**TINY, style_image=str(style), features="random", style_iterations=2)  # type: ignore[arg-type]
    files = ("1.png", "1.strokes.json")
    made = paint_job(Job("1", picture, config, files)).files
    paint(picture, config).save(*(tmp_path / name for name in files))
    assert made == {name: (tmp_path / name).read_bytes() for name in files}
    assert made != paint_job(Job("1", picture, PaintConfig(**TINY), files)).files  # type: ignore[arg-type]


@pytest.mark.slow
def test_bytes_do_not_depend_on_the_number_of_threads(tmp_path: Path) -> None:
    job = tiny_jobs(tmp_path, 1, strokes=60, size=128, iterations=12)[0]
    files = []
    for threads in (1, 2, 3):
        with using_threads(threads):
            files.append(paint_job(job).files)
    assert files[0] == files[1] == files[2]


@pytest.mark.slow
def test_files_lie_elsewhere_on_other_machines_and_the_bytes_are_the_same(tmp_path: Path) -> None:
    picture, mask = save_picture(tmp_path / "here/a.png"), save_picture(tmp_path / "here/mask.png", 1)
    job = Job("1", picture, PaintConfig(**TINY, region=str(mask)), ("1.png", "1.strokes.json"))  # type: ignore[arg-type]
    before = paint_job(job).files
    shutil.move(tmp_path / "here", tmp_path / "there")
    at = {path: tmp_path / "there" / path.name for path in (picture, mask)}
    assert paint_job(job, at).files == before
    at[mask].write_bytes(b"nothing")
    failure = attempt(job, at)
    assert isinstance(failure, Failure) and failure.permanent
    assert str(mask) in failure.reason and "there" not in failure.reason  # the name that was asked for


def test_errors_are_one_line_and_say_whether_there_is_hope(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Job("1", tmp_path / "no.png", PaintConfig(**TINY), ("1.png",))  # type: ignore[arg-type]
    failure = attempt(missing)
    assert isinstance(failure, Failure) and failure.permanent and "there is no such file" in failure.reason

    def breaks(*_: Any) -> None:
        raise RuntimeError("out of\nluck")

    monkeypatch.setattr("painter.batch.paint_job.prepare", breaks)
    failure = attempt(missing)
    assert isinstance(failure, Failure) and not failure.permanent
    assert failure.reason.startswith("RuntimeError: out of luck (test_batch.py, line ")


@pytest.mark.slow
def test_workers_paint_the_same_bytes_and_are_kept(pool: LocalPool, tmp_path: Path) -> None:
    jobs = tiny_jobs(tmp_path, 4)
    outcomes: dict[str, Outcome] = {}
    for pair in (jobs[:2], jobs[2:]):
        for job in pair:
            pool.submit(job)
        outcomes |= collected(pool, 2)
    for job in jobs:
        made = outcomes[job.key]
        assert isinstance(made, Painted) and made.files == paint_job(job).files
    workers = {pid_of(outcome) for outcome in outcomes.values()}
    assert len(workers) <= 2 and os.getpid() not in workers


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_own_job_one_try(pool: LocalPool, tmp_path: Path) -> None:
    pool.submit(tiny_jobs(tmp_path, 1)[0])
    victim = pid_of(collected(pool, 1)["0"])
    slow = {job.key: job for job in tiny_jobs(tmp_path, 2, strokes=300, size=256, iterations=2000)}
    quick = tiny_jobs(tmp_path, 6)[2:]
    folder = tmp_path / "out"
    folder.mkdir()
    killed: list[int] = []

    class Killing:
        """The pool, but one worker is killed while it paints."""

        capacity = 2

        def submit(self, job: Work) -> None:
            pool.submit(slow[job.key] if job.key in slow and not killed else job)

        def wait(self, seconds: float) -> list[Outcome]:
            if not killed and all(worker.job is not None for worker in pool._workers):
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)
                # The other of the slow ones goes the same way: nobody waits for 2,000 steps.
                for worker in pool._workers:
                    worker.process.kill()
            return pool.wait(seconds)

        def close(self) -> None:
            raise AssertionError

    reasons = []
    jobs = tiny_jobs(tmp_path, 2) + quick
    with Ledger.open(folder) as ledger:
        summary = run_jobs(jobs, folder, ledger, Killing(), lambda event: reasons.append(event.reason))
        attempts = [row.attempts for row in ledger.done().values()]
    assert (summary.painted, summary.failed) == (6, 0) and attempts == [2, 2, 1, 1, 1, 1]
    assert reasons.count("its worker was killed by SIGKILL, perhaps because memory ran out") == 2


@pytest.mark.parametrize(
    ("code", "text"),
    [(1, "exited with code 1"), (-11, "was killed by SIGSEGV"), (-9, "was killed by SIGKILL, perhaps because memory")],
)
def test_how_a_worker_ended_is_told(code: int, text: str) -> None:
    assert _how_it_ended(code).startswith(text)


@pytest.mark.slow
def test_workers_that_never_begin_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("painter.batch.pools.serve", sys.exit)  # which takes one argument, not four
    folder = tmp_path / "out"
    folder.mkdir()
    with (
        Ledger.open(folder) as ledger,
        LocalPool(1) as broken,
        pytest.raises(WorkersError, match="a worker exited with code 1 before it was ready; see its output above"),
    ):
        run_jobs(tiny_jobs(tmp_path, 2), folder, ledger, broken, retries=9)


# --- folders ------------------------------------------------------------------------------------------------


def test_pictures_are_found_in_all_folders_but_hidden_ones(tmp_path: Path) -> None:
    names = ["b.png", "a.JPG", "sub/c.webp", "sub/deep/d.tiff", "notes.txt", "sub/README"]
    hidden = [".e.png", ".hidden/f.png", "out/g.png"]
    for name in names + hidden:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "sub/empty").mkdir()
    found = find_pictures(tmp_path, tmp_path / "out")
    assert found.pictures == ("a.JPG", "b.png", "sub/c.webp", "sub/deep/d.tiff") and found.others == 2
    with pytest.raises(PictureError, match="it has no pictures"):
        find_pictures(tmp_path / "sub/empty")


def test_pictures_that_differ_in_their_endings_alone_keep_them() -> None:
    names = ["a.png", "cat.jpg", "cat.PNG", "sub/cat.png", "x.y.png"]
    jobs = folder_jobs(Path("in"), names, PaintConfig(), [".png", ".gif"], ExportConfig())
    assert [job.files[0] for job in jobs] == ["a.png", "cat.jpg.png", "cat.PNG.png", "sub/cat.png", "x.y.png"]
    assert jobs[0].picture == Path("in/a.png") and jobs[0].files[1] == "a.gif" and jobs[0].key == "a.png"


# --- the command line ---------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["paint.py"])
    return tmp_path


class Inline:
    """A pool that paints in this process."""

    capacity = 1

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._jobs: list[Work] = []

    def submit(self, job: Work) -> None:
        self._jobs.append(job)
        self.asked.append(job.key)

    def wait(self, seconds: float) -> list[Outcome]:
        jobs, self._jobs = self._jobs, []
        return [attempt(job) for job in jobs]

    def close(self) -> None: ...

    def __enter__(self) -> Inline:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> Inline:
    pool = Inline()
    monkeypatch.setattr("painter.cli.batch.make_pool", lambda config: pool)
    return pool


def batch(*arguments: str) -> int:
    return cli.main(["batch", "in", "-o", "out", *QUICK, *arguments])


@pytest.mark.slow
def test_a_folder_is_painted_and_gone_on_with(here: Path, inline: Inline, capsys: pytest.CaptureFixture[str]) -> None:
    for n, name in enumerate(("a.png", "b.jpg", "sub/c.png")):
        save_picture(here / "in" / name, n)
    (here / "in/bad.png").write_text("not a picture")
    (here / "in/notes.txt").write_text("notes")
    formats = ("--format", "png", "--format", "STROKES.json")
    assert batch(*formats) == 1
    captured = capsys.readouterr()
    assert captured.out == "3 painted, 1 failed; run the same command again to continue\n"
    assert captured.err.startswith("4 pictures in in (other files skipped: 1)\n")
    assert "bad.png: cannot read in/bad.png: it is not a picture of a format that can be read" in captured.err
    endings = (".png", ".strokes.json")
    written = {str(path.relative_to(here / "out")) for path in (here / "out").rglob("*") if path.is_file()}
    assert {name for name in written if "ledger" not in name} == {
        f"{stem}{ending}" for stem in ("a", "b", "sub/c") for ending in endings
    }
    paint(here / "in/b.jpg", PaintConfig(**TINY)).save(here / "alone.png")  # type: ignore[arg-type]
    assert (here / "out/b.png").read_bytes() == (here / "alone.png").read_bytes()
    assert inline.asked == ["a.png", "b.jpg", "bad.png", "sub/c.png"]

    # Again: only what is new, has changed or failed.
    inline.asked.clear()
    save_picture(here / "in/a.png", 7)
    save_picture(here / "in/bad.png", 8)
    save_picture(here / "in/d.png", 9)
    assert batch(*formats, "--quiet") == 0
    assert inline.asked == ["a.png", "bad.png", "d.png"]
    assert capsys.readouterr() == ("", "")

    # Other options are refused without --amend.
    inline.asked.clear()
    assert batch(*formats, "--strokes", "5") == 2
    assert capsys.readouterr().err == (
        "paint.py batch: error: out was started with --strokes 6; use the same options, add --amend to repaint what "
        "changes, or choose another folder with -o\n"
    )
    assert inline.asked == []
    assert batch("--strokes", "5", "--amend", "--quiet") == 0
    assert len(inline.asked) == 5 and not list((here / "out").rglob("*.strokes.json"))
    assert batch("--strokes", "5", "--quiet") == 0 and len(inline.asked) == 5


def test_a_mask_that_changes_is_another_option(here: Path, inline: Inline, capsys: pytest.CaptureFixture[str]) -> None:
    save_picture(here / "in/a.png")
    save_picture(here / "mask.png", 1)
    assert batch("--region", "mask.png", "--quiet") == 0
    save_picture(here / "mask.png", 2)
    assert batch("--region", "mask.png", "--quiet") == 2
    assert "out was started with another --region; use the same options" in capsys.readouterr().err


BARE = ("--texture", "0", "--focus", "none", "--strokes", "8", "--quiet")


def test_pictures_of_the_same_name_are_shown_after_those_of_a_folder(here: Path, inline: Inline) -> None:
    day, night = save_picture(here / "in/a.png", 1), save_picture(here / "night/A.jpg", 2)
    assert batch("--then", "night", "--shares", "1,3", *BARE) == 0
    config = PaintConfig(**{**TINY, "strokes": 8, "texture": 0.0, "focus": "none"})  # type: ignore[arg-type]
    reveal([day, night], config, RevealConfig(shares="1,3")).save(here / "alone.png")
    assert (here / "out/a.png").read_bytes() == (here / "alone.png").read_bytes()


def test_another_picture_that_is_shown_after_all_is_another_option(
    here: Path, inline: Inline, capsys: pytest.CaptureFixture[str]
) -> None:
    first, last = save_picture(here / "in/a.png", 1), save_picture(here / "in/late/b.png", 2)
    (here / "a.toml").write_text('then = "in/late/b.png"\nshares = [1, 1]\n')
    assert batch("--config", "a.toml", *BARE) == 0
    assert inline.asked == [path.relative_to(here / "in").as_posix() for path in (first, last)]
    assert batch("--then", "in/late/b.png", "--shares", "1,1", *BARE) == 0 and len(inline.asked) == 2
    assert batch("--then", "in/late/b.png", *BARE) == 2 and "--shares 1,1; use the same" in capsys.readouterr().err
    save_picture(last, 3)
    assert batch("--config", "a.toml", *BARE) == 2 and len(inline.asked) == 2
    assert "out was started with another --then" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing", "-o", "out"), "missing: there is no such folder; name a folder of pictures"),
        (("in/a.png", "-o", "out"), "in/a.png: it is not a folder; name a folder of pictures"),
        (("empty", "-o", "out"), "empty: it has no pictures (.png, .jpg, .jpeg, .webp, .gif, .bmp, "),
        (("in", "-o", "in"), "cannot write to in: it is the folder of the pictures; choose another folder with -o"),
        (("in", "-o", "in/a.png"), "cannot write to in/a.png: it is not a folder; choose another folder with -o"),
        (("in",), "the following arguments are required: -o/--output; see --help"),
        (("in", "-o", "out", "--format", "frames/"), "--format frames/: unknown; choose from png, jpg, jpeg, webp"),
        (("in", "-o", "out", "--processes", "0"), "--processes 0: must be a whole number from 1 to 10000"),
        (("in", "-o", "out", "--threads", "x"), "--threads x: must be a whole number from 1 to 256"),
        (("in", "-o", "out", "--retries", "-1"), "--retries -1: must be a whole number from 0 to 100"),
        (("in", "-o", "out", "--ray", "there"), "--ray there: must be HOST:PORT, auto (the cluster that this machine"),
        (
            ("in", "-o", "out", "--ray", "127.0.0.1:1"),
            "--ray 127.0.0.1:1: nothing answers at this address (Connection refused)",
        ),
        (("in", "-o", "out", "--strokes", "0"), "--strokes 0: must be a whole number"),
        (("in", "-o", "out", "--then", "empty"), "empty: it has no pictures"),
        (("in", "-o", "out", "--then", "other"), "--then other: it has no picture for a.png; it needs one of"),
        (
            ("in", "-o", "out", "--then", "two"),
            "--then two: it has a.jpg and a.png for a.png; it needs one of the same",
        ),
        (("in", "-o", "out", "--then", "no.png"), "cannot read no.png: there is no such file"),
        (("in", "-o", "out", "--shares", "1,2"), "--shares 1,2: has no effect without --then"),
        (("in", "-o", "out", "--region", "no.png"), "--region no.png: there is no such file"),
        (("in", "-o", "out", "--backend", "cuda", "--device", "cpu"), "--backend cuda: does not work with"),
        (("in", "-o", "taken"), "taken/a.png: a file that the ledger does not know is already there"),
        (("in", "-o", "foreign"), f"foreign/{NAME}: not a ledger of Impasto; it was left unchanged"),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...], message: str, here: Path, inline: Inline, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray")
    save_picture(here / "in/a.png")
    for name in ("taken/a.png", "other/b.png", "two/a.png", "two/a.jpg"):
        save_picture(here / name, 1)
    (here / "empty").mkdir()
    (here / "foreign").mkdir()
    (here / "foreign" / NAME).write_text("something else")
    assert cli.main(["batch", *arguments, "--quiet"]) == 2
    captured = capsys.readouterr()
    assert (
        captured.err.startswith("paint.py batch: error: ") and message in captured.err and captured.err.count("\n") == 1
    )
    assert inline.asked == [] and not (here / "out").exists()
    assert [path.name for path in (here / "taken").iterdir()] == ["a.png"]


def test_without_ray_it_says_what_to_install(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("painter.batch.ray_pool.find_spec", lambda name: None)
    save_picture(here / "in/a.png")
    assert batch("--ray", "local") == 2
    assert capsys.readouterr().err == (
        "paint.py batch: error: --ray local: Ray is not installed; pip install 'impasto[distributed]'\n"
    )


@pytest.mark.parametrize(
    ("summary", "code", "text"),
    [
        (Summary(3, painted=3), 0, "3 painted"),
        (Summary(3, kept=2, painted=1), 0, "1 painted, 2 already done"),
        (Summary(3, painted=2, failed=1), 1, "2 painted, 1 failed; run the same command again to continue"),
        (
            Summary(9, painted=2, interrupted=True),
            130,
            "2 painted, interrupted with 7 left; run the same command again to",
        ),
    ],
)
def test_the_end_is_told(summary: Summary, code: int, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_running.print_summary(summary) == code
    captured = capsys.readouterr().out
    assert (
        captured.startswith(text)
        and captured.count("\n") == 1
        and ("run the same command again" in captured) == (code != 0)
    )


def test_by_default_a_process_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("painter.batch.pools._cores", lambda: 8)
    made = []
    for config in (RunningConfig(), RunningConfig(threads=3), RunningConfig(processes=5, threads=2)):
        with cli_running.make_pool(config) as pool:
            assert isinstance(pool, LocalPool)
            made.append((pool.processes, pool.threads))
    assert made == [(8, 1), (2, 3), (5, 2)]


def test_its_page_has_its_options_with_their_defaults() -> None:
    text = (ROOT / "docs/distributed.md").read_text("utf-8").split("\n## The ledger\n")[0]
    rows = dict(re.findall(r"^\| `(--?[a-z]+)[^|]*\| ([^|]*?) *\|", text, re.MULTILINE))
    own = {option_name(spec.name): spec.default for spec in fields(RunningConfig)}
    assert set(rows) == {"-o", "--format", "--amend", *own}
    assert (rows["--threads"], rows["--retries"], rows["--ray"]) == (str(own["--threads"]), str(own["--retries"]), "")


# --- real processes, and their ends ---------------------------------------------------------------------------


def start_batch(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "paint.py"), "batch", "in", "-o", "out", *QUICK, *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def rows_in(folder: Path) -> dict[str, tuple[str, int]]:
    """State and attempts by key, while somebody else writes."""
    if not (folder / NAME).exists():
        return {}
    connection = sqlite3.connect(folder / NAME, timeout=10)
    try:
        return {key: (state, n) for key, state, n in connection.execute("SELECT key, state, attempts FROM jobs")}
    finally:
        connection.close()


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_leaves_no_process_and_is_gone_on_with(
    end: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(8):
        save_picture(tmp_path / f"in/{n}.png", n)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background takes it away
    try:
        process = start_batch(tmp_path, "--processes", "2")
    finally:
        signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 120
    while not any(state == "done" for state, _ in rows_in(tmp_path / "out").values()):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.01)
    workers = children_of(process.pid)
    assert workers
    process.send_signal(end)
    out, err = process.communicate(timeout=60)
    if end == signal.SIGINT:
        assert process.returncode in (0, 130) and "Traceback" not in err
        assert out.startswith(f"{8 if process.returncode == 0 else ''}") and "painted" in out
    while any(map(is_alive, workers)):
        assert time.monotonic() < deadline, "workers live on"
        time.sleep(0.05)
    done = {key for key, (state, _) in rows_in(tmp_path / "out").items() if state == "done"}
    monkeypatch.chdir(tmp_path)
    assert cli.main(["batch", "in", "-o", "out", *QUICK, "--processes", "1", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    rows = rows_in(tmp_path / "out")
    assert {state for state, _ in rows.values()} == {"done"} and len(rows) == 8
    assert all(rows[key][1] == 1 for key in done)  # none of them was painted again
    assert sum(attempts for _, attempts in rows.values()) <= 8 + 2
    alone = paint_job(Job("3", tmp_path / "in/3.png", PaintConfig(**TINY), ("3.png",)))  # type: ignore[arg-type]
    assert (tmp_path / "out/3.png").read_bytes() == alone.files["3.png"]


@pytest.mark.slow
def test_only_workers_need_torch(tmp_path: Path) -> None:
    save_picture(tmp_path / "in/a.png")
    code = (
        "import sys; from painter.cli import main\n"
        "print(main(sys.argv[1:]))\n"
        "print(sorted({'torch', 'numba'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, "batch", "in", "-o", "out", *QUICK, "--processes", "1", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("0\n[]\n", "") and (tmp_path / "out/a.png").exists()


@pytest.mark.slow
def test_a_worker_without_memory_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a limit of memory keeps it from loading its libraries; nobody starts others then."""
    monkeypatch.setattr("painter.batch.pools.serve", end_without_memory)
    with LocalPool(1) as pool:
        pool.submit(tiny_jobs(tmp_path, 1)[0])
        with pytest.raises(WorkersError, match=r"not enough memory for a worker; raise the limit"):
            for _ in range(600):
                pool.wait(0.1)


def end_without_memory(pipe: object, lifeline: object, threads: int, scratch: str) -> None:
    os._exit(TOO_LITTLE_MEMORY)
