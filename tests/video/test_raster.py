"""The raster of a picture with an overscan: strokes in units of either look alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.clips import random_strokes

from painter.options.paint import PaintConfig
from painter.search.maps import stroke_maps
from painter.search.parameters import Constraints
from painter.search.target import Target
from painter.search.view import Runtime, View
from painter.video.camera import Camera
from painter.video.raster import Raster
from renderers.brushes import BRUSHES
from renderers.drawing import draw

SIZE, OVERSCAN = (48, 64), 10
WHOLE = Raster(SIZE, OVERSCAN)
STYLES = tuple(sorted(BRUSHES))


def view_of(shape: tuple[int, int]) -> View:
    target = Target(np.zeros((*shape, 3), np.float32), np.ones(3, np.float32))
    return View(target, Runtime(torch.device("cpu"), "cpu"))


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_strokes_on_the_whole_are_those_on_the_picture(style: str) -> None:
    """As the networks decode them, and as they are drawn."""
    strokes, maps = random_strokes(style, 6), stroke_maps(style, "cpu", "cpu")
    with torch.no_grad():
        picture, whole = (
            view_of(raster).render(some, maps).numpy()
            for raster, some in ((SIZE, strokes), (WHOLE.shape, WHOLE.outward(strokes)))
        )
    assert np.abs(WHOLE.seen(whole) - picture).max() < 2e-3
    bare = [np.ones((*shape, 3), np.float32) for shape in (SIZE, WHOLE.shape)]
    picture, whole = draw(strokes, bare[0]), draw(WHOLE.outward(strokes), bare[1])
    assert np.abs(WHOLE.seen(whole) - picture).mean() < 1e-3


@pytest.mark.parametrize("style", STYLES)
def test_strokes_come_back_from_the_whole(style: str) -> None:
    strokes = random_strokes(style, 20)
    back = WHOLE.inward(WHOLE.outward(strokes))
    for name, values in strokes.params.items():
        assert back.params[name].numpy() == pytest.approx(values.numpy(), abs=1e-6), name
    assert torch.equal(back.colors, strokes.colors) and torch.equal(back.seed, strokes.seed)
    boxes, moved = WHOLE.boxes(strokes), Raster(WHOLE.shape, 0).boxes(WHOLE.outward(strokes))
    assert moved.center == pytest.approx(boxes.center, abs=1e-3)
    assert moved.half == pytest.approx(boxes.half, rel=1e-3, abs=1e-2)


def test_without_an_overscan_nothing_is_copied() -> None:
    plain, strokes, image = Raster(SIZE, 0), random_strokes("rectangle", 3), np.zeros(SIZE)
    constraints = Constraints.of(PaintConfig(), SIZE, (0.1, 1.0), None)
    assert plain.outward(strokes) is strokes is plain.inward(strokes)
    assert plain.padded(image) is image and plain.allowed(constraints) is constraints and plain.picture.all()


def test_pictures_are_padded_and_cut_out_again() -> None:
    image = np.random.default_rng(0).random((*SIZE, 3))
    assert np.array_equal(WHOLE.seen(WHOLE.padded(image, "edge")), image)
    assert WHOLE.padded(image).shape == (68, 84, 3) and WHOLE.padded(image).sum() == pytest.approx(image.sum())
    assert WHOLE.picture.sum() == 48 * 64 and WHOLE.seen(WHOLE.picture).all()


def test_a_camera_is_the_same_on_the_whole() -> None:
    camera = Camera(np.array([[1.02, -0.05, 3.0], [0.05, 1.02, -1.0]]))
    whole = WHOLE.shifted(camera).flow(*WHOLE.shape)
    assert WHOLE.seen(whole) == pytest.approx(camera.flow(*SIZE), abs=1e-4)


@pytest.mark.parametrize("style", STYLES)
def test_limits_are_the_same_on_the_whole(style: str) -> None:
    config = replace(PaintConfig(), min_size=0.05, max_size=0.2)
    constraints = Constraints.of(config, SIZE, (0.1, 1.0), None)
    strokes = random_strokes(style, 30)
    brush = BRUSHES[style]
    bounded, whole = (
        brush.size(some.params)
        for some in (
            constraints.strokes(strokes),
            WHOLE.inward(WHOLE.allowed(constraints).strokes(WHOLE.outward(strokes))),
        )
    )
    assert whole.numpy() == pytest.approx(bounded.numpy(), rel=1e-3)


def test_about_how_many_pixels_are_seen() -> None:
    strokes = random_strokes("rectangle", 30)
    view, maps = view_of(SIZE), stroke_maps("rectangle", "cpu", "cpu")
    for n, pixels in enumerate(WHOLE.pixels_seen(strokes)):
        with torch.no_grad():
            opaque = replace(
                strokes[n : n + 1], opacity=torch.ones(1), colors=torch.zeros(1, 2, 3)[:, : strokes.colors.shape[1]]
            )
            painted = (view.render(opaque, maps).numpy()[..., 0] < 0.5).sum()
        assert pixels == pytest.approx(painted, rel=0.35, abs=25)


def test_pixels_count_less_the_farther_they_are_from_the_picture() -> None:
    weights = WHOLE.weights(0.25)
    assert (WHOLE.seen(weights) == 1).all()
    assert weights[30, :OVERSCAN] == pytest.approx(np.linspace(0.25, 1, OVERSCAN + 1)[:-1])
    assert weights[0, 0] == weights[0, 40] == weights[-1, -1] == 0.25
    assert (Raster(SIZE, 0).weights(0.25) == np.ones(SIZE)).all()
