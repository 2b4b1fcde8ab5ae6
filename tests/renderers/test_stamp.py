"""A person's own brush: read from a picture, the same to the search and to the engine at every size, and paintable."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from painter.errors import PictureError
from painter.pictures.brush_file import load_texture
from painter.search.config import SearchConfig
from painter.search.parameters import Constraints, StrokeParameters
from painter.search.placement import place_strokes
from renderers.blending import FrameMaps, Layers, blend
from renderers.blending.relevance import removal_costs
from renderers.brushes import BRUSHES, Frame, Limits, register
from renderers.brushes.base import MAX_SLIMNESS
from renderers.brushes.stamp import COARSEST, Stamp, StampMaps
from renderers.decoding import EngineMaps, make_layers
from renderers.drawing import draw
from renderers.stamp_size import LONGEST
from renderers.strokes import Strokes
from renderers.training import psnr

SIDE = 128


def cropped(coverage: np.ndarray) -> np.ndarray:
    rows, columns = (np.flatnonzero(coverage.any(axis=axis)) for axis in (1, 0))
    return coverage[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)


def leaf(height: int = 150, width: int = 400) -> np.ndarray:
    """[h, w]: pointed at both ends, with bright veins."""
    y, x = np.mgrid[:height, :width]
    u, v = (x + 0.5) / width * 2 - 1, (y + 0.5) / height * 2 - 1
    inside = (1 - u**2) ** 0.8 * (1 + 0.25 * u) / 1.1 - np.abs(v)
    veins = np.minimum(np.abs(v), np.abs((u - np.abs(v) * 0.4) % 0.25 - 0.125) * 1.6)
    return cropped((inside * 40).clip(0, 1) * (0.25 + 0.75 * (veins * 18).clip(0, 1)))


def splat(side: int = 300) -> np.ndarray:
    """[side, side]: dots of all sizes, denser in the middle."""
    rng = np.random.default_rng(3)
    dots = np.zeros((side, side), np.uint8)  # OpenCV smooths no edges in floats
    for _ in range(70):
        x, y = (side * (0.5 + 0.17 * rng.standard_normal(2))).astype(int)
        cv2.circle(dots, (int(x), int(y)), int(side * 0.004 + side * 0.05 * rng.random() ** 2), 255, -1, cv2.LINE_AA)
    cv2.circle(dots, (side // 2, side // 2), side // 7, 200, -1, cv2.LINE_AA)
    return cropped(dots / 255)


def soft(side: int = 120) -> np.ndarray:
    """[side, side]: a round that fades out."""
    y, x = (np.mgrid[:side, :side] + 0.5) / side * 2 - 1
    return cropped((1 - np.hypot(x, y)).clip(0, 1) ** 1.5)


TEXTURES: dict[str, Callable[[], np.ndarray]] = {
    "leaf": leaf, "tall leaf": lambda: leaf().T.copy(), "splat": splat, "soft": soft
}  # fmt: skip
ALL = pytest.mark.parametrize("texture", list(TEXTURES))


@pytest.fixture(autouse=True)
def only_here() -> Iterator[None]:
    """Other tests look at all brushes: ours leave no stamp behind."""
    before = set(BRUSHES)
    yield
    for name in set(BRUSHES) - before:
        del BRUSHES[name]


@cache
def made(texture: str) -> Stamp:
    return Stamp(TEXTURES[texture]())


def stamp_of(texture: str) -> Stamp:
    stamp = register(made(texture))
    assert isinstance(stamp, Stamp)
    return stamp


def strokes_at(stamp: Stamp, size: list[float], angle: list[float], seed: int = 0) -> Strokes:
    """Opaque strokes of these sizes and angles near the middle."""
    count, generator = len(size), torch.Generator().manual_seed(seed)
    x, y = 0.5 + 0.2 * (torch.rand(2, count, generator=generator) - 0.5)
    shape = {"x": x, "y": y, "size": torch.tensor(size), "angle": torch.tensor(angle)}
    colors = torch.rand(count, 1, 3, generator=generator)
    return Strokes(stamp.name, shape, colors, torch.ones(count), torch.zeros(count, dtype=torch.int64))


def random_strokes(stamp: Stamp, count: int) -> Strokes:
    generator = torch.Generator().manual_seed(1)
    size, angle, opacity = torch.rand(3, count, generator=generator)
    strokes = strokes_at(stamp, (0.02 + 0.5 * size**2).tolist(), (7 * angle).tolist())
    x, y = torch.rand(2, count, generator=generator)
    return Strokes(stamp.name, {**strokes.params, "x": x, "y": y}, strokes.colors, 0.3 + 0.6 * opacity, strokes.seed)


def alone(maps: FrameMaps) -> FrameMaps:
    """The same maps with texels of its own for every stroke."""
    parts = [torch.stack(maps.of(n), dim=2).reshape(-1, 2) for n in range(len(maps.offset))]
    counts = torch.tensor([len(part) for part in parts])
    return FrameMaps(torch.cat(parts), counts.cumsum(0) - counts, maps.size)


# --- the engine ---------------------------------------------------------------------------------------------


def points(stamp: Stamp, texel: float) -> tuple[int, np.ndarray, np.ndarray]:
    """Columns of a grid somewhat larger than the stamp, and its points u and v."""
    along, down = (np.arange(-half - 0.2, half + 0.2, texel, dtype=np.float32) for half in stamp.half)
    return len(along), np.tile(along, len(down)), np.repeat(down, len(along))


NOWHERE = np.zeros(1, np.float32)


@ALL
def test_a_point_is_the_average_of_its_box(texture: str) -> None:
    """A coarse point against a fine grid of points within its box."""
    stamp = stamp_of(texture)
    u, v = (np.random.default_rng(0).uniform(-1.1, 1.1, (2, 40)) * np.array(stamp.half)[:, None]).astype(np.float32)
    width, height, count = 0.23, 0.11, 200
    within = ((np.arange(count) + 0.5) / count - 0.5).astype(np.float32)
    coarse = stamp.engine(NOWHERE, u, v, (width, height), 0)[0]
    for n in range(len(u)):
        fine_u, fine_v = np.tile(u[n] + width * within, count), np.repeat(v[n] + height * within, count)
        fine = stamp.engine(NOWHERE, fine_u, fine_v, (width / count, height / count), 0)[0]
        assert coarse[n] == pytest.approx(fine.mean(), abs=2e-3)


@ALL
def test_maps_lie_in_range_and_nothing_lies_outside(texture: str) -> None:
    stamp = stamp_of(texture)
    for texel, footprint in ((0.01, 1e-4), (0.02, 0.02), (0.1, 0.3)):
        _, u, v = points(stamp, texel)
        maps = stamp.engine(NOWHERE, u, v, (footprint, footprint), 0)
        for values in maps:
            assert values.dtype == np.float32 and values.shape == u.shape
            assert values.min() >= 0 and values.max() <= 1
        alpha, mix, relief = maps
        reach = max(footprint, 2 / LONGEST * 2) / 2
        outside = (np.abs(u) > stamp.half[0] + reach) | (np.abs(v) > stamp.half[1] + reach)
        assert outside.any() and not alpha[outside].any() and alpha.max() > 0.3
        assert not mix.any() and not relief[alpha == 0].any() and relief.std() > 0.01


def test_the_engine_shows_the_texture_the_right_way_round() -> None:
    """Texture columns run along u, rows along v."""
    texture = splat(128)[:101]
    stamp = Stamp(texture)
    height, width = texture.shape
    u = np.tile(((np.arange(width) + 0.5) * 2 - width) / max(texture.shape), height).astype(np.float32)
    v = np.repeat(((np.arange(height) + 0.5) * 2 - height) / max(texture.shape), width).astype(np.float32)
    alpha = stamp.engine(NOWHERE, u, v, (1e-4, 1e-4), 0)[0].reshape(height, width)
    assert psnr(float(np.square(alpha - texture).mean())) > 35
    assert psnr(float(np.square(alpha - texture[::-1]).mean())) < 20


def test_enlarging_has_no_steps() -> None:
    """From one of 2,000 pixels to the next a 24-texel round changes by little: neither blocks nor facets."""
    stamp = Stamp(soft(24))
    u = np.linspace(-1, 1, 2000, dtype=np.float32)
    alpha = stamp.engine(NOWHERE, u, np.zeros_like(u), (1e-3, 1e-3), 0)[0].astype(np.float64)
    assert np.abs(np.diff(alpha)).max() < 0.004
    nearest = np.repeat(soft(24)[12], 84)[:2000].astype(np.float64)
    assert np.abs(np.diff(nearest)).max() > 0.05  # what blocks would show


@pytest.mark.slow
@ALL
@pytest.mark.parametrize("angle", [0.0, 0.7, -2.0])
def test_a_painting_is_the_same_at_every_size(texture: str, angle: float) -> None:
    """Drawn at 2,048 px and averaged down it is what is drawn at 32 px, but for what drawing itself blurs."""
    strokes = strokes_at(stamp_of(texture), [0.7], [angle])
    small = draw(strokes, np.ones((32, 32, 3), np.float32))
    large = draw(strokes, np.ones((2048, 2048, 3), np.float32))
    reduced = cv2.resize(cv2.resize(large, (64, 64), interpolation=cv2.INTER_AREA), (32, 32))
    assert psnr(float(np.square(small - reduced).mean())) > 27
    assert small.mean() == pytest.approx(large.mean(), abs=2e-3)


# --- the search sees what the engine draws ------------------------------------------------------------------


@ALL
@pytest.mark.parametrize("size", [0.01, 0.04, 0.13, 0.3, 0.55, 0.8])
def test_maps_show_what_the_engine_draws(texture: str, size: float) -> None:
    stamp = stamp_of(texture)
    maps, white = StampMaps(stamp), torch.ones(SIDE, SIDE, 3)
    for angle in (0.0, 0.35, math.pi / 2, -2.4):
        stroke = strokes_at(stamp, [size], [angle])
        stroke = Strokes(stroke.brush, stroke.params, 0 * stroke.colors, stroke.opacity, stroke.seed)
        drawn = draw(stroke, white.numpy())
        assert drawn.min() < 0.97
        for backend in ("cpu", "reference"):
            seen = blend(white, make_layers(stroke, 1 / SIDE, 3, maps), backend)
            inked = max(16.0, float((drawn < 1).sum()))  # over the stroke alone: a small one fills little
            assert psnr(float(np.square(seen.numpy() - drawn).sum()) / inked) >= 26
            assert psnr(float(np.square(seen.numpy() - drawn).mean())) >= 35


def test_engine_maps_show_the_same() -> None:
    """The held maps of a search's last stage are of the same frames."""
    strokes = random_strokes(stamp_of("splat"), 12)
    white = torch.ones(SIDE, SIDE, 3)
    held = blend(white, make_layers(strokes, 1 / SIDE, 3, EngineMaps(strokes, 1 / SIDE, 1.5)))
    assert psnr(float(np.square(held.numpy() - draw(strokes, white.numpy())).mean())) > 35


