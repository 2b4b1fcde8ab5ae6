"""A visitor of a studio that is killed: asks for two paintings, and ends the studio when both are there."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

PORT = 18473
COOKIE = Path(".cookie")  # by which the studio knows the visitor again, in the folder that it is started in
SEEDS = (1, 2)
CONFIG = {"strokes": 10, "size": 64, "iterations": 60, "style": "markerpen"}


def prepare(folder: Path) -> None:
    """The folder for the studio."""
    (folder / "studio").mkdir()


def visit() -> None:
    """Start the visitor, in a process of its own that ends with the studio that this one is to become."""
    studio = os.getpid()
    if os.fork() != 0:
        return
    with suppress(OSError, http.client.HTTPException):  # the studio has been killed
        if _open():
            _ask_for_paintings()
            while len(_ask("GET", "/api/paintings")) < len(SEEDS):
                time.sleep(0.02)
            os.kill(studio, signal.SIGINT)
    os._exit(0)


def _open() -> bool:
    """Wait until the studio answers; False if it does not within a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            _ask("GET", "/api/options")
            return True
        except ConnectionRefusedError:
            time.sleep(0.02)
            if os.getppid() == 1:  # it has ended
                return False
    return False


def _ask_for_paintings() -> None:
    """Ask for those that are neither done nor waited for."""
    known = [*_ask("GET", "/api/paintings"), *(job["about"] for job in _ask("GET", "/api/jobs"))]
    seeds = {about["settings"]["seed"] for about in known}
    missing = [seed for seed in SEEDS if seed not in seeds]
    if missing:
        picture = _ask("POST", "/api/pictures?sample=octahedron", {})["id"]
        for seed in missing:
            _ask("POST", "/api/jobs", {"picture": picture, "config": {**CONFIG, "seed": seed}})


def _ask(method: str, path: str, body: Any = None) -> Any:
    """What the studio answers."""
    sent = {"origin": f"http://127.0.0.1:{PORT}", "content-type": "application/json"}
    if COOKIE.exists():
        sent["cookie"] = COOKIE.read_text()
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    connection.request(method, path, None if body is None else json.dumps(body), sent)
    answer = connection.getresponse()
    content = answer.read()
    given = answer.getheader("set-cookie")
    connection.close()
    if answer.status >= 400:
        raise http.client.HTTPException(f"{method} {path}: {answer.status} {content[:300]!r}")
    if given and not COOKIE.exists():
        COOKIE.write_text(given.split(";")[0])
    return json.loads(content)


def shown(folder: Path) -> dict[str, bytes]:
    """The files of complete paintings, by the seed of each instead of its random name."""
    files = {}
    for path in sorted((folder / "studio" / "paintings").glob("*/about.json")):
        seed = json.loads(path.read_text())["settings"]["seed"]
        for file in path.parent.iterdir():
            if file.name[0] != ".":
                files[f"{seed}/{file.name}"] = file.read_bytes()
    return files


def finished(folder: Path) -> list[str]:
    """The stroke files of complete paintings."""
    done = (folder / "studio" / "paintings").glob("*/about.json")
    return [str(path.with_name("painting.strokes.json.gz").relative_to(folder)) for path in done]
