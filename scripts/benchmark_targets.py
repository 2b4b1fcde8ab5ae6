"""What scripts/benchmark.py holds its figures against."""

from __future__ import annotations

import operator
from typing import Any

RELATIONS = {"below": operator.lt, "at most": operator.le, "at least": operator.ge, "above": operator.gt}


def target(what: str, measured: float, relation: str, limit: float) -> dict[str, Any]:
    """A figure that is to be reached, one of RELATIONS to its limit, and whether it is."""
    met = bool(RELATIONS[relation](measured, limit))
    return {"what": what, "measured": measured, "relation": relation, "limit": limit, "met": met}


def print_targets(rows: list[dict[str, Any]]) -> None:
    print()
    for row in rows:
        limit = f"{row['relation']} {row['limit']:.4g}"
        print(f"{row['what']:72} {row['measured']:8.4g}  {limit:15} {'met' if row['met'] else 'NOT MET'}")
