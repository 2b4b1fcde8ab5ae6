"""Clips painted: still parts stay to the byte, strokes keep identity and budget, cuts are found."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from helpers.clips import HEIGHT, WIDTH, pan, square, texture

from painter import PaintConfig
from painter.system.snapshot import dump, load
from painter.video import clip_painter
from painter.video.carrying import Boxes
from painter.video.clip_config import ClipConfig
from painter.video.clip_painter import ClipPainter
from painter.video.clip_run import LIVES
from painter.video.descent import descend
from painter.video.film import painting_of
from painter.video.stroke_video import Film, FilmFrame, FrameWriter
from renderers.blending import FrameMaps
from renderers.brushes import Frame
from renderers.decoding import MapSource, SearchMaps
from renderers.strokes import Strokes

STYLES = ("oilpaintbrush", "watercolor", "markerpen", "rectangle")
COUNT = 20


def config(style: str = "rectangle", strokes: int = COUNT) -> PaintConfig:
    return PaintConfig(style=style, strokes=strokes, size=WIDTH, iterations=6, focus="none", texture=0.0)


def painted(frames: Sequence[np.ndarray], painter: ClipPainter) -> list[FilmFrame]:
    return [painter.next(frame) for frame in frames]


def drawn(frame: FilmFrame) -> np.ndarray:
    film = Film(frame.strokes.brush, (HEIGHT, WIDTH), Fraction(1), config(frame.strokes.brush))
    return painting_of(film, frame).draw()


@pytest.fixture(scope="module")
def panned_painter() -> ClipPainter:
    return ClipPainter(config())


@pytest.fixture(scope="module")
def panned(panned_painter: ClipPainter) -> list[FilmFrame]:
    return painted(pan(6), panned_painter)


@pytest.fixture(scope="module")
def moved() -> list[FilmFrame]:
    return painted(square(6), ClipPainter(config()))


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_a_still_clip_changes_no_byte_nor_does_its_noise(style: str) -> None:
    rng = np.random.default_rng(0)
    clean = texture()
    frames = [
        clean,
        clean,
        *((clean + rng.normal(0, 4, clean.shape)).clip(0, 255).round().astype(np.uint8) for _ in range(2)),
    ]
    first, *others = painted(frames, ClipPainter(config(style)))
    assert first.cut and all(frame.still and not frame.cut for frame in others)
    assert all(np.array_equal(drawn(first), drawn(frame)) for frame in others)


@pytest.mark.slow
def test_where_nothing_changes_strokes_stay_to_the_byte() -> None:
    stayed, frames = 0, painted(square(3), ClipPainter(config(strokes=60)))
    for before, after in pairwise(frames):
        boxes = Boxes.of(before.strokes, 1 / WIDTH)
        calm = before.id[boxes.center[:, 1] - boxes.reach[:, 1] > 40]  # the square is 9 pixels further up
        for n in calm.tolist():
            one, other = (frame.strokes[torch.from_numpy(frame.id == n)] for frame in (before, after))
            stayed += len(other)
            assert len(other) == 0 or all(torch.equal(one.params[k], other.params[k]) for k in one.params)
            assert len(other) == 0 or torch.equal(one.colors, other.colors)
    assert stayed


@pytest.mark.slow
def test_strokes_keep_seed_and_order_for_life(panned: list[FilmFrame], moved: list[FilmFrame]) -> None:
    for frames in (panned, moved):
        seeds: dict[int, int] = {}
        for before, after in pairwise(frames):
            common = np.intersect1d(before.id, after.id)
            assert [n for n in before.id if n in common] == [n for n in after.id if n in common]
            assert (np.diff(after.id) > 0).all()  # what is born comes on top
        for frame in frames:
            for n, seed in zip(frame.id.tolist(), frame.strokes.seed.tolist(), strict=True):
                assert seeds.setdefault(n, seed) == seed


def test_strokes_go_with_what_they_depict(panned: list[FilmFrame]) -> None:
    for before, after in pairwise(panned):
        common, at, now = np.intersect1d(before.id, after.id, return_indices=True)
        shift = (after.strokes.params["x"][now] - before.strokes.params["x"][at]).numpy() * WIDTH
        assert len(common) >= 0.8 * COUNT
        assert np.median(shift) == pytest.approx(-2, abs=0.3)


def test_a_pan_is_followed_as_well_as_painted(panned: list[FilmFrame]) -> None:
    error = [np.mean((drawn(frame).astype(float) - source) ** 2) for frame, source in zip(panned, pan(6), strict=True)]
    assert error[-1] < 1.15 * error[0]


@pytest.mark.slow
def test_a_smooth_dark_clip_is_followed_as_well_as_a_bright_one() -> None:
    """Births, and how strongly strokes are held, go by what strokes are worth in this picture."""
    dim = [20 + frame // 20 for frame in pan(8)]
    frames = painted(dim, ClipPainter(config()))
    assert len(np.unique(np.concatenate([frame.id for frame in frames]))) > COUNT
    error = [np.mean((drawn(frame).astype(float) - source) ** 2) for frame, source in zip(frames, dim, strict=True)]
    assert error[-1] < 1.1 * error[0]


@pytest.mark.slow
@pytest.mark.parametrize("exact", [False, True])
def test_counts_keep_to_the_budget(exact: bool) -> None:
    frames = painted(square(5), ClipPainter(config(), exact=exact))
    counts = [len(frame.id) for frame in frames]
    assert counts[0] == COUNT and max(counts) <= (COUNT if exact else int(1.1 * COUNT))
    assert not exact or set(counts) == {COUNT}
    assert len(np.unique(np.concatenate([frame.id for frame in frames]))) > COUNT  # somebody was born


@pytest.mark.slow
@pytest.mark.parametrize("style", ["rectangle", "oilpaintbrush", "watercolor", "markerpen"])
def test_colours_of_what_moves_are_fitted(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the steps of each frame but the first, of free strokes alone; a limited palette is not left for that."""
    seen: list[np.ndarray] = []

    def fit(strokes: Strokes, *_: object, free: np.ndarray, coverage: object, **__: object) -> tuple[Strokes, None]:
        seen.append(free)
        return replace(strokes, colors=torch.full_like(strokes.colors, 0.25)), None

    monkeypatch.setattr(clip_painter, "fit_colors", fit)
    frames = painted(pan(3), ClipPainter(config(style)))
    assert len(seen) == 2 and all(free.any() for free in seen)
    assert (frames[-1].strokes.colors == 0.25).all()
    seen.clear()
    painted(pan(2), ClipPainter(replace(config(style), palette="#000000,#ff8800,#ffffff")))
    assert not seen


