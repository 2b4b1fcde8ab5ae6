"""Strokes carried in a PNG or an SVG of them, and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.paintings import make_painting
from PIL import Image

from painter import ExportConfig, Painting, StrokeFileError
from painter.cli import main

EMBED = ExportConfig(embed=True)


@pytest.mark.parametrize("ending", [".png", ".svg"])
def test_a_picture_carries_its_strokes(ending: str, tmp_path: Path) -> None:
    painting, path = make_painting(30), tmp_path / f"a{ending}"
    assert painting.save(path, config=EMBED) == []
    again = Painting.load(path)
    assert np.array_equal(again.draw(), painting.draw()) and again.config == painting.config
    painting.save(tmp_path / f"plain{ending}")
    assert path.stat().st_size > (tmp_path / f"plain{ending}").stat().st_size + 1000


def test_the_picture_is_the_same_with_them(tmp_path: Path) -> None:
    painting = make_painting(10)
    painting.save(tmp_path / "a.png", config=EMBED)
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(np.asarray(image), painting.draw())
        assert "impasto-strokes" in image.info


def test_replay_draws_them_again(tmp_path: Path) -> None:
    make_painting(10).save(tmp_path / "a.svg", config=EMBED)
    assert main(["replay", str(tmp_path / "a.svg"), "-o", str(tmp_path / "b.png"), "--quiet"]) == 0
    assert (tmp_path / "b.png").exists()


@pytest.mark.parametrize("ending", [".png", ".svg"])
def test_a_picture_without_them_is_refused_in_one_line(ending: str, tmp_path: Path) -> None:
    make_painting(3).save(tmp_path / f"a{ending}")
    with pytest.raises(StrokeFileError, match="carries no strokes; save it with --embed") as caught:
        Painting.load(tmp_path / f"a{ending}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", [".png", ".svg"])
def test_damage_is_refused(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    make_painting(30).save(path, config=EMBED)
    content = path.read_bytes()
    at = content.index(b"H4sI")  # gzip's first bytes in base64
    changed, missing = content[: at + 40] + b"AAAA" + content[at + 44 :], content[:at] + content[at + 1 :]
    for wrong in (changed, missing, content[: at + 200]):
        path.write_bytes(wrong)
        with pytest.raises(StrokeFileError) as caught:
            Painting.load(path)
        assert "\n" not in str(caught.value)
