"""The search that places strokes: palettes, regions, settling, moments, and states it goes on from."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from helpers.placing import BOUNDS, DEFAULTS, PAPER, make_search, same, scenery, seen, sizes

from painter.search.candidates import (
    make_scene,
)
from painter.search.climbing import best_candidates
from painter.search.placement import CLIMBED_OPACITY
from painter.search.search import Search
from painter.system.snapshot import dump, load
from renderers.brushes import BRUSHES, NETWORK_BRUSHES
from renderers.brushes.base import MAX_BEND

ALL = pytest.mark.parametrize("brush", list(NETWORK_BRUSHES))


@pytest.mark.slow
@pytest.mark.parametrize("iterations", [0, 20])
def test_only_the_palettes_colors_are_placed(iterations: int) -> None:
    palette = np.array([[0.1, 0.1, 0.2], [0.9, 0.3, 0.3], [0.95, 0.95, 0.9]], np.float32)
    search = make_search(scenery(), iterations=iterations, palette=palette)
    list(search.run())
    assert search.strokes is not None
    colors = search.strokes.colors.reshape(-1, 3).numpy()
    assert {tuple(color) for color in colors} <= {tuple(color) for color in palette}
    assert len(np.unique(colors, axis=0)) > 1


@pytest.mark.parametrize(("opacity", "expected"), [("auto", CLIMBED_OPACITY), ("0.7:0.9", 0.7), ("0.1:0.3", 0.3)])
def test_strokes_begin_as_opaque_as_is_usual_or_allowed(opacity: str, expected: float) -> None:
    search = make_search(scenery(), iterations=0, opacity=opacity)
    list(search.run())
    assert search.strokes is not None
    np.testing.assert_allclose(search.strokes.opacity.numpy(), expected, rtol=1e-6)


@ALL
@pytest.mark.parametrize("box", [(12, 36, 20, 44), (20, 26, 30, 36)])
def test_strokes_go_to_the_region(brush: str, box: tuple[int, int, int, int]) -> None:
    region = np.zeros((48, 64), np.float32)
    top, bottom, left, right = box
    region[top:bottom, left:right] = 1
    target = np.where(region[..., None] > 0, scenery(), PAPER)
    search = make_search(target, brush=brush, iterations=0, region=region)
    list(search.run())
    assert search.strokes is not None
    x, y = 64 * BRUSHES[brush].center(search.strokes.params).numpy().T
    off = np.hypot(np.maximum(np.maximum(left - x, x - right), 0), np.maximum(np.maximum(top - y, y - bottom), 0))
    length, width = (64 * values.numpy() for values in BRUSHES[brush].extent(search.strokes.params))
    assert (off <= 0.5 * np.hypot(length, width) + 2).all()  # they reach it
    assert np.array_equal(seen(search)[region == 0], np.broadcast_to(PAPER, ((region == 0).sum(), 3)))


@pytest.mark.slow
@ALL
def test_new_strokes_settle_alone(brush: str) -> None:
    """The error falls, and what has been painted before stays as it is."""
    errors = []
    for steps in (0, 1, 8):
        search = make_search(scenery(), brush=brush, strokes=40, iterations=40, settling=steps)
        search.add(10, 0.3, 64)
        first = search.strokes
        assert first is not None
        search.add(20, 0.1, 64)
        assert search.strokes is not None and same(search.strokes[:10], first)
        assert search.moments is not None
        assert search.moments["steps"][0].tolist() == [steps] * 30
        errors.append(np.square(seen(search) - scenery()).mean())
    assert errors[2] < 0.9 * errors[0] and errors[2] < errors[1]


def test_settled_strokes_keep_to_the_region_and_the_limits() -> None:
    region = np.zeros((48, 64), np.float32)
    region[10:40, 20:50] = 1
    target = np.where(region[..., None] > 0, scenery(), PAPER)
    search = make_search(target, strokes=30, iterations=40, region=region, settling=8, min_size=0.08, max_size=0.12)
    search.add(30, 0.1, 64)
    assert search.strokes is not None
    assert np.array_equal(seen(search)[region == 0], np.broadcast_to(PAPER, ((region == 0).sum(), 3)))
    found = sizes(search.strokes)
    assert found.min() >= 0.08 * (1 - 1e-6) and found.max() <= 0.12 * (1 + 1e-6)


def test_stout_candidates_bend_less() -> None:
    scene = make_scene(scenery(), np.broadcast_to(PAPER, (48, 64, 3)), np.ones((48, 64)), 0.5)
    seeds = np.array([[x, y, 0.3, 14.0, 8.0, 0.0] for x in range(8, 60, 8) for y in range(8, 44, 8)], np.float64)
    for limit in (0.02, 0.125):
        bounds = BOUNDS._replace(bend_by_slimness=limit)
        found, _ = best_candidates(scene, seeds, 12, 200, bounds, 3, gradient=False)
        most = np.minimum(MAX_BEND, limit * found[:, 3] / found[:, 4])
        assert (np.abs(found[:, 5]) <= most * (1 + 1e-9)).all() and (np.abs(found[:, 5]) > 0.5 * most).any()


@pytest.mark.slow
def test_moments_live_as_long_as_their_strokes() -> None:
    search = make_search(scenery(), strokes=30, iterations=40)
    stages = {stage.name: stage for stage in search.stages()}
    assert sum(stage.moved > 0 for stage in stages.values()) > 2
    before, last = torch.zeros(0), ""
    for progress in search.run():
        assert search.moments is not None and search.strokes is not None
        now = search.moments["steps"][0].clone()
        assert len(now) == len(search.strokes)
        stage = stages[progress.stage]
        fresh = (stage.added or stage.moved) if progress.stage != last else 0
        kept, new = now[: len(now) - fresh], now[len(now) - fresh :]
        assert (new == DEFAULTS.settling_steps + 1).all()
        if stage.moved and progress.stage != last:
            ages = Counter(before.tolist())
            assert Counter((kept - 1).tolist()) <= ages  # the others have gone
        else:
            assert torch.equal(kept, before + (not stage.fitted))
        assert all(len(part) == len(now) for parts in search.moments.values() for part in parts)
        before, last = now, progress.stage
    assert before.max() == DEFAULTS.settling_steps + search.taken - 1 and before.min() < before.max()


def run_stage(search: Search, at: int) -> None:
    """As `Search.run` does it."""
    stage = search.stages()[at]
    list(search.run_stage(stage))
    search._at += 1


@pytest.mark.slow
@pytest.mark.parametrize("brush", ["rectangle", "oilpaintbrush"])
def test_a_search_goes_on_between_stages(brush: str) -> None:
    search = make_search(scenery(), brush=brush)
    whole = make_search(scenery(), brush=brush)
    steps = [progress.strokes for progress in whole.run()]
    for at, stage in enumerate(search.stages()):
        again = make_search(scenery(), brush=brush)
        state = dump(search.state())
        again.restore(load(state))
        assert dump(again.state()) == state
        if at in (1, len(whole.stages()) // 2):  # as it is, to the end
            rest = list(again.run())
            assert again.taken == whole.taken and same(rest[-1].strokes, steps[-1])
        search = make_search(scenery(), brush=brush)
        search.restore(load(state))
        run_stage(search, at)
        if stage.steps:
            assert search.strokes is not None and same(search.strokes, steps[search.taken - 1])
    assert dump(search.state()) == dump(whole.state())


def test_a_state_without_its_moments_is_refused() -> None:
    search = make_search(scenery())
    run_stage(search, 0)
    state = load(dump(search.state()))
    shorter = {name: parts[:-1] for name, parts in state["moments"].items()}
    for moments in (None, {}, shorter):
        with pytest.raises((ValueError, LookupError, TypeError)):
            make_search(scenery()).restore({**state, "moments": moments})


def test_a_state_whose_unknowns_are_no_strokes_is_refused() -> None:
    """As a damaged autosave once had it: strokes of no height became strokes of no number at the next step."""
    search = make_search(scenery())
    next(search.run())
    state = load(dump(search.state()))
    make_search(scenery()).restore(state)
    for tensor in state["parameters"]["tensors"]:
        tensor.fill_(-1e9)
    with pytest.raises(ValueError, match=r"width|height|length|x|y"):
        make_search(scenery()).restore(state)


@pytest.mark.parametrize("name", ["x", "steps"])
def test_a_state_with_moments_below_zero_is_refused(name: str) -> None:
    """As a damaged autosave once had them: their roots are no numbers, and became a warning when strokes were drawn."""
    search = make_search(scenery())
    next(search.run())
    state = load(dump(search.state()))
    state["parameters"]["adam"][name][-1][0] = -1.0
    with pytest.raises(ValueError, match="at least 0"):
        make_search(scenery()).restore(state)
