"""Masks of any kind and size; faces and details are found, and nothing where there is nothing."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from painter.errors import CheckpointError, PictureError
from painter.pictures import focus, looked_at
from painter.pictures.focus import DETAIL_SHARE, auto_focus, detail_map, face_map, find_faces, focus_weights
from painter.pictures.masks import load_mask
from painter.pictures.picture import load_picture, picture_from_array

SAMPLES = Path(focus.__file__).parent / "samples"
SIZES = [(1, 1), (1, 7), (3, 200), (200, 3), (25, 25), (31, 90)]


def saved(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def flat(height: int = 120, width: int = 160, value: float = 0.37) -> np.ndarray:
    return np.full((height, width, 3), value, np.float32)


def noise(height: int, width: int, strength: float = 1.0) -> np.ndarray:
    values = np.random.default_rng(0).random((height, width, 3))
    return np.asarray(0.5 + strength * (values - 0.5), np.float32)


def photo(name: str) -> np.ndarray:
    return np.asarray(getattr(data, name)(), np.float32) / 255


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return photo("astronaut")


# --- masks --------------------------------------------------------------------------------------------------


def refused(path: Path, height: int, width: int, *words: str) -> None:
    """`path` is refused in one line that names the option and the file and says all `words`."""
    with pytest.raises(PictureError) as caught:
        load_mask(path, height, width, "--region")
    message = str(caught.value)
    assert message.startswith("--region") and message.isprintable()
    for word in (path.name, *words):
        assert word in message


def test_a_mask_of_the_pictures_size_keeps_its_values(tmp_path: Path) -> None:
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
    mask = load_mask(saved(tmp_path / "m.png", grey), 6, 8, "--region")
    assert mask.shape == (6, 8) and mask.dtype == np.float32
    np.testing.assert_allclose(mask, grey / 255, atol=1e-6)


def test_a_mask_shrinks_by_area_averages(tmp_path: Path) -> None:
    grey = np.arange(192, dtype=np.uint8).reshape(12, 16)
    mask = load_mask(saved(tmp_path / "m.png", grey), 6, 8, "--region")
    np.testing.assert_allclose(mask, grey.reshape(6, 2, 8, 2).mean((1, 3)) / 255, atol=1e-6)


def test_a_small_mask_grows_and_stays_within_its_range(tmp_path: Path) -> None:
    grey = np.zeros((4, 4), np.uint8)
    grey[:, 2:] = 255
    mask = load_mask(saved(tmp_path / "m.png", grey), 64, 64, "--region")
    assert mask.shape == (64, 64)
    assert mask.min() == 0 and mask.max() == 1
    assert mask[:, :16].max() < 0.01 and mask[:, 48:].min() > 0.99


def test_colours_count_by_luminance_and_alpha(tmp_path: Path) -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0] = 255, 0, 0, 255
    pixels[0, 1] = 0, 255, 0, 255
    pixels[1, 0] = 255, 255, 255, 51
    pixels[1, 1] = 255, 255, 255, 0
    mask = load_mask(saved(tmp_path / "m.png", pixels), 2, 2, "--region")
    np.testing.assert_allclose(mask, [[0.2126, 0.7152], [0.2, 0]], atol=1e-5)


def test_sixteen_bits_keep_their_depth(tmp_path: Path) -> None:
    grey = np.array([[1000, 1100], [65535, 40000]], np.uint16)
    mask = load_mask(saved(tmp_path / "m.png", grey), 2, 2, "--region")
    np.testing.assert_allclose(mask, grey / 65535, atol=1e-5)


def test_a_mask_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right
    grey = np.zeros((16, 32), np.uint8)
    grey[:, :16] = 255  # the left becomes the top
    mask = load_mask(saved(tmp_path / "m.jpg", grey, exif=exif, quality=95), 32, 16, "--region")
    assert mask[:14].min() > 0.95 and mask[18:].max() < 0.05


@pytest.mark.parametrize("size", [(300, 400), (3, 4), (301, 400), (295, 400)])
def test_a_mask_within_two_percent_is_taken(tmp_path: Path, size: tuple[int, int]) -> None:
    path = saved(tmp_path / "m.png", np.full(size, 200, np.uint8))
    assert load_mask(path, 96, 128, "--focus").shape == (96, 128)


@pytest.mark.parametrize("size", [(400, 300), (290, 400), (310, 400), (1, 1)])
def test_a_mask_of_another_aspect_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    path = saved(tmp_path / "m.png", np.full(size, 200, np.uint8))
    refused(path, 96, 128, f"{size[1]} x {size[0]}", "128 x 96", "aspect ratio", "crop")


def test_rounding_of_a_narrow_pictures_sides_is_no_other_aspect(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.png", np.full((3, 500), 255, np.uint8))
    assert load_mask(path, 1, 128, "--region").min() == 1


@pytest.mark.parametrize("value", [0, 1])
def test_a_black_mask_is_refused_and_a_nearly_black_one_is_not(tmp_path: Path, value: int) -> None:
    deep = np.full((8, 8), 255 * value + 255, np.uint16)  # 1/257 and 2/257 of white
    path = saved(tmp_path / "m.png", deep)
    if value:
        assert load_mask(path, 8, 8, "--region").max() > 1 / 255
    else:
        refused(path, 8, 8, "black", "nothing would be painted", "white")


def test_a_hidden_mask_is_black(tmp_path: Path) -> None:
    pixels = np.full((4, 4, 4), 255, np.uint8)
    pixels[..., 3] = 0
    refused(saved(tmp_path / "m.png", pixels), 4, 4, "black")


def test_a_bad_file_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    refused(text, 4, 4, "cannot read", "PNG")
    refused(tmp_path / "absent.png", 4, 4, "no such file")
    refused(tmp_path, 4, 4, "folder")


def test_a_file_name_of_two_lines_gives_one(tmp_path: Path) -> None:
    path = saved(tmp_path / "a\nb.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(PictureError, match=r"--region .*a\\nb\.png: the mask is black") as caught:
        load_mask(path, 4, 4, "--region")
    assert str(caught.value).isprintable()


# --- faces --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("mirror", [False, True])
def test_the_astronauts_face_is_found(astronaut: np.ndarray, mirror: bool) -> None:
    faces = find_faces(astronaut[:, ::-1] if mirror else astronaut)
    assert len(faces) == 1
    x, y, width, height = faces[0]
    eyes = [(512 - eye, at) if mirror else (eye, at) for eye, at in ((203, 103), (245, 104))]
    for eye, at in eyes:
        assert x + 0.2 * width < eye < x + 0.8 * width
        assert y + 0.25 * height < at < y + 0.45 * height
    assert 85 < width < 125 and 85 < height < 125
    assert all(type(part) is int for part in faces[0])


@pytest.mark.slow
def test_a_face_is_found_at_any_size_and_in_a_wide_picture(astronaut: np.ndarray) -> None:
    large = cv2.resize(astronaut, (1300, 1300), interpolation=cv2.INTER_CUBIC)
    wide = np.concatenate((flat(512, 300), astronaut, flat(512, 300)), axis=1)
    reference = np.array(find_faces(astronaut)[0])
    np.testing.assert_allclose(find_faces(large), [reference * 1300 / 512], atol=12)
    np.testing.assert_allclose(find_faces(wide), [reference + np.array((300, 0, 0, 0))], atol=5)
    assert len(find_faces(astronaut[20:200, 140:320])) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chelsea", "coffee", "rocket", "grass", "page"])
def test_no_face_where_there_is_none(name: str) -> None:
    picture = photo(name)
    picture = picture if picture.ndim == 3 else np.dstack([picture] * 3)
    assert find_faces(picture) == []


@pytest.mark.slow
def test_eyes_and_mouth_weigh_most(astronaut: np.ndarray) -> None:
    faces = face_map(astronaut)
    assert faces.shape == (512, 512) and faces.dtype == np.float32
    assert faces.min() == 0 and 0.99 < faces.max() <= 1
    for y, x in ((103, 203), (104, 245), (141, 224)):
        assert faces[y, x] > 0.85
    assert 0.3 < faces[123, 195] < 0.6, "a cheek"
    assert faces[400, 300] == 0 and faces[20, 20] == 0
    assert np.abs(np.diff(faces, axis=0)).max() < 0.15 and np.abs(np.diff(faces, axis=1)).max() < 0.15


# --- detail -------------------------------------------------------------------------------------------------


def test_lines_and_dots_stand_out_and_borders_of_areas_do_not() -> None:
    picture = flat(256, 256, 0.8)
    picture[:, :128] = 0.3
    cv2.circle(picture, (190, 70), 3, (0.1, 0.1, 0.1), -1)
    cv2.line(picture, (160, 190), (230, 190), (0.9, 0.2, 0.2), 2)
    detail = detail_map(picture)
    assert detail[70, 190] > 0.8 and detail[190, 200] > 0.8
    assert detail[:, 100:150].max() < 0.05
    assert detail[20:240, 20:100].max() == 0


def test_grass_is_no_detail_but_something_small_on_it_is() -> None:
    grass = np.dstack([photo("grass")] * 3) * 0.6
    assert detail_map(grass).mean() < 0.03
    cv2.circle(grass, (256, 256), 6, (1.0, 1.0, 1.0), -1)
    detail = detail_map(grass)
    assert detail[256, 256] > 0.8
    assert detail[256, 256] > 20 * detail.mean()


def test_the_eyes_of_the_cat_are_detail() -> None:
    detail = detail_map(photo("chelsea"))
    eyes = np.zeros(detail.shape, bool)
    eyes[85:150, 130:215] = eyes[110:165, 290:345] = True
    assert detail[eyes].mean() > 4 * detail[~eyes].mean()


def test_faint_noise_is_no_detail() -> None:
    assert detail_map(noise(128, 128, 0.02)).max() < 0.05


def test_a_strip_along_the_pictures_border_is_no_line() -> None:
    picture = flat(128, 128, 0.9)
    picture[:2] = 0.1
    assert detail_map(picture).max() < 0.01


def test_the_same_detail_at_twice_the_size() -> None:
    small = photo("rocket")[::2, ::2]
    large = cv2.resize(small, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    halved = cv2.resize(detail_map(np.clip(large, 0, 1)), small.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.corrcoef(detail_map(small).ravel(), halved.ravel())[0, 1] > 0.9


# --- both together ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_faces_dominate(astronaut: np.ndarray) -> None:
    focus_map = auto_focus(astronaut)
    assert focus_map.shape == (512, 512) and focus_map.dtype == np.float32
    assert focus_map[103, 203] > 0.85 and focus_map[104, 245] > 0.85
    outside = np.ones((512, 512), bool)
    outside[:230, 110:340] = False
    assert 0.4 < focus_map[outside].max() <= DETAIL_SHARE + 1e-6
    assert focus_map[80:160, 175:270].mean() > 8 * focus_map[outside].mean()


@pytest.mark.slow
@pytest.mark.parametrize("value", [0.0, 0.1, 0.37, 0.5, 1.0])
def test_a_flat_picture_has_no_focus(value: float) -> None:
    picture = flat(397, 130, value)
    assert auto_focus(picture).max() == 0
    assert auto_focus(picture, np.full((397, 130), 0.6, np.float32)).max() == 0


@pytest.mark.slow
def test_what_is_transparent_has_none() -> None:
    for name in ("apple_coin", "circuit_coin", "octahedron"):
        picture = load_picture(SAMPLES / f"{name}.png", 256)
        assert picture.alpha is not None
        focus_map = auto_focus(picture.rgb, picture.alpha)
        assert np.all(focus_map[picture.alpha == 0] == 0)
        assert 0.4 < focus_map.max() <= DETAIL_SHARE + 1e-6
        assert 0.01 < focus_map.mean() < 0.15


@pytest.mark.slow
def test_an_alpha_of_ones_changes_nothing() -> None:
    picture = photo("rocket")[100:300, 150:350]
    assert np.array_equal(auto_focus(picture), auto_focus(picture, np.ones((200, 200), np.float32)))


def test_a_black_drawing_on_nothing_is_seen_by_its_alpha() -> None:
    alpha = np.zeros((128, 128), np.float32)
    cv2.line(alpha, (30, 40), (100, 90), 1.0, 2)
    focus_map = auto_focus(flat(128, 128, 0.0), alpha)
    assert focus_map[alpha > 0].mean() > 0.3
    assert np.all(focus_map[alpha == 0] == 0)


@pytest.mark.parametrize("size", SIZES)
def test_pictures_of_any_shape(size: tuple[int, int]) -> None:
    picture = noise(*size)
    for result in (detail_map(picture), face_map(picture), auto_focus(picture), auto_focus(picture, picture[..., 0])):
        assert result.shape == size and result.dtype == np.float32
        assert np.isfinite(result).all() and result.min() >= 0 and result.max() <= 1


@pytest.mark.slow
def test_the_same_picture_gives_the_same_map(astronaut: np.ndarray) -> None:
    near = astronaut[20:200, 140:320]  # not contiguous
    before = near.copy()
    assert np.array_equal(auto_focus(near), auto_focus(before))
    assert np.array_equal(near, before), "left as it was"


@pytest.mark.slow
def test_the_order_in_which_windows_are_found_does_not_matter(
    astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, cascade = astronaut[20:200, 140:320], focus._cascade()
    expected = find_faces(near)

    class Reversed:
        def detect_multi_scale(self, *args: object) -> list[dict[str, int]]:
            found: list[dict[str, int]] = cascade.detect_multi_scale(*args)[::-1]
            return found

    monkeypatch.setattr(focus, "_cascade", Reversed)
    assert len(expected) == 1 and find_faces(near) == expected


def test_weights() -> None:
    focus_map = np.array([[0, 0.5], [1, 0.5]], np.float32)
    weights = focus_weights(focus_map, 3.0)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, np.array([[1, 2.5], [4, 2.5]]) / 2.5, rtol=1e-6)
    assert np.all(focus_weights(focus_map, 0.0) == 1)
    assert np.all(focus_weights(np.zeros((5, 7), np.float32), 9.0) == 1)
    large = focus_weights(noise(300, 300)[..., 0], 4.0)
    assert abs(float(large.mean(dtype=np.float64)) - 1) < 1e-6


def test_a_picture_is_looked_at_once_for_many_paintings(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[tuple[int, ...]] = []

    def look(rgb: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
        looked.append(rgb.shape)
        return np.full(rgb.shape[:2], 0.5, np.float32)

    monkeypatch.setattr(looked_at, "auto_focus", look)
    monkeypatch.setattr(looked_at, "_kept", {})
    pictures = [picture_from_array(np.full((20, 30, 3), n, np.uint8), 60) for n in range(looked_at.FOCUSES_KEPT + 1)]
    first = looked_at.focus_of(pictures[0], 30)
    assert looked_at.focus_of(pictures[0], 30) is first and len(looked) == 1
    looked_at.focus_of(pictures[0], 60)
    assert looked == [(20, 30, 3), (40, 60, 3)]
    for picture in pictures:
        looked_at.focus_of(picture, 30)
    assert len(looked_at._kept) == looked_at.FOCUSES_KEPT


def test_a_picture_may_be_looked_at_ahead_and_again_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    threads, faults = [], [CheckpointError("damaged")]

    def look(rgb: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
        threads.append(threading.current_thread())
        if faults:
            raise faults.pop()
        return np.ones(rgb.shape[:2], np.float32)

    monkeypatch.setattr(looked_at, "auto_focus", look)
    monkeypatch.setattr(looked_at, "_kept", {})
    picture = picture_from_array(np.zeros((4, 6, 3), np.uint8), 6)
    looked_at.look_ahead(picture, 6)
    with pytest.raises(CheckpointError, match="damaged"):
        looked_at.focus_of(picture, 6)
    assert looked_at.focus_of(picture, 6).all()
    assert len(threads) == 2 and threading.current_thread() not in threads
