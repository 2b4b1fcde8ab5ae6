"""Tubes of artists' colours: mixtures, recipes, palettes of them."""

from __future__ import annotations

import numpy as np
import pytest

from painter import PaintConfig, paint
from painter.errors import OptionError
from painter.pictures.color import levels_of, to_hex
from painter.pictures.palette import check_palette_text, nearest, read_palette, recipes
from painter.pictures.tubes import MOST_TUBES, TUBES, mixtures, recipe, tube_names
from renderers.spectra import mix_pigments

FIVE = ("yellow", "ultramarine", "red", "white", "umber")


def seaside() -> np.ndarray:
    """[64, 64, 3] float32: green-blue sea under a pale sky, a face in front of it."""
    y, x = np.mgrid[0:1:64j, 0:1:64j]
    sky, sea, skin = (np.array(color, np.float32) / 255 for color in ((196, 210, 206), (64, 132, 112), (214, 160, 130)))
    picture = sky + np.clip(6 * (y - 0.4), 0, 1)[..., None] * (sea - sky)
    inside = ((x - 0.5) ** 2 + (y - 0.6) ** 2 < 0.05)[..., None]
    shaded: np.ndarray = np.where(inside, skin * (1.1 - 0.5 * x[..., None]), picture).astype(np.float32)
    return shaded.clip(0, 1)


def test_every_tube_has_a_pigment_of_its_own_and_a_colour() -> None:
    assert set(FIVE) <= set(TUBES)
    for name, tube in TUBES.items():
        assert name == name.lower() and tube.pigment and tube.index[0] in "PN"
        levels_of(tube.color)
    assert len({tube.color for tube in TUBES.values()}) == len(TUBES)


def test_mixtures_are_different_and_begin_with_the_tubes() -> None:
    for names in (FIVE, tuple(TUBES)[:MOST_TUBES]):
        colors, parts = mixtures(names)
        assert np.array_equal(parts[: len(names)], np.eye(len(names)))
        assert len(np.unique(colors, axis=0)) == len(colors) > 1000
        assert ((parts > 0).sum(axis=1) <= 4).all()
    given = np.array([levels_of(TUBES[name].color) for name in FIVE]) / 255
    colors, parts = mixtures(FIVE)
    np.testing.assert_allclose(colors, 255 * mix_pigments(given, parts), atol=0.51)


def test_recipes_say_how_a_colour_is_mixed() -> None:
    names = ("yellow", "ultramarine")
    colors, parts = mixtures(names)
    green = int(np.flatnonzero((parts == (1, 1)).all(axis=1))[0])
    assert colors[green].argmax() == 1
    color = to_hex(colors[green] / 255)
    assert recipe(names, color) == {"yellow": 1, "ultramarine": 1}
    assert recipe(names, "#ff00ff") is None
    assert recipes("tubes:yellow,ultramarine", [color, "#ff00ff"]) == {color: {"yellow": 1, "ultramarine": 1}}
    assert recipes("8", [color]) is None


def test_a_palette_of_tubes_has_mixtures_for_the_picture() -> None:
    picture = seaside()
    palette = read_palette("tubes:" + ",".join(FIVE), picture, None, 0)
    assert palette.dtype == np.float32 and 20 < len(palette) <= 128 + len(FIVE)
    names = [to_hex(color) for color in palette.tolist()]
    assert {TUBES[name].color for name in FIVE} <= set(names)
    assert set(recipes("tubes:" + ",".join(FIVE), names) or ()) == set(names)
    error = np.square(palette[nearest(picture, palette)] - picture).mean()
    given = np.array([levels_of(TUBES[name].color) for name in FIVE]) / 255
    parts = mixtures(FIVE)[1]
    numbers = (parts / parts.sum(axis=1, keepdims=True) @ given).astype(np.float32)
    plain = np.square(numbers[nearest(picture, numbers)] - picture).mean()
    assert 10 * np.log10(plain / error) > 1.2  # dB: numbers of sRGB give no green-blue


def test_reports_list_the_recipe_of_each_colour_used() -> None:
    config = PaintConfig(strokes=6, size=32, iterations=2, palette="tubes:yellow,ultramarine,white", texture=0.0)
    result = paint(seaside(), config)
    used = {to_hex(color) for color in result.painting.strokes.colors.reshape(-1, 3).tolist()}
    assert set(result.report["recipes"]) == used <= set(result.report["palette"])
    for color, parts in result.report["recipes"].items():
        assert recipe(("yellow", "ultramarine", "white"), color) == parts


def test_names_are_read_in_any_case_and_once() -> None:
    assert tube_names("tubes: White,BLACK , white") == ("white", "black")
    assert len(read_palette("tubes:black", seaside(), None, 0)) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tubes:yellow,mauve", ("no tube 'mauve'", "choose from white, lemon", "black")),
        ("tubes:", ("a tube has no name", "choose from white")),
        ("tubes:" + ",".join(TUBES), (f"{len(TUBES)} tubes", f"at most {MOST_TUBES}")),
    ],
)
def test_unknown_tubes_are_refused_in_one_line(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(OptionError) as caught:
        check_palette_text(text)
    message = str(caught.value)
    assert message.startswith("--palette tubes:") and "\n" not in message
    assert all(word in message for word in words)