def test_births_and_deaths_fade() -> None:
    """A birth that is not exposed canvas comes in `fade` steps, and a death goes in as many."""
    fade, opacities = 6, dict[int, list[float]]()
    slow = painted(square(6), ClipPainter(config(), ClipConfig(fade=(fade, fade), exposed_births=2.0)))
    for frame in slow:
        for n, opacity in zip(frame.id.tolist(), frame.strokes.opacity.tolist(), strict=True):
            opacities.setdefault(n, []).append(opacity)
    born = [values for n, values in opacities.items() if n >= COUNT and len(values) > 1 and values[0] < 0.15]
    assert born and all(values[1] > 1.5 * values[0] and values[1] < 3 * values[0] for values in born)
    old = [values for n, values in opacities.items() if n < COUNT]
    drops = [np.diff(values) / values[0] for values in old if len(values) == len(slow) and values[-1] < 0.7 * values[0]]
    assert drops and all(abs(drop[-1] + 1 / fade) < 0.05 for drop in drops)  # dying strokes are not descended any more


@pytest.mark.slow
def test_all_strokes_may_be_gone() -> None:
    """Where the only one has left, and nothing is worth another."""
    painter = ClipPainter(config(strokes=1), replace(ClipConfig(), least_gain=1e9))
    first, *others = pan(3)
    frames = [painter.next(first)]
    painter._living = painter._living[np.zeros(1, bool)]
    frames += painted(others, painter)
    painter.clip = ClipConfig()
    painter._set_shot(first)
    frames += painted([pan(4)[3]], painter)
    assert [len(frame.id) for frame in frames] == [1, 0, 0, 1]
    writer = FrameWriter(Film("rectangle", (HEIGHT, WIDTH), Fraction(1), config()))
    lines = [json.loads(gzip.decompress(writer.line(frame))) for frame in frames]
    assert lines[1]["gone"] == [0] and lines[2] == {"frame": 2} and lines[3]["born"]["id"] == lines[3]["set"]["id"]


@pytest.mark.slow
def test_one_stroke_follows_a_fast_camera() -> None:
    assert [len(frame.id) for frame in painted(pan(4, 24), ClipPainter(config(strokes=1)))] == [1] * 4


@pytest.mark.slow
def test_a_cut_is_painted_afresh() -> None:
    frames = painted([texture(4), texture(4), texture(5), texture(5)], ClipPainter(config()))
    assert [frame.cut for frame in frames] == [True, False, True, False]
    assert not np.intersect1d(frames[1].id, frames[2].id).size
    alone = ClipPainter(config()).next(texture(5))
    assert np.array_equal(drawn(frames[2]), drawn(alone))


