"""Relief: paint has height, and light from a side shows it."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from renderers import relief
from renderers.brushes import BRUSHES, Body
from renderers.brushes.stamp import Stamp
from renderers.drawing import Drawing, drawing_threads
from renderers.evaluation import random_strokes
from renderers.relief import DETAIL, REFERENCE, Surface, light, overlap
from renderers.strokes import Strokes
from renderers.threads import limited_to
from renderers.training import psnr

ALL = pytest.mark.parametrize("brush", list(BRUSHES))
FROM_LEFT = math.pi


def strokes_of(brush: str, count: int, seed: int = 0) -> Strokes:
    return random_strokes(BRUSHES[brush], count, torch.Generator().manual_seed(seed))


def drawn(strokes: Strokes, height: int, width: int, channels: int = 3) -> Drawing:
    """On mid grey, or on nothing if there are four channels."""
    canvas = np.full((height, width, channels), 0.5 if channels == 3 else 0.0, np.float32)
    drawing = Drawing(strokes, canvas, relief=True)
    with drawing_threads() as pool:
        drawing.draw(len(strokes), pool)
    return drawing


def grey(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 0.5, np.float32)


def hills(side: int) -> np.ndarray:
    """[side, side] float32: waves of several lengths and directions, none finer than eight times DETAIL."""
    at = (np.arange(side) + 0.5) / side
    x, y = at[None, :], at[:, None]
    generator = np.random.default_rng(3)
    height = np.zeros((side, side))
    for _ in range(30):
        length = DETAIL * generator.uniform(8, 60)
        angle, phase = generator.uniform(0, 2 * math.pi, 2)
        wave = np.sin(2 * math.pi * (x * math.cos(angle) + y * math.sin(angle)) / length + phase)
        height += 0.005 * length * wave
    return height.astype(np.float32)


# --- light --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [3, 4])
def test_no_strength_leaves_every_bit_in_a_new_array(channels: int) -> None:
    canvas = np.random.default_rng(0).random((33, 47, channels), np.float32)
    lit = light(canvas, hills(47)[:33], 0.0, 1 / 47)
    assert lit is not canvas and not np.shares_memory(lit, canvas)
    assert lit.tobytes() == canvas.tobytes()


def test_the_canvas_given_is_left_alone() -> None:
    canvas = grey(40, 40)
    assert not np.array_equal(light(canvas, hills(40), 1.0, 1 / 40), canvas)
    assert (canvas == 0.5).all()


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_flat_paint_keeps_its_colours(level: float) -> None:
    canvas = np.random.default_rng(0).random((20, 30, 3), np.float32)
    np.testing.assert_allclose(light(canvas, np.full((20, 30), level, np.float32), 1.0, 1 / 30), canvas, atol=1e-6)


@pytest.mark.parametrize("angle", [relief.UPPER_LEFT, FROM_LEFT, 0.0, math.pi / 2, 0.3])
def test_a_bump_is_lit_towards_the_light_and_shaded_away_from_it(angle: float) -> None:
    side = 200
    at = (np.arange(side) + 0.5) / side - 0.5
    bump = (0.01 * np.exp(-(at[None, :] ** 2 + at[:, None] ** 2) / (2 * 0.04**2))).astype(np.float32)
    lit = light(grey(side, side), bump, 1.0, 1 / side, angle)[..., 0]
    row, column = (int(side * (0.5 + 0.04 * part)) for part in (math.sin(angle), math.cos(angle)))
    assert lit[row, column] > 0.55
    assert lit[side - 1 - row, side - 1 - column] < 0.45
    sideways = lit[side // 2 + (column - side // 2), side // 2 - (row - side // 2)]
    assert abs(sideways - 0.5) < 0.03


def test_the_default_light_is_from_the_upper_left() -> None:
    step = np.zeros((60, 60), np.float32)
    step[20:40, 20:40] = 0.003
    lit = light(grey(60, 60), step, 1.0, 1 / 60)[..., 0]
    assert lit[20, 30] > 0.5 and lit[30, 20] > 0.5
    assert lit[39, 30] < 0.5 and lit[30, 39] < 0.5


def test_more_strength_is_more_contrast() -> None:
    height = hills(200)
    contrasts = [float(light(grey(200, 200), height, strength, 1 / 200).std()) for strength in (0.0, 0.1, 0.3, 1.0)]
    assert all(after > 1.2 * before for before, after in pairwise(contrasts))


def test_black_paint_shows_a_highlight_and_only_towards_the_light() -> None:
    slope = np.float32(relief.GLINT_SLOPE) * (np.arange(50, dtype=np.float32) + 0.5) / 50
    toward, away = np.tile(slope, (50, 1)), np.tile(slope[::-1], (50, 1))
    black = np.zeros((50, 50, 3), np.float32)
    middle = slice(10, 40)
    assert (light(black, toward, 1.0, 1 / 50, FROM_LEFT)[:, middle] > 0.1).all()
    assert not light(black, np.ascontiguousarray(away), 1.0, 1 / 50, FROM_LEFT)[:, middle].any()


@pytest.mark.slow
@pytest.mark.parametrize("side", [128, 512])
def test_the_same_at_two_sizes(side: int) -> None:
    """What light does to plain grey, drawn at twice the size and reduced. Measured 41.1 and 59.0 dB."""
    small = light(grey(side, side), hills(side), 0.5, 1 / side)
    large = light(grey(2 * side, 2 * side), hills(2 * side), 0.5, 0.5 / side)
    reduced = large.reshape(side, 2, side, 2, 3).mean(axis=(1, 3))
    assert small.std() > 0.02  # there is something to compare
    assert psnr(float(np.square(small - reduced).mean())) > {128: 35, 512: 50}[side]


@pytest.mark.parametrize("pixel", [1 / 64, 1 / 512, 1 / 3000])
def test_bands_and_threads_change_nothing(pixel: float, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    canvas, height = generator.random((101, 67, 3), np.float32), generator.random((101, 67), np.float32) * 8 * pixel
    with limited_to(1):
        once = light(canvas, height, 0.8, pixel)
    for workers, band in ((4, 2**20), (1, 67), (3, 67 * 13), (2, 67 * 50)):
        monkeypatch.setattr(relief, "BAND_PIXELS", band)
        with limited_to(workers):
            np.testing.assert_array_equal(light(canvas, height, 0.8, pixel), once)


@pytest.mark.parametrize("pixel", [1 / 64, 1 / 512, 1 / 3000])
def test_tiles_with_overlap_are_the_whole(pixel: float) -> None:
    generator = np.random.default_rng(2)
    canvas, height = generator.random((120, 50, 3), np.float32), generator.random((120, 50), np.float32) * 8 * pixel
    whole, margin = light(canvas, height, 1.0, pixel), overlap(pixel)
    for top, bottom in ((0, 40), (40, 41), (41, 120)):
        above, below = max(0, top - margin), min(120, bottom + margin)
        tile = light(canvas[above:below], height[above:below], 1.0, pixel)
        np.testing.assert_array_equal(tile[top - above : bottom - above], whole[top:bottom])
    short = slice(41 - margin + 1, 80)  # a row less would not do
    assert not np.array_equal(light(canvas[short], height[short], 1.0, pixel)[margin - 1], whole[41])


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got \(20, 30, 2\)"):
        light(np.zeros((20, 30, 2), np.float32), np.zeros((20, 30), np.float32), 0.5, 1 / 30)
    with pytest.raises(ValueError, match=r"height \[H, W\]"):
        light(grey(20, 30), np.zeros((30, 20), np.float32), 0.5, 1 / 30)
    for strength in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="strength must be from 0 to 1"):
            light(grey(20, 30), np.zeros((20, 30), np.float32), strength, 1 / 30)


# --- light on paintings -------------------------------------------------------------------------------------


@ALL
def test_brightness_is_kept(brush: str) -> None:
    drawing = drawn(strokes_of(brush, 80), 200, 256)
    lit = light(drawing.canvas, drawing.height, 1.0, drawing.pixel)
    assert float(lit.mean()) == pytest.approx(float(drawing.canvas.mean()), rel=0.02)
    assert np.abs(lit - drawing.canvas).max() > 0.01
    assert lit.dtype == np.float32 and lit.min() >= 0 and lit.max() <= 1


@ALL
def test_alpha_is_kept_and_colours_stay_below_it(brush: str) -> None:
    drawing = drawn(strokes_of(brush, 12), 120, 160, channels=4)
    lit = light(drawing.canvas, drawing.height, 1.0, drawing.pixel)
    np.testing.assert_array_equal(lit[..., 3], drawing.canvas[..., 3])
    assert (lit[..., :3] <= lit[..., 3:]).all() and lit.min() >= 0
    assert not np.array_equal(lit, drawing.canvas)


# What light does to plain grey on the same strokes at twice the size, reduced; dB measured 38, 57, 61, 58. Bristles
# finer than a pixel of the small one make the oil's difference.
SIZE_FLOORS = {"oilpaintbrush": 35.0, "watercolor": 50.0, "markerpen": 50.0, "rectangle": 50.0}


@pytest.mark.slow
@ALL
def test_paint_is_lit_alike_at_two_sizes(brush: str) -> None:
    strokes = strokes_of(brush, 40, seed=1)
    small, large = (light(grey(side, side), drawn(strokes, side, side).height, 0.5, 1 / side) for side in (512, 1024))
    reduced = large.reshape(512, 2, 512, 2, 3).mean(axis=(1, 3))
    assert psnr(float(np.square(small - reduced).mean())) > SIZE_FLOORS[brush]


# --- height -------------------------------------------------------------------------------------------------


OIL, WATERCOLOR = (BRUSHES[brush].body for brush in ("oilpaintbrush", "watercolor"))


@pytest.mark.parametrize("brush", [*(type(brush) for brush in BRUSHES.values()), Stamp])
def test_every_brush_has_a_body_of_its_own(brush: type) -> None:
    assert isinstance(vars(brush).get("body"), Body)


def test_a_body_is_as_thick_as_it_says_at_the_reference() -> None:
    body = Body(thickness=0.002, growth=0.3, leveling=1.0)
    thickness = Surface(body, REFERENCE * np.array([1.0, 8.0]), 4, 4).thickness
    assert thickness == pytest.approx([0.002, 0.002 * 8**0.3])


def test_a_stamp_raises_the_paint_by_its_body(monkeypatch: pytest.MonkeyPatch) -> None:
    stamp = Stamp(np.ones((40, 40), np.float32))
    monkeypatch.setitem(BRUSHES, stamp.name, stamp)
    shape = {"x": 0.5, "y": 0.5, "size": 2 * REFERENCE, "angle": 0.0}
    one = {name: torch.tensor([value]) for name, value in shape.items()}
    strokes = Strokes(stamp.name, one, torch.zeros(1, 1, 3), torch.ones(1), torch.zeros(1, dtype=torch.int64))
    height = drawn(strokes, 400, 400).height
    assert height[200, 200] == pytest.approx(0.5 * Stamp.body.thickness, rel=0.01)  # flat: halfway up
    assert not height[:180].any() and not height[:, 220:].any()


def relief_of(brush: str) -> float:
    drawing = drawn(strokes_of(brush, 60), 256, 256)
    return float(np.abs(light(grey(256, 256), drawing.height, 1.0, 1 / 256) - 0.5).mean())


def test_oil_lies_thick_and_ink_thin() -> None:
    oil, wash, ink, tape = (relief_of(brush) for brush in ("oilpaintbrush", "watercolor", "markerpen", "rectangle"))
    assert oil > 3 * max(wash, ink, tape)
    assert min(wash, ink, tape) > 1e-4


def one_stroke(length: float, width: float, angle: float = 0.0, opacity: float = 1.0) -> Strokes:
    numbers = (torch.tensor([value]) for value in (angle, length, width, 0.0))
    shape = BRUSHES["oilpaintbrush"].place(torch.tensor([[0.5, 0.5]]), *numbers)
    return Strokes("oilpaintbrush", shape, torch.zeros(1, 2, 3), torch.tensor([opacity]), torch.tensor([3]))


def test_ridges_run_along_an_oil_stroke() -> None:
    height = drawn(one_stroke(0.8, 0.3), 300, 300).height[115:185, 90:190]
    assert np.abs(np.diff(height, axis=0)).mean() > 5 * np.abs(np.diff(height, axis=1)).mean()


def test_opaque_paint_levels_what_lies_below_and_thin_paint_less() -> None:
    below = one_stroke(0.8, 0.4)
    tops = {opacity: one_stroke(0.8, 0.4, angle=math.pi / 2, opacity=opacity) for opacity in (0.2, 1.0)}
    bare = drawn(below, 200, 200).height
    alone, both = {}, {}
    for opacity, top in tops.items():
        alone[opacity] = drawn(top, 200, 200).height
        both[opacity] = drawn(Strokes.cat([below, top]), 200, 200).height
    middle = (slice(80, 120), slice(80, 120))
    left = {opacity: np.abs(both[opacity] - alone[opacity])[middle].mean() / bare[middle].mean() for opacity in tops}
    assert left[1.0] < 0.1
    assert 0.5 < left[0.2] < 0.8  # (1 - 0.2)² where the stroke covers


def test_thickness_grows_with_strokes_but_less() -> None:
    thin, thick = Surface(OIL, np.array([0.005, 0.05]), 4, 4).thickness
    assert 1 < thick / thin < 3


def test_no_stroke_no_height_but_the_grain_of_paper() -> None:
    for body in (Stamp.body, *(brush.body for brush in BRUSHES.values())):
        height = Surface(body, np.zeros(0), 90, 512).height
        assert height.any() == (body.grain > 0)
        assert np.abs(height).max() <= 1.5 * body.grain


def test_grain_does_not_move_with_the_size_or_shape_of_the_canvas() -> None:
    square = Surface(WATERCOLOR, np.zeros(0), 512, 512).height
    np.testing.assert_array_equal(Surface(WATERCOLOR, np.zeros(0), 100, 512).height, square[:100])
    large = Surface(WATERCOLOR, np.zeros(0), 1024, 1024).height
    reduced = large.reshape(512, 2, 512, 2).mean(axis=(1, 3))
    assert np.corrcoef(reduced.ravel(), square.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("side", [16, 64])
def test_grain_too_fine_for_the_pixels_is_faded_not_aliased(side: int) -> None:
    assert np.abs(Surface(WATERCOLOR, np.zeros(0), side, side).height).max() < 0.01 * WATERCOLOR.grain
