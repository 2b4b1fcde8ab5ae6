"""Strokes that might be laid, before any network draws them: what each would gain, and in which colours.

A candidate is a band with straight or bent sides, of one colour. What it would gain is a sum over its pixels, and so a
difference of running sums at both ends of each row that it meets: about a microsecond. `gain_by_pixels` and
`colors_by_pixels` say the same slowly.

In a transparent picture the colours of a pixel are compared over a ground of the picture's own colour there and count
as far as the picture is opaque, and alpha is compared for itself. Else paint that reaches beyond an edge would be mixed
with the black of what is nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from painter.search.target import ALPHA_WEIGHT
from renderers.jit import inlined, kernel
from renderers.threads import share

NO_MASS = 1e-9  # a sum of weights that counts as none
NOTHING = -1e30  # gain of a candidate that covers no pixel whose colours count
X, Y, ANGLE, LENGTH, WIDTH, BEND = range(6)  # columns of candidates; pixels and radians, the bend over the length
MASS, ERROR, COLORS, MOMENTS = 0, 1, 2, 5  # columns of a scene's sums
STRAIGHT = 1e-6  # a band with less curvature than this (1 / pixels) is straight
UPRIGHT = 1e-9  # a slope that counts as none
FAINTEST = 1e-3  # alpha from which a picture has a colour
LEAST_SPREAD = 1e-3  # variance along a candidate, in half lengths, from which a gradient is fitted


class Scene(NamedTuple):
    """A canvas and its target, as kernels read them; if C = 4 with colours over a ground of the target's own."""

    target: np.ndarray  # [H, W, C] float64
    canvas: np.ndarray  # [H, W, C] float64, painted in place
    weight: np.ndarray  # [H, W] float64, >= 0: of alpha
    colored: np.ndarray  # [H, W] float64, >= 0: of colours, the weight times the target's alpha
    opacity: float  # of what a candidate covers, in (0, 1]
    mean: np.ndarray  # [3] float64, the target's mean colour: of what covers nothing that has a colour
    sums: np.ndarray  # [H, W + 1, 10] float64: running along rows, see `run_row`


def make_scene(target: np.ndarray, canvas: np.ndarray, weight: np.ndarray, opacity: float) -> Scene:
    """Copies of target and canvas [H, W, C] and weight [H, W], with their running sums for strokes of this opacity.

    Images of four channels are premultiplied RGBA. Results do not depend on the number of threads.
    """
    target, canvas, weight = (np.array(values, np.float64, order="C") for values in (target, canvas, weight))
    colored = weight
    if target.shape[2] == 4:
        colored = weight * target[:, :, 3]
        target[:, :, :3] /= np.maximum(target[:, :, 3:], FAINTEST)
        canvas[:, :, :3] += (1 - canvas[:, :, 3:]) * target[:, :, :3]
    mean = (colored[:, :, None] * target[:, :, :3]).sum(axis=(0, 1)) / max(colored.sum(), NO_MASS)
    sums = np.zeros((*weight.shape[:1], weight.shape[1] + 1, MOMENTS + 5))
    scene = Scene(target, canvas, weight, colored, float(opacity), mean, sums)
    share(lambda mine, step: _run_rows(mine, step, scene))
    return scene


# --- the plain reference ------------------------------------------------------------------------------------


