"""The networks that see style: VGG trained on ImageNet, one that also learnt edges, or one with random filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from painter.errors import OptionError
from painter.options.network_files import choose_features
from painter.options.network_layers import CONVOLUTIONS, FEATURES, NETWORKS, TORCHVISION_KINDS
from painter.styling.features import Features
from painter.styling.hed_weights import find_hed, read_hed
from painter.styling.random_filters import random_features
from painter.styling.weights import find_weights, read_weights


def load_features(
    kind: str,
    weights: Path | None = None,
    *,
    download: bool = False,
    progress: bool = False,
    seed: int = 0,
    layers: Sequence[str] | None = None,
) -> Features:
    """A network, ready for use on the CPU.

    Args:
        kind: 'vgg19' or 'vgg16', trained on ImageNet; 'hed', a VGG-16 that was then trained on edges; 'random',
            VGG-19's shape with random filters; or 'auto', the best on this machine.
        weights: a .pth or .safetensors file of torchvision's network; if not given, its file in torch's hub folder.
        download: whether to get that file (about 0.55 GB) where it is missing.
        progress: whether torch may show a bar of the download on standard error.
        seed: of the random filters; not used by the others.
        layers: that will be asked for, of those that there are: others may be missing. All of them if not given.

    Raises:
        OptionError: no such kind, or weights for a network that takes none.
        CheckpointError: no weights, or none of this network; the message says what to do.
    """
    if kind not in FEATURES:
        raise OptionError(f"--features {kind}: unknown; choose from {', '.join(FEATURES)}")
    kind = choose_features(kind, None if weights is None else str(weights))
    if kind not in TORCHVISION_KINDS:
        if weights is not None:
            raise OptionError(f"--weights {weights}: --features {kind} takes no weights; choose vgg19 or vgg16")
        if kind == "random":
            return random_features(seed)
        return Features(kind, read_hed(find_hed(), _depth(kind, layers))).eval()
    path = find_weights(kind, download, progress) if weights is None else weights
    return Features(kind, _in_order(kind, read_weights(kind, path), _depth(kind, layers))).eval()


def _depth(kind: str, layers: Sequence[str] | None) -> int:
    """How many layers there must be so that these can be computed."""
    names = NETWORKS[kind]
    return len(names) if layers is None else 1 + max((names.index(name) for name in layers if name in names), default=0)


def _in_order(kind: str, state: Mapping[str, Tensor], count: int) -> list[tuple[Tensor, Tensor]]:
    places = CONVOLUTIONS[kind][:count]
    return [(state[f"features.{k}.weight"].float(), state[f"features.{k}.bias"].float()) for k in places]
