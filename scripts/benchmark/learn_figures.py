"""How near new pieces come to a collection: distances of features, coverage, traits, copies, colours.

Features are those of a judge of traits that is trained on the entire collection, apart from any model. Pieces are uint8
[n, S, S, C] everywhere. Figures of different numbers of pieces do not compare: Fréchet distances grow as n falls.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from painter.learning.copies import nearest, reduced
from painter.learning.judge import Judge
from painter.learning.learning_config import Design, TrainingConfig
from painter.learning.networks import make_networks
from painter.learning.schedule import Schedule
from painter.learning.signal import to_signal
from painter.learning.stages import make_material, make_trainers
from painter.learning.trainer import take_step
from painter.learning.training import sizes_of
from painter.learning.training_pictures import Collection
from painter.learning.workers import worker_threads

_NEIGHBOURS = 3  # whose distance is the radius of a feature's ball (T. Kynkäänniemi et al., 2019)
_BATCH = 64
_COLORS, _SAME = 64, 2  # most frequent colours, and the difference within which a pixel has one of them


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


@torch.no_grad()
def read_traits(judge: Judge, pieces: np.ndarray) -> list[Tensor]:
    """The most probable value of each trait, [n] each."""
    parts = [judge(to_signal(part)) for part in torch.from_numpy(pieces).split(_BATCH)]
    return [torch.cat([part[k].argmax(1) for part in parts]) for k in range(len(judge.traits))]


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


def figures(judge: Judge, made: np.ndarray, real: np.ndarray) -> Mapping[str, float]:
    """All figures of new pieces against the pieces that were learned."""
    of_made, of_real = features(judge, made), features(judge, real)
    precision, recall = precision_recall(of_real[: 2 * len(made)], of_made)
    distance, _ = nearest(reduced(made, 32), reduced(real, 32))
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
    }
