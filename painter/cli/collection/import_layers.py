"""`collection import`: make a recipe of a folder of layers, as the HashLips engine has them."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from painter.batch.collection.example import RECIPE_NAME
from painter.cli.arguments import add_common_options, add_options, given, new_parser
from painter.cli.progress import say
from painter.errors import OptionError, OutputError, one_line
from painter.export import writing
from painter.options.layers import ImportConfig

ABOUT = "make a recipe of a folder of layers, such as HashLips' engine has"


def main(arguments: list[str], program: str) -> int:
    """Read the layers and write the recipe; the exit code."""
    options = make_parser(program).parse_args(arguments)
    config = ImportConfig(**given(options, ImportConfig))
    folder = Path(options.folder)
    recipe = Path(options.output) if options.output else Path(os.path.normpath(folder)).parent / RECIPE_NAME
    if options.configuration < 1:
        raise OptionError(f"--configuration {options.configuration}: must be at least 1")
    from painter.layers.hashlips import read_layers
    from painter.layers.recipe_text import recipe_text

    order = None if options.order is None else [name.strip() for name in options.order.split(",")]
    found = read_layers(folder, Path(options.config) if options.config else None, options.configuration, order)
    count = config.count or found.count or min(100, found.combinations)
    if count > found.combinations:
        raise OptionError(
            f"--count {count}: these layers have only {found.combinations} combinations; ask for fewer, or add layers"
        )
    _check_output(recipe, options.overwrite)
    text = recipe_text(found, replace(config, count=count), recipe.parent)
    with writing(recipe) as temporary:
        temporary.write_text(text, "utf-8")
    if not options.quiet:
        for note in found.notes:
            say(sys.stderr, note)
        values = sum(len(layer.values) for layer in found.layers)
        say(sys.stdout, f"{len(found.layers)} layers with {values} values: {found.combinations} combinations")
        say(sys.stdout, f"wrote {recipe} for {count} tokens; next: {program.rsplit(' ', 1)[0]} run {recipe}")
    return 0


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The options of `import`."""
    what = (
        "Make a recipe of a folder of layers: a folder for each trait, with a picture for each value, such as\n"
        "Background/Blue#10.png, where 10 is the weight. The order of layers, and more, is taken from config.js of\n"
        "the HashLips engine, which is read as text and never executed; without one, from numbers that the folders'\n"
        "names begin with, or from how much each layer covers."
    )
    parser = new_parser(what, program)
    parser.add_argument("folder", metavar="LAYERS", help="the folder of layers")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help=f"the recipe to write (default: {RECIPE_NAME} beside LAYERS)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the recipe if it exists")
    parser.add_argument(
        "--config", metavar="FILE.js", help="its config.js (default: in LAYERS, beside it, or in src beside it)"
    )
    parser.add_argument(
        "--configuration", type=int, default=1, metavar="N", help="which of its layer configurations (default: 1)"
    )
    parser.add_argument("--order", metavar="NAMES", help="the layers from the lowest to the topmost: Ground,Body,Hat")
    add_options(parser, ImportConfig)
    add_common_options(parser)
    return parser


def _check_output(recipe: Path, overwrite: bool) -> None:
    """Raise OutputError if the recipe cannot be written, or if it exists and may not be replaced."""
    if recipe.is_dir() or not recipe.parent.is_dir():
        why = "it is a folder" if recipe.is_dir() else "there is no such folder"
        raise OutputError(f"cannot write {one_line(recipe)}: {why}; choose another name with -o")
    if recipe.exists() and not overwrite:
        raise OutputError(
            f"cannot write {one_line(recipe)}: it exists; choose another name with -o, or add --overwrite"
        )
