"""Lines of text and progress bars on standard output and standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from painter.errors import one_line
from painter.options.paint import STYLES
from painter.system.interrupts import deferred_interrupts
from renderers.compiled import STAMP, kernels_are_compiled

if TYPE_CHECKING:
    from painter.search.staged_run import Progress
    from painter.styling.transfer import TransferProgress

_SECONDS_BETWEEN_LINES = 5.0  # of progress, where standard error is not a terminal


class StepBar:
    """A bar of steps on standard error; errors of writing there are ignored."""

    def __init__(self) -> None:
        self._bar: Any = None  # made at the first step, so that its rate leaves out the time before

    def update(self, step: int, steps: int, stage: str, figures: str) -> None:
        """Show that `step` of `steps` steps have been taken."""
        with suppress(OSError):
            if self._bar is None:
                self._bar = new_bar(steps, max(0, step - 1))
            self._bar.total = steps  # it grows when another search follows
            self._bar.set_description_str(stage, refresh=False)
            self._bar.set_postfix_str(figures, refresh=False)
            self._bar.update(step - self._bar.n)

    def finish(self) -> None:
        """Show the bar as complete, even after fewer steps than planned, and close it."""
        if self._bar is not None:
            self._bar.total = self._bar.n
        self.close()

    def close(self) -> None:
        """Close the bar as it stands; another step makes a new one."""
        if self._bar is not None:
            with suppress(OSError):
                self._bar.close()
            self._bar = None


class ProgressBar(StepBar):
    """The progress of a search."""

    def show(self, progress: Progress) -> None:
        """Show one more step."""
        self.update(
            progress.step, progress.steps, progress.stage, f"{len(progress.strokes)} strokes, {progress.figures}"
        )


class TransferBar(StepBar):
    """The progress of a style transfer: its losses.

    Attributes:
        losses: those of the last step, as one line.
    """

    losses = ""

    def show(self, progress: TransferProgress) -> None:
        """Show one more step."""
        record = progress.record
        terms = {name: getattr(record, name) for name in ("content", "style", "tv", "total")}
        self.losses = ", ".join(f"{name} {value:.4g}" for name, value in terms.items())
        self.update(record.iteration, progress.iterations, f"scale {record.scale} of {progress.scales}", self.losses)


def new_bar(steps: int, taken: int = 0) -> Any:
    """A bar of tqdm on standard error: redrawn often on a terminal, a line every few seconds elsewhere.

    Args:
        steps: how many there will be.
        taken: how many were taken before.
    """
    from tqdm import tqdm

    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    with deferred_interrupts() as interrupted:  # a bar that is half made prints a traceback when it is removed
        bar = tqdm(
            total=steps,
            initial=taken,
            mininterval=0.1 if on_terminal else _SECONDS_BETWEEN_LINES,
            dynamic_ncols=on_terminal,
            disable=sys.stderr is None,
        )
    if interrupted:
        raise KeyboardInterrupt
    return bar


def announce_compiling(brush: str | None = None) -> None:
    """Say on standard error that the kernels are about to be compiled, if they are.

    Args:
        brush: whose; a name in STYLES, or any other for a brush of one's own. Not given: any.
    """
    if not kernels_are_compiled(brush if brush in (None, *STYLES) else STAMP):
        say(sys.stderr, "compiling kernels, once; this takes about 30 seconds (`compile` does it ahead)")


def say_notes(notes: Sequence[str], quiet: bool) -> None:
    """Print lines about what was read on standard error, unless nothing but errors is to be printed."""
    for note in notes if not quiet else ():
        say(sys.stderr, note)


def say(stream: TextIO | None, message: str) -> None:
    """Print one line; unprintable characters are escaped, and a stream that nobody reads any more is ignored."""
    say_text(stream, one_line(message) + "\n")


def say_text(stream: TextIO | None, text: str) -> None:
    """Print a text; what the stream's encoding lacks is escaped, and a stream that nobody reads any more is ignored."""
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "ascii"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except OSError:
        # Flushing the rest of the buffer at exit would fail again, so it goes to the null device.
        with suppress(OSError, ValueError), open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), stream.fileno())
