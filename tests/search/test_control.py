"""A run that is paused, resumed and stopped from outside, and seen from outside."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.pictures import picture

from painter import Arrays, Control, PaintConfig, paint
from painter.errors import OptionError, PictureError
from painter.search.staged_run import Progress
from painter.search.subject import prepare_subject
from painter.search.time_budget import TimeBudget

SMALL = PaintConfig(style="rectangle", strokes=12, size=48, iterations=6, texture=0.0)


@pytest.fixture(scope="module")
def plain() -> np.ndarray:
    return paint(picture(), SMALL).image


def test_stopping_keeps_what_is_there() -> None:
    control, steps = Control(), []

    def watch(progress: Progress) -> None:
        steps.append(progress.step)
        if progress.step == 3:
            control.stop()

    result = paint(picture(), SMALL, watch, control)
    assert steps == [1, 2, 3] and result.interrupted and len(result.painting.strokes) > 0
    assert control.stopped and not paint(picture(), SMALL, None, control).painting.strokes.opacity.isnan().any()


@pytest.mark.slow
def test_a_paused_run_waits_and_goes_on_to_the_same_painting(plain: np.ndarray) -> None:
    control, waits = Control(), threading.Event()

    def watch(progress: Progress) -> None:
        if progress.step == 2:
            control.pause()
            waits.set()
        assert progress.step <= 2 or not control.paused

    def resume() -> None:
        assert waits.wait(20) and control.paused
        time.sleep(0.1)
        control.resume()

    helper = threading.Thread(target=resume)
    helper.start()
    result = paint(picture(), SMALL, watch, control)
    helper.join()
    assert not result.interrupted and np.array_equal(result.image, plain)


def test_a_paused_run_can_be_stopped() -> None:
    control = Control()
    control.pause()
    threading.Timer(0.1, control.stop).start()
    assert not control.wait(TimeBudget(None))


@pytest.mark.slow
def test_the_clock_stands_still_in_a_pause() -> None:
    budget, control = TimeBudget(10.0), Control()
    budget.begin()
    before = budget.seconds_left()
    control.pause()
    threading.Timer(0.4, control.resume).start()
    assert control.wait(budget)
    assert before - budget.seconds_left() < 0.2
    time.sleep(0.05)
    assert budget.seconds_left() < before - 0.04, "and goes on after it"


@pytest.mark.slow
def test_progress_shows_its_canvas() -> None:
    shown: list[np.ndarray] = []
    paint(picture(), SMALL, lambda progress: shown.append(progress.canvas()))
    final = paint(picture(), SMALL).painting.draw(max(shown[-1].shape[:2])).astype(float)
    assert shown[-1].dtype == np.uint8 and shown[-1].shape == final.shape
    errors = [float(np.square(one - final).mean()) for one in (shown[-1], 255 * np.ones_like(final))]
    assert errors[0] < errors[1] / 10
    with pytest.raises(ValueError, match="does not show"):
        Progress("stage", 1, 1, paint(picture(), SMALL).painting.strokes, 0.0, 1.0).canvas()


@pytest.mark.slow
def test_it_works_where_gradients_are_switched_off(plain: np.ndarray) -> None:
    with torch.inference_mode():
        assert np.array_equal(paint(picture(), SMALL).image, plain)
    with torch.no_grad():
        assert np.array_equal(paint(picture(), SMALL).image, plain)


# --- arrays in place of files ------------------------------------------------------------------------------------


def halves(dtype: type = np.uint8) -> np.ndarray:
    mask: np.ndarray = np.zeros((36, 48), dtype)
    mask[:, :24] = 255 if dtype is np.uint8 else 1
    return mask


@pytest.mark.parametrize("mask", [halves(), halves(np.float32), np.repeat(halves()[..., None], 3, axis=2)])
def test_a_region_may_be_an_array(mask: np.ndarray) -> None:
    result = paint(picture(), SMALL, arrays=Arrays(region=mask))
    bare = np.array(result.painting.ground) * 255
    assert np.abs(result.image[:, 26:] - bare).max() <= 1 and np.abs(result.image[:, :22] - bare).max() > 50


@pytest.mark.slow
def test_palette_focus_and_brush_may_be_arrays() -> None:
    y, x = np.mgrid[-1:1:20j, -1:1:20j]
    dot = (255 * (x * x + y * y < 0.8)).astype(np.uint8)
    palette = np.array([[0, 0, 0], [255, 0, 0]], np.uint8)
    arrays = Arrays(focus=halves(), palette=palette, brush=dot)
    painting = paint(picture(), SMALL, arrays=arrays).painting
    assert painting.strokes.brush.startswith("stamp-")
    assert painting.about["palette"] == ["#000000", "#ff0000"] == str(painting.config.palette).split(",")
    assert {tuple(color) for color in painting.strokes.colors[:, 0].tolist()} <= {(0.0, 0.0, 0.0), (1.0, 0.0, 0.0)}


def test_arrays_decide_what_may_be_resumed() -> None:
    one, same, other = (
        prepare_subject(picture(), SMALL, Arrays(region=m)) for m in (halves(), halves(), 255 - halves())
    )
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()


@pytest.mark.slow
def test_a_style_may_be_an_array() -> None:
    config = replace(SMALL, style_image="an array", features="random", style_iterations=1)
    shown: list[np.ndarray] = []
    result = paint(picture(), config, lambda progress: shown.append(progress.canvas()), arrays=Arrays(style=picture(9)))
    assert result.report["style"]["after"] and shown[-1].shape[2] == 3


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (Arrays(region=np.zeros((36, 48), np.uint8)), "--region an array: the mask is black everywhere"),
        (Arrays(focus=np.ones((9, 99))), "--focus an array: the mask has 99 x 9 pixels but the picture 48 x 36"),
        (Arrays(palette=np.ones((3, 4))), r"a palette must be an array \[K, 3\], not \[3, 4\]"),
        (Arrays(palette=np.full((3, 3), 7.0)), "a palette must be uint8, or floats"),
        (Arrays(palette=np.random.default_rng(1).random((300, 3))), "--palette"),
        (Arrays(brush=np.zeros((5, 5))), "--brush an array: it is empty"),
    ],
)
def test_bad_arrays_are_refused_in_one_line(arrays: Arrays, message: str) -> None:
    with pytest.raises((PictureError, OptionError), match=f"^{message}") as caught:
        prepare_subject(picture(), SMALL, arrays)
    assert "\n" not in str(caught.value)
