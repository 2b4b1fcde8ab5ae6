"""A loaded bristle brush: parallel streaks with uneven load, a ragged dry end, ridges at the sides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

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
    squash_depth,
    wrapped,
)
from renderers.brushes.corner_fields import GEOMETRY, at_least, corner, corner_count, footprint, squash_depth_dual
from renderers.brushes.outline import Mark, Outline, Paint, Path, Point, Segment, closed, curve, opened
from renderers.brushes.texture import kernel, noise1, noise2, ramp, resolved, smoothstep
from renderers.dual import absolute, clip, sqrt, store, variable
from renderers.jit import kernel as dual_kernel

RATIO = (1.0, MAX_SLIMNESS)  # length over width
SIDE = 0.93  # where the sides of the body lie, in half widths
EDGE = 0.1  # how soft the sides are, in half widths
MEAN_SKIPS = 0.2  # mean of the skips at the dry end, subtracted so that detail does not make a stroke paler
TUFT = 7001  # seed of the tuft's unevenness, the same in every stroke

# Of the outline:
COVER = 0.945  # mean coverage where nothing is dry
STREAK, STREAK_WIDTH = 0.35, 0.2  # coverage of a streak, and its width in half widths
PIGMENTS = ((1, (1.0, 1.0)), (-1, (0.0, 0.0)))  # mixes of streaks with more paint than others, and with less
VIVID = 0.15  # least difference of a streak's mix from the stroke's
NOTCH = 0.02  # narrower gaps are left out, half widths
DRY_FROM = 0.1  # where gaps begin, in half lengths


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
    bends = True
    bend_by_slimness = 0.125  # bristles that run side by side cannot follow a tighter curve
    body = Body(thickness=0.0034, growth=0.12, leveling=1.0)
    code_size = 3
    field_count = 5
    widths = (64, 32)

    def frame(self, params: dict[str, Tensor], pixel: float | Tensor) -> Frame:
        unit = params["width"] / 2
        ratio = params["length"] / params["width"]
        sagitta = params["bend"] * 2 * ratio
        rise = sagitta.abs() / 2
        blur = pixel / unit
        box = framed_box(ratio, 1 + rise, blur)
        lean = sagitta / 2 / (1 + rise)
        code = torch.stack([2 / ratio - 1, lean, softness(blur, box[:, 1])], dim=1)
        geometry = torch.stack([ratio, sagitta], dim=1)
        return Frame(self.center(params), axis_of(params["angle"]), unit, box, geometry, code)

    def engine(
        self, geometry: np.ndarray, u: np.ndarray, v: np.ndarray, footprint: tuple[float, float], seed: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return _paint(geometry, u, v, footprint[0], footprint[1], seed)

    def outline(self, geometry: np.ndarray) -> Outline:
        """See `Brush.outline`. The body, notched where the tuft runs dry, with streaks of both pigments over it."""
        ratio, sagitta = max(float(geometry[0]), 1e-6), float(geometry[1])
        middle = _Middle(ratio, sagitta)
        body = Mark(_body(middle), Paint((0.14, 0.86), COVER))
        streaks = [Mark(_streaks(middle, sign), line=Paint(mix, STREAK), width=STREAK_WIDTH) for sign, mix in PIGMENTS]
        spine = ((-ratio, -sagitta / 2), (0.0, 1.5 * sagitta), (ratio, -sagitta / 2))
        return Outline((body, *streaks), spine, 2 * SIDE, ratio)

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
        return torch.stack([t.clamp(-1.4, 1.4), squash_depth(side), s, squash_depth(reach), squash_depth(entry)], dim=1)

    def corners(
        self, geometry: np.ndarray, box: np.ndarray, blur: np.ndarray, grid: np.ndarray, out: np.ndarray
    ) -> None:
        _corners(geometry, box, blur, grid, out)

    def place(self, center: Tensor, angle: Tensor, length: Tensor, width: Tensor, bend: Tensor) -> dict[str, Tensor]:
        angle = wrapped(angle)
        x, y = center[:, 0], center[:, 1]
        return {"x": x, "y": y, "length": length, "width": width, "angle": angle, "bend": bend}

    def constrain(self, params: dict[str, Tensor], limits: Limits) -> dict[str, Tensor]:
        length = params["length"].clamp(limits.min_width, limits.max_length)
        width = params["width"].clamp(limits.min_width, limits.max_length)
        width = torch.minimum(torch.maximum(width, length / RATIO[1]), length / RATIO[0])
        most = self.greatest_bend(length / width)
        bend = torch.minimum(torch.maximum(params["bend"], -most), most)
        x, y = params["x"].clamp(0, limits.width), params["y"].clamp(0, limits.height)
        angle = wrapped(params["angle"])
        return {"x": x, "y": y, "length": length, "width": width, "angle": angle, "bend": bend}

    def center(self, params: dict[str, Tensor]) -> Tensor:
        return torch.stack([params["x"], params["y"]], dim=1)

    def extent(self, params: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return params["length"], params["width"]


@dataclass(frozen=True)
class _Middle:
    """The middle line of a stroke, a parabola; stroke units."""

    ratio: float
    sagitta: float

    def at(self, u: float, t: float) -> Point:
        """The point at u whose bristle is t."""
        s = u / self.ratio
        return u, self.sagitta * (0.5 - s * s) + t * math.hypot(1, 2 * self.sagitta * s / self.ratio)

    @property
    def ragged(self) -> float:
        """How far single bristles stop short of the end, as in the engine."""
        return min(0.9, 0.3 * self.ratio)

    def tip(self, load: float) -> float:
        """The u at which bristles of this load end."""
        return self.ratio - self.ragged * (0.42 - 0.4 * load)

    def entry(self, t: float, load: float) -> float:
        """The u at which the bristle t of this load begins."""
        return 0.35 * self.ragged * (0.45 + 0.4 * load) + 0.12 * t * t - self.ratio


@dataclass(frozen=True)
class _Bristles:
    """A streak of the tuft, around an extreme of its load."""

    t: float  # position across the stroke, half widths
    load: float  # how much paint it has
    mix: float  # difference from the stroke's mix
    gap: float  # width of what it leaves bare where it is dry, half widths


@lru_cache(maxsize=1)
def _tuft() -> tuple[_Bristles, ...]:
    """All extremes of the load from side to side, alternately maxima and minima, and the sides themselves."""
    places = np.linspace(-SIDE, SIDE, 187)
    broad, middle = (np.array([noise1(n * t, TUFT + k) for t in places]) for k, n in enumerate((4.0, 9.0)))
    load, mix = 0.55 * broad + 0.45 * middle, 0.26 * broad + 0.16 * middle
    bare = np.array([0.55 * smoothstep(-0.1, 0.95, -value) for value in load]) * (places[1] - places[0])
    rising = np.diff(load) > 0
    extremes = [0, *(np.flatnonzero(rising[1:] != rising[:-1]) + 1).tolist(), len(places) - 1]
    cuts = [0, *((a + b) // 2 for a, b in pairwise(extremes)), len(places)]
    return tuple(
        _Bristles(float(places[k]), float(load[k]), float(mix[k]), float(bare[low:high].sum()))
        for k, low, high in zip(extremes, cuts[:-1], cuts[1:], strict=True)
    )


def _body(middle: _Middle) -> Path:
    """From the entry along one side to the tip, across it with its notches, and back along the other."""
    tuft = _tuft()
    entries = [middle.at(middle.entry(b.t, b.load), b.t) for b in tuft]
    tips: list[Point] = []
    for b in tuft[1:-1]:
        end = middle.tip(b.load)
        if b.gap > NOTCH:
            tips += [middle.at(end, b.t - b.gap / 2), middle.at(DRY_FROM * middle.ratio, b.t)]
            tips += [middle.at(end, b.t + b.gap / 2)]
        else:
            tips.append(middle.at(end, b.t))
    first, last = tuft[0], tuft[-1]
    near = curve(lambda u: middle.at(u, first.t), middle.entry(first.t, first.load), middle.tip(first.load), 1)
    far = curve(lambda u: middle.at(u, last.t), middle.tip(last.load), middle.entry(last.t, last.load), 1)
    tip, entry = (("L", np.array(points)) for points in (tips, entries[-2:0:-1]))
    return closed(near, [tip], far, [entry])


def _streaks(middle: _Middle, sign: int) -> Path:
    """Lines along the bristles whose mix is above (sign 1) or below (-1) the stroke's, up to where they run dry."""
    lines: list[Segment] = []
    for b in _tuft():
        if sign * b.mix > VIVID:
            t = max(STREAK_WIDTH / 2 - SIDE, min(SIDE - STREAK_WIDTH / 2, b.t))
            end = middle.tip(b.load) if b.gap <= NOTCH else DRY_FROM * middle.ratio

            def along(u: float, t: float = t) -> Point:
                return middle.at(u, t)

            lines += opened(curve(along, middle.entry(t, b.load) + 0.1, end - 0.1, 1))
    return tuple(lines)


