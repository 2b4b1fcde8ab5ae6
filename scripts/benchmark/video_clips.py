"""Clips with known motion, made from scikit-image's sample pictures, and how steady and how good a painted clip is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from skimage import data

from painter.video.motion import flow_between, pulled, unseen

Flow = tuple[np.ndarray, np.ndarray]
"""For each pixel of a frame where it was in the one before, minus where it is [H, W, 2]; and where that is known."""


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames uint8 [H, W, 3], the flows between them, and the frames without noise where they have some."""

    frames: list[np.ndarray]
    flows: list[Flow]
    clean: list[np.ndarray]


def pan(frames: int, side: int) -> Clip:
    """The camera moves right by whole pixels a frame, 3 at 384: no interpolation is in its figures."""
    step = max(1, round(3 * side / 384)) * 384 / side
    return _camera(data.coffee(), frames, side, lambda t: (1.0, 0.0, step * t, 0.0))


def turn(frames: int, side: int) -> Clip:
    """The camera turns by 0.7 degrees and comes nearer by 0.8 % a frame."""
    return _camera(data.astronaut(), frames, side, lambda t: (1.008**-t, np.deg2rad(0.7 * t), 0.0, 0.0))


def drift(frames: int, side: int) -> Clip:
    """Held out: the camera moves down by 1.7 and left by 0.6 pixels a frame, and away by 0.4 %."""
    return _camera(data.rocket(), frames, side, lambda t: (0.8 * 1.004**t, 0.0, -0.6 * t, 1.7 * t))


def stars(frames: int, side: int) -> Clip:
    """For development: the camera goes away over dark sky, and turns a little."""
    picture = data.hubble_deep_field()
    return _camera(picture, frames, side, lambda t: (0.8 * 1.004**t, np.deg2rad(0.15 * t), 1.2 * t, -1.3 * t))


def eye(frames: int, side: int) -> Clip:
    """For development: the camera goes away over a smooth picture."""
    picture = data.retina()[150:1250, 150:1250]
    return _camera(picture, frames, side, lambda t: (0.8 * 1.004**t, 0.0, -1.5 * t, -1.0 * t))


def sway(frames: int, side: int) -> Clip:
    """A camera that goes to and fro, for long clips."""
    picture = data.coffee()
    return _camera(
        picture, frames, side, lambda t: (1.0, 0.08 * np.sin(t / 19), 30 * np.sin(t / 13), 20 * np.sin(t / 17))
    )


def head(frames: int, side: int) -> Clip:
    """A head moves over a table that stands still."""
    return _moving(
        data.coffee(),
        data.astronaut()[0:230, 110:330],
        frames,
        side,
        0.6,
        lambda t: (20 + 8 * t, 60 + 30 * np.sin(t / 5)),
    )


def cat(frames: int, side: int) -> Clip:
    """Held out: a cat's face moves up and left over a rocket's launch."""
    return _moving(
        data.rocket(), data.chelsea()[0:220, 90:330], frames, side, 0.5, lambda t: (240 - 7 * t, 110 - 2 * t)
    )


def still(frames: int, side: int, noise: float = 0.0) -> Clip:
    """Nothing moves."""
    frame = pan(1, side).frames[0]
    rng = np.random.default_rng(3)
    noisy = [
        np.rint((frame + rng.normal(0, noise, frame.shape)).clip(0, 255)).astype(np.uint8) if noise else frame
        for _ in range(frames)
    ]
    none = np.zeros((*frame.shape[:2], 2), np.float32), np.ones(frame.shape[:2], bool)
    return Clip(noisy, [none] * (frames - 1), [frame] * frames)


def noisy(frames: int, side: int) -> Clip:
    """Nothing moves, in noise of σ 4 of 255."""
    return still(frames, side, 4.0)


CLIPS: dict[str, Callable[[int, int], Clip]] = {
    "pan": pan, "turn": turn, "head": head, "drift": drift, "cat": cat, "sway": sway, "still": still, "noisy": noisy,
    "stars": stars, "eye": eye,
}  # fmt: skip
"""By name; drift and cat were not looked at while settings were chosen."""


def estimated(frames: list[np.ndarray]) -> Clip:
    """A clip of a real camera: its flows as DIS sees them."""
    flows = []
    for before, after in pairwise(frames):
        a, b = before.astype(np.float32) / 255, after.astype(np.float32) / 255
        back, forth = flow_between(b, a), flow_between(a, b)
        flows.append((back, ~unseen(forth, back)))
    return Clip(frames, flows, frames)


