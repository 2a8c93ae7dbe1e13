"""The frame of the pages: rendering, routing, errors as pages, and how they hang on the API's application."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2s
from pathlib import Path

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from connector.reference.kit.problems import ServiceError
from connector.reference.kit.web import guard, show

HERE = Path(__file__).parent
STATIC = {"style.css": "text/css", "app.js": "text/javascript", "crm.svg": "image/svg+xml", "erp.svg": "image/svg+xml"}
# More than the largest order sends, so that its form is read whole.
MAX_FIELDS = 12_000
KNOWN_PAGES = 500
MOVED = {409: "Not possible", 410: "No longer there", 404: "Not found", 405: "Not found"}


@dataclass(frozen=True, slots=True)
class Link:
    """A place to go: `href` and what is written on it."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a page sees it: the path and its parts, the query, and the form when it is a POST.

    `errors` are the sentences at the fields of a form that was refused.
    """

    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, object] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A field of the form without the blanks around it; empty when it is not there."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class View:
    """A page to render. `watch`: the path whose changes an open page follows, empty for none."""

    template: str
    title: str
    context: Mapping[str, object]
    status: int = 200
    watch: str = ""


Handler = Callable[[Call], View | Response]


class Site:
    """The pages of one system. `page` and `receive` add routes; `app` is what is mounted.

    Args:
        name: `crm` or `erp`; picks the accent colour.
        peer_url: the address of the other system as it is known now, shown in the header; empty for none.
    """

    def __init__(self, name: str, subtitle: str, menu: Sequence[Link], peer_url: Callable[[], str]) -> None:
        self.name = name
        self.title = name.upper()
        self.subtitle = subtitle
        self.menu = tuple(menu)
        self._peer_url = peer_url
        # Tells whether anything has changed, so that an open page that asks again and again costs next to nothing.
        self.moved: Callable[[], object] = object
        self._known: dict[tuple[str, str], tuple[object, str]] = {}
        self._routes: list[BaseRoute] = [Route("/ui/static/{name}", self._static)]
        self._env = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)
        self._env.filters.update(tone=show.tone, words=show.words)
        self._env.globals["site"] = self

    @property
    def peer(self) -> Link | None:
        """The way to the other system; only the web has addresses we link to."""
        url = self._peer_url()
        return Link({"crm": "ERP", "erp": "CRM"}[self.name], url) if url.startswith(("http://", "https://")) else None

    def page(self, path: str, handler: Handler) -> None:
        """Adds a page, and the address under `/ui/version` that says when what it shows has changed."""

        async def endpoint(request: Request) -> Response:
            guard.check(request)
            return await run_in_threadpool(self._answer, handler, _call(request))

        async def version(request: Request) -> Response:
            guard.check(request)
            return JSONResponse({"version": await run_in_threadpool(self._version, handler, _call(request))})

        self._routes += [Route(path, endpoint), Route(f"/ui/version{path}", version)]

    def receive(self, path: str, handler: Handler) -> None:
        """Adds the receiver of a form."""

        async def endpoint(request: Request) -> Response:
            guard.check(request)
            form = await request.form(max_fields=MAX_FIELDS)
            return await run_in_threadpool(self._answer, handler, _call(request, dict(form)))

        self._routes.append(Route(path, endpoint, methods=["POST"]))

    def data(self, path: str, handler: Callable[[Call], object]) -> None:
        """Adds an address that answers the script of the pages with JSON."""

        async def endpoint(request: Request) -> Response:
            guard.check(request)
            return JSONResponse(await run_in_threadpool(handler, _call(request)))

        self._routes.append(Route(path, endpoint))

    def app(self) -> Starlette:
        """The pages as one application, with errors shown as pages."""
        return Starlette(
            routes=self._routes,
            exception_handlers={HTTPException: self._http_error, ServiceError: self._service_error},
            middleware=[Middleware(guard.Headers)],
        )

    def _answer(self, handler: Handler, call: Call) -> Response:
        found = handler(call)
        return found if isinstance(found, Response) else HTMLResponse(self._html(found, call), found.status)

    def _html(self, view: View, call: Call) -> str:
        # Only a page asked for with GET shows what its own address shows, so only that one knows its version.
        version = _digest(self._render(view)) if view.watch == call.path and not call.form else ""
        query = str(call.query) if version else ""
        watch = f"/ui/version{view.watch}{'?' if query else ''}{query}" if view.watch else ""
        return self._render(view, watch=watch, watch_version=version)

    def _render(self, view: View, **watched: str) -> str:
        context = {"section": "", "notes": (), "watch": "", "watch_version": "", "title": view.title}
        return self._env.get_template(view.template).render({**context, **view.context, **watched})

    def _version(self, handler: Handler, call: Call) -> str:
        """A token that differs when the page differs, or is gone, or stands elsewhere."""
        address, now = (call.path, str(call.query)), (self.moved(), self._peer_url())
        known = self._known.get(address)
        if known is not None and known[0] == now:
            return known[1]
        if len(self._known) >= KNOWN_PAGES:
            self._known.clear()
        token = self._token(handler, call)
        self._known[address] = (now, token)
        return token

    def _token(self, handler: Handler, call: Call) -> str:
        try:
            found = handler(call)
        except ServiceError as error:
            return str(error.status)
        return found.headers.get("location", "") if isinstance(found, Response) else _digest(self._render(found))

    async def _http_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        text = error.detail
        if error.status_code == 404:
            text = f"There is no page at {request.url.path}."
        if error.status_code == 405:
            text = "This address takes no such request. Go back and use the buttons of the page."
        return self._error(request, error.status_code, text)

    async def _service_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, ServiceError)
        return self._error(request, error.status, error.message)

    def _error(self, request: Request, status: int, text: str) -> Response:
        if request.url.path.startswith("/ui/"):
            return JSONResponse({"error": {"code": str(status), "message": text}}, status)
        view = View("error.html", MOVED.get(status, "Not possible"), {"text": text})
        return HTMLResponse(self._render(view), status)

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in STATIC:
            raise HTTPException(404)
        # Asked again each time (a 304 where nothing changed): an updated program never shows with an old style.
        return FileResponse(HERE / "static" / name, media_type=STATIC[name], headers={"Cache-Control": "no-cache"})


def peer_of(app: FastAPI) -> Callable[[], str]:
    """Where the other system is: `app.state.peer_url`, which may be set at any time, or CONNECTOR_PEER_URL."""
    return lambda: str(getattr(app.state, "peer_url", None) or os.environ.get("CONNECTOR_PEER_URL", ""))


def seen(path: str) -> RedirectResponse:
    """After a form was taken: on to a page that can be loaded again."""
    return RedirectResponse(path, 303)


def _call(request: Request, form: Mapping[str, object] | None = None) -> Call:
    path = request.url.path.removeprefix("/ui/version") or "/"
    return Call(path, request.path_params, request.query_params, form or {})


def _digest(html: str) -> str:
    return blake2s(html.encode(), digest_size=12).hexdigest()
