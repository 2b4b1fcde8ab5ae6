"""Every control does what it says, from `paint` to the pixels."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from skimage import data

from painter import PaintConfig, paint
from painter.config import STYLES, SearchConfig
from painter.errors import OptionError
from painter.focus import find_faces
from painter.metrics import compare
from painter.painting import Painting
from painter.palette import nearest
from painter.pipeline import Result
from painter.plan import make_plan
from painter.presets import PRESETS
from painter.search import Progress
from painter.subject import Subject, prepare_subject
from renderers.brushes import BRUSHES

ALL = pytest.mark.parametrize("style", STYLES)
GREY = "#808080"
FOUR = "#1a1a2e,#e94560,#f5d547,#f0f0f0"
# What every painting here begins with; watercolour has a paper and opacities of its own.
BASE = {"style": "rectangle", "size": 96, "strokes": 50, "iterations": 40, "focus": "none", "canvas": GREY}
TINY = {"size": 64, "strokes": 24, "iterations": 16}


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
    return PaintConfig(**{**BASE, **options})


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
    return BRUSHES[strokes.brush].size(strokes.shape)


def same_strokes(one: Result, other: Result) -> bool:
    a, b = one.painting.strokes, other.painting.strokes
    return torch.equal(a.colors, b.colors) and all(torch.equal(a.shape[name], b.shape[name]) for name in a.shape)


# --- focus --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["watercolor", "markerpen"])
def test_focus_makes_its_place_more_exact(style: str) -> None:
    options = {"style": style, "strokes": 60}
    plain, focused = get(**options), get(**options, focus="small.png")
    wanted = subject_of("face", config()).picture
    assert focused.report["strokes"] == plain.report["strokes"]
    # Measured: 1.2 to 2.4 dB.
    assert psnr(focused, wanted, mask_of()) > psnr(plain, wanted, mask_of()) + 0.5
    assert psnr(focused, wanted) < psnr(plain, wanted) + 0.2  # paid for elsewhere


def test_focus_weighs_in_the_loss() -> None:
    # A stroke over all of these stripes takes a mean colour, in which every other one counts five times as much.
    stripes, seen = picture("stripes"), []
    for bright in (False, True):
        Image.fromarray(np.uint8(255 * ((stripes[..., 0] > 128) == bright))).save("stripes.png")
        asked = config(size=64, strokes=1, min_size=1.0, iterations=60, loss="l2", focus="stripes.png", opacity="1:1")
        seen.append(float(np.median(paint(stripes, asked).image)))
    # Measured: 44 to 47 and 210; 128 both times if all pixels count the same.
    assert seen[0] < 75 and seen[1] > 180


def test_focus_finds_the_face_itself() -> None:
    options = {"style": "markerpen", "strokes": 80, "iterations": 80}
    ((x, y, width, height),) = find_faces(picture("face").astype(np.float32) / 255)
    face = np.zeros((96, 96), bool)
    face[y : y + height, x : x + width] = True
    wanted = subject_of("face", config()).picture
    # Measured: 1.3 to 2.1 dB.
    assert psnr(get(**options, focus="auto"), wanted, face) > psnr(get(**options), wanted, face) + 0.5


# --- region -------------------------------------------------------------------------------------------------


def outside_is_bare(image: np.ndarray, bare: tuple[int, ...], outside: np.ndarray) -> bool:
    return bool((image[outside] == bare).all())


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
    result = get(name, canvas=canvas, region="mask.png", relief=relief)
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


@ALL
def test_the_effort_goes_into_the_region(style: str) -> None:
    wanted = subject_of("face", config()).picture
    whole, part = get(style=style), get(style=style, region="mask.png")
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


def test_a_soft_region_fades_into_the_ground() -> None:
    result = get("plate", region="soft.png", canvas="black")
    shown = subject_of("plate", config(region="soft.png", canvas="black")).region
    assert shown is not None and outside_is_bare(result.image, (0, 0, 0), shown == 0)
    plain = replace(result.painting, region=None).draw().astype(float)
    assert np.abs(result.image - shown[..., None] * plain).max() <= 1
    half = (shown > 0.3) & (shown < 0.7)
    assert half.sum() > 300 and 20 < result.image[half].max(axis=1).mean() < 200


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


@ALL
@pytest.mark.parametrize("iterations", [0, 12])
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


@ALL
def test_all_strokes_of_one_size(style: str) -> None:
    for iterations in (0, 16):
        found = sizes(get(**{**TINY, "iterations": iterations}, style=style, min_size=0.1, max_size=0.1)).double()
        assert (found - 0.1).abs().max() < 1e-5


def test_sizes_of_an_own_brush_are_within_their_limits() -> None:
    found = sizes(get(brush="leaf.png", min_size=0.08, max_size=0.1)).double()
    assert found.min() >= 0.08 and found.max() <= 0.1


def test_without_limits_sizes_go_beyond_them() -> None:
    found = sizes(get()).double()
    assert found.min() < 0.08 and found.max() > 0.12


@ALL
@pytest.mark.parametrize("limits", ["0.3:0.6", "0.5:0.5", "0:0.2", "0:1"])
def test_opacity_is_within_its_limits(style: str, limits: str) -> None:
    low, high = (np.float32(limit) for limit in limits.split(":"))
    for iterations in (0, 16):
        result = get(**{**TINY, "iterations": iterations}, style=style, opacity=limits)
        found = result.painting.strokes.opacity.numpy()
        assert found.min() >= low and found.max() <= high
    assert limits != "0:1" or len(np.unique(found)) > 10


def test_pale_strokes_cover_little() -> None:
    wanted = subject_of("face", config()).picture
    assert psnr(get(opacity="0:0.05"), wanted) < psnr(get(), wanted) - 3


# --- levels -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [1, 2, 4, 8])
def test_there_are_as_many_levels_as_asked_for(levels: int) -> None:
    seen: list[str] = []
    result = paint(picture("face"), config(levels=levels), lambda step: seen.append(step.stage))
    named = [stage for stage in dict.fromkeys(seen) if stage.startswith("level")]
    assert named == [f"level {k}/{levels}" for k in range(1, levels + 1)]
    assert len(make_plan(50, 40, SearchConfig(), levels).levels) == levels
    assert result.report["strokes"] == 50 and len(seen) == 40
    assert result.report["psnr"] > 17  # measured: 19 to 23 dB; the bare ground has 10.7


def test_more_levels_begin_larger_and_end_smaller() -> None:
    plans = [make_plan(50, 0, SearchConfig(), levels).levels for levels in (1, 2, 4, 8)]
    first, last = ([plan[k].size for plan in plans] for k in (0, -1))
    assert first == sorted(first) and last == sorted(last, reverse=True)
    one, eight = (sizes(get(levels=levels, iterations=0)) for levels in (1, 8))
    assert eight.max() > 1.5 * one.max() and eight.min() < 0.6 * one.min()


# --- colours ------------------------------------------------------------------------------------------------


def hexes(colors: np.ndarray) -> set[str]:
    """Names of [..., 3] colours; they must be whole 8-bit steps."""
    levels = np.rint(colors.reshape(-1, 3) * 255)
    assert np.array_equal(colors.reshape(-1, 3), levels.astype(np.float32) / np.float32(255))
    return {"#" + "".join(f"{int(level):02x}" for level in color) for color in np.unique(levels, axis=0)}


@ALL
@pytest.mark.parametrize("palette", ["5", FOUR])
def test_strokes_have_colors_of_the_palette(style: str, palette: str) -> None:
    for iterations in (0, 16):
        result = get(**{**TINY, "iterations": iterations}, style=style, palette=palette, canvas="auto")
        listed = result.report["palette"]
        assert listed == FOUR.split(",") if palette == FOUR else len(listed) == 5
        used = hexes(result.painting.strokes.colors.numpy())
        assert used <= set(listed) and len(used) > 2
        assert result.report["ground"] in listed or (style == "watercolor" and palette == "5")


def test_the_ground_that_is_asked_for_need_not_be_of_the_palette() -> None:
    result = get(palette=FOUR)
    assert result.report["ground"] == GREY and GREY not in result.report["palette"]


def test_without_a_palette_there_are_many_colors() -> None:
    result = get()
    assert result.report["palette"] is None
    assert len(np.unique(result.painting.strokes.colors.numpy().reshape(-1, 3), axis=0)) == 50


@pytest.mark.parametrize("style", ["rectangle", "markerpen"])
def test_searching_in_few_colors_is_better_than_snapping_to_them(style: str) -> None:
    options = {"style": style, "strokes": 80, "iterations": 90}
    free, few = get(**options), get(**options, palette="3")
    subject = subject_of("face", config(**options, palette="3"))
    colors = subject.goal.palette
    assert colors is not None
    strokes = free.painting.strokes
    snapped = torch.from_numpy(colors[nearest(strokes.colors.numpy(), colors)])
    painting = Painting(replace(strokes, colors=snapped), free.painting.aspect, free.painting.ground, config())
    # Measured: 1.2 to 1.8 dB.
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


def test_tones_leave_few_colors_to_paint() -> None:
    for count in (2, 5):
        areas = areas_of(subject_of("face", config(tones=count, size=256)).picture)
        # The rest are blends along the borders.
        assert len(areas) == count and sum(share for _, share in areas) > 0.7
    result, toned = get(tones=5), subject_of("face", config(tones=5)).picture
    assert result.report["psnr"] == compare(result.image, toned)["psnr"]
    assert psnr(result, toned) > psnr(get(), toned) + 1


def test_tones_of_a_palette_have_its_colors() -> None:
    areas = areas_of(subject_of("face", config(tones=4, palette=FOUR, size=256)).picture)
    wanted = [np.array(list(bytes.fromhex(name[1:]))) for name in FOUR.split(",")]
    assert len(areas) == 4
    assert all(any(np.abs(color - other).max() <= 2 for color, _ in areas) for other in wanted)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_paint(name: str) -> None:
    settings = {**PRESETS[name].settings, **TINY}
    asked = PaintConfig(**settings)
    result = painted("face", asked)
    assert result.painting.strokes.brush == asked.style and result.report["strokes"] == 24
    assert (result.report["palette"] is None) == (asked.palette is None)
    if asked.palette is not None:
        assert hexes(result.painting.strokes.colors.numpy()) <= set(asked.palette.split(","))
        assert result.report["ground"] in asked.palette.split(",")
    wanted = subject_of("face", asked).picture
    bare = next(result.painting.frames(64, 2))
    assert psnr(result, wanted) > psnr(bare, wanted) + 2


# --- an own brush -------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("style", [*STYLES, "leaf"])
def test_relief_is_in_the_light_only(style: str) -> None:
    options = {"brush": "leaf.png"} if style == "leaf" else {"style": style}
    plain, lit = get(**options), get(**options, relief=0.4)
    assert same_strokes(plain, lit)
    for name in ("psnr", "ssim", "l1", "seen_psnr", "strokes", "ground"):
        assert plain.report[name] == lit.report[name]
    more, less = (lit.painting.draw(relief=relief) for relief in (1.0, 0.1))
    changes = [np.abs(image.astype(int) - plain.image).mean() for image in (less, lit.image, more)]
    assert 0 < changes[0] < changes[1] < changes[2] < 40
    assert np.array_equal(lit.painting.draw(relief=0.0), plain.image)
    assert np.array_equal(list(lit.painting.frames(96, 3))[-1], lit.image)


def test_no_relief_is_the_default() -> None:
    assert np.array_equal(get(relief=0.0).image, paint(picture("face"), config()).image)


# --- time ---------------------------------------------------------------------------------------------------


class Ticking:
    """Stands for `time.monotonic`: a hundredth of a second a look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.01
        return self.now


