"""Progress in a file, saved as it goes, so that a run that died is gone on with: `--resume`.

The file lies beside the first output, as ``.NAME.xxxxxxxx.autosave``. The eight digits are of all that decides what
comes out (options, picture, files that options name, networks, version), so that runs for different paintings never
touch each other's. It is written whole or not at all, and removed when the outputs are written. Going on ends with the
same bytes as never having stopped, on the same machine with the same libraries and unless the clock decides
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
from painter.system.atomic import remove, replacing
from painter.system.fingerprint import differences
from painter.system.snapshot import dump, load
from painter.version import __version__


@dataclass(frozen=True)
class AutosaveConfig:
    """How the progress of a search is kept."""

    seconds: float = 15.0  # between saves; a step that takes longer comes before the next


FORMAT = 2  # of what searches save: higher whenever an older state cannot be gone on with
LARGEST = 2**31  # bytes that are read; 100,000 strokes take 60 MB


class Fingerprinted(Protocol):
    """What a run is for."""

    @property
    def label(self) -> str:
        """What comes out, for people: 'painting'."""

    def fingerprint(self) -> dict[str, Any]:
        """All that decides what comes out but for the version, ready for JSON: options by name, all else by digest."""


class Resumable(Protocol):
    """What goes on where another of its kind stood."""

    def state(self) -> dict[str, Any]:
        """Where it stands between two steps, until the next: a tree for `painter.system.snapshot.dump`."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as when `state` was taken, of one made with the same arguments."""


class Autosave:
    """Where the progress of one search is kept.

    Args:
        output: the first file that is written in the end, as it was asked for; need not exist.
        subject: what comes out.
        resume: whether to go on where an earlier run left off.
        tell: called with one line when there is something to say.
        config: how often; the defaults if not given.
    """

    def __init__(
        self, output: Path, subject: Fingerprinted, resume: bool = False,
        tell: Callable[[str], None] | None = None, config: AutosaveConfig | None = None,
    ) -> None:  # fmt: skip
        self.output, self.resume, self.config = output, resume, config or AutosaveConfig()
        self.tell = tell or (lambda line: None)
        self.fingerprint, self.label = {"version": f"{__version__}/{FORMAT}", **subject.fingerprint()}, subject.label
        digest = hashlib.sha256(json.dumps(self.fingerprint, sort_keys=True).encode()).hexdigest()
        self.path = output.parent / f".{output.name}.{digest[:8]}.autosave"
        self._begun = self._last = time.monotonic()
        self._saved = 0  # steps that had been taken when it was last saved
        self._ahead = 0  # steps of an earlier run that is kept until this one has taken more
        self._blocked = False  # whether something that is not ours has our name
        self._complained = False

    def begin(self, search: Resumable) -> None:
        """See what earlier runs have left, and have `search` go on from there if that is wanted.

        Raises:
            AutosaveError: it is wanted, but what is there is damaged or of another painting; it is left alone.
        """
        if self.resume:
            self._go_on(search)
        else:
            self._look_around()
        self._begun = self._last = time.monotonic()

    def step(self, search: Resumable, steps: int) -> None:
        """A step has been taken, `steps` in all: save if it is time to."""
        if time.monotonic() - self._last >= self.config.seconds:
            self._save(search, steps)

    def end(self, search: Resumable, steps: int) -> None:
        """The search is over; drawing and writing may take long, too. Saved if it took long enough for that."""
        if steps > self._saved and time.monotonic() - self._begun >= self.config.seconds:
            self._save(search, steps)

    def close(self, finished: bool) -> None:
        """The painting is written. What is kept of its search is removed, unless that was not `finished`."""
        if self._blocked:
            return
        if not finished:
            if self.path.exists():
                line = f"the {self.label} can be gone on with: the same command and --resume; it is kept in {self.path}"
                self.tell(line)
            return
        remove(self.path)

    def _save(self, search: Resumable, steps: int) -> None:
        if self._blocked or steps <= self._ahead:
            return
        saved = {"identity": self.fingerprint, "machine": machine(), "steps": steps, "search": search.state()}
        try:
            self._write(dump(saved))
        except OSError as error:
            if not self._complained:
                why = error.strerror or error
                self.tell(f"cannot save progress in {self.path}: {why}; {self.label} goes on without")
            self._complained = True
        self._saved, self._last = steps, time.monotonic()

    def _write(self, content: bytes) -> None:
        with replacing(self.path) as temporary:
            temporary.write_bytes(content)

    def _go_on(self, search: Resumable) -> None:
        path = self.path if os.path.lexists(self.path) else next(iter(self._others()), None)
        if path is None:
            self.tell(f"--resume: no progress is kept beside {self.output}; starting from the beginning")
            return
        try:
            saved = self._read(path)
            self._restore(search, saved)
        except AutosaveError as error:
            raise AutosaveError(f"--resume: {path}: {error}; it was left alone") from error
        self.tell(f"going on after {saved['steps']} steps, from {path}")
        if saved["machine"] != machine():
            self.tell(
                f"it was begun on another machine or with other libraries, so the {self.label} may differ in small ways"
            )

    def _restore(self, search: Resumable, saved: dict[str, Any]) -> None:
        try:
            search.restore(saved["search"])
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError) as error:
            raise AutosaveError("it does not hold what this version of Impasto saves") from error

    def _look_around(self) -> None:
        """Without --resume: say what is there and what becomes of it."""
        if os.path.lexists(self.path):
            try:
                self._ahead = self._read(self.path)["steps"]
            except AutosaveError as error:
                self._blocked = True
                self.tell(f"{self.path}: {error}; it is left alone, and no progress is saved while it is there")
            else:
                self.tell(
                    f"{self.path}: an earlier run of this came to {self._ahead} steps, and --resume goes on there; "
                    "this one starts from the beginning, and the one that is further is kept"
                )
        for path in self._others():
            self.tell(f"{path}: left by a run with other options or another picture; delete it if it is not needed")

    def _others(self) -> list[Path]:
        """Autosaves of other paintings under the same name, the latest first."""
        ours = re.compile(rf"\.{re.escape(self.output.name)}\.[0-9a-f]{{8}}\.autosave", re.DOTALL)
        with suppress(OSError):
            found = [path for path in self.output.parent.iterdir() if ours.fullmatch(path.name) and path != self.path]
            return sorted(found, key=lambda path: (-path.lstat().st_mtime, path.name))
        return []

    def _read(self, path: Path) -> dict[str, Any]:
        """What is saved there, for this painting. Raises AutosaveError, without the path."""
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
        if found != self.fingerprint:
            told = differences(found, self.fingerprint)
            raise AutosaveError(f"it is of another {self.label} (begun with {told}); ask for that one")
        return saved


def machine() -> dict[str, str]:
    """What else the last bits depend on: processor and libraries."""
    import cv2
    import numba
    import numpy as np
    import torch
    from llvmlite.binding import get_host_cpu_name

    libraries = {module.__name__: str(module.__version__) for module in (cv2, np, numba, torch)}
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    processor = f"{platform.machine()} {get_host_cpu_name()} {torch.backends.cpu.get_cpu_capability()}"
    return {"processor": processor, "gpu": gpu, **libraries}
