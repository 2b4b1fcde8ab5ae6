"""Palette, tones, presets, own brushes and relief do what they say, from `paint` to the pixels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.controls import (
    ALL,
    FOUR,
    GREY,
    TINY,
    config,
    get,
    hexes,
    painted,
    picture,
    psnr,
    same_strokes,
    subject_of,
)
from helpers.controls import files as files  # the fixture
from PIL import Image

from painter import PaintConfig, paint
from painter.options.paint import STYLES
from painter.options.presets import PRESETS
from painter.painting.painting import Painting
from painter.pictures.metrics import compare
from painter.pictures.palette import nearest
from renderers.brushes import BRUSHES

# --- colours ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@ALL
@pytest.mark.parametrize("palette", ["5", FOUR])
def test_strokes_have_colors_of_the_palette(style: str, palette: str) -> None:
    for iterations in (0, 5):
        result = get(**{**TINY, "iterations": iterations}, style=style, palette=palette, canvas="auto")
        listed = result.report["palette"]
        assert listed == FOUR.split(",") if palette == FOUR else len(listed) == 5
        used = hexes(result.painting.strokes.colors.numpy())
        assert used <= set(listed) and len(used) > 2
        assert result.report["ground"] in listed or (style == "watercolor" and palette == "5")


@pytest.mark.slow
def test_the_ground_that_is_asked_for_need_not_be_of_the_palette() -> None:
    result = get(palette=FOUR)
    assert result.report["ground"] == GREY and GREY not in result.report["palette"]


@pytest.mark.slow
def test_without_a_palette_there_are_many_colors() -> None:
    result = get()
    assert result.report["palette"] is None
    # Some of them may come to the same corner of the cube of colours.
    assert len(np.unique(result.painting.strokes.colors.numpy().reshape(-1, 3), axis=0)) > 40


@pytest.mark.slow
@pytest.mark.parametrize("style", ["rectangle", "markerpen"])
def test_searching_in_few_colors_is_better_than_snapping_to_them(style: str) -> None:
    options: dict[str, Any] = {"style": style, "strokes": 50, "iterations": 40}
    free, few = get(**options), get(**options, palette="3")
    subject = subject_of("face", config(**options, palette="3"))
    colors = subject.target.palette
    assert colors is not None
    strokes = free.painting.strokes
    snapped = torch.from_numpy(colors[nearest(strokes.colors.numpy(), colors)])
    painting = Painting(replace(strokes, colors=snapped), free.painting.aspect, free.painting.ground, config())
    # Measured: 1.7 and 2.4 dB.
    assert psnr(few, subject.picture) > psnr(painting.draw(), subject.picture) + 0.7


def areas_of(image: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Colours that are apart from each other, and their shares of the picture; those of over 2 %."""
    colors, pixels = np.unique(image.reshape(-1, 3).astype(int), axis=0, return_counts=True)
    found: list[tuple[np.ndarray, float]] = []
    for color in colors[np.argsort(-pixels)]:
        if all(np.abs(color - other).max() > 12 for other, _ in found):
            share = float((np.abs(image - color).max(axis=2) <= 4).mean())
            found.append((color, share))
    return [(color, share) for color, share in found if share > 0.02]


@pytest.mark.slow
def test_tones_leave_few_colors_to_paint() -> None:
    for count in (2, 5):
        areas = areas_of(subject_of("face", config(tones=count, size=256)).picture)
        # The rest are blends along the borders.
        assert len(areas) == count and sum(share for _, share in areas) > 0.7
    result, toned = get(tones=5), subject_of("face", config(tones=5)).picture
    assert result.report["psnr"] == compare(result.image, toned)["psnr"]
    assert psnr(result, toned) > psnr(get(), toned) + 1


@pytest.mark.slow
def test_tones_of_a_palette_have_its_colors() -> None:
    areas = areas_of(subject_of("face", config(tones=4, palette=FOUR, size=256)).picture)
    wanted = [np.array(list(bytes.fromhex(name[1:]))) for name in FOUR.split(",")]
    assert len(areas) == 4
    assert all(any(np.abs(color - other).max() <= 2 for color, _ in areas) for other in wanted)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_presets_paint(name: str) -> None:
    settings = {**PRESETS[name].settings, **TINY}
    asked = PaintConfig(**settings)
    result = painted("face", asked)
    assert result.painting.strokes.brush == asked.style and result.report["strokes"] == 24
    assert (result.report["palette"] is None) == (asked.palette is None)
    if asked.palette is not None:
        tubes = asked.palette.startswith("tubes:")
        allowed = set(result.report["palette"] if tubes else asked.palette.split(","))
        used = hexes(result.painting.strokes.colors.numpy())
        assert used <= allowed and result.report["ground"] in {*allowed, *(("#ffffff",) if tubes else ())}
        assert not tubes or set(result.report["recipes"]) == used
    wanted = subject_of("face", asked).picture
    bare = next(result.painting.frames(64, 2))
    assert psnr(result, wanted) > psnr(bare, wanted) + 2


# --- an own brush -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_own_brush_paints(tmp_path: Path) -> None:
    result = get(brush="leaf.png")
    name = result.painting.strokes.brush
    assert name.startswith("stamp-") and name in BRUSHES
    assert result.painting.strokes.colors.shape == (50, 1, 3)
    wanted = subject_of("face", config()).picture
    assert psnr(result, wanted) > psnr(np.full_like(wanted, 128), wanted) + 5
    result.save(tmp_path / "a.png", tmp_path / "a.gif")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), result.image)
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 51
        gif.seek(50)
        assert np.abs(np.asarray(gif.convert("RGB")).astype(int) - result.image).mean() < 4
    json.dumps(result.report)


# --- relief -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("style", [*STYLES, "leaf"])
def test_relief_is_in_the_light_only(style: str) -> None:
    options: dict[str, Any] = {**TINY, **({"brush": "leaf.png"} if style == "leaf" else {"style": style})}
    plain, lit = get(**options), get(**options, relief=0.4)
    assert same_strokes(plain, lit)
    for name in ("psnr", "ssim", "l1", "seen_psnr", "strokes", "ground"):
        assert plain.report[name] == lit.report[name]
    more, less = (lit.painting.draw(relief=relief) for relief in (1.0, 0.1))
    changes = [np.abs(image.astype(int) - plain.image).mean() for image in (less, lit.image, more)]
    assert 0 < changes[0] < changes[1] < changes[2] < 40
    assert np.array_equal(lit.painting.draw(relief=0.0), plain.image)
    assert np.array_equal(list(lit.painting.frames(64, 3))[-1], lit.image)


@pytest.mark.slow
def test_no_relief_is_the_default() -> None:
    assert np.array_equal(get(relief=0.0).image, paint(picture("face"), config()).image)
