"""A browser for tests: Chromium, driven by Playwright, with graphics in software."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Pages are put together without the graphics of WebGL: in software that takes longer.
ARGUMENTS = [
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-gpu-vsync",
    "--disable-gpu-compositing",
]  # fmt: skip


@contextmanager
def browser(*arguments: str) -> Iterator[Browser]:
    """A running browser; the test is skipped where none is installed (`.ci/run` installs it)."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *arguments])
        yield running
        running.close()


def until(page: Page, condition: str, seconds: float = 20.0) -> None:
    """Wait until an expression is true on a page, also on one whose policy forbids it to evaluate texts."""
    # The page itself looks again and again: to be asked takes ten times as long as to look.
    found = page.evaluate(
        f"""(async () => {{
          const end = performance.now() + {1000 * seconds};
          while (!({condition})) {{
            if (performance.now() > end) return false;
            await new Promise((done) => setTimeout(done, 20));
          }}
          return true; }})()"""
    )
    assert found, f"never true: {condition}"


def watched(page: Page) -> list[str]:
    """Everything that goes wrong on a page from now on: errors of its scripts, and requests to anywhere else."""
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    return wrong
