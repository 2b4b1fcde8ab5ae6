"""Saliency maps in [0, 1]: where a picture deserves small strokes and an exact likeness.

Two things attract attention: faces, especially eyes and mouths; and fine structure that stands out from its
surroundings, such as thin lines, dots and letters. Uniform texture and borders between large flat areas do not. Each
map depends on the picture alone and has its size.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from painter.options.network_files import face_detector
from painter.pictures.face_networks import Face, find_face_landmarks
from painter.pictures.palette import perceived
from painter.pictures.pixels import LUMINANCE
from painter.pictures.resizing import fit_size, resize_image

DETAIL_SHARE = 0.5
"""Focus of the strongest detail outside faces; eyes and mouths have 1."""

# Long sides at which structure up to 4 pixels wide is searched for, and the weight of what is found.
_DETAIL_SCALES = ((512, 1.0), (256, 1.0), (128, 1.0), (64, 0.7))
_NOTICEABLE = 1.0  # least visible difference, in CIE L*a*b* units
_SURROUND = 1.8  # how many times stronger than its surroundings a structure must be
_HALF_CONTRAST = 15.0  # excess over that at which detail is half as strong as the greatest, same units
_FULL_DETAIL = 0.25  # least strength that counts as full detail, so that noise and texture do not

_FACE_SIDE = 320  # long side of the copy in which faces are searched for, pixels
_FACE_LEAST = 24  # side of the smallest face there, pixels: that of the cascade's own window
_FACE_HINTS = 4  # windows that must agree there for a closer look
_LOOK_SIDE = 1024  # largest long side of the copy for closer looks, pixels
_LOOK_FACE = 64  # side that a face is resized to for them, pixels
_LOOK_MARGIN = 0.3  # margin on each side of the face, as a share of the face's side
_FACE_VOTES = 45  # windows that must agree in it and its mirror image together; astronaut() has over 80
_FACE_CONTRAST = 0.02  # least standard deviation of a face's grey values

# Centre x, y and radii x, y as shares of a face's box, and the weight there.
_FACE_PARTS = (
    (0.50, 0.50, 0.50, 0.62, 0.5),  # the face
    (0.30, 0.35, 0.17, 0.12, 1.0),  # the eyes
    (0.70, 0.35, 0.17, 0.12, 1.0),
    (0.50, 0.75, 0.25, 0.12, 1.0),  # the mouth
)


def auto_focus(rgb: np.ndarray, alpha: np.ndarray | None = None) -> np.ndarray:
    """How finely each pixel deserves to be painted.

    Args:
        rgb: [H, W, 3] float32, straight sRGB in [0, 1].
        alpha: [H, W] float32 in [0, 1], or None if the picture is opaque.

    Returns:
        [H, W] float32 in [0, 1], smooth: 1 at eyes and mouths, about 0.5 in the rest of a face, at most
        DETAIL_SHARE elsewhere; exactly 0 where alpha is 0, and everywhere in a flat picture.
    """
    if alpha is None:
        detail, faces = detail_map(rgb), face_map(rgb)  # detail first: faces may have to wait for torch
    else:
        shown = rgb * alpha[..., None]
        detail, faces = _detail(np.dstack((shown, alpha))), face_map(shown)
    focus = faces + DETAIL_SHARE * detail * (1 - faces)
    return np.asarray(np.clip(focus if alpha is None else focus * alpha, 0, 1), dtype=np.float32)


def focus_weights(focus: np.ndarray, strength: float) -> np.ndarray:
    """Weights of mean 1 for a loss: (1 + strength · focus), divided by its mean.

    Args:
        focus: [H, W] float32 in [0, 1].
        strength: weight of full focus, added to 1; at least 0.

    Returns:
        [H, W] float32, above 0.
    """
    weights = 1 + strength * focus.astype(np.float64)
    relative: np.ndarray = (weights / weights.mean()).astype(np.float32)
    return relative


# --- detail -------------------------------------------------------------------------------------------------


def detail_map(rgb: np.ndarray) -> np.ndarray:
    """Fine structure that stands out from its surroundings.

    In copies of four sizes, morphological top-hats keep what is narrower than 5 pixels, from which a surround of four
    times the width is subtracted (centre and surround as in Itti, Koch and Niebur, PAMI 1998).

    Args:
        rgb: [H, W, 3] float32, straight sRGB in [0, 1].

    Returns:
        [H, W] float32 in [0, 1], smooth; 1 from the 99th percentile up, unless all detail is faint.
    """
    return _detail(rgb)


def _detail(image: np.ndarray) -> np.ndarray:
    """`detail_map` of [H, W, 3] sRGB, or of [H, W, 4] with premultiplied alpha, whose outlines count too."""
    height, width = image.shape[:2]
    scales = {min(side, max(height, width)): weight for side, weight in reversed(_DETAIL_SCALES)}
    largest = max(scales)
    rows, columns = fit_size(height, width, largest)
    total = np.zeros((rows, columns), np.float32)
    for side, weight in scales.items():
        found = _standing_out(perceived(resize_image(image, *fit_size(height, width, side))))
        total += weight * resize_image(found, rows, columns)
    total = _blurred(total, largest / 200)
    full = max(_FULL_DETAIL, float(np.percentile(total, 99)))
    return resize_image(np.clip(total / full, 0, 1), height, width)


def _standing_out(channels: np.ndarray) -> np.ndarray:
    """[H, W] float32 in [0, 1]: structure narrower than 5 pixels that is stronger than in its surroundings."""
    import cv2

    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    # Areas at the border are continued beyond it, so that a strip along it is not narrow.
    padded = np.pad(channels, ((4, 4), (4, 4), (0, 0)), mode="edge")
    bright, dark = (cv2.morphologyEx(padded, hat, disc) for hat in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT))
    narrow = np.linalg.norm(np.maximum(bright, dark)[4:-4, 4:-4], axis=-1)
    narrow = np.maximum(narrow - _NOTICEABLE, 0).astype(np.float32)
    excess = np.maximum(_blurred(narrow, 1.5) - _SURROUND * _blurred(narrow, 8), 0)
    found: np.ndarray = excess / (excess + _HALF_CONTRAST)
    return found


def _blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    import cv2

    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)).reshape(image.shape)


# --- faces --------------------------------------------------------------------------------------------------


def face_map(rgb: np.ndarray) -> np.ndarray:
    """Faces as smooth ellipses of weight 0.5, in which eyes and mouth rise to 1.

    Args:
        rgb: [H, W, 3] float32, straight sRGB in [0, 1].

    Returns:
        [H, W] float32 in [0, 1]; all 0 if `find_faces` finds none.
    """
    if face_detector() == "mtcnn":
        return _landmark_map(rgb.shape[0], rgb.shape[1], find_face_landmarks(rgb))
    faces = np.zeros(rgb.shape[:2], np.float32)
    y, x = (np.arange(side, dtype=np.float32) + 0.5 for side in rgb.shape[:2])
    for left, top, width, height in find_faces(rgb):
        for center_x, center_y, radius_x, radius_y, weight in _FACE_PARTS:
            across = (x - left - center_x * width) / (radius_x * width)
            down = (y - top - center_y * height) / (radius_y * height)
            bump = np.exp2(-((across[None, :] ** 2 + down[:, None] ** 2) ** 2))  # a half on the ellipse
            np.maximum(faces, weight * bump, out=faces)
    return faces


def _landmark_map(rows: int, columns: int, faces: list[Face]) -> np.ndarray:
    """[rows, columns] float32: as `face_map`, of faces whose eyes and mouths are known."""
    found = np.zeros((rows, columns), np.float32)
    y, x = np.arange(rows, dtype=np.float32)[:, None] + 0.5, np.arange(columns, dtype=np.float32)[None, :] + 0.5
    for face in faces:
        turn, mouth = np.radians(face.angle), face.mouth.mean(axis=0)
        smile = max(float(np.linalg.norm(face.mouth[1] - face.mouth[0])) / 2, 0.12 * face.width)
        parts = [
            ((face.x, face.y), 0.55 * face.width, 0.55 * face.height, 0.5),
            *((tuple(eye), 0.19 * face.width, 0.13 * face.width, 1.0) for eye in face.eyes),
            (tuple(mouth), smile + 0.08 * face.width, 0.14 * face.width, 1.0),
        ]
        for (center_x, center_y), radius_x, radius_y, weight in parts:
            right, down = x - np.float32(center_x), y - np.float32(center_y)
            along = (right * np.float32(np.cos(turn)) + down * np.float32(np.sin(turn))) / np.float32(radius_x)
            across = (down * np.float32(np.cos(turn)) - right * np.float32(np.sin(turn))) / np.float32(radius_y)
            np.maximum(found, weight * np.exp2(-((along**2 + across**2) ** 2)), out=found)
    return found


def find_faces(rgb: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Upright, frontal faces that are at least 1/13 of the picture's long side wide.

    scikit-image's cascade of local binary patterns searches a reduced copy, and then again, finely, each place found
    and its mirror image. A face is where many windows agree in place and size.

    Args:
        rgb: [H, W, 3] float32, straight sRGB in [0, 1].

    Returns:
        (x, y, width, height) of each in pixels of `rgb`, the largest first. A box extends from the forehead to the
        chin and from ear to ear.
    """
    height, width = rgb.shape[:2]
    longest = max(height, width)
    rows, columns = fit_size(height, width, min(_FACE_SIDE, longest))
    if min(rows, columns) <= _FACE_LEAST:
        return []
    near = resize_image(rgb, *fit_size(height, width, min(_LOOK_SIDE, longest))) @ LUMINANCE
    far = resize_image(near, rows, columns)
    hints = _agreed(_windows(far, _FACE_LEAST, min(rows, columns), 1.1), _FACE_HINTS)
    looks = (_second_look(near, hint / (columns, rows, columns, rows)) for hint in hints)
    found = sorted((face for face in looks if face is not None), key=lambda face: -face[2] * face[3])
    kept: list[np.ndarray] = []
    for face in found:
        if not any(_centred_in(face, other) for other in kept):
            kept.append(face)
    boxes = np.rint(np.array(kept).reshape(-1, 4) * (width, height, width, height)).astype(int).tolist()
    return [(x, y, wide, high) for x, y, wide, high in boxes]


