"""Layered files, opened by independent readers: zip and Pillow for OpenRaster, psd-tools for PSD."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.paintings import WHITE, make_painting
from PIL import Image
from psd_tools import PSDImage

from painter import ExportConfig, Painting
from painter.painting import stroke_layers
from painter.painting.stroke_layers import MOST_COLORS, color_groups, layers_of

Placed = list[tuple[str, np.ndarray, int, int]]  # name, [h, w, 4], left, top; the lowest first


def read_ora(path: Path) -> tuple[Placed, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        assert archive.infolist()[0].filename == "mimetype" and archive.read("mimetype") == b"image/openraster"
        assert {"mergedimage.png", "Thumbnails/thumbnail.png"} <= set(archive.namelist())

        def picture(name: str) -> np.ndarray:
            return np.asarray(Image.open(io.BytesIO(archive.read(name))))

        listed = ElementTree.fromstring(archive.read("stack.xml")).findall("stack/layer")
        layers = [
            (one.attrib["name"], picture(one.attrib["src"]), int(one.attrib["x"]), int(one.attrib["y"]))
            for one in listed
        ]
        return layers[::-1], picture("mergedimage.png")


def read_psd(path: Path) -> tuple[Placed, np.ndarray]:
    image = PSDImage.open(path)
    layers = [(layer.name, np.asarray(layer.topil().convert("RGBA")), layer.left, layer.top) for layer in image]
    return layers, np.asarray(image.topil())


READERS = {".ora": read_ora, ".psd": read_psd}


def composite(layers: Placed, shape: tuple[int, int]) -> np.ndarray:
    """[H, W, 4] in 0..255, premultiplied."""
    canvas = np.zeros((*shape, 4))
    for _, pixels, left, top in layers:
        alpha = pixels[..., 3:] / 255
        part = canvas[top : top + len(pixels), left : left + pixels.shape[1]]
        part[:] = np.concatenate([pixels[..., :3] * alpha, 255 * alpha], axis=2) + (1 - alpha) * part
    return canvas


def premultiplied(image: np.ndarray) -> np.ndarray:
    alpha = image[..., 3:] / 255 if image.shape[2] == 4 else np.ones((*image.shape[:2], 1))
    return np.concatenate([image[..., :3] * alpha, 255 * alpha], axis=2)


def half(painting: Painting) -> Painting:
    region = np.repeat(np.linspace(0, 1, 64, dtype=np.float32)[None], 48, axis=0)
    return replace(painting, region=np.rint(region * 255) / np.float32(255))


@pytest.mark.parametrize("ending", READERS)
@pytest.mark.parametrize("brush", ["oilpaintbrush", "watercolor"])
@pytest.mark.parametrize("kind", ["opaque", "transparent", "region"])
def test_layers_are_the_painting(ending: str, brush: str, kind: str, tmp_path: Path) -> None:
    painting = make_painting(120, brush=brush, ground=None if kind == "transparent" else (0.9, 0.7, 0.5))
    painting = replace(painting, config=replace(painting.config, texture=0.0))
    painting = half(painting) if kind == "region" else painting
    assert painting.save(tmp_path / f"a{ending}") == []
    layers, merged = READERS[ending](tmp_path / f"a{ending}")
    drawn = premultiplied(painting.draw_bare().astype(float))
    # One of 255, and half for the rounding of the painting itself.
    assert np.abs(composite(layers, (48, 64)) - drawn).max() <= 1.5
    # Rounded once more, and in a PSD taken apart from white by the reader.
    assert np.abs(premultiplied(merged.astype(float)) - drawn).max() <= 3
    names = [name for name, *_ in layers]
    assert (names[0] == "Ground") == (kind != "transparent") and (names[-1] == "Bare canvas") == (kind == "region")
    assert 2 <= len([name for name in names if name.startswith("Strokes ")]) <= 8


def test_equal_paintings_give_equal_bytes_and_a_note(tmp_path: Path) -> None:
    painting = make_painting(20, ground=WHITE)
    for ending in READERS:
        (note,) = painting.save(tmp_path / f"a{ending}")
        assert note.endswith("layers hold bare strokes, without texture")
        mixed = replace(painting, config=replace(painting.config, mixing="pigment"))
        assert mixed.save(tmp_path / f"c{ending}")[0].endswith("layers hold bare strokes, without texture and mixing")
        painting.save(tmp_path / f"b{ending}")
        assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()


@pytest.mark.parametrize("ending", READERS)
@pytest.mark.parametrize("kind", ["opaque", "transparent", "region", "clear region"])
def test_layers_of_colors_are_the_painting(ending: str, kind: str, tmp_path: Path) -> None:
    brush = "rectangle" if kind == "opaque" else "watercolor"  # whose edges are darker than its colour
    painting = make_painting(
        60, brush=brush, ground=None if kind in ("transparent", "clear region") else (0.9, 0.7, 0.5)
    )
    painting = replace(painting, config=replace(painting.config, texture=0.0))
    painting = half(painting) if "region" in kind else painting
    assert painting.save(tmp_path / f"a{ending}", config=ExportConfig(layers="color")) == []
    layers, _ = READERS[ending](tmp_path / f"a{ending}")
    drawn = premultiplied(painting.draw_bare().astype(float))
    assert np.abs(composite(layers, (48, 64)) - drawn).max() <= 1.5
    assert len([name for name, *_ in layers if name.startswith("#")]) <= MOST_COLORS


@pytest.mark.parametrize("by", ["level", "color"])
def test_layers_do_not_depend_on_the_bands_they_are_made_in(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    painting = half(make_painting(60, brush="watercolor"))
    whole, seen = layers_of(painting, 64, by)
    monkeypatch.setattr(stroke_layers, "_BAND_PIXELS", 64 * 11)
    parts, again = layers_of(painting, 64, by)
    assert np.array_equal(seen, again)
    for one, other in zip(whole, parts, strict=True):
        assert (one.name, one.left, one.top) == (other.name, other.left, other.top)
        assert np.array_equal(one.pixels, other.pixels)


def test_a_layer_has_the_strokes_of_its_color() -> None:
    strokes = make_painting(30, brush="rectangle").strokes
    palette = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    strokes = replace(strokes, colors=palette[torch.arange(30) % 3][:, None])
    assert color_groups(strokes)[0] == ["#ff0000", "#0000ff", "#ffff00"]
    painting = replace(make_painting(1, brush="rectangle"), strokes=strokes)
    layers, _ = layers_of(painting, 64, "color")
    assert [layer.name for layer in layers] == [
        "Ground",
        *(f"{color}, 10 strokes" for color in color_groups(strokes)[0]),
    ]
    for layer, (red, green, blue) in zip(layers[1:], palette.tolist(), strict=True):
        sure = layer.pixels[..., 3] > 128
        assert np.abs(layer.pixels[sure][:, :3] / 255 - (red, green, blue)).max() < 0.08