@ALL
def test_maps_are_zero_on_the_rim_and_about_as_fine_as_the_canvas(texture: str) -> None:
    stamp = stamp_of(texture)
    strokes = random_strokes(stamp, 60)
    for pixel in (1 / 16, 1 / 64, 1 / 512):
        frame = stamp.frame(strokes.params, pixel)
        maps = StampMaps(stamp)(frame, pixel)
        assert maps.texels.dtype == torch.float32 and not maps.texels.requires_grad
        assert len(maps.offset.unique()) <= 12 < len(strokes)
        for n in range(len(strokes)):
            alpha, mix = maps.of(n)
            assert not alpha[[0, -1]].any() and not alpha[:, [0, -1]].any() and alpha.any() and not mix.any()
            texels = 2 * frame.box[n] * frame.scale[n]  # across the map, canvas units
            for cells, width in zip(alpha.shape[::-1], texels.tolist(), strict=True):
                assert 2**0.5 * 0.999 <= cells * pixel / width <= 2.001


def test_a_mipmap_level_is_painted_once() -> None:
    stamp = stamp_of("leaf")
    strokes, maps = random_strokes(stamp, 40), StampMaps(stamp)
    first = maps(stamp.frame(strokes.params, 1 / 64), 1 / 64)
    maps(stamp.frame(strokes.params, 1 / 256), 1 / 256)  # adds levels
    again = maps(stamp.frame(strokes.params, 1 / 64), 1 / 64)
    later = maps(stamp.frame(strokes.params, 1 / 64), 1 / 64)
    assert later.texels is again.texels and len(again.texels) > len(first.texels)
    for n in range(40):
        assert torch.equal(first.of(n)[0], again.of(n)[0])
    fresh = StampMaps(stamp)(stamp.frame(strokes.params, 1 / 64), 1 / 64)
    assert torch.equal(fresh.texels, first.texels)


