"""Options of the command line: all of PaintConfig's, and what a command line, a file and a preset add up to."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

from painter.config import PaintConfig, option_name
from painter.config_file import make_config
from painter.errors import OptionError
from painter.presets import PRESETS
from painter.samples import sample_path
from painter.version import __version__


class OneLineParser(argparse.ArgumentParser):
    """A parser that raises its complaint instead of printing the usage before it."""

    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{message}; see --help")


@dataclass(frozen=True)
class PaintOptions:
    """What the options that all commands share ask for."""

    image: Path
    config: PaintConfig
    config_file: Path | None

    @property
    def inputs(self) -> dict[str, Path]:
        """The files that are read, by what they are: 'the picture itself', 'what --focus reads'."""
        found = {"the picture itself": self.image}
        found |= {f"what {option_name(name)} reads": path for name, path in self.config.files.items()}
        return found if self.config_file is None else {**found, "what --config reads": self.config_file}


def new_parser(description: str, program: str | None, commands: Mapping[str, str] | None = None) -> OneLineParser:
    """A parser that lists, after its options, the presets and those `commands` (name -> what it does)."""
    lists = {"commands, as the first word": commands or {}, "presets": {k: v.about for k, v in PRESETS.items()}}
    epilog = [
        "\n".join([f"{title}:", *(f"  {name:<20}  {about}" for name, about in entries.items())])
        for title, entries in lists.items()
        if entries
    ]
    return OneLineParser(
        prog=program,
        description=description,
        epilog="\n\n".join(epilog).replace("%", "%%"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_image(parser: argparse.ArgumentParser) -> None:
    """The picture."""
    parser.add_argument("image", nargs="?", metavar="IMAGE", help="the picture; a bundled sample if not given")


def add_painting_options(parser: argparse.ArgumentParser) -> None:
    """PaintConfig's options, --config and --preset. Those that are not given leave no trace in the outcome."""
    for spec in fields(PaintConfig):
        parser.add_argument(
            option_name(spec.name),
            type=spec.metadata["kind"].parse,
            default=argparse.SUPPRESS,
            metavar=spec.metadata["metavar"],
            help=_help(spec),
        )
    parser.add_argument("--preset", metavar="NAME", help=f"settings for a purpose: {', '.join(PRESETS)} (see below)")
    parser.add_argument(
        "--config",
        metavar="FILE.toml",
        help="read options from this file; they go over a preset's, and those given here go over the file's",
    )


def add_common_options(parser: argparse.ArgumentParser, quiet: str = "print nothing but errors") -> None:
    """--quiet and --version."""
    parser.add_argument("--quiet", action="store_true", help=quiet)
    parser.add_argument("--version", action="version", version=f"impasto {__version__}")


def read_painting_options(options: argparse.Namespace) -> PaintOptions:
    """What `add_image` and `add_painting_options` have parsed.

    Raises:
        OptionError: for a value outside its range, or a configuration file that is no good.
    """
    names = [spec.name for spec in fields(PaintConfig)]
    given = {name: getattr(options, name) for name in names if hasattr(options, name)}
    file = None if options.config is None else Path(options.config)
    config = make_config(given, file, options.preset)
    return PaintOptions(sample_path() if options.image is None else Path(options.image), config, file)


def _help(spec: Field[Any]) -> str:
    """An option's help with its default."""
    default = "" if spec.default is None else f" (default: {spec.default})"
    return (spec.metadata["help"] + default).replace("%", "%%")
