"""The networks' Triton kernels against plain torch, values and gradients: on a CUDA device, else interpreted."""

from __future__ import annotations

import importlib
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from renderers.brushes import NETWORK_BRUSHES, Frame
from renderers.brushes.base import frame_grid
from renderers.checkpoint import load_networks
from renderers.decoder import network_maps
from renderers.decoding import NetworkMaps
from renderers.evaluation import random_strokes
from renderers.networks import BrushNetworks

triton = pytest.importorskip("triton", reason="triton is not installed")
decoder_cuda = importlib.import_module("renderers.decoder_cuda")

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
PIXEL = 1 / 24
LEAVES = ("box", "geometry", "code")


def frames(brush: str, count: int, dtype: torch.dtype, device: str) -> Frame:
    """Frames of random strokes, whose box, geometry and code are leaves."""
    strokes = random_strokes(NETWORK_BRUSHES[brush], count, torch.Generator().manual_seed(2))
    frame = NETWORK_BRUSHES[brush].frame(strokes.params, PIXEL)
    moved = {name: getattr(frame, name).detach().to(device, dtype) for name in frame.__dataclass_fields__}
    return replace(frame, **{name: value.requires_grad_(name in LEAVES) for name, value in moved.items()})


def decoded(source: NetworkMaps, frame: Frame) -> tuple[Tensor, list[Tensor]]:
    """The texels, and the gradients of a fixed random sum of them, on the CPU in float64."""
    with torch.no_grad():
        grid = frame_grid(frame.box.float(), (PIXEL / frame.scale).float(), source.density)
    texels = source.texels(frame, PIXEL, grid)
    weight = torch.randn(texels.shape, generator=torch.Generator().manual_seed(9)).to(texels)
    leaves = [getattr(frame, name) for name in LEAVES]
    found = torch.autograd.grad((texels * weight).sum(), leaves, materialize_grads=True)
    return texels.detach().double().cpu(), [gradient.double().cpu() for gradient in found]


def assert_same(brush: str, networks: BrushNetworks, count: int) -> Tensor:
    """The kernels agree with plain torch in float64; their texels."""
    kernels = decoder_cuda.CudaDecoder(networks.to(DEVICE), 1.0)
    seen, found = decoded(kernels, frames(brush, count, torch.float32, DEVICE))
    exact = NetworkMaps(networks.to("cpu").double(), 1.0)
    wanted, truth = decoded(exact, frames(brush, count, torch.float64, "cpu"))
    assert seen.shape == wanted.shape and (seen - wanted).abs().max() < 2e-5
    for name, gradient, true in zip(LEAVES, found, truth, strict=True):
        assert (gradient - true).abs().max() <= 1e-3 * true.abs().max() + 1e-6, name
    return seen


@pytest.mark.parametrize("brush", list(NETWORK_BRUSHES))
def test_values_and_gradients(brush: str) -> None:
    networks = load_networks(brush)
    before = [value.clone() for value in networks.parameters()]
    texels = assert_same(brush, networks, 7)
    assert 0.05 < texels[:, 0].mean() < 0.9 and texels.min() == 0 and texels.max() == 1
    assert all(torch.equal(a, b.float().cpu()) for a, b in zip(before, networks.parameters(), strict=True))


def test_one_stroke_and_none() -> None:
    networks = load_networks("rectangle")
    assert_same("rectangle", networks, 1)
    kernels = decoder_cuda.CudaDecoder(networks.float().to(DEVICE), 1.0)
    frame = frames("rectangle", 2, torch.float32, DEVICE)
    nothing = replace(frame, **{name: getattr(frame, name)[:0] for name in frame.__dataclass_fields__})
    maps = kernels(nothing, PIXEL)
    assert maps.texels.shape == (0, 2) and len(maps.size) == 0


def test_gradients_are_the_same_every_time() -> None:
    kernels = decoder_cuda.CudaDecoder(load_networks("markerpen").to(DEVICE), 1.0)
    (one, first), (other, second) = (decoded(kernels, frames("markerpen", 3, torch.float32, DEVICE)) for _ in "12")
    assert torch.equal(one, other) and all(map(torch.equal, first, second))


def test_the_search_decodes_with_what_it_blends_with() -> None:
    networks = load_networks("rectangle").to(DEVICE)
    source = network_maps(networks, "cuda", 1.0)
    assert isinstance(source, decoder_cuda.CudaDecoder)
    assert isinstance(network_maps(networks, "reference", 1.0), NetworkMaps)
    strokes = random_strokes(NETWORK_BRUSHES["rectangle"], 2, torch.Generator().manual_seed(1))
    if DEVICE == "cuda":
        strokes = strokes.map(lambda values: values.to(DEVICE))
    frame = NETWORK_BRUSHES["rectangle"].frame(strokes.params, PIXEL)
    near = source.near(strokes, PIXEL, 1.5)(frame, PIXEL).texels
    exact = NetworkMaps(networks, 1.0).near(strokes, PIXEL, 1.5)(frame, PIXEL).texels
    assert (near - exact).abs().max() < 2e-5
