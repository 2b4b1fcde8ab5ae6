"""A painting as a page of HTML, opened in a browser from its file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.browser import browser, until, watched
from helpers.paintings import make_painting
from playwright.sync_api import Browser, Page

from painter import ExportConfig, Painting
from painter.painting.browser_form import browser_form
from renderers.brushes import register
from renderers.brushes.stamp import Stamp
from renderers.strokes import Strokes

NAME = "a </script><b>{{player}} & 'cat'"


def named(painting: Painting) -> Painting:
    about = {"input": {"name": NAME, "sha256": "0" * 64, "width": 4, "height": 3}}
    return replace(painting, about=about, config=replace(painting.config, texture=0.0))


def stamp_strokes(brush: str, count: int = 20) -> Strokes:
    rng = torch.Generator().manual_seed(1)
    places = dict(zip(("x", "y", "size", "angle"), torch.rand(4, count, generator=rng), strict=True))
    colors = torch.rand(count, 1, 3, generator=rng)
    return Strokes(brush, places, colors, torch.ones(count), torch.zeros(count, dtype=torch.int64))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 strokes, which are there after a second."""
    path = tmp_path_factory.mktemp("page") / "painting.html"
    config = ExportConfig(duration=1.0, hold=0.2)
    assert named(make_painting(500, brush="rectangle")).save(path, config=config) == []
    return path


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def page(running: Browser, file: Path) -> Page:
    """The page, with what went wrong on it and what it asked for."""
    page = running.new_page(viewport={"width": 400, "height": 300})
    page.wrong, page.asked = watched(page), []  # type: ignore[attr-defined]
    asked = page.asked  # type: ignore[attr-defined]
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    until(page, "window.player && player.count > 0")
    return page


@pytest.mark.slow
def test_it_is_small_and_asks_for_nothing(page: Page, file: Path) -> None:
    assert file.stat().st_size < 100_000
    assert page.asked == [file.as_uri()] and page.wrong == []  # type: ignore[attr-defined]
    assert page.title() == NAME


@pytest.mark.slow
def test_it_plays_and_begins_again(page: Page) -> None:
    until(page, "player.count == player.total")
    until(page, "player.count < 300 && player.playing")
    page.click("#play")
    assert page.evaluate("player.playing") is False
    assert page.get_attribute("#play", "aria-label") == "Play"


@pytest.mark.slow
def test_it_scrubs_by_pointer_and_by_key(page: Page) -> None:
    page.fill("#at", "123")
    assert page.evaluate("player.count") == 123
    page.focus("#canvas")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#said") == "124 of 500"
    page.keyboard.press("End")
    assert page.evaluate("player.count") == 500


@pytest.mark.slow
def test_it_zooms_where_the_pointer_is_and_says_which_stroke_is_there(page: Page) -> None:
    page.evaluate("player.pause(); player.seek(500); player.reset()")
    page.mouse.move(200, 150)
    until(page, "!tip.hidden")
    assert page.inner_text("#tip").startswith("stroke ")
    page.mouse.wheel(0, -800)
    until(page, "player.view.zoom > 3")
    # What was below the pointer still is.
    assert page.evaluate("player.place(200, 150)") == pytest.approx([0.5, 0.375], abs=1e-3)
    page.keyboard.press("0")
    assert page.evaluate("player.view.zoom") == 1


@pytest.mark.slow
def test_it_shows_the_painting(page: Page) -> None:
    painting = make_painting(500, brush="rectangle")
    shown = page.evaluate("Array.from(player.renderer.pixels(64, 48, 500))")
    drawn = painting.draw(64, texture=0.0).astype(float)
    assert np.square(np.array(shown).reshape(48, 64, 4)[..., :3] - drawn).mean() < 255**2 * 1e-5


@pytest.mark.slow
def test_without_webgl_there_is_a_picture(running: Browser, file: Path) -> None:
    page = running.new_page()
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.goto(file.as_uri())
    assert page.is_visible("#fallback") and not page.is_visible("#bar")
    assert page.evaluate("fallback.naturalWidth") == 64
    page.close()


@pytest.mark.slow
def test_texture_and_mixing_are_in_it(running: Browser, tmp_path: Path) -> None:
    painting = make_painting(500, brush="watercolor")
    painting = replace(painting, config=replace(painting.config, texture=0.6, mixing="pigment"))
    assert painting.save(tmp_path / "a.html") == []
    assert (tmp_path / "a.html").stat().st_size < 100_000
    page = running.new_page(viewport={"width": 64, "height": 48}, reduced_motion="reduce")
    page.goto((tmp_path / "a.html").as_uri())
    until(page, "window.player")
    shown = np.array(page.evaluate("Array.from(player.renderer.pixels(64, 48, 500))")).reshape(48, 64, 4)[..., :3]
    assert np.square(shown - painting.draw(64).astype(float)).mean() < 255**2 * 1e-5
    page.evaluate("player.renderer.textured = false")
    bare = np.array(page.evaluate("Array.from(player.renderer.pixels(64, 48, 500))")).reshape(48, 64, 4)[..., :3]
    assert np.square(bare - painting.draw(64, texture=0.0).astype(float)).mean() < 255**2 * 1e-5
    assert np.square(shown - bare).mean() > 255**2 * 1e-5
    page.close()


@pytest.mark.slow
def test_a_stamp_and_a_region_are_in_it(running: Browser, tmp_path: Path) -> None:
    texture = (np.arange(12, dtype=np.float32).reshape(3, 4) * 20 / 255).astype(np.float32)
    stamp = register(Stamp(texture))
    region = np.repeat(np.array([[0.0, 1.0]], np.float32), 24, axis=0).repeat(32, axis=1)
    strokes = stamp_strokes(stamp.name)
    painting = named(replace(make_painting(1, ground=None), strokes=strokes, region=region))
    assert browser_form(painting)["brush"] == "stamp"
    painting.save(tmp_path / "a.html")
    page = running.new_page()
    page.goto((tmp_path / "a.html").as_uri())
    until(page, "window.player")
    shown = np.array(page.evaluate("Array.from(player.renderer.pixels(64, 48, 20))")).reshape(48, 64, 4)
    drawn = painting.draw(64).astype(float)
    assert drawn[..., 3].any() and not shown[:, :30].any()
    assert np.square(shown[..., 3] - drawn[..., 3]).mean() < 255**2 * 1e-5
    page.close()