def test_the_search_ends_in_time_with_all_its_strokes() -> None:
    slow = config(strokes=400, iterations=100_000, size=128, seconds=1.0)
    paint(picture("face"), slow)  # compiles what is not compiled yet
    seen: list[Progress] = []
    begin = time.monotonic()
    result = paint(picture("face"), replace(slow, seconds=1.5), seen.append)
    # About 1.6 s; machines may be busy.
    assert 1.2 < time.monotonic() - begin < 4
    assert result.report["strokes"] == len(result.painting.strokes) == 400
    assert len(seen) == seen[-1].step < 20_000 and not result.interrupted


def test_a_limit_on_time_is_shared_out_among_all_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Ticking()
    monkeypatch.setattr("painter.pace.time.monotonic", clock)
    seen: list[Progress] = []
    result = paint(picture("face"), config(**{**TINY, "iterations": 20_000}, seconds=3.0), seen.append)
    assert clock.now < 3.5 and result.report["strokes"] == 24
    stages = dict.fromkeys(step.stage for step in seen)
    assert [stage for stage in stages if stage.startswith("level")] == [f"level {k}/4" for k in range(1, 5)]
    assert list(stages)[-6:] == [*(f"moving {k}/4" for k in range(1, 5)), "full size", "colours"]
    assert 100 < len(seen) < 300


