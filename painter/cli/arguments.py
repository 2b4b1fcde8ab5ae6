"""Options of the command line, made from dataclass fields; their values, from preset, file and command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

from painter.cli.progress import say_text
from painter.errors import OptionError
from painter.options.fields import named_files, option_name
from painter.options.paint import PaintConfig
from painter.options.presets import PRESETS
from painter.options.reveal import THEN_HELP, LaterPictures, RevealConfig
from painter.options.toml import make_settings
from painter.pictures.samples import sample_path
from painter.version import __version__

Lists = Mapping[str, Mapping[str, str]]  # at the end of a help text: title -> name -> description
LIST_OF_PRESETS: Lists = {"presets": {name: preset.about for name, preset in PRESETS.items()}}


class OneLineParser(argparse.ArgumentParser):
    """A parser that raises its errors as OptionError, one line each, instead of printing the usage and exiting."""

    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{message}; see --help")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Help and version, also where the locale has no dashes and dots of ours, or nobody reads."""
        say_text(sys.stdout if file is None else file, message)


class Once(argparse.Action):
    """An option of one value that may be given once: of two, the first would be dropped without a word."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        if getattr(namespace, self.dest) != self.default:
            raise argparse.ArgumentError(self, "given twice; leave one out")
        setattr(namespace, self.dest, values)


def given_name(text: str) -> str:
    """The `type` of an option that names a file or folder: not empty, as an unset variable of a shell would be."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty; is a variable of the command unset?")
    return text


@dataclass(frozen=True)
class PaintOptions:
    """The values of the options shared by the commands that paint one picture."""

    image: Path
    config: PaintConfig
    later: LaterPictures
    config_file: Path | None

    @property
    def inputs(self) -> dict[str, Path]:
        """The files that are read, by their description in messages, see `named_inputs`."""
        files = {"the input picture": self.image, **named_inputs(self.config), **self.later.inputs}
        return files if self.config_file is None else {**files, input_of("config"): self.config_file}


def input_of(name: str) -> str:
    """How messages describe the input file that a field names: 'the file given to --style-image'."""
    return f"the file given to {option_name(name)}"


def named_inputs(config: Any) -> dict[str, Path]:
    """The files that a dataclass of options names, by their description in messages."""
    return {input_of(name): path for name, path in named_files(config).items()}


def new_parser(description: str, program: str | None, lists: Lists | None = None) -> OneLineParser:
    """A parser whose help shows `lists` after the options."""
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
    """IMAGE."""
    parser.add_argument(
        "image", nargs="?", metavar="IMAGE", type=given_name, help="the picture; a bundled sample if not given"
    )


def add_options(
    parser: argparse._ActionsContainer,
    config: type,
    also: Mapping[str, Sequence[str]] | None = None,
    only: Collection[str] | None = None,
) -> None:
    """Add an option for every field made by `painter.options.fields.option`; `given` returns those that were given.

    Args:
        config: a dataclass.
        also: further names of options, by the field's name.
        only: the names of the fields that get an option; all if not given.
    """
    for spec in _option_fields(config):
        if only is not None and spec.name not in only:
            continue
        names = [option_name(spec.name), *(also or {}).get(spec.name, ())]
        # An option for a bool takes no value.
        value: dict[str, Any] = {"action": "store_true"}
        if not isinstance(spec.default, bool):
            value = {"type": spec.metadata["kind"].parse, "metavar": spec.metadata["metavar"]}
        parser.add_argument(*names, dest=spec.name, default=argparse.SUPPRESS, help=_help(spec), **value)


def given(options: argparse.Namespace, config: type) -> dict[str, Any]:
    """The parsed values of the options that `add_options` made for a dataclass, by field; only of those given."""
    return {spec.name: getattr(options, spec.name) for spec in _option_fields(config) if hasattr(options, spec.name)}


def _option_fields(config: type) -> list[Field[Any]]:
    return [spec for spec in fields(config) if "kind" in spec.metadata]


def add_painting_options(parser: argparse.ArgumentParser) -> None:
    """PaintConfig's options, --config and --preset."""
    add_options(parser, PaintConfig)
    parser.add_argument("--preset", metavar="NAME", help=f"settings for a purpose: {', '.join(PRESETS)} (see below)")
    parser.add_argument(
        "--config",
        metavar="FILE.toml",
        type=given_name,
        action=Once,
        help="read options from this file; they override a preset, and the command line overrides them",
    )


def add_later_pictures(parser: argparse.ArgumentParser, more: str = "") -> None:
    """--then and --shares.

    Args:
        more: said at the end of the help of --then.
    """
    parser.add_argument(
        "--then", action="append", default=[], metavar="PICTURE", type=given_name,
        help=f"{THEN_HELP}{more}; may be repeated",
    )  # fmt: skip
    add_options(parser, RevealConfig)


def add_common_options(parser: argparse.ArgumentParser, quiet: str = "print nothing but errors") -> None:
    """--quiet and --version."""
    parser.add_argument("--quiet", action="store_true", help=quiet)
    parser.add_argument("--version", action="version", version=f"impasto {__version__}")


def read_painting_options(options: argparse.Namespace) -> PaintOptions:
    """The values of the options of `add_image` and `add_painting_options`.

    Raises:
        OptionError: a value outside its range, or a configuration file that cannot be read or has errors.
    """
    file = None if options.config is None else Path(options.config)
    image = sample_path() if options.image is None else Path(options.image)
    return PaintOptions(image, *read_painting_config(options, file), file)


def read_painting_config(options: argparse.Namespace, file: Path | None) -> tuple[PaintConfig, LaterPictures]:
    """The values of the options of `add_painting_options`, and of `add_later_pictures` where the command has them.

    Args:
        file: the configuration file, if one is given.

    Raises:
        OptionError: a value outside its range, or a configuration file that cannot be read or has errors.
    """
    values = {**given(options, PaintConfig), **given(options, RevealConfig)}
    if getattr(options, "then", None):
        values["then"] = options.then
    return make_settings(values, file, options.preset)


def _help(spec: Field[Any]) -> str:
    """An option's help with its default, as argparse takes it."""
    text: str = spec.metadata["help"]
    if spec.default is not None and not isinstance(spec.default, bool):
        text += f" (default: {spec.default})"
    return text.replace("%", "%%")
