"""Colour tape: a flat, crisp strip with a thin shadow along its long edges."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from renderers.brushes.base import (
    MAX_SLIMNESS,
    Body,
    Frame,
    Limits,
    NetworkBrush,
    Parameter,
    axis_of,
    framed_box,
    softness,
    squash_depth,
    wrapped,
)
from renderers.brushes.corner_fields import GEOMETRY, corner, corner_count, footprint, squash_depth_dual
from renderers.brushes.outline import Mark, Outline, Paint, polygon
from renderers.brushes.texture import kernel, noise2, ramp, resolved
from renderers.dual import absolute, clip, store, variable
from renderers.jit import kernel as dual_kernel

RATIO = (1.0, MAX_SLIMNESS)  # width over height
EDGE = 0.06  # width of the shaded edge, in half heights
SHADED = 1.25 * EDGE  # width, in the outline, of an evenly shaded edge that is as dark as the one that fades


class Rectangle(NetworkBrush):
    """Stroke unit: half the height. Geometry: width over height. Code: softness along and across."""

    name = "rectangle"
    parameters = (
        Parameter("x", 0, 1, "side"),
        Parameter("y", 0, 1, "side"),
        Parameter("width", 0.02, 0.6, "side"),
        Parameter("height", 0.002, 0.57, "side"),
        Parameter("angle", -math.pi, math.pi, "rad"),
    )
    colors = 1
    half_turn = True
    shade = 0.05
    body = Body(thickness=0.0005, growth=0.0, leveling=0.0)
    code_size = 2
    field_count = 3
    widths = (16, 16)

    def frame(self, params: dict[str, Tensor], pixel: float | Tensor) -> Frame:
        unit = params["height"] / 2
        ratio = params["width"] / params["height"]
        blur = pixel / unit
        box = framed_box(ratio, torch.ones_like(ratio), blur)
        code = torch.stack([softness(blur, box[:, 0]), softness(blur, box[:, 1])], dim=1)
        return Frame(self.center(params), axis_of(params["angle"]), unit, box, ratio[:, None], code)

    def engine(
        self, geometry: np.ndarray, u: np.ndarray, v: np.ndarray, footprint: tuple[float, float], seed: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return _paint(geometry, u, v, footprint[0], footprint[1], seed)

    def outline(self, geometry: np.ndarray) -> Outline:
        """See `Brush.outline`. The long edges are dashes of a line around the strip."""
        ratio, side = float(geometry[0]), 1 - SHADED / 2
        corners = [(-ratio, -side), (ratio, -side), (ratio, side), (-ratio, side)]
        dashes = (2 * ratio, 2 * side)
        mark = Mark(polygon(corners), Paint((0.0, 0.0)), Paint((1.0, 1.0)), SHADED, dashes)
        return Outline((mark,), ((-ratio, 0.0), (0.0, 0.0), (ratio, 0.0)), 2.0, ratio)

    def coordinates(self, geometry: Tensor, u: Tensor, v: Tensor, footprint: tuple[Tensor, Tensor]) -> Tensor:
        ends = (geometry[:, :1, None] - u.abs()) / footprint[0]
        sides = (1 - v.abs()) / footprint[1]
        return torch.stack([v.clamp(-1.4, 1.4), squash_depth(sides), squash_depth(ends)], dim=1)

    def corners(
        self, geometry: np.ndarray, box: np.ndarray, blur: np.ndarray, grid: np.ndarray, out: np.ndarray
    ) -> None:
        _corners(geometry, box, blur, grid, out)

    def place(self, center: Tensor, angle: Tensor, length: Tensor, width: Tensor, bend: Tensor) -> dict[str, Tensor]:
        return {
            "x": center[:, 0],
            "y": center[:, 1],
            "width": length,
            "height": width,
            "angle": wrapped(angle),
        }

    def constrain(self, params: dict[str, Tensor], limits: Limits) -> dict[str, Tensor]:
        width = params["width"].clamp(limits.min_width, limits.max_length)
        height = params["height"].clamp(limits.min_width, limits.max_length)
        height = torch.minimum(torch.maximum(height, width / RATIO[1]), width / RATIO[0])
        x, y = params["x"].clamp(0, limits.width), params["y"].clamp(0, limits.height)
        return {"x": x, "y": y, "width": width, "height": height, "angle": wrapped(params["angle"])}

    def center(self, params: dict[str, Tensor]) -> Tensor:
        return torch.stack([params["x"], params["y"]], dim=1)

    def extent(self, params: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return params["width"], params["height"]


@dual_kernel
def _corners(geometry: np.ndarray, box: np.ndarray, blur: np.ndarray, grid: np.ndarray, out: np.ndarray) -> None:
    """`coordinates` in dual numbers."""
    at = 0
    for n in range(len(box)):
        ratio = variable(geometry[n, 0], GEOMETRY)
        fu, fv = footprint(box[n], 0, blur[n], grid[n]), footprint(box[n], 1, blur[n], grid[n])
        for k in range(corner_count(grid[n])):
            u, v = corner(box[n], grid[n], k)
            store(out, at, clip(v, -1.4, 1.4))
            store(out, at + 1, squash_depth_dual((1 - absolute(v)) / fv))
            store(out, at + 2, squash_depth_dual((ratio - absolute(u)) / fu))
            at += 3


@kernel
def _paint(
    geometry: np.ndarray, u: np.ndarray, v: np.ndarray, fu: float, fv: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    alpha, mix, relief = np.zeros_like(u), np.zeros_like(u), np.zeros_like(u)
    ratio = float(geometry[0])
    shadow = min(1.0, EDGE / fv)  # an edge finer than a point shades only its share of it
    fiber = 0.06 * resolved(60.0, max(fu, fv))
    for i in range(u.size):
        inside = 1.0 - abs(v[i])
        alpha[i] = ramp(inside, fv) * ramp(ratio - abs(u[i]), fu)
        mix[i] = shadow * (1.0 - ramp(inside - EDGE, max(fv, EDGE)))
        if alpha[i] > 0.0:
            relief[i] = alpha[i] * (0.5 + (fiber * noise2(60.0 * u[i], 60.0 * v[i], seed) if fiber > 1e-4 else 0.0))
    return alpha, mix, relief
