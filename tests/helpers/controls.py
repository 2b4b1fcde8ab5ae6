"""What the tests of controls paint: two small pictures, quickly, and each only once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from painter import PaintConfig, paint
from painter.options.paint import STYLES
from painter.pipeline import Result
from painter.search.subject import Subject, prepare_subject
from renderers.brushes import BRUSHES

ALL = pytest.mark.parametrize("style", STYLES)
GREY = "#808080"
FOUR = "#1a1a2e,#e94560,#f5d547,#f0f0f0"
# What every painting here begins with; watercolour has a paper and opacities of its own.
BASE: dict[str, Any] = {
    "style": "rectangle",
    "size": 96,
    "strokes": 50,
    "iterations": 40,
    "focus": "none",
    "canvas": GREY,
}
TINY: dict[str, Any] = {"size": 64, "strokes": 24, "iterations": 8}


@pytest.fixture(scope="module", autouse=True)
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of masks and brushes: here while this module's tests run."""
    folder = tmp_path_factory.mktemp("controls")
    mask = np.uint8(255 * mask_of())
    Image.fromarray(mask).save(folder / "mask.png")
    Image.fromarray(mask[::2, ::2]).save(folder / "small.png")
    Image.fromarray(cv2.GaussianBlur(mask, (0, 0), 8)).save(folder / "soft.png")
    leaf = np.zeros((40, 90), np.float32)
    cv2.ellipse(leaf, (45, 20), (42, 16), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    leaf[18:22] *= 0.4
    Image.fromarray(np.uint8(255 - 255 * leaf)).save(folder / "leaf.png")
    # A brush that is registered stays; other tests count them.
    known = dict(BRUSHES)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder
    for cached in (painted, subject_of):
        cached.cache_clear()
    for name in set(BRUSHES) - set(known):
        del BRUSHES[name]


@cache
def picture(name: str) -> np.ndarray:
    """uint8 [96, 96, 3], or [96, 96, 4] for the logo; the stripes are [64, 64, 3]."""
    if name == "face":
        return np.asarray(cv2.resize(data.astronaut()[:320, 80:400], (96, 96), interpolation=cv2.INTER_AREA))
    if name == "stripes":
        return np.tile(np.uint8(np.where(np.arange(64) // 8 % 2, 240, 16))[None, :, None], (64, 1, 3))
    if name == "plate":  # a quarter of blue and green beside warm colours
        pixels = np.full((96, 96, 3), (200, 120, 40), np.uint8)
        pixels[:, 60:] = (230, 180, 90)
        pixels[16:36, 24:68] = (30, 60, 200)
        pixels[36:56, 24:68] = (20, 160, 90)
        return pixels
    pixels = np.zeros((96, 96, 4), np.uint8)
    cv2.circle(pixels, (48, 48), 40, (200, 40, 60, 255), -1, cv2.LINE_AA)
    cv2.circle(pixels, (40, 40), 16, (250, 220, 90, 255), -1, cv2.LINE_AA)
    return pixels


def config(**options: Any) -> PaintConfig:
    return PaintConfig(**{"texture": 0.0, **BASE, **options})


@cache
def painted(name: str, asked: PaintConfig) -> Result:
    return paint(picture(name), asked)


@cache
def subject_of(name: str, asked: PaintConfig) -> Subject:
    return prepare_subject(picture(name), asked)


def get(name: str = "face", **options: Any) -> Result:
    return painted(name, config(**options))


def psnr(result: Result | np.ndarray, wanted: np.ndarray, where: np.ndarray | None = None) -> float:
    """dB of colours; of the pixels `where` only if given."""
    image = result.image if isinstance(result, Result) else result
    square = (image.astype(float) - wanted) ** 2
    return float(-10 * np.log10((square if where is None else square[where]).mean() / 255**2))


def mask_of(size: int = 96) -> np.ndarray:
    """[size, size] bool: the inside of mask.png, whose side is 96."""
    inside = np.zeros((96, 96), np.uint8)
    inside[16:56, 24:68] = 1
    return np.asarray(cv2.resize(inside, (size, size), interpolation=cv2.INTER_NEAREST) > 0)


def inner(where: np.ndarray, by: int) -> np.ndarray:
    """Those of the pixels `where` that lie more than `by` from the others."""
    kernel = np.ones((2 * by + 1, 2 * by + 1), np.uint8)
    return np.asarray(cv2.erode(where.astype(np.uint8), kernel) > 0)


def sizes(result: Result) -> torch.Tensor:
    strokes = result.painting.strokes
    return BRUSHES[strokes.brush].size(strokes.params)


def same_strokes(one: Result, other: Result) -> bool:
    a, b = one.painting.strokes, other.painting.strokes
    return torch.equal(a.colors, b.colors) and all(torch.equal(a.params[name], b.params[name]) for name in a.params)


def hexes(colors: np.ndarray) -> set[str]:
    """Names of [..., 3] colours; they must be whole 8-bit steps."""
    levels = np.rint(colors.reshape(-1, 3) * 255)
    assert np.array_equal(colors.reshape(-1, 3), levels.astype(np.float32) / np.float32(255))
    return {"#" + "".join(f"{int(level):02x}" for level in color) for color in np.unique(levels, axis=0)}


def outside_is_bare(image: np.ndarray, bare: tuple[int, ...], outside: np.ndarray) -> bool:
    return bool((image[outside] == bare).all())