def _second_look(grey: np.ndarray, box: np.ndarray) -> np.ndarray | None:
    """A more exact box of the face at `box`, or None if there is no face; [4] shares of `grey`'s sides."""
    height, width = grey.shape
    box = box * (width, height, width, height)
    begin = np.maximum(np.rint(box[:2] - _LOOK_MARGIN * box[2:]), 0).astype(int)
    end = np.rint(box[:2] + (1 + _LOOK_MARGIN) * box[2:]).astype(int)
    part = grey[begin[1] : end[1], begin[0] : end[0]]
    rows, columns = np.rint(np.array(part.shape) * (_LOOK_FACE / box[2])).astype(int)
    scale = np.array(part.shape)[::-1] / (columns, rows)
    part = resize_image(part, int(rows), int(columns))
    if part.std() < _FACE_CONTRAST:
        return None
    least, most = round(_LOOK_FACE * 0.75), round(_LOOK_FACE * 1.33)
    windows, mirrored = (_windows(np.ascontiguousarray(seen), least, most, 1.05) for seen in (part, part[:, ::-1]))
    mirrored[:, 0] = columns - mirrored[:, 0] - mirrored[:, 2]
    faces = _agreed(np.concatenate((windows, mirrored)), _FACE_VOTES)
    return (faces[0] * (*scale, *scale) + (*begin, 0, 0)) / (width, height, width, height) if faces else None


