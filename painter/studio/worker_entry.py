"""Where a process of the studio begins: only there is what is heavy imported, and not in the server."""

from __future__ import annotations

import signal
from multiprocessing.connection import Connection

from painter.system import late_torch
from painter.system.library_settings import set_libraries


def work(connection: Connection) -> None:
    """Be a `painter.studio.task_worker.Worker` until the connection ends."""
    set_libraries()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's, which ends its processes
    late_torch.put_off()
    from painter.studio.task_worker import main

    main(connection)
