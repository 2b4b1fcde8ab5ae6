"""What `collection check` shows before anything is painted: rarity, and how long painting will take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from painter.batch.collection.checking import Checked
from painter.batch.collection.ledger_meta import JobRecord
from painter.batch.collection.rarity import rarity_of_values
from painter.batch.collection.sampling import combinations_of
from painter.batch.jobs import Job
from painter.search.config import SearchConfig
from painter.search.plan import planned_iterations


def rarity_table(checked: Checked) -> Iterator[str]:
    """The lines of a table: for each value what is asked for, expected under the rules, and drawn."""
    rows = [("trait", "value", "asked", "expected", "drawn")]
    for entry in rarity_of_values(checked.recipe, checked.tokens):
        rows.append((entry.trait, str(entry.value), entry.asked, f"{entry.expected:.1f}", str(entry.drawn)))
    widths = [max(len(row[k]) for row in rows) for k in range(5)]
    for row in rows:
        words = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        yield "  ".join([*words, *numbers])


def combinations_line(checked: Checked) -> str:
    """One line: how many tokens there are, and how many combinations the rules allow."""
    room = combinations_of(checked.recipe, weighted=False).total
    listed = f", {len(checked.recipe.one_of_ones)} of them one-of-ones" if checked.recipe.one_of_ones else ""
    counted = (
        ", not counting values with a count" if any(v.count for a in checked.recipe.axes for v in a.values) else ""
    )
    return f"{len(checked.tokens)} tokens{listed}; the rules allow {room} combinations{counted}"


# --- time ---------------------------------------------------------------------------------------------------------

# Fitted to the times of one core of the machine in docs/collections.md for our sample pictures. Strokes count by their
# root, for with their number they get smaller.
_PLACE = 2.9e-4  # seconds to place and move strokes, per pixel of the side and root of the strokes
_STEP, _STEP_SIDE, _STEP_STROKE = 0.003, 1.45e-5, 4.2e-6  # seconds: a step; per pixel of the side; and per root
_START = 3.0  # seconds until a worker has loaded what it needs
_MAX_SEARCH_SIDE = 512  # pixels; larger paintings are searched at this size
_FRAME = {".gif": 0.08, ".mp4": 0.07}  # seconds per frame and megapixel
_FRAMES = {".gif": 80, ".mp4": 143}  # frames by default
_STACKING = 0.1  # seconds to stack the layers of a token that is not painted
_DRAWING = 2.3  # seconds per megapixel to read, draw, measure and write


def seconds_of(job: Job) -> float:
    """A rough estimate of the seconds that one core takes for a job; other machines may be twice as fast or slow."""
    if not job.painted:
        return _STACKING
    config = job.config
    strokes = config.strokes if isinstance(config.strokes, int) else 500
    side = min(config.size, _MAX_SEARCH_SIDE)
    megapixels = (config.size / 1000) ** 2
    endings = ["." + name.rsplit(".", 1)[-1] for name in job.files]
    animations = sum((job.export.frames or _FRAMES[e]) * _FRAME[e] for e in endings if e in _FRAMES)
    root = math.sqrt(strokes)
    step = _STEP + side * (_STEP_SIDE + _STEP_STROKE * root)
    search = side * _PLACE * root + planned_iterations(config, SearchConfig(), strokes) * step
    return search + megapixels * (_DRAWING + animations)


def time_line(jobs: Sequence[Job], rows: Mapping[str, JobRecord], processes: int) -> str:
    """One line: how long the remaining tokens will take, and how that is known.

    Args:
        rows: of the ledger; once a tenth of the jobs is done, their own times are used.
        processes: paintings at a time, at least 1.
    """
    done = [row.seconds for job in jobs if (row := rows.get(job.key)) is not None and row.state == "done"]
    left = [job for job in jobs if job.key not in rows or rows[job.key].state != "done"]
    if not left:
        return "all tokens are painted"
    if 10 * len(done) >= len(jobs):
        start, seconds, how = 0.0, len(left) * sum(done) / len(done), f"as measured on the {len(done)} painted so far"
    else:
        start, seconds = _START, sum(map(seconds_of, left))
        how = "a rough estimate from strokes, steps and sizes; it improves once some are painted"
    each = f"{seconds / len(left):.2g} core-seconds for each of {len(left)} tokens"
    return f"about {duration(start + seconds / min(processes, len(left)))} with {processes} processes: {each} ({how})"


def duration(seconds: float) -> str:
    """A time in a suitable unit.

    >>> duration(50), duration(5400), duration(200000)
    ('50 s', '1.5 hours', '2.3 days')
    """
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 1.5 * length or (unit == "minutes" and seconds >= 90):
            return f"{seconds / length:.2g} {unit}"
    return f"{seconds:.2g} s"
