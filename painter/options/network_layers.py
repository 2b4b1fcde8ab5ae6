"""The layers of the networks that see style, by name. Kept apart from the networks, which need torch."""

from __future__ import annotations

from collections.abc import Iterable

from painter.errors import OptionError

WIDTHS = (64, 128, 256, 512, 512)  # filters of a layer, by block
_DEPTHS = {  # layers, by block
    "vgg19": (2, 2, 4, 4, 4),
    "vgg16": (2, 2, 3, 3, 3),
    "hed": (2, 2, 3, 3, 3),
    "random": (2, 2, 4, 4, 4),
}
KINDS = tuple(_DEPTHS)
FEATURES = ("auto", *KINDS)
"""What may be asked for: a kind, or the best that is on this machine, see `painter.options.network_files`."""
TORCHVISION_KINDS = ("vgg19", "vgg16")
"""Kinds whose weights are torchvision's, and may be in any file of that form."""


def _convolution_indices(depths: Iterable[int]) -> tuple[int, ...]:
    """Indices of the convolutions in torchvision's `features`: each is followed by a ReLU, each block by a pool."""
    indices, first = [], 0
    for depth in depths:
        indices += [first + 2 * i for i in range(depth)]
        first += 2 * depth + 1
    return tuple(indices)


NETWORKS = {
    kind: tuple(f"relu{b}_{i}" for b, depth in enumerate(depths, 1) for i in range(1, depth + 1))
    for kind, depths in _DEPTHS.items()
}
"""Names of a network's layers in order, by kind of network."""

CONVOLUTIONS = {kind: _convolution_indices(depths) for kind, depths in _DEPTHS.items()}
"""Indices of their convolutions in torchvision's `features`, by kind of network."""


def filter_shapes(kind: str) -> list[tuple[int, int]]:
    """(filters, input channels) of each layer in order."""
    outputs = [WIDTHS[int(name[4]) - 1] for name in NETWORKS[kind]]
    return list(zip(outputs, [3, *outputs[:-1]], strict=True))


def check_layers(kind: str, layers: Iterable[str], option: str = "layers") -> None:
    """Raise OptionError for a layer that the network does not have."""
    for name in layers:
        if name not in NETWORKS[kind]:
            known = f"{NETWORKS[kind][0]} to {NETWORKS[kind][-1]}"
            raise OptionError(f"{option}: {kind} has no layer {name!r}; choose from {known}")
