"""Strokes that the original program saved: `*_strokes.npz` of jiupinjia/stylized-neural-painting.

Each has x_ctt, x_color and x_alpha, [G, N, d] floats (G = 1, or one for each square of a grid; then they interleave),
in units of a square canvas. The number of columns determines the brush:

    oilpaintbrush   x, y, w, h (full extents), θ / π              two colours, first and last, alpha ignored
    rectangle       x, y, w, h (half extents, times 4), -θ / π    one colour, alpha
    watercolor      x0, y0, x1, y1, x2, y2, r0, r2                two colours, alpha
    markerpen       the same, r2 ignored or missing               one colour, alpha

where radii are times 4 and the middle point is relative: x0 + (x2 - x0) · x1. Its optimiser takes a last step after the
last clamp, so that colours and alpha may be a little outside [0, 1]; it clips them when it draws, and so do we.
"""

from __future__ import annotations

import io
import zipfile

import numpy as np
import torch
from torch import Tensor

from painter.errors import StrokeFileError
from painter.options.paint import PaintConfig
from painter.painting.painting import Painting
from painter.painting.stroke_columns import MAX_STROKES, check_range
from painter.system.late_torch import allow_generators
from renderers.brushes import BRUSHES, Limits
from renderers.brushes.base import SEED_END
from renderers.strokes import Strokes

SIDE = 512  # of its canvas, pixels
_BRUSHES = {  # by columns of x_ctt and of x_color
    (5, 6): "oilpaintbrush",
    (5, 3): "rectangle",
    (8, 6): "watercolor",
    (8, 3): "markerpen",
    (7, 3): "markerpen",
}
_ARRAYS = ("x_ctt", "x_color", "x_alpha")
_COLUMNS = range(1, 17)
_HOW = "save the strokes again with the original program"
_LIMITS = Limits(min_width=0.001, max_length=4.0)  # wide, so that strokes are brought into range only in their form


