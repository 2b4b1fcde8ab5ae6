"""Time, and all controls at once: what is asked for together is there together."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.controls import (
    FOUR,
    TINY,
    config,
    get,
    hexes,
    mask_of,
    outside_is_bare,
    painted,
    picture,
    same_strokes,
    sizes,
)
from helpers.controls import files as files  # the fixture

from painter import paint
from painter.errors import OptionError
from painter.search.config import SearchConfig
from painter.search.plan import make_plan
from painter.search.staged_run import (
    Progress,
)

# --- time ---------------------------------------------------------------------------------------------------


class Ticking:
    """Stands for `time.monotonic`: a hundredth of a second a look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.01
        return self.now


@pytest.mark.slow
def test_the_search_ends_in_time_with_all_its_strokes() -> None:
    slow = config(strokes=400, iterations=100_000, size=128, seconds=1.5)
    paint(picture("face"), config(iterations=10))  # compiles what is not compiled yet
    seen: list[Progress] = []
    begin = time.monotonic()
    result = paint(picture("face"), slow, seen.append)
    # About 1.6 s; machines may be busy.
    assert 1.2 < time.monotonic() - begin < 4
    assert result.report["strokes"] == len(result.painting.strokes) == 400
    assert len(seen) == seen[-1].step < 20_000 and not result.interrupted


@pytest.mark.slow
def test_a_limit_on_time_is_shared_out_among_all_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Ticking()
    monkeypatch.setattr("painter.search.time_budget.time.monotonic", clock)
    seen: list[Progress] = []
    result = paint(picture("face"), config(**{**TINY, "iterations": 20_000}, seconds=3.0), seen.append)
    assert clock.now < 3.5 and result.report["strokes"] == 24
    stages = dict.fromkeys(step.stage for step in seen)
    rounds = len(make_plan(24, 20_000, SearchConfig(), seconds=3.0).move_steps)
    assert 4 < rounds < len(make_plan(24, 20_000, SearchConfig()).move_steps)
    moves = [stage for stage in stages if stage.startswith("moving")]
    assert list(stages) == [*(f"level {k}/4" for k in range(1, 5)), *moves, "full size", "as drawn"]
    # A look at the clock costs more here than a round has: rounds are left out, and none is without its steps. So does
    # the fit of colours.
    numbers = [int(stage.split()[1].split("/")[0]) for stage in moves]
    assert numbers == sorted(numbers) and 4 < len(moves) < rounds
    taken = Counter(step.stage for step in seen)
    assert min(taken[stage] for stage in moves) >= SearchConfig().least_move_steps
    assert 100 < len(seen) < 300


@pytest.mark.slow
def test_without_a_limit_the_clock_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Ticking()
    clock.now = -1e9
    monkeypatch.setattr("painter.search.time_budget.time.monotonic", clock)
    again = paint(picture("face"), config())
    assert same_strokes(again, get()) and np.array_equal(again.image, get().image)


@pytest.mark.slow
def test_enough_time_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("painter.search.time_budget.time.monotonic", lambda: 5.0)
    assert same_strokes(paint(picture("face"), config(seconds=1000.0)), get())


# --- together -----------------------------------------------------------------------------------------------


@pytest.mark.slow
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


@pytest.mark.slow
def test_brush_palette_and_region_go_together() -> None:
    result = get(brush="leaf.png", palette=FOUR, region="soft.png", opacity="0.4:0.9", canvas="auto")
    strokes = result.painting.strokes
    assert strokes.brush.startswith("stamp-") and hexes(strokes.colors.numpy()) <= set(FOUR.split(","))
    assert strokes.opacity.min() >= np.float32(0.4) and strokes.opacity.max() <= np.float32(0.9)
    shown = result.painting.region
    assert shown is not None and result.report["ground"] in FOUR.split(",")
    bare = tuple(bytes.fromhex(result.report["ground"][1:]))
    assert outside_is_bare(result.image, bare, shown == 0)


EVERYTHING: dict[str, Any] = {
    "brush": "leaf.png", "palette": FOUR, "tones": 4, "focus": "mask.png", "region": "soft.png", "min_size": 0.05,
    "max_size": 0.2, "opacity": "0.3:0.8", "levels": 6, "relief": 0.5, "loss": "l1", "ot": 0.1, "canvas": "transparent",
}  # fmt: skip


@pytest.mark.slow
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


@pytest.mark.slow
def test_everything_at_once_and_the_count_as_well() -> None:
    result = get(**{**TINY, **EVERYTHING, "strokes": "auto"})
    again = get(**{**TINY, **EVERYTHING, "strokes": result.report["strokes"]})
    assert np.array_equal(result.image, again.image)


# --- the same again -----------------------------------------------------------------------------------------


@pytest.mark.slow
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
