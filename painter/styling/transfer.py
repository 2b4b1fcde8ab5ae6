"""Style transfer on pixels (Gatys et al. 2016): a picture is changed until it has one's content and another's style.

The loss is L = alpha * content + beta * style + gamma * total variation, each as in painter.styling.losses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from painter.errors import ImpastoError
from painter.pace import Pace, StagePace
from painter.resizing import resize_image
from painter.styling import losses
from painter.styling.colors import color_statistics, grey, noise_like
from painter.styling.config import TransferConfig
from painter.styling.features import Features, load_features
from painter.styling.optimizers import Stepper
from painter.styling.records import Record
from painter.styling.scene import Scene, Sources


@dataclass(frozen=True, eq=False)
class TransferResult:
    """A picture and how it came about."""

    image: np.ndarray  # uint8 [H, W, 3], or [H, W, 4] with the content's alpha
    records: list[Record]
    interrupted: bool = False  # by Ctrl-C


class DivergedError(ImpastoError):
    """The loss became infinite or no number. `result` has the last good picture, `iteration` says when."""

    def __init__(self, message: str, iteration: int, result: TransferResult) -> None:
        super().__init__(message)
        self.iteration, self.result = iteration, result


@dataclass(frozen=True, eq=False)
class TransferProgress:
    """One step further."""

    record: Record
    iterations: int  # planned
    scales: int
    picture: Callable[[], np.ndarray] = field(repr=False)  # uint8 as in TransferResult, at this scale's size


class Objective:
    """The loss at one scale.

    Args:
        features: the network.
        scene: the pictures at this scale.
        blend: how much of each style counts.
        config: weights and layers.
    """

    def __init__(self, features: Features, scene: Scene, blend: list[float], config: TransferConfig) -> None:
        self._features, self._config, self._scene = features, config, scene
        self._layers = config.layer_weights
        self._content = torch.from_numpy(scene.content)
        # One style and a region: outside, the content itself is what the network sees.
        self._within = None if scene.region is None or len(blend) > 1 else torch.from_numpy(scene.region)[..., None]
        self._targets = self._make_targets(blend) if config.style_weight > 0 else []
        self._kept: Tensor | None = None
        if config.content_weight > 0 and config.content_loss == "features":
            with torch.no_grad():
                self._kept = features(colored(self._content), [config.content_layer])[config.content_layer]

    def _make_targets(self, blend: list[float]) -> list[losses.StyleTarget]:
        shown, styles = self._scene.shown, [colored(torch.from_numpy(style)) for style in self._scene.styles]
        alphas = [None if alpha is None else torch.from_numpy(alpha) for alpha in shown]
        targets = []
        for weights, mask in self._parts(blend):
            used = [k for k, weight in enumerate(weights) if weight > 0]
            target = losses.style_target(
                self._features,
                [styles[k] for k in used],
                list(self._layers),
                [weights[k] for k in used],
                [alphas[k] for k in used],
            )
            area = 1.0 if mask is None else float(mask.mean())  # so that a pixel counts the same in either part
            targets.append(losses.StyleTarget(target.grams, None if mask is None else torch.from_numpy(mask), area))
        return [target for target in targets if target.weight > 0] or targets[:1]

    def _parts(self, blend: list[float]) -> list[tuple[list[float], np.ndarray | None]]:
        """The styles' weights in each part of the picture, and where that part is."""
        region, alpha = self._scene.region, self._scene.alpha
        if region is None or len(blend) == 1:
            return [(blend, region if alpha is None else alpha if region is None else alpha * region)]
        shown = np.float32(1) if alpha is None else alpha
        return [([1.0, 0.0], region * shown), ([0.0, 1.0], (1 - region) * shown)]

    def composed(self, image: Tensor) -> Tensor:
        """The picture as far as it may change, [H, W, C]; elsewhere the content."""
        return image if self._within is None else self._content + self._within * (image - self._content)

    def __call__(self, image: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The loss of a picture [H, W, C], for the optimiser in a unit of its own.

        A pixel's gradient then depends neither on the size nor on the scale of the weights: so learning rates do not.

        Returns:
            [] float, and by name the terms without their weights and, as 'total', the weighted sum of them.
        """
        config, composed = self._config, self.composed(image)
        wanted = list(self._layers) if self._targets else []
        if self._kept is not None:
            wanted = list(dict.fromkeys([*wanted, config.content_layer]))
        found = self._features(colored(composed), wanted) if wanted else {}
        zero = image.new_zeros(())
        content = zero
        if self._kept is not None:
            content = losses.content_loss(found[config.content_layer], self._kept)
        elif config.content_weight > 0:
            content = losses.luminance_loss(colored(composed), colored(self._content))
        style = losses.style_loss(found, self._targets, self._layers) if self._targets else zero
        variation = losses.total_variation(composed)
        total = config.content_weight * content + config.style_weight * style + config.tv_weight * variation
        terms = {"content": content, "style": style, "tv": variation, "total": total}
        unit = (config.content_weight + config.style_weight + config.tv_weight) / (image.shape[0] * image.shape[1])
        return total / (unit or 1.0), {name: term.item() for name, term in terms.items()}


def colored(image: Tensor) -> Tensor:
    """[H, W, 3] of a picture [H, W, 3] or a grey one [H, W, 1]."""
    return image if image.shape[2] == 3 else image.expand(-1, -1, 3)


class Transfer:
    """A style transfer under way; `run` takes it to its end.

    Attributes:
        image: [H, W, C] float32, what is being changed, at the present scale's size; C is 1 where colours are kept.
        stepper: moves it; `stepper.optimizer` is torch's, with its state.
        scale: 0 the coarsest.
        iteration: steps taken, over all scales.
        records: the losses so far.
    """

    def __init__(
        self,
        sources: Sources,
        config: TransferConfig,
        features: Features | None = None,
        on_progress: Callable[[TransferProgress], Any] | None = None,
    ) -> None:
        self.sources, self.config = sources, config
        weights = None if config.weights is None else Path(config.weights)
        self._features = features or load_features(config.features, weights, seed=config.seed)
        self._blend = config.blend(len(sources.styles))
        self._on_progress = on_progress
        self.records: list[Record] = []
        self.iteration = 0
        self._begin(0)

    def run(self) -> TransferResult:
        """All scales, from coarse to fine; Ctrl-C ends it with the best so far.

        Raises:
            DivergedError: the loss is no number any more; it has the last good picture.
        """
        pace = Pace(self.config.seconds)
        steps = _shares(self.config.iterations, self.config.scales)
        pace.share_out([count * side**2 for count, side in zip(steps, self.config.sizes(), strict=True)])
        try:
            for scale, count in enumerate(steps):
                pace.begin()
                if scale:
                    self._begin(scale)
                self._run_scale(pace.stage(count))
        except KeyboardInterrupt:
            return self._result(True)
        return self._result(False)

    def _begin(self, scale: int) -> None:
        """Make ready for a scale: what the last one found, at this one's size, or the start."""
        self.scale, self._scene = scale, self.sources.scene(self.config, scale)
        before = self._start() if scale == 0 else self._enlarged()
        self._best, self._least = before, float("inf")
        self.image = torch.from_numpy(before.copy()).requires_grad_()
        self.objective = Objective(self._features, self._scene, self._blend[scale], self.config)
        self.stepper = Stepper(self.image, self.config)

    def _enlarged(self) -> np.ndarray:
        """The best of the last scale at this one's size, with the finest detail that the content has where it began."""
        content = self._scene.content
        larger = resize_image(self._best, *content.shape[:2])
        if self.config.start != "content":
            return larger
        without = resize_image(resize_image(content, *self._best.shape[:2]), *content.shape[:2])
        return np.clip(larger + (content - without), 0, 1)

    def _start(self) -> np.ndarray:
        content, config = self._scene.content, self.config
        if config.start == "content":
            return content
        if config.start == "noise":
            drawn = np.random.default_rng(config.seed).random(content.shape, dtype=np.float32)
            return 0.5 + 0.4 * (drawn - 0.5)
        weights = np.array(self._blend[0]) / sum(self._blend[0])
        found = [color_statistics(*pair) for pair in zip(self._scene.styles, self._scene.shown, strict=True)]
        mean = sum(weight * each[0] for weight, each in zip(weights, found, strict=True))
        covariance = sum(weight * each[1] for weight, each in zip(weights, found, strict=True))
        return noise_like((np.asarray(mean), np.asarray(covariance)), content.shape[:2], config.seed)

    def _run_scale(self, pace: StagePace) -> None:
        while True:
            done = pace.done()
            self._note(self.stepper.here(self._evaluate)[1])
            if done >= 1:
                return
            self.stepper.step(self._evaluate, done)
            self.iteration += 1
            pace.step()

    def _evaluate(self) -> tuple[Tensor, dict[str, float]]:
        loss, terms = self.objective(self.image)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach(), terms

    def _note(self, terms: dict[str, float]) -> None:
        """Keep the losses, and the picture if it is the best at this scale; tell whoever listens."""
        if not np.isfinite(list(terms.values())).all():
            raise DivergedError(
                f"the loss is no number any more after {self.iteration} steps; the last good picture is kept; "
                "choose a smaller --learning-rate or smaller weights",
                self.iteration,
                self._result(True),
            )
        record = Record(self.iteration, self.scale + 1, **terms)
        self.records.append(record)
        if terms["total"] < self._least:
            self._least, self._best = terms["total"], self._snapshot()
        if self._on_progress is not None:
            plan = (self.config.iterations, self.config.scales)
            self._on_progress(TransferProgress(record, *plan, lambda: self._finished(self._snapshot())))

    def _snapshot(self) -> np.ndarray:
        """[H, W, C] float32 in [0, 1], a copy."""
        with torch.no_grad():
            return self.objective.composed(self.image).clamp(0, 1).numpy().copy()

    def _finished(self, image: np.ndarray) -> np.ndarray:
        """uint8 as in TransferResult, from [H, W, C]; grey is given the content's colours again."""
        height, width = image.shape[:2]
        content = self.sources.content
        if image.shape[2] == 1:
            rgb = resize_image(content.rgb, height, width)
            image = np.clip(rgb + (image - grey(rgb)), 0, 1)
        if content.alpha is not None:
            alpha = resize_image(content.alpha, height, width)[..., None]
            image = np.concatenate([image * (alpha > 0), alpha], 2)
        return np.rint(image * 255).astype(np.uint8)

    def _result(self, interrupted: bool) -> TransferResult:
        """The best so far at full size."""
        best = resize_image(self._best, *self.sources.content.rgb.shape[:2])
        return TransferResult(self._finished(best), self.records, interrupted)


def transfer(
    sources: Sources,
    config: TransferConfig,
    features: Features | None = None,
    on_progress: Callable[[TransferProgress], Any] | None = None,
) -> TransferResult:
    """Give the content the style.

    Args:
        sources: the pictures, from `load_sources`.
        config: everything else.
        features: the network; loaded, but not downloaded, if not given.
        on_progress: called at every step.

    Raises:
        CheckpointError: the network's weights are missing or of another one.
        DivergedError: the loss is no number any more; it has the last good picture.
    """
    return Transfer(sources, config, features, on_progress).run()


def _shares(iterations: int, scales: int) -> list[int]:
    """The steps at each scale: as many at each, give or take one."""
    return [iterations * (k + 1) // scales - iterations * k // scales for k in range(scales)]
