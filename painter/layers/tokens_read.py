"""Reading a collection to be taken apart: pictures at full size, as many as memory has room for, with their traits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from painter.batch.folder import find_pictures
from painter.errors import PictureError, one_line
from painter.learning.pixel_art import block_side, in_blocks
from painter.learning.traits import Traits, traits_of
from painter.pictures.stacking import picture_size, read_layer

OnRead = Callable[[int, int], None]  # called with the pictures read so far, and their number


@dataclass(frozen=True)
class ReadingLimits:
    """How much of a collection is read."""

    memory: int = 400 * 2**20  # bytes of the pictures, as 8-bit RGBA
    most: int = 1200  # pictures
    fewest: int = 12  # pictures, below which nothing can be found
    each: int = 12  # pictures of each value, where there are as many
    held_out: float = 0.1  # share that is read to see how good the layers are
    most_held_out: int = 60
    most_values: int = 200  # of a trait; one with more, such as a birthday, is not a layer


@dataclass(frozen=True, eq=False)
class Tokens:
    """Pictures of one size, with their traits."""

    pixels: np.ndarray  # [N, H, W, 4] uint8, straight sRGB; in blocks, if they are pixel art
    traits: tuple[Traits, ...]  # of each; empty where there is no metadata
    all_traits: tuple[Traits, ...]  # of all pictures of the folder, read or not
    block: int  # pixels of a side of a block in the files; 1 if they are not pixel art
    held_out: np.ndarray  # [N] bool
    skipped: tuple[str, ...]  # a line for each picture that was passed over

    @property
    def has_traits(self) -> bool:
        """Whether there is metadata."""
        return any(self.traits)


def read_tokens(folder: Path, limits: ReadingLimits, with_traits: bool = True, on_read: OnRead | None = None) -> Tokens:
    """Read the pictures of a folder: all, or so many that each value of each trait is among them.

    Args:
        with_traits: whether metadata is read, and only pictures that have some are used, if any has.

    Raises:
        PictureError: a folder without pictures, or with too few of one size.
    """
    paths = [folder / name for name in find_pictures(folder).pictures]
    sizes, skipped = _sizes(paths)
    common, _ = Counter(sizes.values()).most_common(1)[0] if sizes else ((0, 0), 0)
    skipped += [
        f"{one_line(path)}: it has {size[1]} x {size[0]} pixels, and most have {common[1]} x {common[0]}"
        for path, size in sizes.items()
        if size != common
    ]
    usable = [path for path, size in sizes.items() if size == common]
    traits = {path: (traits_of(path, folder) if with_traits else None) or {} for path in usable}
    if any(traits.values()):
        skipped += [f"{one_line(path)}: it has no metadata" for path in usable if not traits[path]]
        usable = [path for path in usable if traits[path]]
    room = min(limits.most, limits.memory // max(1, 4 * common[0] * common[1]))
    chosen = _chosen([traits[path] for path in usable], max(limits.fewest, room), limits.each)
    pixels: list[np.ndarray] = []
    kept: list[Path] = []
    for count, k in enumerate(chosen, 1):
        try:
            pixels.append(read_layer(usable[k]))
            kept.append(usable[k])
        except PictureError as error:
            skipped.append(str(error))
        if on_read is not None:
            on_read(count, len(chosen))
    if len(pixels) < limits.fewest:
        wrong = f"only {len(pixels)} of its pictures can be used"
        raise PictureError(f"{one_line(folder)}: {wrong}; at least {limits.fewest} of one size are needed")
    blocks = int(np.gcd.reduce([block_side(one) for one in pixels]))
    stacked = np.stack([in_blocks(one, blocks) for one in pixels])
    aside = min(limits.most_held_out, int(limits.held_out * len(kept)))
    held_out = np.zeros(len(kept), bool)
    held_out[np.linspace(0, len(kept) - 1, aside).astype(int)] = True
    everything = tuple(traits[path] for path in usable)
    return Tokens(stacked, tuple(traits[path] for path in kept), everything, blocks, held_out, tuple(skipped))


def _sizes(paths: Sequence[Path]) -> tuple[dict[Path, tuple[int, int]], list[str]]:
    """The size of each picture, and a line for each that has none."""
    sizes: dict[Path, tuple[int, int]] = {}
    skipped = []
    for path in paths:
        try:
            sizes[path] = picture_size(path)
        except PictureError as error:
            skipped.append(str(error))
    return sizes, skipped


def _chosen(traits: Sequence[Traits], room: int, each: int) -> list[int]:
    """The numbers of pictures to be read: first some of each value, the rarest first, then evenly from the rest."""
    if len(traits) <= room:
        return list(range(len(traits)))
    having: dict[tuple[str, str], list[int]] = {}
    for k, one in enumerate(traits):
        for item in one.items():
            having.setdefault(item, []).append(k)
    chosen: dict[int, None] = {}
    for numbers in sorted(having.values(), key=len):
        for k in numbers[:each]:
            if len(chosen) < room:
                chosen[k] = None
    rest = [k for k in range(len(traits)) if k not in chosen]
    for k in np.linspace(0, len(rest) - 1, max(0, room - len(chosen))).astype(int) if rest else ():
        chosen[rest[k]] = None
    return sorted(chosen)