def _camera(
    picture: np.ndarray, frames: int, side: int, at: Callable[[int], tuple[float, float, float, float]]
) -> Clip:
    """A camera over a picture: `at` gives its scale, turn, and shift in pixels at a side of 384."""
    height, width = side * 3 // 4, side
    middle = np.array([picture.shape[1] / 2, picture.shape[0] / 2])
    base = min(picture.shape[1] / width, picture.shape[0] / height) * 0.72
    x, y = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))

    def matrix(t: int) -> np.ndarray:
        scale, angle, right, down = at(t)
        turned = base * scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        shift = middle + base * np.array([right, down]) * side / 384
        return np.hstack([turned, (shift - turned @ [(width - 1) / 2, (height - 1) / 2])[:, None]])

    blurred = cv2.GaussianBlur(picture, (0, 0), max(0.3, 0.45 * base))
    made, flows = [], []
    for t in range(frames):
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        made.append(cv2.warpAffine(blurred, matrix(t), (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT))
        if t:
            whole = [np.vstack([matrix(k), [0, 0, 1]]) for k in (t - 1, t)]
            into = np.linalg.inv(whole[0]) @ whole[1]
            px, py = (into[k, 0] * x + into[k, 1] * y + into[k, 2] for k in range(2))
            inside = (px >= 0) & (py >= 0) & (px <= width - 1) & (py <= height - 1)
            flows.append((np.stack([px - x, py - y], axis=2).astype(np.float32), inside))
    return Clip(made, flows, made)


def _moving(
    back: np.ndarray, thing: np.ndarray, frames: int, side: int, scale: float,
    at: Callable[[int], tuple[float, float]],
) -> Clip:  # fmt: skip
    """A thing with a soft oval edge before a picture that stands still; `at` gives its corner at a side of 384."""
    height, width, unit = side * 2 // 3, side, side / 384
    ground = cv2.resize(back, (width, height), interpolation=cv2.INTER_AREA)
    thing = cv2.resize(thing, None, fx=scale * unit, fy=scale * unit, interpolation=cv2.INTER_AREA)
    h, w = thing.shape[:2]
    x, y = np.meshgrid(np.arange(w), np.arange(h))
    oval = (((x - w / 2) / (0.36 * w)) ** 2 + ((y - h / 2) / (0.47 * h)) ** 2 < 1).astype(np.float32)
    oval = cv2.GaussianBlur(oval, (0, 0), 0.8)
    made, masks = [], []
    places = [tuple(unit * v for v in at(t)) for t in range(frames)]
    for px, py in places:
        matrix = np.array([[1, 0, px], [0, 1, py]], np.float32)
        mask = cv2.warpAffine(oval, matrix, (width, height))
        front = cv2.warpAffine(thing, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        made.append(np.rint(ground * (1 - mask[..., None]) + front * mask[..., None]).astype(np.uint8))
        masks.append(mask)
    flows = []
    for t in range(1, frames):
        flow = np.zeros((height, width, 2), np.float32)
        on = masks[t] > 0.5
        flow[on] = np.subtract(places[t - 1], places[t])
        edge = (masks[t] > 0.02) & (masks[t] < 0.98)
        before = pulled(masks[t - 1], flow)
        flows.append((flow, ~edge & ((before > 0.5) == on) & (np.abs(before - masks[t]) < 0.05)))
    return Clip(made, flows, made)


# --- measures ---------------------------------------------------------------------------------------------------


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """dB between two pictures uint8."""
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((a.astype(np.float64) - b) ** 2))))


def warp_error(frames: Sequence[np.ndarray], flows: Sequence[Flow]) -> float:
    """Mean absolute difference of each frame and the one before it as the true flow carries it, of 0 to 255.

    Between pixels it is Lanczos' interpolation that carries: the bilinear one blurs, and counts that as trembling.
    """
    errors = []
    for before, after, (flow, known) in zip(frames, frames[1:], flows, strict=False):
        carried = pulled(before.astype(np.float32), flow, cv2.INTER_LANCZOS4)
        off = np.abs(after.astype(np.float32) - carried).mean(axis=2)
        errors.append(off[known].mean())
    return float(np.mean(errors))


def flow_error(frames: Sequence[np.ndarray], clip: Clip) -> float:
    """tOF: mean distance of the painted clip's flow from the source's, pixels."""
    errors = []
    for k in range(1, len(frames)):
        flows = [flow_between(*(c[j].astype(np.float32) / 255 for j in (k - 1, k))) for c in (clip.clean, frames)]
        errors.append(np.linalg.norm(flows[0] - flows[1], axis=2).mean())
    return float(np.mean(errors))


def sharpness(frame: np.ndarray) -> float:
    """Mean squared gradient of the grey picture."""
    grey = frame.astype(np.float32).mean(axis=2)
    return float(np.mean(cv2.Sobel(grey, cv2.CV_32F, 1, 0) ** 2 + cv2.Sobel(grey, cv2.CV_32F, 0, 1) ** 2))


def kept_sharpness(frames: Sequence[np.ndarray], clip: Clip) -> float:
    """Sharpness of the last frame over that of the first, each over the source's."""
    (first, last), (a, b) = ([sharpness(c[k]) for k in (0, -1)] for c in (frames, clip.clean))
    return (last / first) / (b / a)
