"""What a brush is: named parameters, a frame, and an engine.

A stroke is painted in *stroke units*: a similarity transform (centre, angle, one scale) takes the canvas to
coordinates (u along the stroke, v across it) whose unit is the stroke's own half thickness. There only a few numbers
describe its shape: its *geometry*, which the engine reads. The stroke's box, of half extents `box`, is mapped onto
[-1, 1]², the frame, in which the networks draw their maps from the *code*: the same numbers scaled to [-1, 1], and
how soft the canvas' pixels make the stroke.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from renderers.blending.layers import FrameMaps
from renderers.brushes.outline import Outline
from renderers.strokes import Strokes

PATCH = 4  # texels along one side of a patch, which networks draw at once
PATCHES = (2, 16)  # along one side of a frame, at least and at most
DENSITY = (0.8, 1.6)  # texels per pixel along one side of a frame that has fewer patches than the most
# The blur of a canvas pixel reaches this many pixels beyond the body.
BLUR_REACH = 0.75
# Maps have a rim of zeros, one texel wide: RIM pixels at the least density. BODY_SHARE of the largest frames is inside.
RIM = 1 / DENSITY[0]
BODY_SHARE = 1 - 2 / (PATCH * PATCHES[1])
SEED_END = 2**31
ROUNDING = 2e-5  # relative error of a size that is computed from coordinates in float32
MAX_SLIMNESS = 20.0  # length over width
MAX_BEND = 0.3  # how far the middle stands off the chord, over the length


@dataclass(frozen=True)
class Parameter:
    """A named number of a stroke's shape and the range that networks are trained on."""

    name: str  # begins with x or y if it is a coordinate of a point, and then its unit is 'side'
    low: float
    high: float
    unit: str  # 'side' (the canvas' longer side), 'rad', or '1' (a ratio)


@dataclass(frozen=True)
class Body:
    """How thick the paint of a brush lies; see `renderers.relief`."""

    thickness: float  # of full relief, for strokes of half width `renderers.relief.REFERENCE`; canvas units
    growth: float  # power of the half width that thickness grows with; 1 would leave small strokes flat
    leveling: float  # share of the height below that an opaque stroke wipes away
    grain: float = 0.0  # height of the paper's grain, canvas units


@dataclass(frozen=True)
class Frame:
    """Where N strokes lie on the canvas, and what they look like in their own coordinates.

    A canvas point c is at (u, v) = ((c - center) · axis, (c - center) × axis) / scale in stroke units and at
    (u / box₀, v / box₁) in the frame. All float32, differentiable in the stroke's shape parameters.
    """

    center: Tensor  # [N, 2] canvas units
    axis: Tensor  # [N, 2] unit vector of +u on the canvas
    scale: Tensor  # [N] canvas units in one stroke unit
    box: Tensor  # [N, 2] half extents of the frame in stroke units
    geometry: Tensor  # [N, G] numbers of the shape in stroke units: what the engine reads
    code: Tensor  # [N, K] in [-1, 1]: what the networks read; K = 0 where there are none

    def transform(self, pixel: float) -> Tensor:
        """The affine map from pixel indices (column, row) to frame coordinates (p, q): [N, 2, 3]."""
        across = torch.stack([-self.axis[:, 1], self.axis[:, 0]], dim=1)
        rows = torch.stack([self.axis, across], dim=1) / (self.scale[:, None] * self.box)[:, :, None]
        # Pixel centres lie at +0.5.
        offset = (rows * (0.5 * pixel - self.center)[:, None, :]).sum(dim=2)
        return torch.cat([rows * pixel, offset[:, :, None]], dim=2)


# From frames of N strokes on pixels of a given width (canvas units) to their maps.
MapSource = Callable[[Frame, float], FrameMaps]


class SearchMaps(Protocol):
    """The `MapSource` of a search."""

    def __call__(self, frame: Frame, pixel: float) -> FrameMaps: ...

    def near(self, strokes: Strokes, pixel: float, density: float) -> MapSource:
        """Maps, of `density` texels per pixel, that equal the engine's own for N given strokes and are close to them
        for strokes that differ a little: the search then sees what will be drawn."""


