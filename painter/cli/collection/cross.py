"""`collection cross`: heads of one layered collection on bodies of another."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from painter.cli.arguments import add_common_options, add_options, given, new_parser
from painter.cli.paths import make_folder
from painter.cli.progress import say
from painter.errors import OptionError
from painter.options.layers import CrossConfig

ABOUT = "put heads of one layered collection on bodies of another"


def main(arguments: list[str], program: str) -> int:
    """Write the crossed layers with a recipe; the exit code."""
    options = make_parser(program).parse_args(arguments)
    config = CrossConfig(**given(options, CrossConfig))
    heads, bodies, output = Path(options.heads), Path(options.bodies), Path(options.output)
    from painter.batch.collection.reading import read_recipe
    from painter.layers.crossing import cross, default_name, read_parts
    from painter.layers.layer_files import check_empty, write_layered
    from painter.layers.layered import LayeredCollection

    check_empty(output)
    first = read_parts(read_recipe(heads), _names(options.take), "--take")
    second = read_parts(read_recipe(bodies), _names(options.leave), "--leave")
    drawn = cross(first, second, one_palette=not config.own_colors)
    about = LayeredCollection(default_name(heads, bodies), (), smooth=first.smooth and second.smooth)
    room = about.combinations_of(drawn)
    if config.count is not None and config.count > room:
        raise OptionError(f"--count {config.count}: these layers have only {room} combinations; ask for fewer")
    make_folder(output, output)
    recipe = write_layered(output, about, drawn, replace(config, count=config.count or min(100, room)))
    if not options.quiet:
        say(sys.stdout, f"layers, from the lowest: {', '.join(one.name for one in drawn)}; {room} combinations")
        say(sys.stdout, f"wrote {recipe}; next: {program.rsplit(' ', 1)[0]} run {recipe}")
    return 0


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The options of `cross`."""
    what = (
        "Put the heads of one layered collection on the bodies of another, as wide as the heads that they replace and\n"
        "in one palette. Both are given by recipes with layers, as `collection unmix` and `collection import` write\n"
        "them. Layers whose pictures lie above the middle of the figure are taken as those of the head."
    )
    parser = new_parser(what, program)
    parser.add_argument("heads", metavar="HEADS.toml", help="the recipe whose heads are taken")
    parser.add_argument("bodies", metavar="BODIES.toml", help="the recipe whose other layers are kept")
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="the folder to write; new or empty")
    parser.add_argument("--take", metavar="NAMES", help="the layers of HEADS to take: Head,Eyes,Hat")
    parser.add_argument("--leave", metavar="NAMES", help="the layers of BODIES to leave out, whose place they take")
    add_options(parser, CrossConfig)
    add_common_options(parser)
    return parser


def _names(text: str | None) -> Sequence[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]
