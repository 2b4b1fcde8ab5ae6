"""The columns of a stroke file, a list for each number of a stroke: checked both when read and when written."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import torch

from painter.errors import StrokeFileError, one_line
from painter.painting.bounded_json import number_texts, shown, whole
from painter.system.snapshot import like
from renderers.brushes import BRUSHES, Brush, Parameter
from renderers.brushes.base import SEED_END
from renderers.strokes import Strokes

MAX_STROKES = 1_000_000
FRACTIONS = (0.0, 1.0)  # colours and opacity
SEEDS = (0, SEED_END - 1)
_BOUNDS = {
    "place": (-2.0, 3.0),
    "side": (1e-6, 4.0),
    "rad": (-1000.0, 1000.0),
    "1": (-2.0, 2.0),
}
_CHUNK = 65_536  # strokes whose texts are made at a time

Range = tuple[float, float]
Column = list[Any] | np.ndarray
"""A column as it is read: a list, or an array where it was long and all of its entries are alike."""


def allowed(parameter: Parameter) -> Range:
    """The range of a parameter in a file: far more than networks are trained on, but all of it can be drawn."""
    is_place = parameter.unit == "side" and parameter.name[0] in "xy"  # as in Brush.resized
    return _BOUNDS["place" if is_place else parameter.unit]


# --- reading ------------------------------------------------------------------------------------------------


def read_columns(columns: dict[str, Any], brush: Brush) -> Strokes:
    """The strokes of `brush` that are in columns; `columns` is emptied, so that its memory can be used again.

    Raises:
        StrokeFileError: a column is missing, unknown, not a list, or of another length than the others; a value has
            another type or is out of range; or there are too many strokes.
    """
    expected = [*brush.names, "colors", "opacity", "seed"]
    for name in expected:
        if not isinstance(columns.get(name), list | np.ndarray):
            wrong = f"strokes.{name} is {shown(columns[name])}" if name in columns else f"strokes.{name} is missing"
            raise StrokeFileError(f"{wrong}; it must be a list with one entry for each stroke")
    for name in columns:
        if name not in expected:
            wrong = f"strokes.{one_line(name[:40])} is not a column of this brush"
            raise StrokeFileError(f"{wrong}; its columns are {', '.join(expected)}")
    count = len(columns["opacity"])
    for name in expected:
        if len(columns[name]) != count:
            wrong = f"strokes.{name} has {len(columns[name])} entries but strokes.opacity {count}"
            raise StrokeFileError(f"{wrong}; every stroke needs one in each")
    _check_count(count)
    shape = {p.name: _floats(f"strokes.{p.name}", columns.pop(p.name), allowed(p)) for p in brush.parameters}
    colors = _colors(columns.pop("colors"), brush.colors)
    opacity = _floats("strokes.opacity", columns.pop("opacity"), FRACTIONS)
    seed = torch.from_numpy(_array("strokes.seed", columns.pop("seed"), SEEDS, integers=True))
    return Strokes(brush.name, shape, colors, opacity, seed)


def check_range(where: str, values: np.ndarray, allowed: Range, per_stroke: int = 1) -> None:
    """Raise StrokeFileError unless all `values` [N · per_stroke] are finite and within `allowed`."""
    good = (values >= allowed[0]) & (values <= allowed[1])  # NaN is neither
    if not good.all():
        n = int(good.argmin())
        raise _refused(where, n // per_stroke, values[n].item(), f"from {allowed[0]:.10g} to {allowed[1]:.10g}")


def _floats(where: str, values: Column, allowed: Range) -> torch.Tensor:
    return torch.from_numpy(_array(where, values, allowed).astype(np.float32))


def _array(where: str, values: Column, allowed: Range, per_stroke: int = 1, integers: bool = False) -> np.ndarray:
    """`values`, checked to be numbers and in range, as float64; or as int64 if they must be `integers`."""
    if isinstance(values, np.ndarray):
        if values.ndim == 1 and not (integers and values.dtype != np.int64 and (values % 1 != 0).any()):
            array = values.astype(np.float64, copy=False)
            check_range(where, array, allowed, per_stroke)
            return array.astype(np.int64) if integers else array
        values = values.tolist()  # for the message
    types = {int} if integers else {int, float}
    if integers and float in set(map(type, values)):
        values = list(map(whole, values))
    if not set(map(type, values)) <= types:
        n = next(n for n, value in enumerate(values) if type(value) not in types)
        kind = "a whole number " if integers else "a number "
        raise _refused(where, n // per_stroke, values[n], f"{kind}from {allowed[0]:.10g} to {allowed[1]:.10g}")
    array = np.array(values, np.float64)
    check_range(where, array, allowed, per_stroke)
    return array.astype(np.int64) if integers else array


def _colors(colors: Column, count: int) -> torch.Tensor:
    """[N, K, 3] float32."""
    if isinstance(colors, np.ndarray):
        if colors.shape[1:] == (count, 3):
            check_range("strokes.colors", colors.ravel().astype(np.float64, copy=False), FRACTIONS, 3 * count)
            return torch.from_numpy(colors.astype(np.float32))
        colors = list(colors.tolist())  # for the message
    where, form = "strokes.colors", f"a list of {count} [red, green, blue]"
    _check_lists(where, colors, count, 1, form)
    rows = list(chain.from_iterable(colors))
    colors.clear()
    _check_lists(where, rows, 3, count, form)
    flat = list(chain.from_iterable(rows))
    del rows
    array = _array(where, flat, FRACTIONS, per_stroke=3 * count).astype(np.float32)
    return torch.from_numpy(array.reshape(-1, count, 3))


def _check_lists(where: str, values: list[Any], length: int, per_stroke: int, form: str) -> None:
    if set(map(type, values)) <= {list} and set(map(len, values)) <= {length}:
        return
    n = next(n for n, value in enumerate(values) if type(value) is not list or len(value) != length)
    raise _refused(where, n // per_stroke, values[n], form)


def _check_count(count: int) -> None:
    if count > MAX_STROKES:
        raise StrokeFileError(f"it has {count:,} strokes, more than {MAX_STROKES:,}; split the painting")


def _refused(where: str, stroke: int, value: Any, form: str) -> StrokeFileError:
    return StrokeFileError(f"{where} of stroke {stroke + 1} is {shown(value)}; it must be {form}")


# --- writing ------------------------------------------------------------------------------------------------


def check_strokes(strokes: Strokes, brush: Brush) -> None:
    """Raise StrokeFileError unless `read_columns` would accept them: what is written can be read again."""
    _check_count(len(strokes))
    for parameter in brush.parameters:
        check_range(f"strokes.{parameter.name}", strokes.params[parameter.name].numpy(), allowed(parameter))
    if strokes.colors.shape[1] != brush.colors:
        wrong = f"its strokes have {strokes.colors.shape[1]} colours each"
        raise StrokeFileError(f"{wrong}; those of {brush.name} have {brush.colors}")
    check_range("strokes.colors", strokes.colors.numpy().ravel(), FRACTIONS, 3 * brush.colors)
    check_range("strokes.opacity", strokes.opacity.numpy(), FRACTIONS)
    check_range("strokes.seed", strokes.seed.numpy(), SEEDS)


def column_texts(strokes: Strokes, brush: Brush) -> Iterator[str]:
    """The columns as the members of a JSON object, piece by piece; each column is a line of its own."""
    for name in brush.names:
        yield f'"{name}":['
        yield from _joined(number_texts, strokes.params[name].numpy())
        yield "],\n"
    yield '"colors":['
    yield from _joined(_color_texts, strokes.colors.numpy())
    yield '],\n"opacity":['
    yield from _joined(number_texts, strokes.opacity.numpy())
    yield '],\n"seed":['
    yield from _joined(lambda seeds: map(str, seeds.tolist()), strokes.seed.numpy())
    yield "]\n"


def _joined(texts: Any, values: np.ndarray) -> Iterator[str]:
    for start in range(0, len(values), _CHUNK):
        yield "," * (start > 0) + ",".join(texts(values[start : start + _CHUNK]))


def _color_texts(colors: np.ndarray) -> Iterator[str]:
    """One text for each stroke of [N, K, 3]."""
    form = "[" + ",".join(["[%s,%s,%s]"] * colors.shape[1]) + "]"
    per_stroke = [iter(number_texts(colors.ravel()))] * (3 * colors.shape[1])
    return map(form.__mod__, zip(*per_stroke, strict=True))


def strokes_of(value: Any, brush: str) -> Strokes:
    """`value`, checked to be strokes of this brush that a stroke file can hold. Raises ValueError if it is not."""
    if not isinstance(value, Strokes) or value.brush != brush or set(value.params) != set(BRUSHES[brush].names):
        raise ValueError(f"expected strokes of {brush}")
    count = value.opacity.shape[:1]
    for column in value.params.values():
        like(column, torch.empty(count))
    like(value.colors, torch.empty(*count, BRUSHES[brush].colors, 3))
    like(value.opacity, torch.empty(count))
    like(value.seed, torch.empty(count, dtype=torch.int64))
    try:
        check_strokes(value, BRUSHES[brush])
    except StrokeFileError as error:
        raise ValueError(str(error)) from error
    return value
