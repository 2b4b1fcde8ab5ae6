"""Watching a search in a notebook. Needs IPython, which notebooks have.

>>> from painter import notebook
>>> paint(picture, painting.config, on_progress=notebook.live())  # doctest: +SKIP
"""

from __future__ import annotations

import time

from painter.pictures.notebook_pictures import shown_in_notebooks
from painter.search.staged_run import OnProgress, Progress

UPDATES = 2.0  # a second, at most


def live() -> OnProgress:
    """What `paint` is given as `on_progress`, so that the painting is seen while it is found.

    Raises:
        ModuleNotFoundError: IPython is not installed.
    """
    from IPython.display import display

    handle, last = display({"text/plain": "painting…"}, raw=True, display_id=True), 0.0

    def show(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < 1 / UPDATES and progress.step < progress.steps:
            return
        last = now
        told = f"{progress.stage}: step {progress.step} of {progress.steps}, {progress.figures}"
        handle.update({**shown_in_notebooks(progress.canvas()), "text/plain": told}, raw=True)

    return show
