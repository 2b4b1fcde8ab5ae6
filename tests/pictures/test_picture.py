"""painter.pictures.picture: every kind of file in, one kind of array out; every bad file ends in one clear line."""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

from painter.errors import OptionError, PictureError
from painter.pictures.picture import MAX_MEGAPIXELS, load_picture, read_picture
from painter.pictures.resizing import fit_size, resize_image

LOSSLESS = ["png", "gif", "bmp", "tif", "webp"]


def colours(height: int = 6, width: int = 8) -> np.ndarray:
    """[height, width, 3] uint8 in which no two pixels and no two corners are alike."""
    y, x = np.mgrid[:height, :width]
    red, green = x * 255 // max(1, width - 1), y * 255 // max(1, height - 1)
    return np.stack((red, green, (x + y) * 7), -1).astype(np.uint8)


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(width: int, height: int, bits: int, colour_type: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG of a size or depth that Pillow does not write. Each row starts with a filter byte."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + extra + body + png_chunk(b"IEND", b"")


def refused(path: Path, *words: str, long_side: int = 8) -> None:
    """`path` is refused in one line that names the file and says all `words`, with nothing else written."""
    with pytest.raises(PictureError) as caught:
        load_picture(path, long_side)
    message = str(caught.value)
    assert message.isprintable(), "one line"
    assert path.name in message
    for word in words:
        assert word in message


# --- what comes out -----------------------------------------------------------------------------------------


def test_types_name_and_hash(tmp_path: Path) -> None:
    path = saved(tmp_path / "still.life.png", Image.fromarray(colours()))
    picture = load_picture(str(path), 8)
    assert picture.name == "still.life"
    assert picture.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert picture.rgb.shape == (6, 8, 3) and picture.rgb.dtype == np.float32
    assert picture.rgb.flags.c_contiguous and picture.rgb.flags.writeable
    assert picture.alpha is None
    with pytest.raises(AttributeError):
        picture.name = "other"  # type: ignore[misc]


def test_import_needs_no_torch() -> None:
    code = "import sys, painter.pictures.picture; sys.exit('torch' in sys.modules or 'cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("ending", LOSSLESS)
def test_lossless_formats_at_their_own_size(tmp_path: Path, ending: str) -> None:
    image = Image.fromarray(colours())
    options = {"lossless": True} if ending == "webp" else {}
    path = saved(tmp_path / f"a.{ending}", image.quantize(256) if ending == "gif" else image, **options)
    tolerance = 12 / 255 if ending == "gif" else 1e-6
    assert np.abs(load_picture(path, 8).rgb - colours() / 255).max() < tolerance


def test_the_ending_does_not_decide(tmp_path: Path) -> None:
    path = saved(tmp_path / "really-a-png.jpg", Image.fromarray(colours()), format="PNG")
    assert np.allclose(load_picture(path, 8).rgb, colours() / 255)


def test_jpeg_and_its_fast_small_decoding(tmp_path: Path) -> None:
    y, x = np.mgrid[:300, :401] / 400
    smooth = np.stack((x, y, 1 - x), -1)
    path = saved(tmp_path / "a.jpg", Image.fromarray((smooth * 255).astype(np.uint8)), quality=95)
    for long_side in (401, 200, 40, 10):
        height, width = fit_size(300, 401, long_side)
        expected = resize_image(smooth.astype(np.float32), height, width)
        assert np.abs(load_picture(path, long_side).rgb - expected).max() < 0.02


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    for ending in ("gif", "png", "webp"):
        options = {"lossless": True} if ending == "webp" else {}
        path = saved(tmp_path / f"a.{ending}", frames[0], save_all=True, append_images=frames[1:], **options)
        assert np.allclose(load_picture(path, 8).rgb, [1, 0, 0])


@pytest.mark.parametrize(("long_side", "expected"), [(16, (12, 16)), (8, (6, 8)), (3, (2, 3)), (1, (1, 1))])
def test_long_side_is_exact(tmp_path: Path, long_side: int, expected: tuple[int, int]) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(colours(6, 8)))
    assert load_picture(path, long_side).rgb.shape == (*expected, 3)
    path = saved(tmp_path / "b.png", Image.fromarray(colours(8, 6)))
    assert load_picture(path, long_side).rgb.shape == (*expected[::-1], 3)


