"""A chisel-tip marker: flat even ink, slanted crisp ends, ink pooling a little darker along the edges."""

from __future__ import annotations

import math
from typing import Any

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
from renderers.brushes.outline import Mark, Outline, Paint, Point, closed, curve
from renderers.brushes.texture import kernel, noise1, noise2, ramp, resolved
from renderers.dual import absolute, clip, constant, sqrt, store, value_of, variable
from renderers.jit import inlined
from renderers.jit import kernel as dual_kernel

SLANT = 0.4  # of the chisel: how far its ends go along the stroke over one radius across it
MEAN_GAP = 0.2  # mean of the noise that thins the ink, subtracted so that detail does not make a stroke paler
CORNER = 0.45  # how far its corners may extend beyond the radius, in radii
NIB = 0.45  # how far the nib reaches beyond the end points, in radii
SIDE = 0.98  # where the sides lie, in radii
EDGE = 0.05  # how soft the sides are, in radii
RIM = 0.16  # width of the pooled ink in the outline, in radii: an even rim in place of one that fades
INK, RIM_MIX, BODY_MIX = 0.96, 0.62, 0.21  # means of coverage, and of pigment in the rim and within
PIECES = 3  # Bézier curves along a side of the outline
TIP = 9001  # seed of the tip's unevenness, the same in every stroke