@dual_kernel
def _corners(geometry: np.ndarray, box: np.ndarray, blur: np.ndarray, grid: np.ndarray, out: np.ndarray) -> None:
    """`coordinates` in dual numbers."""
    at = 0
    for n in range(len(box)):
        ratio, sagitta = variable(geometry[n, 0], GEOMETRY), variable(geometry[n, 1], GEOMETRY + 1)
        fu, fv = footprint(box[n], 0, blur[n], grid[n]), footprint(box[n], 1, blur[n], grid[n])
        for k in range(corner_count(grid[n])):
            u, v = corner(box[n], grid[n], k)
            s = u / ratio
            slope = -2 * sagitta * s / ratio
            steep = sqrt(1 + slope * slope)
            t = (v - sagitta * (0.5 - s * s)) / steep
            across = fu * slope
            width = sqrt(across * across + fv * fv) / steep
            store(out, at, clip(t, -1.4, 1.4))
            store(out, at + 1, squash_depth_dual((SIDE - absolute(t)) / at_least(width, EDGE)))
            store(out, at + 2, s)
            store(out, at + 3, squash_depth_dual((ratio * (1 - s) - 0.4) / at_least(fu, 0.25)))
            store(out, at + 4, squash_depth_dual((ratio * (1 + s) - 0.15) / at_least(fu, 0.18)))
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

        # The tuft: broad streaks of more and less paint, the same in every stroke, and fine ones by the stroke's seed.
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
        # Depth inside the ends: from u, not from the clamped s, or a stroke finer than a pixel would never end.
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
