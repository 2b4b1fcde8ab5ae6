"""Reading a collection: folders of pictures become one array, with the traits that their metadata has."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from painter.batch.folder import find_pictures
from painter.errors import PictureError, one_line
from painter.learning.form import Form, find_form
from painter.learning.learning_config import ReadingConfig
from painter.learning.one_picture import in_form, read_carefully, read_plainly
from painter.learning.traits import Traits, traits_of
from painter.options.learn import LearnConfig
from painter.pictures.picture import quiet_pillow

OnRead = Callable[[int, int], None]  # called with the pictures read so far, and their number
_CHUNK = 64  # pictures that are decoded at a time


@dataclass(frozen=True, eq=False)
class Collection:
    """One or two collections, read."""

    pixels: np.ndarray  # [N, S, S, C] uint8, straight sRGB; C is 4 if a piece has transparency, else 3
    large: np.ndarray  # [M, 2 S, 2 S, C] uint8: some of the pieces at twice the size; M may be 0
    sources: np.ndarray  # [N] int64: which of `names` a piece is of
    names: tuple[str, ...]  # of the collections: those of their folders
    traits: tuple[Traits | None, ...]  # of each piece
    form: Form
    skipped: tuple[str, ...] = ()  # a line for each picture that could not be read

    def digest(self) -> str:
        """A sha256 of all that is learned from, as hexadecimal digits."""
        found = hashlib.sha256()
        for array in (self.pixels, self.large, self.sources):
            found.update(str(array.shape).encode())
            found.update(np.ascontiguousarray(array).tobytes())
        traits = [None if one is None else dict(one) for one in self.traits]
        found.update(json.dumps([self.names, traits], sort_keys=True).encode())
        return found.hexdigest()


def read_collection(
    folders: Sequence[Path], config: LearnConfig, reading: ReadingConfig | None = None, on_read: OnRead | None = None
) -> Collection:
    """Read the pictures of one folder, or of two, each of which is a collection.

    Pictures of any format and size, as `painter.pictures.picture.load_picture` takes them. Hidden files are passed
    over. One that cannot be read is skipped and named, or refused with `config.strict`.

    Args:
        folders: one or two.
        config: `square` and `strict` are used.
        on_read: called now and then.

    Raises:
        PictureError: a folder without pictures, with too few that can be read, or with pictures that are all alike;
            with `config.strict` also for the first picture that cannot be read.
        OptionError: `config.size` is too small for this pixel art.
    """
    reading = reading or ReadingConfig()
    found = [[folder / name for name in find_pictures(folder).pictures] for folder in folders]
    paths = [path for group in found for path in group]
    sources = np.repeat(np.arange(len(folders)), [len(group) for group in found])
    form = find_form(paths, config.square, reading)
    reader = _Reader(form, reading, set(range(0, len(paths), max(1, len(paths) // reading.most_large))))
    pieces, skipped = reader.read(paths, on_read or (lambda done, count: None))
    if skipped and config.strict:
        more = f" (and {len(skipped) - 1} more)" if len(skipped) > 1 else ""
        raise PictureError(f"{next(iter(skipped.values()))}{more}")
    kept = [k for k in range(len(paths)) if k not in skipped]
    for number, folder in enumerate(folders):
        _check_enough(folder, [pieces[k] for k in kept if sources[k] == number], reading.fewest)
    channels = 4 if any((pieces[k][..., 3] < 255).any() for k in kept) else 3
    large = [reader.large[k][..., :channels] for k in sorted(reader.large)]
    size = 2 * form.size
    return Collection(
        np.stack([pieces[k][..., :channels] for k in kept]),
        np.stack(large) if large else np.zeros((0, size, size, channels), np.uint8),
        sources[kept],
        _names(folders),
        tuple(traits_of(paths[k], folders[sources[k]]) for k in kept),
        form,
        tuple(skipped.values()),
    )


class _Reader:
    """Reads pictures in one form. `large` has those in `wanted` that are large enough, at twice the size."""

    def __init__(self, form: Form, reading: ReadingConfig, wanted: set[int]) -> None:
        self.form, self.reading, self.wanted = form, reading, wanted
        self.large: dict[int, np.ndarray] = {}

    def read(self, paths: Sequence[Path], on_read: OnRead) -> tuple[dict[int, np.ndarray], dict[int, str]]:
        """The pieces, uint8 [S, S, 4], and why others cannot be read, in one line each; by their place in `paths`."""
        pieces: dict[int, np.ndarray] = {}
        skipped: dict[int, str] = {}
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            for start in range(0, len(paths), _CHUNK):
                chunk = range(start, min(start + _CHUNK, len(paths)))
                with quiet_pillow():
                    plain = list(threads.map(partial(self._plainly, paths), chunk))
                for k, piece in zip(chunk, plain, strict=True):
                    try:
                        pieces[k] = (
                            self._formed(k, paths[k], read_carefully(paths[k], self.form)) if piece is None else piece
                        )
                    except PictureError as error:
                        skipped[k] = str(error)
                on_read(chunk[-1] + 1, len(paths))
        return pieces, skipped

    def _plainly(self, paths: Sequence[Path], k: int) -> np.ndarray | None:
        image = read_plainly(paths[k], self.form)
        try:
            return None if image is None else self._formed(k, paths[k], image)
        except PictureError:  # it is raised again by the careful reader
            return None

    def _formed(self, k: int, path: Path, image: Image.Image) -> np.ndarray:
        piece = in_form(image, self.form, 1, self.reading.widest, path)
        assert piece is not None
        if k in self.wanted and self.form.native is None:
            large = in_form(image, self.form, 2, self.reading.widest, path)
            if large is not None:
                self.large[k] = large
        return piece


def _check_enough(folder: Path, pieces: Sequence[np.ndarray], fewest: int) -> None:
    """Raise PictureError unless there are enough pieces that differ."""
    different = len({piece.tobytes() for piece in pieces})
    if different >= fewest:
        return
    if different == len(pieces):
        wrong = f"only {different} of its pictures can be read"
    else:
        wrong = f"only {different} of its {len(pieces)} pictures differ"
    raise PictureError(f"{one_line(folder)}: {wrong}; at least {fewest} are needed to learn from")


def _names(folders: Sequence[Path]) -> tuple[str, ...]:
    """The folders' own names; with the number where two are alike."""
    names = [folder.resolve().name or "collection" for folder in folders]
    return tuple(names if len(set(names)) == len(names) else [f"{name} {k + 1}" for k, name in enumerate(names)])
