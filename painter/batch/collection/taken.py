"""Combinations that no token of a collection may have: a table with a column for each axis, a line for each of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from painter.batch.collection.combinations import Combination
from painter.batch.collection.recipe import Axis
from painter.errors import RecipeError, one_line


def read_taken(path: Path, axes: Sequence[Axis]) -> frozenset[Combination]:
    """The combinations in a CSV file, whose first line names the axes in any order.

    Lines with a value that an axis does not have are passed over: no token can have them.

    Raises:
        RecipeError: the file cannot be read, or does not have a column for each axis.
    """
    found = set()
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = csv.DictReader(stream)
            missing = [axis.name for axis in axes if axis.name not in (rows.fieldnames or ())]
            if missing:
                raise RecipeError(f"taken = {one_line(path)}: it has no column {missing[0]}; its columns are the axes")
            for row in rows:
                values = [axis.index(row[axis.name] or "") for axis in axes]
                if None not in values:
                    found.add(tuple(v for v in values if v is not None))
    except OSError as error:
        raise RecipeError(f"taken = {one_line(path)}: it cannot be read ({error.strerror or error})") from error
    except (csv.Error, ValueError) as error:
        raise RecipeError(f"taken = {one_line(path)}: it is not a table in CSV; write one line a token") from error
    return frozenset(found)


def write_taken(axes: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The content of such a file.

    Args:
        axes: their names.
        rows: the values of each combination, in the order of axes.
    """
    lines = [_line(axes), *(_line(row) for row in rows)]
    return "".join(lines)


def _line(cells: Sequence[str]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\n') else cell for cell in cells) + "\n"
