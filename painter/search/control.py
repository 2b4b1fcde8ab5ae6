"""A hand on a run while it is under way, from another thread: pause it, let it go on, stop it."""

from __future__ import annotations

import threading
import time

from painter.search.time_budget import TimeBudget


class Control:
    """Pauses, resumes and stops a run between two of its steps. All methods may be called from any thread.

    >>> from painter import Control
    >>> control = Control()
    >>> first = paint(picture, painting.config, on_progress=lambda progress: control.stop(), control=control)
    >>> first.interrupted
    True

    Attributes:
        waited: seconds that runs have been paused, in all.
    """

    def __init__(self) -> None:
        self.waited = 0.0
        self._changed = threading.Condition()
        self._paused = self._stopped = False

    @property
    def paused(self) -> bool:
        """Whether the run waits, or will after its step."""
        return self._paused

    @property
    def stopped(self) -> bool:
        """Whether the run has been told to end."""
        return self._stopped

    def pause(self) -> None:
        """Let the run wait after its step. The time of `--seconds` stands still meanwhile."""
        self._set(paused=True)

    def resume(self) -> None:
        """Let it go on."""
        self._set(paused=False)

    def stop(self) -> None:
        """End the run after its step; what there is by then is its result, which is `interrupted`. It stays stopped."""
        self._set(stopped=True)

    def wait(self, budget: TimeBudget) -> bool:
        """Called by a run after each step: wait while it is paused; whether it is to go on.

        Args:
            budget: whose clock stands still while it waits.
        """
        if self._paused and not self._stopped:
            start = time.monotonic()
            with budget.standing(), self._changed:
                self._changed.wait_for(lambda: not self._paused or self._stopped)
            self.waited += time.monotonic() - start
        return not self._stopped

    def _set(self, paused: bool | None = None, stopped: bool = False) -> None:
        with self._changed:
            self._paused = self._paused if paused is None else paused
            self._stopped = self._stopped or stopped
            self._changed.notify_all()
