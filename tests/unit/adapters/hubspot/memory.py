"""A portal in memory with the calls of `HubSpotClient`, and an adapter over it. Times are set by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from connector.adapters.hubspot import HubSpotSettings
from connector.adapters.hubspot.adapter import HubSpotAdapter
from connector.adapters.hubspot.batches import TRACE
from connector.adapters.hubspot.client import SEARCH
from connector.adapters.hubspot.failures import Problem
from connector.adapters.hubspot.kinds import KINDS, LINE, LINE_ITEMS
from connector.adapters.hubspot.properties import EPOCH
from connector.adapters.hubspot.wire import (
    WireAccount,
    WireBatch,
    WireEnd,
    WireKind,
    WireLimits,
    WireList,
    WireNext,
    WireObject,
    WireOption,
    WirePaging,
    WirePipeline,
    WireProperty,
    WireStage,
)
from connector.errors import ConnectorError, NotFoundError, RejectedError
from connector.rest.failures import Place
from tests.unit.rest.scripted import VirtualClock

NOW = 1_790_000_000.0
FIXED = WireLimits(True)
Fail = Callable[[str, str, Sequence[Any]], ConnectorError | None]


def texts(*names: str) -> list[WireProperty]:
    return [WireProperty(name, "string", "text") for name in names]


def shared(stamp: str) -> list[WireProperty]:
    times = [WireProperty(name, "datetime", "date", limits=FIXED) for name in ("createdate", stamp)]
    return [WireProperty("hs_object_id", "number", "number", limits=FIXED), *times]


NAMES = {"companies": "name", "contacts": "lastname", "products": "name", "deals": "dealname"}
NAMES |= {"orders": "hs_order_name", "invoices": "hs_currency", "commerce_payments": "hs_currency_code"}


def definitions() -> dict[str, list[WireProperty]]:
    """What the properties of this portal are; erp_id is unique where the contract says it may be."""
    found = {}
    for kind in KINDS:
        own = [*shared(kind.stamp), *texts(NAMES[kind.name], "description")]
        own.append(WireProperty("erp_id", "string", "text", unique=bool(kind.unique)))
        own += texts(*(name for name in (kind.pipeline, kind.stage) if name))
        found[kind.name] = own
    found["contacts"] += texts("email", "company")
    found["products"] += [WireProperty("price", "number", "number")]
    found["companies"] += [
        WireProperty("size", "enumeration", "select", options=[WireOption("s"), WireOption("l")]),
        WireProperty("visits", "number", "number", calculated=True),
        WireProperty("seconds", "number", "number", calculated=True, hidden=True),
    ]
    found[LINE_ITEMS] = [
        *shared(LINE.stamp),
        *texts("name", "erp_line_id"),
        WireProperty("quantity", "number", "number"),
        WireProperty("hs_position_on_quote", "number", "number"),
        WireProperty("amount", "number", "number", calculated=True),
    ]
    return found


PIPELINES = [
    WirePipeline("7", "Renewals", 1, [WireStage("71", "Won", {"probability": "1.0"}), WireStage("72", "Open")]),
    WirePipeline("default", "Sales", 0, [WireStage("closedwon", "Closed won", {"probability": "1.0"})]),
]


@dataclass
class Row:
    properties: dict[str, str]
    at: float
    gone: float | None = None
    into: str | None = None


@dataclass
class Memory:
    """lag: seconds until search knows a record as it is. fail: asked before each call, (what, type, rows) -> error.

    calls: how often each call was made. links: (type, id, type, id) -> numbers. traced: results say what they answer.
    """

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW))
    lag: float = 0.0
    fail: Fail = lambda what, type_, rows: None
    known: dict[str, list[WireProperty]] = field(default_factory=definitions)
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    links: dict[tuple[str, str, str, str], set[int]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    traced: bool = True
    refreshed: None = None
    calls_today: int | None = None
    place: Place = field(default_factory=lambda: Place("crm", "https://api.example.com"))
    _last: int = 500

    def put(self, type_: str, at: float | None = None, **properties: str) -> str:
        self._last += 1
        key = str(self._last)
        self.rows.setdefault(type_, {})[key] = Row({**properties}, self.now() if at is None else at)
        return key

    def edit(self, type_: str, key: str, at: float | None = None, **properties: str) -> None:
        row = self.rows[type_][key]
        row.properties |= properties
        row.at = self.now() if at is None else at

    def tie(self, start: str, key: str, end: str, other: str, *numbers: int) -> None:
        self.links.setdefault((start, key, end, other), set()).update(numbers)

    # -------------------------------------------------------------------------------------- as the client has it

    def now(self) -> float:
        return self.clock.now()

    def page(self, type_: str, properties: Sequence[str], after: str | None, *, gone: bool = False) -> WireList:
        self._call("page", type_, properties)
        mine = [self._shown(type_, key, row) for key, row in self.rows.get(type_, {}).items() if self._is(row, gone)]
        rest = sorted((one for one in mine if int(one.id) >= int(after or 0)), key=lambda one: int(one.id))
        more = WirePaging(WireNext(rest[100].id)) if len(rest) > 100 else None
        return WireList(rest[:100], more)

    def walk(self, type_: str, properties: Sequence[str]) -> Iterator[Sequence[WireObject]]:
        after: str | None = None
        while True:
            page = self.page(type_, properties, after)
            yield page.results
            after = page.after
            if after is None:
                return

    def one(self, type_: str, key: str) -> WireObject | None:
        self._call("one", type_, [key])
        row = self.rows.get(type_, {}).get(key)
        if row is not None and row.into is not None:
            return self.one(type_, row.into)
        return self._shown(type_, key, row) if row is not None and row.gone is None else None

    def read(
        self, type_: str, keys: Sequence[str], properties: Sequence[str], *, by: str | None = None, gone: bool = False
    ) -> list[WireObject]:
        """In an order of its own, and none twice."""
        self._call("read", type_, keys)
        assert 0 < len(keys) <= 100
        assert len(set(keys)) == len(keys)
        rows = self.rows.get(type_, {}).items()
        mine = [(k, r) for k, r in rows if (k if by is None else r.properties.get(by)) in keys and self._is(r, gone)]
        return [self._shown(type_, key, row) for key, row in reversed(mine)]

    def search(
        self, type_: str, filters: Sequence[Mapping[str, Any]], after: int, properties: Sequence[str] = ()
    ) -> list[WireObject]:
        self._call("search", type_, filters)
        seen = self.now() - self.lag
        rows = self.rows.get(type_, {}).items()
        mine = [self._shown(type_, k, r) for k, r in rows if r.at <= seen and self._is(r, False) and int(k) > after]
        fits = [one for one in mine if all(_fits(one, a_filter) for a_filter in filters)]
        return sorted(fits, key=lambda one: int(one.id))[:SEARCH]

    def write(self, type_: str, verb: str, inputs: Sequence[Mapping[str, Any]]) -> WireBatch:
        """All or nothing; a second record with the same erp_id is refused where that is unique."""
        self._call(verb, type_, inputs)
        unique = any(one.name == "erp_id" and one.unique for one in self.known[type_])
        taken = {row.properties.get("erp_id") for row in self.rows.get(type_, {}).values()} - {None}
        for one in inputs:
            if unique and verb == "create" and one["properties"].get("erp_id", "") in taken:
                raise RejectedError("crm refuses it (status 400: has that value already).")
            taken.add(one["properties"].get("erp_id"))
            if verb == "update" and one["id"] not in self.rows.get(type_, {}):
                raise NotFoundError("crm does not have it.")
        results = [self._written(type_, verb, one) for one in inputs]
        return WireBatch(list(reversed(results)))

    def remove(self, type_: str, keys: Sequence[str]) -> None:
        self._call("remove", type_, keys)
        for key in keys:
            self.rows[type_][key].gone = self.now()

    def linked(self, start: str, end: str, keys: Sequence[str]) -> dict[str, list[WireEnd]]:
        self._call("linked", start, keys)
        found: dict[str, list[WireEnd]] = {}
        for (one, key, other, far), numbers in self.links.items():
            if (one, other) == (start, end) and key in keys:
                kinds = [WireKind("HUBSPOT_DEFINED", number) for number in sorted(numbers)]
                found.setdefault(key, []).append(WireEnd(int(far), kinds))
        return found

    def link(self, start: str, end: str, inputs: Sequence[Mapping[str, Any]]) -> list[Problem]:
        self._call("link", start, inputs)
        for one in inputs:
            numbers = [kind["associationTypeId"] for kind in one["types"]]
            self.tie(start, one["from"]["id"], end, one["to"]["id"], *numbers)
        return []

    def unlink(self, start: str, end: str, pairs: Sequence[tuple[str, str]]) -> None:
        self._call("unlink", start, pairs)
        for key, other in pairs:
            self.links.pop((start, key, end, other), None)

    def properties(self, type_: str) -> list[WireProperty]:
        self._call("properties", type_, [])
        return self.known[type_]

    def make_property(self, type_: str, definition: Mapping[str, Any]) -> None:
        self._call("make", type_, [definition])
        options = [WireOption(one["value"], one["label"]) for one in definition.get("options", ())]
        unique = bool(definition.get("hasUniqueValue"))
        name, kind, look = (definition[key] for key in ("name", "type", "fieldType"))
        self.known[type_].append(WireProperty(name, kind, look, options=options, unique=unique))

    def make_group(self, type_: str, name: str, label: str) -> None:
        self._call("group", type_, [name])

    def pipelines(self, type_: str) -> list[WirePipeline]:
        return PIPELINES

    def account(self) -> WireAccount:
        self._call("account", "", [])
        return WireAccount(33, "STANDARD", "Europe/Berlin", "EUR")

    def close(self) -> None:
        """Nothing is open."""

    # ------------------------------------------------------------------------------------------------- inside

    def _call(self, what: str, type_: str, rows: Sequence[Any]) -> None:
        self.calls[f"{what} {type_}".strip()] += 1
        error = self.fail(what, type_, rows)
        if error is not None:
            raise error

    def _is(self, row: Row, gone: bool) -> bool:
        return (row.gone is not None) is gone and row.into is None

    def _shown(self, type_: str, key: str, row: Row) -> WireObject:
        at = EPOCH + timedelta(milliseconds=round(row.at * 1000))
        stamp = next((kind.stamp for kind in KINDS if kind.name == type_), LINE.stamp)
        own = {**row.properties, "hs_object_id": key, stamp: at.isoformat()}
        gone = None if row.gone is None else EPOCH + timedelta(seconds=row.gone)
        return WireObject(key, own, at, at, row.gone is not None, gone)

    def _written(self, type_: str, verb: str, one: Mapping[str, Any]) -> WireObject:
        if verb == "update":
            self.edit(type_, one["id"], **one["properties"])
            key = one["id"]
        else:
            key = self.put(type_, **one["properties"])
            for end in one["associations"]:
                numbers = [kind["associationTypeId"] for kind in end["types"]]
                self._associate(type_, key, end["to"]["id"], numbers)
        shown = self._shown(type_, key, self.rows[type_][key])
        shown.trace = one[TRACE] if self.traced else None
        return shown

    def _associate(self, type_: str, key: str, other: str, numbers: Sequence[int]) -> None:
        if type_ == LINE_ITEMS:
            kind = next(one for one in KINDS if one.line and one.line[1] in numbers)
            assert kind.line is not None
            self.tie(LINE_ITEMS, key, kind.name, other, *numbers)
            self.tie(kind.name, other, LINE_ITEMS, key, kind.line[0])
            return
        kind = next(one for one in KINDS if one.name == type_)
        end = next(one.to for one in kind.references if set(one.numbers) & set(numbers))
        self.tie(type_, key, end, other, *numbers)


def _fits(one: WireObject, a_filter: Mapping[str, Any]) -> bool:
    value = one.properties.get(a_filter["propertyName"]) or ""
    if a_filter["operator"] == "IN":
        return value.lower() in a_filter["values"]
    at = round(one.updated.timestamp() * 1000)
    return at >= int(a_filter["value"]) if a_filter["operator"] == "GTE" else at < int(a_filter["value"])


def adapter(client: Memory, **settings: Any) -> HubSpotAdapter:
    values = HubSpotSettings.model_validate({"auth": {"token": "pat-x"}, **settings})
    return HubSpotAdapter("crm", client, values, client.clock)  # type: ignore[arg-type]
