"""Who may talk to the pages: a browser on this machine, from a page of ours. Headers every page answers with."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # `no-referrer` would make browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Headers:
    """Adds the security headers to every answer of the app it wraps; sets Cache-Control where none was set."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, with_headers)


def is_local(host: str) -> bool:
    """True for the names of this machine: `localhost`, `*.localhost`, and loopback addresses."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def check(request: Request) -> None:
    """Refuses what did not come from a page of this server.

    The Host is checked because a foreign name that resolves to 127.0.0.1 would otherwise count as the same origin.

    Raises:
        HTTPException: 403, with the reason for the person.
    """
    host = request.headers.get("host", "")
    try:
        local = is_local(host)
    except ValueError:
        local = False
    if not local:
        raise HTTPException(403, "These pages answer on this machine only. Open them at http://127.0.0.1 or localhost.")
    if request.method in ("GET", "HEAD"):
        return
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site")
    foreign_origin = origin is not None and urlsplit(origin).netloc != host
    # A client that sends neither header is no browser, so nobody can have lured it here.
    if foreign_origin or (site is not None and site not in ("same-origin", "none")):
        raise HTTPException(403, "This form was sent from another site. Open the page here and send it again.")
