"""Focus, region, sizes, opacity and levels do what they say, from `paint` to the pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.controls import (
    ALL,
    GREY,
    TINY,
    config,
    get,
    inner,
    mask_of,
    outside_is_bare,
    picture,
    psnr,
    sizes,
    subject_of,
)
from helpers.controls import files as files  # the fixture
from PIL import Image, ImageSequence

from painter import paint
from painter.pictures.focus import find_faces
from painter.pictures.metrics import compare
from painter.search.config import SearchConfig
from painter.search.plan import (
    make_plan,
)

# --- focus --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("style", ["watercolor", "markerpen"])
def test_focus_makes_its_place_more_exact(style: str) -> None:
    options: dict[str, Any] = {"style": style, "strokes": 60}
    plain, focused = get(**options), get(**options, focus="small.png")
    wanted = subject_of("face", config()).picture
    assert focused.report["strokes"] == plain.report["strokes"]
    # Measured: 1.2 to 2.4 dB.
    assert psnr(focused, wanted, mask_of()) > psnr(plain, wanted, mask_of()) + 0.5
    assert psnr(focused, wanted) < psnr(plain, wanted) + 0.2  # paid for elsewhere


@pytest.mark.slow
def test_focus_weighs_in_the_loss() -> None:
    # A stroke over all of these stripes takes a mean colour, in which every other one counts five times as much.
    stripes, seen = picture("stripes"), []
    for bright in (False, True):
        Image.fromarray(np.uint8(255 * ((stripes[..., 0] > 128) == bright))).save("stripes.png")
        asked = config(size=64, strokes=1, min_size=1.0, iterations=60, loss="l2", focus="stripes.png", opacity="1:1")
        seen.append(float(np.median(paint(stripes, asked).image)))
    # Measured: 44 to 47 and 210; 128 both times if all pixels count the same.
    assert seen[0] < 75 and seen[1] > 180


@pytest.mark.slow
def test_focus_finds_the_face_itself() -> None:
    options: dict[str, Any] = {"style": "markerpen", "strokes": 80, "iterations": 40}
    ((x, y, width, height),) = find_faces(picture("face").astype(np.float32) / 255)
    face = np.zeros((96, 96), bool)
    face[y : y + height, x : x + width] = True
    wanted = subject_of("face", config()).picture
    # Measured: 1.5 to 2.1 dB.
    assert psnr(get(**options, focus="auto"), wanted, face) > psnr(get(**options), wanted, face) + 0.5


# --- region -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "canvas", "bare"),
    [
        *(("face", GREY, (128,) * 3), ("face", "transparent", (0,) * 4)),
        *(("logo", "auto", (0,) * 4), ("logo", "white", (255,) * 3)),
    ],
)
@pytest.mark.parametrize("relief", [0.0, 1.0])
def test_nothing_is_painted_outside_the_region(
    name: str, canvas: str, bare: tuple[int, ...], relief: float, tmp_path: Path
) -> None:
    result = get(name, canvas=canvas, region="mask.png", relief=relief, iterations=12)
    outside = ~mask_of()
    assert outside_is_bare(result.image, bare, outside)
    assert (result.image[mask_of()] != bare).any(axis=1).mean() > 0.9
    result.save(tmp_path / "a.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), result.image)
    for size in (96, 48, 200):
        # At other sizes the border falls between pixels, or is drawn out over some.
        far = inner(~mask_of(size), 0 if size == 96 else 4)
        for frame in result.painting.frames(size, 6):
            assert outside_is_bare(frame, bare, far)


@pytest.mark.slow
def test_a_region_may_be_of_another_size() -> None:
    result = get(region="small.png")
    assert outside_is_bare(result.image, (128,) * 3, inner(~mask_of(), 4))
    assert (result.image[inner(mask_of(), 4)] != 128).any(axis=1).mean() > 0.95


def test_a_gif_leaves_the_outside_alone(tmp_path: Path) -> None:
    get(region="mask.png").save(tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as gif:
        frames = [np.asarray(frame.convert("RGB"))[~mask_of()] for frame in ImageSequence.Iterator(gif)]
    assert len(frames) > 30
    assert all((frame == frames[0][0]).all() for frame in frames)
    assert np.abs(frames[0][0].astype(int) - 128).max() <= 2  # one of the GIF's 255 colours


@pytest.mark.slow
@ALL
def test_the_effort_goes_into_the_region(style: str) -> None:
    wanted = subject_of("face", config()).picture
    whole, part = (get(style=style, iterations=20, region=region) for region in (None, "mask.png"))
    # Measured: 0.8 dB and more.
    assert psnr(part, wanted, mask_of()) > psnr(whole, wanted, mask_of()) + 0.3
    assert whole.report["strokes"] == part.report["strokes"] == 50
    # Paint beyond the border is not seen, so that strokes need not end there. Measured: 0.4 and more.
    beyond = replace(part.painting, region=None).draw()[~mask_of()]
    assert (beyond != 128).any(axis=1).mean() > 0.25


def test_the_report_is_about_the_picture_within_the_region() -> None:
    result = get(region="mask.png")
    wanted = np.where(mask_of()[..., None], subject_of("face", config()).picture, 128).astype(np.uint8)
    assert result.report["psnr"] == compare(result.image, wanted)["psnr"]


@pytest.mark.slow
def test_a_soft_region_fades_into_the_ground() -> None:
    result = get("plate", region="soft.png", canvas="black")
    shown = subject_of("plate", config(region="soft.png", canvas="black")).region
    assert shown is not None and outside_is_bare(result.image, (0, 0, 0), shown == 0)
    plain = replace(result.painting, region=None).draw().astype(float)
    assert np.abs(result.image - shown[..., None] * plain).max() <= 1
    half = (shown > 0.3) & (shown < 0.7)
    assert half.sum() > 300 and 20 < result.image[half].max(axis=1).mean() < 200


@pytest.mark.slow
def test_colors_are_chosen_for_what_is_shown() -> None:
    # Three colours are in the region of this picture, two of them nowhere else, and one outside.
    asked = {"palette": "2", "region": "mask.png"}
    inside = {"#1e3cc8", "#14a05a"}
    assert set(get("plate", **asked).report["palette"]) == inside
    assert set(get("plate", palette="2").report["palette"]) != inside
    toned = subject_of("plate", config(tones=2, region="mask.png")).picture
    blue, green = (np.median(toned[rows, 24:68].reshape(-1, 3), axis=0) for rows in (slice(20, 32), slice(42, 52)))
    assert blue[2] > blue[1] + 50 and green[1] > green[2] + 50


# --- sizes and opacity --------------------------------------------------------------------------------------


@pytest.mark.slow
@ALL
@pytest.mark.parametrize("iterations", [0, 5])
@pytest.mark.parametrize("limits", [(0.08, 0.12), (None, 0.03), (0.3, None), (0.9, 1.0), (0.001, 0.002)])
def test_sizes_are_within_their_limits(style: str, iterations: int, limits: tuple[float | None, float | None]) -> None:
    low, high = limits
    result = get(style=style, min_size=low, max_size=high, strokes=24, size=64, iterations=iterations)
    found = sizes(result).double()
    assert len(found) == 24 and torch.isfinite(found).all()
    assert low is None or found.min() >= low
    assert high is None or found.max() <= high
    if iterations:
        assert make_plan(24, iterations, SearchConfig()).moved  # some of them have been moved


@pytest.mark.slow
@ALL
def test_all_strokes_of_one_size(style: str) -> None:
    for iterations in (0, 5):
        found = sizes(get(**{**TINY, "iterations": iterations}, style=style, min_size=0.1, max_size=0.1)).double()
        assert (found - 0.1).abs().max() < 1e-5


@pytest.mark.slow
def test_sizes_of_an_own_brush_are_within_their_limits() -> None:
    found = sizes(get(brush="leaf.png", min_size=0.08, max_size=0.1)).double()
    assert found.min() >= 0.08 and found.max() <= 0.1


@pytest.mark.slow
def test_without_limits_sizes_go_beyond_them() -> None:
    found = sizes(get()).double()
    assert found.min() < 0.08 and found.max() > 0.12


@pytest.mark.slow
@ALL
@pytest.mark.parametrize("limits", ["0.3:0.6", "0.5:0.5", "0:0.2", "0:1"])
def test_opacity_is_within_its_limits(style: str, limits: str) -> None:
    low, high = (np.float32(limit) for limit in limits.split(":"))
    for iterations in (0, 5):
        result = get(**{**TINY, "iterations": iterations}, style=style, opacity=limits)
        found = result.painting.strokes.opacity.numpy()
        assert found.min() >= low and found.max() <= high
    assert limits != "0:1" or len(np.unique(found)) > 10


@pytest.mark.slow
def test_pale_strokes_cover_little() -> None:
    wanted = subject_of("face", config()).picture
    assert psnr(get(opacity="0:0.05"), wanted) < psnr(get(), wanted) - 3


# --- levels -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("levels", [1, 2, 4, 8])
def test_there_are_as_many_levels_as_asked_for(levels: int) -> None:
    seen: list[str] = []
    asked = config(levels=levels, iterations=100)  # so many that there is a step on each level
    result = paint(picture("face"), asked, lambda step: seen.append(step.stage))
    named = [stage for stage in dict.fromkeys(seen) if stage.startswith("level")]
    assert named == [f"level {k}/{levels}" for k in range(1, levels + 1)]
    assert len(make_plan(50, 100, SearchConfig(), levels).levels) == levels
    assert result.report["strokes"] == 50 and len(seen) == 100
    assert result.report["psnr"] > 17  # measured: 19 to 23 dB; the bare ground has 10.7


@pytest.mark.slow
def test_more_levels_begin_larger_and_end_smaller() -> None:
    plans = [make_plan(50, 0, SearchConfig(), levels).levels for levels in (1, 2, 4, 8)]
    first, last = ([plan[k].size for plan in plans] for k in (0, -1))
    assert first == sorted(first) and last == sorted(last, reverse=True)
    one, eight = (sizes(get(levels=levels, iterations=0)) for levels in (1, 8))
    # Strokes may become a few times larger or smaller than planned, where that gains more.
    of_first, of_last = eight[: plans[3][0].count], eight[-plans[3][-1].count :]
    assert of_first.mean() > 1.3 * one.mean() and of_last.mean() < 0.8 * one.mean()
