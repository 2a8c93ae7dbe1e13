"""Pages for people: see every record, edit it by hand, and watch the change travel. Served to this machine only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from urllib.parse import parse_qsl, quote

from starlette.exceptions import HTTPException
from starlette.requests import Request

from connector.emulators.hubspot import records
from connector.emulators.hubspot.catalog import BY_NAME, PAYMENTS, TYPES, ObjectType
from connector.emulators.hubspot.control import BY_HAND
from connector.emulators.hubspot.definitions import Definition
from connector.emulators.hubspot.link_types import LINK_TYPES
from connector.emulators.hubspot.links import links_of
from connector.emulators.hubspot.pipelines import PIPELINES, PROPERTIES
from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import HubSpotError, not_found
from connector.emulators.hubspot.records import number_of
from connector.emulators.hubspot.store import BINNED, LIVE, Record
from connector.emulators.hubspot.wire import Answer, Call
from connector.reference.kit.store import stamp
from connector.reference.kit.web import guard

PAGE = 50
COLUMNS = 4
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #23313f }
header a { color: #c2410c; font-weight: 600; text-decoration: none }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #dde3ea; padding: .35rem .6rem; text-align: left; vertical-align: top }
form.fields { display: grid; grid-template-columns: 16rem 1fr; gap: .4rem 1rem; align-items: center }
input, select { font: inherit; padding: .25rem .4rem }
.refused { background: #fde8e8; padding: .6rem 1rem }
"""


class Pages:
    """Answers `/` and `/ui/...`."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def answer(self, call: Call) -> Answer:
        """One page, or the way on after a form. Refuses other machines, and forms of other sites."""
        try:
            _check(call)
            return self._routed(call)
        except HTTPException as error:
            return _html(error.status_code, "Not possible", f"<p>{escape(error.detail)}</p>")
        except HubSpotError as error:
            back = f"<p><a href='{escape(call.path)}'>Back</a></p>"
            return _html(error.status, "Not possible", f"<p class=refused>{escape(error.message)}</p>{back}")

    def _routed(self, call: Call) -> Answer:
        match (call.method, *call.path.strip("/").split("/")[1:]):
            case ("GET",):
                return self._home()
            case ("GET", "style.css"):
                return Answer(200, STYLE.encode(), {"content-type": "text/css"})
            case ("GET", name):
                return self._list(self._portal.kind(name), dict(call.query))
            case ("GET", name, "new"):
                kind = self._portal.kind(name)
                return _html(200, f"New: {kind.singular}", self._form(kind, {}, f"/ui/{kind.name}/new"))
            case ("GET", name, key):
                return self._record(self._found(name, key))
            case ("POST", name, "new"):
                return self._create(self._portal.kind(name), call)
            case ("POST", name, key, "save" | "delete" | "restore" as verb):
                return self._change(self._found(name, key), verb, call)
        raise HubSpotError(404, f"There is no page at {call.path[:80]}.")

    def _found(self, name: str, key: str) -> Record:
        record = records.find(self._portal, self._portal.kind(name), (key,)).get(key)
        if record is None:
            raise not_found(key)
        return record

    # what is shown

    def _home(self) -> Answer:
        sql = "SELECT type, count(*) FROM records WHERE state = ? GROUP BY type"
        counted: dict[str, int] = dict(self._portal.store.rows(sql, (LIVE,)))
        kinds = [kind for kind in TYPES if kind is not PAYMENTS or self._portal.switches.payments]
        rows = [(f"<a href='/ui/{kind.name}'>{kind.name}</a>", str(counted.get(kind.name, 0))) for kind in kinds]
        return _html(200, f"Portal {self._portal.settings.portal_id}", _table(("Object", "Records"), rows))

    def _list(self, kind: ObjectType, query: Mapping[str, str]) -> Answer:
        binned = "bin" in query
        after = number_of(query.get("after", "0")) or 0
        where = "state = ? AND id > ? ORDER BY id LIMIT ?"
        found = self._portal.store.records(kind, where, (BINNED if binned else LIVE, after, PAGE + 1))
        shown = found[:PAGE]
        names = list(dict.fromkeys(name for record in shown for name in record.fields))[:COLUMNS]
        rows = [
            (
                f"<a href='/ui/{kind.name}/{record.id}'>{record.id}</a>",
                *(escape(record.fields.get(name, "")[:80]) for name in names),
                stamp(record.updated),
            )
            for record in shown
        ]
        more = f"<p><a href='?after={shown[-1].id}{'&bin=' if binned else ''}'>More</a></p>" if found[PAGE:] else ""
        other = f"<a href='/ui/{kind.name}'>live</a>" if binned else f"<a href='/ui/{kind.name}?bin='>recycle bin</a>"
        head = f"<p><a href='/ui/{kind.name}/new'>New</a> · {other}</p>"
        return _html(200, kind.name, head + _table(("Id", *map(escape, names), "Modified"), rows) + more)

    def _record(self, record: Record) -> Answer:
        kind, path = record.kind, f"/ui/{record.kind.name}/{record.id}"
        title = f"{kind.singular} {record.id}"
        if record.state == BINNED:
            button = f"<form method=post action='{path}/restore'><button>Restore</button></form>"
            return _html(200, f"{title} (in the recycle bin)", button)
        button = f"<form method=post action='{path}/delete'><button>Delete</button></form>"
        body = self._form(kind, record.fields, f"{path}/save") + button + self._linked(record)
        return _html(200, title, f"<p>Modified {stamp(record.updated)}</p>{body}")

    def _form(self, kind: ObjectType, fields: Mapping[str, str], action: str) -> str:
        known = self._portal.definitions[kind.name].values()
        rows = "".join(
            f"<label for='{each.name}'>{escape(each.name)}</label>{_input(kind, each, fields.get(each.name, ''))}"
            for each in known
            if not each.read_only
        )
        return (
            f"<form class=fields method=post action='{escape(action)}'>{rows}<span></span><button>Save</button></form>"
        )

    def _linked(self, record: Record) -> str:
        rows = []
        for start, end in LINK_TYPES:
            if start == record.kind.name:
                found = links_of(self._portal, record.kind, (record.id,), BY_NAME[end]).get(record.id, {})
                rows += [(end, f"<a href='/ui/{end}/{key}'>{key}</a>", str(types)) for key, types in found.items()]
        return f"<h2>Associations</h2>{_table(('Object', 'Id', 'Types'), rows)}" if rows else ""

    # what is done

    def _create(self, kind: ObjectType, call: Call) -> Answer:
        given = {name: value for name, value in _form_of(call).items() if value}
        with self._portal.write(BY_HAND):
            record = records.create(self._portal, kind, given)
        return _seen(f"/ui/{kind.name}/{record.id}")

    def _change(self, record: Record, verb: str, call: Call) -> Answer:
        with self._portal.write(BY_HAND):
            match verb:
                case "delete":
                    records.put_into_bin(self._portal, record)
                case "restore":
                    records.restore(self._portal, record)
                case _:
                    given = _form_of(call)
                    changed = {n: value for n, value in given.items() if value != record.fields.get(n, "")}
                    if changed:
                        records.update(self._portal, record, changed)
        return _seen(f"/ui/{record.kind.name}/{record.id}")


def _check(call: Call) -> None:
    """Raises HTTPException 403 for whoever is no browser on this machine, or comes from a page of another site."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in call.headers.items()]
    guard.check(Request({"type": "http", "method": call.method, "headers": headers}))


