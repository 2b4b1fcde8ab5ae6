"""Strokes in their own frames: where they are, how they are turned, how large they are and of what form.

In these numbers strokes can be moved from one to another as people would move them: places along straight lines,
angles the short way round, sizes by equal factors. Coordinates of control points would shrink a stroke that turns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from renderers.brushes import BRUSHES
from renderers.brushes.base import axis_of, wrapped
from renderers.brushes.bezier import POINTS, Chord
from renderers.strokes import Strokes

LEAST = 1e-7  # of a size, canvas units: its logarithm is taken
_SWAPPED = {"x0": "x2", "y0": "y2", "x2": "x0", "y2": "y0", "radius0": "radius2", "radius2": "radius0"}


@dataclass(frozen=True)
class Pose:
    """N strokes in their own frames, all float64 on the CPU."""

    center: Tensor  # [N, 2] canvas units; of a curve, the middle of its chord
    angle: Tensor  # [N] radians
    sizes: Tensor  # [N, S] > 0, canvas units: lengths, widths, radii
    forms: Tensor  # [N, R] ratios: bend, skew

    @staticmethod
    def of(strokes: Strokes) -> Pose:
        """The poses of strokes of any brush. Parameters in radians are angles, of which there is one at most."""
        params = {name: values.detach().cpu().double() for name, values in strokes.params.items()}
        if POINTS[0] in params:
            return _pose_of_curves(params)
        places, sizes, angles, forms = _names(strokes.brush)
        columns = [torch.stack([params[name] for name in names], dim=1) for names in (places, sizes)]
        count = len(strokes)
        angle = params[angles[0]] if angles else torch.zeros(count, dtype=torch.float64)
        ratios = [params[name] for name in forms]
        return Pose(
            columns[0], angle, columns[1].clamp(min=LEAST),
            torch.stack(ratios, dim=1) if ratios else torch.zeros(count, 0, dtype=torch.float64),
        )  # fmt: skip

    def params(self, brush: str) -> dict[str, Tensor]:
        """The shape parameters of a brush's strokes in these poses, float32: the inverse of `of`."""
        if POINTS[0] in BRUSHES[brush].names:
            half, form = self.sizes[:, 0], self.forms
            chord = Chord(self.center, axis_of(self.angle), half, form[:, 0], form[:, 1] * half)
            found = {**chord.points(), **dict(zip(_radii(brush), self.sizes[:, 1:].unbind(dim=1), strict=True))}
        else:
            places, sizes, angles, forms = _names(brush)
            found = dict(zip(places, self.center.unbind(dim=1), strict=True))
            found |= zip(sizes, self.sizes.unbind(dim=1), strict=True)
            found |= {name: wrapped(self.angle) for name in angles}
            found |= zip(forms, self.forms.unbind(dim=1), strict=True)
        return {name: found[name].float().contiguous() for name in BRUSHES[brush].names}

    def towards(self, other: Pose, share: float) -> Pose:
        """The poses after a share, in [0, 1], of the way to N others."""
        turn = wrapped(other.angle - self.angle)
        sizes = torch.exp(torch.lerp(self.sizes.log(), other.sizes.log(), share))
        center, forms = (torch.lerp(a, b, share) for a, b in ((self.center, other.center), (self.forms, other.forms)))
        return Pose(center, self.angle + share * turn, sizes, forms)


def half_turned(strokes: Strokes) -> Strokes:
    """Strokes turned by half a turn, their ends swapped: where `Brush.half_turn` holds, they look the same."""
    params = {name: strokes.params[_SWAPPED.get(name, name)] for name in strokes.params}
    params = {name: wrapped(v + math.pi) if name == "angle" else v for name, v in params.items()}
    return Strokes(strokes.brush, params, strokes.colors.flip(1), strokes.opacity, strokes.seed)


def turned_like(strokes: Strokes, others: Strokes) -> Strokes:
    """Strokes, each turned by half a turn if it then looks the same and its angle is nearer to that of N others."""
    if not BRUSHES[strokes.brush].half_turn:
        return strokes
    away = wrapped(Pose.of(strokes).angle - Pose.of(others).angle).abs() > math.pi / 2
    turned = half_turned(strokes)

    def chosen(plain: Tensor, other: Tensor) -> Tensor:
        return torch.where(away.to(plain.device).view(-1, *[1] * (plain.ndim - 1)), other, plain)

    params = {name: chosen(values, turned.params[name]) for name, values in strokes.params.items()}
    return replace(strokes, params=params, colors=chosen(strokes.colors, turned.colors))


def _names(brush: str) -> tuple[list[str], list[str], list[str], list[str]]:
    """The parameters of a brush without control points: places, sizes, angles, ratios."""
    parameters = BRUSHES[brush].parameters
    sides = [p.name for p in parameters if p.unit == "side"]
    places = [name for name in sides if name[0] in "xy"]
    of = {unit: [p.name for p in parameters if p.unit == unit] for unit in ("rad", "1")}
    return places, [name for name in sides if name not in places], of["rad"], of["1"]


def _radii(brush: str) -> list[str]:
    return [name for name in BRUSHES[brush].names if name not in POINTS]


def _pose_of_curves(params: dict[str, Tensor]) -> Pose:
    chord = Chord.of(params)
    half = chord.half.clamp(min=LEAST)
    radii = [values for name, values in params.items() if name not in POINTS]
    angle = torch.atan2(chord.axis[:, 1], chord.axis[:, 0])
    forms = torch.stack([chord.skew, chord.rise / half], dim=1)
    return Pose(chord.middle, angle, torch.stack([half, *radii], dim=1).clamp(min=LEAST), forms)
