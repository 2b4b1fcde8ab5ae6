"""Folders of pictures become a collection: any format and size, pixel art, transparency, traits; what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.faces import draw_face, random_face, save_faces
from helpers.learning import read
from PIL import Image

from painter.errors import OptionError, PictureError
from painter.learning.form import Form
from painter.learning.pixel_art import block_side, in_blocks, native_size
from painter.learning.traits import learnable, traits_of


def faces(count: int, size: int, transparent: bool = False) -> list[Image.Image]:
    random = np.random.default_rng(1)
    return [draw_face(random_face(random), size, transparent) for _ in range(count)]


def gradient(number: int, height: int, width: int) -> Image.Image:
    """A picture that is not flat and not like another."""
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    channels = [rows * 255, columns * 255, np.full(rows.shape, number % 256)]
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


def test_pixel_art_is_read_pixel_by_pixel(tmp_path: Path) -> None:
    """Whatever the size of the file's blocks, which differs from file to file."""
    pictures = faces(90, 32)
    for number, picture in enumerate(pictures):
        side = 32 * (1 + number % 3)
        picture.resize((side, side), Image.Resampling.NEAREST).save(tmp_path / f"{number:03}.png")
    collection = read(tmp_path)
    assert collection.form == Form(32, (32, 32), (32, 32))
    assert np.array_equal(collection.pixels, np.stack([np.asarray(one) for one in pictures]))


def test_small_pixel_art_is_doubled_and_padded_in_a_larger_square(tmp_path: Path) -> None:
    save_faces(tmp_path, 100, 32, blocks=2, traits=False)
    collection = read(tmp_path, size=96)
    assert collection.form == Form(96, (96, 96), (32, 32))
    assert block_side(collection.pixels[0]) % 3 == 0


def test_pixel_art_that_is_too_large_for_the_size_is_refused(tmp_path: Path) -> None:
    save_faces(tmp_path, 100, 32, blocks=3, traits=False)
    with pytest.raises(OptionError, match=r"--size 24: these pictures are pixel art of 32 x 32 pixels; use --size 32"):
        read(tmp_path, size=24)


@pytest.mark.slow
def test_smooth_pictures_of_any_format_and_size_are_averaged(tmp_path: Path) -> None:
    for number in range(80):
        ending = ("png", "jpg", "webp", "bmp", "tif", "gif")[number % 6]
        side = (8, 100, 160)[number % 3]
        gradient(3 * number, side, side).save(tmp_path / f"{number:03}.{ending}")
    Image.new("RGB", (4200, 4200), "#808080").save(tmp_path / "large.png", compress_level=1)
    collection = read(tmp_path)
    assert collection.pixels.shape == (81, 64, 64, 3) and collection.form.native is None
    down = collection.pixels.astype(int)[:80].mean((0, 2, 3))
    assert (np.diff(down) > 0).all()  # the gradient
    assert 0 < len(collection.large) <= 81 and collection.large.shape[1:] == (128, 128, 3)


@pytest.mark.slow
def test_transparency_is_kept_and_hidden_colors_are_not_seen(tmp_path: Path) -> None:
    for number, picture in enumerate(faces(90, 256, transparent=True)):
        pixels = np.array(picture)
        pixels[pixels[..., 3] == 0, :3] = (255, 0, 255)
        Image.fromarray(pixels).save(tmp_path / f"{number:03}.png")
    collection = read(tmp_path)
    assert collection.pixels.shape[3] == 4 and (collection.pixels[:, 0, 0, 3] == 0).all()
    shown = collection.pixels[collection.pixels[..., 3] > 0].astype(int)
    assert not ((shown[:, 0] > 250) & (shown[:, 1] < 5) & (shown[:, 2] > 250)).any()


