"""Targets that the figures of scripts/benchmark/run.py are compared with."""

from __future__ import annotations

import operator
from typing import Any

RELATIONS = {"below": operator.lt, "at most": operator.le, "at least": operator.ge, "above": operator.gt}


def target(what: str, measured: float, relation: str, limit: float) -> dict[str, Any]:
    """A measured figure, one of RELATIONS that it should have to its limit, and whether it has."""
    met = bool(RELATIONS[relation](measured, limit))
    return {"what": what, "measured": measured, "relation": relation, "limit": limit, "met": met}


def print_targets(rows: list[dict[str, Any]]) -> None:
    print()
    for row in rows:
        limit = f"{row['relation']} {row['limit']:.4g}"
        print(f"{row['what']:72} {row['measured']:8.4g}  {limit:15} {'met' if row['met'] else 'NOT MET'}")
