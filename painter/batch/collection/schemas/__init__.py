"""JSON Schemas of what Impasto writes, for other programs; Impasto itself checks more, and says it more plainly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SCHEMAS = ("strokes-1", "opensea", "metaplex")
"""Names of the schemas: of the stroke file, whose number is the format's version, and of the metadata of tokens."""


def read_schema(name: str = "strokes-1") -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) called `name`, one of SCHEMAS.

    Raises:
        ValueError: there is no such schema.
    """
    if name not in SCHEMAS:
        raise ValueError(f"no schema is called {name!r}; there are {', '.join(SCHEMAS)}")
    return json.loads((Path(__file__).parent / f"{name}.schema.json").read_text(encoding="utf-8"))
