"""Large paintings in bands of rows: the same bytes as drawn at once, in memory that does not grow with the size."""

from __future__ import annotations

import tracemalloc
import zlib
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.stamps import stamp as stamp  # the fixture
from PIL import Image

from painter import PaintConfig, paint
from painter.export.png import write_png
from painter.options import paint as paint_options
from painter.painting import painting
from painter.painting.drawn import Drawn
from painter.painting.painting import Painting
from painter.painting.save import save_painting
from painter.pictures.ground import to_bytes
from painter.pictures.metrics import compare
from painter.search import subject
from renderers.brushes import BRUSHES
from renderers.drawing import Drawing, draw_bands, drawing_threads
from renderers.evaluation import random_strokes
from renderers.media.medium import Appearance
from renderers.placed import PlacedStrokes
from renderers.relief import light, overlap
from renderers.strokes import Strokes
from renderers.threads import limited_to

STAMP = "stamp"
KINDS = pytest.mark.parametrize("brush", [*BRUSHES, STAMP])
TALL = (1500, 40)  # so fine that light looks at some rows around
GROUNDS = {3: np.array([0.2, 0.5, 0.9], np.float32), 4: np.zeros(4, np.float32)}


def strokes_of(brush: str, count: int, shape: tuple[int, int], stamp: str) -> Strokes:
    """Random strokes all over a canvas of these sides, some of them reaching beyond it."""
    name = stamp if brush == STAMP else brush
    strokes = random_strokes(BRUSHES[name], count, torch.Generator().manual_seed(4))
    width = shape[1] / max(shape)
    places = {key: value * width if key[0] == "x" else value for key, value in strokes.params.items()}
    opacity = torch.linspace(0.3, 1.0, count)
    return Strokes(name, places, strokes.colors, opacity, strokes.seed)


def whole(strokes: Strokes, shape: tuple[int, int], ground: np.ndarray, relief: float) -> np.ndarray:
    """[H, W, C] float32: drawn at once."""
    canvas = np.empty((*shape, len(ground)), np.float32)
    canvas[:] = ground
    drawing = Drawing(strokes, canvas, relief=relief > 0)
    with drawing_threads() as pool:
        drawing.draw(len(strokes), pool)
    return light(canvas, drawing.height, relief, drawing.pixel) if relief else canvas


# --- bands of a canvas --------------------------------------------------------------------------------------


@pytest.mark.slow
@KINDS
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("relief", [0.0, 0.6])
def test_bands_are_the_whole_to_the_bit(brush: str, channels: int, relief: float, stamp: str) -> None:
    strokes, ground = strokes_of(brush, 40, TALL, stamp), GROUNDS[channels]
    expected = whole(strokes, TALL, ground, relief)
    assert np.abs(expected - ground).max() > 0.1  # there is something to compare
    for rows, cores in ((64, 1), (499, 3), (1499, 2), (5000, 2)):
        with limited_to(cores), drawing_threads() as pool:
            bands = list(draw_bands(strokes, TALL, Appearance(ground), relief, rows, pool))
        assert [len(band) for band in bands] == [min(rows, TALL[0] - top) for top in range(0, TALL[0], rows)]
        assert np.concatenate(bands).tobytes() == expected.tobytes()
    with drawing_threads() as pool:  # fewer rows than light looks at
        thin = list(islice(draw_bands(strokes, TALL, Appearance(ground), relief, 3, pool), 30))
    assert np.concatenate(thin).tobytes() == expected[:90].tobytes()


def test_light_looks_at_rows_of_the_next_band() -> None:
    """Else the test above would show nothing."""
    assert overlap(1 / max(TALL)) > 4


def test_a_band_needs_a_row() -> None:
    strokes = random_strokes(BRUSHES["rectangle"], 1, torch.Generator().manual_seed(0))
    with drawing_threads() as pool, pytest.raises(ValueError, match="rows=0"):
        next(draw_bands(strokes, (8, 8), Appearance(GROUNDS[3]), 0.0, 0, pool))