@cache
def _cascade() -> Any:
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())


def _windows(grey: np.ndarray, least: int, most: int, factor: float) -> np.ndarray:
    """[N, 4] float64: x, y, width, height of each window that the cascade classifies as a face, sorted.

    The windows' sides grow from `least` to `most` pixels by `factor`.
    """
    # The cascade's own grouping depends on the order in which threads finish; no overlap reaches 2, so it is off.
    found = _cascade().detect_multi_scale(grey, factor, 1, (least, least), (most, most), 1, 2.0)
    windows = sorted((each["c"], each["r"], each["width"], each["height"]) for each in found)
    return np.array(windows, np.float64).reshape(-1, 4)


def _agreed(windows: np.ndarray, votes: int) -> list[np.ndarray]:
    """Mean boxes [4] of groups of at least `votes` windows that overlap by half; largest groups first."""
    if not len(windows):
        return []
    from scipy.sparse.csgraph import connected_components

    x, y, width, height = windows.astype(np.float32).T  # exact: they are integers
    across = np.minimum.outer(x + width, x + width) - np.maximum.outer(x, x)
    down = np.minimum.outer(y + height, y + height) - np.maximum.outer(y, y)
    shared = np.maximum(across, 0) * np.maximum(down, 0)
    areas = width * height
    _, group = connected_components(shared > 0.5 * (areas[:, None] + areas - shared), directed=False)
    counts = np.bincount(group)
    return [windows[group == index].mean(0) for index in np.argsort(-counts, kind="stable") if counts[index] >= votes]


def _centred_in(box: np.ndarray, other: np.ndarray) -> bool:
    offset = box[:2] + box[2:] / 2 - other[:2]
    return bool(np.all((offset >= 0) & (offset <= other[2:])))
