"""How large a stamp's texture may be. Read without torch."""

from __future__ import annotations

LONGEST = 1024  # texels along the longer side of a texture, at most
