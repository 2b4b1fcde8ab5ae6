"""A wet round brush: pale body, darker pooled rim, blooms and granulation, and two colours that run into each other."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from renderers.brushes.base import Body, Frame, Limits, NetworkBrush, Parameter, framed_box, softness, squash_depth
from renderers.brushes.bezier import POINT_PARAMETERS, SLIMNESS, Chord, Spine, nearest, place_curve
from renderers.brushes.corner_fields import (
    GEOMETRY,
    at_least,
    corner,
    corner_count,
    footprint,
    guess_nearest,
    nearest_corner,
    norm,
    squash_depth_dual,
)
from renderers.brushes.nearest_point import nearest_points
from renderers.brushes.outline import Mark, Outline, Paint, Path, Point, closed, curve
from renderers.brushes.texture import kernel, noise2, ramp, resolved, smoothstep
from renderers.dual import clip, store, variable
from renderers.jit import kernel as dual_kernel

EDGE = 0.12  # how soft the wet edge is, in radii
SIDE = 0.96  # where the wet edge lies, in radii
WASH = 0.71  # mean coverage of the body
POOL = (0.14, 0.22, 0.5)  # of the rim in the outline: depth of its middle and width, in radii, and coverage
PAPER = 4001  # seed of blooms and wobble, the same in every stroke
TAPER = 2.0  # larger over smaller radius, at most


class Watercolor(NetworkBrush):
    """Stroke unit: the larger radius. Geometry: half chord, skew, rise, radius at start, radius at end."""

    name = "watercolor"
    parameters = (
        *POINT_PARAMETERS,
        Parameter("radius0", 0.001, 0.3, "side"),
        Parameter("radius2", 0.001, 0.3, "side"),
    )
    colors = 2
    half_turn = True
    slimness = SLIMNESS
    bends = True
    body = Body(thickness=0.001, growth=0.3, leveling=0.0, grain=0.00008)
    code_size = 5
    field_count = 4
    widths = (64, 24)

    def frame(self, params: dict[str, Tensor], pixel: float | Tensor) -> Frame:
        chord = Chord.of(params)
        unit = torch.maximum(params["radius0"], params["radius2"])
        half, rise = chord.half / unit, chord.rise / unit
        start, end = params["radius0"] / unit, params["radius2"] / unit
        blur = pixel / unit
        box = framed_box(half + 1, rise.abs() / 4 + 1, blur)
        code = torch.stack(
            [
                2 / (half + 1) - 1,
                rise / 4 / (rise.abs() / 4 + 1),
                chord.skew,
                (start - end) / (start + end) * 2,
                softness(blur, box[:, 1]),
            ],
            dim=1,
        )
        geometry = torch.stack([half, chord.skew, rise, start, end], dim=1)
        return Frame(chord.center(), chord.axis, unit, box, geometry, code)

    def engine(
        self, geometry: np.ndarray, u: np.ndarray, v: np.ndarray, footprint: tuple[float, float], seed: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return _paint(geometry, u, v, footprint[0], footprint[1], seed)

    def outline(self, geometry: np.ndarray) -> Outline:
        """See `Brush.outline`. A wash, with the rim as a line over it."""
        spine, (start, end) = Spine.of(geometry), (float(radius) for radius in geometry[3:5])
        depth, width, pooled = POOL
        mix = (0.0, 1.0)
        wash = Mark(_rim(spine, start, end, 0.0, 4), Paint(mix, WASH))
        pool = Mark(_rim(spine, start, end, depth, 3), line=Paint(mix, pooled), width=width)
        return Outline((wash, pool), spine.points, SIDE * (start + end), 0.8 * (spine.half + 0.6))

    def coordinates(self, geometry: Tensor, u: Tensor, v: Tensor, footprint: tuple[Tensor, Tensor]) -> Tensor:
        half, start, end = (geometry[:, k, None, None] for k in (0, 3, 4))
        point = nearest(geometry, end - start, u, v)
        distance = point.distance
        depth = SIDE * (start + (end - start) * point.t) - distance
        blur = torch.sqrt((point.du * footprint[0]) ** 2 + (point.dv * footprint[1]) ** 2 + 1e-12) / distance
        edge = depth / blur.clamp(min=EDGE)
        return torch.stack([v.clamp(-1.4, 1.4), squash_depth(edge), 2 * depth.clamp(-0.2, 0.8), u / (half + 1)], dim=1)

    def corners(
        self, geometry: np.ndarray, box: np.ndarray, blur: np.ndarray, grid: np.ndarray, out: np.ndarray
    ) -> None:
        _corners(geometry, box, blur, grid, out)

    def place(self, center: Tensor, angle: Tensor, length: Tensor, width: Tensor, bend: Tensor) -> dict[str, Tensor]:
        points = place_curve(center, angle, length, width, bend)
        return {**points, "radius0": width / 2, "radius2": width / 2}

    def constrain(self, params: dict[str, Tensor], limits: Limits) -> dict[str, Tensor]:
        start = params["radius0"].clamp(limits.min_width / 2, limits.max_length / 2)
        end = params["radius2"].clamp(limits.min_width / 2, limits.max_length / 2)
        start, end = torch.maximum(start, end / TAPER), torch.maximum(end, start / TAPER)
        points = Chord.of(params).constrain(torch.maximum(start, end), limits).points()
        return {**points, "radius0": start, "radius2": end}

    def vary(self, params: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        shrink = 1 - (1 - 1 / TAPER) * torch.rand(len(params["radius0"]), generator=generator)
        swap = torch.rand(len(shrink), generator=generator) < 0.5
        start, end = torch.where(swap, shrink, 1.0), torch.where(swap, 1.0, shrink)
        points = Chord.sample(params, generator).points()
        return {**points, "radius0": params["radius0"] * start, "radius2": params["radius2"] * end}

    def center(self, params: dict[str, Tensor]) -> Tensor:
        return Chord.of(params).center()

    def extent(self, params: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return Chord.of(params).extent(torch.maximum(params["radius0"], params["radius2"]))


def _rim(spine: Spine, start: float, end: float, depth: float, pieces: int) -> Path:
    """The edge of what a disc with a radius from `start` to `end` sweeps, minus `depth`, with the engine's wobble."""

    def reach(t: float, turn: float) -> Point:
        """The point on the edge of the disc at t, at an angle `turn` from the curve's direction."""
        (x, y), (tx, ty, _) = spine.at(t), spine.tangent(t)
        dx, dy = tx * math.cos(turn) - ty * math.sin(turn), ty * math.cos(turn) + tx * math.sin(turn)
        radius = start + (end - start) * t
        along, across = (x + radius * dx) / (spine.half + 1), y + radius * dy
        wobble = 0.035 * noise2(2.6 * along + 0.5, 0.9 * across, PAPER + 1)
        inner = max(radius * (SIDE + wobble) - depth, 0.1 * radius)
        return x + inner * dx, y + inner * dy

    def contact(t: float) -> float:
        """The angle from the curve's direction at which the disc at t touches the sides: backwards where discs grow."""
        return math.pi / 2 + math.asin(min(0.98, max(-0.98, (end - start) / spine.tangent(t)[2])))

    first, last = contact(0), contact(1)
    return closed(
        curve(lambda t: reach(t, -contact(t)), 0, 1, pieces),
        curve(lambda turn: reach(1, turn), -last, last, 3),
        curve(lambda t: reach(t, contact(t)), 1, 0, pieces),
        curve(lambda turn: reach(0, turn), first, 2 * math.pi - first, 3),
    )