@pytest.mark.parametrize("relief", [0.0, 1.0])
def test_without_strokes_there_is_the_ground(relief: float) -> None:
    none = random_strokes(BRUSHES["rectangle"], 1, torch.Generator().manual_seed(0))[:0]
    with drawing_threads() as pool:
        for band in draw_bands(none, (20, 8), Appearance(GROUNDS[3]), relief, 7, pool):
            np.testing.assert_allclose(band, np.broadcast_to(GROUNDS[3], band.shape), atol=1e-6)


def test_strokes_that_touch_rows_are_all_that_do() -> None:
    placed = PlacedStrokes(strokes_of("markerpen", 200, (90, 60), ""), 90, 60, 3)
    expected = [
        n for n in range(50, 180)
        if set(range(placed.top[n], placed.bottom[n])) & set(range(30, 37)) and placed.left[n] < placed.right[n]
    ]  # fmt: skip
    assert placed.touching(50, 180, 30, 37) == expected
    assert 0 < len(expected) < 130
    assert placed.touching(0, 200, 90, 99) == []


# --- bands of a painting ------------------------------------------------------------------------------------


def make_painting(
    ground: tuple[float, float, float] | None, relief: float, region: bool, texture: float = 0.0
) -> Painting:
    strokes = strokes_of("oilpaintbrush", 80, (4, 3), "")
    mask = np.random.default_rng(2).random((40, 30), np.float32) if region else None
    return Painting(strokes, (4, 3), ground, PaintConfig(size=96, relief=relief, texture=texture), mask)


