"""The processes that work for the studio: kept warm, given one task at a time, replaced when they die or grow."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any

from painter.studio.messages import pack_message, unpack_message
from painter.studio.worker_entry import work

MOST_MB = 2048  # of a process's memory, above which it is replaced after its task
DIED = "the process that painted it has ended, perhaps for want of memory; choose a smaller size or fewer strokes"

OnMessage = Callable[[dict[str, Any], bytes], None]

_CONTEXT: SpawnContext | ForkServerContext = multiprocessing.get_context("spawn")  # that processes are started in


class Helper:
    """One process. All methods and callbacks are of the event loop's thread.

    Args:
        on_idle: called when it can be given a task.
        on_death: called when its process has ended.
    """

    def __init__(self, on_idle: Callable[[Helper], None], on_death: Callable[[Helper], None]) -> None:
        self._connection, theirs = _CONTEXT.Pipe()
        self.process = _CONTEXT.Process(target=work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self._on_idle, self._on_death = on_idle, on_death
        self.on_message: OnMessage | None = None  # of the task under way
        self.task_id = ""
        self.mb = 0.0  # most memory it has had
        loop = asyncio.get_running_loop()
        threading.Thread(target=_read, args=(self._connection, loop, self._receive, self._died), daemon=True).start()

    def give(self, task_id: str, message: dict[str, Any], on_message: OnMessage) -> None:
        """Give it a task; messages about it go to `on_message`, the last of them 'done', 'exported' or 'failed'."""
        self.task_id, self.on_message = task_id, on_message
        self.tell(message)

    def tell(self, message: dict[str, Any]) -> None:
        """Send it a message about its task."""
        with suppress(OSError):  # where it has died, `on_death` comes
            self._connection.send_bytes(pack_message({"task": self.task_id, **message}))

    def end(self) -> None:
        """End the process at once; `on_death` is not called."""
        self._on_death = lambda helper: None
        self.on_message = None
        self.process.kill()

    def _receive(self, header: dict[str, Any], body: bytes) -> None:
        if header["kind"] == "idle":
            self.mb, told, self.on_message = header["mb"], self.on_message, None
            if told is not None and header["task"] == self.task_id:
                told({"kind": "over"}, b"")
            self._on_idle(self)
        elif self.on_message is not None and header.pop("task") == self.task_id:
            self.on_message(header, body)

    def _died(self) -> None:
        told, self.on_message = self.on_message, None
        if told is not None:
            told({"kind": "failed", "message": DIED, "died": True}, b"")
            told({"kind": "over"}, b"")
        self._on_death(self)


def _read(
    connection: Connection, loop: asyncio.AbstractEventLoop, receive: OnMessage, died: Callable[[], None]
) -> None:
    """Hand all that a process says to the event loop, until it says no more or the loop has ended."""
    with suppress(RuntimeError):  # the loop is closed: nobody listens any more
        try:
            while True:
                header, body = unpack_message(connection.recv_bytes())
                loop.call_soon_threadsafe(receive, header, body)
        except (EOFError, OSError):
            loop.call_soon_threadsafe(died)


class Pool:
    """Processes for painting, and one more for what must not wait behind it.

    Args:
        workers: how many paint at once.
        on_free: called when a process can be given a task.
    """

    def __init__(self, workers: int, on_free: Callable[[], None]) -> None:
        self.workers, self._on_free = workers, on_free
        self._idle: list[Helper] = []
        self._all: set[Helper] = set()
        self._ended = False

    def warm(self) -> None:
        """Start the first process, so that it is ready when it is needed."""
        if not self._all:
            self._start()

    def take(self, extra: bool = False) -> Helper | None:
        """A process that is free; None if there is none yet. `on_free` is called when there is one.

        Args:
            extra: whether it may be the one more.
        """
        if self._idle:
            return self._idle.pop()
        if len(self._all) < self.workers + extra:
            self._start()
        return None

    def end(self) -> None:
        """End all processes."""
        self._ended = True
        for helper in self._all:
            helper.end()

    def _start(self) -> None:
        self._all.add(Helper(self._became_idle, self._died))

    def _became_idle(self, helper: Helper) -> None:
        if helper.mb > MOST_MB:
            helper.end()
            self._all.discard(helper)
            self._start()
            return
        self._idle.append(helper)
        self._on_free()

    def _died(self, helper: Helper) -> None:
        self._all.discard(helper)
        if helper in self._idle:
            self._idle.remove(helper)
        if not self._ended:
            self._start()