def test_sharing_texels_changes_nothing() -> None:
    stamp = stamp_of("splat")
    strokes = random_strokes(stamp, 30)
    target = torch.rand(48, 64, 3, generator=torch.Generator().manual_seed(5))
    layers = make_layers(strokes, 1 / 64, 3, StampMaps(stamp))
    own = Layers(layers.transform, alone(layers.maps), layers.start, layers.end, layers.opacity)
    white = torch.ones(48, 64, 3)
    for backend in ("cpu", "reference"):
        assert torch.equal(blend(white, layers, backend), blend(white, own, backend))
    assert torch.equal(removal_costs(white, target, layers), removal_costs(white, target, own))


def test_no_strokes_and_strokes_that_are_nowhere() -> None:
    stamp = stamp_of("soft")
    strokes, white = strokes_at(stamp, [0.2, 0.0, math.nan, 1e-9], [0.0] * 4), torch.ones(20, 20, 3)
    none = make_layers(strokes[:0], 1 / 20, 3, StampMaps(stamp))
    assert torch.equal(blend(white, none), white)
    seen = blend(white, make_layers(strokes[:1], 1 / 20, 3, StampMaps(stamp)))
    with_others = blend(white, make_layers(strokes, 1 / 20, 3, StampMaps(stamp)))
    assert seen.min() < 0.9 and torch.equal(seen, with_others)


