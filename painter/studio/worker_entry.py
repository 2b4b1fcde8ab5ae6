"""Where a process of the studio begins: only there is what is heavy imported, and not in the server."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection

from painter.system import late_torch


def work(connection: Connection) -> None:
    """Be a `painter.studio.task_worker.Worker` until the connection ends."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's, which ends its processes
    late_torch.put_off()
    from painter.studio.task_worker import main

    main(connection)
