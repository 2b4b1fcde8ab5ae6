"""What has changed between two pictures, where it went, and what nobody saw before.

Optical flow is DIS (Kroeger et al. 2016), dense, on grey pictures. A flow [H, W, 2] says of pixel p of the first
picture that it is at p + flow(p) in the second.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np

from painter.video.camera import MOST_ALIKE, Camera, camera_motion, texture_of
from painter.video.clip_config import ClipConfig

SMOOTHING = 2.0  # pixels, of the difference that decides what changed
BLOCK = 16  # pixels, of the blocks that noise is measured in
HIGH_PASS = 0.80  # what the high-pass below lets through of white noise
CALMEST = 20  # per cent of the blocks that noise is measured in
MISS = (1.0, 0.1)  # pixels, and share of the length, by which there and back may miss
BORDER = 12  # pixels, where flow is unsure of what comes in
FINE_SIDE = 400  # pixels: larger pictures are followed at half size, in a third of the time
AS_WELL = (1 / 255, 1.5)  # by how much, and how many times, the camera's motion may err more than the flow
NEARLY_ALL = 0.998  # share of the canvas that the camera's motion explains, from which it is taken for all of it
FAITHFUL = 4.0  # pixels, over which the error of a carried picture is smoothed


@dataclass(frozen=True, eq=False)
class Motion:
    """How a picture became the next one."""

    changed: np.ndarray  # [H, W] bool: pixels that differ by more than noise, and all that goes with the camera
    target: np.ndarray  # [H, W, 3] float32: the next where it changed, else the picture before
    forward: np.ndarray  # [H, W, 2] float32: where pixels of the picture before went; 0 where nothing changed
    exposed: np.ndarray  # [H, W] bool: pixels of the next that were not seen before
    covered: np.ndarray  # [H, W] bool: pixels of the picture before that are not seen in the next
    error: np.ndarray  # [H, W] float32: of the carried picture against the next, smoothed
    lost: float  # share of the canvas that cannot be followed
    unexplained: float  # share that is not what the flow brought, but for the border
    camera: Camera | None  # how all moves, where it is the camera that does


def follow_motion(before: np.ndarray, image: np.ndarray, changed: np.ndarray, config: ClipConfig) -> Motion:
    """How `before` became `image`, both [H, W, 3] float32 in [0, 1], which differ where `changed` [H, W]."""
    target = np.where(changed[..., None], image, before)
    forward = flow_between(before, target) * changed[..., None]
    grey = _mean(before)
    camera, back, explained = camera_motion(grey, forward, changed), None, np.zeros_like(changed)
    if camera is not None:
        carried, explained = _as_camera(before, image, forward, camera)
        still = texture_of(grey) * ~changed
        if (still * explained).sum() < MOST_ALIKE * still.sum():
            camera, explained = None, np.zeros_like(changed)
        else:
            back, forward = camera.inverse(), carried
    if back is not None and explained.mean() >= NEARLY_ALL:
        backward = back.flow(*changed.shape)
    else:
        backward = flow_between(target, before) * changed[..., None]
        if back is not None:
            backward, _ = _as_camera(image, before, backward, back)
    changed = changed | explained
    target = np.where(changed[..., None], image, before)
    exposed = unseen(forward, backward) & changed
    covered = unseen(backward, forward, borders=False) & changed
    off = _mean(np.abs(pulled(before, backward) - target))
    near = cv2.GaussianBlur(off, (0, 0), 1.0)
    lost = float((exposed | (near > config.unlike)).mean())
    inner = near[BORDER:-BORDER, BORDER:-BORDER]
    unexplained = float((inner > config.badly).mean()) if inner.size else 1.0
    error = cv2.GaussianBlur(off, (0, 0), FAITHFUL)
    return Motion(changed, target, forward, exposed, covered, error, lost, unexplained, camera)


def _as_camera(
    first: np.ndarray, second: np.ndarray, flow: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """The flow from one picture [H, W, 3] to another, but the camera's where that explains the second as well; and
    where it does, [H, W] bool."""
    alike = camera.flow(*flow.shape[:2])
    outside = _outside(alike, 0.0)
    inside = (~outside).astype(np.float32)
    weight = cv2.GaussianBlur(inside, (0, 0), FAITHFUL) + np.float32(1e-6)
    off, other = (
        cv2.GaussianBlur(_mean(np.abs(pulled(second, way) - first)) * inside, (0, 0), FAITHFUL) / weight
        for way in (flow, alike)
    )
    explained = outside | (other < AS_WELL[0] + AS_WELL[1] * off)
    return np.where(explained[..., None], alike, flow), explained


def flow_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """[H, W, 2] float32 pixels, of pictures [H, W, 3] float32 in [0, 1]; the same on any number of cores."""
    grey = [
        cv2.cvtColor(np.rint(image.clip(0, 1) * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY) for image in (first, second)
    ]
    if min(grey[0].shape) < 16:  # DIS compares patches of 8 pixels
        return np.zeros((*grey[0].shape, 2), np.float32)
    with one_thread():  # DIS cuts the picture into as many parts as there are threads
        flow: np.ndarray = _dis(int(max(grey[0].shape) > FINE_SIDE)).calc(grey[0], grey[1], None)
    return flow


@cache
def _dis(finest: int) -> Any:
    dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setFinestScale(finest)
    dis.setPatchStride(5)  # against the preset's 3 and 25: nine tenths as exact, in half of the time
    dis.setGradientDescentIterations(8)
    return dis


@contextmanager
def one_thread() -> Iterator[None]:
    """Within this context OpenCV computes in one thread."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def pulled(image: np.ndarray, backward: np.ndarray, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
    """The picture before [H, W, …] as `backward` [H, W, 2] brings it into the next: out(p) = image(p + backward(p))."""
    x, y = _pixels(backward.shape)
    found: np.ndarray = cv2.remap(
        image, x + backward[..., 0], y + backward[..., 1], interpolation, borderMode=cv2.BORDER_REPLICATE
    )
    return found


