"""Strokes of the original program: where they lie, what colour they have, and files that are refused."""

from __future__ import annotations

import io
import math
import random
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import painter.painting.original as original
from painter import Painting, StrokeFileError
from painter.errors import OptionError
from painter.painting.load import load_painting
from painter.painting.stroke_file import save_strokes
from renderers.brushes import BRUSHES

COLUMNS = {"oilpaintbrush": (5, 6), "rectangle": (5, 3), "watercolor": (8, 6), "markerpen": (8, 3)}
RED, GREEN = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]


def file_of(path: Path, ctt: Any, color: Any, alpha: Any, **more: Any) -> Path:
    arrays = {"x_ctt": ctt, "x_color": color, "x_alpha": alpha, **more}
    with open(path, "wb") as file:
        np.savez(file, **{name: np.float32(array) for name, array in arrays.items() if array is not None})
    return path


def one(path: Path, shape: list[float], colors: list[float], alpha: float = 1.0) -> Painting:
    return load_painting(file_of(path, [[shape]], [[colors]], [[[alpha]]]))


def values(painting: Painting) -> dict[str, float]:
    assert len(painting.strokes) == 1
    return {name: column.item() for name, column in painting.strokes.params.items()}


def randomly(path: Path, brush: str, count: int = 40) -> Path:
    rng = np.random.default_rng(3)
    shape, color = COLUMNS[brush]
    return file_of(path, rng.random((1, count, shape)), rng.random((1, count, color)), rng.random((1, count, 1)))


# --- where strokes lie --------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cat_strokes.npz"


def test_oil_has_full_extents_and_turns_towards_y(path: Path) -> None:
    found = values(one(path, [0.4, 0.3, 0.4, 0.1, 1 / 6], RED + GREEN, 0.2))
    assert found == pytest.approx({"x": 0.4, "y": 0.3, "length": 0.4, "width": 0.1, "angle": math.pi / 6, "bend": 0})


def test_upright_oil_runs_from_its_first_colour_at_the_top(path: Path) -> None:
    painting = one(path, [0.5, 0.5, 0.2, 0.8, 0.0], RED + GREEN, 0.2)
    assert values(painting) == pytest.approx(
        {"x": 0.5, "y": 0.5, "length": 0.8, "width": 0.2, "angle": math.pi / 2, "bend": 0}
    )
    image = painting.draw(64).astype(int)
    top, bottom = image[8:24, 28:36].mean(axis=(0, 1)), image[40:56, 28:36].mean(axis=(0, 1))
    assert top[0] > 1.5 * top[1] and bottom[1] > 1.5 * bottom[0]
    assert painting.strokes.opacity.item() == 1  # its alpha is not used


def rotated(x: float, y: float, theta: float) -> tuple[float, float]:
    """As the original turns corners of rectangles: to the left on the screen, for a positive angle."""
    return x * math.cos(theta) + y * math.sin(theta), y * math.cos(theta) - x * math.sin(theta)


