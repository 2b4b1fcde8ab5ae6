"""`collection blend`: make children of two collections that were learned together."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from painter.cli.arguments import add_common_options, add_options, given, new_parser
from painter.cli.collection.learn import ENDING, Request, check_folders, has_progress, learn_into_file
from painter.cli.collection.making import add_making_options, make_pieces
from painter.cli.progress import say
from painter.cli.running import read_running
from painter.errors import OptionError
from painter.export import check_named
from painter.options.learn import BlendConfig, LearnConfig

ABOUT = "make children of two collections that were learned together"
_LEARNING = (
    "minutes",
    "pictures",
    "mirror",
    "engine",
    "gan_loss",
    "device",
    "strict",
)  # options of `learn` that may be given here


def main(arguments: list[str], program: str) -> int:
    """Learn first if two folders are given, then make children; the exit code."""
    options = make_parser(program).parse_args(arguments)
    config = BlendConfig(**given(options, BlendConfig))
    learning = {name: value for name, value in given(options, LearnConfig).items() if name in _LEARNING}
    running, output = read_running(options), Path(options.output)
    if len(options.sources) > 2:
        raise OptionError(f"{len(options.sources)} names: give one model, or the folders of two collections")
    model = Path(options.sources[0])
    if len(options.sources) == 2:
        _check_not_models(options.sources)
        folders = tuple(map(Path, options.sources))
        check_folders(folders)
        check_named(output)  # the model is written beside it
        model = output.with_name(output.name + ENDING)
        request = Request(folders, model, LearnConfig(**learning), options.resume, quiet=options.quiet)
        if not model.exists() or (options.resume and has_progress(model)):
            code = learn_into_file(request)
            if code:
                return code
        elif not options.quiet:
            say(sys.stderr, f"using {model}, which was learned before; delete it to learn again")
    elif learning or options.resume:
        given_name = f"--{next(iter(learning))}" if learning else "--resume"
        raise OptionError(
            f"{given_name}: has no effect with a model; give the folders of two collections to learn them"
        )
    return make_pieces(model, config, running, output, options.quiet)


def _check_not_models(sources: Sequence[str]) -> None:
    """Raise OptionError if models are given instead of folders: what was learned apart has no common tokens."""
    if any(Path(one).suffix == ENDING for one in sources):
        raise OptionError(
            f"{sources[0]} {sources[1]}: models that were learned apart cannot be blended; learn both collections "
            "together with `collection learn A B -o AB.model`"
        )


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The options of `blend`."""
    what = (
        "Make children of two collections: pieces in which a part is of the other. The model must have been learned\n"
        "from both; of two folders it is learned first, into OUT.model."
    )
    parser = new_parser(what, program)
    parser.add_argument("sources", metavar="MODEL", nargs="+", help="the model, or the folders of two collections")
    add_making_options(parser, BlendConfig)
    learning = parser.add_argument_group("learning, with two folders")
    add_options(learning, LearnConfig, only=_LEARNING)
    learning.add_argument("--resume", action="store_true", help="continue learning that was interrupted or killed")
    add_common_options(parser, "print only errors and failures")
    return parser
