"""Strokes that follow a quadratic Bézier curve: from control points to the frame of the chord, and nearest points."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from renderers.brushes.base import MAX_BEND, MAX_SLIMNESS, Limits, Parameter
from renderers.brushes.outline import Point

SLENDER = (0.4, MAX_SLIMNESS - 1)  # half the chord over the (larger) radius, least and greatest
SLIMNESS = (1 + SLENDER[0], 1 + SLENDER[1])  # total length over width
MAX_SKEW = 0.4  # offset of the middle control point along the chord, over half the chord
MAX_RISE = 4 * MAX_BEND  # its offset from the chord, over half the chord
POINTS = ("x0", "y0", "x1", "y1", "x2", "y2")
POINT_PARAMETERS = tuple(Parameter(name, -0.1, 1.1, "side") for name in POINTS)


@dataclass(frozen=True)
class Chord:
    """N quadratic Bézier curves as seen from their chords; canvas units, [N] each."""

    middle: Tensor  # [N, 2] of the chord
    axis: Tensor  # [N, 2] from start to end
    half: Tensor  # half the chord's length
    skew: Tensor  # offset of the middle control point along the axis, over `half`
    rise: Tensor  # offset of the middle control point from the chord

    @staticmethod
    def of(params: dict[str, Tensor]) -> Chord:
        p0, p1, p2 = (torch.stack([params[f"x{k}"], params[f"y{k}"]], dim=1) for k in range(3))
        step = p2 - p0
        length = torch.sqrt((step * step).sum(dim=1) + 1e-12)
        # A chord without length gets the direction +x.
        axis = torch.where((length > 2e-6)[:, None], step / length[:, None], step.new_tensor([1.0, 0.0]))
        middle = (p0 + p2) / 2
        off = p1 - middle
        skew = (off * axis).sum(dim=1) / (length / 2)
        rise = off[:, 1] * axis[:, 0] - off[:, 0] * axis[:, 1]
        return Chord(middle, axis, length / 2, skew, rise)

    def points(self) -> dict[str, Tensor]:
        """The control points: the inverse of `of`."""
        across = torch.stack([-self.axis[:, 1], self.axis[:, 0]], dim=1)
        reach = self.axis * self.half[:, None]
        p1 = self.middle + reach * self.skew[:, None] + across * self.rise[:, None]
        points = torch.stack([self.middle - reach, p1, self.middle + reach], dim=1).flatten(1)
        return {name: points[:, k] for k, name in enumerate(POINTS)}

    @staticmethod
    def sample(params: dict[str, Tensor], generator: torch.Generator) -> Chord:
        """The same curves with random middle control points, over all that the networks are trained on."""
        chord = Chord.of(params)
        skew, rise = (torch.rand(2, len(chord.half), generator=generator) * 2 - 1).unbind()
        return replace(chord, skew=skew * MAX_SKEW, rise=rise * MAX_RISE * chord.half)

    def center(self) -> Tensor:
        """The frame's centre: half way between the chord and the curve's crest, [N, 2]."""
        across = torch.stack([-self.axis[:, 1], self.axis[:, 0]], dim=1)
        return self.middle + across * (self.rise / 4)[:, None]

    def extent(self, radius: Tensor) -> tuple[Tensor, Tensor]:
        """Total length and width of strokes of this radius [N], as `place_curve` reads them."""
        return 2 * (self.half + radius), 2 * radius

    def constrain(self, radius: Tensor, limits: Limits) -> Chord:
        """The nearest curves within the bounds for strokes of this radius [N] and within `limits`."""
        longest = torch.minimum(SLENDER[1] * radius, torch.full_like(radius, limits.max_length / 2))
        half = torch.minimum(torch.maximum(self.half, SLENDER[0] * radius), longest)
        steepest = MAX_RISE * half
        rise = torch.minimum(torch.maximum(self.rise, -steepest), steepest)
        extent = self.middle.new_tensor([limits.width, limits.height])
        middle = torch.minimum(self.middle.clamp(min=0), extent)
        return Chord(middle, self.axis, half, self.skew.clamp(-MAX_SKEW, MAX_SKEW), rise)


def place_curve(center: Tensor, angle: Tensor, length: Tensor, width: Tensor, bend: Tensor) -> dict[str, Tensor]:
    """Control points of curves of total length `length`, whose crest is off the chord by `bend` times the length; see
    `Brush.place`."""
    half = torch.maximum((length - width) / 2, SLENDER[0] * width / 2)
    axis = torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)
    chord = Chord(center, axis, half, torch.zeros_like(half), 4 * bend * half)
    # `center` is the middle of the frame, half way between chord and crest.
    return replace(chord, middle=2 * center - chord.center()).points()


@dataclass(frozen=True)
class Spine:
    """One curve in stroke units, as `nearest_point.nearest_on_curve` reads it."""

    half: float  # of the chord
    skew: float
    rise: float

    @staticmethod
    def of(geometry: np.ndarray) -> Spine:
        """The curve of geometry [3 …]: half chord, skew, rise."""
        half, skew, rise = (float(value) for value in geometry[:3])
        return Spine(half, skew, rise)

    @property
    def points(self) -> tuple[Point, Point, Point]:
        """Its control points."""
        low = -self.rise / 4
        return (-self.half, low), (self.skew * self.half, 3 * self.rise / 4), (self.half, low)

    def at(self, t: float) -> Point:
        """The point at t in [0, 1]."""
        (x0, y0), (x1, y1), (x2, y2) = self.points
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        return a * x0 + b * x1 + c * x2, a * y0 + b * y1 + c * y2

    def tangent(self, t: float) -> tuple[float, float, float]:
        """The unit vector along the curve at t, and the speed there."""
        (x0, y0), (x1, y1), (x2, y2) = self.points
        dx, dy = 2 * ((1 - t) * (x1 - x0) + t * (x2 - x1)), 2 * ((1 - t) * (y1 - y0) + t * (y2 - y1))
        speed = math.hypot(dx, dy)
        return (dx / speed, dy / speed, speed) if speed > 1e-9 else (1.0, 0.0, 1e-9)


@dataclass(frozen=True)
class CurvePoint:
    """Points relative to the disc of their stroke in which they lie deepest; [N, h, w] each, stroke units."""

    t: Tensor  # parameter of the disc's centre, in [0, 1]
    du: Tensor  # from that centre to the point
    dv: Tensor
    tangent_u: Tensor  # the curve's derivative there
    tangent_v: Tensor

    @property
    def distance(self) -> Tensor:
        return torch.sqrt(self.du * self.du + self.dv * self.dv + 1e-8)

    @property
    def speed(self) -> Tensor:
        return torch.sqrt(self.tangent_u**2 + self.tangent_v**2 + 1e-8)

    @property
    def across(self) -> Tensor:
        """Signed distance from the curve's tangent."""
        return (self.dv * self.tangent_u - self.du * self.tangent_v) / self.speed


