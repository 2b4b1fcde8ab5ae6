"""The studio in a browser: a picture is painted before one's eyes, and nothing is asked of another machine."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.browser import browser, until, watched
from helpers.paintings import make_painting
from helpers.studio import Client, serving
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from painter import ExportConfig, Painting

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked_workers")]
STATE = "document.body.dataset.state"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="module")
def studio(folder: Path) -> Iterator[Client]:
    with serving(folder) as client:
        yield client


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def page(running: Browser, studio: Client) -> Iterator[Page]:
    """The page; in the end nothing has gone wrong on it, and nothing was asked of anyone else."""
    page = running.new_page(viewport={"width": 900, "height": 640})
    wrong, asked = watched(page), set[str]()
    page.on("request", lambda request: asked.add(request.url.split("/", 3)[2] if "//" in request.url else "here"))
    page.goto(f"http://127.0.0.1:{studio.port}/")
    until(page, "document.body.dataset.ready")
    yield page
    assert [line for line in wrong if "status of 422" not in line] == []  # mistakes that are made on purpose
    assert asked <= {f"127.0.0.1:{studio.port}", "here"}


def settle(page: Page, strokes: int, **more: object) -> None:
    """Choose the fewest pixels, and these options."""
    page.select_option("#o-size", "256")
    page.evaluate("document.getElementById('more').open = true")
    for name, value in {"strokes": strokes, **more}.items():
        page.fill(f"#o-{name}", str(value))
        page.locator(f"#o-{name}").dispatch_event("change")


def finished(page: Page) -> dict[str, object]:
    until(page, f"{STATE} == 'done'", 60)
    found: dict[str, object] = page.evaluate("fetch('/api/paintings').then((answer) => answer.json())")[0]
    return found


def test_a_picture_is_dropped_and_painted_live(page: Page, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (6, 8, 3), np.uint8).repeat(20, 0).repeat(20, 1)
    Image.fromarray(pixels).save(tmp_path / "boxes.png")
    content = list((tmp_path / "boxes.png").read_bytes())
    page.evaluate(
        """(content) => { const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from(content)], "boxes.png", { type: "image/png" }));
        for (const kind of ["dragenter", "drop"]) dispatchEvent(new DragEvent(kind, { dataTransfer: data })); }""",
        content,
    )
    until(page, f"{STATE} == 'picture'")
    settle(page, 60, iterations=16)
    page.click("#paint")
    until(page, "document.getElementById('said').textContent.includes('strokes')", 60)
    until(page, "!document.getElementById('canvas').hidden")
    about = finished(page)
    assert (about["name"], about["strokes"], about["size"], about["interrupted"]) == ("boxes.png", 60, 256, False)
    assert page.inner_text("#count") == "60 of 60"
    assert page.is_visible("#still"), "the finished picture, with texture"


def test_scrubbing_shows_fewer_strokes_and_offers_to_repaint(page: Page) -> None:
    page.fill("#at", "20")
    assert page.inner_text("#count") == "20 of 60" and not page.is_visible("#still")
    assert page.inner_text("#repaint") == "Repaint with 20"
    for width, height in ((390, 844), (760, 700), (880, 640), (1000, 760), (1210, 700), (900, 640)):
        page.set_viewport_size({"width": width, "height": height})
        inside = page.evaluate(
            """(width) => { const bar = document.getElementById("playback").getBoundingClientRect();
            return [...document.querySelectorAll("#playback button")].map((button) => button.getBoundingClientRect())
              .every((box) => 0 <= box.left && box.right <= width
                && box.top >= bar.top && box.bottom <= bar.bottom); }""",
            width,
        )
        assert inside, f"all buttons are in their bar where it is {width} pixels wide"
    page.click("#repaint")
    until(page, f"{STATE} == 'painting'")
    assert finished(page)["strokes"] == 20


def test_before_and_after_lie_side_by_side(page: Page) -> None:
    page.focus("#at")
    page.keyboard.press("c")  # a slider keeps no more than its arrows to itself
    page.focus("#divider")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#divider", "aria-valuenow") == "52"
    assert page.is_visible("#before img")
    page.evaluate("location.hash = ''")
    page.click("#open-gallery")
    page.locator("#paintings button.open").last.click()
    until(page, "location.hash.length == 33")
    until(page, "document.getElementById('divider').hidden")  # it lay between the other painting and its picture
    assert not page.is_visible("#before")


def test_a_painting_is_saved_as_files(page: Page, tmp_path: Path) -> None:
    page.click("#export")
    for ending, check in {".png": (b"\x89PNG", "x-size"), ".html": (b"<!doctype", "x-duration")}.items():
        page.check(f"#formats [value='{ending}']", force=True)
        assert page.is_visible(f"#{check[1]}")
        with page.expect_download() as download:
            page.click("#download")
        download.value.save_as(tmp_path / "saved")
        assert download.value.suggested_filename == f"boxes{ending}"
        assert (tmp_path / "saved").read_bytes().startswith(check[0])
    page.fill("#x-duration", "-1")
    page.click("#download")
    expect(page.locator("#export-said")).to_contain_text("“Duration” -1: must be a number from 0.1")
    page.click("#exports [data-close]")


def test_a_mask_is_painted_on_the_picture(page: Page, folder: Path) -> None:
    page.set_input_files("#file", str(sorted((folder / "pictures").glob("*/preview.webp"))[0]))
    until(page, f"{STATE} == 'picture'")
    page.click("#mask-region")
    box = page.locator("#mask").bounding_box()
    assert box is not None
    page.fill("#mask-size", "40")
    for y in (0.2, 0.8):
        page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * y)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * y, steps=3)
        page.mouse.up()
    page.keyboard.press("Control+z")
    settle(page, 20, iterations=4)
    page.click("#paint")
    about = finished(page)
    strokes = Painting.load(folder / "paintings" / str(about["id"]) / "painting.strokes.json.gz")
    assert strokes.region is not None and strokes.config.region == "region.png"
    height, width = strokes.region.shape
    assert strokes.region[height // 5, width // 5] == 1 and strokes.region[height * 4 // 5, width // 5] == 0


def test_a_search_is_paused_reloaded_resumed_and_stopped(page: Page) -> None:
    page.click("#choose")
    page.set_input_files("#file", str(Path(__file__).parents[2] / "painter/pictures/samples/octahedron.png"))
    until(page, f"{STATE} == 'picture'")
    settle(page, 40, iterations=1900)
    page.click("#paint")
    until(page, f"{STATE} == 'painting' && !document.getElementById('pause').disabled", 60)
    page.keyboard.press(" ")
    until(page, "document.getElementById('pause').textContent.includes('Go on')")
    page.reload()
    until(
        page,
        "document.body.dataset.state == 'painting' && document.getElementById('said').textContent.includes('paused')",
    )
    shown = page.inner_text("#said")
    page.wait_for_timeout(300)
    assert page.inner_text("#said") == shown, "it stands still"
    page.click("#pause")
    until(page, "!document.getElementById('said').textContent.includes('paused')")
    started = time.monotonic()
    page.click("#stop")
    about = finished(page)
    assert about["interrupted"] is True and time.monotonic() - started < 15
    page.reload()
    until(page, f"{STATE} == 'done'")
    assert page.inner_text("#figures").endswith("stopped early")


def test_a_mistake_is_said_in_one_line_where_it_belongs(page: Page) -> None:
    settle(page, 30, iterations=4)
    page.fill("#o-min_size", "5")
    page.click("#paint")
    expect(page.locator("#error")).to_contain_text("“Min size” 5")
    page.fill("#o-min_size", "")
    page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": b"nothing"})
    expect(page.locator("#toast")).to_contain_text("a.png")


def test_a_stroke_file_opens_its_painting(page: Page, tmp_path: Path) -> None:
    make_painting(15, brush="watercolor", texture=0.0).save(tmp_path / "old.strokes.json")
    page.set_input_files("#file", str(tmp_path / "old.strokes.json"))
    until(page, "document.getElementById('count').textContent == '15 of 15'", 30)
    paintings = page.evaluate("fetch('/api/paintings').then((answer) => answer.json())")
    until(page, f"document.getElementById('gallery-count').textContent == '{len(paintings)}'")
    make_painting(9, texture=0.0).save(tmp_path / "carries.png", config=ExportConfig(embed="always"))
    page.set_input_files("#file", str(tmp_path / "carries.png"))
    until(page, "document.getElementById('count').textContent == '9 of 9'", 30)
    page.set_input_files("#file", {"name": "bad.strokes.json", "mimeType": "text/plain", "buffer": b"{}"})
    expect(page.locator("#toast")).to_contain_text("bad.strokes.json", timeout=30_000)


def test_a_painting_is_restyled_as_another(page: Page, tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 40, 3), (230, 40, 40), np.uint8)).save(tmp_path / "red.png")
    make_painting(12, texture=0.0).save(tmp_path / "twelve.strokes.json")
    page.set_input_files("#file", tmp_path / "twelve.strokes.json")
    until(page, f"{STATE} == 'done' && document.getElementById('figures').textContent.startsWith('12 ')")
    before = page.evaluate("fetch('/api/paintings').then((answer) => answer.json())")
    page.click("#restyle")
    assert page.is_visible("#restyling")
    assert page.is_disabled("#restyling-go")
    page.set_input_files("#restyling-file", tmp_path / "red.png")
    until(page, "!document.getElementById('restyling-go').disabled")
    page.evaluate("document.getElementById('restyling-more').parentElement.open = true")
    page.fill("#s-iterations", "-1")
    page.click("#restyling-go")
    expect(page.locator("#restyling-said")).to_contain_text("must be a whole number")
    page.fill("#s-iterations", "2")
    page.click("#restyling-go")
    until(page, f"location.hash.slice(1) != '{before[0]['id']}' && {STATE} == 'done'", 60)
    after = page.evaluate("fetch('/api/paintings').then((answer) => answer.json())")
    assert len(after) == len(before) + 1 and after[0]["strokes"] == 12


def test_the_gallery_opens_repeats_and_deletes(page: Page, folder: Path) -> None:
    count = len(list((folder / "paintings").iterdir()))
    page.click("#open-gallery")
    expect(page.locator("#paintings li")).to_have_count(count)
    item = page.locator("#paintings li", has_text="boxes.png").first
    item.get_by_role("button", name="Paint like this").click()
    assert page.input_value("#o-strokes") == "20" or page.input_value("#o-strokes") == "60"
    page.click("#open-gallery")
    delete = page.locator("#paintings li").first.get_by_role("button", name="Delete")
    delete.click()
    delete.click()
    expect(page.locator("#paintings li")).to_have_count(count - 1)
    assert len(list((folder / "paintings").iterdir())) == count - 1
    page.keyboard.press("Escape")


def test_without_webgl_pictures_are_shown(running: Browser, studio: Client) -> None:
    page = running.new_page()
    page.add_init_script(
        """const before = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
          return kind === "webgl2" ? null : before.call(this, kind, ...more); };"""
    )
    found = next(one for one in studio.ask("GET", "/api/paintings")[1] if one["picture"])
    page.goto(f"http://127.0.0.1:{studio.port}/#{found['id']}")
    until(page, f"{STATE} == 'done'")
    assert page.is_visible("#still") and page.is_visible("#no-webgl") and not page.is_enabled("#play")
    settle(page, 20, iterations=16)
    page.click("#paint")
    until(page, "document.getElementById('still').src.startsWith('blob:')", 60)
    assert page.is_visible("#still")
    until(page, "document.getElementById('still').naturalWidth > 0")
    until(page, f"{STATE} == 'done'", 60)
    assert page.evaluate("document.getElementById('still').src").endswith("/still")
    page.close()


def test_what_is_kept_is_json_without_places_of_the_server(folder: Path) -> None:
    for about in (folder / "paintings").glob("*/about.json"):
        assert json.loads(about.read_text())["strokes"] > 0 and str(folder) not in about.read_text()
