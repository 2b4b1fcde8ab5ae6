"""How similar a painting is to its picture: PSNR, SSIM and mean absolute error."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from renderers.threads import core_count

PSNR_CEILING = 100.0  # dB; that of equal pictures is infinite, which JSON cannot express
_BAND_PIXELS = 2**18  # compared at a time; a dozen arrays of doubles of this size are needed


def compare(painted: np.ndarray, picture: np.ndarray) -> dict[str, float | None]:
    """How similar a painting is to its picture.

    >>> figures = compare(painting.draw(40), picture)
    >>> sorted(figures)
    ['l1', 'psnr', 'ssim']
    >>> compare(picture, picture)["psnr"]
    100.0

    Args:
        painted, picture: uint8 [H, W, 3], or both [H, W, 4] with straight alpha, which are compared over white.

    Returns:
        'psnr' in dB, at most PSNR_CEILING; 'ssim' (None if a side has fewer than 3 pixels, because it is then
        undefined); 'l1', the mean absolute error in [0, 1]; and with alpha 'alpha_iou', the area that is opaque (at
        least half) in both divided by the area that is opaque in either, 1 if that is empty.
    """
    figures = pixel_errors(painted, picture)
    if painted.shape[2] == 4:
        painted, picture = over_white(painted), over_white(picture)
    return {**figures, "ssim": _ssim(painted, picture)}


def pixel_errors(painted: np.ndarray, picture: np.ndarray) -> dict[str, float]:
    """What `compare` returns except 'ssim', which takes most of its time.

    >>> sorted(pixel_errors(picture, picture))
    ['l1', 'psnr']
    """
    if painted.shape != picture.shape or painted.dtype != np.uint8 or picture.dtype != np.uint8:
        raise ValueError(
            f"cannot compare {painted.dtype} {list(painted.shape)} with {picture.dtype} {list(picture.shape)}"
        )
    figures: dict[str, float] = {}
    if painted.shape[2] == 4:
        opaque, wanted = painted[..., 3] >= 128, picture[..., 3] >= 128
        either = int((opaque | wanted).sum())
        figures["alpha_iou"] = int((opaque & wanted).sum()) / either if either else 1.0
        painted, picture = over_white(painted), over_white(picture)
    squares = total = 0
    for rows in _bands(*painted.shape[:2]):
        difference = np.abs(painted[rows].astype(np.int64) - picture[rows])
        squares += int((difference**2).sum())
        total += int(difference.sum())
    mean_square = squares / painted.size / 255**2
    psnr = min(PSNR_CEILING, -10 * np.log10(mean_square)) if squares else PSNR_CEILING
    return {"psnr": float(psnr), "l1": total / painted.size / 255, **figures}


def over_white(image: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 4] with straight alpha, laid over white: uint8 [H, W, 3]."""
    result = np.empty((*image.shape[:2], 3), np.uint8)
    for rows in _bands(*image.shape[:2]):
        colors, alpha = image[rows, :, :3].astype(np.float32), image[rows, :, 3:].astype(np.float32) / 255
        result[rows] = np.rint(255 + alpha * (colors - 255))
    return result


def _ssim(a: np.ndarray, b: np.ndarray) -> float | None:
    """Structural similarity of two pictures uint8 [H, W, 3] with a window of 7 x 7, or what fits.

    As scikit-image's `structural_similarity` computes it; importing that takes longer than computing it.
    """
    height, width = a.shape[:2]
    window = min(7, height, width)
    window -= 1 - window % 2  # it must be odd
    if window < 3:
        return None
    rim = window // 2  # it is left out of the mean, so bands that overlap by it have the same mean

    def similarity(rows: slice) -> float:
        part = slice(rows.start, rows.stop + 2 * rim)
        inside = _similarities(a[part], b[part], window)[rim:-rim, rim:-rim]
        return float(inside.mean() * (rows.stop - rows.start))

    with ThreadPoolExecutor(core_count()) as pool:
        mean: float = sum(pool.map(similarity, _bands(height - 2 * rim, width))) / (height - 2 * rim)
        return mean


def _similarities(a: np.ndarray, b: np.ndarray, window: int) -> np.ndarray:
    """Of each pixel and channel, float64 [H, W, 3]: equation 13 of Wang et al., "Image Quality Assessment", 2004, with
    means over a square and variances of samples."""
    import cv2

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(values, cv2.CV_64F, (window, window))

    x, y = a.astype(np.float64), b.astype(np.float64)
    mean_x, mean_y = mean(x), mean(y)
    squares, product = mean_x * mean_x + mean_y * mean_y, mean_x * mean_y
    of_sample = window**2 / (window**2 - 1)
    variances = of_sample * (mean(x * x + y * y) - squares)
    covariance = of_sample * (mean(x * y) - product)
    small, less_small = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarities: np.ndarray = (2 * product + small) * (2 * covariance + less_small)
    similarities /= (squares + small) * (variances + less_small)
    return similarities


def _bands(height: int, width: int) -> Iterator[slice]:
    """Rows 0 to `height` in bands."""
    step = max(1, _BAND_PIXELS // width)
    for top in range(0, height, step):
        yield slice(top, min(top + step, height))