class Brush(ABC):
    """One brush: everything that the search and drawing need to know about it. Each is one file with one instance.

    The search sees a `NetworkBrush` as its networks imitate it, and any other brush through `maps`. `params` is always
    a dict of [N] float32 tensors, one for each of `parameters`, in their order: the strokes' shape parameters.
    """

    name: str
    parameters: ClassVar[tuple[Parameter, ...]]
    colors: ClassVar[int]  # 2: start and end; 1: one
    shade: ClassVar[float] = 0.0  # of a brush with one colour: how much darker its end colour is, in [0, 1]
    body: ClassVar[Body]
    slimness: tuple[float, float] = (1.0, MAX_SLIMNESS)  # length over width, least and greatest
    bends: ClassVar[bool] = False  # whether its middle line can be a curve
    bend_by_slimness: ClassVar[float] = MAX_BEND  # greatest bend per slimness: stout strokes bend less
    half_turn: bool = False  # whether a stroke looks the same turned by half a turn, with its ends swapped
    alike: ClassVar[bool] = False  # whether all strokes have the same outline, of areas in the start colour

    @abstractmethod
    def frame(self, params: dict[str, Tensor], pixel: float | Tensor) -> Frame:
        """The strokes' frames on a canvas whose pixels are `pixel` wide (canvas units; a number or [N]).

        Differentiable in the shape parameters.
        """

    @abstractmethod
    def engine(
        self, geometry: np.ndarray, u: np.ndarray, v: np.ndarray, footprint: tuple[float, float], seed: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Paint one stroke at the points (u, v).

        Args:
            geometry: [G] float32, one row of `Frame.geometry`.
            u, v: [M] float32, points in stroke units.
            footprint: the width of the box that one point stands for along u and v, in stroke units. Detail finer
                than it is averaged away, so that a stroke looks the same at 32 px and at 2,000 px.
            seed: chooses the fine texture.

        Returns:
            coverage α, pigment mix (0 start colour, 1 end colour) and relief (paint height), each [M] float32 in
            [0, 1].
        """

    @abstractmethod
    def outline(self, geometry: np.ndarray) -> Outline:
        """The outline of a stroke, for vector graphics.

        Args:
            geometry: [G] floats, one row of `Frame.geometry`.
        """

    @abstractmethod
    def place(self, center: Tensor, angle: Tensor, length: Tensor, width: Tensor, bend: Tensor) -> dict[str, Tensor]:
        """The shape parameters of strokes at `center` [N, 2], along `angle` [N] (radians), of `length` and `width` [N]
        (canvas units), whose middle stands off the chord by `bend` [N] times the length."""

    @abstractmethod
    def constrain(self, params: dict[str, Tensor], limits: Limits) -> dict[str, Tensor]:
        """The nearest shape parameters within the brush's own bounds and within `limits`. Not differentiable."""

    @abstractmethod
    def center(self, params: dict[str, Tensor]) -> Tensor:
        """The middle of each stroke: [N, 2], canvas units."""

    @abstractmethod
    def extent(self, params: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Length from end to end of the straightened stroke, and greatest width: [N] each, canvas units."""

    def maps(self) -> SearchMaps | None:
        """How the search sees strokes of a brush without networks; None: as `renderers.decoding.PaintedMaps`, for which
        the engine paints them at every step."""
        return None

    def greatest_bend(self, slimness: Tensor) -> Tensor:
        """How far the middle of strokes of this slimness [N] may stand off the chord, over the length: [N]."""
        return (self.bend_by_slimness * slimness).clamp(max=MAX_BEND)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the shape parameters, in order."""
        return tuple(parameter.name for parameter in self.parameters)

    def size(self, params: dict[str, Tensor]) -> Tensor:
        """Root of length times width: [N], canvas units."""
        length, width = self.extent(params)
        return (length * width).sqrt()

    def fit(self, params: dict[str, Tensor], limits: Limits) -> dict[str, Tensor]:
        """`constrain`, and bring the size within `limits`, too: strokes too large or too small are scaled."""
        params = self.constrain(params, limits)
        size = self.size(params)
        # A little inside the limits, so that float32 rounding does not exceed them.
        low, high = limits.min_size * (1 + ROUNDING), limits.max_size * (1 - ROUNDING)
        fitted = size.clamp(low, high) if low <= high else torch.full_like(size, (low + high) / 2)
        return self.resized(params, fitted / size) if bool((fitted != size).any()) else params

    def resized(self, params: dict[str, Tensor], factor: Tensor) -> dict[str, Tensor]:
        """The strokes scaled by `factor` [N] about their middles."""
        middle = dict(zip("xy", self.center(params).unbind(dim=1), strict=True))

        def scaled(parameter: Parameter) -> Tensor:
            value = params[parameter.name]
            if parameter.unit != "side":
                return value
            origin = middle.get(parameter.name[0], torch.zeros_like(value))  # lengths have no origin
            return origin + factor * (value - origin)

        return {parameter.name: scaled(parameter) for parameter in self.parameters}

    def ends(self, colors: Tensor) -> tuple[Tensor, Tensor]:
        """Start and end colour, [N, 3] each, of `colors` [N, K, 3]; the mix map interpolates between them."""
        start = colors[:, 0]
        return start, colors[:, 1] if self.colors == 2 else start * (1 - self.shade)

    def sample(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The shape parameters of `count` random strokes, of all shapes that the search may use, on a square canvas."""

        def uniform(low: float, high: float) -> Tensor:
            return low + (high - low) * torch.rand(count, generator=generator)

        length = 0.02 * (0.6 / 0.02) ** uniform(0, 1)
        width = (length / MAX_SLIMNESS ** uniform(0.01, 1)).clamp(min=0.004)
        center = torch.stack([uniform(0, 1), uniform(0, 1)], dim=1)
        bend = self.greatest_bend(length / width) * uniform(-1, 1)
        params = self.place(center, uniform(-np.pi, np.pi), length, width, bend)
        return self.vary(params, generator)

    def vary(self, params: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        """Randomise the parameters that `place` leaves at their neutral values (taper, skew)."""
        return params


class NetworkBrush(Brush):
    """A brush whose engine two networks imitate for the search, and what these networks read."""

    code_size: ClassVar[int]
    field_count: ClassVar[int]  # F of `coordinates`
    widths: ClassVar[tuple[int, int]]  # of the hidden layers of the rasterization and of the shading network

    @abstractmethod
    def coordinates(self, geometry: Tensor, u: Tensor, v: Tensor, footprint: tuple[Tensor, Tensor]) -> Tensor:
        """Where points lie within their strokes: what the networks read instead of plain frame coordinates.

        Args:
            geometry: [N, G].
            u, v: [N, h, w], points in stroke units.
            footprint: as for `engine`, [N, 1, 1] each.

        Returns:
            [N, F, h, w], F = `field_count`, of magnitude about 1, differentiable in geometry, u and v. The first field
            runs across the stroke from -1 to 1: streaks are functions of it.
        """

    @abstractmethod
    def corners(
        self, geometry: np.ndarray, box: np.ndarray, blur: np.ndarray, grid: np.ndarray, out: np.ndarray
    ) -> None:
        """`coordinates` of the corners of all patches, with derivatives: the same formulas in dual numbers.

        Args:
            geometry: [N, G] float32; derivatives 2 … G + 1 are with respect to these.
            box: [N, 2] float32; derivatives 0 and 1 are with respect to these.
            blur: [N] float32, the canvas pixel's width in stroke units.
            grid: [N, 2] int64, patches along u and v.
            out: [K · F · 8] float32, to be filled: for all K corners, stroke after stroke and row after row, each
                field's value and seven derivatives.
        """


@dataclass(frozen=True)
class Limits:
    """Bounds on stroke sizes that the search respects, in canvas units."""

    min_width: float = 0.004
    max_length: float = 0.8
    width: float = 1.0  # canvas extent in x
    height: float = 1.0  # canvas extent in y
    min_size: float = 0.0  # root of length times width, see `Brush.size`
    max_size: float = math.inf


def framed_box(half_length: Tensor, half_width: Tensor, blur: Tensor) -> Tensor:
    """Half extents [N, 2] of the box around a body of these half extents [N], blurred by pixels `blur` [N] wide; all in
    stroke units."""
    body = torch.stack([half_length, half_width], dim=1) + BLUR_REACH * blur[:, None]
    return torch.maximum(body + RIM * blur[:, None], body / BODY_SHARE)


def frame_grid(box: Tensor, blur: Tensor, density: float | Tensor, most: int = PATCHES[1]) -> Tensor:
    """[N, 2] int64: how many patches a frame has along u and v for `density` texels per pixel.

    Args:
        box: [N, 2] half extents; blur: [N] the pixel's width; both in stroke units.
        density: a number or [N, 1], within DENSITY for the networks.
        most: patches along one side, at most.
    """
    texels = (2 * density) * box.detach() / blur[:, None]
    # A frame of NaNs gets the fewest patches.
    patches = torch.nan_to_num(texels / PATCH, nan=0.0).clamp(max=most).ceil()
    return patches.clamp(min=PATCHES[0]).to(torch.int64)


def softness(blur: Tensor, half: Tensor) -> Tensor:
    """How blurred a frame is: pixel width over the box's half extent, squashed to [-1, 1] for the networks; [N]."""
    return 2 * torch.sqrt((blur / half).clamp(1e-6, 1.0)) - 1


def squash_depth(depth: Tensor) -> Tensor:
    """A depth inside an edge, in ramp widths, as networks read it: clamped to a range wider than any patch."""
    return depth.clamp(-5, 5) / 2


def axis_of(angle: Tensor) -> Tensor:
    """Unit vectors [N, 2] at angles [N], radians."""
    return torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)


def wrapped(angle: Tensor) -> Tensor:
    """The same angle, radians, in [-π, π)."""
    return torch.remainder(angle + np.pi, 2 * np.pi) - np.pi


def texel_footprint(box: Tensor, grid: Tensor, blur: Tensor) -> tuple[Tensor, Tensor]:
    """The width of what a texel stands for, along u and v: the texel or the canvas pixel, whichever is wider.

    Args:
        box: [N, 2] half extents; blur: [N] the pixel's width; both in stroke units.
        grid: [N, 2] patches along u and v.

    Returns:
        [N] each, stroke units.
    """
    texel = 2 * box / (PATCH * grid)
    return torch.maximum(texel[:, 0], blur), torch.maximum(texel[:, 1], blur)
