"""A folder of pictures as jobs: every picture with the same options."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from painter.batch.digests import Digests, painting_options
from painter.batch.jobs import Job
from painter.batch.ledger import Ledger
from painter.errors import LedgerError, OptionError, PictureError, one_line
from painter.options.export import ExportConfig
from painter.options.paint import PaintConfig
from painter.options.reveal import LaterPictures
from painter.system.fingerprint import differences

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
"""The endings of pictures, in either case."""

_META = "batch"  # under which the ledger keeps the options


@dataclass(frozen=True)
class Folder:
    """What a folder contains."""

    pictures: tuple[str, ...]  # relative to it, with /, sorted
    others: int  # files with other endings


def find_pictures(folder: Path, *skipped: Path) -> Folder:
    """The pictures in `folder` and its subfolders. Hidden files and folders are skipped.

    Args:
        skipped: folders that are left out if they are inside `folder`, such as that of the paintings.

    Raises:
        PictureError: `folder` is not a folder, cannot be read, or has no pictures.
    """
    if not folder.is_dir():
        what = "it is not a folder" if folder.exists() else "there is no such folder"
        raise PictureError(f"{one_line(folder)}: {what}; name a folder of pictures")
    left_out = {path.resolve() for path in skipped}
    found, others = [], 0
    for place, folders, files in os.walk(folder, onerror=_raise_unreadable):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and Path(place, name).resolve() not in left_out
        )
        visible = [name for name in files if not name.startswith(".")]
        pictures = [name for name in visible if Path(name).suffix.lower() in PICTURE_ENDINGS]
        found += [Path(place, name).relative_to(folder).as_posix() for name in pictures]
        others += len(visible) - len(pictures)
    if not found:
        raise PictureError(
            f"{one_line(folder)}: it has no pictures ({', '.join(PICTURE_ENDINGS)}); name another folder"
        )
    return Folder(tuple(sorted(found)), others)


def folder_jobs(
    folder: Path, pictures: Sequence[str], config: PaintConfig, formats: Sequence[str], export: ExportConfig,
    later: LaterPictures | None = None,
) -> list[Job]:  # fmt: skip
    """A job for each picture. Its files have the picture's name and subfolder, with the endings of the formats.

    Pictures that differ only in their endings keep them: cat.png and cat.jpg become cat.png.png and cat.jpg.png.

    Args:
        formats: endings with their dots.
        later: pictures that are shown after each; of a folder, the one with the same name, without its ending.

    Raises:
        PictureError: a folder of `later` cannot be read, or has none of a name, or several.
    """
    later = later or LaterPictures()
    then = [_Then(Path(name)) for name in later.then]
    stems = Counter(_stem(name) for name in pictures)
    jobs = []
    for name in pictures:
        path = PurePosixPath(name)
        base = name if stems[_stem(name)] > 1 else str(path.with_suffix(""))
        files = tuple(f"{base}{ending}" for ending in formats)
        own = replace(later, then=tuple(str(one.after(name)) for one in then))
        jobs.append(Job(name, folder / name, config, files, export, later=own))
    return jobs


class _Then:
    """What is shown after each picture of a folder: one picture, or that with the same name in another folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._named: dict[str, list[str]] | None = None
        if path.is_dir():
            self._named = {}
            for name in find_pictures(path).pictures:
                self._named.setdefault(_stem(name), []).append(name)

    def after(self, name: str) -> Path:
        """The picture that is shown after the one of this name. Raises PictureError."""
        if self._named is None:
            return self.path
        found = self._named.get(_stem(name), [])
        if len(found) != 1:
            wrong = f"has no picture for {name}" if not found else f"has {' and '.join(found)} for {name}"
            raise PictureError(f"--then {one_line(self.path)}: it {one_line(wrong)}; it needs one of the same name")
        return self.path / found[0]


def agree_on_options(
    ledger: Ledger, config: PaintConfig, formats: Sequence[str], export: ExportConfig, amend: bool = False,
    later: LaterPictures | None = None,
) -> None:  # fmt: skip
    """Keep the options of a batch in its ledger, or check that they are those that it was started with.

    Files that options name count by content, and Impasto's version and the networks count as options, so that all
    paintings of a batch are made in the same way.

    Args:
        amend: accept options that differ.
        later: as for `folder_jobs`; a folder in it counts by its name.

    Raises:
        OptionError: the options differ; the message names them.
        LedgerError: the ledger is not one of a batch.
    """
    digests = Digests()
    options = {"--format": list(formats), **painting_options(config, export, digests)}
    if later is not None and later.then:
        shown = [str(path) if path.is_dir() else digests.of_file(path) for path in map(Path, later.then)]
        options |= {"--then": f"sha256 {' '.join(shown)}", "--shares": later.shares.shares}
    started = bool(ledger.rows())
    kept = ledger.meta(_META) if started else None
    if started and kept is None:
        raise LedgerError(f"{ledger.folder}: it was not started by `batch`; choose another folder with -o")
    if kept is not None and not amend:
        before = differences(json.loads(kept), options)
        if before:
            remedy = "use the same options, add --amend to repaint what changes, or choose another folder with -o"
            raise OptionError(f"{ledger.folder} was started with {before}; {remedy}")
    ledger.set_meta(_META, json.dumps(options))


def _stem(name: str) -> str:
    """A picture's name without its ending, in lower case, for file systems that ignore case."""
    return str(PurePosixPath(name).with_suffix("")).casefold()


def _raise_unreadable(error: OSError) -> None:
    raise PictureError(f"cannot read {one_line(error.filename)}: {error.strerror}; change its permissions")
