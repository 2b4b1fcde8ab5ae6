"""The studio's life: a socket, a folder, a token where others can reach it, and the browser."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import uvicorn

from painter.errors import OptionError, OutputError, one_line
from painter.options.serving import LOOPBACK, StudioConfig
from painter.studio.app import Studio, make_app
from painter.studio.library import Library
from painter.studio.security import Access


def serve(config: StudioConfig, report: Callable[[str], None], browser: bool = True) -> None:
    """Serve until Ctrl-C.

    Args:
        report: called with each line for people.
        browser: whether to open the page.

    Raises:
        OptionError: the port is taken, or the host is not one of this machine's.
        OutputError: the folder cannot be made.
    """
    folder = Path(config.folder).expanduser()
    try:
        library = Library(folder, config.megapixels)
    except OSError as error:
        raise OutputError(
            f"--folder {one_line(folder)}: cannot be made ({error.strerror or error}); name another"
        ) from error
    listening = _bound(config)
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(16) if config.is_open else None
    studio = Studio(config, library)
    address = f"http://{_named(config.host)}:{port}/" + (f"?token={token}" if token else "")
    report(f"the studio is open at {address}")
    report(f"paintings are kept in {one_line(folder)}; Ctrl-C ends it")
    if browser:
        threading.Timer(0.5, webbrowser.open, (address,)).start()
    with suppress(KeyboardInterrupt):  # it is how people end it
        StudioServer(studio, Access(allowed_hosts(port), token)).run(sockets=[listening])


class StudioServer(uvicorn.Server):
    """Serves a studio; when it ends, pages that watch a painting are let go first."""

    def __init__(self, studio: Studio, access: Access) -> None:
        self.studio = studio
        app = make_app(studio, access)
        super().__init__(
            uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2, lifespan="on", server_header=False)
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        self.studio.jobs.end_streams()
        await super().shutdown(sockets)


def allowed_hosts(port: int) -> tuple[str, ...]:
    """The names by which this machine's own browser asks for the studio."""
    return tuple(f"{_bracketed(name)}:{port}" for name in LOOPBACK)


def _bound(config: StudioConfig) -> socket.socket:
    """A socket that others cannot take any more."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    if os.name != "nt":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((config.host, config.port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        if isinstance(error, socket.gaierror) or "assign" in (error.strerror or ""):
            raise OptionError(f"--host {config.host}: is not an address of this machine; choose another") from None
        why = (error.strerror or str(error)).lower()
        raise OptionError(f"--port {config.port}: cannot be used ({why}); choose another, or 0 for any") from None
    return listening


def _named(host: str) -> str:
    """A host as people open it."""
    return socket.gethostname() if host in ("0.0.0.0", "::") else _bracketed(host)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
