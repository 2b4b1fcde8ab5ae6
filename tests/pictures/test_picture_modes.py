"""Modes of pictures: grey, palettes, transparency, CMYK, 16 bits; and what Pillow passes over: gammas, more frames."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from helpers.picture_files import colours, palette_picture, png_chunk, raw_png, saved
from PIL import Image

from painter.pictures.picture import load_picture

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
