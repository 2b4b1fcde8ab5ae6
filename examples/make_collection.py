"""Make a small collection of unique paintings with traits, rarities and metadata.

    python examples/make_collection.py [PICTURE ...] [--count 9] [--strokes 200] [--size 256] [--out output/collection]

It writes a recipe beside the collection's folder and runs it. Running the same again resumes, and paints nothing twice.
"""

import argparse
import json
import sys
from pathlib import Path

from painter.cli import main
from painter.pictures.samples import SAMPLES, sample_path

parser = argparse.ArgumentParser(description="Make a small collection of unique paintings.")
parser.add_argument("pictures", nargs="*", type=Path, default=[sample_path(name) for name in SAMPLES])
parser.add_argument("--count", type=int, default=9, help="paintings")
parser.add_argument("--strokes", type=int, default=200)
parser.add_argument("--size", type=int, default=256, help="longer side in pixels")
parser.add_argument("--processes", type=int, help="paintings at a time (default: as many as there are cores)")
parser.add_argument("--out", type=Path, default=Path("output/collection"), help="folder")

RECIPE = """\
name = "Example"
description = "Number {{number}}: painted stroke by stroke."
size = {count}

[paint]
strokes = {strokes}
size = {size}

[[axis]]
name = "Motif"
values = [{motifs}]

[[axis]]
name = "Brush"
values = [
  {{name = "Oil", style = "oil"}},
  {{name = "Watercolour", style = "watercolor"}},
  {{name = "Tape", style = "tape", weight = 0.5}},
]

[[axis]]
name = "Ground"
values = [{{name = "Paper", canvas = "#f6f4ee", weight = 2}}, {{name = "Night", canvas = "#14181f"}}]
"""


def text_in_toml(text: str) -> str:
    """A text in quotation marks; JSON's strings are TOML's, too."""
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    motifs = ", ".join(
        f"{{name = {text_in_toml(path.stem)}, picture = {text_in_toml(str(path.resolve()))}}}"
        for path in options.pictures
    )
    recipe = options.out.with_name(f"{options.out.name}.toml")
    text = RECIPE.format(count=options.count, strokes=options.strokes, size=options.size, motifs=motifs)
    recipe.write_text(text, encoding="utf-8")
    workers = [] if options.processes is None else ["--processes", str(options.processes)]
    for action in (["check", str(recipe)], ["run", str(recipe), "-o", str(options.out), *workers]):
        code = main(["collection", *action])
        if code != 0:
            sys.exit(code)
    print(f"look at {options.out / 'contact.png'}, {options.out / 'json'} and {options.out / 'rarity.csv'}")
