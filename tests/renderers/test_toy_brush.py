"""A brush from outside the package: one class, registered, is searched with, drawn and exported like those inside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from painter.export.svg import write_svg
from painter.options.paint import PaintConfig
from painter.painting.painting import Painting
from painter.search.maps import stroke_maps
from painter.search.search import Search
from painter.search.target import Target
from renderers.brushes import BRUSHES, Body, Brush, Frame, Limits, Parameter, SearchMaps, register
from renderers.brushes.base import framed_box
from renderers.brushes.outline import Mark, Outline, Paint, closed, curve
from renderers.decoding import EngineMaps, PaintedMaps, make_layers
from renderers.drawing import draw
from renderers.evaluation import random_strokes
from renderers.rendering import render
from renderers.strokes import Strokes
from renderers.training import psnr


class Dot(Brush):
    """A filled disc in one colour. Stroke unit: the radius. Geometry and code: nothing."""

    name = "dot"
    parameters = (Parameter("x", 0, 1, "side"), Parameter("y", 0, 1, "side"), Parameter("radius", 0.002, 0.4, "side"))
    colors = 1
    body = Body(thickness=0.001, growth=0.3, leveling=0.0)
    slimness = (1.0, 1.0)
    alike = True

    def frame(self, params: dict[str, Tensor], pixel: float | Tensor) -> Frame:
        radius = params["radius"]
        none = radius.new_zeros(len(radius), 0)
        along = radius.new_tensor([1.0, 0.0]).expand(len(radius), 2)
        box = framed_box(torch.ones_like(radius), torch.ones_like(radius), pixel / radius)
        return Frame(self.center(params), along, radius, box, none, none)

    def engine(
        self, geometry: np.ndarray, u: np.ndarray, v: np.ndarray, footprint: tuple[float, float], seed: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        alpha = np.clip((1 - np.hypot(u, v)) / max(footprint) + 0.5, 0, 1).astype(np.float32)
        return alpha, np.zeros_like(alpha), 0.5 * alpha

    def outline(self, geometry: np.ndarray) -> Outline:
        circle = closed(curve(lambda turn: (float(np.cos(turn)), float(np.sin(turn))), 0, 2 * np.pi, 8))
        return Outline((Mark(circle, Paint((0.0, 0.0))),), ((-1.0, 0.0), (0.0, 0.0), (1.0, 0.0)), 2.0, 1.0)

    def place(self, center: Tensor, angle: Tensor, length: Tensor, width: Tensor, bend: Tensor) -> dict[str, Tensor]:
        return {"x": center[:, 0], "y": center[:, 1], "radius": (length * width).sqrt() / 2}

    def constrain(self, params: dict[str, Tensor], limits: Limits) -> dict[str, Tensor]:
        x, y = params["x"].clamp(0, limits.width), params["y"].clamp(0, limits.height)
        return {"x": x, "y": y, "radius": params["radius"].clamp(limits.min_width / 2, limits.max_length / 2)}

    def center(self, params: dict[str, Tensor]) -> Tensor:
        return torch.stack([params["x"], params["y"]], dim=1)

    def extent(self, params: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return 2 * params["radius"], 2 * params["radius"]


@pytest.fixture(autouse=True)
def dot() -> Iterator[Brush]:
    """The brush, known while a test runs."""
    yield register(Dot())
    del BRUSHES["dot"]


def picture(height: int = 36, width: int = 48) -> np.ndarray:
    """[H, W, 3]: a sun over a field."""
    y, x = np.mgrid[:height, :width]
    pixels = np.full((height, width, 3), (0.6, 0.75, 0.9), np.float32)
    pixels[np.hypot(x - 0.7 * width, y - 0.3 * height) < 0.2 * height] = (0.95, 0.8, 0.2)
    pixels[y > 0.65 * height] = (0.3, 0.5, 0.2)
    return pixels


def painted(count: int = 40) -> tuple[Target, Strokes]:
    """The picture on a grey ground, and the dots that the search finds for it."""
    target = Target(picture(), np.full(3, 0.5, np.float32))
    config = PaintConfig(strokes=count, iterations=30, size=48, focus="none")
    search = Search(target, stroke_maps("dot", "cpu", "cpu"), "dot", config)
    for _ in search.run():
        pass
    assert search.strokes is not None
    return target, search.strokes


@pytest.mark.slow
def test_the_search_paints_with_it_and_the_engine_draws_it() -> None:
    target, strokes = painted()
    assert strokes.brush == "dot" and len(strokes) == 40
    empty = np.broadcast_to(target.ground, target.image.shape)
    before, after = (
        psnr(float(np.square(canvas - target.image).mean())) for canvas in (empty, draw(strokes, empty.copy()))
    )
    assert after > before + 8
    again = painted()[1]
    assert all(torch.equal(again.params[name], strokes.params[name]) for name in strokes.params)


def test_place_and_size_have_gradients_where_maps_have_none(dot: Brush) -> None:
    strokes = random_strokes(dot, 6, torch.Generator().manual_seed(0))
    params = {name: values.requires_grad_() for name, values in strokes.params.items()}
    maps, white = stroke_maps("dot", "cpu", "cpu"), torch.ones(36, 48, 3)
    assert isinstance(maps, PaintedMaps) and not make_layers(strokes, 1 / 48, 3, maps).maps.texels.requires_grad
    loss = (render(strokes, white, maps) - torch.from_numpy(picture())).square().mean()
    for name, gradient in zip(params, torch.autograd.grad(loss, list(params.values())), strict=True):
        assert gradient.isfinite().all() and gradient.abs().max() > 0, name


def test_the_search_sees_what_is_drawn(dot: Brush) -> None:
    strokes = random_strokes(dot, 20, torch.Generator().manual_seed(1))
    maps, white = stroke_maps("dot", "cpu", "cpu"), torch.ones(96, 128, 3)
    drawn = draw(strokes, white.numpy())
    for source in (maps, maps.near(strokes, 1 / 128, 1.5)):
        assert psnr(float(np.square(render(strokes, white, source).numpy() - drawn).mean())) > 33


def test_a_brush_may_bring_maps_of_its_own() -> None:
    class OtherDot(Dot):
        name = "other dot"

        def maps(self) -> SearchMaps:
            return self.own

        own = PaintedMaps(Dot(), 1.3)

    brush = register(OtherDot())
    try:
        assert stroke_maps("other dot", "cpu", "cpu") is OtherDot.own
        strokes = random_strokes(brush, 3, torch.Generator().manual_seed(2))
        assert isinstance(OtherDot.own.near(strokes, 1 / 64, 1.5), EngineMaps)
    finally:
        del BRUSHES["other dot"]


def test_its_painting_is_drawn_lit_and_exported_at_any_size(tmp_path: Path, dot: Brush) -> None:
    strokes = random_strokes(dot, 12, torch.Generator().manual_seed(3))
    painting = Painting(strokes, (36, 48), (0.5, 0.5, 0.5), PaintConfig(relief=0.5, size=64))
    assert painting.draw().shape == (48, 64, 3) and painting.draw(200).shape == (150, 200, 3)
    write_svg(tmp_path / "dots.svg", strokes, (36, 48), painting.ground)
    text = (tmp_path / "dots.svg").read_text()
    assert text.count("<use") == 12
