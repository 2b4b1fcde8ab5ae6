"""A loaded bristle brush: parallel streaks with uneven load, a ragged dry end, ridges at the sides."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from renderers.brushes.base import (
    MAX_BEND,
    MAX_SLIMNESS,
    Body,
    Frame,
    Limits,
    NetworkBrush,
    Parameter,
    axis_of,
    framed_box,
    softness,
    told,
    wrapped,
)
from renderers.brushes.corners import GEOMETRY, at_least, corner, corner_count, footprint, told_dual
from renderers.brushes.texture import kernel, noise1, noise2, ramp, resolved, smoothstep
from renderers.duals import bounded, keep, magnitude, root, unknown
from renderers.jit import kernel as dual_kernel

RATIO = (1.0, MAX_SLIMNESS)  # length over width
SIDE = 0.93  # where the sides of the body lie, in half widths
EDGE = 0.1  # how soft the sides are, in half widths
MEAN_SKIPS = 0.2  # share of the dry end that skips, on average: detail must not make a stroke paler
TUFT = 7001  # the tuft's own unevenness, the same in every stroke


class OilPaintBrush(NetworkBrush):
    """The middle line is a parabola. Stroke unit: half the width. Geometry: length over width, sagitta."""

    name = "oilpaintbrush"
    parameters = (
        Parameter("x", 0, 1, "side"),
        Parameter("y", 0, 1, "side"),
        Parameter("length", 0.02, 0.6, "side"),
        Parameter("width", 0.002, 0.57, "side"),
        Parameter("angle", -math.pi, math.pi, "rad"),
        Parameter("bend", -MAX_BEND, MAX_BEND, "1"),  # how far the middle stands off the chord, over the length
    )
    colors = 2
    body = Body(thickness=0.0034, growth=0.12, leveling=1.0)
    code_size = 3
    field_count = 5
    widths = (64, 32)

    def frame(self, shape: dict[str, Tensor], pixel: float | Tensor) -> Frame:
        unit = shape["width"] / 2
        ratio = shape["length"] / shape["width"]
        sagitta = shape["bend"] * 2 * ratio
        rise = sagitta.abs() / 2
        blur = pixel / unit
        box = framed_box(ratio, 1 + rise, blur)
        lean = sagitta / 2 / (1 + rise)
        code = torch.stack([2 / ratio - 1, lean, softness(blur, box[:, 1])], dim=1)
        geometry = torch.stack([ratio, sagitta], dim=1)
        return Frame(self.center(shape), axis_of(shape["angle"]), unit, box, geometry, code)

    def engine(
        self, geometry: np.ndarray, u: np.ndarray, v: np.ndarray, footprint: tuple[float, float], seed: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return _paint(geometry, u, v, footprint[0], footprint[1], seed)

    def coordinates(self, geometry: Tensor, u: Tensor, v: Tensor, footprint: tuple[Tensor, Tensor]) -> Tensor:
        ratio, sagitta = geometry[:, 0, None, None], geometry[:, 1, None, None]
        s = u / ratio
        slope = -2 * sagitta * s / ratio
        steep = torch.sqrt(1 + slope * slope)
        t = (v - sagitta * (0.5 - s * s)) / steep
        blur = torch.sqrt((footprint[0] * slope) ** 2 + footprint[1] ** 2) / steep
        side = (SIDE - t.abs()) / blur.clamp(min=EDGE)
        # The ragged end reaches about 0.4 half widths back from the tip, the entry about 0.15.
        reach = (ratio * (1 - s) - 0.4) / footprint[0].clamp(min=0.25)
        entry = (ratio * (1 + s) - 0.15) / footprint[0].clamp(min=0.18)
        return torch.stack([t.clamp(-1.4, 1.4), told(side), s, told(reach), told(entry)], dim=1)

    def corners(
        self, geometry: np.ndarray, box: np.ndarray, blur: np.ndarray, grid: np.ndarray, out: np.ndarray
    ) -> None:
        _corners(geometry, box, blur, grid, out)

    def place(self, center: Tensor, angle: Tensor, length: Tensor, width: Tensor, bend: Tensor) -> dict[str, Tensor]:
        angle = wrapped(angle)
        x, y = center[:, 0], center[:, 1]
        return {"x": x, "y": y, "length": length, "width": width, "angle": angle, "bend": bend}

    def constrain(self, shape: dict[str, Tensor], limits: Limits) -> dict[str, Tensor]:
        length = shape["length"].clamp(limits.min_width, limits.max_length)
        width = shape["width"].clamp(limits.min_width, limits.max_length)
        width = torch.minimum(torch.maximum(width, length / RATIO[1]), length / RATIO[0])
        bend = shape["bend"].clamp(-MAX_BEND, MAX_BEND)
        x, y = shape["x"].clamp(0, limits.width), shape["y"].clamp(0, limits.height)
        angle = wrapped(shape["angle"])
        return {"x": x, "y": y, "length": length, "width": width, "angle": angle, "bend": bend}

    def center(self, shape: dict[str, Tensor]) -> Tensor:
        return torch.stack([shape["x"], shape["y"]], dim=1)

    def extent(self, shape: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return shape["length"], shape["width"]


@dual_kernel
def _corners(geometry: np.ndarray, box: np.ndarray, blur: np.ndarray, grid: np.ndarray, out: np.ndarray) -> None:
    """`coordinates` in dual numbers."""
    at = 0
    for n in range(len(box)):
        ratio, sagitta = unknown(geometry[n, 0], GEOMETRY), unknown(geometry[n, 1], GEOMETRY + 1)
        fu, fv = footprint(box[n], 0, blur[n], grid[n]), footprint(box[n], 1, blur[n], grid[n])
        for k in range(corner_count(grid[n])):
            u, v = corner(box[n], grid[n], k)
            s = u / ratio
            slope = -2 * sagitta * s / ratio
            steep = root(1 + slope * slope)
            t = (v - sagitta * (0.5 - s * s)) / steep
            across = fu * slope
            width = root(across * across + fv * fv) / steep
            keep(out, at, bounded(t, -1.4, 1.4))
            keep(out, at + 1, told_dual((SIDE - magnitude(t)) / at_least(width, EDGE)))
            keep(out, at + 2, s)
            keep(out, at + 3, told_dual((ratio * (1 - s) - 0.4) / at_least(fu, 0.25)))
            keep(out, at + 4, told_dual((ratio * (1 + s) - 0.15) / at_least(fu, 0.18)))
            at += 5


@kernel
def _paint(
    geometry: np.ndarray, u: np.ndarray, v: np.ndarray, fu: float, fv: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    alpha, mix, relief = np.zeros_like(u), np.zeros_like(u), np.zeros_like(u)
    ratio, sagitta = float(geometry[0]), float(geometry[1])
    ragged = min(0.9, 0.3 * ratio)  # how far single bristles stop short of the end, in half widths
    for i in range(u.size):
        s = min(1.2, max(-1.2, u[i] / ratio))
        slope = -2.0 * sagitta * s / ratio
        steep = math.sqrt(1.0 + slope * slope)
        t = (v[i] - sagitta * (0.5 - s * s)) / steep
        ft = math.sqrt((fu * slope) ** 2 + fv * fv) / steep
        across = min(1.3, max(-1.3, t))

        # The tuft: broad streaks of more and less paint, the same for every stroke; fine ones of the stroke's own.
        broad = noise1(4.0 * across, TUFT) * resolved(4.0, ft)
        middle = noise1(9.0 * across, TUFT + 1) * resolved(9.0, ft)
        fine = resolved(30.0, ft)
        hair = 0.0
        if fine > 1e-3:
            hair = fine * noise1(30.0 * across + 0.4 * noise1(1.3 * ratio * s, seed), seed + 1)
            finest = resolved(75.0, ft)
            if finest > 1e-3:
                hair += 0.7 * finest * noise1(75.0 * across, seed + 2)
        load = 0.55 * broad + 0.45 * middle + 0.5 * hair

        dry = smoothstep(-0.2, 1.15, s)
        mix[i] = min(1.0, max(0.0, 0.5 + 0.36 * s + 0.26 * broad + 0.16 * middle + 0.2 * hair))
        # How far inside the ends: of u, not of the clamped s, or a stroke finer than a pixel would never end.
        reach = ratio - u[i] - ragged * (0.42 - 0.4 * load)
        entry = ratio + u[i] - 0.35 * ragged * (0.45 + 0.4 * load) - 0.12 * across * across
        side = SIDE - abs(t) + 0.04 * noise1(3.0 * s + (9.0 if t > 0.0 else 0.0), TUFT + 3)
        body = ramp(side, max(ft, EDGE)) * ramp(reach, max(fu, 0.25)) * ramp(entry, max(fu, 0.18))
        if body <= 0.0:
            continue
        gaps = 0.06 * (1.0 - load) + 0.55 * dry * smoothstep(-0.1, 0.95, -load)
        grain = resolved(34.0, max(fu, fv))
        if grain > 1e-3:
            skips = smoothstep(0.1, 0.8, noise2(9.0 * u[i], 34.0 * t, seed + 3) - 0.4 * load)
            gaps += grain * dry * 0.35 * (skips - MEAN_SKIPS)
        alpha[i] = min(1.0, max(0.0, body * (1.0 - gaps)))
        ridge = math.exp(-(((abs(t) - 0.84) / 0.09) ** 2))
        relief[i] = alpha[i] * min(1.0, max(0.0, 0.42 + 0.3 * load + 0.3 * ridge - 0.15 * dry))
    return alpha, mix, relief