def test_one_pixel_and_a_ribbon(tmp_path: Path) -> None:
    path = saved(tmp_path / "dot.png", Image.new("RGB", (1, 1), (255, 128, 0)))
    for long_side in (1, 5):
        assert np.allclose(load_picture(path, long_side).rgb, np.array([255, 128, 0]) / 255)
    path = saved(tmp_path / "ribbon.png", Image.fromarray(colours(10, 4000)))
    assert load_picture(path, 4000).rgb.shape == (10, 4000, 3)
    for long_side in (2000, 300, 64):
        assert load_picture(path, long_side).rgb.shape == (max(1, round(long_side / 400)), long_side, 3)
    path = saved(tmp_path / "thread.png", Image.fromarray(colours(30_000, 1)))
    assert load_picture(path, 30_000).rgb.shape == (30_000, 1, 3)  # in little memory, whatever its shape
    path = saved(tmp_path / "upright.png", Image.fromarray(colours(4000, 10)))
    assert load_picture(path, 64).rgb.shape == (64, 1, 3)


def test_shrinking_averages_and_keeps_its_place(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (120, 203, 3), dtype=np.uint8)
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    for long_side in (203, 150, 60, 29, 10, 1):
        height, width = fit_size(120, 203, long_side)
        exact = resize_image((pixels / 255).astype(np.float32), height, width)
        assert np.allclose(load_picture(path, long_side).rgb, exact, atol=1e-5)


@pytest.mark.parametrize("band", [1, 80, 1000, 3333])
@pytest.mark.parametrize(("mode", "whole"), [("RGBA", 2**24), ("I;16", 2**24), ("I;16", 1000)])
def test_a_large_picture_is_read_in_bands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, whole: int, band: int
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (61, 80, 4), dtype=np.uint8)
    image = Image.fromarray(pixels if mode == "RGBA" else pixels[..., 0].astype(np.uint16) * 257)
    path = saved(tmp_path / "a.png", image)
    for long_side in (80, 79, 33, 5):
        at_once = load_picture(path, long_side)
        with monkeypatch.context() as patch:
            patch.setattr("painter.pictures.pixels._BAND_PIXELS", band)
            patch.setattr("painter.pictures.pixels._DEEP_PIXELS", whole)
            banded = load_picture(path, long_side)
        assert np.allclose(banded.rgb, at_once.rgb, atol=1e-4 if mode == "RGBA" else 2e-6)
        if mode == "RGBA":
            assert banded.alpha is not None and at_once.alpha is not None
            assert np.allclose(banded.alpha, at_once.alpha, atol=1e-5)


# --- modes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["png", "tif", "bmp", "jpg"])
def test_grey(tmp_path: Path, ending: str) -> None:
    ramp = np.tile(np.arange(0, 256, 32, dtype=np.uint8), (8, 1))
    picture = load_picture(saved(tmp_path / f"a.{ending}", Image.fromarray(ramp), quality=100), 8)
    assert np.abs(picture.rgb - ramp[..., None] / 255).max() < 0.01
    assert picture.rgb.shape == (8, 8, 3) and picture.rgb.flags.writeable


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_grey_with_alpha(tmp_path: Path, ending: str) -> None:
    pixels = np.zeros((4, 4, 2), np.uint8)
    pixels[..., 0], pixels[..., 1] = 200, [0, 51, 102, 255]
    picture = load_picture(saved(tmp_path / f"a.{ending}", Image.fromarray(pixels, "LA")), 4)
    assert picture.alpha is not None and np.allclose(picture.alpha[0], [0, 0.2, 0.4, 1])
    assert np.allclose(picture.rgb[0, :, 0], [0, 200 / 255, 200 / 255, 200 / 255], atol=1e-5)


@pytest.mark.parametrize("ending", ["png", "gif", "tif", "bmp"])
def test_one_bit(tmp_path: Path, ending: str) -> None:
    chess = (np.indices((8, 8)).sum(0) % 2).astype(bool)
    path = saved(tmp_path / f"a.{ending}", Image.fromarray(chess))
    assert np.array_equal(load_picture(path, 8).rgb[..., 1], chess)
    assert np.allclose(load_picture(path, 4).rgb, 0.5, atol=0.01)
    assert np.allclose(load_picture(path, 1).rgb, 0.5, atol=0.01)


def palette_picture() -> Image.Image:
    image = Image.new("P", (16, 16), 0)
    image.putpalette([255, 0, 0, 0, 0, 255, 0, 255, 0])
    image.paste(1, (8, 0, 16, 16))
    return image


