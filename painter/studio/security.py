"""What every request must pass before it is looked at, and what every answer says to the browser.

Host       on this machine alone, the names of this machine: another name means DNS rebinding
token      elsewhere, a random token: in the URL once, then in a cookie
origin     what changes anything comes from our own page, by Sec-Fetch-Site or Origin
session    a random cookie, so that a page that is loaded again finds its jobs
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from painter.studio.library import is_id, new_id

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]

HEADERS = (
    (b"content-security-policy",
     b"default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)  # fmt: skip
SESSION, TOKEN = "impasto-session", "impasto-token"  # cookies


@dataclass(frozen=True)
class Access:
    """Who may ask.

    >>> from painter.studio.security import Access
    >>> Access(hosts=("localhost:8080",), token=None).token is None
    True
    """

    hosts: tuple[str, ...]  # names with ports that a request may ask for; not looked at where there is a token
    token: str | None  # that others must have; None where only this machine can reach the studio


class Guard:
    """An ASGI application in front of another one.

    Args:
        app: what answers requests that pass. Its scopes have 'session', 32 hexadecimal digits.
        access: who may ask.
    """

    def __init__(self, app: App, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        cookies, refused = _cookies(headers), self._refused(scope, headers)
        new = []
        scope["session"] = cookies.get(SESSION)
        if not is_id(scope["session"]):
            scope["session"] = new_id()
            new.append(_cookie(SESSION, scope["session"]))
        if refused is None and self.access.token is not None:
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            known = cookies.get(TOKEN, "")
            if secrets.compare_digest(given.encode(), self.access.token.encode()):
                new.append(_cookie(TOKEN, self.access.token))
            elif not secrets.compare_digest(known.encode(), self.access.token.encode()):
                refused = 403, "open the address with the token that the server has printed"

        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                more = [*HEADERS, *((b"set-cookie", cookie) for cookie in new if refused is None)]
                message["headers"] = [*message.get("headers", []), *more]
            await send(message)

        if refused is None:
            await self.app(scope, receive, answer)
        else:
            await _say(answer, *refused)

    def _refused(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """The status and the reason, if a request is not even looked at."""
        host = headers.get("host", "")
        if self.access.token is None and host.lower() not in self.access.hosts:
            return 403, "this host name is not one of this machine's"
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if scope["method"] in ("GET", "HEAD"):
            foreign = site in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate"
            return (403, "this is for the studio's own page") if foreign else None
        ours = site == "same-origin" or (site is None and origin == f"{scope['scheme']}://{host}")
        if not ours or (origin is not None and origin != f"{scope['scheme']}://{host}"):
            return 403, "this is for the studio's own page"
        kind = headers.get("content-type", "").split(";")[0].strip()
        if kind not in ("", "application/json", "application/octet-stream"):
            return 415, "send application/json or application/octet-stream"
        return None


def _cookies(headers: dict[str, str]) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _cookie(name: str, value: str) -> bytes:
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000".encode()


async def _say(send: Any, status: int, message: str) -> None:
    text = message.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
