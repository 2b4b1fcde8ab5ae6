"""Tubes of artists' colours, and what can be mixed from them.

Pigments are named as in the Colour Index, whose generic names, such as PB29, are printed on tubes (and stand in ASTM
D4302 and D5067). Their colours are our own estimates of thick layers, in sRGB: tubes of two makers differ as much.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from painter.pictures.color import levels_of
from renderers.spectra import mix_pigments

PREFIX = "tubes:"
PARTS = (1, 2, 4, 8, 16)
"""How many parts of a tube a mixture may have."""
MANY_TUBES = 6  # up to so many, four may be in one mixture; of more, three
MOST_TUBES = 16


@dataclass(frozen=True)
class Tube:
    """One artists' colour."""

    pigment: str  # what it is
    index: str  # its generic name in the Colour Index
    color: str  # #rrggbb, of a thick layer


TUBES: dict[str, Tube] = {
    "white": Tube("titanium dioxide", "PW6", "#fcfbf7"),
    "lemon": Tube("arylide yellow 10G (Hansa yellow light)", "PY3", "#f8e51c"),
    "yellow": Tube("cadmium sulphide (cadmium yellow)", "PY35", "#fccb06"),
    "orange": Tube("cadmium sulphoselenide (cadmium orange)", "PO20", "#ee7a14"),
    "ochre": Tube("hydrated iron oxide (yellow ochre)", "PY43", "#c68f33"),
    "sienna": Tube("calcined iron earth (burnt sienna)", "PBr7", "#6e3219"),
    "red": Tube("cadmium selenide (cadmium red)", "PR108", "#c9261f"),
    "crimson": Tube("anthraquinone lake (alizarin crimson)", "PR83", "#5c0f22"),
    "magenta": Tube("quinacridone magenta", "PR122", "#9c1762"),
    "violet": Tube("carbazole dioxazine", "PV23", "#2a1248"),
    "ultramarine": Tube("sodium aluminium sulphosilicate", "PB29", "#182a86"),
    "cobalt": Tube("cobalt aluminate", "PB28", "#134a9e"),
    "cerulean": Tube("cobalt stannate", "PB35", "#1c82b4"),
    "phthalo": Tube("copper phthalocyanine", "PB15:3", "#0a2463"),
    "viridian": Tube("hydrated chromium oxide", "PG18", "#0f5a4a"),
    "chromium": Tube("chromium oxide green", "PG17", "#53743f"),
    "umber": Tube("manganese and iron earth (burnt umber)", "PBr7", "#2f1d14"),
    "black": Tube("bone black (ivory black)", "PBk9", "#161515"),
}


def tube_names(text: str) -> tuple[str, ...]:
    """The tubes that `tubes:NAME,NAME` names, each once.

    >>> tube_names("tubes:Yellow, ultramarine")
    ('yellow', 'ultramarine')

    Raises:
        ValueError: none is named, too many are, or one is unknown; says what is wrong and what to do.
    """
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.removeprefix(PREFIX).split(",")))
    for name in names:
        if name not in TUBES:
            wrong = f"there is no tube {name!r}" if name else "a tube has no name"
            raise ValueError(f"{wrong}; choose from {', '.join(TUBES)}")
    if len(names) > MOST_TUBES:
        raise ValueError(f"it has {len(names)} tubes; a palette has at most {MOST_TUBES}")
    return names


@lru_cache(maxsize=8)
def mixtures(names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """All that can be mixed from these tubes in a few whole parts, simple mixtures first.

    Returns:
        [M, 3] uint8 colours, all different, beginning with the tubes themselves; [M, T] int64, the parts of each tube.
    """
    parts = [np.eye(len(names), dtype=np.int64)]
    most = min(len(names), 4 if len(names) <= MANY_TUBES else 3)
    for count in range(2, most + 1):
        shares = np.array([given for given in itertools.product(PARTS, repeat=count) if math.gcd(*given) == 1])
        for tubes in itertools.combinations(range(len(names)), count):
            parts.append(np.zeros((len(shares), len(names)), np.int64))
            parts[-1][:, tubes] = shares
    every = np.concatenate(parts)
    every = every[np.lexsort((every.sum(axis=1), (every > 0).sum(axis=1)))]
    colors = np.rint(255 * mix_pigments(_colors(names), every)).astype(np.int64)
    _, first = np.unique(colors @ (65536, 256, 1), return_index=True)
    kept = np.sort(first)
    return colors[kept].astype(np.uint8), every[kept]


def recipe(names: tuple[str, ...], color: str) -> dict[str, int] | None:
    """How many parts of which of these tubes give a colour #rrggbb, by name; None if `mixtures` does not have it.

    >>> recipe(("white", "black"), TUBES["black"].color)
    {'black': 1}
    """
    colors, parts = mixtures(names)
    found = np.flatnonzero((colors == np.array(levels_of(color))).all(axis=1))
    if not len(found):
        return None
    return {name: int(count) for name, count in zip(names, parts[found[0]], strict=True) if count}


def _colors(names: tuple[str, ...]) -> np.ndarray:
    """[T, 3] in [0, 1]: the tubes' colours."""
    return np.array([levels_of(TUBES[name].color) for name in names]) / 255