def test_without_a_limit_the_clock_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Ticking()
    clock.now = -1e9
    monkeypatch.setattr("painter.pace.time.monotonic", clock)
    again = paint(picture("face"), config())
    assert same_strokes(again, get()) and np.array_equal(again.image, get().image)


def test_enough_time_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("painter.pace.time.monotonic", lambda: 5.0)
    assert same_strokes(paint(picture("face"), config(seconds=1000.0)), get())


# --- together -----------------------------------------------------------------------------------------------


def test_region_focus_palette_and_a_picture_on_nothing_go_together(tmp_path: Path) -> None:
    asked = config(canvas="auto", palette="3", focus="auto", region="mask.png", relief=0.4, ot=0.05, levels=3)
    result = painted("logo", asked)
    assert result.image.shape == (96, 96, 4) and result.report["ground"] == "transparent"
    assert not result.image[~mask_of()].any()
    assert hexes(result.painting.strokes.colors.numpy()) <= set(result.report["palette"])
    assert result.report["alpha_iou"] > 0.9
    result.save(tmp_path / "a.png", tmp_path / "a.gif")
    for frame in result.painting.frames(96, 5):
        assert not frame[~mask_of()].any()


def test_brush_palette_and_region_go_together() -> None:
    result = get(brush="leaf.png", palette=FOUR, region="soft.png", opacity="0.4:0.9", canvas="auto")
    strokes = result.painting.strokes
    assert strokes.brush.startswith("stamp-") and hexes(strokes.colors.numpy()) <= set(FOUR.split(","))
    assert strokes.opacity.min() >= np.float32(0.4) and strokes.opacity.max() <= np.float32(0.9)
    shown = result.painting.region
    assert shown is not None and result.report["ground"] in FOUR.split(",")
    bare = tuple(bytes.fromhex(result.report["ground"][1:]))
    assert outside_is_bare(result.image, bare, shown == 0)