@pytest.mark.parametrize("shape", [[0.4, 0.6, 1.0, 0.3, 0.15], [0.6, 0.4, 0.3, 1.1, 0.3], [0.5, 0.5, 0.9, 0.5, 0.9]])
def test_rectangles_are_those_polygons(path: Path, shape: list[float]) -> None:
    side, (x, y, w, h, theta) = 800, shape
    corners = [rotated(dx * w / 4, dy * h / 4, math.pi * theta) for dx, dy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    polygon = np.array([[(x + dx) * side, (y + dy) * side] for dx, dy in corners]).round().astype(np.int32)
    expected = cv2.fillPoly(np.zeros((side, side), np.uint8), [polygon], 1).astype(bool)
    shown = one(path, shape, RED, 1.0).draw(side)[..., 0] > 127
    assert (expected & shown).sum() / (expected | shown).sum() > 0.96


def bezier(shape: list[float]) -> np.ndarray:
    x0, y0, x1, y1, x2, y2 = shape[:6]
    points = np.array([[x0, y0], [x0 + (x2 - x0) * x1, y0 + (y2 - y0) * y1], [x2, y2]])
    t = np.linspace(0, 1, 200)[:, None]
    point: np.ndarray = (1 - t) ** 2 * points[0] + 2 * t * (1 - t) * points[1] + t**2 * points[2]
    return point


def test_watercolor_is_discs_along_a_curve(path: Path) -> None:
    side, shape = 256, [0.2, 0.3, 0.5, 0.35, 0.8, 0.6, 0.2, 0.36]
    expected = np.zeros((side, side), np.uint8)
    for t, (x, y) in zip(np.linspace(0, 1, 200), bezier(shape), strict=True):
        radius = ((1 - t) * shape[6] + t * shape[7]) / 4
        cv2.circle(expected, (round(x * side), round(y * side)), round(radius * side), 1, -1)
    image = one(path, shape, RED + GREEN, 1.0).draw(side).astype(int)
    shown = image.max(axis=2) > 60
    assert (expected.astype(bool) & shown).sum() / (expected.astype(bool) | shown).sum() > 0.93
    assert image[77, 51, 0] > image[77, 51, 1] and image[154, 205, 1] > image[154, 205, 0]


def test_markerpen_has_one_radius_and_its_middle_is_relative(path: Path) -> None:
    shape = [0.2, 0.3, 0.5, 0.7, 0.8, 0.5, 0.2, 0.9]
    found = values(one(path, shape, RED, 0.7))
    expected = {"x0": 0.2, "y0": 0.3, "x1": 0.5, "y1": 0.44, "x2": 0.8, "y2": 0.5, "radius": 0.05}
    assert found == pytest.approx(expected, abs=1e-6)
    assert values(one(path, shape[:7], RED, 0.7)) == found  # without the radius that is not used
    assert one(path, shape, RED, 0.7).strokes.opacity.item() == pytest.approx(0.7)


# --- all of a file ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("brush", COLUMNS)
def test_a_file_becomes_a_painting_like_any_other(path: Path, tmp_path: Path, brush: str) -> None:
    painting = Painting.load(randomly(path, brush))
    assert painting.strokes.brush == painting.config.style == brush and len(painting.strokes) == 40
    assert painting.aspect == (512, 512) and painting.ground == (0.0, 0.0, 0.0) and painting.config.canvas == "black"
    assert painting.strokes.seed.unique().numel() == 40
    image = painting.draw(96)
    assert image.shape == (96, 96, 3) and image.mean() > 40
    assert np.array_equal(Painting.load(path).draw(96), image)
    assert torch.equal(Painting.load(path, brush).strokes.opacity, painting.strokes.opacity)
    save_strokes(painting, tmp_path / "a.strokes.json")
    assert np.array_equal(Painting.load(tmp_path / "a.strokes.json").draw(96), image)


@pytest.mark.parametrize("brush", COLUMNS)
def test_forms_beyond_our_brushes_get_the_nearest(path: Path, brush: str) -> None:
    shape, color = COLUMNS[brush]
    extremes = np.array([[0.5] * shape, [0.0] * shape, [1.0] * shape, [0.1] * (shape - 3) + [1.0, 0.001, 0.3]])
    painting = load_painting(file_of(path, extremes[None], np.full((1, 4, color), 0.5), np.ones((1, 4, 1))))
    kept = BRUSHES[brush].constrain(painting.strokes.params, original._LIMITS)
    for name, column in painting.strokes.params.items():
        assert torch.allclose(kept[name], column, atol=1e-5)
    assert painting.draw(64).any()


def test_a_grid_of_squares_is_read_in_turns(path: Path) -> None:
    x = np.arange(6).reshape(2, 3) / 10
    ctt = np.stack([x, x, x * 0 + 0.2, x * 0 + 0.1, x * 0], axis=2)
    painting = load_painting(file_of(path, ctt, np.zeros((2, 3, 3)), np.ones((2, 3, 1))))
    assert painting.strokes.params["x"].tolist() == pytest.approx([0, 0.3, 0.1, 0.4, 0.2, 0.5])


def test_what_the_optimiser_left_beyond_the_range_is_brought_back(path: Path) -> None:
    painting = one(path, [0.5, 0.5, 0.4, 0.3, 0.0], [1.2, -0.1, 0.5], 1.05)
    assert painting.strokes.colors.flatten().tolist() == [1.0, 0.0, 0.5] and painting.strokes.opacity.item() == 1


def test_no_strokes_are_a_bare_canvas(path: Path) -> None:
    painting = load_painting(file_of(path, np.zeros((1, 0, 8)), np.zeros((1, 0, 6)), np.zeros((1, 0, 1))))
    assert not painting.draw(32).any()


# --- what is refused ----------------------------------------------------------------------------------------


def refusal(path: Path, style: str | None = None) -> str:
    with pytest.raises(StrokeFileError) as caught:
        load_painting(path, style)
    message = str(caught.value)
    assert message.startswith(f"cannot read {path}: ") and message.isprintable() and len(message) < 400
    return message.removeprefix(f"cannot read {path}: ")


def test_the_style_must_suit_the_columns(path: Path) -> None:
    randomly(path, "markerpen")
    assert load_painting(path, "marker").strokes.brush == "markerpen"
    assert refusal(path, "oil") == "its columns are those of markerpen, not of oilpaintbrush; leave the style out"
    with pytest.raises(OptionError, match="--style crayon"):
        load_painting(path, "crayon")


@pytest.mark.parametrize(
    ("ctt", "color", "alpha", "expected"),
    [
        (np.zeros((1, 2, 5)), np.zeros((1, 2, 4)), np.zeros((1, 2, 1)), "its arrays have 5, 4 and 1 columns, which"),
        (np.zeros((1, 2, 5)), np.zeros((1, 2, 3)), np.zeros((1, 2, 2)), "its arrays have 5, 3 and 2 columns"),
        (np.zeros((1, 2, 5)), np.zeros((1, 3, 3)), np.zeros((1, 2, 1)), "its arrays have 2 and 3 strokes"),
        (np.zeros((2, 5)), np.zeros((1, 2, 3)), np.zeros((1, 2, 1)), "its x_ctt is float32 [2, 5] and not floats"),
        (None, np.zeros((1, 2, 3)), np.zeros((1, 2, 1)), "it is not a stroke file: it lacks an array"),
        (np.full((1, 2, 5), np.nan), np.zeros((1, 2, 3)), np.zeros((1, 2, 1)), "x_ctt of stroke 1 is nan; it must be"),
        (np.full((1, 2, 5), -1.0), np.zeros((1, 2, 3)), np.zeros((1, 2, 1)), "x_ctt of stroke 1 is -1; it must be"),
        (np.full((1, 2, 8), 5.0), np.zeros((1, 2, 3)), np.zeros((1, 2, 1)), "x_ctt of stroke 1 is 5; it must be"),
        (np.zeros((1, 2, 5)), np.full((1, 2, 3), 9.0), np.zeros((1, 2, 1)), "x_color of stroke 1 is 9; it must be"),
        (np.zeros((1, 2, 5)), np.zeros((1, 2, 3)), np.full((1, 2, 1), np.inf), "x_alpha of stroke 1 is inf; it must"),
        (np.zeros((1, 10**6 + 1, 1)), np.zeros((1, 2, 3)), np.zeros((1, 2, 1)), "it has 1,000,001 strokes, more than"),
    ],
)  # fmt: skip
def test_each_flaw_is_named(path: Path, ctt: Any, color: Any, alpha: Any, expected: str) -> None:
    assert refusal(file_of(path, ctt, color, alpha)).startswith(expected)


def packed(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def header(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def test_pickles_are_never_opened_and_headers_never_believed(path: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (tmp_path / "sprung").touch, ()

    with open(path, "wb") as file:
        np.savez(file, x_ctt=np.array([[[Trap()]]], object), x_color=np.zeros(1), x_alpha=np.zeros(1))
    assert refusal(path).startswith("its x_ctt is object [1, 1, 1] and not floats")
    assert not (tmp_path / "sprung").exists()
    for shape in ((1, 2**60, 8), (2**31, 2**31, 2**31), (-5, 3, 8), (1, 10**6, 8), (1, 3, 10**9)):
        expected = ("it has ", "its x_ctt is", "it is not an .npz file")
        assert refusal(packed(path, x_ctt=header(shape), x_color=b"", x_alpha=b"")).startswith(expected)


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK" + bytes(100), b"not a zip at all"])
def test_what_is_no_archive_is_told(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert refusal(path) == "it is not an .npz file, or damaged; save the strokes again with the original program"


def test_mutated_files_are_read_or_refused(path: Path) -> None:
    randomly(path, "watercolor", 5)
    whole, rng, refused = path.read_bytes(), random.Random(7), 0
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(rng.choice((1, 1, 3, 20))):
            at = rng.randrange(len(content))
            if rng.random() < 0.7:
                content[at] = rng.randrange(256)
            else:
                del content[at : at + rng.choice((1, 9, 900))]
            content = content or bytearray(b"PK")
        path.write_bytes(content)
        try:
            painting = load_painting(path)
        except StrokeFileError as error:
            assert str(error).isprintable() and len(str(error)) < 500
            refused += 1
        else:
            assert all(torch.isfinite(column).all() for column in painting.strokes.params.values())
    assert 50 < refused <= 300
