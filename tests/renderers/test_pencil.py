"""Pencil lines over the paint, and darks that are limited."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.paintings import make_painting

from renderers.media.density import DARKEST, Density, SheetFields, densities
from renderers.media.medium import Texture
from renderers.media.pencil import cubic, draw_pencil, pencil_lines
from renderers.threads import limited_to


def disc(side: int = 160) -> np.ndarray:
    """[side, side, 3] float32: a dark disc on light grey."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    return np.repeat(np.where(x * x + y * y < 0.4, 0.25, 0.85).astype(np.float32)[..., None], 3, axis=2)


def drawn(rows: int, lines: np.ndarray, margin: float = 0.0, height: np.ndarray | None = None) -> np.ndarray:
    """[96, 128, 3]: lines on white, drawn so many rows at a time."""
    seen = np.ones((96, 128, 3), np.float32)
    for top in range(0, 96, rows):
        part = None if height is None else height[top : top + rows]
        draw_pencil(seen[top : top + rows], lines, 0.8, part, 1 / 128, top, (96, 128), margin)
    return seen


def test_lines_run_along_edges_only() -> None:
    lines = pencil_lines(disc())
    assert lines.dtype == np.float32 and lines.shape == (160, 160) and lines.min() >= 0 and lines.max() <= 1
    y, x = np.mgrid[-1:1:160j, -1:1:160j]
    radius = np.sqrt(x * x + y * y)
    assert lines[np.abs(radius - 0.63) < 0.03].max() > 0.6
    assert lines[np.abs(radius - 0.63) > 0.15].max() < 0.05
    nothing = np.zeros((40, 40, 4), np.float32)
    nothing[10:30, 10:30] = (0.9, 0.9, 0.9, 1.0)
    assert pencil_lines(nothing)[8:32, 8:32].max() > pencil_lines(nothing)[:4].max()


def test_lines_are_the_same_in_bands_and_on_any_number_of_cores() -> None:
    lines = pencil_lines(disc())
    whole = drawn(96, lines)
    assert whole.min() < 0.7 and whole.max() == 1
    with limited_to(1):
        np.testing.assert_array_equal(drawn(7, lines), whole)


def test_lines_thinner_than_a_pixel_are_not_dotted() -> None:
    lines = np.zeros((300, 400), np.float32)
    lines[:, 200:203] = 1
    dark = 1 - drawn(96, lines)[10:-10, :, 0].min(axis=1)
    assert dark.min() > 0.3 * dark.max() > 0.05


def test_valleys_and_margins_stay_bare() -> None:
    lines = np.ones((20, 20), np.float32)
    edge = drawn(96, lines, margin=0.1)
    assert (edge[:5] == 1).all() and edge[40:60, 50:80].max() < 0.8
    relief = np.tile(np.array([0.3, -0.3], np.float32), (96, 64))
    caught = drawn(96, lines * 0.6, height=relief)
    assert caught[:, ::2].mean() < caught[:, 1::2].mean() - 0.1


def test_cubic_interpolation_keeps_samples_and_straight_lines() -> None:
    image = np.add.outer(2.0 * np.arange(8), 3.0 * np.arange(9)).astype(np.float32)
    assert cubic(image, 4.0, 3.0) == image[3, 4]
    assert cubic(image, 4.25, 3.5) == pytest.approx(2 * 3.5 + 3 * 4.25, abs=1e-5)


@pytest.mark.parametrize("texture", [0.0, 0.6])
def test_pencil_is_seen_from_the_first_frame_and_not_in_figures(texture: float) -> None:
    plain = make_painting(12, brush="watercolor", size=96)
    plain = replace(plain, config=replace(plain.config, texture=texture))
    lined = replace(plain, config=replace(plain.config, pencil=0.8))
    first, last = lined.frames(count=2)
    assert not np.array_equal(lined.draw(), plain.draw())
    np.testing.assert_array_equal(last, lined.draw())
    assert first.min() < 240  # of 255: lines on bare paper
    np.testing.assert_array_equal(lined.draw_bare(), plain.draw_bare())
    np.testing.assert_array_equal(np.concatenate(list(lined.bands(rows=13))), lined.draw())


def test_limited_darks_keep_their_hue() -> None:
    how, height = Density(grain=0.0), np.zeros((6, 4), np.float32)
    canvas = np.tile(np.array((0.30, 0.02, 0.01), np.float32), (4, 4, 1))
    fields = SheetFields.of(height, None, how, 1e-3, 0, 0.0, (4, 4))
    full, limited = (
        densities(canvas, np.zeros((4, 4), np.float32), fields, np.ones(3), how, Texture(0.6, "smooth", 0.0, limits))
        for limits in (False, True)
    )
    np.testing.assert_allclose(full, canvas, atol=1e-3)
    deep, shallow = -np.log(full[0, 0]), -np.log(limited[0, 0])
    assert shallow.mean() < DARKEST < deep.mean()
    np.testing.assert_allclose(shallow / shallow.mean(), deep / deep.mean(), rtol=1e-4)