# --- gradients ----------------------------------------------------------------------------------------------


def leaves_of(strokes: Strokes) -> tuple[Strokes, dict[str, Tensor]]:
    leaf = strokes.detach()
    wanted = {**leaf.params, "colors": leaf.colors, "opacity": leaf.opacity}
    for values in wanted.values():
        values.requires_grad_()
    return leaf, wanted


@pytest.mark.parametrize("channels", [3, 4])
@ALL
def test_gradients_are_those_of_the_reference(texture: str, channels: int) -> None:
    stamp = stamp_of(texture)
    weights = torch.randn(48, 64, channels, generator=torch.Generator().manual_seed(2))
    found = []
    for backend in ("cpu", "reference"):
        strokes, wanted = leaves_of(random_strokes(stamp, 12))
        canvas = blend(torch.zeros(48, 64, channels), make_layers(strokes, 1 / 64, channels, StampMaps(stamp)), backend)
        gradients = torch.autograd.grad((canvas * weights).sum(), list(wanted.values()))
        found.append(dict(zip(wanted, gradients, strict=True)))
    for name, expected in found[1].items():
        assert expected.abs().max() > 0, name
        assert (found[0][name] - expected).abs().max() <= 2e-3 * expected.abs().max(), name


@ALL
@pytest.mark.parametrize("name", ["x", "y", "size", "angle"])
def test_gradients_are_slopes(texture: str, name: str) -> None:
    """Against differences in float64: what the map shows is all that place, size and angle do."""
    stamp = stamp_of(texture)
    maps = StampMaps(stamp)
    strokes = strokes_at(stamp, [0.33], [0.6])
    shape = {key: values.double() for key, values in strokes.params.items()}
    weights = torch.randn(32, 32, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def source(frame: Frame, pixel: float) -> FrameMaps:
        found = maps(frame, pixel)
        return FrameMaps(found.texels.double(), found.offset, found.size)

    def loss(value: Tensor) -> Tensor:
        colors, opacity = strokes.colors.double(), strokes.opacity.double()
        moved = Strokes(stamp.name, {**shape, name: value}, colors, opacity, strokes.seed)
        return (blend(torch.ones_like(weights), make_layers(moved, 1 / 32, 3, source), "reference") * weights).sum()

    value = shape[name].clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss(value), value)
    step = 1e-7
    with torch.no_grad():
        expected = (loss(value + step) - loss(value - step)) / (2 * step)
    assert float(slope) == pytest.approx(float(expected), rel=1e-4)