def read_original(content: bytes, style: str | None = None) -> Painting:
    """The painting in the bytes of such a file, on a square black canvas, as the original paints by default.

    Strokes that are shorter, slimmer, more bent or more tapered than our brushes can be get the nearest possible form
    (`Brush.constrain`); oil strokes are straight. The file has no seeds, so textures are not the original's.

    Args:
        content: of the file.
        style: the brush, a canonical name; it must suit the columns. None takes the one that they determine.

    Raises:
        StrokeFileError: not such a file, damaged, with other columns, or with values that are not finite or far off;
            one line without the file's name.
    """
    arrays = [_flat(name, array) for name, array in _read_arrays(content).items()]
    counts = {len(array) for array in arrays}
    if len(counts) > 1:
        raise StrokeFileError(f"its arrays have {' and '.join(map(str, sorted(counts)))} strokes; {_HOW}")
    shape, color, alpha = arrays
    brush = _brush_of(shape.shape[1], color.shape[1], alpha.shape[1], style)
    check_range("x_color", color.ravel(), (-1.0, 2.0), color.shape[1])
    check_range("x_alpha", alpha.ravel(), (-1.0, 2.0))
    parameters = _straight(brush, shape) if shape.shape[1] == 5 else _curved(brush, shape)
    parameters = BRUSHES[brush].constrain(parameters, _LIMITS)
    count = len(shape)
    allow_generators()
    opacity = np.ones(count) if brush == "oilpaintbrush" else alpha[:, 0].clip(0, 1)
    strokes = Strokes(
        brush,
        {name: parameters[name].to(torch.float32) for name in BRUSHES[brush].names},
        _tensor(color.reshape(count, color.shape[1] // 3, 3).clip(0, 1)).to(torch.float32),
        _tensor(opacity).to(torch.float32),
        torch.randint(0, SEED_END, (count,), generator=torch.Generator().manual_seed(0)),
    )
    about = {"input": None, "palette": None, "impasto": None, "checkpoint": None}
    config = PaintConfig(style=brush, canvas="black", size=SIDE, texture=0.0)
    return Painting(strokes, (SIDE, SIDE), (0.0, 0.0, 0.0), config, None, about)


# --- the file -----------------------------------------------------------------------------------------------


def _read_arrays(content: bytes) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: _read_array(archive, name) for name in _ARRAYS}
    except (StrokeFileError, MemoryError):
        raise
    except KeyError as error:
        raise StrokeFileError(f"it is not a stroke file: it lacks an array ({error.args[0][:80]!r}); {_HOW}") from error
    except Exception as error:  # damage raises any type, from struct.error to LZMAError
        raise StrokeFileError(f"it is not an .npz file, or damaged; {_HOW}") from error


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array of the file. Its header is checked first: numpy allocates whatever memory that announces."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    with archive.open(f"{name}.npy") as member:
        shape, _, dtype = readers[np.lib.format.read_magic(member)](member)
    if len(shape) != 3 or dtype.kind not in "f" or dtype.itemsize > 8 or min(shape) < 0 or shape[2] not in _COLUMNS:
        raise StrokeFileError(f"its {name} is {dtype} {list(shape)} and not floats [1, N, d]; {_HOW}")
    if shape[0] * shape[1] > MAX_STROKES:
        raise StrokeFileError(f"it has {shape[0] * shape[1]:,} strokes, more than {MAX_STROKES:,}; split it")
    with archive.open(f"{name}.npy") as member:
        array: np.ndarray = np.lib.format.read_array(member, allow_pickle=False)
    return array


def _flat(name: str, array: np.ndarray) -> np.ndarray:
    """[G, N, d] → [G·N, d] float64, finite: the first strokes of all squares, then the second ones."""
    flat: np.ndarray = array.transpose(1, 0, 2).reshape(-1, array.shape[2]).astype(np.float64)
    check_range(name, flat.ravel(), (-10.0, 10.0), array.shape[2])
    return flat


def _brush_of(shape: int, color: int, alpha: int, style: str | None) -> str:
    brush = _BRUSHES.get((shape, color))
    if brush is None or alpha != 1:
        wrong = f"its arrays have {shape}, {color} and {alpha} columns, which fits no brush of the original program"
        raise StrokeFileError(f"{wrong}; {_HOW}")
    if style not in (None, brush):
        raise StrokeFileError(f"its columns are those of {brush}, not of {style}; leave the style out")
    return brush


# --- shapes -------------------------------------------------------------------------------------------------


def _straight(brush: str, columns: np.ndarray) -> dict[str, Tensor]:
    """Oil strokes and rectangles [N, 5]. Ours are at least as long as wide: upright ones are turned by 90°."""
    x, y, across, down, turn = columns.T
    check_range("x_ctt", columns[:, :2].ravel(), (-2.0, 3.0), 2)
    check_range("x_ctt", columns[:, 2:4].ravel(), (0.0, 4.0), 2)
    # The original turns an oil stroke from +x towards +y, as we do, and a rectangle in the other direction.
    scale, sense = (1.0, 1.0) if brush == "oilpaintbrush" else (0.5, -1.0)
    upright = down > across
    angle = np.pi * sense * turn + np.where(upright, np.pi / 2, 0)
    length, width = scale * np.maximum(across, down), scale * np.minimum(across, down)
    sizes = {"length": length, "width": width} if brush == "oilpaintbrush" else {"width": length, "height": width}
    shape = {"x": x, "y": y, **sizes, "angle": angle, "bend": np.zeros(len(x))}
    return {name: _tensor(values) for name, values in shape.items()}


def _curved(brush: str, columns: np.ndarray) -> dict[str, Tensor]:
    """Curves [N, 8], or [N, 7] with one radius."""
    x0, y0, along, down, x2, y2 = columns[:, :6].T
    check_range("x_ctt", columns[:, [0, 1, 4, 5]].ravel(), (-2.0, 3.0), 4)
    radii = columns[:, 6:] if brush == "watercolor" else columns[:, 6:7]
    check_range("x_ctt", radii.ravel(), (0.0, 4.0), radii.shape[1])
    names = ("radius0", "radius2") if brush == "watercolor" else ("radius",)
    points = {"x0": x0, "y0": y0, "x1": x0 + (x2 - x0) * along, "y1": y0 + (y2 - y0) * down, "x2": x2, "y2": y2}
    shape = {**points, **dict(zip(names, radii.T / 4, strict=True))}
    return {name: _tensor(values) for name, values in shape.items()}


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float64))
