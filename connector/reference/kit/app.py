"""One ASGI application: the API under /api, the pages elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from connector.reference.kit.api import Api
from connector.reference.kit.domain import Domain
from connector.reference.kit.service import Service
from connector.reference.kit.store import Clock, system_clock
from connector.reference.kit.switches import Switches


@dataclass(frozen=True, slots=True)
class Settings:
    """db: file of the database, or `:memory:`. tokens: token -> principal. peer_url: the other system's pages."""

    db: str
    tokens: Mapping[str, str]
    switches: Switches = field(default_factory=Switches)
    auto_confirm: bool = True
    clock: Clock = system_clock
    peer_url: str | None = None


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


def build(domain: Domain, settings: Settings, mount: Callable[[FastAPI, Service], None]) -> Application:
    """Put the parts together; `mount` adds the pages for people."""
    service = Service(domain, settings.db, settings.switches, settings.clock)
    site = FastAPI(openapi_url=None)
    site.state.peer_url = settings.peer_url
    mount(site, service)
    return Application(service, Api(service, settings.tokens), site)
