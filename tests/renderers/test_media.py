"""Media: sheets, paint on them, and what is seen of both."""

from __future__ import annotations

import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from helpers.stamps import stamp as stamp  # the fixture

from renderers.brushes import BRUSHES, NETWORK_BRUSHES
from renderers.brushes.nearest_point import (
    nearest_on_curve,
    nearest_points,
    nearly_nearest_on_curve,
    nearly_nearest_points,
)
from renderers.brushes.texture import noise2
from renderers.drawing import Drawing, draw_bands, drawing_threads
from renderers.evaluation import random_strokes
from renderers.media.calm import calm_map
from renderers.media.grounds import GROUNDS, ground_height
from renderers.media.media import MEDIA, medium_of, textured
from renderers.media.medium import Appearance, Texture
from renderers.media.noise import fractal_noise, gradient_noise, new_cells, value_noise
from renderers.pigments import Mixing
from renderers.placed import PlacedStrokes
from renderers.strokes import Strokes
from renderers.threads import limited_to

STAMP = "stamp"
KINDS = pytest.mark.parametrize("brush", [*NETWORK_BRUSHES, STAMP])
PAPER, COLORED, NOTHING = np.ones(3, np.float32), np.array([0.6, 0.4, 0.3], np.float32), np.zeros(4, np.float32)


def strokes_of(brush: str, stamp: str, count: int = 60) -> Strokes:
    return random_strokes(BRUSHES[stamp if brush == STAMP else brush], count, torch.Generator().manual_seed(4))


