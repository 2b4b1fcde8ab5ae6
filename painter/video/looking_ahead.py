"""Frames to come, and what they show beyond the border of this one, where it is the camera that moves."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import cv2
import numpy as np

from painter.errors import PictureError
from painter.video.camera import Camera
from painter.video.clip_config import ClipConfig
from painter.video.motion import Motion, changed_pixels, follow_motion, noise_level
from painter.video.raster import Raster


def with_ahead(frames: Iterable[np.ndarray], count: int) -> Iterator[tuple[np.ndarray, tuple[np.ndarray, ...]]]:
    """Each frame with those that come next, at most `count`; fewer at the end.

    Raises:
        PictureError: a frame cannot be read; all those before it have been yielded.
    """
    window, source, failed = deque[np.ndarray](), iter(frames), None
    while True:
        try:
            window.append(next(source))
        except StopIteration:
            break
        except PictureError as error:
            failed = error
            break
        if len(window) > count:
            yield window.popleft(), tuple(window)
    while window:
        yield window.popleft(), tuple(window)
    if failed is not None:
        raise failed


class Pair:
    """Two frames of a source that follow each other.

    Args:
        before, after: uint8 [H, W, 3].
        painted: uint8 [H, W, 3]: the source as it was painted last, pixel by pixel; `before`, if not given.
    """

    def __init__(
        self, before: np.ndarray, after: np.ndarray, clip: ClipConfig, painted: np.ndarray | None = None
    ) -> None:
        self.before, self.after, self._clip = before, after, clip
        self._painted = before if painted is None else painted

    @cached_property
    def changed(self) -> np.ndarray:
        """[H, W] bool: where `after` differs from what was painted by more than noise."""
        source, now, painted = (_in_unit(image) for image in (self.before, self.after, self._painted))
        return changed_pixels(painted, now, noise_level(source, now), self._clip)

    @cached_property
    def motion(self) -> Motion:
        """How what was painted became `after`."""
        return follow_motion(_in_unit(self._painted), _in_unit(self.after), self.changed, self._clip)

    @property
    def camera(self) -> Camera | None:
        """How the camera moved, if nothing else did."""
        if not self.changed.any() or self._clip.things_cover(self.motion.unexplained):
            return None
        return self.motion.camera


class LookAhead:
    """What frames to come show in the overscan. What was found of two neighbours is kept until they are painted.

    Args:
        raster: with the overscan.
    """

    def __init__(self, clip: ClipConfig, raster: Raster) -> None:
        self._clip, self._raster = clip, raster
        self._pairs = deque[Pair](maxlen=clip.ahead)
        self._at = np.nonzero(~raster.picture)  # rows and columns of the overscan
        rows, columns = (where - raster.overscan for where in self._at)
        self._points = np.stack([columns, rows, np.ones(len(rows))])  # of the same, on the picture

    def pair(self, before: np.ndarray, after: np.ndarray) -> Pair:
        """Two frames uint8 [H, W, 3] that follow each other; the same one for the same two."""
        for pair in self._pairs:
            if pair.before is before and pair.after is after:
                return pair
        found = Pair(before, after, self._clip)
        self._pairs.append(found)
        return found

    def taken(self, before: np.ndarray, after: np.ndarray) -> Pair:
        """The same, for the last time: it is kept no longer."""
        taken = self.pair(before, after)
        self._pairs = deque((pair for pair in self._pairs if pair is not taken), self._clip.ahead)
        return taken

    def around(self, image: np.ndarray, ahead: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """A frame with its overscan, each pixel of it as the first frame shows it that has it in sight.

        Args:
            image: uint8 [H, W, 3].
            ahead: the frames after it, likewise.

        Returns:
            [H', W', 3] float32 in [0, 1]; and [H', W'] bool, where it is known.
        """
        raster, (rows, columns) = self._raster, self._at
        whole, known = raster.padded(_in_unit(image), "edge"), raster.picture
        matrix, before, left = np.eye(3), image, np.arange(len(rows))
        for after in ahead:
            camera = self.pair(before, after).camera if len(left) else None
            if camera is None:
                break
            matrix, before = np.vstack([camera.matrix, [0, 0, 1]]) @ matrix, after
            x, y = (matrix[:2] @ self._points[:, left]).astype(np.float32)
            inside = (x >= 0) & (y >= 0) & (x <= raster.size[1] - 1) & (y <= raster.size[0] - 1)
            at = rows[left[inside]], columns[left[inside]]
            if len(at[0]):
                whole[at] = _in_unit(cv2.remap(after, x[inside], y[inside], cv2.INTER_LINEAR)).reshape(-1, 3)
                known[at] = True
            left = left[~inside]
        return whole, known


def with_overscan(motion: Motion, raster: Raster, image: np.ndarray, known: np.ndarray, before: np.ndarray) -> Motion:
    """A picture's motion on the whole raster: in the overscan all goes with the camera.

    Args:
        image: [H', W', 3] float32, the next picture with its overscan.
        known: [H', W'] bool, where that is known; before: the same of the picture before.
    """
    picture = raster.picture
    forward, exposed = raster.padded(motion.forward, "edge"), known & ~picture
    if motion.camera is None:
        exposed |= raster.padded(motion.exposed)
    else:
        forward = np.where(picture[..., None], forward, raster.shifted(motion.camera).flow(*raster.shape))
        x, y = _carried_from(motion.camera, raster)
        was_known = cv2.remap(before.astype(np.float32), x, y, cv2.INTER_LINEAR) > 0.99
        low, (height, width) = raster.overscan - 0.5, raster.size
        was_seen = (x >= low) & (y >= low) & (x <= low + width) & (y <= low + height)
        exposed = np.where(picture & was_seen, raster.padded(motion.exposed), known & ~was_known)
    target = image.copy()
    raster.seen(target)[:] = motion.target
    return Motion(
        raster.padded(motion.changed) | (known & ~picture), target, forward, exposed, raster.padded(motion.covered),
        raster.padded(motion.error, "edge"), motion.lost, motion.unexplained, motion.camera,
    )  # fmt: skip


def _carried_from(camera: Camera, raster: Raster) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows [H', W'] float32 from which the camera carried the pixels of the whole."""
    backward = raster.shifted(camera.inverse()).flow(*raster.shape)
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in raster.shape[::-1]))
    return x + backward[..., 0], y + backward[..., 1]


def _in_unit(image: np.ndarray) -> np.ndarray:
    """A picture uint8 as float32 in [0, 1]."""
    return image.astype(np.float32) / 255
