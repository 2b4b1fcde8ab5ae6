"""`collection set-base-uri`: rewrite the links in the metadata, once the files have been uploaded."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from painter.batch.collection.ledger_meta import ANIMATION_BASE_URI, BASE_URI
from painter.batch.collection.recipe_kinds import Link
from painter.batch.ledger import Ledger
from painter.cli.arguments import add_common_options, new_parser
from painter.cli.collection.common import check_ledger
from painter.cli.progress import say
from painter.errors import OptionError
from painter.learning.listing import NAME as PIECES

ABOUT = "rewrite the links in the metadata, once the files have been uploaded"


def main(arguments: list[str], program: str) -> int:
    """Rewrite the links, and keep them for later runs; the exit code."""
    options = make_parser(program).parse_args(arguments)
    for name, uri in (("URI", options.uri), ("--animations", options.animations)):
        try:
            if uri is not None:
                Link().check(uri)
        except ValueError as error:
            raise OptionError(f"{name} {uri}: {error}") from None
    return _set_base_uri(Path(options.folder), options)


def make_parser(program: str | None = None) -> argparse.ArgumentParser:
    """The options of `set-base-uri`."""
    parser = new_parser("Rewrite the links in the metadata, once the files have been uploaded.", program)
    parser.add_argument("uri", metavar="URI", help="of the folder images/: ipfs://CID, https://…, ar://…")
    parser.add_argument("folder", metavar="FOLDER", help="the collection's folder")
    parser.add_argument("--animations", metavar="URI", help="of the folder animations/, if there is one")
    add_common_options(parser)
    return parser


def _set_base_uri(folder: Path, options: argparse.Namespace) -> int:
    from painter.batch.collection.links import set_links
    from painter.batch.collection.metadata import Links

    if (folder / PIECES).is_file():  # made by `generate` or `blend`
        return _report(set_links(folder, Links(options.uri)), folder, options.quiet)
    check_ledger(folder, str(folder))
    if (folder / "animations").is_dir() and options.animations is None:
        raise OptionError("--animations is missing: the collection has animations/; give the URI it was uploaded to")
    with Ledger.open(folder) as ledger:
        changed = set_links(folder, Links(options.uri, options.animations))
        ledger.set_meta(BASE_URI, options.uri)
        if options.animations is not None:
            ledger.set_meta(ANIMATION_BASE_URI, options.animations)
    return _report(changed, folder, options.quiet)


def _report(changed: int, folder: Path, quiet: bool) -> int:
    if not quiet:
        say(sys.stdout, f"rewrote {changed} files in {folder}" if changed else "all links are up to date")
    return 0
