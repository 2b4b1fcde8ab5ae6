"""The compute device of a search, and the number of threads that torch uses."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from painter.errors import DeviceError
from painter.system.late_torch import import_late


def resolve_device(device: str, backend: str = "auto") -> tuple[str, str]:
    """The device to run on, 'cpu' or 'cuda', and the kernels that blend on it, 'reference', 'cpu' or 'cuda'.

    Args:
        device: 'auto', 'cpu' or 'cuda'.
        backend: 'auto', 'reference', 'cpu' or 'cuda'.

    Raises:
        DeviceError: there is no CUDA device, no Triton for its kernels, or the kernels are for another device.
    """
    if device == "auto":
        # The CPU, unless a GPU's kernels are asked for: those have not been timed yet.
        device, asked = ("cuda" if backend == "cuda" else "cpu"), "--backend cuda"
    else:
        asked = f"--device {device}"
    if device == "cuda" and not has_cuda():
        raise DeviceError(f"{asked}: torch finds no CUDA device on this machine; choose cpu or auto")
    has_triton = find_spec("triton") is not None
    if backend == "auto":
        return device, "cpu" if device == "cpu" else "cuda" if has_triton else "reference"
    if backend not in (device, "reference"):
        raise DeviceError(f"--backend {backend}: does not work with --device {device}; choose auto or reference")
    if backend == "cuda" and not has_triton:
        raise DeviceError("--backend cuda: needs Triton (pip install triton); choose auto or reference")
    return device, backend


def resolve_torch_device(device: str) -> str:
    """The device for what needs only torch, 'cpu' or 'cuda'; 'auto' is 'cuda' if the machine has it.

    Raises:
        DeviceError: 'cuda' is asked for, and there is none.
    """
    if device == "auto":
        return "cuda" if has_cuda() else "cpu"
    return resolve_device(device, "reference")[0]


def has_cuda() -> bool:
    """Whether torch can use a CUDA device here."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of old drivers; our own message is enough
        found = torch.cuda.is_available()
    if found:
        import_late()  # some of its kernels
    return found


@contextmanager
def ordinary_tensors() -> Iterator[None]:
    """Within this context torch records gradients, whatever its caller has switched off: under `torch.inference_mode`,
    as some programs run everything, a search could not descend."""
    import torch

    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Within this context torch uses one thread, which leaves the other cores to the kernels.

    torch's part of the work is so small that on a busy machine the barriers of a second thread cost twenty times as
    much. With one thread, the strokes do not depend on the number of cores either.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
