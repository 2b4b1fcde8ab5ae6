"""Frames to come: what they show beyond the border, and that it is painted before it is seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.clips import HEIGHT, WIDTH, pan, square, texture, write_film

from painter import PaintConfig
from painter.errors import PictureError
from painter.system.snapshot import dump, load
from painter.video.clip_config import ClipConfig
from painter.video.clip_painter import ClipPainter
from painter.video.film import drawn, painting_of
from painter.video.looking_ahead import LookAhead, Pair, with_ahead, with_overscan
from painter.video.motion import Motion
from painter.video.raster import Raster
from painter.video.stroke_video import Film, FilmFrame
from painter.video.stroke_video_reader import read_frames

CLIP = ClipConfig(overscan=0.1)  # six pixels
WHOLE = Raster((HEIGHT, WIDTH), 6)
COUNT = 30


def frames_ahead(frames: list[np.ndarray], count: int) -> list[tuple[int, int]]:
    """Of each frame its number and how many come with it."""
    numbers = {id(frame): number for number, frame in enumerate(frames)}
    found = []
    for frame, ahead in with_ahead(frames, count):
        number = numbers[id(frame)]
        assert [numbers[id(later)] for later in ahead] == list(range(number + 1, number + 1 + len(ahead)))
        found.append((number, len(ahead)))
    return found


# --- reading ------------------------------------------------------------------------------------------------


def test_frames_come_with_those_after_them() -> None:
    assert frames_ahead(pan(5), 2) == [(0, 2), (1, 2), (2, 2), (3, 1), (4, 0)]
    assert frames_ahead(pan(3), 0) == [(0, 0), (1, 0), (2, 0)]
    assert frames_ahead(pan(2), 8) == [(0, 1), (1, 0)]
    assert frames_ahead([], 8) == []


def test_a_clip_that_breaks_off_is_read_to_there() -> None:
    def broken() -> Iterator[np.ndarray]:
        yield from pan(3)
        raise PictureError("it breaks off")

    read: list[int] = []
    with pytest.raises(PictureError, match="it breaks off"):
        for _, ahead in with_ahead(broken(), 8):
            read.append(len(ahead))
    assert read == [2, 1, 0]


# --- what is known ------------------------------------------------------------------------------------------


def test_frames_to_come_show_what_is_beyond_the_border() -> None:
    step, frames = 2, pan(5)
    wide = texture(1, HEIGHT, WIDTH + 5 * step)
    whole, known = LookAhead(CLIP, WHOLE).around(frames[0], frames[1:3])
    assert np.array_equal(WHOLE.seen(whole), frames[0].astype(np.float32) / 255)
    rows = slice(6 + 4, 6 + HEIGHT - 4)  # the camera may be thought to turn by a hair
    assert known[rows, 6 + WIDTH : 6 + WIDTH + 3].all() and not known[:, 6 + WIDTH + 5 :].any()
    assert not known[:, :5].any() and not known[:5].any() and WHOLE.seen(known).all()
    truth = wide[4 : HEIGHT - 4, WIDTH : WIDTH + 3].astype(np.float32) / 255
    assert np.abs(whole[rows, 6 + WIDTH : 6 + WIDTH + 3] - truth).mean() < 0.03
    _, more = LookAhead(CLIP, WHOLE).around(frames[0], frames[1:])
    assert more[rows, 6 + WIDTH :].all()


def test_nothing_is_known_where_no_camera_moves() -> None:
    for frames in (square(4), [texture()] * 4, [texture(seed) for seed in range(4)]):
        whole, known = LookAhead(CLIP, WHOLE).around(frames[0], frames[1:])
        assert np.array_equal(known, WHOLE.picture)
        assert np.array_equal(whole, WHOLE.padded(frames[0].astype(np.float32) / 255, "edge"))


def test_a_camera_is_followed_until_it_stops_or_there_is_a_cut() -> None:
    moving = pan(4)
    for later in ([moving[1]] * 4, [moving[1], texture(7), texture(7)]):
        known = LookAhead(CLIP, WHOLE).around(moving[0], later)[1]
        once = LookAhead(CLIP, WHOLE).around(moving[0], later[:1])[1]
        assert np.array_equal(known, once) and once.sum() > HEIGHT * WIDTH


def test_two_frames_are_looked_at_once() -> None:
    look, frames = LookAhead(CLIP, WHOLE), pan(12)
    assert look.pair(frames[0], frames[1]) is look.pair(frames[0], frames[1])
    assert look.pair(frames[0], frames[1]) is not look.pair(frames[0], frames[1].copy())
    for before, after in pairwise(frames):
        look.pair(before, after)
    assert len(look._pairs) == CLIP.ahead
    last = look.pair(frames[-2], frames[-1])
    assert look.taken(frames[-2], frames[-1]) is last and last not in look._pairs


# --- motion -------------------------------------------------------------------------------------------------


def panned(step: int = 2) -> tuple[Motion, Motion, np.ndarray]:
    """The motion of the second frame of a pan; the same with its overscan; and where that is known."""
    frames = pan(6, step)
    look = LookAhead(CLIP, WHOLE)
    before = look.around(frames[0], frames[1:])[1]
    whole, known = look.around(frames[1], frames[2:])
    motion = Pair(frames[0], frames[1], CLIP).motion
    return motion, with_overscan(motion, WHOLE, whole, known, before), known


def test_only_what_was_not_painted_ahead_comes_into_sight() -> None:
    motion, whole, known = panned()
    inner = slice(10, -10)
    assert motion.exposed[inner, -2:].all() and not WHOLE.seen(whole.exposed)[inner].any()
    edge = np.flatnonzero(known[HEIGHT // 2]).max()  # that is known
    assert whole.exposed[20:-20, edge - 1 : edge + 1].mean() > 0.7
    assert not (whole.exposed & ~known).any()


def test_the_overscan_goes_with_the_camera() -> None:
    motion, whole, known = panned()
    assert np.abs(whole.forward[12:-12] - [-2, 0]).max() < 0.3
    assert np.array_equal(WHOLE.seen(whole.forward), motion.forward)
    assert np.array_equal(WHOLE.seen(whole.target), motion.target)
    assert np.array_equal(whole.changed[~WHOLE.picture], known[~WHOLE.picture])
    assert whole.camera is motion.camera and whole.unexplained == motion.unexplained
    assert np.array_equal(WHOLE.seen(whole.covered), motion.covered) and not whole.covered[~WHOLE.picture].any()


def test_without_a_camera_all_that_is_known_beyond_the_border_is_new() -> None:
    frames = square(2)
    motion = Pair(frames[0], frames[1], CLIP).motion
    known = WHOLE.picture
    known[:, -3:] = True
    whole = with_overscan(motion, WHOLE, WHOLE.padded(motion.target), known, WHOLE.picture)
    assert np.array_equal(WHOLE.seen(whole.exposed), motion.exposed) and whole.exposed[:, -3:].all()


# --- painted ------------------------------------------------------------------------------------------------


def config(style: str = "rectangle", strokes: int = COUNT) -> PaintConfig:
    return PaintConfig(style=style, strokes=strokes, size=WIDTH, iterations=6, focus="none", texture=0.0)


def painted(frames: list[np.ndarray], painter: ClipPainter) -> list[FilmFrame]:
    return [painter.next(frame, ahead) for frame, ahead in with_ahead(frames, painter.ahead)]


@pytest.fixture(scope="module")
def seen() -> list[FilmFrame]:
    return painted(pan(8), ClipPainter(config(), CLIP))


@pytest.mark.slow
@pytest.mark.parametrize("style", ["rectangle", "oilpaintbrush", "watercolor", "markerpen"])
def test_strokes_are_painted_before_they_come_into_sight(style: str) -> None:
    painter, waiting = ClipPainter(config(style, 90), replace(CLIP, overscan=0.2)), list[set[int]]()
    frames = []
    for frame, ahead in with_ahead(pan(8), painter.ahead):
        frames.append(painter.next(frame, ahead))
        waiting.append(set(painter._living.id.tolist()) - set(frames[-1].id.tolist()))
    came = [set(after.id.tolist()) - set(before.id.tolist()) for before, after in pairwise(frames)]
    early = [waiting[k] & came[k] for k in range(len(came))]
    assert sum(map(len, early)) >= 4
    assert max(len(frame.id) for frame in frames) <= 99


@pytest.mark.slow
@pytest.mark.parametrize("style", ["rectangle", "oilpaintbrush", "watercolor", "markerpen"])
def test_who_is_not_shown_would_not_be_seen(style: str) -> None:
    """Neither at the size of the source nor when it is drawn larger."""
    painter, frames = ClipPainter(config(style, 90), replace(CLIP, overscan=0.2)), list(with_ahead(pan(8), CLIP.ahead))
    for frame, ahead in frames[:4]:
        painter.next(frame, ahead)
    painter._setting, living = replace(painter._setting, most=1000), painter._living
    who, white = living[painter._who_shows(living)], (1.0, 1.0, 1.0)
    shown, everybody = (FilmFrame(some.seen(), some.id, white) for some in (who, living))
    assert len(everybody.id) > len(shown.id)
    film = Film(style, (HEIGHT, WIDTH), Fraction(1), config(style))
    for size in (WIDTH, 5 * WIDTH):
        assert np.array_equal(painting_of(film, shown).draw(size), painting_of(film, everybody).draw(size))


@pytest.mark.slow
def test_no_more_are_seen_than_there_may_be_however_many_come() -> None:
    painter = ClipPainter(config(), replace(CLIP, exposed_births=4.0, most_births=0.5))
    counts = [len(frame.id) for frame in painted(going_away(), painter)]
    assert len(painter._living.id) > 0 and max(counts) <= int(1.1 * COUNT)


def going_away() -> list[np.ndarray]:
    """A camera that goes away from something."""
    wide, frames = texture(3, 3 * HEIGHT, 3 * WIDTH), []
    for t in range(8):
        rows = slice(HEIGHT - 3 * t, 2 * HEIGHT + 3 * t)
        columns = slice(WIDTH - 4 * t, 2 * WIDTH + 4 * t)
        frames.append(cv2.resize(wide[rows, columns], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
    return frames


@pytest.mark.slow
@pytest.mark.parametrize("style", ["rectangle", "oilpaintbrush", "watercolor", "markerpen"])
def test_a_file_has_the_strokes_in_the_order_in_which_they_were_painted(style: str, tmp_path: Path) -> None:
    """Though some were born before others that showed sooner."""
    film = Film(style, (HEIGHT, WIDTH), Fraction(1), config(style, 90))
    for clip, frames in (replace(CLIP, overscan=0.2), pan(8)), (CLIP, going_away()):
        found = painted(frames, ClipPainter(config(style, 90), clip))
        write_film(tmp_path / "film", film, found)
        for frame, read in zip(found, read_frames(tmp_path / "film"), strict=True):
            alike(read, frame)


@pytest.mark.slow
def test_where_there_are_exactly_so_many_nothing_is_painted_ahead() -> None:
    painter = ClipPainter(config(), CLIP, exact=True)
    assert painter.ahead == 0
    frames = [painter.next(frame, pan(8)[k + 1 :]) for k, frame in enumerate(pan(4))]
    assert {len(frame.id) for frame in frames} == {COUNT} and len(painter._living.id) == COUNT


@pytest.mark.slow
def test_a_state_goes_on_to_the_same_strokes(seen: list[FilmFrame]) -> None:
    first, frames = ClipPainter(config(), CLIP), list(with_ahead(pan(8), CLIP.ahead))
    for frame, ahead in frames[:3]:
        first.next(frame, ahead)
    second = ClipPainter(config(), CLIP)
    second.restore(load(dump(first.state())))
    for (frame, ahead), whole in zip(frames[3:], seen[3:], strict=True):
        alike(second.next(frame.copy(), [later.copy() for later in ahead]), whole)


def alike(frame: FilmFrame, other: FilmFrame) -> None:
    assert np.array_equal(frame.id, other.id)
    assert all(torch.equal(frame.strokes.params[name], other.strokes.params[name]) for name in other.strokes.params)
    assert torch.equal(frame.strokes.opacity, other.strokes.opacity)
    assert torch.equal(frame.strokes.colors, other.strokes.colors)


@pytest.mark.slow
def test_a_camera_that_stops_leaves_nothing_to_paint() -> None:
    """And then no byte changes."""
    moving = pan(4)
    painter = ClipPainter(config(), replace(CLIP, ripening=2, fade=(1, 1)))
    frames = painted([*moving, *[moving[-1]] * 5], painter)
    assert [frame.still for frame in frames][-2:] == [True, True]
    assert painter._raster.overscan == 0 and np.array_equal(painter._known, painter._whole.picture)


@pytest.mark.slow
def test_what_comes_into_sight_is_nearer_to_the_picture() -> None:
    """Than where nothing is painted ahead: over frames and seeds, in the columns that came in last."""

    def error(ahead: int, seed: int) -> float:
        painter, frames = ClipPainter(replace(config(strokes=60), seed=seed), replace(CLIP, ahead=ahead)), pan(8)
        film = painted(frames, painter)
        pictures = drawn(Film("rectangle", (HEIGHT, WIDTH), Fraction(1), config()), film)
        off = [
            np.square(picture.astype(float) - frame)[:, -6:].mean()
            for picture, frame in zip(pictures, frames, strict=True)
        ]
        return float(np.mean(off[2:]))

    seeds = range(2)
    assert sum(error(8, seed) for seed in seeds) < 0.9 * sum(error(0, seed) for seed in seeds)