# --- places and bounds --------------------------------------------------------------------------------------


@ALL
def test_a_placed_stamp_lies_along_its_angle_with_the_area_asked_for(texture: str) -> None:
    stamp = stamp_of(texture)
    angle = torch.tensor([0.0, 0.5, -3.0, 2.0])
    center, length, width = torch.full((4, 2), 0.5), torch.full((4,), 0.4), torch.full((4,), 0.1)
    shape = stamp.place(center, angle, length, width, torch.zeros(4))
    long, short = stamp.extent(shape)
    assert tuple(shape) == stamp.names and torch.allclose(long * short, length * width)
    assert torch.equal(long, shape["size"]) and (shape["angle"].abs() <= math.pi).all()
    if "leaf" not in texture:
        return
    strokes = Strokes(stamp.name, shape, torch.zeros(4, 1, 3), torch.ones(4), torch.zeros(4, dtype=torch.int64))
    for n in range(4):
        ink = 1 - draw(strokes[n : n + 1], np.ones((64, 64, 3), np.float32))[..., 0]
        moments = cv2.moments(ink)
        direction = 0.5 * math.atan2(2 * moments["mu11"], moments["mu20"] - moments["mu02"])
        assert math.sin(direction - float(angle[n])) == pytest.approx(0, abs=0.05)


@ALL
def test_constrained_shapes_lie_within_limits_and_stay_there(texture: str) -> None:
    stamp = stamp_of(texture)
    limits = Limits(min_width=0.01, max_length=0.5, width=1.0, height=0.6)
    size, x, y, angle = torch.randn(4, 200, generator=torch.Generator().manual_seed(0)) * 2
    shape = stamp.constrain({"x": x, "y": y, "size": size.exp() / 20, "angle": 5 * angle}, limits)
    for name, high in (("x", 1.0), ("y", limits.height)):
        assert shape[name].min() >= 0 and shape[name].max() <= high
    assert shape["size"].max() <= 0.5 and shape["angle"].abs().max() <= math.pi + 1e-6
    assert stamp.size(shape).min() >= 0.01 * 0.999
    again = stamp.constrain(shape, limits)
    assert all(torch.allclose(again[name], shape[name], atol=1e-6) for name in shape)


@ALL
def test_samples_lie_in_the_documented_ranges(texture: str) -> None:
    stamp = stamp_of(texture)
    shape = stamp.sample(300, torch.Generator().manual_seed(0))
    for parameter in stamp.parameters:
        assert parameter.low <= shape[parameter.name].min() and shape[parameter.name].max() <= parameter.high


# --- the name and the registry ------------------------------------------------------------------------------


def test_a_name_is_of_texture_and_shape_alone() -> None:
    names = [Stamp(texture).name for texture in (leaf(), leaf().T.copy(), splat(), leaf().reshape(leaf().shape[::-1]))]
    assert len(set(names)) == 4 and Stamp(leaf()).name == names[0]
    assert all(name.startswith("stamp-") and len(name) == 18 for name in names)
    assert Stamp(np.asfortranarray(leaf())).name == names[0]


