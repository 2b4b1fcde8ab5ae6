"""The painting as a value: drawn at any size, replayed, saved, and measured."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.paintings import WHITE, make_painting
from PIL import Image
from skimage.metrics import structural_similarity

from painter.batch.paint_job import using_threads
from painter.errors import OptionError, OutputError, PictureError
from painter.export import FORMATS
from painter.options.export import ExportConfig
from painter.options.replay import ReplayConfig
from painter.painting.painting import MAX_DRAWN_SIDE, Painting
from painter.painting.replay import with_overrides
from painter.painting.save import save_painting
from painter.painting.stroke_file import save_strokes
from painter.pictures.ground import Color, make_target, resolve_ground, to_bytes
from painter.pictures.metrics import PSNR_CEILING, compare, over_white
from painter.pictures.picture import load_picture, picture_from_array
from painter.pictures.samples import sample_path
from painter.system.usage import Stopwatch, peak_rss_mb
from renderers.brushes import BRUSHES, NETWORK_BRUSHES
from renderers.strokes import Strokes

ROOT = Path(__file__).resolve().parents[2]


# --- drawing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aspect", "size", "shape"),
    [((3, 4), 64, (48, 64)), ((4000, 10), 512, (512, 1)), ((1, 1), 16, (16, 16)), ((7, 1000), 333, (2, 333))],
)
def test_size_is_the_long_side(aspect: tuple[int, int], size: int, shape: tuple[int, int]) -> None:
    assert make_painting(aspect=aspect).draw(size).shape == (*shape, 3)


def test_size_of_the_configuration_is_the_default() -> None:
    painting = make_painting(size=40)
    assert np.array_equal(painting.draw(), painting.draw(40))


@pytest.mark.slow
def test_the_largest_size_draws_the_same_picture() -> None:
    painting = make_painting(aspect=(1, 32), count=40)
    large = painting.draw(8192)
    assert large.shape == (256, 8192, 3)
    reduced = large.reshape(16, 16, 512, 16, 3).mean(axis=(1, 3))
    difference = np.abs(reduced - painting.draw(512))
    assert difference.mean() < 3
    assert large.std() > 10  # there is something to compare


def test_ground_shows_where_nothing_is_painted() -> None:
    painting = make_painting(count=1, ground=(0.2, 0.4, 0.6))
    colors, counts = np.unique(painting.draw(64).reshape(-1, 3), axis=0, return_counts=True)
    assert tuple(colors[counts.argmax()]) == (51, 102, 153)


def test_transparent_ground_stays_transparent_and_edges_keep_their_paint() -> None:
    painting = make_painting(count=3, ground=None)
    paint = torch.tensor([0.9, 0.1, 0.3])
    red = Strokes("markerpen", painting.strokes.params, paint.expand(3, 1, 3), torch.ones(3), painting.strokes.seed)
    image = Painting(red, painting.aspect, None, painting.config).draw(128)
    assert image.shape == (96, 128, 4)
    alpha = image[..., 3]
    assert (alpha == 0).any() and (alpha > 220).any() and ((alpha > 20) & (alpha < 220)).any()
    assert not image[alpha == 0].any()
    edge = image[(alpha > 20) & (alpha < 220), :3].astype(int)
    # Only this paint is there, where its pigment lies thick a little darker: no trace of a dark or light fringe.
    brightest = 255 * paint.numpy()
    assert (edge <= brightest + 6).all()
    assert (edge >= brightest * (1 - BRUSHES["markerpen"].shade) - 6).all()


def test_floats_become_bytes_by_rounding_to_the_nearest() -> None:
    levels = np.arange(256, dtype=np.float32) / 255
    canvas = np.repeat(levels[None, :, None], 3, axis=2)
    assert np.array_equal(to_bytes(canvas)[0, :, 0], np.arange(256))
    assert np.array_equal(to_bytes(canvas + np.float32(0.4 / 255))[0, :, 0], np.arange(256))
    assert to_bytes(canvas + np.float32(0.6 / 255))[0, :3, 0].tolist() == [1, 2, 3]


def test_premultiplied_becomes_straight() -> None:
    canvas = np.array([[[0.25, 0.5, 0.0, 0.5], [0.3, 0.2, 0.1, 1.0], [1e-3, 1e-3, 1e-3, 1e-3]]], np.float32)
    assert to_bytes(canvas).tolist() == [[[128, 255, 0, 128], [76, 51, 26, 255], [0, 0, 0, 0]]]


# --- replay -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ground", [WHITE, None])
@pytest.mark.parametrize(("count", "frames", "expected"), [(1, 80, 2), (7, 80, 8), (100, 80, 80), (30, 2, 2)])
def test_replay_begins_bare_and_ends_as_drawn(count: int, frames: int, expected: int, ground: Color | None) -> None:
    painting = make_painting(count, ground=ground)
    shown = list(painting.frames(32, frames))
    assert len(shown) == expected
    assert (shown[0] == (255 if ground else 0)).all()
    assert np.array_equal(shown[-1], painting.draw(32))


def test_replay_is_in_paint_order_and_even() -> None:
    painting = make_painting(10)
    for step, frame in enumerate(painting.frames(48, 6)):
        part = Painting(painting.strokes[: 2 * step], painting.aspect, WHITE, painting.config)
        assert np.array_equal(frame, part.draw(48))


def test_replay_needs_two_frames() -> None:
    with pytest.raises(ValueError, match="count=1"):
        next(make_painting().frames(32, 1))


# --- ground and target --------------------------------------------------------------------------------------


def test_canvas_names() -> None:
    opaque = picture_from_array(np.full((4, 4, 3), (10, 200, 30), np.uint8), 16)
    clear = load_picture(sample_path(), 16)
    assert resolve_ground("auto", opaque) == (10 / 255, 200 / 255, 30 / 255)
    assert resolve_ground("auto", clear) is None
    assert resolve_ground("transparent", opaque) is None
    assert resolve_ground("white", clear) == (1, 1, 1)
    assert resolve_ground("black", clear) == (0, 0, 0)
    assert resolve_ground("#FF8000", opaque) == (1, 128 / 255, 0)


def test_target_on_a_color_is_composited() -> None:
    pixels = np.zeros((2, 4, 4), np.uint8)
    pixels[:, 2:] = (255, 0, 0, 255)
    picture = picture_from_array(pixels, 4)
    target = make_target(picture, (0.0, 0.5, 1.0), 4)
    assert target.dtype == np.float32
    assert target[0].tolist() == [[0, 0.5, 1]] * 2 + [[1, 0, 0]] * 2


def test_target_on_transparency_is_premultiplied() -> None:
    picture = picture_from_array(np.full((2, 4, 4), (255, 0, 0, 51), np.uint8), 4)
    assert np.allclose(make_target(picture, None, 2), [[[0.2, 0, 0, 0.2]] * 2])
    opaque = picture_from_array(np.full((4, 2, 3), 1.0), 4)
    assert np.allclose(make_target(opaque, None, 8), np.ones((4, 2, 4)))


# --- arrays as pictures -------------------------------------------------------------------------------------


def test_array_and_file_give_the_same_picture(tmp_path: Path) -> None:
    pixels = np.asarray(Image.open(sample_path()))
    loaded, taken = load_picture(sample_path(), 64), picture_from_array(pixels, 64)
    assert taken.alpha is not None and loaded.alpha is not None
    assert np.allclose(loaded.alpha, taken.alpha, atol=1e-3)
    assert np.allclose(loaded.rgb, taken.rgb, atol=1e-2)
    floats = picture_from_array(pixels / 255.0, 64)
    assert floats.alpha is not None
    assert np.allclose(floats.alpha, taken.alpha, atol=1e-6)
    assert floats.size == taken.size == loaded.size == (512, 512)


def test_picture_knows_its_own_size_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "turned.jpg", exif=exif)
    assert load_picture(tmp_path / "turned.jpg", 15).size == (30, 20)
    assert load_picture(tmp_path / "turned.jpg", 15).rgb.shape == (15, 10, 3)


@pytest.mark.parametrize(
    "pixels",
    [
        *(np.zeros((4, 4), np.uint8), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4, 3), np.uint8)),
        *(np.zeros((4, 4, 3), np.int64), np.full((4, 4, 3), 1.5), np.full((4, 4, 3), np.nan)),
    ],
)
def test_arrays_that_are_no_pictures(pixels: np.ndarray) -> None:
    with pytest.raises(PictureError):
        picture_from_array(pixels, 16)


# --- figures ------------------------------------------------------------------------------------------------


def noisy(height: int, width: int, channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Two similar pictures, uint8."""
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (height, width, channels))
    return (picture + random.integers(-20, 21, picture.shape)).clip(0, 255).astype(np.uint8), picture.astype(np.uint8)


