"""Marker ink as a medium: it bleeds along the sheet's fibres, and gathers where the nib lands, rests and lifts."""

from __future__ import annotations

import math

import numpy as np

from renderers.brushes.markerpen import EDGE, SIDE, TIP, _cap
from renderers.brushes.nearest_point import nearest_points
from renderers.brushes.texture import kernel, noise1, ramp, resolved
from renderers.media.sheet import LEVELS

MARGIN = 0.10  # stroke units by which ink may bleed beyond the stroke's box
KEEP = 0.8  # share of the load below that new ink takes the place of

_BLEED = (0.0009, 0.10)  # how far ink runs along fibres: canvas units, and at most so many radii
_TOOTH = 0.8  # of a quick nib, which leaves valleys of the sheet white


@kernel
def paint_ink(
    geometry: np.ndarray, u: np.ndarray, v: np.ndarray, index: np.ndarray, fibre: np.ndarray, height: np.ndarray,
    scale: float, footprint: float, seed: int, texture: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Coverage, mix and load [M] of one stroke at M points (u, v), in stroke units.

    Args:
        geometry: of the marker.
        index: [M], the points' pixels in the sheet's flat rasters `fibre` and `height`.
        scale: canvas units to a stroke unit; footprint: of a point, stroke units.
        texture: how much of all this there is, in (0, 1].
    """
    alpha, mix, load = np.zeros(u.size, np.float32), np.zeros(u.size, np.float32), np.zeros(u.size, np.float32)
    h, skew, rise = float(geometry[0]), float(geometry[1]), float(geometry[2])
    lift, m, units = rise / 4.0, skew * h, 1.0 / scale
    bleed = texture * min(_BLEED[0] * units, _BLEED[1])
    felt, line = resolved(28.0, footprint), resolved(60.0, footprint)
    edge_width = EDGE + texture * (max(0.035, min(0.05, 0.0003 * units)) - EDGE)
    ragged = texture * 0.012 * resolved(9.0, footprint)
    rim = min(0.30, 0.0012 * units + 0.03)
    nearest = nearest_points(u, v, h, skew, rise, 0.0)
    for i in range(u.size):
        x, y = u[i], v[i]
        t = nearest[i]
        du, dv = x - (-h + t * (2.0 * (m + h) - t * 2.0 * m)), y - (-lift + t * (2.0 * rise - t * 2.0 * rise))
        tu, tv = 2.0 * ((1 - t) * (m + h) + t * (h - m)), 2.0 * ((1 - t) * rise - t * rise)
        across = (dv * tu - du * tv) / (math.sqrt(tu * tu + tv * tv) + 1e-9)
        lands, lifts = _cap(x, y, -h, -lift, -(m + h), -rise), _cap(x, y, h, -lift, h - m, -rise)
        cap = lands if t < 0.5 else lifts
        depth = min(SIDE - abs(across), cap)
        pool = math.exp(-((max(depth, 0.0) / max(0.2, footprint)) ** 2))
        streak = noise1(5.0 * min(1.1, max(-1.1, across)), TIP) * resolved(5.0, footprint)
        mix[i] = min(1.0, max(0.0, (0.45 * pool + 0.2 + 0.12 * streak) * min(1.0, 0.6 / footprint)))
        q = index[i]
        run = bleed * (fibre[q] / LEVELS + 0.7 * height[q])
        run += ragged * noise1(9.0 * t * h + (40.0 if across > 0.0 else 0.0), seed + 4)
        cover = ramp(SIDE - abs(across) + run, max(footprint, edge_width))
        cover *= ramp(cap + 1.8 * run, max(footprint, edge_width))
        if cover <= 0.0:
            continue
        hair = felt * noise1(28.0 * across + 0.5 * noise1(0.8 * x, seed + 6), seed)
        hair += 0.6 * line * noise1(60.0 * across, seed + 7)
        cover *= 0.96 + 0.03 * streak - 0.03 * hair
        cover += texture * _TOOTH * 8.0 * cover * (1.0 - cover) * height[q]
        alpha[i] = min(1.0, max(0.0, cover))
        dwell = math.exp(-max(lifts, 0.0) / 0.22) + 0.7 * math.exp(-max(lands, 0.0) / 0.18)
        edge = math.exp(-max(SIDE - abs(across), 0.0) / rim)
        load[i] = 0.30 * dwell + 0.20 * edge + 0.07 * hair + 0.06 * streak - 0.05
    return alpha, mix, load