def covered_by_pixels(scene: Scene, candidate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels have their centres in a candidate [6]: [H, W] bool; and how far along it they lie: [H, W] in
    half lengths, from -1 at its start to 1 at its end."""
    height, width, _ = scene.target.shape
    x, y, angle, length, wide, bend = candidate
    dx, dy = np.meshgrid(np.arange(width) + 0.5 - x, np.arange(height) + 0.5 - y)
    u, v = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    along = 2 * u / length
    across = v - bend * length * (0.5 - along**2)  # the middle of the frame is half way between chord and crest
    return (np.abs(along) <= 1) & (np.abs(across) <= wide / 2), along


def colors_by_pixels(scene: Scene, candidate: np.ndarray, gradient: bool) -> np.ndarray:
    """`fit_colors` of a candidate [6], pixel by pixel: [2, 3] colours at its start and end."""
    inside, along = covered_by_pixels(scene, candidate)
    weight, along = scene.colored[inside], along[inside]
    if weight.sum() <= NO_MASS:
        return np.stack([scene.mean, scene.mean])
    wanted = ((scene.target - (1 - scene.opacity) * scene.canvas) / scene.opacity)[inside, :3]
    if gradient:
        middle = np.average(along, weights=weight)
        gradient = bool(np.average((along - middle) ** 2, weights=weight) > LEAST_SPREAD)
    root, terms = np.sqrt(weight)[:, None], np.stack([np.ones_like(along), along][: 1 + gradient], axis=1)
    fit = np.linalg.lstsq(root * terms, root * wanted, rcond=None)[0]
    slope = fit[1] if gradient else np.zeros_like(fit[0])
    ends: np.ndarray = np.clip(np.stack([fit[0] - slope, fit[0] + slope]), 0, 1)
    return ends


def gain_by_pixels(scene: Scene, candidate: np.ndarray) -> float:
    """`gain` of a candidate [6], pixel by pixel."""
    inside, _ = covered_by_pixels(scene, candidate)
    if scene.colored[inside].sum() <= 0:
        return NOTHING
    paint = np.ones(scene.target.shape[2])
    paint[:3] = colors_by_pixels(scene, candidate, gradient=False)[0]
    after = scene.canvas.copy()
    after[inside] += scene.opacity * (paint - after[inside])
    return error_by_pixels(scene, scene.canvas) - error_by_pixels(scene, after)


def error_by_pixels(scene: Scene, canvas: np.ndarray) -> float:
    """What candidates lower: the weighted sum of squared errors of a canvas [H, W, C]."""
    squares = (canvas - scene.target) ** 2
    alpha = ALPHA_WEIGHT * scene.weight[:, :, None] * squares[:, :, 3:]
    return float((scene.colored[:, :, None] * squares[:, :, :3]).sum() + alpha.sum())


# --- running sums -------------------------------------------------------------------------------------------


@kernel
def _run_rows(mine: int, step: int, scene: Scene) -> None:
    for y in range(mine, scene.target.shape[0], step):
        run_row(scene, y, 0)


@kernel
def run_row(scene: Scene, y: int, first: int) -> None:
    """Running sums of row y from column `first` on, where the columns before it are right.

    In this order: w; by how much the error falls but for what colours decide, Σ_c w·(e² - o²·q_c²) and alpha's; w·q_c;
    w·x; w·x²; w·q_c·x. Here w is the weight of colours, e = canvas - target, o is the opacity and
    q = (target - (1 - o)·canvas) / o: the colour that paint would need to meet the target.
    """
    target, canvas, weight, colored, opacity, _, sums = scene
    for x in range(first, target.shape[1]):
        before, after = sums[y, x], sums[y, x + 1]
        w, wx = colored[y, x], colored[y, x] * (x + 0.5)
        value = 0.0
        for c in range(3):
            t, h = target[y, x, c], canvas[y, x, c]
            met = t - (1 - opacity) * h
            value += (h - t) * (h - t) - met * met
            after[COLORS + c] = before[COLORS + c] + w * met / opacity
            after[MOMENTS + 2 + c] = before[MOMENTS + 2 + c] + wx * met / opacity
        value *= w
        if target.shape[2] == 4:  # paint is opaque
            e = canvas[y, x, 3] - target[y, x, 3]
            painted = e + opacity * (1 - canvas[y, x, 3])
            value += ALPHA_WEIGHT * weight[y, x] * (e * e - painted * painted)
        after[MASS], after[ERROR] = before[MASS] + w, before[ERROR] + value
        after[MOMENTS], after[MOMENTS + 1] = before[MOMENTS] + wx, before[MOMENTS + 1] + wx * (x + 0.5)


# --- which pixels -------------------------------------------------------------------------------------------


@inlined
def _between(low: float, high: float, slope: float, offset: float, reach: float) -> tuple[float, float]:
    """[low, high] as far as |slope·x + offset| <= reach there; empty if from > to."""
    if abs(slope) < UPRIGHT:
        if abs(offset) > reach:
            return 1.0, 0.0
        return low, high
    a, b = (-reach - offset) / slope, (reach - offset) / slope
    return max(low, min(a, b)), min(high, max(a, b))


@inlined
def _not_above(a: float, b: float, c: float) -> tuple[float, float]:
    """Where a·x² + b·x + c <= 0, for a > 0; empty if from > to."""
    inner = b * b - 4 * a * c
    if inner <= 0.0:
        return 1.0, 0.0
    root = math.sqrt(inner)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


@inlined
def _columns(low: float, high: float, width: int, spans: np.ndarray, found: int) -> int:
    """Put the run of columns whose centres lie in [low, high] into `spans` as number `found`: 1, or 0 for none."""
    if low > high:
        return 0
    first, last = max(0, int(math.ceil(low - 0.5))), min(width, int(math.floor(high - 0.5)) + 1)
    if last <= first:
        return 0
    spans[2 * found], spans[2 * found + 1] = first, last
    return 1


@kernel
def find_spans(candidate: np.ndarray, row: int, width: int, spans: np.ndarray) -> int:
    """How many runs of columns [from, to) of a row have their centres in a candidate, at most two: into `spans` [4]."""
    x, y, length, half = candidate[X], candidate[Y], candidate[LENGTH], 0.5 * candidate[WIDTH]
    cosine, sine = math.cos(candidate[ANGLE]), math.sin(candidate[ANGLE])
    dy, curve = row + 0.5 - y, 4 * candidate[BEND] / length
    low, high = _between(-x, width - x, cosine, dy * sine, 0.5 * length)
    if low > high:
        return 0
    # How far a point is from the middle line, v - bend·length·(1/2 - (2u/length)²), is a parabola in its column:
    # turned here so that it opens upwards.
    sign = -1.0 if curve < 0 else 1.0
    a = sign * curve * cosine * cosine
    b = sign * (2 * curve * cosine * sine * dy - sine)
    c = sign * (curve * sine * sine * dy * dy + cosine * dy - 0.5 * candidate[BEND] * length)
    if abs(curve) < STRAIGHT or a < UPRIGHT * abs(curve):
        low, high = _between(low, high, b, c, half)
        return _columns(low + x, high + x, width, spans, 0)
    outer, to = _not_above(a, b, c - half)
    if outer > to:
        return 0
    low, high = max(low, outer), min(high, to)
    begin, end = _not_above(a, b, c + half)  # beyond the other side, in the middle
    if begin >= end or end <= low or begin >= high:
        return _columns(low + x, high + x, width, spans, 0)
    found = _columns(low + x, begin + x, width, spans, 0)
    return found + _columns(end + x, high + x, width, spans, found)


@inlined
def rows_of(candidate: np.ndarray, height: int) -> tuple[int, int]:
    """First and one past the last row that a candidate may meet."""
    across = candidate[WIDTH] + abs(candidate[BEND]) * candidate[LENGTH]
    cosine, sine = math.cos(candidate[ANGLE]), math.sin(candidate[ANGLE])
    reach = 0.5 * (candidate[LENGTH] * abs(sine) + across * abs(cosine))
    return max(0, int(candidate[Y] - reach)), min(height, int(candidate[Y] + reach) + 1)


# --- what it gains ------------------------------------------------------------------------------------------


@kernel
def gain(candidate: np.ndarray, scene: Scene, totals: np.ndarray, spans: np.ndarray) -> float:
    """By how much a candidate [6] of its best colour lowers the error, as `error_by_pixels` has it; NOTHING if it
    covers nothing.

    Args:
        totals: [MOMENTS] float64 and spans: [4] int64, for the kernel's own use.
    """
    sums = scene.sums
    width = sums.shape[1] - 1
    totals[:] = 0.0
    top, bottom = rows_of(candidate, sums.shape[0])
    for row in range(top, bottom):
        for k in range(find_spans(candidate, row, width, spans)):
            low, high = sums[row, spans[2 * k]], sums[row, spans[2 * k + 1]]
            for q in range(len(totals)):
                totals[q] += high[q] - low[q]
    mass, lowered = totals[MASS], 0.0
    if mass <= NO_MASS:
        return NOTHING
    for c in range(3):
        color = min(1.0, max(0.0, totals[COLORS + c] / mass))
        lowered += color * (2 * totals[COLORS + c] - color * mass)
    error: float = totals[ERROR] + scene.opacity * scene.opacity * lowered
    return error


@kernel
def fit_colors(candidate: np.ndarray, scene: Scene, gradient: bool, colors: np.ndarray, spans: np.ndarray) -> None:
    """The best colours of a candidate [6] at its start and end, [2, 3] in [0, 1]: the same, or a gradient between them.

    They solve the weighted least squares of a constant or a line along the candidate, channel by channel.
    """
    sums = scene.sums
    width = sums.shape[1] - 1
    cosine, sine, half = math.cos(candidate[ANGLE]), math.sin(candidate[ANGLE]), 0.5 * candidate[LENGTH]
    across = cosine / half
    mass = first = second = 0.0  # Σ w, Σ w·u, Σ w·u² with u along the candidate in half lengths
    colors[:] = 0.0  # Σ w·q, Σ w·q·u
    top, bottom = rows_of(candidate, sums.shape[0])
    for row in range(top, bottom):
        along = ((row + 0.5 - candidate[Y]) * sine - candidate[X] * cosine) / half
        for k in range(find_spans(candidate, row, width, spans)):
            low, high = sums[row, spans[2 * k]], sums[row, spans[2 * k + 1]]
            w, wx, wxx = high[MASS] - low[MASS], high[MOMENTS] - low[MOMENTS], high[MOMENTS + 1] - low[MOMENTS + 1]
            mass += w
            first += across * wx + along * w
            second += across * across * wxx + 2 * across * along * wx + along * along * w
            for c in range(3):
                wq = high[COLORS + c] - low[COLORS + c]
                colors[0, c] += wq
                colors[1, c] += across * (high[MOMENTS + 2 + c] - low[MOMENTS + 2 + c]) + along * wq
    if mass <= NO_MASS:
        colors[0], colors[1] = scene.mean, scene.mean
        return
    determinant = mass * second - first * first
    for c in range(3):
        wq, wqu = colors[0, c], colors[1, c]
        middle, slope = wq / mass, 0.0
        if gradient and determinant > LEAST_SPREAD * mass * mass:
            middle, slope = (second * wq - first * wqu) / determinant, (mass * wqu - first * wq) / determinant
        colors[0, c], colors[1, c] = min(1.0, max(0.0, middle - slope)), min(1.0, max(0.0, middle + slope))


@kernel
def lay_candidate(candidate: np.ndarray, scene: Scene, colors: np.ndarray, spans: np.ndarray) -> None:
    """Paint a candidate [6] of these colours [2, 3] onto the scene's canvas and bring the running sums up to date."""
    height, width, channels = scene.target.shape
    cosine, sine, half = math.cos(candidate[ANGLE]), math.sin(candidate[ANGLE]), 0.5 * candidate[LENGTH]
    top, bottom = rows_of(candidate, height)
    for row in range(top, bottom):
        first = width
        for k in range(find_spans(candidate, row, width, spans)):
            first = min(first, spans[2 * k])
            for x in range(spans[2 * k], spans[2 * k + 1]):
                u = ((x + 0.5 - candidate[X]) * cosine + (row + 0.5 - candidate[Y]) * sine) / half
                for c in range(3):
                    color = colors[0, c] + 0.5 * (1 + u) * (colors[1, c] - colors[0, c])
                    scene.canvas[row, x, c] += scene.opacity * (color - scene.canvas[row, x, c])
                if channels == 4:
                    scene.canvas[row, x, 3] += scene.opacity * (1 - scene.canvas[row, x, 3])
        if first < width:
            run_row(scene, row, first)