@pytest.mark.parametrize("ending", ["png", "gif", "bmp", "tif"])
def test_palette(tmp_path: Path, ending: str) -> None:
    path = saved(tmp_path / f"a.{ending}", palette_picture())
    for long_side in (16, 2):
        picture = load_picture(path, long_side)
        assert picture.alpha is None
        assert np.allclose(picture.rgb[0, 0], [1, 0, 0]) and np.allclose(picture.rgb[0, -1], [0, 0, 1])


@pytest.mark.parametrize("ending", ["png", "gif"])
def test_palette_with_a_transparent_colour(tmp_path: Path, ending: str) -> None:
    path = saved(tmp_path / f"a.{ending}", palette_picture(), transparency=1)
    for long_side in (16, 2):
        picture = load_picture(path, long_side)
        assert picture.alpha is not None
        assert picture.alpha[0, 0] == 1 and picture.alpha[0, -1] == 0
        assert np.allclose(picture.rgb[0, 0], [1, 0, 0]) and np.allclose(picture.rgb[0, -1], 0)


def test_palette_with_many_alphas(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", palette_picture(), transparency=bytes([51, 255, 255]))
    alpha = load_picture(path, 16).alpha
    assert alpha is not None and np.allclose(alpha[0, [0, -1]], [0.2, 1])


def test_a_transparent_colour_in_rgb_and_grey(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 8), (10, 20, 30))
    image.paste((200, 100, 0), (4, 0, 8, 8))
    alpha = load_picture(saved(tmp_path / "a.png", image, transparency=(10, 20, 30)), 8).alpha
    assert alpha is not None and alpha[0].tolist() == [0] * 4 + [1] * 4
    grey = Image.new("L", (8, 8), 7)
    grey.paste(100, (4, 0, 8, 8))
    alpha = load_picture(saved(tmp_path / "b.png", grey, transparency=7), 8).alpha
    assert alpha is not None and alpha[0].tolist() == [0] * 4 + [1] * 4


@pytest.mark.parametrize("ending", ["png", "tif", "webp"])
def test_alpha_comes_out_straight(tmp_path: Path, ending: str) -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[...] = (250, 120, 40, 128)
    options = {"lossless": True} if ending == "webp" else {}
    path = saved(tmp_path / f"a.{ending}", Image.fromarray(pixels), **options)
    for long_side in (16, 8, 5, 2):
        picture = load_picture(path, long_side)
        assert picture.alpha is not None and np.allclose(picture.alpha, 128 / 255, atol=1e-6)
        assert np.allclose(picture.rgb, np.array([250, 120, 40]) / 255, atol=0.01)


@pytest.mark.parametrize("long_side", [48, 24, 12, 5, 2])
def test_opaque_alpha_is_none(tmp_path: Path, long_side: int) -> None:
    pixels = np.dstack((colours(24, 24), np.full((24, 24), 255, np.uint8)))
    assert load_picture(saved(tmp_path / "a.png", Image.fromarray(pixels)), long_side).alpha is None


@pytest.mark.parametrize("long_side", [96, 32, 31, 20, 9, 8, 7, 3])
def test_hidden_colours_never_show(tmp_path: Path, long_side: int) -> None:
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[...] = (0, 255, 0, 0)  # green, but invisible
    pixels[5:20, 7:26] = (255, 0, 0, 255)
    picture = load_picture(saved(tmp_path / "a.png", Image.fromarray(pixels)), long_side)
    assert picture.alpha is not None
    assert picture.rgb[..., 1:].max() == 0
    assert (picture.rgb[picture.alpha == 0] == 0).all()
    assert np.allclose(picture.rgb[..., 0][picture.alpha > 0.05], 1, atol=0.05)
    assert picture.alpha.min() >= 0 and picture.alpha.max() <= 1
    assert long_side < 5 or picture.alpha.max() == 1
    assert np.isfinite(picture.rgb).all() and picture.rgb.max() <= 1


def test_nothing_but_transparency(tmp_path: Path) -> None:
    picture = load_picture(saved(tmp_path / "a.png", Image.new("RGBA", (8, 8), (255, 255, 255, 0))), 8)
    assert picture.alpha is not None and picture.alpha.max() == 0 and picture.rgb.max() == 0


