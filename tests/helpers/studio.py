"""A studio that serves in a thread of the test's process, and a client that may lie about itself."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from painter.options.serving import StudioConfig
from painter.studio.app import Studio
from painter.studio.library import Library
from painter.studio.messages import unpack_message
from painter.studio.security import Access
from painter.studio.serve import StudioServer, allowed_hosts


class Client:
    """Asks a studio on this machine."""

    def __init__(self, port: int) -> None:
        self.port, self.cookie = port, ""

    def ask(self, method: str, path: str, body: Any = None, **headers: str | None) -> tuple[int, Any, dict[str, str]]:
        """Status, body (JSON as an object) and headers of an answer. Headers that are None are left out."""
        sent = {"host": f"127.0.0.1:{self.port}", "origin": f"http://127.0.0.1:{self.port}", "cookie": self.cookie}
        if isinstance(body, (dict, list)):
            body, sent["content-type"] = json.dumps(body), "application/json"
        merged = {**sent, **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, path, skip_host=True)
        content = body.encode() if isinstance(body, str) else body
        if content is not None:
            connection.putheader("content-length", str(len(content)))
        for name, value in merged.items():
            if value is not None and value != "":
                connection.putheader(name, value)
        connection.endheaders(content)
        answer = connection.getresponse()
        content, found = answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        connection.close()
        if "set-cookie" in found and not self.cookie:
            self.cookie = found["set-cookie"].split(";")[0]
        return answer.status, json.loads(content) if "json" in found.get("content-type", "") else content, found

    def picture(self) -> str:
        """The id of a sample."""
        status, about, _ = self.ask("POST", "/api/pictures?sample=octahedron", {})
        assert status == 200
        return str(about["id"])

    def watch(self, job: str) -> Generator[tuple[dict[str, Any], bytes], None, None]:
        """The messages of a job."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", f"/api/jobs/{job}/stream", headers={"cookie": self.cookie})
        answer = connection.getresponse()
        assert answer.status == 200
        try:
            while head := answer.read(8):
                lengths = int.from_bytes(head[:4], "little") + int.from_bytes(head[4:], "little")
                yield unpack_message(head + answer.read(lengths))
        finally:
            answer.close()
            connection.close()


@contextmanager
def serving(folder: Path, config: StudioConfig | None = None, token: str | None = None) -> Iterator[Client]:
    """A studio until the context ends."""
    config = config or StudioConfig()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    studio = Studio(config, Library(folder, config.megapixels))
    server = StudioServer(studio, Access(allowed_hosts(port), token))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Client(port)
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
