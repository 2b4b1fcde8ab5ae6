"""Damaged and hostile checkpoints."""

from __future__ import annotations

import json
import random
import struct
from functools import cache
from hashlib import sha256
from typing import Any

import numpy as np

from renderers.checkpoint import checkpoint_folder
from scripts.fuzz.cases.mutations import mutate_text, mutated, rearranged


@cache
def _checkpoint() -> tuple[dict[str, Any], bytes]:
    folder = checkpoint_folder()
    manifest = json.loads((folder / "manifest.json").read_text())
    entry = {**manifest["brushes"]["rectangle"], "trained": {}}
    return {"brushes": {"rectangle": entry}}, (folder / entry["file"]).read_bytes()


def checkpoint(rng: random.Random) -> tuple[bytes, bytes]:
    """A damaged or hostile checkpoint: (manifest.json, rectangle.safetensors). Most have the right sha256."""
    manifest, content = _checkpoint()
    way = rng.random()
    if way < 0.25:
        return json.dumps(rearranged(manifest, rng)).encode(), content
    if way < 0.35:
        return mutate_text(json.dumps(manifest).encode(), rng), content
    size = int.from_bytes(content[:8], "little")
    if way < 0.65:
        header = json.loads(content[8 : 8 + size])
        text = json.dumps(rearranged(header, rng)).encode()
        if rng.random() < 0.3:
            text = mutate_text(text, rng)
        content = len(text).to_bytes(8, "little") + text + content[8 + size :]
    elif way < 0.75:
        at = 8 + size + 4 * rng.randrange((len(content) - 8 - size) // 4)
        content = content[:at] + struct.pack("<f", rng.choice((np.nan, np.inf, -np.inf))) + content[at + 4 :]
    else:
        content = mutated(content, rng)
    if rng.random() < 0.9:
        manifest = {"brushes": {"rectangle": {"file": "rectangle.safetensors", "sha256": sha256(content).hexdigest()}}}
    return json.dumps(manifest).encode(), content
