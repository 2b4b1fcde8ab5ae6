"""Palettes and tones: which colours a painting may use, and pictures of a few flat tones."""

from __future__ import annotations

import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from painter.errors import OptionError
from painter.pictures.palette import check_palette_text, choose_palette, nearest, read_palette, to_lab
from painter.pictures.tones import _thresholds, divide_tones

NOTHING = np.zeros((1, 1, 3), np.float32)
GPL = "GIMP Palette\nName: Test\nColumns: 2\n# a comment\n255   0   0\tRed\n\n  0 128   7 Not so\tgreen\n"


def grey(height: int, width: int, value: float = 1.0) -> np.ndarray:
    return np.full((height, width, 3), value, np.float32)


def bands(values: list[float], size: int = 96) -> np.ndarray:
    """[size, size, 3]: upright bands of these greys, from the left."""
    row = np.repeat(np.array(values, np.float32), size // len(values))
    return np.repeat(np.tile(row, (size, 1))[..., None], 3, axis=2)


def names(palette: np.ndarray) -> list[str]:
    assert palette.dtype == np.float32 and palette.ndim == 2 and palette.shape[1] == 3
    assert np.array_equal(palette, np.rint(palette * 255).astype(np.float32) / np.float32(255)), "steps of 1/255"
    return ["#" + bytes(np.rint(color * 255).astype(np.uint8)).hex() for color in palette]


def read(text: str | Path) -> list[str]:
    check_palette_text(str(text))
    return names(read_palette(str(text), NOTHING, None, 0))


def refused(text: str | Path, *words: str) -> None:
    """Refused with and without the picture, in one line that says what was given and all `words`."""
    messages = []
    for call in (lambda: check_palette_text(str(text)), lambda: read_palette(str(text), NOTHING, None, 0)):
        with pytest.raises(OptionError) as caught:
            call()
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert messages[0].startswith("--palette ") and messages[0].isprintable() and len(messages[0]) < 400
    for word in words:
        assert word in messages[0]


def logo() -> np.ndarray:
    """[128, 128, 3]: antialiased blue writing and a small red dot (0.4 % of the picture) on white."""
    image = np.full((128, 128, 3), 255, np.uint8)
    cv2.putText(image, "ABC", (8, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (20, 40, 120), 6, cv2.LINE_AA)
    cv2.circle(image, (100, 100), 4, (230, 10, 20), -1, cv2.LINE_AA)
    colors: np.ndarray = image.astype(np.float32) / np.float32(255)
    return colors


def noise(height: int = 64, width: int = 64, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width, 3), np.float32)


# --- reading ------------------------------------------------------------------------------------------------


def test_lists_keep_their_order_and_lose_their_duplicates() -> None:
    assert read(" #ff8000, #0f0,#00FF00,#000000,#ff8000 ") == ["#ff8000", "#00ff00", "#000000"]
    assert read("#123") == ["#112233"]
    every = [f"#{value:02x}0000" for value in range(256)]
    assert read(",".join(every)) == every


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.hex", "ff0000\n00ff00\r\n\n0000ff\nff0000\n", ["#ff0000", "#00ff00", "#0000ff"]),
        ("a.txt", "; paint.net\n// or so\nFF102030\n#abc\n", ["#102030", "#aabbcc"]),
        ("a.gpl", GPL, ["#ff0000", "#008007"]),
        ("a.txt", GPL, ["#ff0000", "#008007"]),
        ("no ending, but a comma", "\ufeff#010203", ["#010203"]),
    ],
)
def test_text_files(tmp_path: Path, name: str, text: str, expected: list[str]) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    assert read(path) == expected


def test_names_in_a_gimp_palette_may_be_in_any_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.gpl").write_bytes(b"GIMP Palette\n1 2 3 gr\xfcn\n")
    assert read(tmp_path / "a.gpl") == ["#010203"]


