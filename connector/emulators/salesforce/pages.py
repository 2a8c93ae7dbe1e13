"""Plain pages for a person: look at records and change them, so that a change can be watched travelling."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from connector.emulators.salesforce.errors import Refusal
from connector.emulators.salesforce.fields import Field
from connector.emulators.salesforce.ids import full
from connector.emulators.salesforce.org import Org
from connector.emulators.salesforce.schema import SObject
from connector.emulators.salesforce.store import Values
from connector.emulators.salesforce.values import as_text, from_text
from connector.reference.kit.web.guard import Headers, check

SHOWN = 200

_TITLES = frozenset(("Name", "LastName", "OrderNumber"))
STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1b2733 }
nav a { margin-right: 1rem } table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid #d8dee4; padding: .3rem .6rem; text-align: left }
label { display: block; margin: .4rem 0 } label span { display: inline-block; width: 16rem; color: #57606a }
input, textarea { width: 26rem; padding: .2rem } input[type=checkbox] { width: auto }
.wrong { color: #a40e26; border-left: 4px solid; padding-left: 1rem } form.small { display: inline-block }
form.small input { width: 14rem }
"""


def pages(org: Org) -> Starlette:
    """The pages of an org."""
    site = _Site(org)
    routes = [
        Route("/", site.home),
        Route("/ui", site.home),
        Route("/ui/style.css", lambda _: Response(STYLE, media_type="text/css")),
        Route("/ui/{object}", site.list),
        Route("/ui/{object}/new", site.new, methods=["GET", "POST"]),
        Route("/ui/{object}/{id}", site.record, methods=["GET", "POST"]),
        Route("/ui/{object}/{id}/{action}", site.act, methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Headers)], exception_handlers={Refusal: _refused})


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return _page("Not possible", f'<p class="wrong">{escape(str(error))}</p>', status=error.status)


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        '<link rel="stylesheet" href="/ui/style.css"><nav><a href="/ui">All objects</a></nav>'
        f"<h1>{escape(title)}</h1>{body}</html>",
        status,
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    top = "".join(f"<th>{escape(one)}</th>" for one in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _button(action: str, label: str, inside: str = "") -> str:
    return f'<form class="small" method="post" action="{action}">{inside}<button>{label}</button></form> '


class _Site:
    def __init__(self, org: Org) -> None:
        self._org = org

    def _kind(self, request: Request) -> SObject:
        check(request)
        return self._org.kind(request.path_params["object"])

    def _row(self, request: Request) -> tuple[SObject, Values]:
        kind = self._kind(request)
        return kind, self._org.records.row(kind.name, full(request.path_params["id"]) or "")

    async def home(self, request: Request) -> Response:
        check(request)
        rows = [
            (f'<a href="/ui/{kind.name}">{escape(kind.plural)}</a>', kind.name, str(self._org.store.count(kind)))
            for kind in self._org.schema
        ]
        return _page("Salesforce, emulated", _table(("Object", "API name", "Records"), rows))

    async def list(self, request: Request) -> Response:
        kind = self._kind(request)
        wanted = request.query_params.get("q", "")
        names = [name for name in kind.fields if name in _TITLES][:1]
        names += [field.name for field in kind.external_ids]
        where = " OR ".join(f'fold("{name}") LIKE ?' for name in names) if wanted and names else "1"
        given = [f"%{wanted.casefold()}%"] * len(names) if wanted else []
        found = self._org.store.select(kind, f"({where}) ORDER BY SystemModstamp DESC, Id LIMIT {SHOWN}", given)
        rows = [
            (
                f'<a href="/ui/{kind.name}/{row["Id"]}">{row["Id"]}</a>',
                *(escape(as_text(kind.fields[name], row[name])) for name in names),
                escape(row["SystemModstamp"]),
                "deleted" if row["IsDeleted"] else "",
            )
            for row in found
        ]
        search = f'<form><input name="q" value="{escape(wanted)}"><button>Find</button></form>'
        new = f'<p><a href="/ui/{kind.name}/new">New</a></p>' if "create" in kind.calls else ""
        return _page(kind.plural, search + new + _table(("Id", *names, "Changed", ""), rows))

    async def new(self, request: Request) -> Response:
        kind = self._kind(request)
        if request.method == "GET":
            return _page(f"New {kind.label}", self._form(kind, {}, "createable"))
        given = await _given(request)
        try:
            with self._org.transaction():
                key = self._org.records.create(kind, self._body(kind, given, {}, "createable"), self._org.by_hand)
        except Refusal as error:
            return _page(f"New {kind.label}", _wrong(error) + self._form(kind, given, "createable"), 400)
        return RedirectResponse(f"/ui/{kind.name}/{key}", 303)

    async def record(self, request: Request) -> Response:
        kind, row = self._row(request)
        shown = {name: as_text(field, row[name]) for name, field in kind.fields.items()}
        wrong = ""
        if request.method == "POST":
            given = await _given(request)
            try:
                with self._org.transaction():
                    body = self._body(kind, given, shown, "updateable")
                    self._org.records.update(kind, row, body, self._org.by_hand)
                return RedirectResponse(f"/ui/{kind.name}/{row['Id']}", 303)
            except Refusal as error:
                wrong, shown = _wrong(error), {**shown, **given}
        fixed = [(field.title, escape(shown[name])) for name, field in kind.fields.items() if not field.updateable]
        actions = self._actions(kind, row)
        inside = wrong + self._form(kind, shown, "updateable") + f"<p>{actions}</p>" + _table(("", ""), fixed)
        return _page(f"{kind.label} {row.get('Name') or row['Id']}", inside, 400 if wrong else 200)

    def _actions(self, kind: SObject, row: Values) -> str:
        at = f"/ui/{kind.name}/{row['Id']}"
        if row["IsDeleted"]:
            return _button(f"{at}/undelete", "Undelete") if "undelete" in kind.calls else "Deleted."
        shown = _button(f"{at}/delete", "Delete") if "delete" in kind.calls else ""
        if kind.mergeable:
            other = '<input name="loser" placeholder="Id of the record to merge into this one">'
            shown += _button(f"{at}/merge", "Merge", other)
        return shown

    async def act(self, request: Request) -> Response:
        kind, row = self._row(request)
        given = await _given(request)
        with self._org.transaction():
            match request.path_params["action"]:
                case "delete":
                    self._org.bin.delete(kind, self._org.records.live(kind, row["Id"]), self._org.by_hand)
                case "undelete":
                    self._org.bin.undelete(kind, row, self._org.by_hand)
                case "merge":
                    loser = self._org.records.live(kind, given.get("loser", "").strip())
                    self._org.bin.merge(kind, row, [loser], self._org.by_hand)
                case _:
                    raise HTTPException(404)
        return RedirectResponse(f"/ui/{kind.name}/{row['Id']}", 303)

    def _form(self, kind: SObject, shown: Mapping[str, str], may: str) -> str:
        inputs = "".join(_input(field, shown.get(name, "")) for name, field in _open(kind, may))
        return f'<form method="post">{inputs}<button>Save</button></form>'

    def _body(self, kind: SObject, given: Mapping[str, str], shown: Mapping[str, str], may: str) -> dict[str, Any]:
        """What the person changed, as a client would have sent it."""
        body: dict[str, Any] = {}
        for name, field in _open(kind, may):
            text = given.get(name, "false" if field.type == "boolean" else "")
            if text != shown.get(name, "false" if field.type == "boolean" else ""):
                body[name] = from_text(field, text) if text else None
        return body


def _open(kind: SObject, may: str) -> list[tuple[str, Field]]:
    return [(name, field) for name, field in kind.fields.items() if getattr(field, may) and not field.derived]


def _input(field: Field, value: str) -> str:
    name, shown = field.name, escape(value)
    if field.type == "boolean":
        control = f'<input type="checkbox" name="{name}" value="true"{" checked" if value == "true" else ""}>'
    elif field.type == "textarea":
        control = f'<textarea name="{name}" rows="2">{shown}</textarea>'
    elif field.choices:
        options = "".join(f'<option value="{escape(one)}">' for one in field.choices)
        control = (
            f'<input name="{name}" list="{name}-list" value="{shown}"><datalist id="{name}-list">{options}</datalist>'
        )
    else:
        control = f'<input name="{name}" value="{shown}">'
    return f"<label><span>{escape(field.title)}{' *' if field.required else ''}</span>{control}</label>"


def _wrong(error: Refusal) -> str:
    return f'<p class="wrong">{escape(str(error))}</p>'


async def _given(request: Request) -> dict[str, str]:
    form = await request.form()
    return {name: str(value).replace("\r\n", "\n") for name, value in form.items()}
