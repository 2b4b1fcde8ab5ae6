"""Pictures that are refused, each in one clear line: no files, no pictures, cut short, too large, not to be read."""

from __future__ import annotations

import errno
import io
import logging
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.picture_files import colours, palette_picture, raw_png, saved
from PIL import Image, ImageFile

from painter.errors import OptionError, PictureError
from painter.pictures.picture import MAX_MEGAPIXELS, load_picture, read_picture
from painter.pictures.resizing import fit_size


def refused(path: Path, *words: str, long_side: int = 8) -> None:
    """`path` is refused in one line that names the file and says all `words`, with nothing else written."""
    with pytest.raises(PictureError) as caught:
        load_picture(path, long_side)
    message = str(caught.value)
    assert message.isprintable(), "one line"
    assert path.name in message
    for word in words:
        assert word in message


def test_no_such_file_or_no_file(tmp_path: Path) -> None:
    refused(tmp_path / "missing.png", "no such file")
    refused(tmp_path / "no" / "folder.png", "no such file")
    (tmp_path / "album").mkdir()
    refused(tmp_path / "album", "folder")
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "empty.png", "empty")
    refused(tmp_path / ("n" * 300 + ".png"), "too long")
    refused(Path("/dev/null"), "not a regular file")


def test_odd_names_stay_on_one_line(tmp_path: Path) -> None:
    for name in ("two\nlines.png", "null\0.png", "bell\a.png", "bad-\udcff.png"):
        with pytest.raises(PictureError) as caught:
            load_picture(tmp_path / name, 8)
        assert str(caught.value).isprintable()


def test_not_allowed_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "secret.png", Image.fromarray(colours()))

    def deny(self: Path, *arguments: object) -> None:  # tests may run as root, whom no permission stops
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", deny)
    refused(path, "not allowed")


@pytest.mark.parametrize("content", [b"hello, world\n" * 20, b"%PDF-1.7", b"BMW is a car.", bytes(99), b"x"])
def test_not_a_picture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "page.png"
    path.write_bytes(content)
    refused(path, "not a picture", "PNG", "JPEG")


def test_other_formats_of_pillow_stay_closed(tmp_path: Path) -> None:
    refused(saved(tmp_path / "a.eps", Image.fromarray(colours())), "not a picture")
    refused(saved(tmp_path / "a.ppm", Image.fromarray(colours())), "not a picture")


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "gif", "bmp", "tif", "lzw.tif", "zip.tif"])
def test_truncated(tmp_path: Path, ending: str, capfd: pytest.CaptureFixture[str]) -> None:
    compression = {"lzw.tif": "tiff_lzw", "zip.tif": "tiff_adobe_deflate"}.get(ending)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8))
    whole = saved(tmp_path / f"whole.{ending}", image, compression=compression).read_bytes()
    path = tmp_path / f"cut.{ending}"
    for length in (20, 30, 100, len(whole) // 10, len(whole) // 2, len(whole) - 40):
        path.write_bytes(whole[:length])
        for long_side in (80, 5):
            refused(path, "cut short", long_side=long_side)
    if compression:  # damaged inside: libtiff has its own opinion on stderr
        middle = len(whole) // 2
        path.write_bytes(whole[:middle] + bytes(500) + whole[middle + 500 :])
        refused(path, "damaged")
    assert capfd.readouterr() == ("", "")


def test_truncated_whatever_the_process_prefers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    whole = saved(tmp_path / "whole.jpg", Image.fromarray(colours(64, 64))).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    refused(tmp_path / "cut.jpg", "cut short")
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def gif_header(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff"


def gif_file(width: int, height: int) -> bytes:
    frame = b",\0\0\0\0" + struct.pack("<HH", width, height) + b"\0\x02\x02\x44\x01\0;"
    return gif_header(width, height) + frame


def bmp_file(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 16, 0, 0, 54) + info + bytes(16)


def png_file(width: int, height: int) -> bytes:
    return raw_png(width, height, 8, 2, b"")


def jpeg_file(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize("make", [png_file, gif_file, bmp_file])
@pytest.mark.parametrize("sides", [(0, 5), (5, 0), (0, 0)])
def test_no_pixels(tmp_path: Path, make: Callable[[int, int], bytes], sides: tuple[int, int]) -> None:
    path = tmp_path / "nothing.img"
    path.write_bytes(make(*sides))
    refused(path, f"{sides[0]} x {sides[1]} pixels", "nothing in it")


def test_jpeg_without_pixels(tmp_path: Path) -> None:
    path = tmp_path / "nothing.jpg"
    path.write_bytes(jpeg_file(0, 0))
    refused(path, "JPEG", "damaged")


@pytest.mark.parametrize("make", [png_file, gif_file, bmp_file, jpeg_file])
@pytest.mark.parametrize("sides", [(20_000, 10_001), (65_000, 65_000), (3, 65_000), (9_500, 9_500)])
def test_too_many_pixels(
    tmp_path: Path,
    make: Callable[[int, int], bytes],
    sides: tuple[int, int],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "vast.img"
    path.write_bytes(make(*sides))
    large = sides[0] * sides[1] > MAX_MEGAPIXELS * 1_000_000

    def decode(*_: object) -> None:
        raise OSError("stop before decoding")

    monkeypatch.setattr("painter.pictures.picture._decode", decode)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refused(path, *(("pixels", "megapixels", "smaller") if large else ("damaged",)))
    assert capfd.readouterr() == ("", "")


def test_the_process_keeps_its_settings(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)
    handlers = list(logging.getLogger("PIL").handlers)
    load_picture(saved(tmp_path / "a.png", Image.fromarray(colours())), 8)
    refused(tmp_path / "missing.png")
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
    assert handlers == logging.getLogger("PIL").handlers


def test_out_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("painter.pictures.picture._decode", exhaust)
    refused(saved(tmp_path / "a.png", Image.fromarray(colours())), "memory")


def test_pillow_warns_nobody(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path / "a.png", palette_picture(), transparency=bytes([0, 51]))
    tiff = bytearray(saved(tmp_path / "a.tif", Image.fromarray(colours())).read_bytes())
    (tmp_path / "b.tif").write_bytes(tiff[:-1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_picture(path, 8)
        refused(tmp_path / "b.tif", "TIFF")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("long_side", [0, -5])
def test_long_side_below_one(tmp_path: Path, long_side: int) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(colours()))
    with pytest.raises(OptionError, match=str(long_side)):
        load_picture(path, long_side)
    with pytest.raises(OptionError):
        fit_size(3, 4, long_side)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="a file that exists and cannot be read")
def test_a_disk_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"cannot read /proc/self/mem: .*; copy it again") as caught:
        load_picture("/proc/self/mem", 8)
    assert "\n" not in str(caught.value)
    path = saved(tmp_path / "a.png", Image.fromarray(colours()))

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Image.Image, "load", fail)  # while it is decoded
    with pytest.raises(PictureError, match="Input/output error; copy it again"):
        load_picture(path, 8)


@pytest.mark.parametrize("source", [None, 5, [[1, 2]], b"a.png"])
def test_what_is_no_picture_at_all(source: Any) -> None:
    with pytest.raises(PictureError, match="a picture must be the name of a file, an array or a Picture"):
        read_picture(source, 8)
