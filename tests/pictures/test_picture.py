"""Reading pictures: what comes out, at which size and which way up; colour profiles; and resizing."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.picture_files import colours, palette_picture, saved
from PIL import Image, ImageCms

from painter.pictures.picture import load_picture
from painter.pictures.resizing import fit_size, resize_image

LOSSLESS = ["png", "gif", "bmp", "tif", "webp"]


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
