"""Pictures, and pages that play them, as notebooks show them."""

from __future__ import annotations

import html
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image


def shown_in_notebooks(image: np.ndarray) -> dict[str, Any]:
    """A picture under its kind, as the notebook's protocol wants it: a JPEG, or a PNG where it may be transparent.

    >>> from painter.pictures.notebook_pictures import shown_in_notebooks
    >>> list(shown_in_notebooks(picture))
    ['image/jpeg']

    Args:
        image: uint8 [H, W, 3], or [H, W, 4] with straight alpha.
    """
    buffer = BytesIO()
    if image.shape[2] == 4:
        Image.fromarray(image).save(buffer, "PNG")
        return {"image/png": buffer.getvalue()}
    Image.fromarray(image).save(buffer, "JPEG", quality=90)
    return {"image/jpeg": buffer.getvalue()}


@dataclass(frozen=True)
class Player:
    """A page that a notebook shows in a frame of its own, with its scripts and nothing else of the notebook's."""

    label: str
    page: str  # HTML
    width: int  # pixels
    height: int

    def __repr__(self) -> str:
        return f"<Player: {self.label}, {self.width}x{self.height}>"

    def _repr_html_(self) -> str:
        """What notebooks show."""
        size = f'width="{self.width}" height="{self.height}" style="border:0;max-width:100%"'
        return f'<iframe srcdoc="{html.escape(self.page)}" {size} sandbox="allow-scripts"></iframe>'
