"""A tiny collection drawn by a script: flat faces with traits, as pixel art or smooth, with or without a background."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

BACKGROUNDS = {"night": "#2b2d42", "sun": "#ffd166", "sea": "#118ab2", "paper": "#f4f1de"}
SKINS = {"peach": "#f2b28c", "brown": "#8d5524", "green": "#70c070", "lilac": "#b090e0"}
HEADS = ("round", "square", "tall")
EYES = ("dots", "wide", "shades", "wink")
HATS = {"none": None, "red cap": "#d62828", "top hat": "#111111", "crown": "#ffb703"}
MOUTHS = ("smile", "open", "flat")


@dataclass(frozen=True)
class Face:
    """One face."""

    background: str
    skin: str
    head: str
    eyes: str
    hat: str
    mouth: str

    @property
    def traits(self) -> dict[str, str]:
        return {name: str(value) for name, value in vars(self).items()}


def random_face(random: np.random.Generator) -> Face:
    """A face with traits drawn independently; the first value of each is twice as common as another."""

    def one(values: Iterable[str]) -> str:
        names = list(values)
        weights = np.array([2.0] + [1.0] * (len(names) - 1))
        return str(random.choice(names, p=weights / weights.sum()))

    return Face(one(BACKGROUNDS), one(SKINS), one(HEADS), one(EYES), one(HATS), one(MOUTHS))


def draw_face(face: Face, size: int = 64, transparent: bool = False, shift: int = 0) -> Image.Image:
    """The face as RGB, or RGBA where the background is transparent; smooth, unless `size` is 32, which is pixel art."""
    scale = 1 if size == 32 else 4 if size < 128 else 2
    side = size * scale
    unit = side / 32
    image = Image.new("RGBA", (side, side), (0, 0, 0, 0) if transparent else BACKGROUNDS[face.background])
    draw = ImageDraw.Draw(image)

    def box(left: float, top: float, right: float, bottom: float) -> list[float]:
        """Corners in units of a 32nd, as Pillow has them: the last pixel is inside."""
        return [left * unit, (top + shift) * unit, right * unit - 1, (bottom + shift) * unit - 1]

    skin = SKINS[face.skin]
    draw.rectangle(box(10, 26, 22, 32), fill=skin)
    shapes = {
        "round": (draw.ellipse, (6, 7, 26, 28)),
        "square": (draw.rectangle, (7, 8, 25, 27)),
        "tall": (draw.ellipse, (9, 4, 23, 29)),
    }
    shape, corners = shapes[face.head]
    shape(box(*corners), fill=skin)
    if face.eyes == "shades":
        draw.rectangle(box(8, 14, 24, 18), fill="#202020")
    else:
        for left in (11, 18):
            half = face.eyes == "wink" and left == 18
            draw.rectangle(box(left, 15 + half, left + 3, 17 if half else 18), fill="#202020" if half else "#ffffff")
            if not half:
                inset = 1 if face.eyes == "wide" else 0
                draw.rectangle(box(left + inset, 16, left + 2, 18), fill="#202020")
    mouths = {"smile": (12, 22, 20, 24), "open": (13, 21, 19, 26), "flat": (13, 23, 19, 24)}
    draw.rectangle(box(*mouths[face.mouth]), fill="#b02030")
    color = HATS[face.hat]
    if color is not None:
        draw.rectangle(box(6, 6, 26, 9), fill=color)
        draw.rectangle(box(10, 1 if face.hat == "top hat" else 3, 22, 7), fill=color)
    image = image.resize((size, size), Image.Resampling.BOX)
    return image if transparent else image.convert("RGB")


def save_faces(
    folder: Path, count: int = 600, size: int = 64, seed: int = 0, transparent: bool = False, blocks: int = 1,
    traits: bool = True, robots: bool = False,
) -> Path:  # fmt: skip
    """Draw `count` faces into `folder`/images, with traits in `folder`/json; the folder.

    Args:
        blocks: pixels of the file to a side of each pixel, for pixel art.
        robots: square heads, often with shades, turned upside down: another collection.
    """
    random = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    if traits:
        (folder / "json").mkdir(exist_ok=True)
    for number in range(1, count + 1):
        face = random_face(random)
        if robots:
            face = replace(face, head="square", eyes="shades" if face.eyes == "dots" else face.eyes)
        image = draw_face(face, size, transparent)
        if robots:
            image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        if blocks > 1:
            image = image.resize((size * blocks, size * blocks), Image.Resampling.NEAREST)
        image.save(folder / "images" / f"{number}.png", compress_level=1)
        if traits:
            attributes = [{"trait_type": name, "value": value} for name, value in face.traits.items()]
            entry = {"name": f"Face #{number}", "attributes": attributes}
            (folder / "json" / f"{number}.json").write_text(json.dumps(entry))
    return folder
