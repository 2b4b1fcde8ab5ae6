"""Jobs: what is to be painted, in a queue that is fair to all who wait, and who watches.

Sessions take turns: of all that wait, the next is that of the session whose last turn is longest ago. Whoever watches a
job has a mailbox with at most one message of each kind in it: one who is slow skips revisions, and one who comes back
finds the present state.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from painter.studio.library import Library, new_id
from painter.studio.messages import pack_message
from painter.studio.pool import Helper, Pool

WAITING, PAINTING, PAUSED, DONE, FAILED, CANCELLED = "waiting", "painting", "paused", "done", "failed", "cancelled"
FINISHED = (DONE, FAILED, CANCELLED)
JOBS_KEPT = 200  # that are finished, for pages that come back
HEARTBEAT = 15.0  # seconds without news, after which a page hears that it is still connected


class QueueFullError(Exception):
    """As many wait as may."""


class Job:
    """A painting that is asked for.

    Args:
        job_id: of the job, and of the painting that comes of it.
        session: who asked.
        request: what the worker is told, ready for JSON.
    """

    def __init__(self, job_id: str, session: str, request: dict[str, Any]) -> None:
        self.id, self.session, self.request = job_id, session, request
        self.state = WAITING
        self.lost_helper = False  # whether a process has died over it
        self.helper: Helper | None = None
        self.latest: dict[str, bytes] = {}  # the last message of each kind
        self.mailboxes: set[Mailbox] = set()

    def post(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Tell all who watch."""
        kind, message = header["kind"], pack_message(header, body)
        self.latest.pop(kind, None)
        self.latest[kind] = message
        for mailbox in self.mailboxes:
            mailbox.put(kind, message)

    def change(self, state: str, **more: Any) -> None:
        """Its state is now another one."""
        self.state = state
        self.post({"kind": "state", "state": state, **more})

    def summary(self) -> dict[str, Any]:
        """What a page that comes back needs, ready for JSON."""
        return {"id": self.id, "state": self.state, "about": self.request["about"]}


class Mailbox:
    """The messages that one who watches a job has not read yet: of each kind the last one."""

    def __init__(self, job: Job) -> None:
        self.job, self._letters, self._news = job, dict(job.latest), asyncio.Event()
        self._closed = False
        if self._letters:
            self._news.set()

    def close(self) -> None:
        """There will be no more messages."""
        self._closed = True
        self._news.set()

    def put(self, kind: str, message: bytes) -> None:
        """There is a message; one of its kind that has not been read is dropped."""
        self._letters.pop(kind, None)
        self._letters[kind] = message
        self._news.set()

    async def messages(self) -> AsyncIterator[bytes]:
        """All messages, until the job is finished and the last has been read."""
        self.job.mailboxes.add(self)
        try:
            while True:
                try:
                    await asyncio.wait_for(self._news.wait(), HEARTBEAT)
                except asyncio.TimeoutError:
                    yield pack_message({"kind": "heartbeat"})
                    continue
                self._news.clear()
                letters, self._letters = self._letters, {}
                for message in letters.values():
                    yield message
                if self._closed or (self.job.state in FINISHED and not self._letters):
                    return
        finally:
            self.job.mailboxes.discard(self)


