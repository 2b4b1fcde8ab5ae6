"""Every default of Impasto, once. The command line takes its options from here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import Any

from painter.errors import OptionError

STYLES = ("oilpaintbrush", "watercolor", "markerpen", "rectangle")
STYLE_ALIASES = {"oil": "oilpaintbrush", "watercolour": "watercolor", "marker": "markerpen", "tape": "rectangle"}
LOSSES = ("l1", "l2", "mix")
DEVICES = ("auto", "cpu", "cuda")
BACKENDS = ("auto", "reference", "cpu", "cuda")
CANVASES = ("auto", "white", "black", "transparent")
_HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


def option(default: Any, metavar: str, help: str, **extra: Any) -> Any:
    """A dataclass field that the command line shows: its help, and either `bounds` or `names` in `extra`."""
    return field(default=default, metadata={"metavar": metavar, "help": help, **extra})


@dataclass(frozen=True)
class PaintConfig:
    """What a person may ask of one painting.

    Raises:
        OptionError: when a value is outside its range; the message names the option.
    """

    style: str = option("oilpaintbrush", "S", "the brush: %(names)s (or oil, marker)", names=STYLES)
    strokes: int = option(500, "N", "how many strokes, exactly", bounds=(1, 100_000))
    size: int = option(512, "PX", "long side of the finished painting in pixels", bounds=(16, 8192))
    seed: int = option(0, "K", "the same seed gives the same painting, byte for byte", bounds=(0, 2**31 - 1))
    canvas: str = option("auto", "COLOR", "%(names)s or #rrggbb; auto is transparent if the picture is", names=CANVASES)
    loss: str = option("mix", "L", "pixel loss: %(names)s", names=LOSSES)
    ot: float = option(0.0, "W", "weight of the optimal-transport term; 0 leaves it out", bounds=(0.0, 1000.0))
    iterations: int = option(420, "N", "steps of gradient descent over the whole search", bounds=(0, 100_000))
    device: str = option("auto", "DEVICE", "%(names)s; where the search runs", names=DEVICES)
    backend: str = option("auto", "B", "%(names)s; the kernels that blend (reference: plain and slow)", names=BACKENDS)

    def __post_init__(self) -> None:
        object.__setattr__(self, "style", STYLE_ALIASES.get(self.style, self.style))
        for spec in fields(self):
            value, bounds = getattr(self, spec.name), spec.metadata.get("bounds")
            if bounds is not None:
                self._check_number(spec.name, value, bounds, whole=spec.type == "int")
            elif value not in spec.metadata["names"] and not self._is_color(spec.name, value):
                names = [*spec.metadata["names"], *(["#rrggbb"] if spec.name == "canvas" else [])]
                raise OptionError(f"--{spec.name} {value}: unknown; choose from {', '.join(names)}")

    @staticmethod
    def _check_number(name: str, value: Any, bounds: tuple[float, float], whole: bool) -> None:
        is_number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not is_number or not bounds[0] <= value <= bounds[1]:
            kind = "a whole number" if whole else "a number"
            raise OptionError(f"--{name} {value}: must be {kind} from {bounds[0]} to {bounds[1]}")

    @staticmethod
    def _is_color(name: str, value: Any) -> bool:
        return name == "canvas" and isinstance(value, str) and bool(_HEX_COLOR.fullmatch(value))


@dataclass(frozen=True)
class Level:
    """One step from coarse to fine."""

    share: float  # of all strokes
    size: float  # of a stroke (root of length times width) at 500 strokes, in longer sides
    side: int  # long side of the canvas that it is optimised on, pixels
    steps: float  # share of all iterations


@dataclass(frozen=True)
class SearchConfig:
    """How the search goes about it. Rates are per step of Adam; lengths in units of a stroke's own size."""

    levels: tuple[Level, ...] = (
        Level(0.08, 0.22, 64, 0.12),
        Level(0.17, 0.11, 128, 0.12),
        Level(0.30, 0.06, 128, 0.14),
        Level(0.45, 0.035, 256, 0.16),
    )
    reference_strokes: int = 500  # the count at which `Level.size` holds
    move_rounds: int = 4  # how often weak strokes are moved
    move_share: float = 0.10  # of all strokes, each time
    move_steps: float = 0.06  # share of all iterations after each
    move_side: int = 256
    full_side: int = 512  # the largest canvas that is searched on, pixels
    full_steps: float = 0.22  # share of all iterations there
    rate_length: float = 0.045  # of the stroke's size
    rate_angle: float = 0.03  # radians
    rate_ratio: float = 0.015
    rate_color: float = 0.02
    rate_opacity: float = 0.02
    final_rate: float = 0.5  # all rates in the stages at full size, times this
    min_opacity: float = 0.1
    transport_side: int = 24  # cells along the longer side of the transport term's canvas
    density: float = 1.0  # texels to a pixel in the frames that the networks decode


@dataclass(frozen=True)
class ExportConfig:
    """How a painting becomes files."""

    frames: int = 80  # of a GIF, from the bare ground to the finished painting; fewer if there are fewer strokes
    gif_side: int = 1024  # the longest side of a GIF, pixels; a PNG can be larger
    frame_ms: int = 60  # how long a frame is shown
    hold_ms: int = 2000  # how long the finished painting is shown before the GIF starts again
    sample_frames: int = 8  # of the growing painting, from which a GIF's colours are chosen
    sample_side: int = 160  # their longest side, pixels
