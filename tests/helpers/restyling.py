"""Small paintings to bring a style to, and what differs between two."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.placing import tensors
from painter import PaintConfig, Painting, RestyleConfig, paint
from painter.painting.stroke_file import save_strokes
from painter.styling.restyle import prepare_styling
from painter.styling.stroke_styling import StrokeStyling
from renderers.strokes import Strokes

QUICK = RestyleConfig(features="random", iterations=4, device="cpu")
SMALL = PaintConfig(style="rectangle", size=48, strokes=16, iterations=8, focus="none", device="cpu")


def scene(height: int = 36, width: int = 48) -> np.ndarray:
    """uint8 [H, W, 3]: boxes of many colours."""
    random, pixels = np.random.default_rng(5), np.full((height, width, 3), (225, 215, 190), np.uint8)
    for _ in range(12):
        top, left, rows, columns = random.integers(0, (height - 6, width - 8, 16, 20))
        pixels[top : top + 3 + rows, left : left + 3 + columns] = random.integers(0, 256, 3)
    return pixels


def stripes() -> np.ndarray:
    """uint8 [40, 40, 3]: a style in blue and yellow."""
    pixels = np.full((40, 40, 3), (30, 50, 140), np.uint8)
    pixels[::5], pixels[1::5] = (240, 210, 80), (20, 30, 90)
    return pixels


@cache
def painted(height: int = 36, width: int = 48, **options: Any) -> Painting:
    """The painting of `scene`; tests in one process find it once."""
    return paint(scene(height, width), replace(SMALL, **options)).painting


@pytest.fixture(scope="module")
def painting() -> Painting:
    """The painting of `scene` without further options."""
    return painted()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, painting: Painting) -> Path:
    """A folder with a picture, its painting, a style and a mask."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["paint.py"])
    Image.fromarray(scene()).save("scene.png")
    Image.fromarray(stripes()).save("stripes.png")
    mask = np.zeros((36, 48), np.uint8)
    mask[:, 24:] = 255
    Image.fromarray(mask).save("right.png")
    save_strokes(painting, "scene.strokes.json")
    return tmp_path


def differing(a: Strokes, b: Strokes) -> set[str]:
    """Names of what differs, in any order of the strokes."""
    left, right = ({int(s): k for k, s in enumerate(strokes.seed)} for strokes in (a, b))
    assert left.keys() == right.keys()
    order = torch.tensor([right[seed] for seed in left])
    return {name for name, values in tensors(a).items() if not torch.equal(values, tensors(b)[name][order])}


def the_styling(painting: Painting, **options: Any) -> StrokeStyling:
    """A painting in the style of the stripes, before any step."""
    return prepare_styling(painting, stripes(), replace(QUICK, **options))
