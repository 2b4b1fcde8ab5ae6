"""Colours of style and content, matched or kept.

Gatys et al. 2016, 'Preserving color in neural artistic style transfer'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from painter.pictures.pixels import LUMINANCE

_TINY = 1e-6


def color_statistics(image: np.ndarray, shown: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Mean [C] and covariance [C, C] of a picture's colours, float64.

    Args:
        image: [H, W, C] float.
        shown: [H, W] >= 0, how much each pixel counts; all the same if not given.
    """
    colors = image.reshape(-1, image.shape[2]).astype(np.float64)
    weights = np.ones(len(colors)) if shown is None else shown.ravel().astype(np.float64)
    weights = weights / max(weights.sum(), _TINY)
    mean = weights @ colors
    centred = colors - mean
    return mean, (centred * weights[:, None]).T @ centred


def mixed_statistics(
    statistics: Sequence[tuple[np.ndarray, np.ndarray]], weights: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted means of several mean colours and covariances, as from `color_statistics`."""
    shares = np.array(weights, np.float64) / sum(weights)
    means, covariances = (np.stack(each) for each in zip(*statistics, strict=True))
    return shares @ means, np.tensordot(shares, covariances, 1)


def match_colors(
    image: np.ndarray,
    wanted: tuple[np.ndarray, np.ndarray],
    shown: np.ndarray | None = None,
) -> np.ndarray:
    """The picture with other colours: the linear map that gives it this mean and covariance (there, section 3).

    Args:
        image: [H, W, C] float32 in [0, 1].
        wanted: as from `color_statistics`.
        shown: as there, for the picture's own statistics.

    Returns:
        [H, W, C] float32, clipped to [0, 1], so that the statistics are met but for what is clipped.
    """
    mean, covariance = color_statistics(image, shown)
    change = matrix_power(wanted[1], 0.5) @ matrix_power(covariance, -0.5)
    moved: np.ndarray = np.clip((image - mean) @ change.T + wanted[0], 0, 1).astype(np.float32)
    return moved


@dataclass(frozen=True, eq=False)
class ColorMap:
    """An affine map of colours, c -> matrix c + offset, which commutes with blending.

    Blending takes weighted means, and so does the map: with all strokes' colours and the ground's mapped, every pixel
    of the canvas is (but for what is clipped to [0, 1]).
    """

    matrix: np.ndarray  # [3, 3] float64
    offset: np.ndarray  # [3] float64

    def __call__(self, colors: np.ndarray) -> np.ndarray:
        """[..., 3] float32 in [0, 1] of [..., 3]."""
        moved: np.ndarray = np.clip(colors.astype(np.float64) @ self.matrix.T + self.offset, 0, 1).astype(np.float32)
        return moved


def color_map(
    colors: np.ndarray, shown: np.ndarray | None, wanted: tuple[np.ndarray, np.ndarray], most_gain: float
) -> ColorMap:
    """The map that gives colours another mean and covariance and moves them least.

    Between normal distributions it is the optimal transport (Pitié and Kokaram 2007, 'The linear Monge-Kantorovitch
    linear colour mapping'): symmetric, so that hues are not swapped without need.

    Args:
        colors: [H, W, 3] float.
        shown: [H, W] >= 0, how much each counts; all the same if not given.
        wanted: mean [3] and covariance [3, 3], as from `color_statistics`.
        most_gain: no direction's contrast grows more than that: where there is hardly any, it is noise.
    """
    mean, covariance = color_statistics(colors, shown)
    root, inverse = matrix_power(covariance, 0.5), matrix_power(covariance, -0.5)
    values, vectors = np.linalg.eigh(inverse @ matrix_power(root @ wanted[1] @ root, 0.5) @ inverse)
    matrix = (vectors * np.minimum(values, most_gain)) @ vectors.T
    return ColorMap(matrix, wanted[0] - matrix @ mean)


def matrix_power(covariance: np.ndarray, exponent: float) -> np.ndarray:
    """A power of a symmetric matrix [C, C] without negative eigenvalues; directions without variance stay 0."""
    values, vectors = np.linalg.eigh(covariance)
    powers = np.where(values > _TINY, np.maximum(values, _TINY) ** exponent, 0.0)
    power: np.ndarray = (vectors * powers) @ vectors.T
    return power


def grey(image: np.ndarray) -> np.ndarray:
    """[H, W, 1] float32 luminance of [H, W, 3]."""
    return (image @ LUMINANCE)[..., None].astype(np.float32)


def noise_like(statistics: tuple[np.ndarray, np.ndarray], shape: tuple[int, int], seed: int) -> np.ndarray:
    """[H, W, C] float32 in [0, 1]: independent pixels of this mean and covariance."""
    mean, covariance = statistics
    drawn = np.random.default_rng(seed).standard_normal((*shape, len(mean)))
    colors: np.ndarray = np.clip(drawn @ matrix_power(covariance, 0.5) + mean, 0, 1).astype(np.float32)
    return colors
