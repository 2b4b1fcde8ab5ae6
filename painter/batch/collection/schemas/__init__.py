"""JSON Schemas of the files that Impasto writes, for other programs; Impasto itself checks more when it reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SCHEMAS = ("strokes-1", "stroke-video-1", "opensea", "metaplex")
"""The names of the schemas: of stroke files and of the lines of stroke videos, with the formats' versions, and of the
metadata of tokens."""


def read_schema(name: str = "strokes-1") -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) called `name`, one of SCHEMAS.

    Raises:
        ValueError: there is no such schema.
    """
    if name not in SCHEMAS:
        raise ValueError(f"no schema is called {name!r}; choose from {', '.join(SCHEMAS)}")
    schema: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.schema.json").read_text(encoding="utf-8"))
    return schema
