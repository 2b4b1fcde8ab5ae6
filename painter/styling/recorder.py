"""Pictures on the way of a style transfer, for an animation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from painter.pictures.resizing import fit_size, resize_image

FRAMES = 48  # at most, the finished picture aside
SIDE = 512  # of the longer side at most, pixels


class FrameRecorder:
    """Keeps a picture now and then: more at the beginning, where more happens.

    Attributes:
        frames: uint8 [h, w, C], at the sizes of their scales; the longer side is at most SIDE.
    """

    def __init__(self, iterations: int) -> None:
        marks = np.linspace(0, 1, FRAMES) ** 1.5 * iterations
        self._marks = sorted({round(float(mark)) for mark in marks})
        self.frames: list[np.ndarray] = []

    def watch(self, iteration: int, picture: Callable[[], np.ndarray]) -> None:
        """Keep this picture, uint8 [H, W, C], if one is due."""
        if not self._marks or iteration < self._marks[0]:
            return
        self._marks = [mark for mark in self._marks if mark > iteration]
        self.keep(picture())

    def keep(self, frame: np.ndarray) -> None:
        """Keep this picture, uint8 [H, W, C]."""
        self.frames.append(_resized(frame, *_shown_size(frame)))

    def state(self) -> dict[str, Any]:
        """A tree for `painter.system.snapshot.pack`."""
        import torch

        return {"marks": self._marks, "frames": [torch.from_numpy(frame) for frame in self.frames]}

    def restore(self, state: dict[str, Any]) -> None:
        """Resume as when `state` was taken."""
        self._marks, self.frames = state["marks"], [frame.numpy() for frame in state["frames"]]

    def shown(self, last: np.ndarray) -> list[np.ndarray]:
        """All frames at one size, then the finished picture, uint8 [H, W, C]."""
        size = _shown_size(last)
        return [_resized(frame, *size) for frame in [*self.frames, last]]


def _shown_size(frame: np.ndarray) -> tuple[int, int]:
    height, width = frame.shape[:2]
    return fit_size(height, width, min(max(height, width), SIDE))


def _resized(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    if (height, width) == frame.shape[:2]:
        return frame
    resized: np.ndarray = np.rint(resize_image(frame.astype(np.float32) / 255, height, width) * 255).astype(np.uint8)
    return resized