def drawn(
    strokes: Strokes, shape: tuple[int, int], texture: Texture | None, ground: np.ndarray = PAPER, relief: float = 0.0,
    rows: int | None = None, cores: int = 2, calm: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    with limited_to(cores), drawing_threads() as pool:
        bands = draw_bands(strokes, shape, Appearance(ground, calm), relief, rows or shape[0], pool, texture)
        return np.concatenate(list(bands))


def texture_of(brush: str, strength: float = 0.6, margin: float = 0.0) -> Texture:
    return Texture(strength, textured(brush).paper, margin)


# --- noise --------------------------------------------------------------------------------------------------


def test_kept_cells_change_no_value() -> None:
    """Places in rows, as they come, and at random; rows of `cells` that another seed has used."""
    rng, cells = np.random.default_rng(1), new_cells(2)
    places = [(0.013 * k, 3.2 + 0.5 * j) for j in range(4) for k in range(300)]
    places += [tuple(place) for place in rng.uniform(-50, 50, (500, 2)).tolist()]
    for x, y in places:
        for seed in (3, 4):
            assert value_noise(x, y, seed, cells, 0) == noise2(x, y, seed)
            assert gradient_noise(x, y, seed, cells, 1) == gradient_noise(x, y, seed, new_cells(1), 0)


def test_octaves_that_cannot_be_seen_are_left_out() -> None:
    cells = new_cells(4)
    assert fractal_noise(0.3, 0.7, 5, 4, 10.0, cells, 0) == 0
    assert fractal_noise(0.3, 0.7, 5, 1, 0.0, cells, 0) == noise2(0.3, 0.7, 5)
    fine = [fractal_noise(0.01 * k, 0.2, 5, 4, 0.0, cells, 0) for k in range(400)]
    coarse = [fractal_noise(0.01 * k, 0.2, 5, 4, 0.4, cells, 0) for k in range(400)]
    assert np.abs(np.diff(fine)).mean() > 1.5 * np.abs(np.diff(coarse)).mean() > 0


def test_the_nearest_point_is_that_of_the_engines() -> None:
    rng = np.random.default_rng(2)
    for _ in range(3000):
        h, skew, rise, growth = rng.uniform(0.5, 8), rng.uniform(-0.3, 0.3), rng.uniform(-2, 2), rng.uniform(-0.5, 0.5)
        u, v = rng.uniform(-h - 1, h + 1), rng.uniform(-2, 2)
        depths = []
        for t in (nearly_nearest_on_curve(u, v, h, skew, rise, growth), nearest_on_curve(u, v, h, skew, rise, growth)):
            x = u - (-h + t * (2 * (skew * h + h) - t * 2 * skew * h))
            y = v - (-rise / 4 + t * (2 * rise - t * 2 * rise))
            depths.append(growth * t - np.hypot(x, y))
        assert depths[0] == pytest.approx(depths[1], abs=1e-3)


@pytest.mark.parametrize("count", [0, 1, 7, 256, 700])
def test_the_nearest_points_of_all_at_once_are_those_of_one_after_the_other(count: int) -> None:
    rng = np.random.default_rng(count)
    for _ in range(20):
        h, skew, rise, growth = rng.uniform(0.05, 8), rng.uniform(-0.5, 0.5), rng.uniform(-6, 6), rng.uniform(-0.5, 0.5)
        u, v = rng.uniform(-1.3, 1.3, (2, count)).astype(np.float32) * np.float32(h + 1)
        for together, single in ((nearest_points, nearest_on_curve), (nearly_nearest_points, nearly_nearest_on_curve)):
            found = together(u, v, h, skew, rise, growth)
            wanted = [single(x, y, h, skew, rise, growth) for x, y in zip(u, v, strict=True)]
            assert np.array_equal(found, wanted), "to the bit"


# --- sheets -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ground", GROUNDS)
def test_sheets_are_level_and_of_one_scale_at_any_size(ground: str) -> None:
    fine = ground_height(ground, 0, 512, 512, 1 / 4096)
    assert fine.dtype == np.float32 and fine.shape == (512, 512)
    if ground == "smooth":
        assert not fine.any()
        return
    assert abs(fine.mean()) < 0.2 and 0.05 < fine.std() < 0.6 and np.abs(fine).max() < 2.5
    # The same spot with pixels twice as wide is the mean of four, but for what these pixels cannot resolve.
    coarse = ground_height(ground, 0, 256, 256, 1 / 2048)
    reduced = fine.reshape(256, 2, 256, 2).mean(axis=(1, 3))
    assert np.corrcoef(coarse.ravel(), reduced.ravel())[0, 1] > 0.8
    part = ground_height(ground, 100, 30, 512, 1 / 4096)
    assert np.array_equal(part, fine[100:130])


def test_sheets_have_no_lattice_and_no_seams() -> None:
    """The spectrum of paper has no peak along the axes, where a lattice would show."""
    height = ground_height("cold-press", 0, 512, 512, 1 / 2048)
    power = np.abs(np.fft.fft2(height - height.mean())) ** 2
    ring = slice(20, 160)
    axes = power[0, ring].mean() + power[ring, 0].mean()
    diagonal = 2 * np.array([power[k, k] for k in range(14, 113)]).mean()
    assert 0.2 < axes / diagonal < 5
    steps = np.abs(np.diff(height, axis=1)).mean(axis=0)
    assert steps.max() < 2.5 * np.median(steps)


# --- paint on sheets ----------------------------------------------------------------------------------------


@pytest.mark.slow
@KINDS
@pytest.mark.parametrize("ground", [PAPER, COLORED, NOTHING])
@pytest.mark.parametrize("relief", [0.0, 0.7])
def test_bands_are_the_full_canvas_to_the_bit(brush: str, ground: np.ndarray, relief: float, stamp: str) -> None:
    strokes, shape = strokes_of(brush, stamp), (90, 120)
    texture = Texture(0.6, "linen" if brush == STAMP else textured(brush).paper, 0.03)
    calm = np.random.default_rng(3).random((9, 12), np.float32)
    full = drawn(strokes, shape, texture, ground, relief, calm=calm)
    assert full.dtype == np.float32 and full.shape == (*shape, len(ground))
    assert np.isfinite(full).all() and full.min() >= 0 and full.max() <= 1
    for rows, cores in ((7, 2), (31, 1), (90, 3)):
        assert np.array_equal(drawn(strokes, shape, texture, ground, relief, rows, cores, calm), full)


@KINDS
def test_strokes_in_steps_are_the_same(brush: str, stamp: str) -> None:
    strokes, shape = strokes_of(brush, stamp), (90, 120)
    texture = texture_of(brush)
    canvas = np.ones((*shape, 3), np.float32)
    drawing = Drawing(strokes, canvas, texture=texture)
    with drawing_threads() as pool:
        for count in (0, 1, 20, 60):
            drawing.draw(count, pool)
            seen = drawing.seen(0.0, Appearance(PAPER))
            assert seen.shape == canvas.shape and not np.shares_memory(seen, canvas)
    assert np.array_equal(seen, drawn(strokes, shape, texture))


@KINDS
@pytest.mark.parametrize("strength", [0.0, 0.6])
@pytest.mark.parametrize("relief", [0.0, 0.7])
def test_only_changed_rows_need_to_be_seen_anew(brush: str, relief: float, strength: float, stamp: str) -> None:
    strokes, shape = strokes_of(brush, stamp), (150, 120)
    texture = texture_of(brush, strength) if strength else None
    appearance = Appearance(PAPER, region=np.random.default_rng(3).random(shape, np.float32))
    drawing = Drawing(strokes, np.tile(PAPER, (*shape, 1)), relief > 0, texture=texture)
    seen, skipped = drawing.seen(relief, appearance), 0
    with drawing_threads() as pool:
        for before, count in itertools.pairwise((0, 1, 2, 5, 30, 60)):
            drawing.draw(count, pool)
            changed = drawing.changed(before, relief)
            for rows in changed:
                seen[rows] = drawing.seen(relief, appearance, rows)
            skipped += shape[0] - sum(rows.stop - rows.start for rows in changed)
            assert np.array_equal(seen, drawing.seen(relief, appearance))
    assert skipped > 50


@KINDS
@pytest.mark.parametrize(("channels", "mixing"), [(3, "srgb"), (4, "srgb"), (3, "pigment")])
def test_changed_pixels_alone_can_be_seen_anew(brush: str, channels: int, mixing: Mixing, stamp: str) -> None:
    strokes, shape = strokes_of(brush, stamp), (90, 120)
    ground = PAPER if channels == 3 else np.zeros(4, np.float32)
    canvas = np.tile(ground, (*shape, 1))
    drawing, appearance = Drawing(strokes, canvas, texture=texture_of(brush), mixing=mixing), Appearance(ground)
    if not drawing.is_pointwise(appearance):
        assert brush in ("oilpaintbrush", "rectangle"), "only these look around"
        return
    assert not drawing.is_pointwise(replace(appearance, region=np.ones(shape, np.float32)))
    seen, skipped = drawing.seen(0.0, appearance), 0
    with drawing_threads() as pool:
        for before, count in itertools.pairwise((0, 1, 2, 5, 30, 60)):
            drawing.draw(count, pool)
            pixels = drawing.changed_pixels(before)
            seen.reshape(-1, channels)[pixels] = drawing.seen_at(pixels, appearance)
            skipped += seen[..., 0].size - len(pixels)
            assert np.array_equal(seen, drawing.seen(0.0, appearance))
    assert skipped > 10_000


@KINDS
def test_without_texture_the_engines_alone_paint(brush: str, stamp: str) -> None:
    strokes, shape = strokes_of(brush, stamp), (90, 120)
    canvas = np.ones((*shape, 3), np.float32)
    drawing = Drawing(strokes, canvas)
    with drawing_threads() as pool:
        drawing.draw(len(strokes), pool)
    assert np.array_equal(drawn(strokes, shape, None), canvas)


@pytest.mark.slow
@KINDS
def test_texture_grows_with_its_strength(brush: str, stamp: str) -> None:
    strokes, shape = strokes_of(brush, stamp), (240, 320)
    plain = drawn(strokes, shape, None)
    changes = [np.abs(drawn(strokes, shape, texture_of(brush, t)) - plain).mean() for t in (0.02, 0.3, 0.6, 1.0)]
    assert changes == sorted(changes) and changes[-1] > 2 * changes[1] > 0
    assert changes[0] < 0.25 * changes[-1]


@KINDS
def test_a_transparent_ground_stays_clean(brush: str, stamp: str) -> None:
    strokes, shape = strokes_of(brush, stamp, 8), (240, 320)
    seen = drawn(strokes, shape, texture_of(brush), NOTHING)
    assert (seen[..., 3] == 0).any() and (seen[..., 3] > 0.5).any()
    assert not seen[seen[..., 3] == 0].any()
    assert (seen[..., :3] <= seen[..., 3:] + 1e-6).all()


@pytest.mark.slow
@KINDS
def test_the_same_spot_at_two_sizes(brush: str, stamp: str) -> None:
    """A drawing of 512 px is one of 1,024 reduced, but for what its pixels cannot resolve."""
    strokes = strokes_of(brush, stamp, 30)
    small, large = (drawn(strokes, (side // 2, side), texture_of(brush)) for side in (512, 1024))
    reduced = cv2.resize(large, (512, 256), interpolation=cv2.INTER_AREA)
    error = np.square(small - reduced).mean()
    assert -10 * np.log10(error) > 30


@pytest.mark.slow
@pytest.mark.parametrize("brush", NETWORK_BRUSHES)
def test_a_margin_stays_bare(brush: str, stamp: str) -> None:
    strokes, shape = strokes_of(brush, stamp, 200), (300, 400)
    seen = drawn(strokes, shape, texture_of(brush, margin=0.08))
    edge = np.concatenate([seen[:12].reshape(-1, 3), seen[-12:].reshape(-1, 3), seen[:, :12].reshape(-1, 3)])
    assert np.abs(edge - 1).max() < 0.2 and np.abs(edge - 1).mean() < 0.03
    assert np.abs(seen[100:200, 100:300] - 1).mean() > 0.1


def test_bare_paper_gets_no_pigment() -> None:
    none = strokes_of("watercolor", "", 1)[:0]
    seen = drawn(none, (200, 300), Texture(1.0, "rough"))
    assert seen.min() > 0.8 and seen.std() > 1e-3  # the sheet's own light and shade, all channels alike
    np.testing.assert_allclose(seen[..., 0], seen[..., 2], atol=1e-6)
    assert (drawn(none, (200, 300), Texture(1.0, "smooth")) == 1).all()


@pytest.mark.slow
def test_rims_darken_in_the_hue_of_the_wash() -> None:
    """Also those of a light stroke over a dark one: no wet medium gets lighter at its edges."""
    dark, light = (0.15, 0.2, 0.45), (0.75, 0.8, 0.9)
    base = strokes_of("watercolor", "", 1)
    params = {"x0": 0.3, "y0": 0.5, "x1": 0.5, "y1": 0.5, "x2": 0.7, "y2": 0.5, "radius0": 0.16, "radius2": 0.16}
    under = {name: torch.tensor([value]) for name, value in params.items()}
    above = {**under, "radius0": torch.tensor([0.09]), "radius2": torch.tensor([0.09])}
    layers = [
        Strokes("watercolor", shape, torch.tensor([[color, color]]), torch.ones(1), base.seed)
        for shape, color in ((under, dark), (above, light))
    ]
    seen = drawn(Strokes.cat(layers), (600, 600), Texture(1.0, "smooth"))
    plain = drawn(Strokes.cat(layers), (600, 600), None)
    inside = plain[..., 0] > 0.6
    rim = inside & ~cv2.erode(inside.astype(np.uint8), np.ones((15, 15))).astype(bool)
    middle = cv2.erode(inside.astype(np.uint8), np.ones((61, 61))).astype(bool)
    assert seen[rim].mean() < seen[middle].mean()


def octaves_of(band: np.ndarray) -> list[float]:
    """Relative variation of density by octave, from the finest, in a band [h, w, 3]."""
    density = -np.log(band.mean(axis=2).clip(1e-3, 1))
    blurred = [density] + [cv2.GaussianBlur(density, (0, 0), sigma) for sigma in (1, 2, 4, 8, 16, 32)]
    return [float((a - b).std() / density.mean()) for a, b in itertools.pairwise(blurred)]


@pytest.mark.slow
def test_density_varies_as_in_real_washes() -> None:
    """Relative variation of density by octave at 3,072 px, within a third of what scans of washes have."""
    generator, count = torch.Generator().manual_seed(2), 8
    shift = 0.25 * torch.rand(2, count, generator=generator) - 0.125
    left = 1200 / 3072  # of the columns that are drawn
    params = {f"x{k}": 0.1 + 0.4 * k + shift[0] - left for k in range(3)} | {f"y{k}": 0.5 + shift[1] for k in range(3)}
    params |= {name: 0.2 + 0.1 * torch.rand(count, generator=generator) for name in ("radius0", "radius2")}
    color = torch.tensor((0.62, 0.74, 0.85)) + 0.03 * torch.randn(count, 1, 1, generator=generator)
    seed = torch.arange(count)
    wash = Strokes("watercolor", params, color.expand(count, 2, 3), torch.full((count,), 0.6), seed)
    octaves, plain = (octaves_of(middle_of(wash, how)) for how in (texture_of("watercolor", 1.0), None))
    scans = [(0.07, 0.09), (0.04, 0.04), (0.03, 0.03), (0.025, 0.035), (0.03, 0.055), (0.05, 0.085)]
    for octave, (low, high) in zip(octaves, scans, strict=True):
        assert low * 2 / 3 <= octave <= high * 4 / 3, octaves
    assert max(plain[:3]) < 0.3 * octaves[2]


def middle_of(strokes: Strokes, texture: Texture | None) -> np.ndarray:
    """[384, 700, 3]: rows across the middle of a drawing of 3,072 px in height that is calm all over."""
    margin = medium_of(strokes.brush, texture).margin
    placed = PlacedStrokes(strokes, 3072, 700, 3, margin)
    drawing = Drawing(placed, np.ones((384, 700, 3), np.float32), False, 1300, texture)
    with drawing_threads() as pool:
        drawing.draw(len(placed), pool)
    return drawing.seen(0.0, Appearance(PAPER, np.ones((8, 8), np.float32)))


def test_calm_is_where_nothing_is_drawn() -> None:
    image = np.ones((60, 80, 3), np.float32)
    image[:, 50:] = np.random.default_rng(1).random((60, 30, 1), np.float32)
    calm = calm_map(image)
    assert calm.shape == (60, 80) and calm[:, :20].min() > 0.95 and calm[:, 65:].max() < 0.05


def test_every_brush_has_a_medium() -> None:
    assert set(MEDIA) == set(NETWORK_BRUSHES)
    assert {medium.paper for medium in MEDIA.values()} <= set(GROUNDS)
    assert medium_of("anything", Texture(0.5, "linen")).margin == 0
