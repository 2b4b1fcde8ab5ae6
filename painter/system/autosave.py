"""Progress saved to a file during a run, so that `--resume` continues a run that was killed.

The file is beside the first output, as ``.NAME.xxxxxxxx.autosave``. The eight digits are a hash of all that determines
the result (options, picture, files that options name, networks, version), so that runs for different paintings never
touch each other's files. It is written atomically, and removed when the outputs are written. A run that is resumed ends
with the same bytes as one that never stopped, on the same machine with the same libraries and unless time is limited
(`--seconds`).
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from painter.errors import AutosaveError
from painter.options.paint import NAMES_OF_STYLE
from painter.system.atomic import remove, replacing
from painter.system.fingerprint import differences
from painter.system.snapshot import dump_into, load
from painter.version import __version__


@dataclass(frozen=True)
class AutosaveConfig:
    """How progress is saved."""

    seconds: float = 15.0  # at least, between saves


FORMAT = 3  # of what searches save; raised whenever an older state cannot be resumed
LARGEST = 2**31  # bytes that are read; 100,000 strokes take 60 MB


class Fingerprinted(Protocol):
    """What a run makes."""

    @property
    def label(self) -> str:
        """Its name in messages: 'painting'."""

    def fingerprint(self) -> dict[str, Any]:
        """All that determines the result except the version, ready for JSON: options by name, all else by digest."""


class Resumable(Protocol):
    """A run whose progress can be saved and restored."""

    def state(self) -> dict[str, Any]:
        """Its progress between two steps, valid until the next: a tree for `painter.system.snapshot.dump`."""

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`, which is that of a run made with the same arguments."""


