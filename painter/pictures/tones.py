"""Tones: a picture divided by lightness into a few areas of one colour each, as in a pop-art portrait."""

from __future__ import annotations

import numpy as np

from painter.pictures.palette import to_lab

MIN_TONES = 2
MAX_TONES = 16

# Radii are shares of the longer side, lightness is in 0..255.
_FEATURE = 0.04  # radius of the median that estimates a feature's surroundings
_LOCAL = 0.6  # share of a feature's contrast with its surroundings that is added to it
_CALM = 0.01  # radius of the bilateral filter
_CALM_STEP = 20.0  # steps of lightness far below this one are smoothed away
_MAX_CALM = 7  # pixels; with a larger radius the bilateral filter takes seconds
_STEEP = 2  # how many times a soft edge is made steeper by a pixel on both sides
_ROUND = 0.004  # radius of the median that rounds the borders
_MAX_MEDIAN = 127  # pixels; OpenCV has no larger one
_ISLAND = 3e-4  # the smallest area, as a share of the picture
_SOFT = 0.7  # sigma of the blend at the borders, pixels
_BOLD = 1.5  # factor by which the chroma of an area exceeds that of its mean colour


def divide_tones(rgb: np.ndarray, weight: np.ndarray | None, count: int, palette: np.ndarray | None) -> np.ndarray:
    """The picture divided into areas by tone.

    In lightness (CIE L), small features such as eyes are strengthened and the rest is smoothed by an edge-preserving
    filter; Otsu's thresholds (IEEE Trans. SMC 9(1), 1979, for several classes) divide it. Areas below 0.03 % of the
    picture are merged with their neighbours.

    Args:
        rgb: [H, W, 3] float32 in [0, 1], straight sRGB.
        weight: [H, W] weights of the pixels, at least 0; None means 1 everywhere. Pixels of weight 0 are ignored and
            continue the nearest area.
        count: number of tones, from 2 to 16; a picture that has fewer keeps fewer.
        palette: [P, 3] float32 in [0, 1], P at least 1: tones and colours are matched in order of lightness; with more
            colours than tones they are spread evenly, with fewer, neighbouring tones share one. None gives every tone
            the mean colour of its pixels with 1.5 times the chroma.

    Returns:
        [H, W, 3] float32 in [0, 1], with borders blended over about a pixel.

    Raises:
        ValueError: the count is not from 2 to 16.
    """
    if not MIN_TONES <= count <= MAX_TONES:
        raise ValueError(f"tones must be from {MIN_TONES} to {MAX_TONES}, not {count}")
    import cv2

    weight = np.ones(rgb.shape[:2], dtype=np.float32) if weight is None else weight
    if not weight.any():
        copy: np.ndarray = rgb.copy()
        return copy
    lightness = _calm_lightness(rgb, weight)
    labels = np.searchsorted(_thresholds(np.bincount(lightness.ravel(), weight.ravel(), 256), count), lightness, "left")
    labels = _spread(_without_islands(labels), weight > 0)
    labels = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
    if palette is None:
        colors = _mean_colors(rgb, weight, labels)
    else:
        colors = _ranked_colors(palette, labels.max() + 1, float(np.average(lightness, weights=weight)) / 255)
    return np.clip(cv2.GaussianBlur(colors[labels], (0, 0), _SOFT, borderType=cv2.BORDER_REPLICATE), 0.0, 1.0)


