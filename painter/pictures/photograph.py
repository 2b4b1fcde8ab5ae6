"""Whether a picture looks like a photograph or a painting, or is drawn in flat colours, as logos are."""

from __future__ import annotations

import numpy as np

_FLAT = 0.5  # share of neighbours of exactly one colour from which on a picture counts as drawn


def is_photograph(image: np.ndarray) -> bool:
    """Whether a picture is opaque and hardly ever repeats a colour from one pixel to the next.

    Args:
        image: uint8 [H, W, 3], or [H, W, 4] with straight alpha.
    """
    if image.shape[2] == 4 and image[..., 3].min() < 255:
        return False
    rgb = image[..., :3]
    pairs = [(rgb[:, 1:] == rgb[:, :-1]).all(2), (rgb[1:] == rgb[:-1]).all(2)]
    count = sum(pair.size for pair in pairs)
    return bool(sum(int(pair.sum()) for pair in pairs) < _FLAT * count)
