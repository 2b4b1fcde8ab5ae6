"""Draw the sample pictures: `python -m scripts.gallery.samples [FOLDER]`, by default into painter/pictures/samples.

All shapes are our own. They are drawn at four times the size without antialiasing, then areas are averaged, so that the
result does not depend on how a library draws soft edges.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from scripts import ROOT

SIZE = 512  # side of the result, pixels; the unit of all coordinates below
SUPERSAMPLING = 4
SAMPLES_FOLDER = ROOT / "painter" / "pictures" / "samples"

Points = Sequence[tuple[float, float]] | np.ndarray  # [N, 2], x to the right and y downwards
CENTRE = (256.0, 256.0)


class Canvas:
    """A transparent picture on which later shapes replace what is under them."""

    def __init__(self) -> None:
        self.image = Image.new("RGBA", (SIZE * SUPERSAMPLING,) * 2, (0, 0, 0, 0))
        self.pen = ImageDraw.Draw(self.image)

    def polygon(self, points: Points, colour: str) -> None:
        scaled = np.asarray(points, dtype=float) * SUPERSAMPLING
        self.pen.polygon([(x, y) for x, y in scaled.round(3).tolist()], fill=colour)

    def ellipse(self, centre: tuple[float, float], radii: tuple[float, float], colour: str) -> None:
        (x, y), (a, b) = centre, radii
        box = (x - a, y - b, x + a, y + b)
        self.pen.ellipse(tuple(side * SUPERSAMPLING for side in box), fill=colour)

    def disc(self, centre: tuple[float, float], radius: float, colour: str) -> None:
        self.ellipse(centre, (radius, radius), colour)

    def line(self, points: Points, width: float, colour: str) -> None:
        """A line with round ends and joints."""
        for (x0, y0), (x1, y1) in pairwise(points):
            along = np.array((x1 - x0, y1 - y0))
            side = np.array((-along[1], along[0])) / np.hypot(*along) * width / 2
            start, end = np.array((x0, y0)), np.array((x1, y1))
            self.polygon(np.stack((start + side, end + side, end - side, start - side)), colour)
        for x, y in points:
            self.disc((x, y), width / 2, colour)

    def reduced(self) -> Image.Image:
        """The picture at SIZE, averaged premultiplied so that no edge turns dark."""
        pixels = np.asarray(self.image, dtype=np.float64) / 255
        pixels[..., :3] *= pixels[..., 3:]
        blocks = pixels.reshape(SIZE, SUPERSAMPLING, SIZE, SUPERSAMPLING, 4).mean(axis=(1, 3))
        alpha = blocks[..., 3:]
        blocks[..., :3] /= np.where(alpha > 0, alpha, 1)
        return Image.fromarray((blocks * 255).round().astype(np.uint8))


def polar(radius: float, degrees: float, centre: tuple[float, float] = CENTRE) -> tuple[float, float]:
    """The point at `radius` from `centre`, `degrees` clockwise from the top."""
    angle = np.radians(degrees)
    return centre[0] + radius * float(np.sin(angle)), centre[1] - radius * float(np.cos(angle))


def octahedron() -> Image.Image:
    """An octahedron tilted towards us, each face split into two flat tones, above its shadow."""
    canvas = Canvas()
    canvas.ellipse((256, 484), (116, 18), "#2b1b5566")
    turned = _rotation(14.0, 14.0, -5.0) @ np.diag([1.0, 1.22, 1.0])
    tips = {axis: turned @ np.array(vector) for axis, vector in _AXES.items()}
    light = np.array([-0.45, 0.75, 0.55])
    for across in ("front", "right", "back", "left"):
        beside = {"front": "right", "right": "back", "back": "left", "left": "front"}[across]
        for pole, ramp in (("top", _WARM), ("bottom", _COOL)):
            corners = [tips[pole], tips[across], tips[beside]]
            normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
            normal *= np.sign(normal @ np.mean(corners, axis=0)) / np.linalg.norm(normal)
            if normal[2] > 0:
                _facet(canvas, corners, float(normal @ light), ramp)
    return canvas.reduced()


_AXES = {
    "top": (0, 1, 0),
    "bottom": (0, -1, 0),
    "front": (0, 0, 1),
    "back": (0, 0, -1),
    "right": (1, 0, 0),
    "left": (-1, 0, 0),
}
_WARM = ("#8e1f63", "#c42a6a", "#ef4a63", "#ff7b54", "#ffa94d", "#ffd166")  # dark to light
_COOL = ("#1d2a6b", "#2a3f9d", "#3464c9", "#2f93dd", "#2fc1d6", "#6fe3c4")


def _rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """[3, 3], angles in degrees: first about the upright axis, then about the one to the right, then ours."""
    (sy, sp, sr), (cy, cp, cr) = (f(np.radians((yaw, pitch, roll))) for f in (np.sin, np.cos))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    rotation: np.ndarray = about_z @ about_x @ about_y
    return rotation


def _facet(canvas: Canvas, corners: list[np.ndarray], brightness: float, ramp: Sequence[str]) -> None:
    """One face: pole, two corners of the girdle; split from the pole to the middle of the girdle."""
    tone = int(np.clip(round(brightness * 3.6 + (1.4 if ramp is _WARM else 2.6)), 0, len(ramp) - 2))
    middle = (corners[1] + corners[2]) / 2
    for corner, shade in ((corners[1], tone), (corners[2], tone + 1)):
        flat = np.stack((corners[0], corner, middle))[:, :2] * (184.0, -184.0) + (256.0, 232.0)
        canvas.polygon(flat, ramp[shade])


def apple_coin() -> Image.Image:
    """A gold coin with a beaded, bevelled ring and an apple."""
    canvas = Canvas()
    _golden_ring(canvas)
    for k in range(48):
        canvas.disc(polar(186, k * 7.5), 5.5, "#fff0b8" if k % 48 in range(34, 48) else "#d9952b")
    canvas.disc(CENTRE, 172, "#0d5c63")
    canvas.disc((250, 250), 162, "#12767c")
    canvas.disc((262, 266), 156, "#0f6a70")
    _apple(canvas)
    return canvas.reduced()


def _golden_ring(canvas: Canvas) -> None:
    """Bevels lit from the upper left: the outer one faces the light where the inner one turns away."""
    tones = ("#7a4310", "#a8641a", "#d08c25", "#f0b73c", "#ffd968", "#fff1ae")
    canvas.disc(CENTRE, 250, "#5e300a")
    for inner, (outside, inside) in enumerate(((246, 228), (204, 192))):
        _lit_ring(canvas, outside, inside, tones if inner == 0 else tones[::-1])
        if inner == 0:
            canvas.disc(CENTRE, inside, "#e9a934")
    canvas.disc(CENTRE, 194, "#b9741d")


def _lit_ring(canvas: Canvas, outside: float, inside: float, tones: Sequence[str]) -> None:
    for k in range(24):
        start, middle = k * 15.0, k * 15.0 + 7.5
        facing = (1 + np.cos(np.radians(middle + 45))) / 2  # 1 at the upper left
        colour = tones[min(int(facing * len(tones)), len(tones) - 1)]
        arc = [polar(outside, start + step * 1.5) for step in range(11)]
        back = [polar(inside, start + step * 1.5) for step in range(10, -1, -1)]
        canvas.polygon(arc + back, colour)


def _apple(canvas: Canvas) -> None:
    canvas.polygon(_apple_outline((256, 284), 1.0), "#8f1220")
    canvas.polygon(_apple_outline((251, 280), 0.95), "#d21f2f")
    canvas.polygon(_apple_outline((241, 274), 0.80), "#ee3d3a")
    canvas.polygon(_apple_outline((226, 264), 0.52), "#ff6a4d")
    shine = [(200, 222), (190, 240), (187, 262), (195, 268), (203, 248), (213, 232), (210, 222)]
    canvas.polygon(shine, "#ffe0c4")
    canvas.line([(256, 208), (258, 188), (266, 166)], 10, "#5a2c12")
    leaf = [(262, 188), (268, 172), (280, 158), (296, 148), (316, 142), (342, 138)]
    canvas.polygon([*leaf, (322, 158), (304, 170), (284, 180)], "#62c246")
    canvas.polygon([*leaf[::5], (332, 162), (316, 180), (298, 190), (280, 193)], "#2f7f36")


def _apple_outline(centre: tuple[float, float], scale: float) -> np.ndarray:
    """[N, 2] points of a round apple, dented at the top, a little narrower at the bottom."""
    angle = np.radians(np.arange(0, 360, 2.0))  # clockwise from the top
    away = np.abs((np.degrees(angle) + 180) % 360 - 180)  # degrees from the top
    dent = 26 * np.exp(-((away / 24) ** 2)) + 9 * np.exp(-(((180 - away) / 20) ** 2))
    radius = 98 - dent + 6 * np.exp(-(((away - 50) / 30) ** 2))
    x = radius * np.sin(angle) * (1.0 - 0.10 * (1 - np.cos(angle)) / 2)
    y = -radius * np.cos(angle) * 0.96
    return np.stack((centre[0] + scale * x, centre[1] + scale * y), axis=1)


def circuit_coin() -> Image.Image:
    """A hexagonal coin with a bevelled edge; thin tracks run from a core to small pads."""
    canvas = Canvas()
    _hexagonal_edge(canvas)
    for turn in range(0, 360, 60):
        _tracks(canvas, float(turn))
    for turn in range(0, 360, 60):
        x, y = polar(173, turn)
        canvas.disc((x, y), 10, "#ff5d8f")
        canvas.disc((x, y), 4, "#ffe3ec")
    canvas.polygon(_hexagon(66), "#ffc145")
    canvas.polygon(_hexagon(57), "#0e1b3d")
    for k, tone in enumerate(("#ffe08a", "#ffc145", "#e8952e", "#c96f24", "#e8952e", "#ffc145")):
        corners = [CENTRE, polar(44, k * 60), polar(44, k * 60 + 60)]
        canvas.polygon(corners, tone)
    canvas.polygon(_hexagon(20), "#fff6d6")
    return canvas.reduced()


def _hexagon(radius: float) -> list[tuple[float, float]]:
    return [polar(radius, turn) for turn in range(0, 360, 60)]


def _hexagonal_edge(canvas: Canvas) -> None:
    edge = ("#b79bff", "#7d55e0", "#4a2aa5", "#3a1f87", "#6a43cf", "#d3c2ff")  # from the top right, clockwise
    canvas.polygon(_hexagon(250), "#20104f")
    for outside, inside, shift in ((246, 222, 0), (214, 206, 3)):
        for k in range(6):
            start, end = k * 60.0, k * 60.0 + 60.0
            sides = [polar(outside, start), polar(outside, end), polar(inside, end), polar(inside, start)]
            canvas.polygon(sides, edge[(k + shift) % 6])
        canvas.polygon(_hexagon(inside), "#5c37c4" if shift == 0 else "#13264f")
    canvas.polygon(_hexagon(198), "#0e1b3d")


def _tracks(canvas: Canvas, turn: float) -> None:
    """One sixth of the circuit: a straight track to the corner and two that bend off to either side."""
    canvas.line([polar(60, turn), polar(168, turn)], 4, "#38e1d4")
    for side, colour in ((-1, "#2bb3e6"), (1, "#7ef29d")):
        bend, tip = polar(104, turn + side * 9), polar(138, turn + side * 22)
        canvas.line([polar(58, turn + side * 14), bend, tip], 3, colour)
        canvas.disc(tip, 7, colour)
        canvas.disc(tip, 3, "#0e1b3d")
    middle = polar(92, turn + 30)
    canvas.line([polar(52, turn + 30), middle], 3, "#38e1d4")
    canvas.disc(middle, 4.5, "#ffc145")
    for offset in (-8, 0, 8):
        canvas.disc(polar(158, turn + 30 + offset), 2.5, "#9fb4ff")


DRAWINGS: dict[str, Callable[[], Image.Image]] = {
    "octahedron": octahedron,
    "apple_coin": apple_coin,
    "circuit_coin": circuit_coin,
}


def main(folder: Path = SAMPLES_FOLDER) -> None:
    """Write every sample as a PNG into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in DRAWINGS.items():
        draw().save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
