"""How many strokes of a growing painting are shown when.

An animation has `frames` pictures, from the bare ground (0 strokes) to the finished painting (all N). Each is shown for
1/fps seconds, but the finished one for `hold` (or 1/fps, if that is longer). So the finished painting is there after

    duration = (frames - 1) / fps

seconds, and all of it takes duration + hold. Two of duration, fps and frames decide the third. Where fewer are given,
the format's usual fps stands in, and then the usual duration.

Frame k of frames - 1 = K shows floor(N · s(k / K)) strokes, where the share s of the strokes after the share t of the
duration is

    linear  s = t               as many at any time
    early   s = 1 - (1 - t)²    most of them early: twice the pace at first, none at the end
    late    s = t²              most of them late: slow at first, twice the pace at the end
    smooth  s = 3t² - 2t³       most of them in the middle: slow at both ends

In reverse, the finished painting comes first, for `hold` seconds, and the ground last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from painter.export.encoding import EncodingConfig
from painter.options.export import MAX_FRAMES, ExportConfig

_FINEST_RATE = 1001  # frame rates are multiples of 1 / 1001 or coarser, as 30000 / 1001 is


@dataclass(frozen=True)
class Timeline:
    """Frames in the order in which they are shown, at a constant rate but for the finished painting."""

    counts: tuple[int, ...]  # strokes, or steps of another kind, that each shows: rising, or falling in reverse
    fps: Fraction
    hold: Fraction  # seconds that the finished painting is shown, a frame's time at least
    reverse: bool = False
    video_fps: Fraction | None = None  # pictures a second of a video; None is for a multiple of `fps`

    @property
    def shots(self) -> list[tuple[int, Fraction]]:
        """Each frame's number of strokes and the seconds for which it is shown."""
        frame = 1 / self.fps
        finished = 0 if self.reverse else len(self.counts) - 1
        return [(count, self.hold if k == finished else frame) for k, count in enumerate(self.counts)]

    @property
    def milliseconds(self) -> list[Fraction]:
        """For how long each frame is shown."""
        return [1000 * time for _, time in self.shots]

    @property
    def seconds(self) -> Fraction:
        """How long all of it takes."""
        return (len(self.counts) - 1) / self.fps + self.hold

    @property
    def rising(self) -> tuple[int, ...]:
        """The counts in the order in which they are drawn, from 0 to all."""
        return self.counts[::-1] if self.reverse else self.counts

    def thinned(self, frames: int) -> Timeline:
        """The same in `frames` frames, at least 2, which are shown longer; itself if it has no more than that."""
        steps = len(self.counts) - 1
        if frames - 1 >= steps:
            return self
        return replace(self, counts=evenly(self.counts, frames), fps=self.fps * (frames - 1) / steps)


def evenly(values: Sequence[int], count: int) -> tuple[int, ...]:
    """So many of the values, at least 2, in their order: the first, the last, and others between them at equal steps;
    all, if there are no more."""
    steps = len(values) - 1
    if count - 1 >= steps:
        return tuple(values)
    return tuple(values[(2 * k * steps + count - 1) // (2 * (count - 1))] for k in range(count))


@dataclass(frozen=True)
class Passage(Timeline):
    """The way from one painting to another, both of which are held; and back, so that it can be shown in a loop.

    `counts` are steps of the way there, from 0 on. The way back shows them again, and stops before the first.
    """

    back: bool = True

    @property
    def shots(self) -> list[tuple[int, Fraction]]:
        ends = (0, len(self.counts) - 1)
        there = [(count, self.hold if k in ends else 1 / self.fps) for k, count in enumerate(self.counts)]
        return there + there[-2:0:-1] if self.back else there

    @property
    def seconds(self) -> Fraction:
        return sum((time for _, time in self.shots), Fraction(0))


def make_passage(config: ExportConfig, back: bool, fps: float | None = None) -> Passage:
    """The passage whose way there has the duration, rate and frames that `config` asks for; see `make_timeline`."""
    steps, rate = _resolve(config, fps or EncodingConfig.fps)
    hold = max(_fraction(config.hold), 1 / rate)
    return Passage(tuple(range(steps + 1)), rate, hold, back=back)


def share_after(step: int, steps: int, ease: str) -> float:
    """The share of a way, in [0, 1], after `step` of `steps` steps; exactly 0 and 1 at its ends."""
    fine = 2**40
    return _strokes_after(fine, step, steps, ease) / fine


def make_timeline(strokes: int, config: ExportConfig, fps: float | None = None, full: bool = False) -> Timeline:
    """The timeline that `config` asks for.

    Args:
        strokes: how many the painting has.
        fps: frames a second where `config` does not say; EncodingConfig's if not given.
        full: whether a painting of few strokes takes the usual duration, too. If not, and unless `config` has a
            duration, one with fewer strokes than frames gets one frame a stroke, and the ground: it is over sooner.
    """
    steps, rate = _resolve(config, fps or EncodingConfig.fps)
    if config.duration is None and not full:
        steps = min(steps, strokes)
    counts = [_strokes_after(strokes, step, steps, config.ease) for step in range(1, steps)] if steps else []
    rising = (0, *counts, strokes) if steps else (strokes,)
    hold = max(_fraction(config.hold), 1 / rate)
    return Timeline(rising[::-1] if config.reverse else rising, rate, hold, config.reverse)


def _resolve(config: ExportConfig, usual_fps: float) -> tuple[int, Fraction]:
    """How many frames follow the first one, and how many are shown a second."""
    if config.frames is not None and config.duration is not None and config.fps is None:
        return config.frames - 1, (config.frames - 1) / _fraction(config.duration)
    rate = _fraction(config.fps or usual_fps)
    if config.frames is not None:
        return config.frames - 1, rate
    duration = _fraction(EncodingConfig.duration if config.duration is None else config.duration)
    return min(MAX_FRAMES, max(1, round(duration * rate))), rate


def _strokes_after(strokes: int, step: int, steps: int, ease: str) -> int:
    """How many strokes are there after `step` of `steps` steps; in integers, so that all machines agree."""
    if ease == "early":
        return strokes * (steps**2 - (steps - step) ** 2) // steps**2
    if ease == "late":
        return strokes * step**2 // steps**2
    if ease == "smooth":
        return strokes * step**2 * (3 * steps - 2 * step) // steps**3
    return strokes * step // steps


def _fraction(number: float) -> Fraction:
    return Fraction(number).limit_denominator(_FINEST_RATE)