def test_only_registered_stamps_are_brushes_and_the_first_stays() -> None:
    before = list(BRUSHES)
    stamp = Stamp(leaf())
    assert list(BRUSHES) == before
    assert register(stamp) is stamp and BRUSHES[stamp.name] is stamp
    assert register(Stamp(leaf())) is stamp and list(BRUSHES) == [*before, stamp.name]


@pytest.mark.parametrize(
    "texture",
    [
        np.ones((4, 4)),
        np.ones((4, 4, 1), np.float32),
        np.ones((0, 4), np.float32),
        np.ones((LONGEST + 1, 2), np.float32),
        np.full((4, 4), 1.5, np.float32),
        np.full((4, 4), math.nan, np.float32),
    ],
    ids=["float64", "channels", "empty", "large", "above 1", "nan"],
)
def test_what_is_no_texture_is_refused(texture: np.ndarray) -> None:
    with pytest.raises(ValueError, match="stamp"):
        Stamp(texture)


def test_one_texel_and_a_hair_are_stamps() -> None:
    for texture in (np.ones((1, 1), np.float32), np.ones((1, LONGEST), np.float32), np.ones((LONGEST, 1), np.float32)):
        stamp = Stamp(texture)
        assert register(stamp) is stamp
        strokes = strokes_at(stamp, [0.5], [0.3])
        assert 0.5 < draw(strokes, np.ones((64, 64, 3), np.float32)).mean() < 1
        assert stamp.grid(COARSEST) >= (3, 3)
        tenth = torch.full((1,), 0.1)
        size = stamp.place(torch.zeros(1, 2), tenth, tenth, tenth, torch.zeros(1))["size"]
        # A hair is no longer than a stroke of the greatest slimness.
        assert 0.09 < float(size) <= 0.101 * MAX_SLIMNESS**0.5


# --- from a file --------------------------------------------------------------------------------------------


def saved(folder: Path, pixels: np.ndarray, mode: str, name: str = "brush.png") -> Path:
    Image.fromarray((pixels * 255).round().astype(np.uint8), mode).save(folder / name)
    return folder / name


def load_stamp(path: str | Path) -> Stamp:
    return Stamp(load_texture(path))


def on_sheet(texture: np.ndarray, margin: int = 40) -> np.ndarray:
    return np.pad(texture, margin)


def likeness(stamp: Stamp, texture: np.ndarray) -> float:
    """PSNR in dB of a stamp's texture against `texture`, brought to its size."""
    return psnr(float(np.square(stamp.texture - cv2.resize(texture, stamp.texture.shape[::-1])).mean()))


@pytest.mark.slow
def test_alpha_dark_on_light_and_light_on_dark_give_the_same_brush(tmp_path: Path) -> None:
    sheet = on_sheet(splat())
    clear = np.dstack([np.random.default_rng(0).random((*sheet.shape, 3)), sheet])  # colours do not matter
    paths = [
        saved(tmp_path, clear, "RGBA", "alpha.png"),
        saved(tmp_path, 1 - sheet, "L", "dark.png"),
        saved(tmp_path, sheet, "L", "light.png"),
        saved(tmp_path, np.dstack([1 - sheet] * 3), "RGB", "rgb.png"),
    ]
    for path in paths:
        stamp = load_stamp(path)
        assert max(stamp.texture.shape) == LONGEST
        assert stamp.texture[0].any() and stamp.texture[:, -1].any()  # nothing empty around it
        assert likeness(stamp, splat()) > 28, path.name
    assert psnr(float(np.square(load_stamp(paths[0]).texture[::-1] - load_stamp(paths[1]).texture).mean())) < 20


def test_a_small_mark_on_a_large_sheet_keeps_its_detail(tmp_path: Path) -> None:
    stamp = load_stamp(saved(tmp_path, 1 - on_sheet(leaf(), 800), "L"))
    assert 400 <= max(stamp.texture.shape) <= 440 and likeness(stamp, leaf()) > 28


