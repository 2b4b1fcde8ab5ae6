"""A tiny collection of layers drawn by a script: flat, with soft edges and glass, a trait that is often missing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from painter.pictures.stacking import blend_stack

Shape = tuple[str, tuple[float, float, float, float], str]  # 'o' or 'r', a box in 32nds, a colour
Pictures = dict[str, dict[str, np.ndarray]]  # by trait and value

ORDER = ("Ground", "Body", "Head", "Eyes", "Hat")
WEIGHTS = {"None": 3, "Night": 2}


@dataclass(frozen=True)
class Token:
    """One stacked picture."""

    traits: dict[str, str]
    pixels: np.ndarray  # uint8 [S, S, 4]


def draw_layers(
    side: int = 32, soft: bool = True, shift: int = 0, palette: int = 0
) -> dict[str, dict[str, np.ndarray]]:
    """The picture of each value, uint8 [side, side, 4], by trait and value.

    Args:
        soft: whether edges are smooth and one hat is of glass; otherwise everything is opaque or not there.
        shift: 32nds that heads, eyes and hats are moved to the right.
        palette: 0, 1: other colours.
    """
    canvas = 4 * side if soft else 32
    unit = canvas / 32
    method = Image.Resampling.BOX if soft else Image.Resampling.NEAREST
    colors = (
        {"skin": ("#f2b28c", "#8d5524", "#70c070"), "cloth": ("#d62828", "#2a6f97", "#f1faee"), "hat": ("#ffb703",)},
        {"skin": ("#9aa5b1", "#c0a040", "#5b8e7d"), "cloth": ("#4a4e69", "#22223b", "#9a8c98"), "hat": ("#7b2cbf",)},
    )[palette]

    def drawn(*shapes: Shape) -> np.ndarray:
        image = Image.new("RGBA", (canvas, canvas), (0, 0, 0, 0))
        draw = ImageDraw.Draw(image)
        for kind, (left, top, right, bottom), color in shapes:
            box = [left * unit, top * unit, right * unit - 1, bottom * unit - 1]
            (draw.ellipse if kind == "o" else draw.rectangle)(box, fill=color)
        return np.array(image.convert("RGBa").resize((side, side), method).convert("RGBA"))

    def moved(kind: str, box: tuple[float, float, float, float], color: str) -> Shape:
        return kind, (box[0] + shift, box[1], box[2] + shift, box[3]), color

    skins, cloths = colors["skin"], colors["cloth"]
    grounds = {"Night": "#2b2d42", "Sun": "#ffd166", "Sea": "#118ab2", "Paper": "#f4f1de"}
    eyes = [(11, 14, 14, 17), (18, 14, 21, 17)]
    layers = {
        "Ground": {name: drawn(("r", (0, 0, 32, 32), color)) for name, color in grounds.items()},
        "Body": {
            "Shirt": drawn(("o", (5, 22, 27, 44), cloths[0])),
            "Coat": drawn(("r", (6, 24, 26, 32), cloths[1]), ("r", (15, 24, 17, 32), "#111111")),
            "Robe": drawn(("o", (3, 25, 29, 50), cloths[2])),
        },
        "Head": {
            "Round": drawn(moved("o", (8, 7, 24, 25), skins[0])),
            "Square": drawn(moved("r", (8, 9, 24, 24), skins[1])),
            "Tall": drawn(moved("o", (10, 5, 22, 26), skins[2])),
        },
        "Eyes": {
            "Dots": drawn(*(moved("r", (a + 1, b + 1, c, d), "#101010") for a, b, c, d in eyes)),
            "Wide": drawn(
                *(moved("o", box, "#ffffff") for box in eyes),
                *(moved("r", (a + 1, b + 1, c - 1, d - 1), "#101010") for a, b, c, d in eyes),
            ),
            "Shades": drawn(moved("r", (10, 14, 22, 17), "#202020")),
        },
        "Hat": {
            "None": drawn(),
            "Cap": drawn(moved("r", (8, 6, 24, 10), colors["hat"][0]), moved("r", (8, 9, 28, 11), colors["hat"][0])),
            "Top": drawn(moved("r", (11, 1, 21, 8), "#111111"), moved("r", (7, 8, 25, 10), "#111111")),
            "Dome": drawn(moved("o", (5, 3, 27, 30), "#80d0ff60" if soft else "#80d0ff")),
        },
    }
    if not soft:  # it must not hide the head, or nothing could say what is below
        layers["Hat"]["Dome"] = drawn(moved("r", (12, 2, 20, 9), "#80d0ff"))
    return layers


def save_layers(folder: Path, **options: object) -> Path:
    """Write the layers into `folder`/layers as the HashLips engine has them; that folder."""
    for trait, values in draw_layers(**options).items():  # type: ignore[arg-type]
        place = folder / "layers" / trait
        place.mkdir(parents=True)
        for name, pixels in values.items():
            weight = WEIGHTS.get(name)
            Image.fromarray(pixels).save(place / f"{name}{f'#{weight}' if weight else ''}.png")
    return folder / "layers"


def stack_tokens(count: int, seed: int = 0, **options: object) -> list[Token]:
    """Tokens that all differ in their traits, which are drawn by weight."""
    layers, random = draw_layers(**options), np.random.default_rng(seed)  # type: ignore[arg-type]
    seen: dict[tuple[str, ...], Token] = {}
    while len(seen) < count:
        chosen = []
        for trait in ORDER:
            weights = np.array([WEIGHTS.get(name, 1) for name in layers[trait]], float)
            chosen.append(str(random.choice(list(layers[trait]), p=weights / weights.sum())))
        pictures = [layers[trait][name] for trait, name in zip(ORDER, chosen, strict=True)]
        pixels = blend_stack(pictures, ["normal"] * len(pictures), [1.0] * len(pictures))
        seen.setdefault(tuple(chosen), Token(dict(zip(ORDER, chosen, strict=True)), pixels))
    return list(seen.values())


def save_tokens(folder: Path, tokens: list[Token], traits: bool = True) -> Path:
    """Write tokens into `folder`/images, with traits in `folder`/json; the folder."""
    for part in ("images", "json") if traits else ("images",):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, token in enumerate(tokens, 1):
        Image.fromarray(token.pixels).save(folder / "images" / f"{number}.png", compress_level=1)
        if traits:
            attributes = [{"trait_type": name, "value": value} for name, value in token.traits.items()]
            (folder / "json" / f"{number}.json").write_text(json.dumps({"attributes": attributes}))
    return folder
