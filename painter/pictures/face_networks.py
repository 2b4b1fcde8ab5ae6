"""Faces with their eyes and mouths, found by three small networks (Zhang et al. 2016, 'Joint face detection and
alignment using multi-task cascaded convolutional networks').

The first looks at small copies of the picture everywhere, the second at what that found, the third more closely and
says where eyes, nose and mouth are. They know upright faces, so turned copies of the picture are looked at as well. The
weights are those of the package facenet-pytorch (face_weights.py). torch is imported by the first call.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from painter.pictures.face_weights import read_face_networks
from painter.pictures.resizing import fit_size, resize_image
from painter.system.devices import one_torch_thread

SIDE = 512  # long side of the copy that is searched, pixels
LEAST = 16  # side of the smallest face there, pixels
TURNED_SIDE = 416  # long side of the copies that are turned, before that: they grow by it
TURNS = (0.0, 40.0, -40.0)  # degrees by which copies are turned; each network sees about 30 to either side of upright
_WINDOW, _STRIDE = 12, 2  # of the first network, pixels
_SHRINK = 0.709  # from one of its copies to the next
_SURE = (0.6, 0.7, 0.92)  # least probability of a face, by network
_SURE_TURNED = 0.97  # of the last, in a turned copy
_MOST = 400  # windows that the second network looks at
_OVERLAP = 0.4  # of two boxes (intersection over the smaller) from which on they are one face


@dataclass(frozen=True, eq=False)
class Face:
    """One face, in pixels of the picture."""

    x: float  # its centre
    y: float
    width: float  # from ear to ear, along a line that is turned by `angle`
    height: float
    angle: float  # degrees by which it is tilted, clockwise
    eyes: np.ndarray  # [2, 2] x and y of either
    mouth: np.ndarray  # [2, 2] of its corners
    score: float  # in [0, 1]


def find_face_landmarks(rgb: np.ndarray) -> list[Face]:
    """Faces that are at least a thirtieth of the picture's long side wide, the largest first.

    Args:
        rgb: [H, W, 3] float32, straight sRGB in [0, 1].

    Raises:
        CheckpointError: the networks are not installed, or damaged.
    """
    networks = read_face_networks()
    height, width = rgb.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    small = rgb if scale == 1 else resize_image(rgb, *fit_size(height, width, SIDE))
    image = np.ascontiguousarray(small, np.float32) * 2 - 1  # about what 0..255 becomes there
    faces = []
    with one_torch_thread():
        for turn in TURNS:
            side, sure = (SIDE, _SURE[2]) if turn == 0 else (TURNED_SIDE, _SURE_TURNED)
            seen, back = _turned(image, turn, min(1.0, side / max(image.shape[:2])))
            faces += [_placed(face, back, turn) for face in _find(seen, networks) if face.score >= sure]
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if 0 <= face.x < small.shape[1] and 0 <= face.y < small.shape[0] and not any(_one(face, k) for k in kept):
            kept.append(face)
    up = width / small.shape[1]
    return [_scaled(face, up) for face in sorted(kept, key=lambda face: -face.width)]


def _turned(image: np.ndarray, degrees: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """A copy turned anticlockwise and scaled, with all of the picture in it; and the map [2, 3] from there back."""
    import cv2

    height, width = image.shape[:2]
    if degrees == 0:
        return image, np.array([[1.0, 0, 0], [0, 1, 0]])
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    across, down = math.ceil(height * sin + width * cos), math.ceil(height * cos + width * sin)
    turn[:, 2] += (across / 2 - width / 2, down / 2 - height / 2)
    seen = cv2.warpAffine(image, turn, (across, down), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return seen, cv2.invertAffineTransform(turn)


def _placed(face: Face, back: np.ndarray, turn: float) -> Face:
    """A face of a turned copy in the picture itself."""
    x, y = back @ (face.x, face.y, 1)
    eyes, mouth = (points @ back[:, :2].T + back[:, 2] for points in (face.eyes, face.mouth))
    by = math.hypot(back[0, 0], back[1, 0])
    width, height, angle = face.width * by, face.height * by, turn + face.angle
    return Face(float(x), float(y), width, height, angle, eyes, mouth, face.score)


def _scaled(face: Face, by: float) -> Face:
    return replace(
        face, x=face.x * by, y=face.y * by, width=face.width * by, height=face.height * by, eyes=face.eyes * by,
        mouth=face.mouth * by,
    )  # fmt: skip


def _one(face: Face, other: Face) -> bool:
    """Whether two finds are of one face: the centre of one lies well within the other."""
    reach = 0.5 * max(face.width, other.width)
    return math.hypot(face.x - other.x, face.y - other.y) < reach


# --- the three networks -------------------------------------------------------------------------------------


def _find(image: np.ndarray, networks: list[dict[str, Any]]) -> list[Face]:
    """Faces of an upright picture [H, W, 3] in [-1, 1], and whatever looks like one."""
    boxes = _merged(_proposals(image, networks[0]), 0.7)[:_MOST]
    boxes = _squares(boxes)
    if len(boxes):
        scores, moves = _second(_crops(image, boxes, 24), networks[1])
        boxes = _squares(_merged(_moved(boxes, scores, moves, _SURE[1]), 0.7))
    if not len(boxes):
        return []
    scores, moves, points = _third(_crops(image, boxes, 48), networks[2])
    sides = boxes[:, 2:4] - boxes[:, :2]
    places = boxes[:, None, :2] + points.reshape(-1, 2, 5).transpose(0, 2, 1) * sides[:, None]
    found = np.concatenate([_moved(boxes, scores, moves, -1.0), places.reshape(-1, 10)], axis=1)
    return [_face(row) for row in _merged(found[found[:, 4] >= _SURE[2]], _OVERLAP, smaller=True)]


def _face(row: np.ndarray) -> Face:
    """A face of its row: box, score, and five points: two eyes, nose, two corners of the mouth."""
    left, top, right, bottom, score = (float(value) for value in row[:5])
    points = row[5:].reshape(5, 2)
    across, down = points[1] - points[0]
    angle = math.degrees(math.atan2(down, across)) if across > 0 else 0.0
    return Face(
        (left + right) / 2, (top + bottom) / 2, right - left, bottom - top, angle, points[:2], points[3:], score
    )


def _proposals(image: np.ndarray, network: dict[str, Any]) -> np.ndarray:
    """[N, 5] boxes x, y, x, y and their probabilities, as the first network sees them in copies of many sizes."""
    import torch
    from torch.nn import functional as F

    height, width = image.shape[:2]
    found, scale = [np.zeros((0, 5))], _WINDOW / LEAST
    while min(height, width) * scale >= _WINDOW:
        rows, columns = max(_WINDOW, round(height * scale)), max(_WINDOW, round(width * scale))
        with torch.no_grad():
            h = _tensor(_resized(image, rows, columns)[None])
            h = _halved(_convolved(h, network, 1))
            h = _convolved(_convolved(h, network, 2), network, 3)
            scores = F.conv2d(h, network["conv4_1.weight"], network["conv4_1.bias"]).softmax(1)[0, 1].numpy()
            moves = F.conv2d(h, network["conv4_2.weight"], network["conv4_2.bias"])[0].numpy()
        row, column = np.nonzero(scores >= _SURE[0])
        steps = np.array((width / columns, height / rows, width / columns, height / rows))
        corners = _STRIDE * np.stack((column, row, column, row), axis=1) + (0, 0, _WINDOW, _WINDOW)
        boxes = np.concatenate([corners * steps, scores[row, column][:, None]], axis=1)
        picked = _kept(boxes, 0.5, smaller=False)
        found.append(_moved(boxes, boxes[:, 4], moves[:, row, column].T, -1.0)[picked])
        scale *= _SHRINK
    return np.concatenate(found)


def _halved(h: Any) -> Any:
    """`max_pool2d` by two, with what is left over at the border; torch's own takes longer than the convolutions."""
    import torch
    from torch.nn import functional as F

    h = F.pad(h, (0, h.shape[3] % 2, 0, h.shape[2] % 2), mode="replicate")
    rows = torch.maximum(h[:, :, ::2], h[:, :, 1::2])
    return torch.maximum(rows[..., ::2], rows[..., 1::2])


