"""The options of a clip painted with strokes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from painter.errors import OptionError
from painter.options.fields import check_fields, option, same_option
from painter.options.kinds import Integer, Names, Number, Switch
from painter.options.paint import PaintConfig
from painter.options.running import RunningConfig

LIVES = ("calm", "lively")
_PAINTED = ("style", "strokes", "size", "iterations", "seed", "canvas", "texture", "relief", "palette")


@dataclass(frozen=True)
class VideoConfig:
    """How a clip is painted.

    >>> VideoConfig(style="oil", strokes=300, life="lively").painting().strokes
    300

    Raises:
        OptionError: a value is not allowed; the message names the option.
    """

    style: str = same_option(PaintConfig, "style")
    strokes: int = same_option(
        PaintConfig, "strokes", default=500, help="strokes of a frame, {}", kind=Integer(1, 100_000)
    )
    exact: bool = option(
        False, "", "keep exactly so many strokes at any time, instead of a tenth more while some fade", Switch()
    )
    life: str = option(
        "calm", "L", "how freely strokes live: {} (held where the motion takes them, or less)", Names(LIVES)
    )
    size: int = same_option(PaintConfig, "size")
    fps: float | None = option(
        None, "N", "frames per second, {} (default: the clip's own; 24 for a folder of pictures)", Number(0.1, 120.0)
    )
    frames: int | None = option(None, "N", "paint only the first frames, {}", Integer(1, 1_000_000))
    seconds: float | None = option(
        None, "S", "stop after so much time, {}; what is painted by then is written, and --resume goes on",
        Number(0.1, 1e7),
    )  # fmt: skip
    iterations: int | Literal["auto"] = same_option(PaintConfig, "iterations")
    seed: int = same_option(PaintConfig, "seed")
    canvas: str = same_option(PaintConfig, "canvas")
    palette: str | None = same_option(PaintConfig, "palette")
    texture: float = same_option(PaintConfig, "texture", default=0.0)
    relief: float = same_option(PaintConfig, "relief")
    processes: int | None = same_option(
        RunningConfig, "processes",
        help="paint so many shots at a time, each in a process of its own, {} (default: one after the other)",
    )  # fmt: skip
    ray: str | None = same_option(RunningConfig, "ray", help="paint the shots on a Ray cluster: {}")
    mute: bool = option(False, "", "leave the sound out", Switch())

    def __post_init__(self) -> None:
        check_fields(self)
        if self.canvas == "transparent":
            raise OptionError("--canvas transparent: the frames of a clip are opaque; choose a colour, or auto")

    def painting(self) -> PaintConfig:
        """The options of each of its frames."""
        given: dict[str, Any] = {spec.name: getattr(self, spec.name) for spec in fields(self) if spec.name in _PAINTED}
        return PaintConfig(**given, focus="none")
