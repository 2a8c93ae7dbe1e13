"""Every path in one table: API name, version, tail; what it needs and what it counts against (contract 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote

from connector.emulators.hubspot import associations_api, batch_api, objects_api, schema_api, search_api
from connector.emulators.hubspot.auth import Auth, account_info
from connector.emulators.hubspot.journal import FILES, Journal
from connector.emulators.hubspot.limits import Budget
from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import HubSpotError, no_route
from connector.emulators.hubspot.webhooks import Webhooks
from connector.emulators.hubspot.wire import Answer, Call

Handler: TypeAlias = Callable[[Portal, Call], Answer]
Access: TypeAlias = Callable[[Portal, Call], Sequence[Sequence[str]]]
"""Groups of scopes; of each one is needed."""

DATED = ("2026-09", "2026-03")


def _prefixes(dated: str, **legacy: str) -> Mapping[str, str]:
    return {**{version: dated.format(version) for version in DATED}, **legacy}


OBJECTS = _prefixes("/crm/objects/{}", v3="/crm/v3/objects")
RECORD_LINKS = _prefixes("/crm/objects/{}", v4="/crm/v4/objects")
LINKS = _prefixes("/crm/associations/{}", v4="/crm/v4/associations")
PROPERTIES = _prefixes("/crm/properties/{}", v3="/crm/v3/properties")
PIPELINES = _prefixes("/crm/pipelines/{}", v3="/crm/v3/pipelines")
OAUTH = _prefixes("/oauth/{}", v1="/oauth/v1")
WEBHOOKS = {
    "2026-09": "/app-webhooks/2026-09",
    "2026-03": "/webhooks/2026-03",
    "v3": "/webhooks/v3",
}
JOURNAL = _prefixes("/webhooks-journal/journal/{}", v4="/webhooks-journal/journal/v4")
SUBSCRIPTIONS = _prefixes("/webhooks-journal/subscriptions/{}", v4="/webhooks-journal/subscriptions/v4")
# The contract has this one under 2026-03 alone.
ACCOUNT = {"2026-03": "/account-info/2026-03", "v3": "/account-info/v3"}


@dataclass(frozen=True, slots=True)
class Route:
    """One route under every version that has it.

    open: needs no sign-in, and so counts against nothing. kinds: principals that may call it.
    """

    method: str
    prefixes: Mapping[str, str]
    tail: str
    handler: Handler
    access: Access | None = None
    budget: Budget = "window"
    open: bool = False
    kinds: tuple[str, ...] = ("service", "oauth")


def _records(action: str) -> Access:
    return lambda portal, call: [portal.kind(call.params["type"]).scopes(action)]


def _schemas(action: str) -> Access:
    return lambda portal, call: [portal.kind(call.params["type"]).schema_scopes(action)]


def _ends(action: str) -> Access:
    return lambda portal, call: [portal.kind(call.params[end]).scopes(action) for end in ("from", "to")]


READ, WRITE = _records("read"), _records("write")
LINKS_READ, LINKS_WRITE = _ends("read"), _ends("write")
SCHEMA_READ, SCHEMA_WRITE = _schemas("read"), _schemas("write")


def crm_routes() -> Iterator[Route]:
    """The CRM itself."""
    yield Route("GET", OBJECTS, "{type}", objects_api.list_records, READ)
    yield Route("POST", OBJECTS, "{type}", objects_api.create_record, WRITE)
    yield Route("POST", OBJECTS, "{type}/merge", objects_api.merge, WRITE)
    yield Route("POST", OBJECTS, "{type}/search", search_api.search, READ, "search")
    yield Route("GET", OBJECTS, "{type}/{id}", objects_api.read_record, READ)
    yield Route("PATCH", OBJECTS, "{type}/{id}", objects_api.update_record, WRITE)
    yield Route("DELETE", OBJECTS, "{type}/{id}", objects_api.bin_record, WRITE)
    yield Route("POST", OBJECTS, "{type}/batch/read", batch_api.read, READ)
    yield Route("POST", OBJECTS, "{type}/batch/create", batch_api.create_batch, WRITE)
    yield Route("POST", OBJECTS, "{type}/batch/update", batch_api.update_batch, WRITE)
    yield Route("POST", OBJECTS, "{type}/batch/upsert", batch_api.create_or_update_batch, WRITE)
    yield Route("POST", OBJECTS, "{type}/batch/archive", batch_api.bin_batch, WRITE)
    yield Route("GET", RECORD_LINKS, "{from}/{id}/associations/{to}", associations_api.read_of_record, LINKS_READ)
    put = "{from}/{id}/associations/default/{to}/{to_id}"
    yield Route("PUT", RECORD_LINKS, put, associations_api.put_default, LINKS_WRITE)
    yield Route("GET", LINKS, "{from}/{to}/labels", associations_api.labels, LINKS_READ)
    batch = "{from}/{to}/batch"
    yield Route("POST", LINKS, f"{batch}/read", associations_api.read_batch, LINKS_READ, "day")
    yield Route("POST", LINKS, f"{batch}/create", associations_api.create_batch, LINKS_WRITE, "day")
    yield Route("POST", LINKS, f"{batch}/archive", associations_api.remove_batch, LINKS_WRITE, "day")
    default = f"{batch}/associate/default"
    yield Route("POST", LINKS, default, associations_api.create_default_batch, LINKS_WRITE, "day")
    yield Route("GET", PROPERTIES, "{type}", schema_api.list_properties, SCHEMA_READ)
    yield Route("POST", PROPERTIES, "{type}", schema_api.create_property, SCHEMA_WRITE)
    yield Route("POST", PROPERTIES, "{type}/batch/create", schema_api.create_properties, SCHEMA_WRITE)
    yield Route("GET", PROPERTIES, "{type}/groups", schema_api.list_groups, SCHEMA_READ)
    yield Route("POST", PROPERTIES, "{type}/groups", schema_api.create_group, SCHEMA_WRITE)
    yield Route("GET", PROPERTIES, "{type}/{name}", schema_api.read_property, SCHEMA_READ)
    yield Route("GET", PIPELINES, "{type}", schema_api.list_pipelines, SCHEMA_READ)


def account_routes(auth: Auth) -> Iterator[Route]:
    """Sign-in and what it opened."""
    yield Route("POST", OAUTH, "token", auth.token, open=True)
    yield Route("GET", ACCOUNT, "details", account_info)


def webhook_routes(webhooks: Webhooks) -> Iterator[Route]:
    """Events that are pushed; a service key has none (contract 7)."""
    kinds = ("oauth", "client")
    settings, subscriptions = "{app}/settings", "{app}/subscriptions"
    yield Route("GET", WEBHOOKS, settings, webhooks.read_settings, kinds=kinds)
    yield Route("PUT", WEBHOOKS, settings, webhooks.write_settings, kinds=kinds)
    yield Route("GET", WEBHOOKS, subscriptions, webhooks.list_subscriptions, kinds=kinds)
    yield Route("POST", WEBHOOKS, subscriptions, webhooks.subscribe, kinds=kinds)


def journal_routes(journal: Journal) -> Iterator[Route]:
    """Events that are fetched, with client credentials."""
    yield Route("POST", SUBSCRIPTIONS, "", journal.subscribe, budget="journal", kinds=("client",))
    yield Route("GET", SUBSCRIPTIONS, "", journal.list_subscriptions, budget="journal", kinds=("client",))
    yield Route("GET", JOURNAL, "earliest", journal.earliest, budget="journal", kinds=("client",))
    yield Route("GET", JOURNAL, "offset/{offset}/next", journal.next, budget="journal", kinds=("client",))
    batch = "batch/{offset}/next/{count}"
    yield Route("GET", JOURNAL, batch, journal.next_batch, budget="journal", kinds=("client",))
    yield Route("GET", {"": FILES}, "{offset}", journal.read_file, open=True)


class Table:
    """Finds the route of a call."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._by_length: dict[int, list[tuple[tuple[str, ...], str, Route]]] = {}
        for route in routes:
            for version, prefix in route.prefixes.items():
                pattern = tuple(f"{prefix}/{route.tail}".rstrip("/").split("/")[1:])
                self._by_length.setdefault(len(pattern), []).append((pattern, version, route))

    def find(self, call: Call, versions_off: Sequence[str]) -> Route:
        """The route; the call learns its pattern, version and parameters. Raises HubSpotError 404, 405."""
        segments = [unquote(segment) for segment in call.target.partition("?")[0].split("/")[1:]]
        others: list[str] = []
        for pattern, version, route in self._by_length.get(len(segments), ()):
            params = _match(pattern, segments)
            if params is None or version in versions_off:
                continue
            if route.method == call.method:
                call.pattern, call.version, call.params = "/" + "/".join(pattern), version, params
                return route
            others.append(route.method)
        if others:
            raise HubSpotError(405, f"{call.method} is not allowed here.", headers={"allow": ", ".join(others)})
        raise no_route(call.path)


def _match(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    params: dict[str, str] = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            if not segment:
                return None
            params[expected[1:-1]] = segment
        elif expected != segment:
            return None
    return params
