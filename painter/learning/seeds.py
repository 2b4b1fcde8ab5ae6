"""Random generators that depend on nothing but a seed and what they are for.

Each step of training and each piece has its own, so that neither a kill nor the pieces around it change anything.
"""

from __future__ import annotations

import hashlib

import torch

from painter.system.late_torch import allow_generators


def generator(*parts: object) -> torch.Generator:
    """A generator on the CPU; equal parts, such as a seed, a purpose and a number, give equal generators."""
    allow_generators()
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
