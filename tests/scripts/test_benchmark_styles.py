"""The table of styles: what was measured, and a dash for what was not."""

from __future__ import annotations

import pytest

from scripts.benchmark.styles import print_table


def test_the_table_shows_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    paint = {"style": 0.25, "cpu": 12.4, "content": 0.9}
    print_table({"coffee-mosaic-paint": paint, "portrait-mosaic-paint": {**paint, "ssim": 0.712, "found": True}})
    rows = capsys.readouterr().out.splitlines()[2:]
    assert rows == [
        "| coffee, mosaic | 0.900, -, -, 0.250 | -, -, - | -, -, 12 |",
        "| portrait, mosaic | 0.900, -, -, 0.250 | -, -, 0.71 (yes) | -, -, 12 |",
    ]
