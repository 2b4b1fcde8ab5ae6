"""What a command saves as it runs so that `--resume` can continue after a kill: its progress and its output names.

It needs torch, so commands import it in their late step.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from painter.cli.outputs import Outputs, claimed
from painter.cli.progress import say
from painter.system.autosave import Autosave, Fingerprinted
from painter.system.journal import Journal


class Resuming:
    """An autosave and a journal, beside the first output.

    Args:
        outputs: the files that the command writes.
        subject: what is made; its fingerprint tells whether an earlier run was of the same.
        resume: whether to continue an earlier run.
        quiet: whether to print nothing about it.

    Attributes:
        autosave: where the progress of the search is kept.
    """

    def __init__(self, outputs: Outputs, subject: Fingerprinted, resume: bool, quiet: bool) -> None:
        self._outputs = outputs
        self.autosave = Autosave(
            Path(outputs.paintings[0]), subject, resume, None if quiet else partial(say, sys.stderr)
        )
        self._journal = Journal(self.autosave.path.with_suffix(".journal"), repr(outputs), resume)

    @contextmanager
    def claimed(self) -> Iterator[Outputs]:
        """`painter.cli.outputs.claimed`, with the names that a killed run had claimed if this one resumes it.

        If the writing fails, the journal is removed, unless there is progress to resume from.
        """
        try:
            with claimed(self._outputs, self._journal) as outputs:
                yield outputs
        except BaseException:
            if not self.autosave.path.exists():
                self._journal.close()
            raise

    def close(self, finished: bool) -> None:
        """End the run after its files have been written; unless it is `finished`, its progress is kept."""
        self.autosave.close(finished)
        self._journal.close()  # last: a kill before this leaves a run that can be resumed
