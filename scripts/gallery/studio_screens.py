"""Pictures of the studio's page for the docs: docs/studio.jpg, and docs/studio-phone.jpg at a phone's width.

python -m scripts.gallery.studio_screens        (needs Chromium)
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from painter.pictures.samples import sample_path
from scripts import ROOT
from scripts.gallery.photos import full_photo

PORT = 8797
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
GAP = 20  # pixels between pictures of a phone
SECONDS = 180_000  # milliseconds; graphics in software are slow


def main() -> None:
    """Write both."""
    chromium = next(found for name in ("chromium", "google-chrome") if (found := shutil.which(name)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        command = [
            sys.executable,
            f"{ROOT}/paint.py",
            "studio",
            "--no-browser",
            "--port",
            str(PORT),
            "--folder",
            folder,
        ]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        server.stdout.readline()  # it is ready
        try:
            running = playwright.chromium.launch(
                executable_path=chromium,
                args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
            )
            Image.fromarray(full_photo("chelsea")).save(Path(folder) / "chelsea.png")
            _jpeg([_wide(running, Path(folder) / "chelsea.png")], "studio.jpg")
            _jpeg(_phone(running, sample_path("apple_coin")), "studio-phone.jpg")
        finally:
            server.terminate()
            server.wait()


def _wide(running: Browser, photo: Path) -> bytes:
    """A watercolour beside its photo."""
    page = _opened(running, photo, WIDE, "light")
    page.locator("#presets button", has_text="Landscape").click()
    _painted(page)
    page.click("#compare")
    page.wait_for_timeout(1500)
    return page.screenshot()


def _phone(running: Browser, picture: Path) -> list[bytes]:
    """A coin before it is painted, painted in oil, and from near."""
    page = _opened(running, picture, PHONE, "dark")
    shots = [page.screenshot()]
    _painted(page)
    shots.append(page.screenshot())
    page.mouse.move(195, 170)
    page.mouse.wheel(0, -1000)
    page.wait_for_timeout(1000)
    page.mouse.move(195, 700)
    page.wait_for_function("document.getElementById('still').hidden", timeout=SECONDS)
    page.wait_for_timeout(20_000)
    return [*shots, page.screenshot()]


def _opened(running: Browser, picture: Path, viewport: dict[str, int], scheme: str) -> Page:
    page = running.new_page(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"http://127.0.0.1:{PORT}/")
    page.wait_for_selector("[data-ready]", timeout=SECONDS)
    page.set_input_files("#file", picture)
    page.wait_for_selector("[data-state=picture]", timeout=SECONDS)
    page.wait_for_timeout(1000)
    return page


def _painted(page: Page) -> None:
    page.select_option("#o-size", "512")
    page.click("#paint")
    page.wait_for_selector("[data-state=done]", timeout=SECONDS)
    page.wait_for_timeout(3000)


def _jpeg(shots: list[bytes], name: str) -> None:
    """Pictures side by side on white, as docs/NAME."""
    images = [np.asarray(Image.open(BytesIO(shot)).convert("RGB")) for shot in shots]
    gap = np.full((len(images[0]), GAP, 3), 255, np.uint8)
    row = [part for image in images for part in (gap, image)][1:]
    Image.fromarray(np.concatenate(row, axis=1)).save(ROOT / "docs" / name, quality=85)


if __name__ == "__main__":
    main()
