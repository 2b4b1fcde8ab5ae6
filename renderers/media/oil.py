"""Oil as a medium: hairs that carry their own tone and pick up what lies below, ridges, ends that catch the threads.

The engine is that of `renderers.brushes.oilpaintbrush`, with sharper ends where they can be seen and a finer relief.
"""

from __future__ import annotations

import math

import numpy as np

from renderers.brushes.oilpaintbrush import EDGE, MEAN_SKIPS, SIDE, TUFT
from renderers.brushes.texture import kernel, noise1, ramp, resolved, smoothstep
from renderers.media.noise import new_cells, value_noise

TOOTH = 0.8  # of a dry brush on the sheet
PICK_UP = 0.30  # what hairs take up of the paint below instead of covering it
TONE, WARMTH = 0.07, 0.035  # by which hairs are lighter or darker, and warmer or cooler
WEAVE = 0.00016  # height of the sheet's relief where no paint levels it, canvas units
LEVELED = 0.0012  # of paint, canvas units, under which a third of that is left


@kernel
def paint_oil(
    geometry: np.ndarray, u: np.ndarray, v: np.ndarray, index: np.ndarray, height: np.ndarray, footprint: float,
    seed: int, texture: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Coverage, mix, relief, tone and warmth [M] of one stroke at M points (u, v), in stroke units.

    Args:
        geometry: of the oil brush.
        index: [M], the points' pixels in the sheet's flat `height`.
        footprint: of a point, stroke units.
        texture: how much of all this there is, in (0, 1].
    """
    alpha, mix, relief = np.zeros(u.size, np.float32), np.zeros(u.size, np.float32), np.zeros(u.size, np.float32)
    tone, warm = np.zeros(u.size, np.float32), np.zeros(u.size, np.float32)
    ratio, sagitta = float(geometry[0]), float(geometry[1])
    ragged = min(0.9, 0.3 * ratio)
    side_width = EDGE + (0.05 - EDGE) * texture
    reach_width, entry_width = 0.25 + (0.12 - 0.25) * texture, 0.18 + (0.10 - 0.18) * texture
    tooth, pick_up = texture * TOOTH, texture * PICK_UP
    grain, cells = resolved(34.0, footprint), new_cells(2)
    for i in range(u.size):
        s = min(1.2, max(-1.2, u[i] / ratio))
        slope = -2.0 * sagitta * s / ratio
        steep = math.sqrt(1.0 + slope * slope)
        t = (v[i] - sagitta * (0.5 - s * s)) / steep
        ft = footprint * math.sqrt(slope * slope + 1.0) / steep
        across = min(1.3, max(-1.3, t))
        broad = noise1(4.0 * across, TUFT) * resolved(4.0, ft)
        middle = noise1(9.0 * across, TUFT + 1) * resolved(9.0, ft)
        fine, finest = resolved(30.0, ft), 0.0
        hair, single, strand, sway = 0.0, 0.0, 0.0, 0.0
        if fine > 1e-3:
            sway = 0.4 * noise1(1.3 * ratio * s, seed)
            hair = fine * noise1(30.0 * across + sway, seed + 1)
            strand = fine * noise1(17.0 * across + 0.6 * sway, seed + 8)
            finest = resolved(75.0, ft)
            if finest > 1e-3:  # single hairs carry more and less along their way
                single = finest * value_noise(75.0 * across + 2.0 * sway, 0.9 * ratio * s, seed + 2, cells, 0)
                hair += 0.7 * single
        load = 0.55 * broad + 0.45 * middle + 0.5 * hair
        dry = smoothstep(-0.2, 1.15, s)
        mix[i] = min(1.0, max(0.0, 0.5 + 0.36 * s + 0.26 * broad + 0.16 * middle + 0.2 * hair))
        reach = ratio - u[i] - ragged * (0.42 - 0.4 * load)
        entry = ratio + u[i] - 0.35 * ragged * (0.45 + 0.4 * load) - 0.12 * across * across
        beyond = 9.0 if t > 0.0 else 0.0
        side = SIDE - abs(t) + 0.04 * noise1(3.0 * s + beyond, TUFT + 3)
        side += texture * 0.03 * fine * noise1(5.5 * s * ratio + 6.0 * beyond, seed + 31)
        body = ramp(side, max(ft, side_width)) * ramp(reach, max(footprint, reach_width))
        body *= ramp(entry, max(footprint, entry_width))
        if body <= 0.0:
            continue
        gaps = 0.06 * (1.0 - load) + 0.55 * dry * smoothstep(-0.1, 0.95, -load)
        if grain > 1e-3:
            skips = smoothstep(0.1, 0.8, value_noise(9.0 * u[i], 34.0 * t, seed + 3, cells, 1) - 0.4 * load)
            gaps += grain * dry * 0.35 * (skips - MEAN_SKIPS)
        cover = body * (1.0 - gaps)
        cover -= pick_up * fine * body * (max(0.0, 0.8 * strand + 0.6 * hair) - 0.22)
        cover += tooth * 4.0 * cover * (1.0 - cover) * height[index[i]] * (0.35 + 0.65 * dry)
        alpha[i] = min(1.0, max(0.0, cover))
        ridge = 0.3 * math.exp(-(((abs(t) - 0.84) / 0.09) ** 2))
        ridge += texture * 0.28 * math.exp(-(((reach - 0.12) / 0.10) ** 2)) * (0.6 + 0.8 * load)
        ridge += texture * (0.2 * 0.5 * math.exp(-(((entry - 0.10) / 0.09) ** 2)) + 0.10 * single)
        relief[i] = alpha[i] * min(1.0, max(0.0, 0.42 + 0.3 * load + ridge - 0.15 * dry))
        tone[i] = texture * TONE * (0.6 * hair + 0.5 * strand)
        warm[i] = texture * WARMTH * (fine * noise1(13.0 * across + sway, seed + 41) + 0.5 * single)
    return alpha, mix, relief, tone, warm
