"""The options of the files that a painting is written to."""

from __future__ import annotations

from dataclasses import dataclass

from painter.errors import OptionError
from painter.options.fields import check_fields, option
from painter.options.kinds import ByteSize, Choice, Integer, Names, Number, Switch

EASES = ("linear", "early", "late", "smooth")
LAYERS = ("level", "color")
SVG_MODES = ("paint", "plot")
EMBEDDING = ("auto", "always", "never")
MAX_FRAMES = 20_000


@dataclass(frozen=True)
class ExportConfig:
    """How a painting is written to files. All values are numbers, strings, bools or None: ready for JSON.

    Two of `duration`, `fps` and `frames` determine the third: duration = (frames - 1) / fps, because the last frame,
    the finished painting, appears when the duration is over and is then held. `painter.export.timeline` has the rest.

    >>> ExportConfig(duration=8, ease="early", max_bytes="5MB").max_bytes
    5000000

    Raises:
        OptionError: a value is not allowed, or two contradict each other; the message names the option.
    """

    duration: float | None = option(
        None, "S", "seconds until the painting is finished, {} (default: 4.74, or as --frames and --fps determine)",
        Number(0.1, 600.0),
    )  # fmt: skip
    fps: float | None = option(
        None, "N", "frames per second, {} (default: 16.7, in MP4 30; a GIF shows at most 50)", Number(0.1, 120.0)
    )
    frames: int | None = option(
        None, "N", "frames of an animation, from the bare ground to the finished painting, {} (default: 80, MP4 143)",
        Integer(2, MAX_FRAMES),
    )  # fmt: skip
    hold: float = option(2.0, "S", "seconds for which the finished painting is shown, {}", Number(0.0, 600.0))
    ease: str = option(
        "linear", "E", "when strokes appear: {} (most of them early, late, or in the middle)", Names(EASES)
    )
    reverse: bool = option(False, "", "play it backwards, from the finished painting to the ground", Switch())
    loop: int = option(0, "N", "how often a GIF or WebP is played, {}; 0 means for ever", Integer(0, 1000))
    webp: str = option("still", "W", "what a .webp holds: {}", Names(("still", "animated")))
    gif_side: int = option(1024, "PX", "largest long side of a GIF or animated WebP in pixels, {}", Integer(16, 8192))
    max_bytes: int | None = option(
        None, "SIZE", "largest size of a GIF, WebP, MP4 or JPEG, reached by fewer frames, colours and pixels: {}",
        ByteSize(1, 100 * 10**9),
    )  # fmt: skip
    bit_depth: int = option(8, "N", "bits per channel of a PNG: {}", Choice((8, 16)))
    quality: int = option(90, "Q", "quality of JPEG and WebP, {}; at 100 WebP is lossless", Integer(1, 100))
    embed: str = option(
        "auto", "E", "whether a PNG or SVG carries its strokes, for replay and the studio to read back: {}; auto "
        "leaves them out of a PNG that they would more than double", Names(EMBEDDING),
    )  # fmt: skip
    layers: str = option(
        "level", "L", "what the layers of .ora and .psd are: {} (from coarse to fine, or one a colour)", Names(LAYERS)
    )
    svg: str = option("paint", "MODE", "strokes as filled shapes, or as lines for a pen plotter: {}", Names(SVG_MODES))
    svg_grain: float = option(
        0.0, "G", "grain of paper on the paint of an SVG, {}, as a filter; viewers without filters leave it out",
        Number(0.0, 1.0),
    )  # fmt: skip
    width_mm: float | None = option(None, "MM", "width of an SVG on paper, {} mm", Number(1.0, 10_000.0))

    def __post_init__(self) -> None:
        check_fields(self)
        if self.duration is not None and self.fps is not None:
            steps = self.duration * self.fps
            if self.frames is not None and abs(self.frames - 1 - steps) > 0.5:
                raise OptionError(
                    f"--frames {self.frames}: --duration {self.duration:g} and --fps {self.fps:g} make "
                    f"{round(steps) + 1} frames; leave out one of the three"
                )
            if steps > MAX_FRAMES:
                raise OptionError(
                    f"--fps {self.fps:g}: that is {round(steps)} frames in --duration {self.duration:g}, more than "
                    f"{MAX_FRAMES}; lower one of the two"
                )
