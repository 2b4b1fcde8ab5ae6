"""The command `collection`: many unique paintings with metadata, from a recipe. One module an action.

    init.py            writes an example recipe
    check.py           checks a recipe; shows rarity and the expected time
    run.py             paints the tokens and writes their metadata
    verify.py          hashes all files again
    set_base_uri.py    rewrites the links in the metadata
    import_layers.py   makes a recipe of a folder of layers
    unmix.py           finds the layers of stacked pictures
    cross.py           puts heads of one layered collection on bodies of another
    learn.py           learns a collection of pictures, or two
    generate.py        makes new pieces from what was learned
    blend.py           makes children of two collections; making.py has what both share
    common.py          what several of them share: where recipe, collection and ledger are

An action is a module with `ABOUT`, one line for the help, and `main(arguments, program) -> exit code`. A new one adds
its line to ACTIONS.
"""

from __future__ import annotations

import argparse
from typing import Protocol

from painter.cli.arguments import new_parser
from painter.cli.collection import (
    blend,
    check,
    cross,
    generate,
    import_layers,
    init,
    learn,
    run,
    set_base_uri,
    unmix,
    verify,
)
from painter.cli.commands import BAD_INPUT
from painter.system.usage import Stopwatch


class Action(Protocol):
    """What a module of this package has."""

    ABOUT: str
    __name__: str

    def main(self, arguments: list[str], program: str) -> int: ...


ACTIONS: dict[str, Action] = {
    "init": init,
    "import": import_layers,
    "check": check,
    "run": run,
    "verify": verify,
    "set-base-uri": set_base_uri,
    "unmix": unmix,
    "cross": cross,
    "learn": learn,
    "generate": generate,
    "blend": blend,
}


def main(arguments: list[str], program: str, watch: Stopwatch) -> int:
    """Do one of ACTIONS; the exit code."""
    if arguments and arguments[0] in ACTIONS:
        return ACTIONS[arguments[0]].main(arguments[1:], f"{program} {arguments[0]}")
    make_parser(program).parse_args(arguments)  # shows the help, or says what is wrong
    return BAD_INPUT


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The parser for a command line that names no action."""
    actions = {name: action.ABOUT for name, action in ACTIONS.items()}
    parser = new_parser("Paint a collection of unique tokens from a recipe.", program, {"actions": actions})
    parser.add_argument("action", metavar="ACTION", choices=list(ACTIONS), help="see ACTION --help")
    return parser