EVERYTHING = {
    "brush": "leaf.png", "palette": FOUR, "tones": 4, "focus": "mask.png", "region": "soft.png", "min_size": 0.05,
    "max_size": 0.2, "opacity": "0.3:0.8", "levels": 6, "relief": 0.5, "loss": "l1", "ot": 0.1, "canvas": "transparent",
}  # fmt: skip


@pytest.mark.parametrize("iterations", [0, 30])
@pytest.mark.parametrize("name", ["face", "logo"])
def test_everything_at_once(name: str, iterations: int) -> None:
    result = get(name, **EVERYTHING, iterations=iterations)
    strokes, found = result.painting.strokes, sizes(result).double()
    assert len(strokes) == 50 and found.min() >= 0.05 and found.max() <= 0.2
    assert hexes(strokes.colors.numpy()) <= set(FOUR.split(","))
    assert strokes.opacity.min() >= np.float32(0.3) and strokes.opacity.max() <= np.float32(0.8)
    region = result.painting.region
    assert region is not None and not result.image[region == 0].any() and result.image[region > 0.9].any()


def test_everything_at_once_and_the_count_as_well() -> None:
    result = get(**{**TINY, **EVERYTHING, "strokes": "auto"})
    again = get(**{**TINY, **EVERYTHING, "strokes": result.report["strokes"]})
    assert np.array_equal(result.image, again.image)


# --- the same again -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"focus": "auto"}, {"focus": "mask.png"}, {"region": "soft.png"}, {"min_size": 0.08, "max_size": 0.12},
        {"opacity": "0.3:0.6"}, {"levels": 8}, {"palette": "5"}, {"tones": 3}, {"brush": "leaf.png"}, {"relief": 0.5},
        {"loss": "l2"}, {"ot": 0.05}, EVERYTHING,
    ],
    ids=lambda options: next(iter(options)) if len(options) < 5 else "everything",
)  # fmt: skip
def test_the_same_seed_gives_the_same_painting(options: dict[str, Any]) -> None:
    asked = config(**TINY, **options)
    first, again = (paint(picture("face"), asked) for _ in range(2))
    assert first.image.tobytes() == again.image.tobytes() and same_strokes(first, again)
    other = paint(picture("face"), replace(asked, seed=1))
    assert other.image.tobytes() != first.image.tobytes()


def test_limits_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(OptionError, match="--min-size"):
        config(min_size=0.2, max_size=0.1)
    with pytest.raises(OptionError, match="--until-psnr"):
        config(strokes="auto", until_psnr=20.0)
