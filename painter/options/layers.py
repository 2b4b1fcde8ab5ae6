"""The layers that a network has, by name. Apart from the networks, so that options are checked without torch."""

from __future__ import annotations

from collections.abc import Iterable

from painter.errors import OptionError

WIDTHS = (64, 128, 256, 512, 512)  # filters of a layer, by block
_DEPTHS = {"vgg19": (2, 2, 4, 4, 4), "vgg16": (2, 2, 3, 3, 3), "random": (2, 2, 4, 4, 4)}  # layers, by block
KINDS = tuple(_DEPTHS)


def _places(depths: Iterable[int]) -> tuple[int, ...]:
    """Where torchvision's `features` has the convolutions: a rectifier follows each, and a pool each block."""
    places, k = [], 0
    for depth in depths:
        places += [k + 2 * i for i in range(depth)]
        k += 2 * depth + 1
    return tuple(places)


NETWORKS = {
    kind: tuple(f"relu{b}_{i}" for b, depth in enumerate(depths, 1) for i in range(1, depth + 1))
    for kind, depths in _DEPTHS.items()
}
"""Names of a network's layers in order, by kind."""

CONVOLUTIONS = {kind: _places(depths) for kind, depths in _DEPTHS.items()}
"""Their places in torchvision's `features`, by kind."""


def filter_shapes(kind: str) -> list[tuple[int, int]]:
    """(filters, channels that they take) of each layer in order."""
    outputs = [WIDTHS[int(name[4]) - 1] for name in NETWORKS[kind]]
    return list(zip(outputs, [3, *outputs[:-1]], strict=True))


def check_layers(kind: str, layers: Iterable[str], option: str = "layers") -> None:
    """Raise OptionError for a layer that the network does not have."""
    for name in layers:
        if name not in NETWORKS[kind]:
            known = f"{NETWORKS[kind][0]} to {NETWORKS[kind][-1]}"
            raise OptionError(f"{option}: {kind} has no layer {name!r}; choose from {known}")