class MarkerPen(NetworkBrush):
    """Stroke unit: the radius of the tip. Geometry: half chord, skew, rise."""

    name = "markerpen"
    parameters = (*POINT_PARAMETERS, Parameter("radius", 0.001, 0.3, "side"))
    colors = 1
    half_turn = True
    slimness = SLIMNESS
    bends = True
    shade = 0.05
    body = Body(thickness=0.001, growth=0.3, leveling=0.0, grain=0.00005)
    code_size = 4
    field_count = 4
    widths = (48, 32)

    def frame(self, params: dict[str, Tensor], pixel: float | Tensor) -> Frame:
        chord = Chord.of(params)
        unit = params["radius"]
        half, rise = chord.half / unit, chord.rise / unit
        blur = pixel / unit
        # Where the curve leaves the chord steeply, the corners of the slanted ends extend beyond the radius.
        corner = CORNER * rise.abs() / (rise.abs() + half / 4)
        box = framed_box(half + 1, rise.abs() / 4 + 1 + corner, blur)
        lean = rise / 4 / (rise.abs() / 4 + 1)
        code = torch.stack([2 / (half + 1) - 1, lean, chord.skew, softness(blur, box[:, 1])], dim=1)
        geometry = torch.stack([half, chord.skew, rise], dim=1)
        return Frame(chord.center(), chord.axis, unit, box, geometry, code)

    def engine(
        self, geometry: np.ndarray, u: np.ndarray, v: np.ndarray, footprint: tuple[float, float], seed: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return _paint(geometry, u, v, footprint[0], footprint[1], seed)

    def outline(self, geometry: np.ndarray) -> Outline:
        """See `Brush.outline`. The rim is a line around the body, whose mitres make the corners."""
        spine = Spine.of(geometry)
        side = SIDE - RIM / 2

        def beside(t: float, across: float) -> Point:
            (x, y), (tx, ty, _) = spine.at(t), spine.tangent(t)
            return x - across * ty, y + across * tx

        def corner(end: int, across: float) -> Point:
            (x, y), (tx, ty, _) = beside(end, across), spine.tangent(end)
            outwards = 2 * end - 1
            along = NIB - RIM / 2 * math.hypot(1, SLANT) + SLANT * across * outwards
            return x + outwards * along * tx, y + outwards * along * ty

        corners = {(end, k): [("L", np.array([corner(end, k * side)]))] for end in (0, 1) for k in (-1, 1)}
        path = closed(
            corners[0, -1], curve(lambda t: beside(t, -side), 0, 1, PIECES), corners[1, -1],
            corners[1, 1], curve(lambda t: beside(t, side), 1, 0, PIECES), corners[0, 1],
        )  # fmt: skip
        mark = Mark(path, Paint((BODY_MIX, BODY_MIX)), Paint((RIM_MIX, RIM_MIX)), RIM, cover=INK)
        return Outline((mark,), spine.points, 2 * SIDE, spine.half)

    def coordinates(self, geometry: Tensor, u: Tensor, v: Tensor, footprint: tuple[Tensor, Tensor]) -> Tensor:
        half, skew, rise = (geometry[:, k, None, None] for k in range(3))
        point = nearest(geometry, 0.0, u, v)
        across, speed = point.across, point.speed
        blur = torch.sqrt((point.tangent_v * footprint[0]) ** 2 + (point.tangent_u * footprint[1]) ** 2) / speed
        along = torch.sqrt((point.tangent_u * footprint[0]) ** 2 + (point.tangent_v * footprint[1]) ** 2) / speed
        first = _cap_depth(u, v, -half, -rise / 4, -(skew * half + half), -rise)
        last = _cap_depth(u, v, half, -rise / 4, half - skew * half, -rise)
        cap = torch.where(point.t < 0.5, first, last)
        side = (SIDE - across.abs()) / blur.clamp(min=EDGE)
        end = cap / along.clamp(min=EDGE)
        return torch.stack(
            [across.clamp(-1.4, 1.4), squash_depth(side), squash_depth(end), cap.clamp(-0.3, 0.9)], dim=1
        )

    def corners(
        self, geometry: np.ndarray, box: np.ndarray, blur: np.ndarray, grid: np.ndarray, out: np.ndarray
    ) -> None:
        _corners(geometry, box, blur, grid, out)

    def place(self, center: Tensor, angle: Tensor, length: Tensor, width: Tensor, bend: Tensor) -> dict[str, Tensor]:
        return {**place_curve(center, angle, length, width, bend), "radius": width / 2}

    def constrain(self, params: dict[str, Tensor], limits: Limits) -> dict[str, Tensor]:
        radius = params["radius"].clamp(limits.min_width / 2, limits.max_length / 2)
        return {**Chord.of(params).constrain(radius, limits).points(), "radius": radius}

    def vary(self, params: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        return {**Chord.sample(params, generator).points(), "radius": params["radius"]}

    def center(self, params: dict[str, Tensor]) -> Tensor:
        return Chord.of(params).center()

    def extent(self, params: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return Chord.of(params).extent(params["radius"])


def _cap_depth(x: Tensor, y: Tensor, ex: Tensor, ey: Tensor, tx: Tensor, ty: Tensor) -> Tensor:
    """`_cap` in torch; all [N, h, w] or [N, 1, 1]."""
    length = torch.sqrt(tx * tx + ty * ty) + 1e-9
    along = ((x - ex) * tx + (y - ey) * ty) / length
    across = ((y - ey) * tx - (x - ex) * ty) / length
    return (NIB + SLANT * across - along) / math.sqrt(1 + SLANT * SLANT)


@kernel
def _cap(x: float, y: float, ex: float, ey: float, tx: float, ty: float) -> float:
    """Signed depth inside the slanted end at (ex, ey) of a stroke that goes outwards along (tx, ty)."""
    length = math.sqrt(tx * tx + ty * ty) + 1e-9
    along = ((x - ex) * tx + (y - ey) * ty) / length
    across = ((y - ey) * tx - (x - ex) * ty) / length
    return (NIB + SLANT * across - along) / math.sqrt(1.0 + SLANT * SLANT)


@dual_kernel
def _corners(geometry: np.ndarray, box: np.ndarray, blur: np.ndarray, grid: np.ndarray, out: np.ndarray) -> None:
    """`coordinates` in dual numbers."""
    at = 0
    for n in range(len(box)):
        half, skew, rise = (
            variable(geometry[n, 0], GEOMETRY), variable(geometry[n, 1], GEOMETRY + 1),
            variable(geometry[n, 2], GEOMETRY + 2),
        )  # fmt: skip
        fu, fv = footprint(box[n], 0, blur[n], grid[n]), footprint(box[n], 1, blur[n], grid[n])
        low = -rise / 4
        guess = guess_nearest(half, skew, rise, constant(0.0), box[n], grid[n])
        for k in range(corner_count(grid[n])):
            u, v = corner(box[n], grid[n], k)
            t, du, dv, tu, tv = nearest_corner(half, skew, rise, constant(0.0), u, v, guess, k)
            speed = norm(tu, tv, 1e-8)
            across = (dv * tu - du * tv) / speed
            width = norm(tv * fu, tu * fv, 0.0) / speed
            along = norm(tu * fu, tv * fv, 0.0) / speed
            if value_of(t) < 0.5:
                cap = _cap_corner(u, v, -half, low, -(skew * half + half), -rise)
            else:
                cap = _cap_corner(u, v, half, low, half - skew * half, -rise)
            store(out, at, clip(across, -1.4, 1.4))
            store(out, at + 1, squash_depth_dual((SIDE - absolute(across)) / at_least(width, EDGE)))
            store(out, at + 2, squash_depth_dual(cap / at_least(along, EDGE)))
            store(out, at + 3, clip(cap, -0.3, 0.9))
            at += 4


@inlined
def _cap_corner(x: Any, y: Any, ex: Any, ey: Any, tx: Any, ty: Any) -> Any:
    """`_cap_depth` in dual numbers."""
    length = sqrt(tx * tx + ty * ty) + 1e-9
    along = ((x - ex) * tx + (y - ey) * ty) / length
    across = ((y - ey) * tx - (x - ex) * ty) / length
    return (NIB + SLANT * across - along) / math.sqrt(1 + SLANT * SLANT)


@kernel
def _paint(
    geometry: np.ndarray, u: np.ndarray, v: np.ndarray, fu: float, fv: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    alpha, mix, relief = np.zeros_like(u), np.zeros_like(u), np.zeros_like(u)
    h, skew, rise = float(geometry[0]), float(geometry[1]), float(geometry[2])
    lift = rise / 4.0
    m = skew * h
    coarse = max(fu, fv)
    felt = resolved(28.0, coarse)
    paper = resolved(45.0, coarse)
    nearest = nearest_points(u, v, h, skew, rise, 0.0)
    for i in range(u.size):
        x, y = u[i], v[i]
        t = nearest[i]
        du, dv = x - (-h + t * (2.0 * (m + h) - t * 2.0 * m)), y - (-lift + t * (2.0 * rise - t * 2.0 * rise))
        tu, tv = 2.0 * ((1 - t) * (m + h) + t * (h - m)), 2.0 * ((1 - t) * rise - t * rise)
        speed = math.sqrt(tu * tu + tv * tv) + 1e-9
        across = (dv * tu - du * tv) / speed
        f = math.sqrt((tv * fu) ** 2 + (tu * fv) ** 2) / speed
        # At its ends the stroke continues straight, and is cut along the chisel.
        cap = _cap(x, y, -h, -lift, -(m + h), -rise) if t < 0.5 else _cap(x, y, h, -lift, h - m, -rise)
        depth = min(SIDE - abs(across), cap)
        pool = math.exp(-((max(depth, 0.0) / max(0.2, f)) ** 2))
        streak = noise1(5.0 * min(1.1, max(-1.1, across)), TIP) * resolved(5.0, f)
        mix[i] = min(1.0, max(0.0, (0.45 * pool + 0.2 + 0.12 * streak) * min(1.0, 0.6 / f)))
        along = math.sqrt((tu * fu) ** 2 + (tv * fv) ** 2) / speed
        cover = ramp(SIDE - abs(across), max(f, EDGE)) * ramp(cap, max(along, EDGE))
        if cover <= 0.0:
            continue
        ink = 0.96 + 0.03 * streak
        if felt > 1e-3:
            ink -= 0.05 * felt * (max(0.0, noise1(28.0 * across, seed)) - MEAN_GAP)
        if paper > 1e-3:
            ink -= 0.04 * paper * (max(0.0, noise2(45.0 * x, 45.0 * y, seed + 1)) - MEAN_GAP)
        alpha[i] = min(1.0, max(0.0, cover * ink))
        relief[i] = 0.05 * alpha[i]
    return alpha, mix, relief