@pytest.mark.slow
@pytest.mark.parametrize("ground", [(0.9, 0.8, 0.7), None])
@pytest.mark.parametrize("relief", [0.0, 0.5])
@pytest.mark.parametrize("region", [False, True])
@pytest.mark.parametrize("texture", [0.0, 0.6])
def test_painting_in_bands(
    ground: tuple[float, float, float] | None, relief: float, region: bool, texture: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    made = make_painting(ground, relief, region, texture)
    drawn = made.draw(280)
    assert drawn.shape == (280, 210, 3 if ground else 4) and drawn.dtype == np.uint8
    for rows in (37, 280):
        assert np.array_equal(np.concatenate(list(made.bands(280, rows=rows))), drawn)
    assert np.array_equal(np.concatenate(list(islice(made.bands(280, rows=1), 60))), drawn[:60])
    assert np.array_equal(list(made.frames(280, 2))[-1], drawn)  # drawn on a whole canvas
    monkeypatch.setattr(painting, "_DRAWN_PIXELS", 210 * 11)
    assert np.array_equal(made.draw(280), drawn)
    assert len(list(made.bands(280))) == 26
    assert np.array_equal(np.concatenate(list(made.bands(relief=0.3))), made.draw(96, 0.3))


@pytest.mark.slow
@pytest.mark.parametrize("relief", [0.0, 0.5])
def test_memory_is_that_of_a_band(relief: float) -> None:
    made = make_painting(None, relief, False)
    list(made.bands(256))  # whatever is loaded once

    def peak(size: int) -> float:
        """MiB"""
        tracemalloc.start()
        for _ in made.bands(size, rows=2**16 // size):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most / 2**20

    # A canvas of four floats a pixel has 25 MiB, and would be lit into another one.
    assert peak(1280) < 8


# --- PNG ----------------------------------------------------------------------------------------------------


def picture(dtype: type[np.generic], channels: int) -> np.ndarray:
    """[300, 90, channels]: noise, a ramp across, a ramp down, both, and flat: each filter is the best somewhere."""
    y, x = np.mgrid[:60, :90]
    noise = np.random.default_rng(1).integers(0, 256, (60, 90))
    parts = [noise, 2 * x, 4 * y + noise[:1], 2 * x + 2 * y + noise % 5, 0 * x + 7]
    grey = np.concatenate(parts)[:, :, None] + 9 * np.arange(channels)
    pixels: np.ndarray = (grey % 256 * (np.iinfo(dtype).max // 255)).astype(dtype)  # type: ignore[type-var]
    return pixels


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_png_is_read_by_others_and_the_same_in_any_bands(
    dtype: type[np.generic], channels: int, tmp_path: Path
) -> None:
    image, path = picture(dtype, channels), tmp_path / "a.png"
    write_png(path, image)
    order = [2, 1, 0, 3][:channels]  # OpenCV's
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert read is not None and read.dtype == dtype
    assert np.array_equal(read[..., order], image)
    with Image.open(path) as opened:
        opened.verify()  # checks sums of chunks
    expected = path.read_bytes()
    for rows in (1, 7, 299):
        write_png(path, (image[top : top + rows] for top in range(0, len(image), rows)))
        assert path.read_bytes() == expected


def test_png_chooses_among_all_filters(tmp_path: Path) -> None:
    image = picture(np.uint8, 3)
    write_png(tmp_path / "a.png", image)
    data = (tmp_path / "a.png").read_bytes()
    start = data.index(b"IDAT")
    length = int.from_bytes(data[start - 4 : start], "big")
    rows = np.frombuffer(zlib.decompress(data[start + 4 : start + 4 + length]), np.uint8).reshape(300, -1)
    assert set(rows[:, 0]) == {0, 1, 2, 3, 4}


def test_png_is_no_larger_than_pillows(tmp_path: Path) -> None:
    drawn = make_painting((1.0, 1.0, 1.0), 0.0, False).draw(400)
    write_png(tmp_path / "ours.png", drawn)
    Image.fromarray(drawn).save(tmp_path / "pillow.png")
    assert (tmp_path / "ours.png").stat().st_size < 1.02 * (tmp_path / "pillow.png").stat().st_size


def test_png_refuses_bands_that_do_not_fit(tmp_path: Path) -> None:
    band = np.zeros((2, 5, 3), np.uint8)
    for other in (np.zeros((2, 6, 3), np.uint8), np.zeros((2, 5, 4), np.uint8), band.astype(np.uint16)):
        with pytest.raises(ValueError, match="bands differ"):
            write_png(tmp_path / "no.png", iter([band, other]))
    with pytest.raises(ValueError, match="no bands"):
        write_png(tmp_path / "no.png", iter([]))
    assert list(tmp_path.iterdir()) == []


def test_saved_png_is_the_same_from_bands_and_from_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_painting(None, 0.4, False)
    save_painting(made, tmp_path / "image.png", Drawn(made.draw()))
    monkeypatch.setattr(painting, "_DRAWN_PIXELS", 72 * 10)
    save_painting(made, tmp_path / "bands.png")
    assert (tmp_path / "bands.png").read_bytes() == (tmp_path / "image.png").read_bytes()


# --- the picture of a large painting ------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("relief", [0.0, 0.3])
def test_a_painting_larger_than_its_picture_is_looked_at(
    channels: int, relief: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found and measured as if it were as small as that, then drawn at its size."""
    monkeypatch.setattr(paint_options, "MAX_WORKING_SIDE", 48)
    pixels = cv2.resize(picture(np.uint8, channels)[:, :, :], (120, 90))
    mask = tmp_path / "mask.png"
    Image.fromarray(np.tile(np.linspace(0, 255, 120).astype(np.uint8), (90, 1))).save(mask)
    config = PaintConfig(size=100, texture=0.0, strokes=12, iterations=3, relief=relief, region=str(mask), device="cpu")
    large, small = paint(pixels, config), paint(pixels, replace(config, size=48))
    assert large.image.shape == (75, 100, channels)
    assert [large.report[name] for name in ("psnr", "ssim", "l1")] == [
        small.report[name] for name in ("psnr", "ssim", "l1")
    ]
    assert np.array_equal(large.painting.draw(48), small.image)
    seen = subject.prepare_subject(pixels, config)
    assert seen.working_side == 48 and seen.picture.shape == (36, 48, channels)
    assert large.report["psnr"] == compare(large.painting.draw_bare(48), seen.picture)["psnr"]


def test_bytes_of_a_band_are_those_of_the_canvas() -> None:
    canvas = np.random.default_rng(3).random((50, 20, 4), np.float32)
    parts = [to_bytes(canvas[top : top + 9]) for top in range(0, 50, 9)]
    assert np.array_equal(np.concatenate(parts), to_bytes(canvas))
