"""Style, then paint: which pictures, what is painted, and that it resumes from any step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.style_network import network as network  # the fixture
from helpers.style_network import one_network as one_network  # the fixture
from skimage import data

from painter.errors import OptionError
from painter.options.paint import PaintConfig
from painter.options.restyle import RestyleConfig
from painter.pictures.arrays import LABEL, Arrays
from painter.pictures.photograph import is_photograph
from painter.pictures.pixels import LUMINANCE
from painter.pipeline import find_strokes, prepare
from painter.styling.features import Features
from painter.styling.styled_picture import with_own_light, with_picture
from painter.styling.styled_search import StyledSearch, StyledSubject, no_strokes
from painter.system.snapshot import dump, load
from painter.system.usage import Stopwatch

SMALL = PaintConfig(
    style="rectangle", size=32, strokes=10, iterations=4, focus="none", device="cpu", style_image=LABEL,
    style_mode="paint", style_iterations=5, features="random", texture=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """uint8 [26, 32, 3]"""
    return np.ascontiguousarray(data.coffee()[::15, ::19][:26, :32])


def stripes() -> np.ndarray:
    """uint8 [24, 24, 3]: a style in blue and yellow."""
    pixels = np.full((24, 24, 3), (30, 50, 140), np.uint8)
    pixels[::5], pixels[1::5] = (240, 210, 80), (20, 30, 90)
    return pixels


def subject(picture: np.ndarray, **options: Any) -> StyledSubject:
    found = prepare(picture, replace(SMALL, **options), Stopwatch(), arrays=Arrays(style=stripes()))
    assert isinstance(found, StyledSubject)
    return found


@pytest.mark.slow
def test_the_greatest_values_of_options_are_taken(photo: np.ndarray) -> None:
    search = StyledSearch(subject(photo, style_iterations=100_000, content_weight=1e6, content_loss="luminance"))
    assert search._picture is not None and search._picture.config.iterations == 100_000
    assert search._picture.config.content_loss == "features"
    assert (search._finishing.content_weight, search._finishing.content_loss) == (1e6, "luminance")


@pytest.mark.slow
def test_photographs_are_told_from_drawings(photo: np.ndarray) -> None:
    flat = np.repeat(np.repeat(photo[:5, :6], 8, axis=0), 8, axis=1)
    clear = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    assert is_photograph(photo) and is_photograph(clear) and not is_photograph(flat)
    clear[3, 4, 3] = 100
    assert not is_photograph(clear)
    assert not is_photograph(photo[:1, :1])


@pytest.mark.parametrize(("trained", "drawn", "mode"), [(True, False, "paint"), (True, True, "color"),
                                                        (False, False, "color")])  # fmt: skip
def test_auto_styles_photographs_before_they_are_painted(
    trained: bool, drawn: bool, mode: str, photo: np.ndarray, network: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "kind", "hed" if trained else "random")
    picture = np.full_like(photo, 90) if drawn else photo
    assert subject(picture, style_mode="auto").config.style_mode == mode


@pytest.mark.slow
def test_the_styled_picture_is_what_is_painted(photo: np.ndarray) -> None:
    asked = subject(photo)
    run, seen = StyledSearch(asked), []
    for progress in run.run():
        seen.append((progress.stage.split(" ")[0], progress.step, progress.steps, len(progress.strokes)))
        assert progress.canvas().shape[2] == 3
    assert run._pixels is not None and run._pixels.shape == photo.shape
    target = run._plain.target.image
    assert np.abs(target - run._pixels / 255).max() < 0.01 and not np.array_equal(run._pixels, asked.picture)
    counts = [count for _, _, _, count in seen]
    assert counts[0] == 0 and counts[-1] == 10
    steps = [step for _, step, _, _ in seen]
    assert steps == sorted(steps) and steps[-1] == 10 + 4 + 2 == seen[-1][2]
    assert run.styled is not None and run.styled.losses is not None


@pytest.mark.slow
def test_it_goes_on_from_any_step(photo: np.ndarray) -> None:
    asked = subject(photo)
    search, states = StyledSearch(asked), {}
    for progress in search.run():
        if progress.step in (3, 12, 15):
            states[progress.step] = dump(search.state())
    assert len(states) == 3
    for state in states.values():
        again = StyledSearch(asked)
        again.restore(load(state))
        for _ in again.run():
            pass
        assert search.strokes is not None and again.strokes is not None
        assert torch.equal(search.strokes.colors, again.strokes.colors)
        assert all(torch.equal(values, again.strokes.params[name]) for name, values in search.strokes.params.items())
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
        StyledSearch(asked).restore({**load(states[12]), "pixels": torch.zeros(3)})


@pytest.mark.slow
def test_faces_have_light_and_dark_of_their_own(photo: np.ndarray) -> None:
    """In the focus they are the mean of the picture's and the one in the style's colours; elsewhere nothing changes."""
    focus = np.zeros(photo.shape[:2], np.uint8)
    focus[:, 16:] = 255
    asked = prepare(photo, replace(SMALL, focus=LABEL), Stopwatch(), arrays=Arrays(style=stripes(), focus=focus))
    assert isinstance(asked, StyledSubject)
    picture = StyledSearch(asked)._picture
    assert picture is not None
    pixels = np.full((*photo.shape[:2], 3), 0.5, np.float32)
    faces = with_own_light(picture, pixels, 0.5)
    assert np.array_equal(faces[:, :14], pixels[:, :14])
    scene = picture.sources.scene(picture.config, picture.config.scales - 1)
    wanted = (scene.content + photo / 255) / 2 @ LUMINANCE
    inside = np.s_[:, 20:]
    assert np.abs(faces @ LUMINANCE - wanted)[inside].max() < 0.01 < np.abs(pixels @ LUMINANCE - wanted)[inside].max()
    assert np.allclose(np.ptp(faces - pixels, axis=2), 0, atol=1e-6), "colours differ in brightness only"
    for none in (subject(photo), replace(asked, config=replace(asked.config, content_weight=0.0))):
        without = StyledSearch(none)._picture
        assert without is not None and with_own_light(without, pixels, 0.5) is pixels


def test_ground_region_and_palette_stay(photo: np.ndarray) -> None:
    pixels = np.full((*photo.shape[:2], 3), 0.25, np.float32)
    region = np.zeros(photo.shape[:2], np.uint8)
    region[:, 16:] = 255
    plain = prepare(photo, replace(SMALL, canvas="#ff0000"), Stopwatch(),
                    arrays=Arrays(style=stripes(), region=region))  # fmt: skip
    painted = with_picture(plain, pixels)
    assert painted.ground == (1.0, 0.0, 0.0)
    assert np.allclose(painted.target.image[:, 20:], 0.25) and np.allclose(painted.target.image[:, :10], (1, 0, 0))
    few = prepare(photo, replace(SMALL, palette="#101010,#c0c0c0"), Stopwatch(), arrays=Arrays(style=stripes()))
    assert with_picture(few, pixels).ground in ((16 / 255,) * 3, (192 / 255,) * 3)
    assert with_picture(subject(photo), pixels).ground == (64 / 255,) * 3, "the styled picture's mean"


def test_stopped_before_there_is_a_stroke(photo: np.ndarray) -> None:
    def stop(_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_strokes(subject(photo), Stopwatch(), stop)
    assert len(no_strokes("oilpaintbrush")) == 0


def test_a_weight_of_nothing_styles_nothing(photo: np.ndarray) -> None:
    run = StyledSearch(subject(photo, style_weight=0.0))
    assert run._picture is None


def test_strokes_of_a_file_have_no_photograph() -> None:
    with pytest.raises(OptionError, match="--style-mode paint: unknown; choose from color, texture"):
        RestyleConfig(style_mode="paint")