@pytest.mark.parametrize("ending", ["png", "gif", "bmp", "tif"])
def test_pictures_give_their_colours_exactly(tmp_path: Path, ending: str) -> None:
    pixels = np.array([[[255, 0, 1], [3, 2, 1]], [[255, 0, 1], [9, 99, 199]], [[0, 0, 0], [3, 2, 1]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / f"a.{ending}")
    assert read(tmp_path / f"a.{ending}") == ["#ff0001", "#030201", "#0963c7", "#000000"]


def test_all_256_colours_of_a_picture_and_not_one_more(tmp_path: Path) -> None:
    pixels = np.arange(257, dtype=np.int64) * 12345 % (1 << 24)
    pixels = np.stack((pixels >> 16, pixels >> 8 & 255, pixels & 255), -1).astype(np.uint8)
    Image.fromarray(pixels[None, :256]).save(tmp_path / "a.png")
    Image.fromarray(pixels[None]).save(tmp_path / "b.png")
    assert read(tmp_path / "a.png") == ["#" + bytes(pixel).hex() for pixel in pixels[:256]]
    refused(tmp_path / "b.png", "257 different colours", "at most 256")


def test_only_opaque_colours_of_a_picture_count(tmp_path: Path) -> None:
    pixels = np.array([[[9, 9, 9, 0], [10, 20, 30, 255], [8, 8, 8, 254]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels[:, :1]).save(tmp_path / "b.png")
    assert read(tmp_path / "a.png") == ["#0a141e"]
    refused(tmp_path / "b.png", "no (opaque) colour")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1", ["2 to 256"]),
        ("257", ["2 to 256"]),
        ("-3", ["2 to 256"]),
        ("9" * 5000, ["2 to 256"]),
        ("", ["empty", "#rrggbb"]),
        ("#12345g", ["colour 1", "'#12345g'"]),
        ("#fff,red", ["colour 2", "'red'"]),
        ("#fff,,#000", ["colour 2"]),
        ("#fff,\n#00", ["colour 2", "'#00'"]),
        ("nothing-here.hex", ["no such file", "#rrggbb,#rrggbb"]),
        ("1.5", ["no such file", "a number from 2 to 256"]),
        ("null\0character", ["null", "\\x00"]),
        ("n" * 5000, ["too long"]),
        (",".join(f"#{value:06x}" for value in range(257)), ["257 different colours", "at most 256"]),
    ],
)
def test_bad_texts(text: str, words: list[str]) -> None:
    refused(text, *words)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("empty.hex", b"", ["no (opaque) colour"]),
        ("empty", b"", ["no (opaque) colour"]),
        ("comments.txt", b"; nothing\n\n", ["no (opaque) colour"]),
        ("bad.hex", b"ff0000\n\nred\n", ["line 3", "'red'"]),
        ("bad.gpl", b"GIMP Palette\n1 2 3\n1 2 256\n", ["line 3", "0 to 255"]),
        ("short.gpl", b"GIMP Palette\n1 2\n", ["line 2"]),
        ("garbage.hex", b"\x89PNG\r\n\x1a\n\0\0\0\x0d\xff\xfe", ["not a text file"]),
        ("garbage.txt", bytes(range(128, 256)) * 99, ["line 1"]),
        ("garbage", bytes(range(256)), ["not a picture"]),
        ("cut.png", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\1\0\0\0\1", ["PNG"]),
        ("large.txt", b"ff0000\n" * 150_000, ["larger than 1000000 bytes"]),
        ("many.hex", b"".join(b"%06x\n" % value for value in range(300)), ["300 different colours"]),
    ],
)
def test_bad_files(tmp_path: Path, name: str, data: bytes, words: list[str]) -> None:
    (tmp_path / name).write_bytes(data)
    refused(tmp_path / name, *words)


def test_folders_pipes_and_large_pictures(tmp_path: Path) -> None:
    refused(tmp_path, "folder")
    os.mkfifo(tmp_path / "pipe.hex")
    refused(tmp_path / "pipe.hex", "not a regular file")
    Image.new("L", (4000, 1001)).save(tmp_path / "large.png")
    refused(tmp_path / "large.png", "4000 x 1001", "too large")


def test_a_file_name_is_shown_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "two\nlines.hex"
    path.write_text("nonsense\x1b[31m")
    refused(path, "\\nlines.hex", "\\x1b")


# --- choosing -----------------------------------------------------------------------------------------------


def test_a_number_chooses_from_the_picture() -> None:
    chosen = read_palette(" 4 ", logo(), None, 3)
    assert np.array_equal(chosen, choose_palette(logo(), None, 4, 3))
    check_palette_text("4")


def test_a_small_vivid_dot_gets_its_colour() -> None:
    expected = np.array([[20, 40, 120], [230, 10, 20], [255, 255, 255]]) / 255
    for seed in range(3):
        assert np.allclose(choose_palette(logo(), None, 3, seed), expected, atol=2 / 255)


def test_a_vivid_spot_in_a_wide_range_of_greys_gets_a_colour() -> None:
    picture = np.repeat(np.tile(np.linspace(0, 1, 256, dtype=np.float32), (256, 1))[..., None], 3, axis=2)
    picture[100:106, 100:106] = 0.9, 0.1, 0.1  # 0.05 %
    for seed in range(3):
        assert np.abs(choose_palette(picture, None, 6, seed) - (0.9, 0.1, 0.1)).max(1).min() < 0.05


@pytest.mark.slow
def test_chosen_colours_go_from_dark_to_light_and_are_all_different() -> None:
    for count in (2, 7, 64, 256):
        chosen = choose_palette(noise(), None, count, 0)
        assert len(set(names(chosen))) == count
        assert np.all(np.diff(to_lab(chosen)[:, 0]) >= 0)
        assert np.array_equal(chosen, choose_palette(noise(), None, count, 0)), "the same seed, the same colours"


def test_as_many_as_asked_for_from_colours_that_are_hardly_different() -> None:
    ramp = np.zeros((40, 40, 3), np.float32)
    ramp[..., 2] = np.float32(np.arange(1600).reshape(40, 40) % 5) / np.float32(255)  # fewer bins than colours
    assert names(choose_palette(ramp, None, 9, 0)) == ["#000000", "#000001", "#000002", "#000003", "#000004"]
    assert len(set(names(choose_palette(ramp, None, 4, 0)))) == 4


def test_what_has_no_weight_is_not_there() -> None:
    picture, weight = grey(32, 32, 1.0), np.zeros((32, 32), np.float32)
    picture[:, :8], weight[:, :8] = (0.0, 0.2, 1.0), 1.0
    assert names(choose_palette(picture, weight, 4, 0)) == ["#0033ff"]
    assert choose_palette(picture, 0 * weight, 4, 0).shape == (0, 3)
    with pytest.raises(OptionError, match=r"^--palette 4: the picture shows nothing"):
        read_palette("4", picture, 0 * weight, 0)


def test_a_picture_of_one_pixel() -> None:
    assert names(choose_palette(grey(1, 1, 0.2), None, 16, 0)) == ["#333333"]


def test_nearest_is_what_comparing_all_pairs_gives() -> None:
    colors, palette = noise(130, 140), noise(1, 37, seed=1)[0]
    expected = ((colors[:, :, None] - palette) ** 2).sum(-1).argmin(-1)
    found = nearest(colors, palette)
    assert found.dtype == np.int64 and np.array_equal(found, expected)
    assert np.array_equal(nearest(palette, palette), np.arange(37))
    assert nearest(palette[0], palette) == 0
    assert nearest(np.zeros((0, 3), np.float32), palette).shape == (0,)


# --- tones --------------------------------------------------------------------------------------------------


def test_thresholds_have_the_least_variance_of_all() -> None:
    histogram = np.random.default_rng(2).integers(0, 9, 24).astype(np.float64)
    levels = np.arange(24)

    def scatter(*limits: int) -> float:
        groups = np.split(levels, np.array(limits) + 1)
        means = [np.average(group, weights=histogram[group] + 1e-15) for group in groups]
        parts = zip(groups, means, strict=True)
        return float(sum((histogram[group] * (group - mean) ** 2).sum() for group, mean in parts))

    found = scatter(*_thresholds(histogram, 3))
    assert found == pytest.approx(min(scatter(i, j) for i in range(23) for j in range(i + 1, 23)))


def test_thresholds_of_few_levels() -> None:
    histogram = np.zeros(256)
    histogram[[10, 12, 200]] = 5, 1, 1
    assert _thresholds(histogram, 2).tolist() == [12]
    assert _thresholds(histogram, 3).tolist() == [10, 12]
    assert _thresholds(histogram, 9).tolist() == [10, 12]
    assert _thresholds(histogram, 1).tolist() == []


def test_every_tone_is_there_in_its_place_and_colour() -> None:
    values = [0.9, 0.1, 0.5, 0.3]
    palette = np.array([[1, 1, 0], [0, 0, 0.3], [1, 0, 0.5], [0, 0.6, 0]], np.float32)  # L of 97, 17, 55, 55
    by_tone = palette[np.argsort(to_lab(palette)[:, 0])]
    result = divide_tones(bands(values), None, 4, palette)
    assert result.dtype == np.float32 and result.shape == (96, 96, 3)
    for place, rank in enumerate((3, 0, 2, 1)):
        inside = result[:, 24 * place + 3 : 24 * place + 21]
        assert np.allclose(inside, by_tone[rank], atol=1e-6)


def test_borders_are_blended_over_about_a_pixel() -> None:
    row = divide_tones(bands([0.0, 1.0]), None, 2, None)[50, :, 0]
    assert np.all(np.diff(row) >= 0)
    assert row[47] == pytest.approx(1 - row[48], abs=1e-3) and 0.1 < row[47] < 0.4
    assert row[44] < 0.01 and row[51] > 0.99


@pytest.mark.parametrize(
    ("colours", "expected"),
    [(1, [0, 0, 0, 0]), (2, [0, 0, 1, 1]), (3, [0, 0, 1, 2]), (4, [0, 1, 2, 3]), (7, [0, 2, 4, 6])],
)
def test_palettes_of_more_or_fewer_colours_than_tones(colours: int, expected: list[int]) -> None:
    palette = np.repeat(np.linspace(0.05, 0.95, colours, dtype=np.float32)[:, None], 3, axis=1)
    result = divide_tones(bands([0.1, 0.4, 0.7, 1.0]), None, 4, palette[::-1])
    assert nearest(result[48, 12::24], palette).tolist() == expected


def test_without_a_palette_tones_keep_their_lightness_and_hue_and_gain_chroma() -> None:
    picture = grey(64, 64, 0.9)
    picture[:, :32] = 0.5, 0.25, 0.3
    before, after = to_lab(picture)[32, 8], to_lab(divide_tones(picture, None, 2, None))[32, 8]
    assert after[0] == pytest.approx(before[0], abs=1.0)
    assert np.allclose(after[1:], 1.5 * before[1:], atol=1.5)


def test_small_islands_go_and_larger_ones_stay() -> None:
    picture = grey(256, 256)
    cv2.circle(picture, (60, 60), 2, (0, 0, 0), -1)  # 13 of the 19.7 pixels that an area needs
    cv2.circle(picture, (180, 180), 9, (0, 0, 0), -1)
    result = divide_tones(picture, None, 2, None)
    assert result[50:70, 50:70].min() > 0.99
    assert result[180, 180].max() < 0.01


def test_areas_are_calm_under_noise() -> None:
    picture = bands([0.45, 0.55], 256) + 0.15 * (noise(256, 256)[..., :1] - 0.5)  # a sixth is on the wrong side
    result = divide_tones(picture, None, 2, np.array([[0, 0, 0], [1, 1, 1]], np.float32))
    assert result[:, :122].max() < 0.01 and result[:, 134:].min() > 0.99


def test_a_soft_edge_gives_no_line_of_the_tones_between() -> None:
    picture = cv2.GaussianBlur(bands([0.05, 0.95, 0.35, 0.65]), (0, 0), 1.2)
    palette = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 1]], np.float32)
    edge = divide_tones(picture, None, 4, palette)[:, 12:36]
    assert np.ptp(edge, axis=2).max() < 0.01, "black and white alone"
    assert edge.min() < 0.01 and edge.max() > 0.99


