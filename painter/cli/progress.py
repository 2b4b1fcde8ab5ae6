"""What is said: lines of text, and the bar of a search."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from painter.errors import one_line
from renderers.compiled import kernels_are_compiled

if TYPE_CHECKING:
    from painter.search.run import Progress
    from painter.styling.transfer import TransferProgress

_SECONDS_BETWEEN_LINES = 5.0  # of progress, where nobody watches it move


class StepBar:
    """Steps on standard error. That nobody reads it (any more) is no reason to stop."""

    def __init__(self) -> None:
        self._bar: Any = None  # made at the first step, so that it does not count the time before

    def move(self, step: int, steps: int, stage: str, state: str) -> None:
        """Step number `step` of `steps` has been taken."""
        with suppress(OSError):
            if self._bar is None:
                self._bar = new_bar(steps, max(0, step - 1))
            self._bar.total = steps  # more, when another search turns out to be needed
            self._bar.set_description_str(stage, refresh=False)
            self._bar.set_postfix_str(state, refresh=False)
            self._bar.update(step - self._bar.n)

    def finish(self) -> None:
        """The search is over, perhaps in fewer steps than were planned."""
        if self._bar is not None:
            self._bar.total = self._bar.n
        self.close()

    def close(self) -> None:
        if self._bar is not None:
            with suppress(OSError):
                self._bar.close()


class ProgressBar(StepBar):
    """A search's progress."""

    def show(self, progress: Progress) -> None:
        """One more step has been taken."""
        self.move(progress.step, progress.steps, progress.stage, f"{len(progress.strokes)} strokes, {progress.figures}")


class TransferBar(StepBar):
    """A style transfer's progress: its losses.

    Attributes:
        told: the latest.
    """

    told = ""

    def show(self, progress: TransferProgress) -> None:
        """One more step has been taken."""
        record = progress.record
        terms = {name: getattr(record, name) for name in ("content", "style", "tv", "total")}
        self.told = ", ".join(f"{name} {value:.4g}" for name, value in terms.items())
        self.move(record.iteration, progress.iterations, f"scale {record.scale} of {progress.scales}", self.told)


def new_bar(steps: int, taken: int = 0) -> Any:
    """A bar of tqdm on standard error: often redrawn where somebody watches, a line now and then where nobody does."""
    from tqdm import tqdm

    watched = sys.stderr is not None and sys.stderr.isatty()
    return tqdm(
        total=steps,
        initial=taken,
        mininterval=0.1 if watched else _SECONDS_BETWEEN_LINES,
        dynamic_ncols=watched,
        disable=sys.stderr is None,
    )


def announce_compiling() -> None:
    """Say so if the kernels are about to be compiled."""
    if not kernels_are_compiled():
        say(sys.stderr, "compiling kernels, once; this takes about 20 seconds")


def say(stream: TextIO | None, message: str) -> None:
    """Print one line, whatever is in the names that it mentions; a reader that has gone away is no error."""
    if stream is None:
        return
    encoding = stream.encoding or "ascii"
    try:
        print(one_line(message).encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except OSError:
        # What is left in the buffer would be complained of once more at exit.
        with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
