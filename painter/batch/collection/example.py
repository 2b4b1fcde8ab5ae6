"""The example recipe that `collection init` writes; it works without changes."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

from painter.errors import OutputError, one_line
from painter.export import writing
from painter.pictures.samples import SAMPLES, sample_path
from painter.system.names import numbered

RECIPE_NAME = "collection.toml"

EXAMPLE = """\
# A collection for Impasto: 64 unique paintings of three logos.
#
#   python paint.py collection check collection.toml    shows problems, rarity and the expected time
#   python paint.py collection run collection.toml      paints it; run it again to continue
#
# docs/collections.md explains every line.

name = "Coins"
symbol = "COIN"                  # for Solana
description = "Number {number} of {size}: a coin, painted stroke by stroke."
seed = 2026                      # another seed draws another collection
size = 64                        # tokens
first = 1                        # number of the first token

# Settings of all tokens: any option of `paint.py`, by its name.
[paint]
size = 256
iterations = 300

[output]
images = "png"                   # images/N.png; or "gif", which shows the painting grow
animations = false               # true: animations/N.mp4, too
strokes = true                   # strokes/N.strokes.json: draws any token again, at any size
# duration = 4                   # options of files and animations go here

[metadata]
standard = "opensea"             # or "metaplex"
token_name = "{name} #{number}"
# external_url = "https://example.com/coins/{number}"
# background_color = "f6f4ee"
# base_uri = "ipfs://CID"        # where images/ was uploaded; `collection set-base-uri` changes it later
# date = 2026-11-25              # of all tokens; if not given, when the first run started
# seller_fee_basis_points = 500  # Solana: 5 %
# creators = [{address = "Your111111111111111111111111111111111111111", share = 100}]

# Traits. A token has one value of each axis; weight is how likely, count how often exactly.
# Everything else in a value is set for its tokens: a picture, or any option of `paint.py`.

[[axis]]
name = "Motif"
values = [
  {name = "Octahedron", picture = "pictures/octahedron.png"},
  {name = "Apple", picture = "pictures/apple_coin.png"},
  {name = "Circuit", picture = "pictures/circuit_coin.png", weight = 0.5},
]

[[axis]]
name = "Style"
values = [
  {name = "Oil", style = "oilpaintbrush", weight = 4},
  {name = "Watercolor", style = "watercolor", weight = 3},
  {name = "Marker", style = "markerpen", weight = 2},
  {name = "Tape", style = "rectangle", weight = 1},
]

[[axis]]
name = "Ground"
values = [
  {name = "Paper", canvas = "#f6f4ee", weight = 4},
  {name = "Sand", canvas = "#e3cfa4", weight = 2},
  {name = "Sky", canvas = "#bcd9ea", weight = 2},
  {name = "Night", canvas = "#14213d", weight = 2},
  {name = "Gold leaf", canvas = "#d4a017", count = 3},
]

[[axis]]
name = "Colours"
values = [
  {name = "Its own", weight = 5},
  {name = "Ink", palette = "#1d1d1f,#6b6b70,#b9b9be,#f6f4ee,#c0392b", weight = 2},   # and the red of a seal
  {name = "Dusk", palette = "#2b2d42,#6d597a,#b56576,#e56b6f,#eaac8b,#f7ede2", weight = 2},
  {name = "Lagoon", palette = "#03263a,#0b6e6e,#1fa187,#7fd6b3,#f2e9c9,#ff7a59", weight = 2},
  {name = "Candy", palette = "#3a0ca3,#7209b7,#f72585,#4cc9f0,#ffe66d,#ffffff", weight = 1},
]

[[axis]]
name = "Strokes"
display_type = "number"
values = [
  {name = 40, strokes = 40},
  {name = 80, strokes = 80, weight = 2},
  {name = 200, strokes = 200},
]

# Values without settings are labels: they do not change the painting.
[[axis]]
name = "Edge"
values = ["Plain", {name = "Milled", weight = 0.5}]

# Rules.
[[rule]]
when = {Style = "Watercolor"}
excludes = {Ground = ["Night", "Gold leaf"]}     # thin paint does not show on dark ground

[[rule]]
when = {Colours = "Ink"}
requires = {Ground = ["Paper", "Sand"]}

# A token that is not drawn. Traits that name a value above bring its settings; settings here override them.
[[one_of_one]]
number = 7
name = "The Golden Apple"
traits = {Motif = "Apple", Style = "Oil", Ground = "Night", Colours = "Gold", Strokes = 400, Edge = "Plain"}
strokes = 400
palette = "#3b2304,#7a4f0a,#b8860b,#e0b12f,#ffe08a,#fff6d6"
"""


def write_example(folder: Path, overwrite: bool = False) -> Path:
    """Write the example recipe and the pictures that it names.

    Args:
        folder: made if missing. If it has files with these names, FOLDER-2 is used instead, unless `overwrite`.

    Returns:
        The recipe's path.

    Raises:
        OutputError: a file cannot be written, or `folder` is full and has no name of its own, like '.'.
    """
    contents = {RECIPE_NAME: EXAMPLE.encode()}
    contents |= {f"pictures/{name}.png": sample_path(name).read_bytes() for name in SAMPLES}

    def is_free(place: Path) -> bool:
        return not any(os.path.lexists(place / name) for name in contents)

    if not overwrite and not is_free(folder):
        if folder.name in ("", ".."):  # there is no FOLDER-2 of '.'
            raise OutputError(f"cannot write to {one_line(folder)}: it has such files already; name another folder")
        folder = next(place for n in count(1) if is_free(place := numbered(folder, n)))
    for name, content in contents.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = "it is not a folder" if isinstance(error, FileExistsError) else error.strerror
            raise OutputError(f"cannot write to {one_line(path.parent)}: {why}; name another folder") from error
        with writing(path) as temporary:
            temporary.write_bytes(content)
    return folder / RECIPE_NAME
