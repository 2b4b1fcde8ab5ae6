"""A style picture, and the network that sees it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from painter.errors import one_line
from painter.options.network_files import choose_features, features_note
from painter.options.paint import PaintConfig
from painter.pictures.picture import Picture, PictureSource, check_shows, read_picture
from painter.styling.feature_networks import load_features
from painter.styling.features import Features
from painter.styling.levels import StyleSearchConfig

SMALLEST = 16  # long side at which a style picture is seen, pixels


@dataclass(frozen=True, eq=False)
class Style:
    """A style picture, and the network that sees it."""

    picture: Picture
    features: Features
    notes: tuple[str, ...] = ()  # lines for people: about the picture, and about which network was chosen

    @property
    def fingerprint(self) -> dict[str, str]:
        """What they are, by content, ready for JSON."""
        digest = hashlib.sha256()
        for name, values in self.features.state_dict().items():
            digest.update(name.encode() + values.cpu().contiguous().numpy().tobytes())
        return {"style picture": self.picture.sha256, "style network": digest.hexdigest()}


def load_style(source: PictureSource, config: PaintConfig, download: bool = False, progress: bool = False) -> Style:
    """Read the style picture and the network that `config` names.

    Args:
        source: a file, or an array as `painter.paint` takes it.
        download: whether weights may be downloaded where they are missing.
        progress: whether a bar of that may be shown.

    Raises:
        PictureError: the picture cannot be read, or is transparent everywhere.
        CheckpointError: the network's weights are missing or of another one.
    """
    most = max(level.side for level in StyleSearchConfig().levels)
    side = max(SMALLEST, style_side(config, most))
    picture = read_picture(source, side)
    named = source if isinstance(source, (str, os.PathLike)) else picture.name
    check_shows(picture, f"--style-image {one_line(named)}")
    weights, kind = (
        None if config.weights is None else Path(config.weights),
        choose_features(config.features, config.weights),
    )
    notes = (*picture.notes, features_note(kind)) if config.features != kind else picture.notes
    features = load_features(kind, weights, download=download, progress=progress, seed=config.seed)
    return Style(picture, features, notes)


def style_side(config: PaintConfig, side: int) -> int:
    """The style picture's long side beside a canvas of this one."""
    side = min(side, config.size)
    return max(SMALLEST, round((config.style_size or config.size) * side / config.size))
