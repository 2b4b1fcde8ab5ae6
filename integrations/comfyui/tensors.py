"""ComfyUI's tensors as the arrays that Impasto takes, and back.

IMAGE is [B, H, W, C] float in [0, 1], or a little beyond it. MASK is [B, H, W] or [H, W]; LoadImage gives 64 x 64 zeros
for a picture without alpha, and 1 - alpha for one with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch


def pictures_of(image: torch.Tensor) -> list[np.ndarray]:
    """The pictures of a batch: [H, W, 3] or [H, W, 4] float32 in [0, 1]."""
    batch = image if image.ndim == 4 else image[None]
    found = [one.detach().float().cpu().numpy().clip(0, 1) for one in batch]
    return [np.repeat(one, 3, axis=2) if one.shape[2] == 1 else one for one in found]


def mask_of(mask: torch.Tensor | None, number: int) -> np.ndarray | None:
    """The mask [H, W] float32 for picture `number` of a batch; None for none, and for one that is empty."""
    if mask is None:
        return None
    batch = mask.detach().float().cpu().reshape(-1, *mask.shape[-2:])
    one: np.ndarray = batch[number % len(batch)].numpy().clip(0, 1)
    return one if one.any() else None


def image_of(drawn: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures, uint8 [H, W, 3] or [H, W, 4] of one size, as IMAGE and MASK, which is 1 where nothing is painted."""
    whole = [np.pad(one, ((0, 0), (0, 0), (0, 4 - one.shape[2])), constant_values=255) for one in drawn]
    values = torch.from_numpy(np.stack(whole)).float() / 255
    return values[..., :3], 1 - values[..., 3]
