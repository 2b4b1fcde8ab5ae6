"""The weights of the networks that find faces, from the files of the package facenet-pytorch, which is not imported.

They are files of torch's older format, a pickle with the numbers after it. Once a file's sha256 is known to be the
right one, numpy reads the numbers at fixed places: no code in it is run, and torch's own reader imports parts of torch
that nothing else here needs.
"""

from __future__ import annotations

from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from painter.errors import CheckpointError
from painter.options.network_files import MTCNN
from painter.system.fingerprint import sha256_of

_PNET = {
    "conv1": ((10, 3, 3, 3), 27418, 27298), "prelu1": ((10,), 27250),
    "conv2": ((16, 10, 3, 3), 1946, 27346), "prelu2": ((16,), 28506),
    "conv3": ((32, 16, 3, 3), 8810, 8522), "prelu3": ((32,), 8658),
    "conv4_1": ((2, 32, 1, 1), 7714, 8794), "conv4_2": ((4, 32, 1, 1), 8002, 7978),
}  # fmt: skip
_RNET = {
    "conv1": ((28, 3, 3, 3), 4691, 2315), "prelu1": ((28,), 403019),
    "conv2": ((48, 28, 3, 3), 354107, 4491), "prelu2": ((48,), 7987),
    "conv3": ((64, 48, 2, 2), 8187, 7723), "prelu3": ((64,), 353323),
    "dense4": ((128, 576), 58379, 353587), "prelu4": ((128,), 402499),
    "dense5_1": ((2, 128), 57347, 403139), "dense5_2": ((4, 128), 2435, 353299),
}  # fmt: skip
_ONET = {
    "conv1": ((32, 3, 3, 3), 302149, 305613), "prelu1": ((32,), 379485),
    "conv2": ((64, 32, 3, 3), 305749, 8125), "prelu2": ((64,), 152085),
    "conv3": ((64, 64, 3, 3), 152349, 20741), "prelu3": ((64,), 300853),
    "conv4": ((128, 64, 2, 2), 21005, 299813), "prelu4": ((128,), 300333),
    "dense5": ((256, 1152), 379621, 301117), "prelu5": ((256,), 2973),
    "dense6_1": ((2, 256), 18685, 8109), "dense6_2": ((4, 256), 4005, 2949), "dense6_3": ((10, 256), 8389, 18637),
}  # fmt: skip
PLACES: tuple[dict[str, tuple[Any, ...]], ...] = (_PNET, _RNET, _ONET)
"""Of each file, by layer: the shape of its weights, and where in the file weights and biases begin, bytes."""


def read_face_networks() -> list[dict[str, Any]]:
    """The weights of the three networks, tensors float32 by the names that torch's reader gives them.

    Raises:
        CheckpointError: they are not installed, or damaged.
    """
    paths = MTCNN.paths()
    if paths is None:
        raise CheckpointError(f"{MTCNN.name} is not installed; {MTCNN.install}")
    return [_read(path, number) for number, path in enumerate(paths)]


@cache
def _read(path: Path, number: int) -> dict[str, Any]:
    import torch

    try:
        MTCNN.check(path, sha256_of(path))
        content = path.read_bytes()
    except OSError as error:
        raise MTCNN.unreadable(path, error) from error
    weights = {}
    for layer, (shape, place, *biases) in PLACES[number].items():
        weights[f"{layer}.weight"] = torch.from_numpy(_numbers(content, shape, place))
        if biases:
            weights[f"{layer}.bias"] = torch.from_numpy(_numbers(content, shape[:1], *biases))
    return weights


def _numbers(content: bytes, shape: tuple[int, ...], place: int) -> np.ndarray:
    """float32 of this shape; the file has the first dimension last."""
    numbers = np.frombuffer(content, np.float32, prod(shape), place).copy()
    return np.asarray(numbers.reshape(shape[::-1]).T)
