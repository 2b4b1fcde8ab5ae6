"""Files of at most `max_bytes`: fewer frames, then fewer or coarser colours, then fewer pixels."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from painter.errors import OutputError
from painter.export.encoding import EncodingConfig
from painter.export.places import writing
from painter.system.atomic import temporary_folder

_FRAME_STEP, _SIDE_STEP = 0.75, 0.8  # of frames, and of the longest side, that are left each time
_CRF_STEP, _QUALITY_STEP = 4, 10


@dataclass(frozen=True)
class Quality:
    """What a file is made with; None for what its format does not have."""

    side: int  # the longer one, pixels
    frames: int | None = None
    colors: int | None = None  # of a palette
    quality: int | None = None  # 1 to 100
    crf: int | None = None  # x264's constant rate factor

    def lowered_from(self, best: Quality) -> str:
        """Where this is less than `best`, for people."""
        names = {
            "frames": "{} of {} frames", "colors": "{} of {} colours", "quality": "quality {} for {}",
            "crf": "crf {} for {}", "side": "{} of {} px",
        }  # fmt: skip
        pairs = [(words, getattr(self, name), getattr(best, name)) for name, words in names.items()]
        return ", ".join(words.format(now, before) for words, now, before in pairs if now != before)


def make_ladder(best: Quality) -> list[Quality]:
    """Ever lower qualities, from `best` down: first fewer frames, then colours, quality or crf, last the side."""
    config = EncodingConfig
    steps: dict[str, list[int]] = {
        "frames": _shrinking(best.frames, _FRAME_STEP, config.fewest_frames),
        "colors": _shrinking(best.colors and (best.colors + 1), 0.5, config.fewest_colors),
        "quality": list(range((best.quality or 0) - _QUALITY_STEP, config.lowest_quality - 1, -_QUALITY_STEP)),
        "crf": [] if best.crf is None else list(range(best.crf + _CRF_STEP, config.highest_crf + 1, _CRF_STEP)),
        "side": _shrinking(best.side, _SIDE_STEP, config.smallest_side),
    }
    assert set(steps) == {spec.name for spec in fields(Quality)}
    ladder = [best]
    for name, values in steps.items():
        for value in values:
            ladder.append(replace(ladder[-1], **{name: value}))
    return ladder


def _shrinking(start: int | None, share: float, least: int) -> list[int]:
    """`start` times `share`, times `share` again and so on, down to `least`."""
    values = []
    value = float(start or 0) * share
    while value >= least:
        values.append(round(value))
        value *= share
    return values


def write_fitting(path: Path, best: Quality, write: Callable[[Path, Quality], None], limit: int) -> str | None:
    """Have `write` write a file of at most `limit` bytes, of the highest quality that fits, and put it at `path`.

    `make_ladder` is searched by bisection, so that a file is written six or seven times at most.

    Returns:
        What was lowered, in one line; None if nothing was.

    Raises:
        OutputError: not even the lowest quality fits. The message has the smallest size that was reached; `path`
            is then unchanged.
    """
    ladder = make_ladder(best)
    try:
        with temporary_folder(path) as folder:
            chosen, kept, sizes = _search(path, folder, ladder, write, limit)
            if kept is None:
                raise OutputError(
                    f"cannot write {path}: the smallest it gets is {name_size(min(sizes))}; "
                    f"--max-bytes allows {name_size(limit)}, so raise it"
                )
            size = kept.stat().st_size
            with writing(path) as temporary:
                os.replace(kept, temporary)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    if chosen == best:
        return None
    return f"{path}: {chosen.lowered_from(best)}, to fit {name_size(limit)}; it has {name_size(size)}"


def _search(
    path: Path, folder: Path, ladder: Sequence[Quality], write: Callable[[Path, Quality], None], limit: int
) -> tuple[Quality, Path | None, list[int]]:
    """The highest quality found that fits, the file made with it (None: none fits), and the sizes of all files made."""
    kept, chosen, sizes = None, ladder[0], []
    low, high, k = 0, len(ladder) - 1, 0  # the best first
    while low <= high:
        attempt = folder / f"{k}{path.suffix}"
        try:
            write(attempt, ladder[k])
        except OutputError as error:
            raise OutputError(str(error).replace(str(attempt), str(path))) from error
        sizes.append(attempt.stat().st_size)
        if sizes[-1] <= limit:
            if kept is not None:
                kept.unlink()
            kept, chosen, high = attempt, ladder[k], k - 1
        else:
            attempt.unlink()
            low = k + 1
        k = (low + high) // 2
    return chosen, kept, sizes


def name_size(size: int) -> str:
    """Bytes for people: 4.8 MB. A megabyte is a million bytes, as --max-bytes has it."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.2f} {name}"
    return f"{size} bytes"
