"""Glazes: thin layers of pigment on white paper, from light to dark."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from painter import PaintConfig, Result, paint
from painter.search.search import LUMA


def picture() -> np.ndarray:
    """[48, 64, 3] float32: a dark disc and a light one on a slope of colour."""
    y, x = np.mgrid[0:1:48j, 0:1:64j]
    image = np.stack([0.9 - 0.3 * x, 0.8 - 0.2 * y, 0.6 + 0.3 * x], axis=2)
    image[(x - 0.3) ** 2 + (y - 0.5) ** 2 < 0.04] = (0.15, 0.2, 0.4)
    image[(x - 0.75) ** 2 + (y - 0.4) ** 2 < 0.03] = (0.95, 0.9, 0.3)
    return image.astype(np.float32)


CONFIG = PaintConfig(style="watercolor", strokes=60, size=64, iterations=30, texture=0.0, mixing="glaze")


@pytest.fixture(scope="module")
def glazed() -> Result:
    return paint(picture(), CONFIG)


@pytest.mark.slow
def test_strokes_are_thin_and_go_from_light_to_dark(glazed: Result) -> None:
    strokes = glazed.painting.strokes
    assert float(strokes.opacity.max()) <= 0.5
    lightness = (strokes.colors.mean(dim=1) @ strokes.colors.new_tensor(LUMA)).numpy()
    assert np.diff(lightness).max() < 0.02 and np.ptp(lightness) > 0.3
    assert glazed.painting.ground == (1.0, 1.0, 1.0)


@pytest.mark.slow
def test_a_glaze_is_not_far_from_opaque_paint(glazed: Result) -> None:
    opaque = paint(picture(), replace(CONFIG, mixing="srgb"))
    assert glazed.report["psnr"] > opaque.report["psnr"] - 4 and glazed.report["psnr"] > 18


def test_other_brushes_glaze_on_paper_too() -> None:
    assert replace(CONFIG, style="markerpen").opacity_range() == (0.05, 0.5)
    assert replace(CONFIG, opacity="0.2:0.9").opacity_range() == (0.2, 0.9)
    assert CONFIG.blending == "pigment" and CONFIG.brush_defaults.paper
