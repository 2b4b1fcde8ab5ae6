"""Watercolour as a medium: edges that the sheet frays and water softens, and how much pigment the water leaves where.

Coverage and colour are laid as the engine of `renderers.brushes.watercolor` lays them; beside them goes the *load*, how
much more or less pigment than the mean lies at a point, which `renderers.media.density` turns into optical density. So
rims darken in the wash's own hue, also those of a light stroke over a dark one, and bare paper stays clean.
"""

from __future__ import annotations

import math

import numpy as np

from renderers.brushes.nearest_point import nearly_nearest_points
from renderers.brushes.texture import kernel, ramp, resolved, smoothstep
from renderers.brushes.watercolor import EDGE, PAPER, SIDE
from renderers.media.noise import fractal_noise, new_cells, value_noise
from renderers.media.sheet import LEVELS, TOOTH_SCALE

MARGIN = 0.25  # stroke units by which edges may leave the stroke's box
KEEP = 0.55  # share of the load below that a new wash lifts

_WANDER = 0.085  # of edges, in radii
_FRINGE = (0.0010, 0.14)  # how far the sheet frays edges: canvas units, and at most so many radii
_TOOTH = 1 / (TOOTH_SCALE * LEVELS)  # from `Sheet.tooth`'s bytes to the noise they stand for
_DRY, _WET = 0.05, 0.40  # width of a dry and of a wet edge, in radii
_RIM = 0.55  # load of a dry edge's line
_FLOW, _BLOOM = 0.10, 0.32  # load by flow within a wash, and at the front of a bloom


@kernel
def paint_wash(
    geometry: np.ndarray, u: np.ndarray, v: np.ndarray, index: np.ndarray, tooth: np.ndarray, wet: np.ndarray,
    rim: np.ndarray, scale: float, footprint: float, seed: int, texture: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Coverage, mix and load [M] of one stroke at M points (u, v), in stroke units.

    Args:
        geometry: of the watercolor brush.
        index: [M], the points' pixels in the sheet's flat rasters `tooth`, `wet` and `rim`.
        scale: canvas units to a stroke unit; footprint: of a point, stroke units.
        texture: how much of all this there is, in (0, 1].
    """
    alpha, mix, load = np.zeros(u.size, np.float32), np.zeros(u.size, np.float32), np.zeros(u.size, np.float32)
    h, skew, rise = float(geometry[0]), float(geometry[1]), float(geometry[2])
    start, end = float(geometry[3]), float(geometry[4])
    units = 1.0 / scale
    calm = min(1.0, math.sqrt(0.02 * units))  # large strokes do not wander in proportion
    wander, fringe = texture * _WANDER * calm, texture * min(_FRINGE[0] * units, _FRINGE[1])
    dry_width = EDGE + (_DRY - EDGE) * texture
    wet_width = max(dry_width, texture * min(_WET, 0.012 * units))
    line = min(0.25, 0.0009 * units + 0.035 * calm)
    large = smoothstep(0.010, 0.035, scale)
    # Where a pool's rim can be seen it is pigment, not coverage; its mean stays.
    as_load = texture * resolved(3.0, footprint)
    cells = new_cells(12)
    reach = 1.2 * wander + 4.0 * fringe + 0.5 * max(wet_width, footprint)
    nearest = nearly_nearest_points(u, v, h, skew, rise, end - start)
    for i in range(u.size):
        x, y = u[i], v[i]
        if abs(x) > h + 1.5:
            continue
        along = x / (h + 1.0)
        t = nearest[i]
        du = x - (-h + t * (2.0 * (skew * h + h) - t * 2.0 * skew * h))
        dv = y - (-rise / 4.0 + t * (2.0 * rise - t * 2.0 * rise))
        radius = start + (end - start) * t
        wobble = 0.035 * value_noise(2.6 * along + 0.5, 0.9 * y, PAPER + 1, cells, 1)
        depth = radius * (SIDE + wobble) - math.sqrt(du * du + dv * dv)
        if depth < -reach:
            continue
        bloom = value_noise(1.6 * along + 3.5, 0.8 * y + 0.5, PAPER, cells, 0)
        mix[i] = smoothstep(-1.0, 1.0, (x + 0.25 * bloom) / (h + 0.6))
        q = index[i]
        cover, wetness, own, frayed = 1.0, 0.0, 0.0, tooth[q] * _TOOTH
        at_edge = depth < reach + 4.0 * line
        front = value_noise(0.8 * x + 5.0, 0.8 * y, seed + 21, cells, 2) - 0.30 if large > 0.0 else -9.0
        if at_edge or front > -0.35:
            own = fractal_noise(2.2 * x, 2.2 * y, seed, 4, 2.2 * footprint, cells, 3)
        if at_edge:
            wetness = smoothstep(
                -0.05, 0.55, 0.6 * value_noise(1.1 * x, 1.1 * y, seed + 11, cells, 7) + 0.55 * wet[q] / LEVELS
            )
            depth += wander * own + fringe * (1.0 + 2.2 * wetness) * frayed
            width = max(footprint, dry_width + (wet_width - dry_width) * wetness * wetness)
            cover = ramp(depth, width)
            if cover <= 0.0:
                continue
            if width > 2.0 * dry_width and width > 1.5 * footprint:  # a wet edge fades smoothly
                cover = cover * cover * (3.0 - 2.0 * cover)
        pool = math.exp(-(((depth - 0.12) / 0.13) ** 2))
        pool = pool * (1.0 - as_load) + as_load * 0.30
        alpha[i] = min(1.0, max(0.0, cover * (0.7 + 0.07 * bloom + 0.22 * pool)))
        pigment = _FLOW * fractal_noise(1.3 * x + 2.0, 1.3 * y, seed + 17, 3, 1.3 * footprint, cells, 8)
        if at_edge:
            inside = max(0.0, depth - 0.5 * dry_width)
            strong = 0.5 + 0.9 * value_noise(1.9 * x + 7.0, 1.9 * y, seed + 13, cells, 11) + 0.4 * rim[q] / LEVELS
            edge = math.exp(-inside / line) * min(1.4, max(0.0, strong))
            drained = math.exp(-(((inside - 2.6 * line) / (1.6 * line)) ** 2))
            pigment += _RIM * (1.0 - wetness) * (edge - 0.16 * drained)
        if large > 0.0:
            front += 0.22 * own + 0.16 * frayed
            if front > -0.12:
                ridge = math.exp(-((front / 0.035) ** 2)) if front < 0.0 else math.exp(-front / 0.10)
                pigment += _BLOOM * large * (0.85 * ridge - 0.45 * smoothstep(0.0, 0.45, front))
        load[i] = pigment * min(1.0, 3.0 * cover)
    return alpha, mix, load
