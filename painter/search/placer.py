"""New strokes: on what canvas places are looked for, and what the strokes do alone before they join the others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from painter.options.paint import PaintConfig
from painter.search.adam import Moments
from painter.search.config import SearchConfig
from painter.search.parameters import Constraints, StrokeParameters
from painter.search.placement import CLIMBED_OPACITY, Climbing, edge_direction, place_climbed
from painter.search.target import Target
from painter.search.view import View
from renderers.decoding import MapSource
from renderers.strokes import Strokes

LEAST_PIXELS = 4  # size of new strokes on the canvas that is looked at for their places


class Placer:
    """Places new strokes where they lower the error most.

    Args:
        views: the target with a long side of at most so many pixels.
        constraints: what strokes may be.
        brush: a name in `renderers.brushes.BRUSHES`; `maps`: how its strokes look.
        rng: what is left to chance; its state is part of the search's.
    """

    def __init__(
        self, views: Callable[[int], View], constraints: Constraints, brush: str, maps: MapSource, config: PaintConfig,
        search: SearchConfig, rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self._views, self._constraints, self._brush, self._maps = views, constraints, brush, maps
        self._config, self._search, self._rng = config, search, rng
        self._directions: dict[tuple[int, float], tuple[np.ndarray, np.ndarray]] = {}

    def within_limits(self, size: float) -> float:
        """The nearest size of a stroke that the artist allows, canvas units."""
        return min(max(size, self._constraints.limits.min_size), self._constraints.limits.max_size)

    def view(self, size: float, side: int) -> View:
        """The target as it is looked at for places of strokes of this size, which a canvas of this side is to get."""
        least = min(self._search.full_sides[0], int(LEAST_PIXELS / size))
        return self._views(max(min(side, int(self._search.place_pixels / size)), least))

    def place(
        self, count: int, size: float, view: View, canvas: np.ndarray, places: int, rate: float, close: bool
    ) -> tuple[Strokes, Moments]:
        """New strokes on top of a canvas, and what the optimiser knows of them.

        Args:
            size: root of length times width, canvas units, within the limits.
            canvas: [H, W, C] float32, the painting so far, like the view's.
            places: that are tried for each stroke.
            rate: of the steps that they take alone.
            close: whether to look for places in the focus above all.
        """
        target, search, limits = view.target, self._search, self._constraints.limits
        error = target.canvas_error(canvas)
        if close and target.weight is not None:
            error = error * target.weight  # once more
        weight = target.paint_weight()
        low, high = self._constraints.opacity
        new = place_climbed(
            target.image, canvas, error, np.ones(canvas.shape[:2], np.float32) if weight is None else weight,
            self._brush, count, size, min(max(CLIMBED_OPACITY, low), high),
            Climbing(search.tries, places, search.place_spread), self._rng, self._edge_direction(target, size),
            (limits.min_size, limits.max_size),
        ).map(lambda values: values.to(view.image.device))  # fmt: skip
        return self._settled(self._constraints.strokes(new), view, canvas, rate)

    def _settled(self, new: Strokes, view: View, below: np.ndarray, rate: float) -> tuple[Strokes, Moments]:
        """New strokes after some steps of their own, on a canvas [H, W, C] that stays as it is; and their moments.

        Such a step costs as much as there are new strokes, and what climbed as a band becomes a stroke of the brush.
        """
        parameters = StrokeParameters(new, self._constraints, self._search)
        canvas = view.on_device(below)
        for _ in range(self._search.settling_steps):
            loss, _error = view.loss(
                view.composite(canvas, view.layers(parameters.strokes(), self._maps)), self._config.loss
            )
            new = parameters.descend(loss, rate)
        return new, parameters.moments

    def _edge_direction(self, target: Target, size: float) -> tuple[np.ndarray, np.ndarray]:
        """`edge_direction` for strokes of this size; the same in every round of moves."""
        side = max(target.image.shape[:2])
        if (side, size) not in self._directions:
            self._directions = {(side, size): edge_direction(target.image, size * side / 4)}
        return self._directions[side, size]