@pytest.mark.slow
def test_a_state_goes_on_to_the_same_bytes(panned: list[FilmFrame]) -> None:
    first = ClipPainter(config())
    painted(pan(6)[:3], first)
    second = ClipPainter(config())
    second.restore(load(dump(first.state())))
    for frame, whole in zip(painted(pan(6)[3:], second), panned[3:], strict=True):
        assert np.array_equal(frame.id, whole.id)
        assert all(torch.equal(frame.strokes.params[name], whole.strokes.params[name]) for name in whole.strokes.params)
        assert torch.equal(frame.strokes.opacity, whole.strokes.opacity)


def strayed(frames: Sequence[FilmFrame]) -> float:
    """How far strokes go beside the others, pixels a frame."""
    found = []
    for before, after in pairwise(frames):
        _, at, now = np.intersect1d(before.id, after.id, return_indices=True)
        x = (after.strokes.params["x"][now] - before.strokes.params["x"][at]).numpy() * WIDTH
        found.append(np.abs(x - np.median(x)).mean())
    return float(np.mean(found))


@pytest.mark.slow
def test_a_lively_clip_lives_more() -> None:
    """While one picture fades into another."""
    assert LIVES["calm"] == ClipConfig()
    shares = [t / 12 for t in range(5)]
    frames = [np.rint((1 - s) * texture(4) + s * texture(5)).astype(np.uint8) for s in shares]
    calm, lively = (painted(frames, ClipPainter(config(), LIVES[life])) for life in ("calm", "lively"))
    assert strayed(lively) > 1.15 * strayed(calm)
    assert lively[-1].id.max() > calm[-1].id.max() + 2


@pytest.mark.slow
def test_strokes_may_leave_the_canvas() -> None:
    """A stroke that has gone half way out does not pile up at the border."""
    painter = ClipPainter(config())
    frames = painted(pan(5, step=4), painter)
    x = frames[-1].strokes.params["x"].numpy()
    assert (x < 0).any() and not (x == 0).any()


@pytest.mark.slow
def test_a_palette_is_kept_to() -> None:
    painter = ClipPainter(replace(config(), palette="#ffffff,#203040,#a05020"))
    frames = painted(pan(3), painter)
    colors = {
        tuple(np.rint(255 * color).astype(int)) for frame in frames for color in frame.strokes.colors[:, 0].numpy()
    }
    assert colors <= {(255, 255, 255), (32, 48, 64), (160, 80, 32)}


def test_what_came_into_sight_is_worked_on_for_a_while_and_then_stays() -> None:
    """A square leaves, and nothing moves any more: the error falls for `ripening` frames, and then no byte changes."""
    clip, (before, ground) = ClipConfig(ripening=4), (square(1)[0], texture(2))
    frames = painted([before, *[ground] * 8], ClipPainter(config(), clip))
    still = [frame.still for frame in frames]
    assert not any(still[:6]) and still[-1] and not frames[1].cut

    def error(frame: FilmFrame) -> float:
        """Of what came into sight."""
        return float(np.mean((drawn(frame).astype(float) - ground)[12:32, 6:26] ** 2))

    hasty = painted([before, *[ground] * 4], ClipPainter(config(), ClipConfig(ripening=0)))
    assert error(frames[-1]) < 0.98 * min(error(frames[1]), error(hasty[-1]))


class Counting:
    """Maps of a search, and how often they were asked for."""

    def __init__(self, maps: SearchMaps) -> None:
        self.maps, self.count = maps, 0

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps:
        self.count += 1
        return self.maps(frame, pixel)

    def near(self, strokes: Strokes, pixel: float, density: float) -> MapSource:
        return self.maps.near(strokes, pixel, density)


@pytest.mark.parametrize(
    ("covering", "decoded", "steps"), [(False, 2, 10), (True, 3, 11)], ids=["camera", "things cover each other"]
)
def test_maps_are_decoded_where_steps_are_long_and_the_last_steps_left_out(
    panned: list[FilmFrame], panned_painter: ClipPainter, covering: bool, decoded: int, steps: int
) -> None:
    painter = panned_painter
    living, setting = painter._living, painter._setting
    counting, count = Counting(setting.maps), len(living)
    ones = np.ones(count, np.float32)
    target = painter._subject.target
    after = descend(
        replace(setting, maps=counting), living, ones > 0, ones, 0 * ones, target, painter._raster, covering
    )
    assert counting.count == 1 + decoded  # once for those that stay, of which there are none
    taken = after.moments["steps"][0] - living.moments["steps"][0]
    assert torch.equal(taken, torch.full((count,), float(steps)))
