"""The queue: turns, places, what watchers read, processes that die. Processes are stood in for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import asdict, replace
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from PIL import Image

from painter import PaintConfig
from painter.errors import DivergedError
from painter.options.restyle import RestyleConfig
from painter.options.serving import StudioConfig
from painter.painting.load import load_painting
from painter.pipeline import find_strokes
from painter.studio import task_worker
from painter.studio.job_queue import Job, Jobs, Mailbox, QueueFullError
from painter.studio.library import STROKES, Library
from painter.studio.messages import pack_message, unpack_message
from painter.studio.pool import DIED, Pool, _read
from painter.studio.requests import paint_request
from painter.styling.restyle import finish_styling


class FakeHelper:
    """A process that does what a test says."""

    made: list[FakeHelper]

    def __init__(self, on_idle: Callable[[Any], None], on_death: Callable[[Any], None]) -> None:
        self.on_idle, self.on_death, self.mb, self.told = on_idle, on_death, 0.0, []  # type: ignore[var-annotated]
        FakeHelper.made.append(self)
        asyncio.get_running_loop().call_soon(on_idle, self)

    def give(self, task_id: str, message: dict[str, Any], on_message: Callable[[dict[str, Any], bytes], None]) -> None:
        self.task, self.say = message, on_message

    def tell(self, message: dict[str, Any]) -> None:
        self.told.append(message["do"])

    def end(self) -> None:
        pass

    def finish(self) -> None:
        """Its task is done."""
        self.say({"kind": "done", "painting": {}}, b"")
        self.say({"kind": "over"}, b"")
        self.on_idle(self)

    def die(self) -> None:
        self.say({"kind": "failed", "message": DIED}, b"")
        self.say({"kind": "over"}, b"")
        self.on_death(self)


Test = Callable[[Jobs], Coroutine[Any, Any, None]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    """Runs a test in an event loop: one is painted at once, and six may wait."""
    monkeypatch.setattr("painter.studio.pool.Helper", FakeHelper)
    FakeHelper.made = []

    async def inside(test: Test) -> None:
        await test(Jobs(Library(tmp_path, 50), 1, 6, 60))

    return lambda test: asyncio.run(inside(test))


def submit(jobs: Jobs, session: str, name: str = "") -> Job:
    return jobs.submit(session, {"about": {"name": name}})


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_sessions_take_turns(run: Any) -> None:
    async def test(jobs: Jobs) -> None:
        many = [submit(jobs, "many", f"many {k}") for k in range(4)]
        await settled()
        one = submit(jobs, "one", "one")
        assert many[0].state == "painting"
        assert [job.request["about"]["name"] for job in jobs.order()] == ["one", "many 1", "many 2", "many 3"]
        assert unpack_message(one.latest["queued"])[0] == {"kind": "queued", "place": 1}
        FakeHelper.made[0].finish()
        assert one.state == "painting" and many[0].state == "done"
        FakeHelper.made[0].finish()
        assert many[1].state == "painting"

    run(test)


def test_a_queue_that_is_full_takes_no_more(run: Any) -> None:
    async def test(jobs: Jobs) -> None:
        for _ in range(6):
            submit(jobs, "a")
        with pytest.raises(QueueFullError):
            submit(jobs, "b")

    run(test)


def test_what_waits_can_be_cancelled_and_what_runs_steered(run: Any) -> None:
    async def test(jobs: Jobs) -> None:
        first, second = submit(jobs, "a"), submit(jobs, "a")
        await settled()
        jobs.steer(second, "cancel")
        assert second.state == "cancelled" and jobs.waiting == [] and len(jobs.library.unfinished_jobs()) == 1
        for what in ("pause", "resume", "stop"):
            jobs.steer(first, what)
        assert FakeHelper.made[0].told == ["pause", "resume", "stop"] and first.state == "painting"
        jobs.steer(first, "cancel")
        assert FakeHelper.made[0].told[-1] == "discard" and first.state == "cancelled"
        FakeHelper.made[0].say({"kind": "over"}, b"")
        assert first.state == "cancelled" and not jobs.library.unfinished_jobs()

    run(test)


def test_a_process_that_dies_is_reported_and_replaced(run: Any) -> None:
    async def test(jobs: Jobs) -> None:
        first, second = submit(jobs, "a"), submit(jobs, "b")
        await settled()
        FakeHelper.made[0].die()
        await settled()
        assert first.state == "failed" and unpack_message(first.latest["failed"])[0]["message"] == DIED
        assert second.state == "painting" and len(FakeHelper.made) == 2
        FakeHelper.made[1].finish()
        assert second.state == "done" and not jobs.library.unfinished_jobs()

    run(test)


def test_a_painting_that_is_kept_outlives_its_process(run: Any) -> None:
    async def test(jobs: Jobs) -> None:
        job = submit(jobs, "a")
        await settled()
        folder = jobs.library.painting_folder(job.id)
        folder.mkdir(parents=True)
        FakeHelper.made[0].say({"kind": "done", "painting": {}}, b"")
        FakeHelper.made[0].die()
        assert job.state == "done" and folder.is_dir()

    run(test)


def test_a_process_that_has_grown_is_replaced(run: Any) -> None:
    async def test(jobs: Jobs) -> None:
        submit(jobs, "a")
        await settled()
        FakeHelper.made[0].mb = 5000
        FakeHelper.made[0].finish()
        assert len(FakeHelper.made) == 2

    run(test)


def test_errands_do_not_wait_for_paintings(run: Any) -> None:
    async def test(jobs: Jobs) -> None:
        submit(jobs, "a")
        await settled()
        errand = asyncio.ensure_future(jobs.errand({"do": "export"}))
        await settled()
        FakeHelper.made[1].say({"kind": "exported", "notes": []}, b"")
        assert (await errand)["kind"] == "exported"

    run(test)


def test_a_slow_watcher_reads_only_the_latest(run: Any) -> None:
    async def test(jobs: Jobs) -> None:
        job = submit(jobs, "a")
        await settled()
        mailbox = Mailbox(job)
        reader = mailbox.messages()
        read = [unpack_message(await anext(reader))[0]["kind"] for _ in range(2)]
        assert read == ["queued", "state"]
        for rev in range(50):
            job.post({"kind": "strokes", "rev": rev}, bytes(64))
        FakeHelper.made[0].finish()
        rest = [unpack_message(message) async for message in reader]
        assert [(head["kind"], head.get("rev")) for head, _ in rest][:2] == [("strokes", 49), ("done", None)]
        assert not job.mailboxes
        # One who comes back finds the present state.
        again = [unpack_message(message)[0]["kind"] async for message in Mailbox(job).messages()]
        assert {"strokes", "done", "state"} <= set(again)

    run(test)


def test_unfinished_jobs_are_taken_up_again(run: Any) -> None:
    async def test(jobs: Jobs) -> None:
        first, second = submit(jobs, "a", "first"), submit(jobs, "b", "second")
        later = Jobs(jobs.library, 1, 6, 60)
        later.resume_all()
        assert set(later.known) == {first.id, second.id}
        assert [job.request["about"]["name"] for job in later.of("b")] == ["second"]

    run(test)


def test_a_message_is_whole_or_refused() -> None:
    message = pack_message({"kind": "x"}, b"123")
    for wrong in (b"", message[:-1], message + b"0"):
        with pytest.raises(ValueError, match="a message"):
            unpack_message(wrong)


def test_processes_end_with_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("painter.studio.pool.Helper", FakeHelper)
    FakeHelper.made = []

    async def inside() -> None:
        pool = Pool(1, lambda: None)
        pool.warm()
        await settled()
        helper = pool.take()
        assert helper is not None and pool.take() is None
        pool.end()
        FakeHelper.made[0].on_death(FakeHelper.made[0])
        assert len(FakeHelper.made) == 1

    asyncio.run(inside())


def test_a_styling_that_fails_leaves_its_painting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    connection = SimpleNamespace(send_bytes=lambda content: sent.append(unpack_message(content)[0]))
    worker, error = task_worker.Worker(cast(Any, connection)), DivergedError(3, "painting", "lower a weight")

    def fails(*given: Any, **more: Any) -> None:
        error.result = finish_styling(*given, **more)
        raise error

    monkeypatch.setattr(task_worker, "find_strokes", lambda *given: replace(find_strokes(*given), failed=error))
    monkeypatch.setattr(task_worker, "finish_styling", fails)
    Image.new("RGB", (16, 16), "red").save(tmp_path / "red.png")
    config, styled = (
        PaintConfig(strokes=3, size=16, iterations=1, texture=0.0),
        RestyleConfig(features="random", iterations=1),
    )
    red, task = str(tmp_path / "red.png"), {"labels": {}, "about": {}, "name": "red", "most_seconds": 60.0}
    task_worker.paint(worker, {**task, "picture": red, "folder": str(tmp_path / "a"), "config": asdict(config)})
    more = {"source": str(tmp_path / "a" / STROKES), "style": red, "style_name": "red", "config": asdict(styled)}
    task_worker.restyle(worker, {**task, **more, "folder": str(tmp_path / "b")})
    last = [message for message in sent if message["kind"] in ("done", "failed")]
    assert [(message["kind"], message["problem"]) for message in last] == [("done", str(error))] * 2
    assert all(len(load_painting(tmp_path / name / STROKES).strokes) == 3 for name in ("a", "b"))


def test_one_picture_is_shown_after_another(tmp_path: Path) -> None:
    sent: list[dict[str, Any]] = []
    connection = SimpleNamespace(send_bytes=lambda content: sent.append(unpack_message(content)[0]))
    library, uploads = Library(tmp_path / "studio", 2), []
    for name, size in (("red", (16, 12)), ("blue", (24, 24))):
        Image.new("RGB", size, name).save(tmp_path / f"{name}.png")
        uploads.append(library.add_picture(tmp_path / f"{name}.png", f"{name}.png")["id"])
    settings = {"strokes": 8, "size": 16, "iterations": 1, "texture": 0.0, "focus": "none", "shares": "1,3"}
    asked = {"picture": uploads[0], "config": settings, "files": {"then": uploads[1]}}
    task = {**paint_request(asked, library, StudioConfig()), "folder": str(tmp_path / "a"), "most_seconds": 60.0}
    task_worker.paint(task_worker.Worker(cast(Any, connection)), task)
    done = sent[-1]["painting"]
    assert sent[-1]["kind"] == "done" and done["settings"] == settings and done["files"] == asked["files"]
    assert [(shown["picture"], shown["strokes"]) for shown in done["revealed"]] == [("red", 2), ("blue", 8)]
    painting = load_painting(tmp_path / "a" / STROKES)
    assert len(painting.strokes) == 8
    middle = painting.draw(16)[6, 8].astype(int)
    assert middle[2] > 200 > 100 > middle[0]


def test_what_a_process_says_after_the_server_has_ended_is_dropped() -> None:
    ours, theirs = Pipe()
    theirs.send_bytes(pack_message({"kind": "idle"}))
    loop = asyncio.new_event_loop()
    loop.close()
    _read(ours, loop, lambda header, body: None, lambda: None)
    theirs.close()
    _read(ours, loop, lambda header, body: None, lambda: None)