@dual_kernel
def _corners(geometry: np.ndarray, box: np.ndarray, blur: np.ndarray, grid: np.ndarray, out: np.ndarray) -> None:
    """`coordinates` in dual numbers."""
    at = 0
    for n in range(len(box)):
        half, skew, rise, start, end = (
            variable(geometry[n, 0], GEOMETRY), variable(geometry[n, 1], GEOMETRY + 1),
            variable(geometry[n, 2], GEOMETRY + 2), variable(geometry[n, 3], GEOMETRY + 3),
            variable(geometry[n, 4], GEOMETRY + 4),
        )  # fmt: skip
        fu, fv = footprint(box[n], 0, blur[n], grid[n]), footprint(box[n], 1, blur[n], grid[n])
        guess = guess_nearest(half, skew, rise, end - start, box[n], grid[n])
        for k in range(corner_count(grid[n])):
            u, v = corner(box[n], grid[n], k)
            t, du, dv, _, _ = nearest_corner(half, skew, rise, end - start, u, v, guess, k)
            distance = norm(du, dv, 1e-8)
            depth = SIDE * (start + (end - start) * t) - distance
            width = norm(du * fu, dv * fv, 1e-12) / distance
            store(out, at, clip(v, -1.4, 1.4))
            store(out, at + 1, squash_depth_dual(depth / at_least(width, EDGE)))
            store(out, at + 2, 2 * clip(depth, -0.2, 0.8))
            store(out, at + 3, u / (half + 1))
            at += 4


@kernel
def _paint(
    geometry: np.ndarray, u: np.ndarray, v: np.ndarray, fu: float, fv: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    alpha, mix, relief = np.zeros_like(u), np.zeros_like(u), np.zeros_like(u)
    h, skew, rise = float(geometry[0]), float(geometry[1]), float(geometry[2])
    start, end = float(geometry[3]), float(geometry[4])
    coarse = max(fu, fv)
    granules = resolved(26.0, coarse)
    pigment = resolved(70.0, coarse)
    ripple = resolved(24.0, coarse)
    nearest = nearest_points(u, v, h, skew, rise, end - start)
    for i in range(u.size):
        x, y = u[i], v[i]
        along = x / (h + 1.0)
        bloom = noise2(1.6 * along + 3.5, 0.8 * y + 0.5, PAPER)
        mix[i] = smoothstep(-1.0, 1.0, (x + 0.25 * bloom) / (h + 0.6))
        if abs(x) > h + 1.2:
            continue
        t = nearest[i]
        cu = -h + t * (2.0 * (skew * h + h) - t * 2.0 * skew * h)
        cv = -rise / 4.0 + t * (2.0 * rise - t * 2.0 * rise)
        du, dv = x - cu, y - cv
        distance = math.sqrt(du * du + dv * dv)
        radius = start + (end - start) * t
        steep = 1.0 / (distance + 1e-6)
        f = math.sqrt((du * steep * fu) ** 2 + (dv * steep * fv) ** 2) if distance > 1e-3 else coarse
        wobble = 0.035 * noise2(2.6 * along + 0.5, 0.9 * y, PAPER + 1)
        if ripple > 1e-3:
            wobble += 0.018 * ripple * noise2(24.0 * x, 24.0 * y, seed)
        depth = radius * (SIDE + wobble) - distance
        cover = ramp(depth, max(f, EDGE))
        if cover <= 0.0:
            continue
        pool = math.exp(-(((depth - 0.12) / 0.13) ** 2))
        wash = 0.7 + 0.07 * bloom + 0.22 * pool
        if granules > 1e-3:
            grain = noise2(26.0 * x, 26.0 * y, seed + 1)
            if pigment > 1e-3:
                grain += 0.8 * pigment * noise2(70.0 * x, 70.0 * y, seed + 2)
            wash += granules * 0.07 * grain
        alpha[i] = min(1.0, max(0.0, cover * wash))
        relief[i] = 0.08 * alpha[i]
    return alpha, mix, relief