def _input(kind: ObjectType, known: Definition, value: str) -> str:
    name, shown = f"id='{known.name}' name='{known.name}'", escape(value)
    options = [(option.value, option.label) for option in known.options]
    if kind.name in PIPELINES and known.name in PROPERTIES[kind.name]:
        stages = [(stage.id, stage.label) for pipeline in PIPELINES[kind.name] for stage in pipeline.stages]
        pipelines = [(pipeline.id, pipeline.label) for pipeline in PIPELINES[kind.name]]
        options = pipelines if known.name == PROPERTIES[kind.name][0] else stages
    if known.calculated:
        return f"<output>{shown}</output>"
    if not options or known.multiple:
        return f"<input {name} value='{shown}'>"
    choices = "".join(
        f"<option value='{escape(given)}'{' selected' if given == value else ''}>{escape(label)}</option>"
        for given, label in [("", ""), *options]
    )
    return f"<select {name}>{choices}</select>"


def _form_of(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    first = "".join(f"<th>{cell}</th>" for cell in head)
    rest = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{first}</tr>{rest}</table>"


def _html(status: int, title: str, body: str) -> Answer:
    head = f"<meta charset=utf-8><title>{escape(title)}</title><link rel=stylesheet href='/ui/style.css'>"
    page = f"<!doctype html>{head}<header><a href='/'>HubSpot, emulated</a></header><h1>{escape(title)}</h1>{body}"
    headers = {name.lower(): value for name, value in guard.HEADERS.items()}
    return Answer(status, page.encode(), {"content-type": "text/html; charset=utf-8", **headers})


def _seen(path: str) -> Answer:
    return Answer(303, b"", {"location": quote(path)})