def test_a_faint_feature_stays_to_be_seen() -> None:
    picture = bands([0.1, 0.5, 0.9, 0.9], 256)
    cv2.ellipse(picture, (192, 128), (8, 4), 0, 0, 360, (0.72, 0.72, 0.72), -1)  # an eye, nearer to 0.9 than to 0.5
    palette = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 1]], np.float32)
    result = divide_tones(picture, None, 3, palette)
    assert np.allclose(result[128, [192, 160]], palette[[1, 2]], atol=0.02)


def test_borders_are_rounded() -> None:
    picture = bands([0.1, 0.9], 256)
    picture[4::8, 123:128] = 0.9  # a comb
    result = divide_tones(picture, None, 2, np.array([[0, 0, 0], [1, 1, 1]], np.float32))
    assert result[:, :126].max() < 0.1 and result[:, 128:].min() > 0.4, "no tooth is longer than a pixel"


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_pictures_have_one_tone(value: float) -> None:
    palette = np.array([[0, 0, 0.2], [0.8, 0, 0], [1, 1, 0]], np.float32)
    for count in (2, 16):
        assert np.allclose(divide_tones(grey(20, 30, value), None, count, None), value, atol=0.01)
        assert np.allclose(divide_tones(grey(20, 30, value), None, count, palette), palette[round(2 * value)])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 2), (2, 1), (3, 3), (1, 300), (40, 2)])