def nearest(geometry: Tensor, growth: Tensor | float, u: Tensor, v: Tensor) -> CurvePoint:
    """`nearest_point.nearest_on_curve` in torch, differentiable: the last Newton steps carry the gradient.

    Args:
        geometry: [N, 3 …]: half chord, skew, rise.
        growth: [N, 1, 1] or a number: the radius at the end minus the radius at the start.
        u, v: [N, h, w].
    """
    h, skew, rise = (geometry[:, k, None, None] for k in range(3))
    ax, ay, bx, by = -2 * skew * h, -2 * rise, 2 * (skew * h + h), 2 * rise
    cx, cy = -h - u, -rise / 4 - v
    with torch.no_grad():
        best, t = torch.full_like(u, 1e30), torch.zeros_like(u)
        for k in range(7):
            q = k / 6
            # Terms that do not depend on the point are added first: they are small tensors.
            depth = torch.hypot(cx + q * (bx + q * ax), cy + q * (by + q * ay)) - growth * q
            t = torch.where(depth < best, q, t)
            best = torch.minimum(depth, best)
        low, high = (t - 1 / 6).clamp(min=0), (t + 1 / 6).clamp(max=1)
    for step in range(4):
        with torch.set_grad_enabled(torch.is_grad_enabled() and step >= 3):
            x, y = cx + t * (bx + t * ax), cy + t * (by + t * ay)
            dx, dy = bx + 2 * t * ax, by + 2 * t * ay
            slope = x * dx + y * dy
            if isinstance(growth, Tensor):
                slope = slope - growth * torch.sqrt(x * x + y * y + 1e-12)
            curvature = (dx * dx + dy * dy + 2 * (x * ax + y * ay)).clamp(min=1e-3)
            t = torch.minimum(torch.maximum(t - slope / curvature, low), high)
    x, y = cx + t * (bx + t * ax), cy + t * (by + t * ay)
    return CurvePoint(t, -x, -y, bx + 2 * t * ax, by + 2 * t * ay)
