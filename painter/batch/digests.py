"""What decides a painting's bytes, as one sha256: a job with an unchanged digest is not painted again."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from painter.batch.jobs import Job, OwnWork, Work
from painter.options.export import ExportConfig
from painter.options.paint import PaintConfig
from painter.system.fingerprint import options_of, sha256_of
from painter.version import __version__
from renderers.manifest import listed_digest

FORMAT = 1  # to be raised whenever the same job gives other bytes without a change of version
_VERSION = f"{__version__}/{FORMAT}"


class Digests:
    """Digests of jobs. Each file is read once, however many jobs name it, so that a run sees one version of it.

    Files count by content, not by name or folder. A picture's own name counts too, as stroke files keep it.
    """

    def __init__(self) -> None:
        self._files: dict[Path, str] = {}

    def of(self, work: Work) -> str:
        """A digest, 64 hexadecimal digits. A file that cannot be read counts as missing; painting reports it."""
        about = self._about_job(work) if isinstance(work, Job) else self._about_own(work)
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()

    def _about_own(self, work: Work) -> dict[str, Any]:
        assert isinstance(work, OwnWork)
        options = painting_options(work.config, ExportConfig(), self)
        return {"files": work.files, **options, "own": work.about(self.of_file)}

    def _about_job(self, job: Job) -> dict[str, Any]:
        about: dict[str, Any] = {"files": job.files}
        if job.painted:
            about |= painting_options(job.config, job.export, self)
        else:
            about["version"] = _VERSION
        if isinstance(job.picture, Path):
            about |= {"picture": self.of_file(job.picture), "name": job.picture.stem}
        else:
            layers = [(self.of_file(one.file), one.blend, one.opacity) for one in job.picture.layers]
            about |= {"layers": layers, "side": job.picture.size, "smooth": job.picture.smooth, "name": job.key}
        if job.later.then:
            pictures = [(self.of_file(path), path.stem) for path in map(Path, job.later.then)]
            about |= {"then": pictures, "shares": job.later.shares.shares}
        return about

    def of_file(self, path: Path) -> str:
        """The sha256 of a file's content; '' if it cannot be read."""
        if path not in self._files:
            try:
                self._files[path] = sha256_of(path)
            except (OSError, ValueError):
                self._files[path] = ""
        return self._files[path]


def painting_options(config: PaintConfig, export: ExportConfig, digests: Digests) -> dict[str, Any]:
    """Everything but the picture that decides a painting, by the names of the options, ready for JSON.

    That includes 'version' and 'checkpoint': the sha256 of the brush's networks, None for a brush of your own.

    Raises:
        CheckpointError: the manifest of the checkpoints is missing or damaged.
    """
    checkpoint = None if config.brush is not None else _checkpoint(config.style)
    options = {**options_of(config, digests.of_file), **options_of(export)}
    return {"version": _VERSION, "checkpoint": checkpoint, **options}


@cache
def _checkpoint(style: str) -> str | None:
    return listed_digest(style)