def test_figures_are_those_of_the_textbooks() -> None:
    painted, picture = noisy(90, 70)
    figures = compare(painted, picture)
    error = painted.astype(float) - picture
    assert figures["psnr"] == pytest.approx(10 * np.log10(255**2 / (error**2).mean()))
    assert figures["l1"] == pytest.approx(np.abs(error).mean() / 255)
    assert figures["ssim"] == pytest.approx(structural_similarity(painted, picture, channel_axis=-1, data_range=255))


def test_bands_do_not_change_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    painted, picture = noisy(50, 40)
    whole = compare(painted, picture)
    monkeypatch.setattr("painter.pictures.metrics._BAND_PIXELS", 200)
    assert compare(painted, picture) == pytest.approx(whole)


def test_equal_pictures_have_the_highest_figures() -> None:
    _, picture = noisy(20, 20)
    assert compare(picture, picture) == {"psnr": PSNR_CEILING, "ssim": pytest.approx(1), "l1": 0}


@pytest.mark.parametrize(("side", "defined"), [(1, False), (2, False), (3, True), (4, True), (6, True), (7, True)])
def test_similarity_of_small_pictures(side: int, defined: bool) -> None:
    ssim = compare(*noisy(side, 30))["ssim"]
    assert (ssim is not None and 0 < ssim < 1) if defined else ssim is None


