"""The page that plays a film: in a browser it shows what is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.browser import browser, until, watched
from helpers.clips import HEIGHT, WIDTH, save_folder, square
from PIL import Image

from painter import cli

QUICK = ["--strokes", "10", "--size", "64", "--style", "rectangle", "--iterations", "4"]


@pytest.mark.slow
def test_a_page_plays_its_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_folder(tmp_path / "in", square(3))
    assert cli.main(["video", "in", "--quiet", *QUICK, "-o", "a.html", "-o", "frames/"]) == 0
    with browser() as running:
        page = running.new_page(viewport={"width": 128, "height": 148}, reduced_motion="reduce")
        wrong = watched(page)
        page.goto(f"file://{tmp_path}/a.html")
        until(page, "!document.getElementById('bar').hidden")
        shots = []
        for number in (0, 2):
            page.evaluate(
                f"(() => {{ const at = document.getElementById('at'); at.value = {number}; at.oninput(); }})()"
            )
            until(page, f"document.getElementById('said').textContent === '{number + 1} of 3'")
            page.wait_for_timeout(400)
            page.locator("canvas").screenshot(path=f"{number}.png")
            shot = Image.open(f"{number}.png").convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BOX)
            shots.append(np.asarray(shot).astype(float))
            drawn = np.asarray(Image.open(tmp_path / f"frames/frame-0000{number}.png")).astype(float)
            assert np.abs(shots[-1] - drawn).mean() < 12
        assert not wrong and np.abs(shots[0] - shots[1]).mean() > 2
