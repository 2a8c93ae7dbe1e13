"""One ASGI application: the API under /api, the pages elsewhere."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from connector.reference.kit.api import Api
from connector.reference.kit.domain import Domain
from connector.reference.kit.service import Service
from connector.reference.kit.store import Clock, system_clock
from connector.reference.kit.switches import Switches


@dataclass(frozen=True, slots=True)
class Settings:
    """db: file of the database, or `:memory:`. tokens: token -> principal."""

    db: str
    tokens: Mapping[str, str]
    switches: Switches = field(default_factory=Switches)
    auto_confirm: bool = True
    clock: Clock = system_clock


class Application:
    """Sends /api and /healthz to the API and everything else to the pages."""

    def __init__(self, service: Service, api: Api, site: FastAPI) -> None:
        self.service = service
        self.api = api
        self.site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and (path.startswith("/api/") or path in ("/api", "/healthz")):
            await self.api(scope, receive, send)
        else:
            await self.site(scope, receive, send)

    def close(self) -> None:
        """Stop the background work and close the database."""
        self.api.close()
        self.service.close()


def build(domain: Domain, settings: Settings, pages: str) -> Application:
    """Put the parts together; `pages` names the package with `mount(app, service)`."""
    service = Service(domain, settings.db, settings.switches, settings.clock)
    site = FastAPI(openapi_url=None)
    spec = importlib.util.find_spec(pages)
    if spec is not None and spec.origin is not None:
        importlib.import_module(pages).mount(site, service)
    else:
        site.add_route("/", _plain_home(domain.system))
    return Application(service, Api(service, settings.tokens), site)


def _plain_home(system: str) -> Callable[[Request], Awaitable[Response]]:
    async def home(request: Request) -> Response:
        return PlainTextResponse(f"The built-in {system.upper()}. Its API is under /api.\n")

    return home