def _calm_lightness(rgb: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """CIE L in 0..255, [H, W] uint8, without texture, with stronger features and with steps in place of soft edges."""
    import cv2

    lightness = np.rint(to_lab(rgb)[..., 0] * 2.55).astype(np.uint8)
    lightness = _spread(lightness, weight > 0)
    side = max(lightness.shape)
    around = _median(lightness, _FEATURE * side)  # preserves straight edges, so that there are no halos
    radius = max(2, min(round(_CALM * side), _MAX_CALM))
    calm = cv2.bilateralFilter(lightness.astype(np.float32), 2 * radius + 1, _CALM_STEP, 0.5 * radius)
    calm = (calm + _LOCAL * (calm - around)).clip(0.0, 255.0)
    calm = cv2.bilateralFilter(calm, 2 * radius + 1, _CALM_STEP, 0.5 * radius)
    lightness = np.rint(calm).astype(np.uint8)
    for _ in range(_STEEP):
        lightness = _steepened(lightness)
    return _median(lightness, _ROUND * side)


def _steepened(lightness: np.ndarray) -> np.ndarray:
    """Every pixel the darkest or lightest around it, whichever is nearer (Kramer and Bruckner, Pattern Recognition 7,
    1975): an edge that is a ramp would give a thin line of every tone between its two sides."""
    import cv2

    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    darkest, lightest = cv2.erode(lightness, cross), cv2.dilate(lightness, cross)
    return np.where(lightness - darkest <= lightest - lightness, darkest, lightest)


def _median(lightness: np.ndarray, radius: float) -> np.ndarray:
    import cv2

    pixels = min(round(radius), _MAX_MEDIAN)
    return cv2.medianBlur(lightness, 2 * pixels + 1) if pixels else lightness


def _spread(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """[H, W] values, with each unknown one taken from the nearest known one; unchanged if none or all are known."""
    import cv2

    if known.all() or not known.any():
        return values
    unknown = (~known).astype(np.uint8)
    _, source = cv2.distanceTransformWithLabels(unknown, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    found = np.zeros(source.max() + 1, values.dtype)
    found[source[known]] = values[known]
    spread: np.ndarray = found[source]
    return spread


def _thresholds(histogram: np.ndarray, count: int) -> np.ndarray:
    """The upper limits, except the last, of the `count` ranges of bins with the least variance within ranges.

    Exact, by dynamic programming over the bins. There are fewer ranges if fewer bins are filled.

    Args:
        histogram: [B], at least 0.
        count: at least 1.

    Returns:
        [at most count - 1] int64, increasing: a bin belongs to the first range whose limit is not below it.
    """
    filled = np.flatnonzero(histogram)
    count = min(count, len(filled))
    mass = histogram[filled]
    sums = [np.concatenate(([0.0], np.cumsum(mass * filled**power))) for power in (0, 1, 2)]
    total, first, second = (each[None, :] - each[:, None] for each in sums)  # [i, j]: of bins i..j-1
    scatter = np.where(total > 0, second - first**2 / np.where(total > 0, total, 1.0), np.inf)
    best, cuts = scatter[0], []  # best[j]: of bins 0..j-1
    for _ in range(count - 1):
        split = best[:, None] + scatter
        cuts.append(split.argmin(0))
        best = split.min(0)
    end, limits = len(filled), []
    for cut in reversed(cuts):
        end = cut[end]
        limits.append(filled[end - 1])
    return np.array(limits[::-1], dtype=np.int64)


def _without_islands(labels: np.ndarray) -> np.ndarray:
    """[H, W] labels, with connected areas that are too small merged into the nearest larger one."""
    from skimage.measure import label

    areas = label(labels, background=-1, connectivity=1)
    return _spread(labels, (np.bincount(areas.ravel()) >= _ISLAND * labels.size)[areas])


def _mean_colors(rgb: np.ndarray, weight: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The mean colour of each tone with increased chroma, [T, 3] float32."""
    import cv2

    index, lab = labels.ravel(), to_lab(rgb).reshape(-1, 3)
    total = np.maximum(np.bincount(index, weight.ravel()), 1e-12)
    sums = [np.bincount(index, weight.ravel() * channel) for channel in lab.T]
    mean = np.stack(sums, axis=1) / total[:, None] * (1.0, _BOLD, _BOLD)
    return cv2.cvtColor(mean.astype(np.float32)[:, None], cv2.COLOR_LAB2RGB)[:, 0].clip(0.0, 1.0)


def _ranked_colors(palette: np.ndarray, tones: int, lightness: float) -> np.ndarray:
    """A colour of the palette for each tone, [tones, 3] float32; `lightness` in [0, 1] chooses for a single tone."""
    ranked = palette[np.argsort(to_lab(palette)[:, 0], kind="stable")].astype(np.float32)
    last = len(ranked) - 1
    if tones == 1:
        return ranked[[round(lightness * last)]]
    if tones > len(ranked):
        return ranked[np.arange(tones) * len(ranked) // tones]
    chosen: np.ndarray = ranked[np.rint(np.linspace(0, last, tones)).astype(int)]
    return chosen
