"""Paintings as SVG: what is in the file, and what it looks like."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from helpers.svg_raster import FINE, HREF, SVG, path_points, rasterize
from PIL import Image
from skimage import data

from painter.errors import OutputError
from painter.export.svg import LONG_SIDE_MM, MOST_LAYERS, levels
from painter.export.svg_paths import UNITS, Transform, number, path_data
from painter.options.export import ExportConfig
from painter.options.paint import PaintConfig
from painter.painting.painting import Painting
from painter.painting.save import PaintedArtwork, _write_svg
from painter.pipeline import find_strokes, prepare
from painter.system.usage import Stopwatch
from renderers.brushes import BRUSHES, NETWORK_BRUSHES, register
from renderers.brushes.base import Limits
from renderers.brushes.outline import curve, opened
from renderers.brushes.stamp import Stamp
from renderers.strokes import Strokes

ALL = pytest.mark.parametrize("brush", list(NETWORK_BRUSHES))
LABEL = "{http://www.inkscape.org/namespaces/inkscape}label"
MODE = "{http://www.inkscape.org/namespaces/inkscape}groupmode"
# dB between the SVG, drawn by tests/svg_raster.py, and the painting, by some 2 dB less than found.
FLOORS = {"rectangle": 30.0, "markerpen": 30.0, "watercolor": 32.0, "oilpaintbrush": 28.0}
BYTES = {"rectangle": 200, "markerpen": 350, "watercolor": 1024, "oilpaintbrush": 1024}  # a stroke, at most
CHROMIUM_FLOOR = 24.0
PLOT = ExportConfig(svg="plot")


@cache
def painted(brush: str) -> Painting:
    """150 strokes for the astronaut, hardly optimised."""
    config = PaintConfig(style=brush, strokes=150, size=128, iterations=6, focus="none", device="cpu")
    return find_strokes(prepare(data.astronaut(), config, Stopwatch()), Stopwatch()).painting


def scattered(brush: str, count: int = 12, aspect: tuple[int, int] = (60, 80), **changes: Any) -> Painting:
    """Random strokes."""
    generator = torch.Generator().manual_seed(5)
    kind = BRUSHES[brush]
    height = aspect[0] / max(aspect)
    shape = kind.constrain(kind.sample(count, generator), Limits(max_length=0.4, height=height))
    colors = torch.rand(count, kind.colors, 3, generator=generator)
    opacity = 0.2 + 0.8 * torch.rand(count, generator=generator)
    strokes = Strokes(brush, shape, colors, opacity, torch.arange(count))
    return replace(Painting(strokes, aspect, (1.0, 0.8, 0.6), PaintConfig()), **changes)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """dB between pictures, uint8 [H, W, 3], or [H, W, 4] which are compared premultiplied."""
    pictures = [picture.astype(np.float64) for picture in (a, b)]
    if a.shape[2] == 4:
        pictures = [np.concatenate([p[..., :3] * p[..., 3:] / 255, p[..., 3:]], axis=2) for p in pictures]
    return float(10 * np.log10(255**2 / max(1e-9, ((pictures[0] - pictures[1]) ** 2).mean())))


def write(path: Path, painting: Painting, config: ExportConfig | None = None) -> None:
    """As `Painting.save` does, also where that looks at the path first."""
    _write_svg(path, PaintedArtwork(painting), replace(config or ExportConfig(), embed="never"))


def written(painting: Painting, folder: Path, config: ExportConfig | None = None) -> tuple[Path, ElementTree.Element]:
    path = folder / "painting.svg"
    write(path, painting, config)
    return path, ElementTree.parse(path).getroot()


def layers(root: ElementTree.Element) -> list[ElementTree.Element]:
    return [group for group in root.iter(SVG + "g") if group.get(MODE) == "layer" and group.get("id") != "region"]


def strokes_in(layer: ElementTree.Element) -> list[ElementTree.Element]:
    return [element for element in layer if element.tag != SVG + "linearGradient"]


# --- what it looks like -------------------------------------------------------------------------------------


@pytest.mark.slow
@ALL
def test_svg_looks_like_the_painting(brush: str, tmp_path: Path) -> None:
    painting = painted(brush)
    path, _ = written(painting, tmp_path)
    assert psnr(rasterize(path, 128, 128)[..., :3], painting.draw(128)) >= FLOORS[brush]


@pytest.mark.slow
@ALL
def test_another_painting_falls_short_of_the_floor(brush: str, tmp_path: Path) -> None:
    painting = painted(brush)
    colors = painting.strokes.colors.roll(1, dims=0)
    path, _ = written(replace(painting, strokes=replace(painting.strokes, colors=colors)), tmp_path)
    assert psnr(rasterize(path, 128, 128)[..., :3], painting.draw(128)) < CHROMIUM_FLOOR - 4


@pytest.mark.slow
@ALL
def test_each_stroke_covers_what_its_engine_covers(brush: str, tmp_path: Path) -> None:
    """Strokes of all shapes alone on nothing: alpha, and so their outlines, folds of tight bends included."""
    kind, generator = BRUSHES[brush], torch.Generator().manual_seed(2)
    shape = kind.sample(12, generator)
    middle = kind.center(shape)
    shape = kind.resized(shape, 0.5 / kind.extent(shape)[0])
    for n in range(12):
        one = {name: values[n : n + 1] for name, values in shape.items()}
        for axis, name in enumerate("xy"):
            one |= {key: value + 0.5 - middle[n, axis] for key, value in one.items() if key.startswith(name)}
        strokes = Strokes(brush, one, torch.zeros(1, kind.colors, 3), torch.ones(1), torch.tensor([n]))
        painting = Painting(strokes, (1, 1), None, PaintConfig())
        path, _ = written(painting, tmp_path)
        found, wanted = rasterize(path, 192, 192)[..., 3] / 255.0, painting.draw(192)[..., 3] / 255.0
        assert np.abs(found - wanted).sum() < 0.16 * wanted.sum(), n
        assert found.sum() == pytest.approx(wanted.sum(), rel=0.1)


@pytest.mark.slow
@ALL
def test_transparent_ground_and_region(brush: str, tmp_path: Path) -> None:
    region = np.zeros((40, 50), np.float32)
    region[5:30, 10:] = 0.7
    for ground in (None, (0.2, 0.5, 0.9)):
        painting = scattered(brush, 30, ground=ground, region=region)
        path, root = written(painting, tmp_path)
        assert (root.find(SVG + "rect") is None) == (ground is None)
        drawn = painting.draw(128)
        assert psnr(rasterize(path, 128, 96)[..., : drawn.shape[2]], drawn) >= 27


def test_stamp_is_written_once_and_looks_like_itself(tmp_path: Path) -> None:
    y, x = np.mgrid[:60, :90]
    texture = (1.3 - np.hypot((x - 44.5) / 45, (y - 29.5) / 30)).clip(0, 1).astype(np.float32)
    texture[20:30, 20:40] = 0
    name = register(Stamp(texture)).name
    try:
        painting = scattered(name, 20)
        path, root = written(painting, tmp_path)
        assert len(list(root.iter(SVG + "use"))) == 20 and len(list(root.iter(SVG + "path"))) <= 5
        assert {use.get(HREF) for use in root.iter(SVG + "use")} == {"#stroke"}
        assert psnr(rasterize(path, 128, 96)[..., :3], painting.draw(128)) >= 32
        assert len(list(written(painting, tmp_path, PLOT)[1].iter(SVG + "path"))) == 20
    finally:
        del BRUSHES[name]


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIETLY = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
    "--force-device-scale-factor=1", "--window-size=256,256",
)  # fmt: skip


@pytest.mark.slow
@ALL
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_chromium_shows_the_painting(brush: str, tmp_path: Path) -> None:
    painting = painted(brush)
    path, _ = written(painting, tmp_path)
    page, shot = tmp_path / "page.html", tmp_path / "shot.png"
    page.write_text(f'<body style="margin:0"><img src="{path.name}" style="width:256px;height:256px;display:block">')
    command = [str(CHROMIUM), *QUIETLY, f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={shot}"]
    subprocess.run([*command, page.as_uri()], check=True, timeout=120, capture_output=True)
    with Image.open(shot) as screen:
        seen = np.array(screen.convert("RGB"))[:256, :256]
    found = psnr(seen, painting.draw(256))
    print(f"{brush}: {found:.1f} dB in Chromium")
    assert found >= CHROMIUM_FLOOR


# --- what is in the file ------------------------------------------------------------------------------------


@pytest.mark.slow
@ALL
def test_every_stroke_is_one_element_in_paint_order(brush: str, tmp_path: Path) -> None:
    painting = painted(brush)
    path, root = written(painting, tmp_path)
    groups = layers(root)
    assert 2 <= len(groups) <= MOST_LAYERS
    elements = [element for layer in groups for element in strokes_in(layer)]
    assert len(elements) == len(painting.strokes)
    # Where an outline begins is near its stroke: elements come in the order of strokes.
    kind, shape = BRUSHES[brush], painting.strokes.params
    near = (kind.extent(shape)[0] + kind.extent(shape)[1]).numpy() * UNITS
    for center, reach, element in zip(kind.center(shape).numpy() * UNITS, near, elements, strict=True):
        start = path_points(next(element.iter(SVG + "path")).attrib["d"])[0][0][0]
        assert np.linalg.norm(start - center) < reach
    assert path.stat().st_size < BYTES[brush] * len(painting.strokes) + 2000


@ALL
def test_equal_paintings_give_equal_bytes(brush: str, tmp_path: Path) -> None:
    for config in (None, PLOT):
        first = written(scattered(brush), tmp_path, config)[0].read_bytes()
        assert first == written(scattered(brush), tmp_path, config)[0].read_bytes()


def test_size_is_in_millimetres(tmp_path: Path) -> None:
    def size(config: ExportConfig | None) -> tuple[str, ...]:
        _, root = written(scattered("rectangle"), tmp_path, config)
        return tuple(root.attrib[key] for key in ("width", "height", "viewBox"))

    assert size(None) == (f"{LONG_SIDE_MM:g}mm", "150mm", "0 0 1000 750")
    assert size(ExportConfig(width_mm=100.5)) == ("100.5mm", "75.375mm", "0 0 1000 750")
    tall = scattered("rectangle", aspect=(90, 30))
    assert written(tall, tmp_path)[1].attrib["width"] == "66.667mm"


def test_words_are_escaped(tmp_path: Path) -> None:
    nasty = "</title><script>alert('x')</script>&\"\x00\x1b\udcff\ufffe.png"
    plain = scattered("rectangle")
    named = replace(plain, about={"input": {"name": nasty}})
    for config in (None, PLOT):
        _, root = written(named, tmp_path, config)
        title = root.find(SVG + "title")
        assert title is not None and title.text == re.sub("[\x00\x1b\udcff\ufffe]", "\ufffd", nasty)
        assert not list(root.iter(SVG + "script"))


@ALL
def test_nothing_outside_is_referred_to(brush: str, tmp_path: Path) -> None:
    path, root = written(scattered(brush, region=np.ones((4, 4), np.float32)), tmp_path)
    known = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
    text = path.read_text(encoding="utf-8")
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#(.*?)\)", text)) <= known
    assert all(value.startswith(("data:image/png;base64,", "#")) for value in re.findall(r'href="(.*?)"', text))
    assert {tag.tag.removeprefix(SVG) for tag in root.iter()} <= {
        *("svg", "title", "desc", "rect", "g", "path", "linearGradient", "stop", "defs", "mask", "image")
    }


def test_no_strokes_is_a_bare_ground(tmp_path: Path) -> None:
    empty = scattered("markerpen")
    for config in (None, PLOT):
        _, root = written(replace(empty, strokes=empty.strokes[:0]), tmp_path, config)
        assert not list(root.iter(SVG + "path"))


@ALL
def test_strokes_shrunk_to_nothing_or_nowhere_leave_the_file_whole(brush: str, tmp_path: Path) -> None:
    painting = scattered(brush, 4)
    shape = {name: values.clone() for name, values in painting.strokes.params.items()}
    for name, values in shape.items():
        values[0] = 0
        if name in ("width", "height", "radius", "radius0", "radius2"):
            values[1] = 0
        values[2] = torch.nan
        values[3] = 1e30
    painting = replace(painting, strokes=replace(painting.strokes, params=shape))
    for config in (None, PLOT):
        path, root = written(painting, tmp_path, config)
        assert not re.search("nan|inf", path.read_text().replace("inkscape.org/namespaces", ""))
        numbers = re.findall(r"-?[0-9.]+", " ".join(element.get("d", "") for element in root.iter()))
        assert all(abs(float(value)) < 1e9 for value in numbers)


def test_failure_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "painting.svg"
    path.write_text("old")
    broken = replace(scattered("rectangle"), aspect=(0, 0))
    with pytest.raises(ZeroDivisionError):
        write(path, broken)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(OutputError, match="missing"):
        write(tmp_path / "missing" / "painting.svg", scattered("rectangle"))


# --- pen plotters -------------------------------------------------------------------------------------------


@ALL
def test_plot_is_one_line_a_stroke_along_its_middle(brush: str, tmp_path: Path) -> None:
    painting = scattered(brush, aspect=(1, 1))
    _, root = written(painting, tmp_path, PLOT)
    assert root.find(SVG + "rect") is None and not list(root.iter(SVG + "linearGradient"))
    (layer,) = layers(root)
    assert layer.get("fill") == "none"
    kind, shape = BRUSHES[brush], painting.strokes.params
    lengths, widths = (values.numpy() * UNITS for values in kind.extent(shape))
    whole = 0
    for n, (element, center) in enumerate(zip(layer, kind.center(shape).numpy() * UNITS, strict=True)):
        pieces = path_points(element.attrib["d"])
        points = np.concatenate([piece for piece, _ in pieces])
        assert (points >= -0.01).all() and (points <= UNITS + 0.01).all()
        assert 0.6 * widths[n] < float(element.attrib["stroke-width"]) < 1.01 * widths[n]
        if len(pieces) == 1 and ((points > 20) & (points < UNITS - 20)).all():
            whole += 1
            run = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
            # The most bent are a quarter longer than straight ones.
            assert 0.95 * (lengths[n] - widths[n]) < run < 1.25 * lengths[n]
            points = np.concatenate([points, (points[1:] + points[:-1]) / 2])
            assert np.linalg.norm(points - center, axis=1).min() < max(0.16 * lengths[n], 1)
    assert whole >= 3


def test_plot_has_a_layer_for_each_colour_of_a_palette(tmp_path: Path) -> None:
    painting = scattered("markerpen", 30)
    palette = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.2, 0.4], [0.0, 0.0, 0.0]])
    strokes = replace(painting.strokes, colors=palette[torch.arange(30) % 3][:, None])
    painting = replace(painting, strokes=strokes, config=replace(painting.config, palette="3"))
    _, root = written(painting, tmp_path, PLOT)
    assert [layer.get(LABEL) for layer in layers(root)] == ["1: #ff0000", "2: #003366", "3: #000000"]
    assert [{line.get("stroke") for line in layer} for layer in layers(root)] == [{"#ff0000"}, {"#003366"}, {"#000000"}]


def test_plot_stays_within_the_region(tmp_path: Path) -> None:
    region = np.zeros((30, 40), np.float32)
    region[:, 10:30] = 1
    _, root = written(scattered("markerpen", 40, region=region), tmp_path, PLOT)
    points = np.concatenate([p for line in root.iter(SVG + "path") for p, _ in path_points(line.attrib["d"])])
    assert points[:, 0].min() >= 249.9 and points[:, 0].max() <= 750.1 and np.ptp(points[:, 0]) > 300


@pytest.mark.parametrize("config", [None, PLOT])
def test_vpype_reads_it(config: ExportConfig | None, tmp_path: Path) -> None:
    import vpype

    path, root = written(scattered("markerpen"), tmp_path, config)
    document = vpype.read_multilayer_svg(str(path), 0.1)
    assert len(document.layers) == len(layers(root)) and sum(map(len, document.layers.values())) >= 12
    assert document.page_size == pytest.approx([LONG_SIDE_MM / 25.4 * 96, 0.75 * LONG_SIDE_MM / 25.4 * 96], rel=1e-3)


# --- parts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-0.001, "0"), (0.5, ".5"), (-0.25, "-.25"), (100, "100"), (1.006, "1.01"), (20.10, "20.1"), (-3, "-3")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


def test_path_data_comes_back_to_the_grid() -> None:
    transform = Transform(np.array([300.0, 200.0]), np.array([0.6, 0.8]), 100.0)
    path = opened(curve(lambda t: (t, np.sin(3 * t)), -1, 1, 6))
    ((points, closed),) = path_points(path_data(path, transform))
    assert not closed
    t = np.linspace(-1, 1, 13)
    exact = transform.apply(np.stack([t, np.sin(3 * t)], axis=1))
    gaps = np.linalg.norm(points[:, None] - exact[None], axis=2).min(axis=0)
    assert gaps[::2].max() < 0.0075 and gaps.max() < 0.02  # half a step of the grid, both ways


def test_levels_are_runs_of_paint_order() -> None:
    random = np.random.default_rng(1)
    sizes = np.concatenate([np.full(60, size) for size in (100, 40, 18, 8)]) * random.uniform(0.9, 1.1, 240)
    sizes[200] = 100  # one out of turn
    runs = levels(sizes)
    assert [first for first, _ in runs] == [0, *(last for _, last in runs[:-1])] and runs[-1][1] == 240
    assert len(runs) == 4 and all(abs(first - 60 * k) <= 3 for k, (first, _) in enumerate(runs))
    assert len(levels(np.geomspace(1, 1e-6, 500))) == MOST_LAYERS
    assert levels(np.ones(0)) == [] and levels(np.ones(1)) == [(0, 1)]


def test_the_rasteriser_knows_areas_lines_and_opacity(tmp_path: Path) -> None:
    path = tmp_path / "known.svg"
    path.write_text(
        f'<svg xmlns="{SVG[1:-1]}" viewBox="0 0 10 10"><rect width="10" height="10" fill="#ffffff"/>'
        '<path d="M2 2l4 0 0 4-4 0z" fill="#ff0000" stroke="#0000ff" stroke-width="2" opacity=".5"/>'
        '<g opacity=".5"><path d="M1 9l8 0" fill="none" stroke="#000000" stroke-width="1" stroke-dasharray="2 4"/></g>'
        "</svg>"
    )
    image = rasterize(path, 100, 100)[..., :3].astype(int)
    assert image[40, 40].tolist() == [255, 128, 128] and image[12, 12].tolist() == [128, 128, 255]
    assert image[40, 15].tolist() == [128, 128, 255] and image[5, 5].tolist() == [255] * 3
    row = image[90, :, 0] < 200
    assert row[12:28].all() and not row[33:67].any() and row[72:88].all() and FINE > 1


@pytest.fixture(autouse=True, scope="module")
def forget() -> Iterator[None]:
    yield
    painted.cache_clear()


def test_grain_is_a_filter_over_the_paint_and_off_unless_asked_for(tmp_path: Path) -> None:
    painting = scattered("markerpen", region=np.ones((6, 8), np.float32))
    path, _ = written(painting, tmp_path)
    plain = path.read_bytes()
    assert b"filter" not in plain
    path, root = written(painting, tmp_path, ExportConfig(svg_grain=0.5))
    made = root.find(f".//{SVG}filter")
    assert made is not None and made.find(f"{SVG}feTurbulence") is not None
    (grain,) = (group for group in root.iter(f"{SVG}g") if group.get("filter") == f"url(#{made.get('id')})")
    assert len(grain.findall(f".//{SVG}path")) == len(root.findall(f".//{SVG}path"))
    assert root.find(f".//{SVG}rect") not in list(grain.iter())  # the ground stays clean
    text = path.read_text()
    kept = re.sub(r'<filter.*</filter>\n<g id="grain"[^>]*>\n', "", text)
    assert kept.replace("</g>\n</svg>", "</svg>").encode() == plain