def test_tiny_and_narrow_pictures(height: int, width: int) -> None:
    for palette in (None, noise(1, 5)[0]):
        result = divide_tones(noise(height, width), None, 4, palette)
        assert result.shape == (height, width, 3) and np.isfinite(result).all()


def test_what_is_hidden_has_no_say() -> None:
    weight = np.zeros((96, 96), np.float32)
    weight[20:80, 20:80] = 1.0
    palette = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 1]], np.float32)
    picture = bands([0.4, 0.5, 0.6, 0.7])
    results = []
    for hidden in (0.0, 1.0, noise(96, 96)):
        covered = np.where(weight[..., None] > 0, picture, np.float32(hidden))
        results.append(divide_tones(covered, weight, 3, palette))
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])
    assert np.allclose(results[0][50, [10, 30, 90]], palette[[0, 0, 2]], atol=1e-6), "tones go on where it is hidden"
    assert np.array_equal(divide_tones(picture, 0 * weight, 3, palette), picture)


@pytest.mark.slow
def test_tones_are_fast_and_the_same_each_time() -> None:
    small = cv2.GaussianBlur(noise(512, 512), (0, 0), 6)
    picture = np.clip((small - 0.5) * 8 + 0.5, 0, 1)
    first = divide_tones(picture, None, 6, None)
    start = time.process_time()
    second = divide_tones(picture, None, 6, None)
    assert time.process_time() - start < 2.0, "0.2 seconds where nothing else runs"
    assert np.array_equal(first, second)
    assert len(np.unique(np.rint(first[::4, ::4] * 255).astype(int).reshape(-1, 3), axis=0)) >= 6


@pytest.mark.parametrize("count", [1, 17])
def test_counts_outside_the_range(count: int) -> None:
    with pytest.raises(ValueError, match="from 2 to 16"):
        divide_tones(grey(4, 4), None, count, None)
