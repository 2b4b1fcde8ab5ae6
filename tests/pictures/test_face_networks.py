"""Faces that the three networks find: small, tilted, and none where there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from painter.errors import CheckpointError
from painter.options.network_files import MTCNN, NetworkPackage
from painter.pictures import face_networks, focus
from painter.pictures.face_networks import Face, find_face_landmarks
from painter.pictures.face_weights import read_face_networks

THERE = pytest.mark.skipif(MTCNN.paths() is None, reason=f"{MTCNN.name} is not installed")
EYES, MOUTH = ((202, 100), (248, 102)), ((199, 140), (246, 143))  # of astronaut(), by eye


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return np.asarray(data.astronaut(), np.float32) / 255


def scene(astronaut: np.ndarray, width: float, tilt: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture of 512 pixels with her head in it, its face so wide and tilted clockwise; and the map to it."""
    turn = cv2.getRotationMatrix2D((224, 115), -tilt, width / 98)
    turn = turn + np.array([[0, 0, 300.0 - 224], [0, 0, 220.0 - 115]])
    y, x = np.mgrid[:512, :512].astype(np.float32) / 512
    ground = np.stack([0.3 + 0.3 * x, 0.5 - 0.2 * y, 0.6 - 0.2 * x], axis=2)
    head = np.zeros((512, 512), np.float32)
    cv2.ellipse(head, (224, 100), (90, 110), 0, 0, 360, 1.0, -1)
    mask = cv2.warpAffine(head, turn, (512, 512))[..., None]
    return ground * (1 - mask) + cv2.warpAffine(astronaut, turn, (512, 512)) * mask, turn


@pytest.mark.slow
@THERE
@pytest.mark.parametrize(("width", "tilt"), [(120, 0), (21, 0), (60, 45), (21, -45)])
def test_a_face_is_found_with_eyes_and_mouth(width: float, tilt: float, astronaut: np.ndarray) -> None:
    image, turn = scene(astronaut, width, tilt)
    (face,) = find_face_landmarks(image)
    assert abs(face.width / width - 1) < 0.35 and abs(face.angle - tilt) < 12
    for found, known in ((face.eyes, EYES), (face.mouth, MOUTH)):
        expected = np.array(known) @ turn[:, :2].T + turn[:, 2]
        np.testing.assert_allclose(found, expected, atol=0.14 * width)


@THERE
def test_there_is_none_in_textures_and_flat_pictures() -> None:
    bricks = np.dstack([data.brick()] * 3)[:256, :256].astype(np.float32) / 255
    for picture in (bricks, np.full((90, 120, 3), 0.4, np.float32), np.zeros((5, 300, 3), np.float32)):
        assert find_face_landmarks(picture) == []


@pytest.mark.slow
@THERE
def test_the_focus_is_fullest_at_eyes_and_mouth(astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMPASTO_FACES")
    monkeypatch.setattr(focus, "_cascade", None)  # nothing of scikit-image's is needed
    found = focus.face_map(astronaut[:256])
    for x, y in (*EYES, (222, 142)):
        assert found[y, x] > 0.9
    assert 0.45 < found[85, 224] < 0.75, "the forehead"
    assert found[:, :100].max() < 0.01 and found[:, 350:].max() < 0.01
    again = focus.face_map(astronaut[:256].copy())
    assert np.array_equal(found, again)


def test_of_boxes_that_overlap_the_best_is_kept() -> None:
    boxes = np.array([(0, 0, 10, 10, 0.8), (1, 0, 11, 10, 0.9), (30, 30, 40, 40, 0.7), (2, 2, 6, 6, 0.6)])
    assert face_networks._kept(boxes, 0.5, smaller=False).tolist() == [1, 2, 3]
    assert face_networks._kept(boxes, 0.5, smaller=True).tolist() == [1, 2]


def test_halving_is_torchs_pooling() -> None:
    import torch
    from torch.nn import functional as F

    for shape in ((1, 3, 8, 6), (2, 4, 7, 5)):
        h = torch.rand(shape, generator=torch.Generator().manual_seed(0))
        assert torch.equal(face_networks._halved(h), F.max_pool2d(h, 2, 2, ceil_mode=True))


def test_a_turned_copy_leads_back() -> None:
    image = np.zeros((60, 90, 3), np.float32)
    image[20:23, 70:73] = 1
    seen, back = face_networks._turned(image, 40.0, 1.5)
    y, x = np.argwhere(seen[..., 0] > 0.9).mean(axis=0)
    points = np.zeros((2, 2))
    found = face_networks._placed(Face(x, y, 15, 15, 5.0, points, points, 1.0), back, 40.0)
    np.testing.assert_allclose((found.x, found.y, found.width, found.angle), (71, 21, 10, 45), atol=0.7)


@THERE
def test_weights_are_those_that_torch_reads() -> None:
    for path, weights in zip(MTCNN.paths() or (), read_face_networks(), strict=True):
        state = torch.load(path, weights_only=True)
        assert set(state) == set(weights)
        for name, values in state.items():
            assert torch.equal(values, weights[name]) and values.stride() == weights[name].stride(), name


def test_files_that_are_not_the_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pnet.pt"
    file.write_bytes(b"numbers")
    monkeypatch.setattr(NetworkPackage, "paths", lambda package: [file])
    with pytest.raises(CheckpointError, match=r"pnet\.pt: is damaged .*facenet-pytorch==2\.6\.0 --force-reinstall"):
        find_face_landmarks(np.zeros((40, 40, 3), np.float32))
    monkeypatch.setattr(NetworkPackage, "paths", lambda package: None)
    with pytest.raises(CheckpointError, match="facenet-pytorch is not installed; pip install --no-deps"):
        find_face_landmarks(np.zeros((40, 40, 3), np.float32))
    assert replace(MTCNN, version="1").install.endswith("facenet-pytorch==1")
