"""Every constant of the search for strokes, once."""

from __future__ import annotations

from dataclasses import dataclass

from painter.options.paint import DEFAULT_ITERATIONS, PaintConfig


@dataclass(frozen=True)
class Level:
    """One step from coarse to fine."""

    share: float  # of all strokes
    size: float  # of a stroke (root of length times width) at 500 strokes, in longer sides
    side: int  # long side of the canvas that it is optimised on, pixels
    steps: float  # share of all iterations


@dataclass(frozen=True)
class StepRates:
    """How far the parameters of a stroke go in one step of Adam at full rate."""

    rate_length: float = 0.06  # of the stroke's size
    rate_angle: float = 0.04  # radians
    rate_ratio: float = 0.02
    rate_color: float = 0.024
    rate_opacity: float = 0.024


@dataclass(frozen=True)
class SearchConfig(StepRates):
    """How the search goes about it."""

    levels: tuple[Level, ...] = (
        Level(0.08, 0.22, 64, 0.03),
        Level(0.17, 0.11, 128, 0.04),
        Level(0.30, 0.06, 128, 0.06),
        Level(0.45, 0.035, 256, 0.10),
    )
    reference_strokes: int = 500  # the count at which `Level.size` holds
    usual_iterations: int = DEFAULT_ITERATIONS
    iterations_a_second: float = 90.0  # that are planned for `reference_strokes` where the time is given, a little
    # more than two cores take: a stage whose time is over ends
    likely_a_second: float = 15.0  # that are reckoned with on any machine: for how often strokes are moved, and rates
    slowing: float = 0.45  # power of the count by which steps become slower
    move_rounds: float = 1.35  # how often weak strokes are moved: times the root of the iterations
    move_share: float = 0.08  # of all strokes, each time
    move_steps: float = 0.6  # share of all iterations, after these moves together
    least_move_steps: int = 3  # after each round, even if its time is over; further rounds are left out for that
    steps_between_moves: int = 5  # where the time is given: on a slow machine some rounds move nothing
    move_pixels: tuple[float, float] = (9.0, 13.0)  # size of a stroke of the last level on the canvas of the first
    # and of the last moves
    move_side: int = 256  # the smallest canvas of the moves, pixels
    look_size: float = 0.6  # of the strokes that are moved into the focus in the end, against the others moved
    full_pixels: float = 26.0  # size of a stroke of the last level on the canvas of the steps at full size
    full_sides: tuple[int, int] = (768, 1024)  # the smallest and the largest of these canvases, pixels
    full_steps: float = 0.08  # share of all iterations at full size, after all moves
    full_moves: float = 0.25  # share of the moves that are taken at full size
    last_steps: float = 0.05  # share of all iterations that come last, with strokes as the engine draws them
    least_last_steps: int = 5  # fewer are taken at full size instead
    last_density: float = 1.5  # texels to a pixel in those maps
    last_seconds: float = 0.001  # that painting those maps takes, a stroke; with less time left they are left out
    fit_sweeps: int = 3  # in which all colours and opacities are fitted, at the very end
    fit_seconds: tuple[float, float] = (1e-4, 1e-6)  # that this takes on two cores: a stroke, and a pixel
    most_fit: float = 0.25  # of the time, if that is limited, that it may take; otherwise it is left out
    focus_strength: float = 4.0  # how much more a pixel in the focus counts
    betas: tuple[float, float] = (0.8, 0.95)  # of Adam
    rate_iterations: int = 100  # at which all rates are as they are given; they grow with the fourth root
    most_rate: float = 1.6  # times as much, at most
    hold: float = 0.6  # share of the search at full rate, before half a cosine
    lowest_rate: float = 0.05  # at its end
    lowest_before_fit: float = 0.15  # the same where colours are fitted after it
    transport_side: int = 24  # cells along the longer side of the transport term's canvas
    density: float = 1.0  # texels to a pixel in the frames that the networks decode
    tries: int = 150  # steps of hill climbing for each place that is tried for a new stroke
    places: float = 0.5  # that are tried for each new stroke: times the root of the iterations
    least_places: int = 3
    place_pixels: float = 11.0  # size of a new stroke on the canvas that is looked at for its place, at most
    settling_steps: int = 3  # of gradient descent that new strokes take alone, on what lies below them
    place_spread: float = 2.5  # how much larger or smaller than planned a new stroke may be


def searched_side(config: PaintConfig) -> int:
    """The longer side of the largest canvas that a painting is searched on, pixels."""
    return min(config.size, SearchConfig().full_sides[1])


@dataclass(frozen=True)
class GrowthConfig:
    """How the number of strokes is found, where it is not given."""

    first: int = 25  # strokes tried first; then twice as many each time
    most: int = 6400  # for `--strokes auto`
    suggested: int = 1600  # the last point of `suggest`'s curve
    probing: float = 1 / 3  # share of the iterations that a try takes
    finishing_gain: float = 0.85  # dB that all iterations bring beyond that
    settled_gain: float = 3 / 255  # fall of the root-mean-square error, by twice the strokes, that is little
    tries: int = 4  # full searches for a quality, at most
    spare: float = 0.25  # dB beyond the PSNR asked for that is near enough
    time_to_paint: float = 0.6  # share of `--seconds` that is kept for the painting itself
