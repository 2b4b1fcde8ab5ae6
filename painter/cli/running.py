"""What commands that make many paintings share: their workers, their progress bar and their summary."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from typing import Any

from painter.batch.driver import Event, Summary
from painter.batch.pools import LocalPool
from painter.batch.ray_pool import RayPool, check_ray
from painter.cli.arguments import add_options, given
from painter.cli.commands import INCOMPLETE, INTERRUPTED
from painter.cli.progress import new_bar, say
from painter.errors import one_line
from painter.options.running import RunningConfig


def add_running_options(parser: argparse.ArgumentParser) -> None:
    """RunningConfig's options."""
    add_options(parser.add_argument_group("processes and machines"), RunningConfig)


def read_running(options: argparse.Namespace) -> RunningConfig:
    """What `add_running_options` has parsed.

    Raises:
        OptionError: for a value outside its range.
        WorkersError: Ray is not installed, nothing answers at the address, or there is no authentication token.
    """
    running = RunningConfig(**given(options, RunningConfig))
    if running.ray is not None:
        check_ray(running.ray)
    return running


def make_pool(config: RunningConfig) -> LocalPool | RayPool:
    """The pool of workers that `config` asks for, to be used in `with`. Raises WorkersError if it cannot be had."""
    if config.ray is not None:
        return RayPool(config.ray, config.processes, config.threads)
    return LocalPool(config.processes, config.threads)


class RunBar:
    """The progress of `run_jobs` on standard error: a bar, and a line for each painting that fails."""

    def __init__(self, quiet: bool = False, unit: str = "paintings") -> None:
        self.quiet, self.unit = quiet, unit
        self._bar: Any = None
        self._notes: set[str] = set()

    def show(self, event: Event) -> None:
        """Show an event; this is `on_event`."""
        with suppress(OSError):
            if event.kind == "started":
                self._start(event.summary)
            elif event.kind == "failed":
                self._say(f"{event.key}: {event.reason}")
            elif event.kind == "retrying" and not self.quiet:
                self._say(f"{event.key}: {event.reason}; trying again")
            if not self.quiet:
                for note in event.notes:
                    if note not in self._notes:  # many paintings may be of one picture
                        self._say(note)
                    self._notes.add(note)
            if self._bar is not None:
                self._bar.set_postfix_str(f"{event.summary.failed} failed" if event.summary.failed else "", False)
                self._bar.update(event.summary.jobs - event.summary.left - self._bar.n)

    def close(self) -> None:
        """Remove the bar; may be called more than once."""
        if self._bar is not None:
            with suppress(OSError):
                self._bar.close()
            self._bar = None

    def _start(self, summary: Summary) -> None:
        if not self.quiet and summary.left:
            self._bar = new_bar(summary.jobs, summary.kept)
            self._bar.unit = f" {self.unit}"

    def _say(self, message: str) -> None:
        if self._bar is None:
            say(sys.stderr, message)
            return
        from tqdm import tqdm

        with tqdm.external_write_mode(file=sys.stderr):
            say(sys.stderr, message)


def print_summary(summary: Summary, quiet: bool = False) -> int:
    """Print how a run ended, in one line; the exit code."""
    if not quiet:
        parts = [f"{summary.painted} painted"]
        if summary.kept:
            parts.append(f"{summary.kept} already done")
        if summary.failed:
            parts.append(f"{summary.failed} failed")
        if summary.interrupted:
            parts.append(f"interrupted with {summary.left} left")
        remedy = "; run the same command again to continue" if summary.failed or summary.interrupted else ""
        say(sys.stdout, one_line(", ".join(parts) + remedy))
    return INTERRUPTED if summary.interrupted else INCOMPLETE if summary.failed else 0