@pytest.mark.slow
def test_pictures_of_another_shape_are_cropped_to_the_common_one(tmp_path: Path) -> None:
    for number in range(80):
        gradient(3 * number, 300, 200 if number else 220).save(tmp_path / f"{number:03}.png")
    form = read(tmp_path).form
    assert form.content == (64, 43) and form.cropped(np.zeros((2, 64, 64, 3))).shape == (2, 64, 43, 3)
    assert form.cropped(np.zeros((128, 128, 3))).shape == (128, 86, 3)


@pytest.mark.slow
def test_broken_pictures_are_skipped_and_named_or_refused(tmp_path: Path) -> None:
    save_faces(tmp_path, 100, 64, traits=False)
    (tmp_path / "images" / "7.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (tmp_path / "images" / "8.png").write_bytes(b"")
    collection = read(tmp_path)
    assert len(collection.pixels) == 98 and len(collection.skipped) == 2
    assert "7.png" in collection.skipped[0] or "7.png" in collection.skipped[1]
    with pytest.raises(PictureError, match=r"\.png: .* \(and 1 more\)$"):
        read(tmp_path, strict=True)


@pytest.mark.slow
def test_a_picture_far_longer_than_the_others_is_skipped(tmp_path: Path) -> None:
    save_faces(tmp_path, 100, 64, traits=False)
    gradient(0, 40, 900).save(tmp_path / "images" / "banner.png")
    assert [
        line
        for line in read(tmp_path).skipped
        if "banner.png" in line and "times as wide as high, and the others 1 times" in line
    ]


def test_too_few_pictures_or_all_alike_are_refused(tmp_path: Path) -> None:
    save_faces(tmp_path / "few", 20, 64, traits=False)
    with pytest.raises(PictureError, match="only 20 of its pictures can be read; at least 64 are needed"):
        read(tmp_path / "few")
    (tmp_path / "alike").mkdir()
    for number in range(70):
        Image.new("RGB", (64, 64), "#336699").save(tmp_path / "alike" / f"{number}.png")
    with pytest.raises(PictureError, match="only 1 of its 70 pictures differ"):
        read(tmp_path / "alike")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(PictureError, match=r"1\.png"):
        read(tmp_path / "broken")


@pytest.mark.slow
def test_two_folders_are_two_sources(tmp_path: Path) -> None:
    first, second = save_faces(tmp_path / "a", 70, 64, seed=1), save_faces(tmp_path / "b", 160, 64, seed=2, robots=True)
    collection = read(first, second)
    assert collection.names == ("a", "b") and np.bincount(collection.sources).tolist() == [70, 160]
    assert collection.digest() == read(first, second).digest() != read(second, first).digest()


def test_traits_are_found_where_engines_put_them(tmp_path: Path) -> None:
    picture = tmp_path / "build" / "images" / "7.png"
    entry = {
        "attributes": [{"trait_type": "Hat", "value": "crown"}, {"trait_type": "Age", "value": 4}, {"value": 1}, 5]
    }
    for place in ("build/json/7.json", "build/images/json/7", "build/metadata/7.json"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(entry))
        assert traits_of(picture, tmp_path / "build" / "images") == {"Hat": "crown", "Age": "4"}
        path.unlink()
    assert traits_of(picture, tmp_path / "build" / "images") is None
    (tmp_path / "build" / "json" / "7.json").write_text("{")
    assert traits_of(picture, tmp_path / "build" / "images") is None


def test_traits_with_one_value_or_too_many_are_not_learned() -> None:
    traits = [
        {"Hat": str(k % 2), "Name": str(k), "Kind": "x", **({"Pipe": "yes"} if k == 3 else {})} for k in range(300)
    ]
    assert learnable([*traits, None]) == {"Hat": ("0", "1"), "Pipe": ("", "yes")}


def test_blocks_are_recognized() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3), np.uint8)
    large = pixels.repeat(5, 0).repeat(5, 1)
    assert block_side(large) == 5 and np.array_equal(in_blocks(large, 5), pixels)
    assert block_side(np.zeros((12, 18, 3), np.uint8)) == 6
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert native_size([large], 128) == (8, 6) and native_size([photo], 128) is None
    assert native_size([large] * 5 + [photo], 128) is None