class Autosave:
    """The file that the progress of one run is saved to.

    Args:
        output: the first file that the run writes at its end, as the user named it; need not exist.
        subject: what the run makes.
        resume: whether to continue an earlier run.
        report: called with each message for the user, one line.
        config: how often to save; the defaults if not given.

    Attributes:
        path: of the file.
    """

    def __init__(
        self, output: Path, subject: Fingerprinted, resume: bool = False,
        report: Callable[[str], None] | None = None, config: AutosaveConfig | None = None,
    ) -> None:  # fmt: skip
        self.output, self.resume, self.config = output, resume, config or AutosaveConfig()
        self.report = report or (lambda line: None)
        self.fingerprint, self.label = {"version": f"{__version__}/{FORMAT}", **subject.fingerprint()}, subject.label
        digest = hashlib.sha256(json.dumps(self.fingerprint, sort_keys=True).encode()).hexdigest()
        self.path = output.parent / f".{output.name}.{digest[:8]}.autosave"
        self._started = self._last = time.monotonic()
        self._saved = 0  # steps that had been taken at the last save
        self._ahead = 0  # steps of an earlier run, whose progress is kept until this run has taken more
        self._blocked = False  # whether a file that is not ours has our name
        self._warned = False  # that saving failed

    def begin(self, search: Resumable) -> None:
        """Look for the progress of earlier runs and, if this run resumes one, restore it into `search`.

        Raises:
            AutosaveError: it is to be resumed but is damaged or of another painting; the file is left alone.
        """
        if self.resume:
            self._resume(search)
        else:
            self._report_earlier_runs()
        self._started = self._last = time.monotonic()

    def step(self, search: Resumable, steps: int) -> None:
        """Save if it is time to, after a step, `steps` in total."""
        if time.monotonic() - self._last >= self.config.seconds:
            self._save(search, steps)

    def end(self, search: Resumable, steps: int) -> None:
        """Save the finished search if it took long, because drawing and writing may also take long."""
        if steps > self._saved and time.monotonic() - self._started >= self.config.seconds:
            self._save(search, steps)

    def close(self, finished: bool) -> None:
        """Remove the file after the outputs are written, unless the search was interrupted before it was `finished`."""
        if self._blocked:
            return
        if not finished:
            if self.path.exists():
                self.report(
                    f"the {self.label} can be resumed by the same command with --resume; its progress is in {self.path}"
                )
            return
        remove(self.path)

    def _save(self, search: Resumable, steps: int) -> None:
        if self._blocked or steps <= self._ahead:
            return
        saved = {"identity": self.fingerprint, "machine": machine(), "steps": steps, "search": search.state()}
        try:
            with replacing(self.path) as temporary:
                dump_into(temporary, saved)
        except OSError as error:
            if not self._warned:
                why = error.strerror or error
                self.report(f"cannot save progress to {self.path}: {why}; the {self.label} continues without it")
            self._warned = True
        self._saved, self._last = steps, time.monotonic()

    def _resume(self, search: Resumable) -> None:
        path = self.path if os.path.lexists(self.path) else next(iter(self._others()), None)
        if path is None:
            self.report(f"--resume: no progress is saved beside {self.output}; starting from the beginning")
            return
        try:
            saved = self._read(path)
            self._restore(search, saved)
        except AutosaveError as error:
            raise AutosaveError(f"--resume: {path}: {error}; it was left alone") from error
        self.path = path  # an earlier version may have named it otherwise
        self.report(f"resuming after {saved['steps']} steps, from {path}")
        if saved["machine"] != machine():
            self.report(
                f"it was started on another machine or with other libraries, so the {self.label} may differ slightly"
            )

    def _restore(self, search: Resumable, saved: dict[str, Any]) -> None:
        try:
            search.restore(saved["search"])
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError) as error:
            raise AutosaveError("its content is not what this version of Impasto saves") from error

    def _report_earlier_runs(self) -> None:
        """Without --resume: say which progress of earlier runs there is, and what happens to it."""
        if os.path.lexists(self.path):
            try:
                self._ahead = self._read(self.path)["steps"]
            except AutosaveError as error:
                self._blocked = True
                self.report(f"{self.path}: {error}; it is left alone, and no progress is saved while it is there")
            else:
                self.report(
                    f"{self.path}: an earlier run of this reached {self._ahead} steps, and --resume continues it; "
                    "this run starts from the beginning, and the progress with more steps is kept"
                )
        for path in self._others():
            self.report(f"{path}: left by a run with other options or another picture; delete it if it is not needed")

    def _others(self) -> list[Path]:
        """Autosaves of other paintings with the same output, latest first."""
        ours = re.compile(rf"\.{re.escape(self.output.name)}\.[0-9a-f]{{8}}\.autosave", re.DOTALL)
        with suppress(OSError):
            found = [path for path in self.output.parent.iterdir() if ours.fullmatch(path.name) and path != self.path]
            return sorted(found, key=lambda path: (-path.lstat().st_mtime, path.name))
        return []

    def _read(self, path: Path) -> dict[str, Any]:
        """The progress saved in a file, for this painting. Raises AutosaveError without the path."""
        try:
            if not path.is_file() or path.stat().st_size > LARGEST:
                raise AutosaveError("this is not an autosave; move it away")
            saved = load(path.read_bytes())
            found, steps = saved["identity"], saved["steps"]
            if not isinstance(found, dict) or not isinstance(steps, int):
                raise TypeError
        except OSError as error:
            raise AutosaveError(f"it cannot be read ({error.strerror or error}); change its permissions") from error
        except (ValueError, LookupError, TypeError) as error:
            why = str(error) if type(error) is ValueError else "it is not an autosave"
            raise AutosaveError(f"{why}; delete it to start from the beginning") from error
        if found.get("--style-image") is None:  # earlier versions also named the options that then have no effect
            unheeded = NAMES_OF_STYLE - self.fingerprint.keys()
            found = {name: value for name, value in found.items() if name not in unheeded}
        if found != self.fingerprint:
            difference = differences(found, self.fingerprint)
            raise AutosaveError(
                f"it is of another {self.label} (started with {difference}); resume it by the command that started it"
            )
        return saved


def machine() -> dict[str, str]:
    """Processor and versions of libraries: what else the last bits of the result depend on."""
    import cv2
    import numba
    import numpy as np
    import torch
    from llvmlite.binding import get_host_cpu_name

    libraries = {module.__name__: str(module.__version__) for module in (cv2, np, numba, torch)}
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    processor = f"{platform.machine()} {get_host_cpu_name()} {torch.backends.cpu.get_cpu_capability()}"
    return {"processor": processor, "gpu": gpu, **libraries}