def unseen(forward: np.ndarray, backward: np.ndarray, borders: bool = True) -> np.ndarray:
    """[H, W] bool: pixels of the next picture that were not seen before, for there and back again misses them.

    With the two flows exchanged: pixels of the picture before that something covers in the next.

    Args:
        borders: whether to count what came in over the border.
    """
    outside = _outside(backward, 0.5)
    miss = _length(pulled(forward, backward) + backward)
    missed: np.ndarray = (outside & borders) | (~outside & (miss > MISS[0] + MISS[1] * _length(backward)))
    return missed


def _outside(flow: np.ndarray, margin: float) -> np.ndarray:
    """[H, W] bool: which pixels a flow [H, W, 2] takes off the canvas, by more than `margin` pixels beyond the middles
    of the outermost."""
    height, width = flow.shape[:2]
    x, y = _pixels(flow.shape)
    x, y = x + flow[..., 0], y + flow[..., 1]
    found: np.ndarray = (x < -margin) | (y < -margin) | (x > width - 1 + margin) | (y > height - 1 + margin)
    return found


def noise_level(before: np.ndarray, after: np.ndarray) -> float:
    """Standard deviation of a picture's noise, from the calmest blocks of the difference of two [H, W, 3]."""
    difference = _mean(after - before)
    difference = difference - cv2.GaussianBlur(difference, (0, 0), 1.0)
    rows, columns = (side // BLOCK for side in difference.shape)
    if not rows or not columns:
        return float(difference.std()) / HIGH_PASS / math.sqrt(2)
    blocks = difference[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    return float(np.percentile(blocks.std(axis=(1, 3)), CALMEST)) / HIGH_PASS / math.sqrt(2)


def changed_pixels(reference: np.ndarray, image: np.ndarray, sigma: float, config: ClipConfig) -> np.ndarray:
    """[H, W] bool: where a picture differs from what was painted there last by more than noise.

    It is compared with what was painted, not with the picture before: slow changes would never be seen.

    Args:
        sigma: of the noise of the mean of three channels, see `noise_level`.
    """
    off = _largest(np.abs(cv2.GaussianBlur(image - reference, (0, 0), SMOOTHING)))
    # One channel has √3 of it, two pictures √2; the blur leaves 1 / (2 √π SMOOTHING).
    left = 1.1 * sigma * math.sqrt(6) / (2 * math.sqrt(math.pi) * SMOOTHING)
    found: np.ndarray = (off > max(config.least_change, config.noise_sigmas * left)).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    grown: np.ndarray = cv2.dilate(found, np.ones((9, 9), np.uint8)).astype(bool)
    return grown


# NumPy's own reductions over an axis of three take ten times as long, with the same bytes.


def _mean(image: np.ndarray) -> np.ndarray:
    """[H, W]: the mean of three channels [H, W, 3] float32."""
    mean: np.ndarray = (image[..., 0] + image[..., 1] + image[..., 2]) / np.float32(3)
    return mean


def _largest(image: np.ndarray) -> np.ndarray:
    """[H, W]: the largest of three channels [H, W, 3]."""
    largest: np.ndarray = np.maximum(np.maximum(image[..., 0], image[..., 1]), image[..., 2])
    return largest


def _length(flow: np.ndarray) -> np.ndarray:
    """[H, W]: the length of the vectors [H, W, 2]."""
    length: np.ndarray = np.sqrt(flow[..., 0] * flow[..., 0] + flow[..., 1] * flow[..., 1])
    return length


def _pixels(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows [H, W] float32 of a picture's pixels."""
    x, y = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    return x, y