def _second(crops: Any, network: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Probability [N] and moves [N, 4] of crops of 24 pixels."""
    import torch
    from torch.nn import functional as F

    with torch.no_grad():
        h = F.max_pool2d(_convolved(crops, network, 1), 3, 2, ceil_mode=True)
        h = F.max_pool2d(_convolved(h, network, 2), 3, 2, ceil_mode=True)
        h = _dense(_convolved(h, network, 3), network, 4)
        return _probability(h, network, "dense5_1"), _linear(h, network, "dense5_2")


def _third(crops: Any, network: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probability [N], moves [N, 4] and points [N, 10] (x of all, then y) of crops of 48 pixels."""
    import torch
    from torch.nn import functional as F

    with torch.no_grad():
        h = F.max_pool2d(_convolved(crops, network, 1), 3, 2, ceil_mode=True)
        h = F.max_pool2d(_convolved(h, network, 2), 3, 2, ceil_mode=True)
        h = F.max_pool2d(_convolved(h, network, 3), 2, 2, ceil_mode=True)
        h = _dense(_convolved(h, network, 4), network, 5)
        points = _linear(h, network, "dense6_3")
        return _probability(h, network, "dense6_1"), _linear(h, network, "dense6_2"), points


def _convolved(h: Any, network: dict[str, Any], k: int) -> Any:
    from torch.nn import functional as F

    h = F.conv2d(h, network[f"conv{k}.weight"], network[f"conv{k}.bias"])
    return F.prelu(h, network[f"prelu{k}.weight"])


def _dense(h: Any, network: dict[str, Any], k: int) -> Any:
    from torch.nn import functional as F

    h = h.permute(0, 3, 2, 1).flatten(1)  # the weights are of a program that has columns first
    h = F.linear(h, network[f"dense{k}.weight"], network[f"dense{k}.bias"])
    return F.prelu(h, network[f"prelu{k}.weight"])


def _linear(h: Any, network: dict[str, Any], name: str) -> np.ndarray:
    from torch.nn import functional as F

    result: np.ndarray = F.linear(h, network[f"{name}.weight"], network[f"{name}.bias"]).double().numpy()
    return result


def _probability(h: Any, network: dict[str, Any], name: str) -> np.ndarray:
    logits = _linear(h, network, name)
    result: np.ndarray = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    return result


# --- boxes --------------------------------------------------------------------------------------------------


def _moved(boxes: np.ndarray, scores: np.ndarray, moves: np.ndarray, least: float) -> np.ndarray:
    """[M, 5] boxes with corners moved by parts of their sides; only those whose score is at least `least`."""
    sides = np.tile(boxes[:, 2:4] - boxes[:, :2], 2)
    moved = np.concatenate([boxes[:, :4] + moves * sides, scores[:, None]], axis=1)
    return np.asarray(moved[scores >= least])


def _squares(boxes: np.ndarray) -> np.ndarray:
    """Boxes made square about their centres."""
    sides = boxes[:, 2:4] - boxes[:, :2]
    centre, half = boxes[:, :2] + sides / 2, sides.max(axis=1, keepdims=True, initial=0) / 2
    return np.concatenate([centre - half, centre + half, boxes[:, 4:]], axis=1)


def _merged(boxes: np.ndarray, overlap: float, smaller: bool = False) -> np.ndarray:
    return np.asarray(boxes[_kept(boxes, overlap, smaller)])


def _kept(boxes: np.ndarray, overlap: float, smaller: bool) -> np.ndarray:
    """Indices of boxes, best first, without those that overlap a better one: by more than this part of their union,
    or of the smaller of them."""
    order, kept = np.argsort(-boxes[:, 4], kind="stable"), []
    areas = (boxes[:, 2:4] - boxes[:, :2]).prod(axis=1)
    while len(order):
        best, order = order[0], order[1:]
        kept.append(int(best))
        across = np.minimum(boxes[order, 2], boxes[best, 2]) - np.maximum(boxes[order, 0], boxes[best, 0])
        down = np.minimum(boxes[order, 3], boxes[best, 3]) - np.maximum(boxes[order, 1], boxes[best, 1])
        shared = np.maximum(across, 0) * np.maximum(down, 0)
        whole = np.minimum(areas[order], areas[best]) if smaller else areas[order] + areas[best] - shared
        order = order[shared <= overlap * whole]
    return np.array(kept, np.intp)


def _crops(image: np.ndarray, boxes: np.ndarray, side: int) -> Any:
    """[N, 3, side, side] what is within each box; beyond the picture its border is repeated."""
    margin = int(max(0, -np.floor(boxes[:, :2]).min(), np.ceil(boxes[:, 2:4] - image.shape[1::-1]).max())) + 1
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    crops = np.empty((len(boxes), side, side, 3), np.float32)
    for crop, box in zip(crops, np.rint(boxes[:, :4]).astype(int) + margin, strict=True):
        left, top, right, bottom = box
        crop[:] = _resized(padded[top : max(bottom, top + 1), left : max(right, left + 1)], side, side)
    return _tensor(crops)


def _resized(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    import cv2

    smaller = rows < image.shape[0]
    return np.asarray(cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR))


def _tensor(images: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