@pytest.mark.parametrize("ending", ["jpg", "tif"])
def test_cmyk(tmp_path: Path, ending: str) -> None:
    path = saved(tmp_path / f"a.{ending}", Image.new("CMYK", (16, 16), (0, 255, 255, 0)), quality=95)
    for long_side in (16, 2):
        assert np.allclose(load_picture(path, long_side).rgb, [1, 0, 0], atol=0.02)


@pytest.mark.parametrize(("mode", "ending"), [("I;16", "png"), ("I;16", "tif"), ("I", "tif")])
def test_16_bit_grey_keeps_its_range_and_depth(tmp_path: Path, ending: str, mode: str) -> None:
    values = np.array([[0, 1, 257, 32768, 65534, 65535]] * 6, np.uint16)
    image = Image.fromarray(values if mode == "I;16" else values.astype(np.int32))
    picture = load_picture(saved(tmp_path / f"a.{ending}", image), 6)
    assert picture.alpha is None
    assert np.allclose(picture.rgb, values[..., None] / 65535, atol=1e-7)
    small = load_picture(tmp_path / f"a.{ending}", 1).rgb
    assert np.allclose(small, values.mean() / 65535, atol=1e-6)


def test_big_endian_16_bit_tiff(tmp_path: Path) -> None:
    tags = {256: (4, 3), 257: (4, 300), 258: (3, 16), 259: (3, 1), 262: (3, 1), 277: (3, 1), 278: (4, 300)}
    tags |= {273: (4, 8 + 2 + 12 * 9 + 4), 279: (4, 3 * 300 * 2)}
    entries = b"".join(
        struct.pack(">HHI", tag, kind, 1) + struct.pack(*((">HH", value, 0) if kind == 3 else (">I", value)))
        for tag, (kind, value) in sorted(tags.items())
    )
    values = (np.arange(900).reshape(300, 3) * 70).astype(">u2")
    path = tmp_path / "a.tif"
    path.write_bytes(b"MM\0*" + struct.pack(">IH", 8, 9) + entries + bytes(4) + values.tobytes())
    assert np.allclose(load_picture(path, 300).rgb[..., 0], values / 65535, atol=1e-6)


def test_32_bit_grey_tiff(tmp_path: Path) -> None:
    values = np.array([[0, 2**30, 2**31 - 1]] * 3, np.int32)
    picture = load_picture(saved(tmp_path / "a.tif", Image.fromarray(values)), 3)
    signed_white = (2**31 - 1) / (2**31 - 1)
    assert np.allclose(picture.rgb[0, :, 0], [0, 0.5, signed_white], atol=1e-6)


def test_float_tiff(tmp_path: Path) -> None:
    values = np.array([[0, 0.25, 1.0]] * 3, np.float32)
    picture = load_picture(saved(tmp_path / "a.tif", Image.fromarray(values)), 3)
    assert np.array_equal(picture.rgb[..., 2], values)
    picture = load_picture(saved(tmp_path / "b.tif", Image.fromarray(values * 255)), 3)
    assert np.allclose(picture.rgb[..., 2], values)
    values[0] = [np.nan, np.inf, -3]
    picture = load_picture(saved(tmp_path / "c.tif", Image.fromarray(values)), 3)
    assert (picture.rgb[0] == 0).all() and np.array_equal(picture.rgb[1, :, 0], [0, 0.25, 1])


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (6, 4), (4, 2)])
def test_16_bit_colour_png(tmp_path: Path, colour_type: int, channels: int) -> None:
    values = np.linspace(3000, 65535, 5 * 7 * channels).astype(">u2").reshape(5, 7, channels)
    path = tmp_path / "a.png"
    path.write_bytes(raw_png(7, 5, 16, colour_type, b"".join(b"\0" + row.tobytes() for row in values)))
    picture = load_picture(path, 7)
    first = np.abs(picture.rgb[..., 0] - values[..., 0] / 65535).max()
    assert first < 1.1 / 255
    if channels % 2 == 0:
        assert picture.alpha is not None
        assert np.abs(picture.alpha - values[..., -1] / 65535).max() < 1.1 / 255


