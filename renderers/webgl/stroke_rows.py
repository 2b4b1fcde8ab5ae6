"""Strokes as rows of 64 bytes, which a browser hands to its graphics card as they are.

A row, little-endian: eight float32 of shape parameters in the brush's order (zeros after its last), three float32 of
the start colour, one of opacity, three of the end colour, and the seed as uint32.
"""

from __future__ import annotations

import numpy as np
import torch

from renderers.brushes import BRUSHES
from renderers.strokes import Strokes

ROW = np.dtype(
    [("shape", "<f4", 8), ("start", "<f4", 3), ("opacity", "<f4"), ("end", "<f4", 3), ("seed", "<u4")]
)  # fmt: skip


def pack_rows(strokes: Strokes) -> np.ndarray:
    """N strokes as rows.

    >>> from renderers.webgl.stroke_rows import pack_rows
    >>> pack_rows(painting.strokes).nbytes
    512

    Args:
        strokes: of a brush with at most eight shape parameters, as all that come with Impasto have.

    Returns:
        [N] of dtype `ROW`.

    Raises:
        ValueError: the brush has more shape parameters.
    """
    brush = BRUSHES[strokes.brush]
    if len(brush.names) > 8:
        raise ValueError(f"rows hold 8 shape parameters; {brush.name} has {len(brush.names)}")
    strokes = strokes.map(lambda values: values.detach().cpu())
    rows = np.zeros(len(strokes), ROW)
    for k, name in enumerate(brush.names):
        rows["shape"][:, k] = strokes.params[name].numpy()
    start, end = brush.ends(strokes.colors)
    rows["start"], rows["end"] = start.numpy(), end.numpy()
    rows["opacity"], rows["seed"] = strokes.opacity.numpy(), strokes.seed.numpy()
    return rows


def unpack_rows(rows: np.ndarray, brush: str) -> Strokes:
    """The strokes that `pack_rows` made rows of.

    Args:
        rows: [N] of dtype `ROW`.
        brush: a name in `renderers.brushes.BRUSHES`.
    """
    kind = BRUSHES[brush]
    params = {name: torch.from_numpy(rows["shape"][:, k].copy()) for k, name in enumerate(kind.names)}
    ends = [rows["start"], rows["end"]][: kind.colors]
    colors = torch.from_numpy(np.stack(ends, axis=1))
    seed = torch.from_numpy(rows["seed"].astype(np.int64))
    return Strokes(brush, params, colors, torch.from_numpy(rows["opacity"].copy()), seed)