class Jobs:
    """The queue and all jobs that are known.

    Args:
        library: where paintings go.
        workers: how many are painted at once.
        most_waiting: in the queue.
        most_seconds: of a search.
    """

    def __init__(self, library: Library, workers: int, most_waiting: int, most_seconds: float) -> None:
        self.library, self.most_waiting, self.most_seconds = library, most_waiting, most_seconds
        self.pool = Pool(workers, self.go_on)
        self.workers = workers
        self.known: dict[str, Job] = {}
        self.waiting: list[Job] = []
        self._turns: dict[str, int] = {}  # when each session last had its turn
        self._turn = 0
        self._errands: list[tuple[dict[str, Any], asyncio.Future[dict[str, Any]]]] = []  # exports and the like

    def resume_all(self) -> None:
        """Take up what was unfinished when the server last ended."""
        for job_id, request in self.library.unfinished_jobs().items():
            if self.library.painting(job_id) is not None:  # it was killed between the two
                self.library.forget_job(job_id)
            else:
                self._enqueue(Job(job_id, request["session"], request))
        self.go_on()

    def submit(self, session: str, request: dict[str, Any]) -> Job:
        """Ask for a painting.

        Raises:
            QueueFullError: too many wait.
        """
        if len(self.waiting) >= self.most_waiting:
            raise QueueFullError
        job = Job(new_id(), session, {**request, "session": session})
        self.library.keep_job(job.id, job.request)
        self._enqueue(job)
        self.go_on()
        return job

    def of(self, session: str) -> list[Job]:
        """The jobs of a session, latest last."""
        return [job for job in self.known.values() if job.session == session]

    def steer(self, job: Job, what: str) -> None:
        """'pause', 'resume', 'stop' (and keep what is there) or 'cancel' (and keep nothing); what has no sense now is
        ignored."""
        if job.state == WAITING and what in ("stop", "cancel"):
            self.waiting.remove(job)
            self._finish(job, CANCELLED)
        elif job.helper is not None and job.state in (PAINTING, PAUSED):
            if what == "cancel":
                job.change(CANCELLED)
            elif what in ("pause", "resume"):
                job.change(PAUSED if what == "pause" else PAINTING)
            job.helper.tell({"do": "discard" if what == "cancel" else what})
        self._tell_places()

    def end_streams(self) -> None:
        """Whoever watches a job hears no more of it: the server ends."""
        for job in self.known.values():
            for mailbox in job.mailboxes:
                mailbox.close()

    async def errand(self, message: dict[str, Any]) -> dict[str, Any]:
        """Have a short task done beside the paintings: the header of its last message."""
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._errands.append((message, future))
        self.go_on()
        return await future

    def go_on(self) -> None:
        """Give processes that are free something to do."""
        while self._errands and (helper := self.pool.take(extra=True)) is not None:
            self._run_errand(helper, *self._errands.pop(0))
        while self.waiting and self._painting() < self.workers and (helper := self.pool.take()) is not None:
            self._paint(helper, self.order()[0])
        self._tell_places()

    def order(self) -> list[Job]:
        """Those that wait, in the order of their turns."""
        turns, left, found = dict(self._turns), list(self.waiting), []
        for turn in range(self._turn + 1, self._turn + 1 + len(left)):
            job = min(left, key=lambda one: turns.get(one.session, 0))
            turns[job.session] = turn
            left.remove(job)
            found.append(job)
        return found

    def _painting(self) -> int:
        return sum(job.helper is not None for job in self.known.values())

    def _enqueue(self, job: Job) -> None:
        self.known[job.id] = job
        self.waiting.append(job)
        finished = [other for other in self.known.values() if other.state in FINISHED]
        for other in finished[: max(0, len(finished) - JOBS_KEPT)]:
            del self.known[other.id]

    def _paint(self, helper: Helper, job: Job) -> None:
        self.waiting.remove(job)
        self._turn += 1
        self._turns[job.session] = self._turn
        job.helper = helper
        job.change(PAINTING)
        folder = str(self.library.painting_folder(job.id))
        about = {"id": job.id, **job.request["about"]}
        task = {"do": "paint", **job.request, "about": about, "folder": folder, "most_seconds": self.most_seconds}
        helper.give(job.id, task, lambda header, body: self._heard(job, header, body))

    def _heard(self, job: Job, header: dict[str, Any], body: bytes) -> None:
        if header["kind"] == "over":
            job.helper = None
            if job.state == WAITING:
                self.waiting.append(job)
                job.change(WAITING)
                return
            if job.state in (PAINTING, PAUSED):  # it was discarded, or said nothing
                job.state = CANCELLED
            self._finish(job, job.state)
        elif header.get("died") and not job.lost_helper and job.state in (PAINTING, PAUSED):
            job.lost_helper, job.state = True, WAITING  # another process goes on from its autosave, once
        elif header["kind"] == "failed":
            job.post(header)
            if job.state != DONE:  # what is kept stays, whatever becomes of the process
                job.state = FAILED
        elif job.state not in FINISHED:
            job.post(header, body)
            if header["kind"] == "done":
                job.state = DONE
                self.library.forget_job(job.id)

    def _finish(self, job: Job, state: str) -> None:
        self.library.forget_job(job.id)
        if state != DONE:
            self.library.delete_painting(job.id)
        job.latest.pop("stage", None)
        job.change(state)

    def _run_errand(self, helper: Helper, message: dict[str, Any], future: asyncio.Future[dict[str, Any]]) -> None:
        def heard(header: dict[str, Any], body: bytes) -> None:
            if header["kind"] in ("exported", "done", "failed") and not future.done():
                future.set_result(header)
            if header["kind"] == "over" and not future.done():
                future.set_result({"kind": "failed", "message": "it was not done"})

        helper.give(new_id(), message, heard)

    def _tell_places(self) -> None:
        for place, job in enumerate(self.order(), 1):
            job.post({"kind": "queued", "place": place})
