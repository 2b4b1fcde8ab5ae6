"""How the search sees strokes while they move."""

from __future__ import annotations

from painter.search.config import SearchConfig
from renderers.brushes import BRUSHES, NetworkBrush
from renderers.checkpoint import load_networks
from renderers.decoder import network_maps
from renderers.decoding import PaintedMaps, SearchMaps


def stroke_maps(brush: str, backend: str, device: str) -> SearchMaps:
    """The maps of a brush's strokes: as its networks decode them, or the brush's own.

    Args:
        brush: a name in `renderers.brushes.BRUSHES`.
        backend: of `renderers.blending.blend`: what decodes goes with what blends.
        device: 'cpu' or 'cuda'.

    Raises:
        CheckpointError: the networks' file is missing, truncated or altered.
    """
    known, density = BRUSHES[brush], SearchConfig().density
    if isinstance(known, NetworkBrush):
        networks = load_networks(brush)
        if device != "cpu":  # where they are: even then `to` imports parts of torch that take 0.03 s
            networks = networks.to(device)
        return network_maps(networks, backend, density)
    return known.maps() or PaintedMaps(known, density)
