"""How a clip is painted, beside what people set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Descent:
    """How the strokes of one brush go towards a new frame, before their colours are fitted."""

    steps: int  # of gradient descent
    rate: float = 0.4  # of the first of them, in natural steps; half a cosine ends at none


def under_camera(rate: float | None = None) -> dict[str, Descent]:
    """How strokes descend under a moving camera, by brush; at one rate, if it is given."""
    descents = {
        "oilpaintbrush": Descent(10, 0.5),
        "watercolor": Descent(10),
        "markerpen": Descent(10, 0.5),
        "rectangle": Descent(10, 0.65),
    }
    return {brush: descent if rate is None else replace(descent, rate=rate) for brush, descent in descents.items()}


def where_covered() -> dict[str, Descent]:
    """How strokes descend where things cover each other, by brush."""
    return {
        "oilpaintbrush": Descent(12),
        "watercolor": Descent(11, 0.25),
        "markerpen": Descent(12, 0.3),
        "rectangle": Descent(13, 0.6),
    }


@dataclass(frozen=True)
class ClipConfig:
    """The settings of painting a clip that people do not set.

    `docs/video.md` tells what was tried and what it gave.
    """

    most_side: int = 768  # longest side of the pictures that are compared and followed, pixels
    camera: Mapping[str, Descent] = field(default_factory=under_camera)
    covering: Mapping[str, Descent] = field(default_factory=where_covered)
    decoding: tuple[float, float] = (5.0, 1.2)  # for how many steps at full rate decoded maps are good: of straight
    # strokes; of those whose bend only their maps show; for half as many where things cover each other
    least_rate: float = 0.1  # share of the rate below which no step is taken where things cover each other
    fit_sweeps: int = 1  # of fitting colours afterwards
    hold: float = 0.045  # λ of λ · mean_n √worth_n Σ_p ((θ - θ_carried) / natural step)²; a stroke is worth what the
    # sum of squared errors over the canvas' pixels would rise without it
    least_pace: float = 0.3  # share of the rate at which strokes descend where nothing covers anything
    unexplained: tuple[float, float] = (0.0005, 0.002)  # shares of the canvas that the flow explains badly: up to the
    # first it is camera motion, from the second on things cover each other, and strokes descend at full rate
    ripening_pace: float = 2.5  # of strokes that stand where something came into sight, against others; half of what
    # it is above 1 where nothing covers anything
    badly: float = 0.06  # error of the carried source there
    trust: float = 0.02  # error of the carried source (0 to 1) at which λ has fallen to 1/e
    turnover: float = 0.02  # of all strokes that may be replaced a frame, beyond what is exposed
    ripening_turnover: float = 0.04  # the same for all of a canvas that came into sight not long ago
    exposed_births: float = 1.5  # for each stroke's worth of newly exposed canvas
    settling_steps: int = 1  # that new strokes take alone, before all descend
    settling_rate: float = 0.3  # of these; at a full rate colours would change by more than smooth pictures err
    most_births: float = 0.12  # of all strokes, in one frame
    gain_over_cost: tuple[float, float] = (1.3, 0.85)  # what a birth must gain, over what the death that makes room for
    # it costs; where things cover each other less: many stand there as they came into sight, bit by bit, and what is
    # lost at first the new arrangement soon makes good
    least_gain: float = 0.05  # of a birth, in what the median stroke is worth
    unseen_cost: float = 0.025  # of a death that nobody sees and that needs no fade, in the same
    fade: tuple[int, int] = (3, 2)  # frames that a birth or a death takes; the same where things cover each other
    ripening: int = 20  # frames for which what came into sight is worked on, even if it stands still then
    size: float = 0.030  # of new strokes at 500 strokes, canvas units
    freeze: float = 0.15  # share of a stroke's place that changed, below which it stays as it is, to the byte
    noise_sigmas: float = 5.5  # beyond which a change is none of noise
    least_change: float = 1.2 / 255
    shot: float = 0.55  # share of the canvas that cannot be followed, from which everything is painted anew
    unlike: float = 0.16  # error of the carried source from which a pixel was not followed
    ridge: float = 9.0  # pixels²: small strokes have no turn of their own that could be measured
    common_ridge: float = 40.0  # the same where all turns alike, which strokes are drawn to then
    ahead: int = 8  # frames to come that are looked at for what the camera will bring into sight
    overscan: float = 0.0375  # how far beyond the border that is painted, of the longer side
    outermost: float = 0.5  # what births and deaths count a pixel there that is farthest from the border; one beside it
    # counts nearly 1
    taus: tuple[float, ...] = (0.0, 1.5, 0.7)  # pixels, of the rounds of robust fitting; 0 is plain least squares

    def urgency(self, unexplained: float) -> float:
        """In [0, 1]: how much of the picture is not explained by what moved, a share of the canvas."""
        little, much = self.unexplained
        return min(max((unexplained - little) / (much - little), 0.0), 1.0)

    def things_cover(self, unexplained: float) -> bool:
        """Whether things cover each other; otherwise it is the camera that moves."""
        return self.urgency(unexplained) > 0.5
