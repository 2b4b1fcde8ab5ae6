"""Options of the command line, from the fields of dataclasses; what a command line, a file and a preset add up to."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping, Sequence
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

from painter.errors import OptionError
from painter.options.fields import option_name
from painter.options.paint import PaintConfig
from painter.options.presets import PRESETS
from painter.options.toml import make_config
from painter.pictures.samples import sample_path
from painter.version import __version__

Lists = Mapping[str, Mapping[str, str]]  # for the end of a help: what each is of -> name -> what that is
LIST_OF_PRESETS: Lists = {"presets": {name: preset.about for name, preset in PRESETS.items()}}


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


def new_parser(description: str, program: str | None, lists: Lists | None = None) -> OneLineParser:
    """A parser that shows, after its options, `lists`."""
    epilog = [
        "\n".join([f"{title}:", *(f"  {name:<20}  {about}" for name, about in entries.items())])
        for title, entries in (lists or {}).items()
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


def add_options(
    parser: argparse._ActionsContainer,
    config: type,
    also: Mapping[str, Sequence[str]] | None = None,
    only: Collection[str] | None = None,
) -> None:
    """An option for every field that `painter.options.fields.option` has made. Those that are not given leave no trace.

    Args:
        config: a dataclass.
        also: further names of options, by the field's name.
        only: the names of the fields that there are options for; all if not given.
    """
    for spec in _asked_for(config):
        if only is not None and spec.name not in only:
            continue
        names = [option_name(spec.name), *(also or {}).get(spec.name, ())]
        # A field that is off or on is an option without a value.
        value: dict[str, Any] = {"action": "store_true"}
        if not isinstance(spec.default, bool):
            value = {"type": spec.metadata["kind"].parse, "metavar": spec.metadata["metavar"]}
        parser.add_argument(*names, dest=spec.name, default=argparse.SUPPRESS, help=_help(spec), **value)


def given(options: argparse.Namespace, config: type) -> dict[str, Any]:
    """What `add_options` for this dataclass has parsed, by field; only what was given."""
    return {spec.name: getattr(options, spec.name) for spec in _asked_for(config) if hasattr(options, spec.name)}


def _asked_for(config: type) -> list[Field[Any]]:
    return [spec for spec in fields(config) if "kind" in spec.metadata]


def add_painting_options(parser: argparse.ArgumentParser) -> None:
    """PaintConfig's options, --config and --preset."""
    add_options(parser, PaintConfig)
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
    config, file = read_painting_config(options)
    return PaintOptions(sample_path() if options.image is None else Path(options.image), config, file)


def read_painting_config(options: argparse.Namespace) -> tuple[PaintConfig, Path | None]:
    """What `add_painting_options` has parsed, and the configuration file, if there is one.

    Raises:
        OptionError: for a value outside its range, or a configuration file that is no good.
    """
    file = None if options.config is None else Path(options.config)
    return make_config(given(options, PaintConfig), file, options.preset), file


def _help(spec: Field[Any]) -> str:
    """An option's help with its default."""
    default = "" if spec.default is None or isinstance(spec.default, bool) else f" (default: {spec.default})"
    return (spec.metadata["help"] + default).replace("%", "%%")
