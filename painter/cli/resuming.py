"""What a command keeps so that after a kill `--resume` goes on with it: its progress, and the names it has taken."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from painter.cli.outputs import Outputs, claimed
from painter.cli.progress import say

if TYPE_CHECKING:  # torch takes seconds to import
    from painter.system.autosave import Fingerprinted


class Resuming:
    """An autosave and a journal, beside the first output.

    Args:
        outputs: all that is written.
        subject: what it is of.
        resume: whether to go on where an earlier run left off.
        quiet: whether to say nothing of it.
    """

    def __init__(self, outputs: Outputs, subject: Fingerprinted, resume: bool, quiet: bool) -> None:
        from painter.system.autosave import Autosave
        from painter.system.journal import Journal

        self._outputs = outputs
        self.autosave = Autosave(
            Path(outputs.paintings[0]), subject, resume, None if quiet else partial(say, sys.stderr)
        )
        self._journal = Journal(self.autosave.path.with_suffix(".journal"), repr(outputs), resume)

    @contextmanager
    def claimed(self) -> Iterator[Outputs]:
        """`painter.cli.outputs.claimed`, with the names that a run which was killed had taken.

        Where this fails, what has been written is forgotten unless there is progress to be gone on with.
        """
        try:
            with claimed(self._outputs, self._journal) as outputs:
                yield outputs
        except BaseException:
            if not self.autosave.path.exists():
                self._journal.close()
            raise

    def close(self, finished: bool) -> None:
        """All is written; of a run that was not `finished`, but cut short, progress is kept."""
        self.autosave.close(finished)
        self._journal.close()  # last: until here a kill leaves a run to be gone on with