def test_pictures_with_alpha_are_compared_over_white() -> None:
    picture = np.zeros((8, 8, 4), np.uint8)
    picture[:, :4] = (0, 0, 0, 255)
    painted = picture.copy()
    painted[:, 2:4] = (255, 255, 255, 0)
    figures = compare(painted, picture)
    assert figures["l1"] == 0.25
    assert figures["alpha_iou"] == 0.5
    assert compare(0 * picture, 0 * picture)["alpha_iou"] == 1
    assert over_white(np.array([[[100, 0, 255, 51]]], np.uint8)).tolist() == [[[224, 204, 255]]]


def test_pictures_of_two_shapes_are_not_compared() -> None:
    with pytest.raises(ValueError, match=r"\[2, 2, 3\]"):
        compare(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8))


def test_stopwatch_and_memory() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.phase("sleep"):
            pass
    seconds = watch.seconds()
    assert list(seconds) == ["sleep", "total"]
    assert 0 <= seconds["sleep"] <= seconds["total"]
    peak = peak_rss_mb()
    assert peak is not None and 50 < peak < 50_000


# --- files --------------------------------------------------------------------------------------------------


def test_every_format_has_a_writer() -> None:
    assert all(format.writer is not None and format.ending == ending for ending, format in FORMATS.items())