def test_loading_twice_gives_one_name_and_registers_nothing(tmp_path: Path) -> None:
    path = saved(tmp_path, 1 - on_sheet(leaf()), "L")
    before = list(BRUSHES)
    assert load_stamp(path).name == load_stamp(str(path)).name and list(BRUSHES) == before


@pytest.mark.parametrize(
    ("pixels", "mode"),
    [
        (np.ones((20, 30)), "L"),
        (np.zeros((20, 30)), "L"),
        (np.zeros((20, 30, 4)), "RGBA"),
        (np.full((20, 30), 0.995), "L"),
    ],
    ids=["white", "black", "clear", "nearly white"],
)
def test_an_empty_picture_is_refused(tmp_path: Path, pixels: np.ndarray, mode: str) -> None:
    path = saved(tmp_path, pixels, mode, "no thing\n.png")
    with pytest.raises(PictureError) as raised:
        load_stamp(path)
    message = str(raised.value)
    assert message.startswith(f"--brush {tmp_path}") and "no thing\\n.png: it is empty; give " in message
    assert "\n" not in message and "; " in message


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    for name, wrong in (("none.png", "there is no such file"), ("text.png", "it is not a picture")):
        with pytest.raises(PictureError) as raised:
            load_stamp(tmp_path / name)
        assert str(raised.value).startswith(f"--brush {tmp_path / name}: {wrong}")
        assert "\n" not in str(raised.value)


# --- painting -----------------------------------------------------------------------------------------------


def scene(side: int = 96) -> np.ndarray:
    """[side, side, 3]: a sun and a hill."""
    y, x = np.mgrid[:side, :side] / side
    picture: np.ndarray = np.array([0.75, 0.85, 0.95], np.float32) * np.ones((side, side, 1), np.float32)
    picture[np.hypot(x - 0.68, y - 0.3) < 0.16] = (0.95, 0.7, 0.15)
    picture[y > 0.65 + 0.12 * np.sin(5 * x)] = (0.15, 0.4, 0.2)
    picture[(y > 0.8) & (x > 0.35) & (x < 0.7)] = (0.5, 0.25, 0.15)
    return picture


def descend(stamp: Stamp, target: np.ndarray, count: int, size: float, steps: int, backend: str = "cpu") -> list[float]:
    """Squared errors, from before the first step to after the last."""
    ground = torch.from_numpy(target.mean(axis=(0, 1))).expand(*target.shape)
    wanted, pixel, maps = torch.from_numpy(target), 1 / max(target.shape[:2]), StampMaps(stamp)
    error = ((ground.numpy() - target) ** 2).sum(axis=2)
    strokes = place_strokes(target, error, stamp.name, count, size, np.random.default_rng(0))
    variables = StrokeParameters(strokes, Constraints(Limits()), SearchConfig())
    losses = []
    for _ in range(steps):
        loss = (blend(ground, make_layers(variables.strokes(), pixel, 3, maps), backend) - wanted).square().mean()
        strokes = variables.descend(loss, 1.0)
        losses.append(float(loss.detach()))
    with torch.no_grad():
        last = (blend(ground, make_layers(strokes, pixel, 3, maps), backend) - wanted).square().mean()
    return [*losses, float(last)]


@pytest.mark.slow
@ALL
def test_descent_halves_the_loss(texture: str) -> None:
    losses = descend(stamp_of(texture), scene(), 60, 0.13, 60)
    assert all(math.isfinite(loss) for loss in losses) and losses[-1] < 0.5 * losses[0]


def test_descent_is_the_same_twice_and_with_the_reference() -> None:
    first = descend(stamp_of("soft"), scene(32), 8, 0.3, 6)
    assert first == descend(stamp_of("soft"), scene(32), 8, 0.3, 6)
    assert first == pytest.approx(descend(stamp_of("soft"), scene(32), 8, 0.3, 6, "reference"), rel=1e-3)
