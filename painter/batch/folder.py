"""A folder of pictures as jobs: every picture in it, with one set of options."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from painter.batch.digests import Digests, described
from painter.batch.jobs import Job
from painter.batch.ledger import Ledger
from painter.errors import LedgerError, OptionError, PictureError, one_line
from painter.options.export import ExportConfig
from painter.options.paint import PaintConfig
from painter.system.fingerprint import differences

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
"""Files with these, in either case, are taken for pictures."""

_KEPT_AS = "batch"  # the options, in the ledger


@dataclass(frozen=True)
class Folder:
    """What there is in a folder."""

    pictures: tuple[str, ...]  # relative to it, with /, sorted
    others: int  # files that are no pictures by their endings


def find_pictures(folder: Path, output: Path | None = None) -> Folder:
    """The pictures in `folder` and in the folders within it, but for hidden ones.

    Args:
        output: where paintings go; left out if it lies within.

    Raises:
        PictureError: it is no folder, cannot be read, or there is no picture in it.
    """
    if not folder.is_dir():
        what = "it is not a folder" if folder.exists() else "there is no such folder"
        raise PictureError(f"{one_line(folder)}: {what}; name a folder of pictures")
    left_out = None if output is None else output.resolve()
    found, others = [], 0
    for place, folders, files in os.walk(folder, onerror=_complain):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and Path(place, name).resolve() != left_out
        )
        shown = [name for name in files if not name.startswith(".")]
        pictures = [name for name in shown if Path(name).suffix.lower() in PICTURE_ENDINGS]
        found += [Path(place, name).relative_to(folder).as_posix() for name in pictures]
        others += len(shown) - len(pictures)
    if not found:
        raise PictureError(f"{one_line(folder)}: there is no picture in it ({', '.join(PICTURE_ENDINGS)})")
    return Folder(tuple(sorted(found)), others)


def folder_jobs(
    folder: Path, pictures: Sequence[str], config: PaintConfig, formats: Sequence[str], export: ExportConfig
) -> list[Job]:
    """A job for each picture. Its files have its own name and place, with the endings of the formats.

    Pictures that differ in their endings alone, as cat.png and cat.jpg, keep them: cat.png.png and cat.jpg.png.

    Args:
        formats: endings with their dots.
    """
    stems = Counter(_stem(name) for name in pictures)
    jobs = []
    for name in pictures:
        path = PurePosixPath(name)
        base = name if stems[_stem(name)] > 1 else str(path.with_suffix(""))
        jobs.append(Job(name, folder / name, config, tuple(f"{base}{ending}" for ending in formats), export))
    return jobs


def agree_on_options(
    ledger: Ledger, config: PaintConfig, formats: Sequence[str], export: ExportConfig, amend: bool = False
) -> None:
    """Keep the options of a batch in its ledger, or see that they are the ones that it was begun with.

    Files that options name count by their contents, and so do Impasto's version and the networks: what comes of one
    batch looks as from one mould.

    Args:
        amend: take the new ones, if they differ.

    Raises:
        OptionError: they differ; the message names them.
        LedgerError: the ledger is of something else.
    """
    options = {"--format": list(formats), **described(config, export, Digests())}
    begun = bool(ledger.rows())
    kept = ledger.meta(_KEPT_AS) if begun else None
    if begun and kept is None:
        raise LedgerError(f"{ledger.folder}: what was begun there is no batch; choose another folder with -o")
    if kept is not None and not amend:
        told = differences(json.loads(kept), options)
        if told:
            remedy = "ask for the same, or add --amend to paint anew what changes, or choose another folder"
            raise OptionError(f"{ledger.folder} was begun with {told}; {remedy}")
    ledger.set_meta(_KEPT_AS, json.dumps(options))


def _stem(name: str) -> str:
    """What pictures must not have in common, on file systems that do not mind case either."""
    return str(PurePosixPath(name).with_suffix("")).casefold()


def _complain(error: OSError) -> None:
    raise PictureError(f"cannot read {one_line(error.filename)}: {error.strerror}; change its permissions")
