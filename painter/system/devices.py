"""Where the search runs, and how many threads torch has there."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from painter.errors import DeviceError


def resolve_device(device: str, backend: str = "auto") -> tuple[str, str]:
    """Where the search runs, 'cpu' or 'cuda', and what blends there: 'reference', 'cpu' or 'cuda'.

    Raises:
        DeviceError: for 'cuda' where there is none, 'cuda' kernels without Triton, or kernels for another device.
    """
    if device == "auto":
        # The CPU, unless a GPU's kernels are asked for: those have not been timed on one yet.
        device, asked = ("cuda" if backend == "cuda" else "cpu"), "--backend cuda"
    else:
        asked = f"--device {device}"
    if device == "cuda" and not has_cuda():
        raise DeviceError(f"{asked}: there is no CUDA device here that torch can use; choose cpu or auto")
    has_triton = find_spec("triton") is not None
    if backend == "auto":
        return device, "cpu" if device == "cpu" else "cuda" if has_triton else "reference"
    if backend not in (device, "reference"):
        raise DeviceError(f"--backend {backend}: does not work with --device {device}; choose auto or reference")
    if backend == "cuda" and not has_triton:
        raise DeviceError("--backend cuda: needs Triton (pip install triton); choose auto or reference")
    return device, backend


def resolve_torch_device(device: str) -> str:
    """Where what needs nothing but torch runs: 'cpu' or 'cuda', which is what 'auto' is where there is one.

    Raises:
        DeviceError: for 'cuda' where there is none.
    """
    if device == "auto":
        return "cuda" if has_cuda() else "cpu"
    return resolve_device(device, "reference")[0]


def has_cuda() -> bool:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of drivers that are too old; our own line says enough
        return torch.cuda.is_available()


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Leave the other cores to the kernels.

    What torch has left to do is so small that on a busy machine a second thread's barriers cost twenty times the work.
    With one, the strokes do not depend on the number of cores either.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
