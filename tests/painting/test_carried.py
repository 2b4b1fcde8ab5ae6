"""Strokes carried in a PNG or an SVG of them, and read back."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.paintings import make_painting
from PIL import Image

from painter import ExportConfig, PaintConfig, Painting, StrokeFileError
from painter.cli import main
from painter.errors import OutputError
from painter.export.png import MOST_GAIN, encode_png
from painter.options.export import EMBEDDING
from painter.painting.carried import carried_strokes, packed_text
from painter.painting.stroke_file import packed_strokes

EMBED, PLAIN = ExportConfig(embed="always"), ExportConfig(embed="never")


@pytest.mark.parametrize("ending", [".png", ".svg"])
def test_a_picture_carries_its_strokes(ending: str, tmp_path: Path) -> None:
    painting, path = make_painting(30), tmp_path / f"a{ending}"
    assert painting.save(path, config=EMBED) == []
    again = Painting.load(path)
    assert np.array_equal(again.draw(), painting.draw()) and again.config == painting.config
    painting.save(tmp_path / f"plain{ending}", config=PLAIN)
    assert path.stat().st_size > (tmp_path / f"plain{ending}").stat().st_size + 1000


def test_strokes_that_repeat_are_carried_however_well_they_pack() -> None:
    """Of very many equal strokes gzip's packing repeats itself, and deflating it once more gains more than is read."""
    packed = gzip.compress(b'{"n": [' + b"0.25, " * 400_000 + b"0]}", mtime=0)
    text = packed_text(packed)
    assert len(text) > MOST_GAIN * len(zlib.compress(text.encode(), 9))
    file = io.BytesIO()
    encode_png(file, np.zeros((4, 4, 3), np.uint8), carried=text)
    assert carried_strokes(file.getvalue()) == packed


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
    make_painting(3).save(tmp_path / f"a{ending}", config=PLAIN)
    with pytest.raises(StrokeFileError, match="carries no strokes; save it with --embed always") as caught:
        Painting.load(tmp_path / f"a{ending}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", [".png", ".svg"])
def test_damage_is_refused(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    make_painting(30).save(path, config=EMBED)
    content = path.read_bytes()
    # gzip's first bytes in base64, which a PNG has deflated
    at = content.index(b"H4sI") if ending == ".svg" else content.index(b"impasto-strokes") + 20
    changed, missing = content[: at + 40] + b"AAAA" + content[at + 44 :], content[:at] + content[at + 1 :]
    for wrong in (changed, missing, content[: at + 200]):
        path.write_bytes(wrong)
        with pytest.raises(StrokeFileError) as caught:
            Painting.load(path)
        assert "\n" not in str(caught.value)


def test_strokes_are_carried_unless_they_would_more_than_double_a_png(tmp_path: Path) -> None:
    painting = replace(make_painting(40), config=PaintConfig(style="markerpen", size=200, texture=0.5))
    sizes = {}
    for embed in EMBEDDING:
        painting.save(tmp_path / f"{embed}.png", config=ExportConfig(embed=embed))
        sizes[embed] = (tmp_path / f"{embed}.png").stat().st_size
    assert sizes["auto"] == sizes["always"] < 2 * sizes["never"]
    assert len(Painting.load(tmp_path / "auto.png").strokes) == 40
    painting.save(tmp_path / "small.png", size=16)
    with pytest.raises(StrokeFileError, match="carries no strokes"):
        Painting.load(tmp_path / "small.png")
    painting.save(tmp_path / "small.png", size=16, config=EMBED)
    assert len(Painting.load(tmp_path / "small.png").strokes) == 40


def test_a_png_with_strokes_as_before_is_read_too(tmp_path: Path) -> None:
    """Text that is not deflated, as in files of before."""
    painting = make_painting(5)
    text = b"impasto-strokes" + bytes(5) + packed_text(packed_strokes(painting)).encode()
    chunk = struct.pack(">I", len(text)) + b"iTXt" + text + struct.pack(">I", zlib.crc32(b"iTXt" + text))
    painting.save(tmp_path / "a.png", config=PLAIN)
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[:33] + chunk + content[33:])
    assert np.array_equal(Painting.load(tmp_path / "a.png").draw(), painting.draw())


def test_what_a_stroke_file_cannot_keep_is_left_out_of_pictures(tmp_path: Path) -> None:
    painting = replace(make_painting(5), ground=(1.0, 2.0, 0.5))
    assert painting.save(tmp_path / "a.png") == []
    with pytest.raises(OutputError, match="leave out --embed always"):
        painting.save(tmp_path / "b.png", config=EMBED)
    assert not (tmp_path / "b.png").exists()


def test_no_folder_of_this_machine_is_carried(tmp_path: Path) -> None:
    config = PaintConfig(style="markerpen", size=64, region="/home/me/secret/mask.png", texture=0.0)
    replace(make_painting(20), config=config).save(tmp_path / "a.png", config=EMBED)
    assert Painting.load(tmp_path / "a.png").config.region == "mask.png"


def test_a_bomb_is_not_inflated(tmp_path: Path) -> None:
    make_painting(5).save(tmp_path / "a.png", config=PLAIN)
    content = (tmp_path / "a.png").read_bytes()
    text = b"impasto-strokes" + b"\0\1" + bytes(3) + zlib.compress(b"A" * 10_000_000)
    chunk = struct.pack(">I", len(text)) + b"iTXt" + text + struct.pack(">I", zlib.crc32(b"iTXt" + text))
    (tmp_path / "a.png").write_bytes(content[:33] + chunk + content[33:])
    with pytest.raises(StrokeFileError, match="damaged"):
        Painting.load(tmp_path / "a.png")
