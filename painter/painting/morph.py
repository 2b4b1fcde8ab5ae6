"""A morph: the strokes of one painting become those of another, each on its own way."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from painter.errors import OptionError
from painter.export.encoding import EncodingConfig
from painter.export.formats import check_output, moves
from painter.export.timeline import Passage, Timeline, make_passage, share_after
from painter.export.write import write_artwork
from painter.options.export import ExportConfig
from painter.options.morph import MorphConfig
from painter.painting.animation import there_and_back
from painter.painting.painting import Painting
from painter.painting.pairing import pair
from painter.painting.replay import with_overrides
from painter.painting.save import PaintedArtwork, save_painting
from painter.pictures.ground import Color, ground_name, region_at
from painter.pictures.oklab import from_oklab, to_oklab
from painter.pictures.resizing import fit_size
from renderers.poses import Pose, turned_like
from renderers.strokes import Strokes

_BLENDED = ("relief", "texture", "margin", "pencil")  # options that go from one painting's to the other's
_GOLDEN = 0.6180339887498949  # its multiples are spread evenly: when strokes take on the other's texture
_LEAST = 1e-3  # of a sheet's texture that is seen
_STILL_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class Morph:
    """Two paintings of one brush, and which stroke of the first becomes which of the second.

    >>> from dataclasses import replace
    >>> from painter import morph
    >>> turning = morph(painting, replace(painting, strokes=painting.strokes.map(lambda values: values.flip(0))))
    >>> halfway = turning.at(0.5)
    >>> len(halfway.strokes), halfway.aspect
    (8, (30, 40))
    """

    first: Painting
    second: Painting
    pairs: tuple[np.ndarray, np.ndarray]  # see `painter.painting.pairing.pair`
    config: MorphConfig = field(default_factory=MorphConfig)

    def at(self, share: float | None = None) -> Painting:
        """The painting after a share of the way: at 0 the first, at 1 the second, at the first's size.

        >>> from painter import morph
        >>> turning = morph(painting, painting)
        >>> np.array_equal(turning.at(0).draw(), painting.draw())
        True

        Args:
            share: in [0, 1]; `config.at`, or 0.5, if not given.

        Raises:
            OptionError: it is out of range.
        """
        if share is None:
            share = _STILL_SHARE if self.config.at is None else self.config.at
        if not 0 <= share <= 1:
            raise OptionError(f"share={share}: must be a number from 0 to 1")
        if share in (0, 1):
            return self.second if share else self.first
        one, other = self.first, self.second
        blended: dict[str, Any] = {
            name: _lerp(getattr(one.config, name), getattr(other.config, name), share) for name in _BLENDED
        }
        return Painting(
            self._strokes(share), one.aspect, _ground(one.ground, other.ground, share),
            replace(one.config, **blended, palette=None), _region(one.region, other.region, share),
        )  # fmt: skip

    def frames(self, size: int | None = None, count: int = 80) -> Iterator[np.ndarray]:
        """The way from the first painting to the second, which are the first frame and the last.

        >>> [frame.shape for frame in morph(painting, painting).frames(size=32, count=3)]
        [(24, 32, 3), (24, 32, 3), (24, 32, 3)]

        Args:
            size: the longer side, pixels; `first.config.size` if not given.
            count: how many, at least 2.

        Raises:
            ValueError: `count` is below 2.
        """
        if count < 2:
            raise ValueError(f"frames are the first and the second painting at least, got {count=}")
        return self.drawn((share_after(k, count - 1, self.config.ease) for k in range(count)), size)

    def drawn(self, shares: Iterable[float], size: int | None = None) -> Iterator[np.ndarray]:
        """What is drawn after each share of the way: see `Painting.draw`."""
        return (self.at(share).draw(size) for share in shares)

    def save(self, *paths: str | os.PathLike[str], config: ExportConfig | None = None) -> list[str]:
        """Write it to files; endings pick the formats.

        Those that move (.gif, .mp4, a folder of frames, .webp unless `at` is set) go from the first painting to the
        second and, unless `one_way` is set, back. All others hold the painting `at` a share of the way.

        >>> from painter import morph
        >>> morph(painting, painting).save("between.png", "turning.gif", config=ExportConfig(fps=4, duration=1))
        []

        Args:
            config: how; its `ease`, `frames`, `hold` and `reverse` give way to those of the morph.

        Returns:
            Notes, a line each, on what differs from what was asked for.

        Raises:
            OutputError: there is no format of this ending, or the file cannot be written.
        """
        return [note for path in paths for note in self._save(path, config or ExportConfig())]

    def _save(self, path: str | os.PathLike[str], config: ExportConfig) -> list[str]:
        check_output(path)
        config = replace(config, ease="linear", frames=self.config.frames, hold=self.config.hold, reverse=False)
        if not moves(path, self.config.webp):
            return save_painting(self.at(), path, config=replace(config, webp="still"))
        return write_artwork(MorphArtwork(self.at(), morph=self), path, replace(config, webp="animated"))

    def _strokes(self, share: float) -> Strokes:
        """The strokes after a share of the way, in (0, 1), in their order there."""
        ones, others = (painting.strokes.map(_plain) for painting in (self.first, self.second))
        rows, columns = (torch.from_numpy(indices) for indices in self.pairs)
        here, there = (self._order(strokes) for strokes in (ones, others))
        moved = _moved(ones[rows], others[columns], share)
        left = _unpaired(len(ones), rows), _unpaired(len(others), columns)
        parts = [moved, _faded(ones[left[0]], 1 - share), _faded(others[left[1]], share)]
        keys = [torch.lerp(here[rows], there[columns], share), here[left[0]], there[left[1]]]
        return Strokes.cat(parts)[torch.cat(keys).argsort(stable=True)]

    @staticmethod
    def _order(strokes: Strokes) -> Tensor:
        """[N] float64 in (0, 1): when a stroke is painted."""
        return (torch.arange(len(strokes), dtype=torch.float64) + 0.5) / max(1, len(strokes))


@dataclass(frozen=True, eq=False)
class MorphArtwork(PaintedArtwork):
    """A morph as an `Artwork` that moves; as a still, it is the painting."""

    morph: Morph = field(kw_only=True)

    def timeline(self, config: ExportConfig, fps: float | None = None, full: bool = False) -> Timeline:
        return make_passage(config, not self.morph.config.one_way, fps)

    def frames(self, side: int, timeline: Timeline) -> Iterator[np.ndarray]:
        assert isinstance(timeline, Passage)
        last, ease = timeline.counts[-1], self.morph.config.ease
        there = self.morph.drawn((share_after(count, last, ease) for count in timeline.counts), side)
        return there_and_back(there) if timeline.back else there

    def samples(self, side: int, timeline: Timeline) -> Sequence[np.ndarray]:
        side = min(side, EncodingConfig.sample_side)
        return list(self.morph.frames(side, EncodingConfig.sample_frames))


def morph(first: Painting, second: Painting, config: MorphConfig | None = None) -> Morph:
    """Let the strokes of one painting become those of another.

    Each stroke goes to one that is near in place, size, angle, colour and paint order (see
    `painter.painting.pairing`); strokes that only one painting has fade. Places move along straight lines,
    angles turn the short way, sizes change by equal factors and colours through OKLab.

    >>> from dataclasses import replace
    >>> from painter import MorphConfig
    >>> fewer = replace(painting, strokes=painting.strokes[:5])
    >>> turning = morph(painting, fewer, MorphConfig(size=32, ease="linear"))
    >>> len(turning.pairs[0]), turning.at(0.5).draw().shape
    (5, (24, 32, 3))

    Args:
        first, second: of one brush and of the same proportions.
        config: what both are drawn with, and how they move; the defaults if not given.

    Raises:
        OptionError: the two do not go together; the message says which option, or what else, would help.
    """
    config = config or MorphConfig()
    one, other = (with_overrides(painting, config.of_both) for painting in (first, second))
    _check(one, other)
    other = replace(other, aspect=one.aspect, config=replace(other.config, size=one.config.size))
    return Morph(one, other, pair(one.strokes, other.strokes), config)


def _check(one: Painting, other: Painting) -> None:
    """Raise OptionError if two paintings do not go together."""
    brushes = one.strokes.brush, other.strokes.brush
    if brushes[0] != brushes[1]:
        raise _unlike("are of two brushes", *brushes, "paint one again with the other's --style or --brush")
    shapes = "{1} x {0}".format(*one.aspect), "{1} x {0}".format(*other.aspect)
    if fit_size(*one.aspect, 100) != fit_size(*other.aspect, 100):
        raise _unlike("have other proportions", *shapes, "crop one picture and paint it again")
    if (one.ground is None) != (other.ground is None):
        grounds = ground_name(one.ground), ground_name(other.ground)
        raise _unlike("have other grounds", *grounds, "give both one with --canvas")
    if one.config.mixing != other.config.mixing:
        raise _unlike("mix colours in other ways", one.config.mixing, other.config.mixing, "give --mixing")
    sheets = one.config.ground, other.config.ground
    if sheets[0] != sheets[1] and max(one.config.texture, other.config.texture) > _LEAST:
        raise _unlike("are on other sheets", *sheets, "give both one with --ground, or none with --texture 0")


def _unlike(what: str, one: str, other: str, remedy: str) -> OptionError:
    return OptionError(f"the two paintings {what}: {one} and {other}; {remedy}")


def _plain(values: Tensor) -> Tensor:
    return values.detach().cpu()


def _moved(ones: Strokes, others: Strokes, share: float) -> Strokes:
    """N strokes on their way to N others."""
    others = turned_like(others, ones)
    params = Pose.of(ones).towards(Pose.of(others), share).params(ones.brush)
    lab = _lerp(to_oklab(ones.colors.numpy()), to_oklab(others.colors.numpy()), share)
    colors = torch.from_numpy(from_oklab(lab)).float()
    opacity = torch.lerp(ones.opacity, others.opacity, share)
    # One stroke after the other takes on the other's texture, so that not all of it changes at once.
    late = torch.arange(len(ones), dtype=torch.float64) * _GOLDEN % 1 < share
    return Strokes(ones.brush, params, colors, opacity, torch.where(late, others.seed, ones.seed))


def _lerp(one: Any, other: Any, share: float) -> Any:
    """Between two numbers or two arrays."""
    return one + share * (other - one)


def _unpaired(count: int, paired: Tensor) -> Tensor:
    """The strokes, of `count`, that are not among those paired."""
    alone = torch.ones(count, dtype=torch.bool)
    alone[paired] = False
    return alone.nonzero()[:, 0]


def _faded(strokes: Strokes, share: float) -> Strokes:
    return replace(strokes, opacity=strokes.opacity * share)


def _ground(one: Color | None, other: Color | None, share: float) -> Color | None:
    if one is None or other is None:
        return None
    red, green, blue = from_oklab(_lerp(to_oklab(np.array(one)), to_oklab(np.array(other)), share)).tolist()
    return red, green, blue


def _region(one: np.ndarray | None, other: np.ndarray | None, share: float) -> np.ndarray | None:
    """How much paint shows on the way, in steps of 1/255."""
    if one is None and other is None:
        return None
    shape = max((region.shape for region in (one, other) if region is not None), key=max)
    shown = [np.ones(shape, np.float32) if region is None else region_at(region, *shape) for region in (one, other)]
    assert shown[0] is not None and shown[1] is not None
    mixed: np.ndarray = (np.rint(_lerp(shown[0], shown[1], share) * 255) / np.float32(255)).astype(np.float32)
    return mixed