def test_16_bit_colour_png_with_a_transparent_colour(tmp_path: Path) -> None:
    values = np.full((4, 4, 3), 40000, ">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    path = tmp_path / "a.png"
    path.write_bytes(raw_png(4, 4, 16, 2, rows, png_chunk(b"tRNS", struct.pack(">HHH", 1, 50000, 3))))
    assert np.allclose(load_picture(path, 4).rgb, 40000 / 65535, atol=1 / 255)


@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_colour_tiff(tmp_path: Path, channels: int) -> None:
    import cv2

    values = np.linspace(3000, 65535, 5 * 7 * channels).astype(np.uint16).reshape(5, 7, channels)
    path = tmp_path / "a.tif"
    assert cv2.imwrite(str(path), values[..., [2, 1, 0, 3][:channels]])
    assert np.abs(load_picture(path, 7).rgb - values[..., :3] / 65535).max() < 1.5 / 255


# --- orientation and colour profiles ------------------------------------------------------------------------

UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("ending", ["png", "tif", "webp", "jpg"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation(tmp_path: Path, orientation: int, ending: str) -> None:
    pixels = colours(48, 64)
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless: dict[str, dict[str, Any]] = {"webp": {"lossless": True}, "jpg": {"quality": 100, "subsampling": 0}}
    options = lossless.get(ending, {})
    path = saved(tmp_path / f"a.{ending}", Image.fromarray(pixels), exif=exif, **options)
    for long_side in (64, 8):
        expected = resize_image((pixels / 255).astype(np.float32), *fit_size(48, 64, long_side))
        picture = load_picture(path, long_side)
        assert picture.rgb.shape == UPRIGHT[orientation](expected).shape
        assert np.abs(picture.rgb - UPRIGHT[orientation](expected)).max() < 0.03


def test_16_bit_grey_is_turned_too(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    values = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    path = saved(tmp_path / "a.png", Image.fromarray(values), exif=exif)
    assert np.allclose(load_picture(path, 4).rgb[..., 0], np.rot90(values, -1) / 65535, atol=1e-6)


def test_broken_exif_is_no_reason_to_refuse(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", Image.fromarray(colours()), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert load_picture(path, 8).rgb.shape == (6, 8, 3)


def swapped_profile() -> bytes:
    """An RGB profile whose red primary is sRGB's green and the other way round."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = data.index(b"rXYZ"), data.index(b"gXYZ")
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    for encoding in ("ascii", "utf-16-be"):
        data = data.replace("sRGB".encode(encoding), "swap".encode(encoding))
    return bytes(data)


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp"])
def test_colour_profile_is_converted(tmp_path: Path, ending: str) -> None:
    options = {"lossless": True} if ending == "webp" else {}
    image = Image.new("RGB", (16, 16), (255, 0, 0))
    path = saved(tmp_path / f"a.{ending}", image, icc_profile=swapped_profile(), **options)
    for long_side in (16, 2):
        assert np.allclose(load_picture(path, long_side).rgb, [0, 1, 0], atol=0.03)


def test_colour_profile_with_alpha_and_palette(tmp_path: Path) -> None:
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 51))
    path = saved(tmp_path / "a.png", image, icc_profile=swapped_profile())
    picture = load_picture(path, 8)
    assert picture.alpha is not None and np.allclose(picture.alpha, 0.2)
    assert np.allclose(picture.rgb, [0, 1, 0], atol=0.03)
    path = saved(tmp_path / "b.png", palette_picture(), icc_profile=swapped_profile())
    assert np.allclose(load_picture(path, 16).rgb[0, 0], [0, 1, 0], atol=0.03)


@pytest.mark.parametrize("profile", [b"nonsense", swapped_profile()[:200], b"\0" * 500])
def test_broken_colour_profile_is_ignored(tmp_path: Path, profile: bytes) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(colours()), icc_profile=profile)
    assert np.allclose(load_picture(path, 8).rgb, colours() / 255)


def test_profile_of_another_kind_is_ignored(tmp_path: Path) -> None:
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    path = saved(tmp_path / "a.tif", image, icc_profile=swapped_profile())
    assert np.allclose(load_picture(path, 8).rgb, [1, 0, 0], atol=0.02)


def test_srgb_profile_changes_nothing(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = saved(tmp_path / "a.png", Image.fromarray(colours()), icc_profile=profile)
    assert np.allclose(load_picture(path, 8).rgb, colours() / 255)


# --- errors -------------------------------------------------------------------------------------------------


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


# --- resizing -----------------------------------------------------------------------------------------------


def test_fit_size() -> None:
    assert fit_size(300, 400, 200) == (150, 200)
    assert fit_size(400, 300, 800) == (800, 600)
    assert fit_size(1, 1000, 10) == (1, 10)
    assert fit_size(7, 7, 5) == (5, 5)


def test_resize_image_shapes_and_range() -> None:
    image = np.random.default_rng(0).random((20, 30, 3), dtype=np.float32)
    for shape in ((20, 30), (40, 10), (7, 60), (1, 1), (100, 100)):
        resized = resize_image(image, *shape)
        assert resized.shape == (*shape, 3) and resized.dtype == np.float32
        assert resized.min() >= 0 and resized.max() <= 1
    assert resize_image(image[..., 0], 5, 6).shape == (5, 6)
    assert resize_image(image[..., :1], 5, 6).shape == (5, 6, 1)
    assert resize_image(np.repeat(image, 2, axis=2), 5, 6).shape == (5, 6, 6)
    assert not np.shares_memory(resize_image(image, 20, 30), image)
    assert np.allclose(resize_image(image, 10, 15), image.reshape(10, 2, 15, 2, 3).mean((1, 3)), atol=1e-6)


def test_resize_image_averages_the_shrinking_side_only() -> None:
    image = np.random.default_rng(0).random((40, 2, 1), dtype=np.float32)
    resized = resize_image(image, 4, 9)
    expected = image[..., 0].reshape(4, 10, 2).mean(1)
    assert np.allclose(resized[:, [0, -1], 0], expected, atol=0.1)  # cubic overshoots a little at the ends
    assert np.allclose(resized.mean((1, 2)), expected.mean(1), atol=1e-3)


@pytest.mark.parametrize("shape", [(0, 5), (5, -1)])
def test_resize_image_to_nothing(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="pixels"):
        resize_image(np.zeros((4, 4, 3), np.float32), *shape)


# --- what Pillow passes over --------------------------------------------------------------------------------


def grey_png(*chunks: tuple[bytes, bytes]) -> bytes:
    extra = b"".join(png_chunk(kind, data) for kind, data in chunks)
    return raw_png(1, 1, 8, 2, b"\0\x80\x80\x80", extra)


GAMMA_1 = (b"gAMA", struct.pack(">I", 100_000))
SRGB_PRIMARIES = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([], 128 / 255),
        ([GAMMA_1], 0.7367),  # sRGB of half the light
        ([(b"gAMA", struct.pack(">I", 45_455))], 128 / 255),
        ([GAMMA_1, (b"sRGB", b"\0")], 128 / 255),
        ([GAMMA_1, (b"cICP", bytes((1, 13, 0, 1)))], 128 / 255),
        ([(b"gAMA", bytes(4))], 128 / 255),
        ([(b"cHRM", SRGB_PRIMARIES)], 128 / 255),
    ],
)
def test_gamma_of_a_png(chunks: list[tuple[bytes, bytes]], expected: float, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(grey_png(*chunks))
    for long_side in (1, 3):
        picture = load_picture(tmp_path / "a.png", long_side)
        assert np.abs(picture.rgb - expected).max() < 1e-3 and picture.notes == ()


@pytest.mark.parametrize(
    ("chunk", "named"),
    [
        ((b"cICP", bytes((9, 16, 0, 1))), "BT.2020 with PQ (HDR)"),
        ((b"cICP", bytes((12, 77, 0, 1))), "Display P3 with transfer 77"),
        ((b"cHRM", SRGB_PRIMARIES[:8] + SRGB_PRIMARIES[16:] + bytes(8)), "of other primaries than those of sRGB"),
    ],
)
def test_colours_that_are_read_as_srgb_are_told(chunk: tuple[bytes, bytes], named: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(grey_png(chunk))
    (note,) = load_picture(tmp_path / "a.png", 1).notes
    assert named in note and note.startswith(f"{tmp_path}/a.png: ") and note.endswith("convert it to sRGB to keep them")


def test_gamma_of_16_bit_grey(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(raw_png(1, 1, 16, 0, b"\0\x80\x00", png_chunk(*GAMMA_1)))
    assert load_picture(tmp_path / "a.png", 1).rgb[0, 0, 0] == pytest.approx(0.7354, abs=1e-3)


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "tif"])
def test_further_frames_are_told(ending: str, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 3), color) for color in ("red", "green", "blue")]
    path = saved(tmp_path / f"a.{ending}", frames[0], save_all=True, append_images=frames[1:], lossless=True)
    assert load_picture(path, 4).notes == (f"{path}: it has 3 frames, of which the first is taken",)
    assert load_picture(saved(tmp_path / f"b.{ending}", frames[0]), 4).notes == ()


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