def test_saved_png_is_the_drawing(tmp_path: Path) -> None:
    painting = make_painting(ground=None)
    save_painting(painting, tmp_path / "a.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), painting.draw())


def test_saved_gif_grows_to_the_drawing(tmp_path: Path) -> None:
    painting = make_painting(count=5, brush="rectangle", aspect=(1, 1))
    save_painting(painting, tmp_path / "a.GIF")
    with Image.open(tmp_path / "a.GIF") as gif:
        assert gif.n_frames == 6
        assert gif.size == (64, 64)
        gif.seek(5)
        assert gif.info["duration"] == 2000
        last = np.asarray(gif.convert("RGB")).astype(int)
    assert np.abs(last - painting.draw()).mean() < 3


def test_gif_of_a_large_painting_is_smaller(tmp_path: Path) -> None:
    painting = make_painting(count=2, size=200)
    save_painting(painting, tmp_path / "a.gif", config=ExportConfig(gif_side=50))
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.size == (50, 38)


def test_saving_in_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        save_painting(make_painting(), tmp_path / "a.bmp")
    assert not list(tmp_path.iterdir())


# --- the package --------------------------------------------------------------------------------------------


def test_importing_the_package_is_cheap_and_quiet(tmp_path: Path) -> None:
    code = (
        "import sys, threading; before = set(sys.modules); import painter; "
        "from painter import PaintConfig; assert 'paint' in dir(painter); "
        "heavy = {'torch', 'numba', 'cv2', 'numpy', 'PIL'} & (set(sys.modules) - before); "
        "print(sorted(heavy), threading.active_count())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("[] 1\n", "")
    assert not list(tmp_path.iterdir())


def test_the_package_has_no_other_names() -> None:
    import painter

    with pytest.raises(AttributeError, match="no attribute 'sculpt'"):
        _ = painter.sculpt


@pytest.mark.parametrize(
    "asked",
    [{"size": size} for size in (0, -1, 3.5, True, "a", MAX_DRAWN_SIDE + 1, 10**6)]
    + [{name: value} for name in ("relief", "texture") for value in (-0.1, 5, float("nan"), "much")],
)
def test_what_cannot_be_drawn_is_refused(asked: dict[str, Any]) -> None:
    painting = make_painting(count=2)
    with pytest.raises(OptionError, match=f"{next(iter(asked))}="):
        painting.draw(**asked)
    if "size" in asked:
        for frames in (painting.frames(asked["size"]), painting.drawn_after([1], asked["size"])):
            with pytest.raises(OptionError, match="size="):
                next(frames)
    with pytest.raises(OptionError, match="depth=7"):
        painting.bands(depth=7)


def test_a_size_of_numpy_is_a_size() -> None:
    painting = make_painting(count=2)
    assert np.array_equal(painting.draw(np.int64(40)), painting.draw(40))


@pytest.mark.parametrize("ground", [WHITE, None])
def test_a_painting_of_pigments_is_drawn_again_as_it_was(ground: Color | None, tmp_path: Path) -> None:
    plain = make_painting(brush="oilpaintbrush", ground=ground)
    mixed = replace(plain, config=replace(plain.config, mixing="pigment", texture=0.0))
    image = mixed.draw()
    assert not np.array_equal(image, plain.draw_bare())
    save_strokes(mixed, tmp_path / "mixed.strokes.json")
    again = Painting.load(tmp_path / "mixed.strokes.json")
    np.testing.assert_array_equal(again.draw(), image)
    np.testing.assert_array_equal(list(again.frames(count=3))[-1], image)
    np.testing.assert_array_equal(with_overrides(again, ReplayConfig(mixing="srgb")).draw(), plain.draw_bare())


@pytest.mark.slow
@pytest.mark.parametrize("brush", list(NETWORK_BRUSHES))
def test_the_number_of_threads_changes_no_byte(brush: str, tmp_path: Path) -> None:
    """From the stroke file to all files that are drawn from it: texture, light, transparency and growth included."""
    painting = make_painting(count=20, brush=brush, ground=None if brush == "watercolor" else WHITE, size=72)
    painting = replace(painting, config=replace(painting.config, relief=0.4, texture=0.6, margin=0.05))
    painting.save(tmp_path / "a.strokes.json")
    made = []
    for threads in (1, 2, 8):
        with using_threads(threads):
            read = Painting.load(tmp_path / "a.strokes.json")
            names = [tmp_path / f"{threads}{ending}" for ending in (".png", ".gif", ".jpg", ".webp", ".svg")]
            read.save(*names, config=ExportConfig(frames=4))
            made.append([name.read_bytes() for name in names])
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize("brush", ["oilpaintbrush", "watercolor", "markerpen", "rectangle"])
def test_frames_are_the_same_however_many_came_before(brush: str) -> None:
    """Only rows that new strokes touch are looked at again."""
    painting = make_painting(12, brush=brush, size=48)
    settings = replace(painting.config, relief=0.5, pencil=0.5, mixing="pigment")
    painting = replace(painting, config=settings)
    counts = [0, 3, 3, 8, 12]
    for count, frame in zip(counts, painting.drawn_after(counts), strict=True):
        np.testing.assert_array_equal(frame, next(painting.drawn_after([count])))
