"""The command line of scripts/benchmark/run.py."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from painter.errors import PictureError
from painter.options.paint import STYLES
from scripts.benchmark import kodak
from scripts.benchmark.quality import DEFAULT_PARTS, PARTS
from scripts.benchmark.versions import VersionError, find_version

STROKES, SIDES = (100, 500, 2000, 10_000), (256, 512, 1024)
QUICK_STROKES, QUICK_SIDES = (100, 500), (256,)


def read_options(description: str | None) -> argparse.Namespace:
    """The options; `pictures` are those in --kodak's folder, `versions` are those that paint.

    Raises:
        SystemExit: with code 2, after an invalid option or an unusable folder has been named.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_modes(parser)
    add_comparison(parser)
    backends = ["reference", "cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    parser.add_argument("--styles", type=listed(str, STYLES), help="styles, separated by commas")
    parser.add_argument("--strokes", type=listed(int), help="numbers of strokes, separated by commas")
    parser.add_argument("--sides", type=listed(int), help="long sides of canvases in pixels, separated by commas")
    parser.add_argument(
        "--backends",
        type=listed(str, backends),
        default=tuple(backends),
        help=f"of {', '.join(backends)}, separated by commas (default: all)",
    )
    parser.add_argument("--repeats", type=int, default=7, help="iterations that count, for each workload (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("output/benchmark"), help="folder (%(default)s)")
    args = parser.parse_args()
    args.styles = args.styles or ((kodak.STYLE,) if args.kodak else STYLES)
    args.styles = args.styles[:1] if args.quick else args.styles
    args.strokes = args.strokes or (kodak.COUNTS if args.kodak else QUICK_STROKES if args.quick else STROKES)
    args.sides = args.sides or (QUICK_SIDES if args.quick else SIDES)
    check_comparison(parser, args)
    try:
        args.pictures = kodak.read_pictures(args.kodak) if args.kodak else {}
        args.versions = [find_version(options=args.options)]
        if args.against:
            args.versions.append(find_version(args.against, args.options_against))
    except (PictureError, VersionError) as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")
    return args


def add_modes(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_true", help="100 and 500 strokes at 256 px, one style, no paintings")
    which.add_argument("--end-to-end", action="store_true", help="only whole paintings, from start to files")
    which.add_argument("--quality", action="store_true", help="only how close paintings come to their pictures")
    which.add_argument(
        "--kodak", type=Path, metavar="FOLDER",
        help=f"only the pictures in a folder, at their own size, with {', '.join(map(str, kodak.COUNTS))} strokes in"
        f" {kodak.STYLE} (others: --strokes, --styles)",
    )  # fmt: skip
    parser.add_argument(
        "--quality-parts", type=listed(str, tuple(PARTS)), default=DEFAULT_PARTS,
        help=f"of {', '.join(PARTS)}, separated by commas (default: {','.join(DEFAULT_PARTS)})",
    )  # fmt: skip


def add_comparison(parser: argparse.ArgumentParser) -> None:
    words: dict[str, Any] = {"type": split_words, "default": (), "metavar": "WORDS"}
    parser.add_argument(
        "--options", **words, help='further options for paint.py in --quality and --kodak: --options "--iterations 300"'
    )
    parser.add_argument(
        "--against", type=Path, metavar="FOLDER",
        help="in --quality and --kodak: a checkout of another version, which paints every picture as well, in turn",
    )  # fmt: skip
    parser.add_argument("--options-against", **words, help="the same for the other version's paint.py")


def check_comparison(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    for name in ("options", "against", "options_against"):
        if getattr(args, name) and not (args.quality or args.kodak):
            parser.error(f"argument --{name.replace('_', '-')}: allowed only with --quality or --kodak")
    if args.options_against and not args.against:
        parser.error("argument --options-against: allowed only with --against")


def listed(kind: type, names: Sequence[str] = ()) -> Any:
    """An argparse type: values of this kind separated by commas, among `names` if there are any."""

    def read(text: str) -> tuple[Any, ...]:
        values = tuple(kind(value) for value in text.split(","))
        if names and not set(values) <= set(names):
            raise argparse.ArgumentTypeError(f"choose from {', '.join(names)}")
        return values

    return read


def split_words(text: str) -> tuple[str, ...]:
    """An argparse type: words of a command line, split as a shell does."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error} in {text!r}") from None
