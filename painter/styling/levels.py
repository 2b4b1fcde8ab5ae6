"""Every constant of the styling of strokes, once."""

from __future__ import annotations

from dataclasses import dataclass

from painter.search.config import StepRates


@dataclass(frozen=True)
class StyleLevel:
    """A run of steps that give strokes a style, on one canvas."""

    side: int  # long side of the canvas, pixels
    steps: float  # share of all steps
    layers: tuple[str, ...]  # where style is compared; all count the same


@dataclass(frozen=True)
class StyleSearchConfig(StepRates):
    """How strokes are given a style. A step costs what the network costs: so small canvases and no deep layers.

    At 128 px a stroke of 500 is 5 to 30 px long, what a filter of relu4_1 sees about 50 (both seen from above: the
    composition of strokes); at 256 px relu3_1 sees single strokes and their edges. relu4_1 at 256 px, or relu5_1,
    double the time and change little that strokes could follow.
    """

    levels: tuple[StyleLevel, ...] = (
        StyleLevel(128, 0.5, ("relu1_1", "relu2_1", "relu3_1", "relu4_1")),
        StyleLevel(256, 0.5, ("relu1_1", "relu2_1", "relu3_1")),
    )
    rate_length: float = 0.045
    rate_angle: float = 0.03
    rate_ratio: float = 0.015
    rate_color: float = 0.02
    rate_opacity: float = 0.02
    plateau: float = 0.3  # share of a level at full rate, before half a cosine
    final_rate: float = 0.5  # all rates in the last level, times this
    last_steps: float = 0.12  # share of the steps of 'texture' that come last: colours, on the engine's own maps
    content_layer: str = "relu3_1"  # for the content loss 'features'
    color_weight: float = 4.0  # of the distribution of colours, against the Gram matrices: without it pink in a blue
    directions: int = 24  # along which that distribution is compared
    color_pixels: int = 2**14  # of a canvas that it looks at, about
    focus_strength: float = 12.0  # how much more light and dark count in a face: what makes it one is in few pixels
    focus_color: float = 0.5  # how much colours count there, against light and dark: without it a cheek turned orange
    focus_side: int = 512  # long side at which the painting is looked at for that, pixels
    alpha_weight: float = 60.0  # of alpha that changes, against style and content together: edges are to stay
    most_gain: float = 2.5  # how much contrast the first match of colours may add, where the painting has hardly any
    pixel_side: int = 320  # long side at which a picture takes on the style before it is painted, pixels
    pixel_scales: int = 3
    pixel_steps: float = 2.0  # for each of --style-iterations
    pixel_style: float = 2.0  # weight of the style there, against that of `transfer`
    own_light: float = 0.5  # of light and dark in a face that is then painted, the share that is the picture's own
    finish_steps: float = 0.4  # of styling the strokes after that, for each of --style-iterations
    finish_content: float = 2.0  # how much more the content counts there
    time_to_style: float = 0.4  # share of `--seconds` that is kept for it
