"""Networks for style: what they compute, and which weights they take."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from painter.errors import CheckpointError, OptionError
from painter.options.network_layers import CONVOLUTIONS, NETWORKS
from painter.styling import features as module
from painter.styling import weights
from painter.styling.feature_networks import load_features
from painter.styling.features import Features


@pytest.fixture(scope="module")
def network() -> Features:
    return load_features("random", seed=3)


@pytest.fixture(scope="module")
def state(network: Features) -> dict[str, Tensor]:
    """The network's weights under torchvision's names, classifier and all (in small)."""
    found = {"classifier.0.weight": torch.zeros(2, 2), "classifier.0.bias": torch.zeros(2)}
    for place, name in zip(CONVOLUTIONS["vgg19"], network.names, strict=True):
        found[f"features.{place}.weight"] = getattr(network, f"{name}_filters")
        found[f"features.{place}.bias"] = getattr(network, f"{name}_biases")
    return found


@pytest.fixture(scope="module")
def file(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "vgg19.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def vgg() -> ModuleType:
    """Where torchvision makes these networks; it takes seconds to import."""
    return importlib.import_module("torchvision.models.vgg")


def picture(height: int = 20, width: int = 24, seed: int = 0) -> Tensor:
    return torch.rand(height, width, 3, generator=torch.Generator().manual_seed(seed))


# --- what it computes ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_layers_are_torchvisions(network: Features, state: dict[str, Tensor], vgg: ModuleType) -> None:
    theirs = vgg.make_layers(vgg.cfgs["E"])
    theirs.load_state_dict({k.removeprefix("features."): v for k, v in state.items() if k.startswith("features.")})
    for k, layer in enumerate(theirs):
        if isinstance(layer, nn.MaxPool2d):
            theirs[k] = nn.AvgPool2d(2)
        if isinstance(layer, nn.Conv2d):
            layer.padding_mode = "replicate"
            layer._reversed_padding_repeated_twice = [1, 1, 1, 1]
    image = picture(32, 48)
    h = ((image.permute(2, 0, 1) - torch.tensor(module.MEAN)[:, None, None])
         / torch.tensor(module.DEVIATION)[:, None, None])[None]  # fmt: skip
    found = network(image, network.names)
    with torch.no_grad():
        for k, layer in enumerate(theirs):
            h = layer(h)
            if k - 1 in CONVOLUTIONS["vgg19"]:
                name = network.names[CONVOLUTIONS["vgg19"].index(k - 1)]
                torch.testing.assert_close(found[name] + network.centre, h[0], rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("kind", ["vgg16", "vgg19"])
def test_places_are_torchvisions(kind: str, vgg: ModuleType) -> None:
    with torch.device("meta"):  # no memory, no numbers
        theirs = getattr(vgg, kind)(weights=None, init_weights=False).features
    assert CONVOLUTIONS[kind] == tuple(k for k, layer in enumerate(theirs) if isinstance(layer, nn.Conv2d))
    assert NETWORKS[kind][-1] == {"vgg16": "relu5_3", "vgg19": "relu5_4"}[kind]


def test_shapes_and_order(network: Features) -> None:
    found = network(picture(21, 40), ["relu3_4", "relu1_2"])
    assert {name: tuple(layer.shape) for name, layer in found.items()} == {
        "relu3_4": (256, 6, 10),
        "relu1_2": (64, 21, 40),
    }
    assert list(found) == ["relu3_4", "relu1_2"]
    assert network(picture(1, 3), ["relu5_1"])["relu5_1"].shape == (512, 1, 1)


def test_nothing_beyond_the_deepest_is_computed(network: Features, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []
    original = network.rectified

    def watched(name: str, h: Tensor, means: bool = False) -> Tensor:
        computed.append(name)
        return original(name, h, means)

    monkeypatch.setattr(network, "rectified", watched)
    network(picture(), ["relu2_1", "relu1_1"])
    assert computed == ["relu1_1", "relu1_2", "relu2_1"]


def test_gradient(network: Features) -> None:
    double = Features("random", [
        (getattr(network, f"{name}_filters"), getattr(network, f"{name}_biases")) for name in network.names
    ]).double()  # fmt: skip
    image = picture(8, 9).double().requires_grad_()

    def total(image: Tensor) -> Tensor:
        return torch.stack([layer.square().mean() for layer in double(image, ["relu1_2", "relu3_1"]).values()]).sum()

    assert torch.autograd.gradcheck(total, image, eps=1e-6, atol=1e-6, fast_mode=True)


def test_checkpointing_changes_nothing(network: Features, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> tuple[dict[str, Tensor], Tensor]:
        image = picture(24, 24).requires_grad_()
        found = network(image, ["relu1_1", "relu3_1", "relu2_2"])
        torch.stack([layer.square().mean() for layer in found.values()]).sum().backward()
        assert image.grad is not None
        return found, image.grad

    plain, gradient = run()
    monkeypatch.setattr(module, "CHECKPOINT_PIXELS", 1)
    spared, again = run()
    assert all(torch.equal(plain[name], spared[name]) for name in plain)
    torch.testing.assert_close(gradient, again, rtol=1e-5, atol=1e-8)


def test_bad_calls(network: Features) -> None:
    with pytest.raises(OptionError, match=r"random has no layer 'relu6_1'; choose from relu1_1 to relu5_4"):
        network(picture(), ["relu6_1"])
    with pytest.raises(ValueError, match=r"\[H, W, 3\], got \[4, 4\]"):
        network(torch.zeros(4, 4), ["relu1_1"])


# --- the random network -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_random_is_seeded_and_well_scaled(network: Features) -> None:
    again, other = load_features("random", seed=3), load_features("random", seed=4)
    assert all(torch.equal(a, b) for a, b in zip(network.buffers(), again.buffers(), strict=True))
    assert not torch.equal(network.get_buffer("relu1_1_filters"), other.get_buffer("relu1_1_filters"))
    from skimage import data

    cat = torch.from_numpy(data.chelsea()[::4, ::4].astype("float32") / 255)
    for name, layer in network(cat, network.names).items():
        assert -0.3 < layer.mean() < 0.6 and 0.2 < layer.std() < 2, name  # a rectified normal has 0 and 0.58
        assert (layer.flatten(1).std(1) > 0).float().mean() > 0.95, name  # hardly any filter is dead


@pytest.mark.slow
def test_random_tells_textures_apart(network: Features) -> None:
    """Two parts of one texture are far more alike than two textures, as their Gram matrices see them."""
    from skimage import data

    from painter.styling.style_losses import style_loss, style_target

    layers = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 1.0}
    parts = []
    for texture in (data.brick(), data.grass(), data.gravel()):
        grey = torch.from_numpy(texture[:192:2, :384:2].astype("float32") / 255)
        grey = ((grey - grey.mean()) / grey.std() * 0.2 + 0.5).clamp(0, 1)  # not by brightness or contrast
        parts.append(grey[..., None].expand(-1, -1, 3).split(96, dim=1))
    for k, (left, _) in enumerate(parts):
        target = style_target(network, [left], list(layers))
        found = [style_loss(network(right, list(layers)), [target], layers).item() for _, right in parts]
        assert found[k] < 0.5 * min(found[:k] + found[k + 1 :]), (k, found)


# --- weights ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_weights_from_a_file(
    ending: str, file: Path, state: dict[str, Tensor], network: Features, tmp_path: Path
) -> None:
    if ending == ".safetensors":
        file = tmp_path / "vgg19.safetensors"
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, file)
    loaded = load_features("vgg19", file)
    names = ["relu1_1", "relu4_2", "relu5_4"]
    ours, theirs = network(picture(), names), loaded(picture(), names)
    assert loaded.kind == "vgg19" and all(torch.equal(ours[name], theirs[name] - network.centre) for name in names)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def small(state: dict[str, Tensor], **changes: Tensor | None) -> dict[str, Tensor]:
    """The state with some tensors replaced, or left out; names with _ for the dots."""
    found = {**state, **{name.replace("_", "."): tensor for name, tensor in changes.items()}}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("vgg16", {}, "are not weights of vgg16: there is no features.17.weight;"),
        ("vgg19", {"features_28_bias": None}, "are not weights of vgg19: there is no features.28.bias"),
        ("vgg19", {"features_0_weight": torch.zeros(64, 1, 3, 3)}, "features.0.weight is [64, 1, 3, 3], not [64, 3"),
        ("vgg19", {"features_2_bias": torch.full((64,), float("nan"))}, "has numbers that are not finite"),
    ],
)
def test_weights_of_another_network(
    kind: str, changes: dict[str, Any], message: str, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "_read", lambda path: small(state, **changes))
    with pytest.raises(CheckpointError) as caught:
        load_features(kind, Path("w.pth"))
    told = str(caught.value)
    assert message in told
    assert told.startswith("--weights w.pth: ") and "\n" not in told


def test_bad_weight_files(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    cases = {
        "none.pth": (None, "cannot be read (No such file"),
        "short.pth": (content[:5000], "is damaged or holds no plain tensors"),
        "text.pth": (b"hello", "is damaged or holds no plain tensors"),
        "stack.pth": (b"\x80\x02q\x00.", "is damaged or holds no plain tensors"),  # an IndexError of torch
        "text.safetensors": (b"hello, this is no table", "is not a safetensors file"),
        "w.bin": (content[:10], "neither .pth nor .safetensors"),
    }
    for name, (data, message) in cases.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(CheckpointError) as caught:
            load_features("vgg19", tmp_path / name)
        assert message in str(caught.value) and "\n" not in str(caught.value), name


def test_no_code_in_a_weight_file_is_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"features.0.weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(CheckpointError, match="holds no plain tensors"):
        load_features("vgg19", tmp_path / "trap.pth")
    assert not (tmp_path / "sprung").exists()


def test_missing_weights_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def offline(*args: Any, **kwargs: Any) -> None:
        raise URLError("no route to host")

    for download, told in ((False, "are not on this machine"), (True, "cannot be downloaded (no route to host)")):
        monkeypatch.setattr("torch.hub.download_url_to_file", offline)
        with pytest.raises(CheckpointError) as caught:
            load_features("vgg19", download=download)
        message = str(caught.value)
        assert told in message and "\n" not in message
        for part in ("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", "--features random", "--weights"):
            assert part in message
        assert str(tmp_path / "hub/checkpoints/vgg19-dcbb9e9d.pth") in message


@pytest.mark.slow
def test_weights_in_the_cache_are_checked(
    file: Path, network: Features, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    source = SimpleNamespace(url=f"https://example.org/vgg19-{digest}.pth")
    monkeypatch.setattr(weights, "_torchvision_weights", lambda kind: source)
    cached = tmp_path / f"hub/checkpoints/vgg19-{digest}.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(file.read_bytes())
    read, ours = (one.get_buffer("relu1_1_filters") for one in (load_features("vgg19"), network))
    assert torch.equal(read, ours)
    cached.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match=r"damaged or cut short \(its sha256 differs\); delete it"):
        load_features("vgg19")


def test_unknown_kinds(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--features resnet: unknown; choose from auto, vgg19, vgg16, hed, random"):
        load_features("resnet")
    with pytest.raises(OptionError, match="--features random takes no weights"):
        load_features("random", tmp_path / "w.pth")
