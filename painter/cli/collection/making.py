"""What `collection generate` and `collection blend` share: a folder of pieces is made, and painted if that is asked."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path

from painter.batch.driver import Summary, run_jobs
from painter.batch.jobs import Job
from painter.batch.ledger import Ledger
from painter.cli.arguments import Once, add_options, given_name
from painter.cli.commands import INCOMPLETE, INTERRUPTED
from painter.cli.paths import make_folder
from painter.cli.progress import StepBar, announce_compiling, say
from painter.cli.running import RunBar, add_running_options, make_pool, print_summary
from painter.errors import ImpastoError
from painter.options.learn import GenerateConfig
from painter.options.running import RunningConfig


def add_making_options(parser: argparse.ArgumentParser, config: type) -> None:
    """-o, the options of a dataclass, and those of painting on many cores and machines."""
    parser.add_argument(
        "-o", "--output", metavar="OUT", required=True, type=given_name, action=Once,
        help="the folder for pieces; made if missing",
    )  # fmt: skip
    add_options(parser, config)
    add_running_options(parser)


def make_pieces(model_file: Path, config: GenerateConfig, running: RunningConfig, output: Path, quiet: bool) -> int:
    """Make what is not there yet; the exit code."""
    from painter.learning.generating import PieceFolder
    from painter.learning.model_file import load_model
    from painter.system.fingerprint import sha256_of

    model = load_model(model_file)
    existed = output.exists()
    make_folder(output, output)
    try:
        folder = PieceFolder(model, config, output, sha256_of(model_file))
    except ImpastoError:
        if not existed:
            output.rmdir()
        raise
    with closing(PieceBar(quiet)) as bar:
        made = folder.make(bar.show)
    numbers = made.kept
    left_out = [entry.number for entry in made.entries if not entry.sha256]
    if not quiet:
        refused = f", {made.refused} copies and duplicates refused (see {folder.list_file})" if made.refused else ""
        say(sys.stdout, f"{len(numbers)} pieces in {output}{refused}")
        for number in left_out:
            say(sys.stderr, f"piece {number} is left out: every try was a copy or the same as another piece")
    if made.interrupted:
        say(sys.stderr, "interrupted; run the same command again to continue")
        return INTERRUPTED
    code = INCOMPLETE if left_out else 0
    if config.paint is not None:
        summary = _paint(folder.jobs(made), running, output, quiet)
        code = print_summary(summary, quiet) or code
        if summary.interrupted or summary.failed:
            return code
    folder.write_contact_sheet(numbers)
    return code


def _paint(jobs: list[Job], running: RunningConfig, output: Path, quiet: bool) -> Summary:
    """Paint the pieces that are not painted yet."""
    with Ledger.open(output) as ledger:
        if not quiet:
            announce_compiling()
        with make_pool(running) as pool, closing(RunBar(quiet, "pieces")) as bar:
            return run_jobs(jobs, output, ledger, pool, bar.show, running.retries)


class PieceBar(StepBar):
    """The progress of drawing pieces."""

    def __init__(self, quiet: bool) -> None:
        super().__init__()
        self._quiet = quiet

    def show(self, done: int, count: int) -> None:
        """Show that so many pieces have been drawn."""
        if not self._quiet:
            self.update(done, count, "drawing", "")
