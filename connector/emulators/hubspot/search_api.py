"""The search: what its index knows, which is late, within its limits (contract 3.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.emulators.hubspot import filters
from connector.emulators.hubspot.catalog import ObjectType
from connector.emulators.hubspot.definitions import Definition
from connector.emulators.hubspot.filters import Condition, column, condition
from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import HubSpotError, invalid
from connector.emulators.hubspot.shapes import Search, Sort
from connector.emulators.hubspot.shown import shown
from connector.emulators.hubspot.store import LIVE, record_of
from connector.emulators.hubspot.wire import Answer, Call, json_answer

MAX_PAGE = 200
MAX_RESULTS = 10_000
MAX_BODY = 3_000
MAX_GROUPS, MAX_FILTERS, MAX_ALL_FILTERS = 5, 6, 18

# The records as they were at the horizon: untouched since then, or the version that held at that time.
_SEEN = (
    "WITH seen AS (SELECT id, created, updated, fields FROM records"
    f" WHERE type = :type AND state = {LIVE} AND updated <= :horizon"
    " UNION ALL SELECT v.id, r.created, v.updated, v.fields"
    " FROM records r JOIN versions v ON v.type = r.type AND v.id = r.id"
    f" WHERE r.type = :type AND r.state = {LIVE} AND r.updated > :horizon"
    " AND v.updated <= :horizon AND v.until > :horizon)"
)


def search(portal: Portal, call: Call) -> Answer:
    """A page of what the index knows of live records. Raises HubSpotError 400 beyond the limits."""
    call.arguments()
    kind = portal.kind(call.params["type"])
    if len(call.body.decode("utf-8", "replace")) > MAX_BODY:
        raise _refused(f"The body has more than {MAX_BODY} characters.")
    given = call.decoded(Search)
    after = _check(given)
    where = _where(portal, kind, given)
    total, rows = _found(portal, kind, where, _order(portal, kind, given), (given.limit, after))
    results = []
    for key, created, updated, fields in rows:
        # The row's own stamps: a late index tells the late modified date too.
        record = record_of(kind, (key, LIVE, created, updated, None, None, fields))
        results.append(shown(portal, record, given.properties))
    body: dict[str, Any] = {"total": total, "results": results}
    if after + len(results) < total:
        body["paging"] = {"next": {"after": str(after + len(results))}}
    return json_answer(200, body)


def _check(given: Search) -> int:
    """The limits of one query; returns where the page begins."""
    if not 1 <= given.limit <= MAX_PAGE:
        raise _refused(f"limit must be from 1 to {MAX_PAGE}.")
    text = str(given.after if given.after is not None else 0)
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise _refused("after must be an integer.")
    if int(text) + given.limit > MAX_RESULTS:
        raise _refused(f"paging beyond {MAX_RESULTS} results is not possible.")
    if len(given.filter_groups) > MAX_GROUPS:
        raise _refused(f"there are more than {MAX_GROUPS} filter groups.")
    if any(len(group.filters) > MAX_FILTERS for group in given.filter_groups):
        raise _refused(f"a group has more than {MAX_FILTERS} filters.")
    if sum(len(group.filters) for group in given.filter_groups) > MAX_ALL_FILTERS:
        raise _refused(f"there are more than {MAX_ALL_FILTERS} filters.")
    if len(given.sorts) > 1:
        raise _refused("there is more than one sort.")
    return int(text)


def _where(portal: Portal, kind: ObjectType, given: Search) -> Condition:
    """Groups are alternatives, the filters of a group hold together."""
    definitions, in_lowercase = portal.definitions[kind.name], portal.switches.search_in_lowercase
    groups, values = [], list[Any]()
    for group in given.filter_groups:
        if not group.filters:
            raise _refused("a filter group has no filters.")
        conditions = [condition(kind, definitions, each, in_lowercase) for each in group.filters]
        groups.append(f"({' AND '.join(each.sql for each in conditions)})")
        values += [value for each in conditions for value in each.values]
    sql = f"({' OR '.join(groups)})" if groups else "1"
    if given.query:
        sql, values = f"{sql} AND has_words(fields, ?)", [*values, given.query]
    return Condition(sql, values)


def _order(portal: Portal, kind: ObjectType, given: Search) -> Condition:
    """Oldest first when no sort is given; among equals by id."""
    if not given.sorts:
        return Condition("created, id")
    sort = _sort(given.sorts[0], portal.definitions[kind.name])
    where = column(kind, portal.definitions[kind.name][sort.property_name])
    return Condition(f"{where.sql} {'DESC' if sort.direction == 'DESCENDING' else 'ASC'} NULLS LAST, id", where.values)


def _sort(given: str | Sort, definitions: Mapping[str, Definition]) -> Sort:
    """A sort may be written as an object, or as a name with a `-` before it to go down."""
    if isinstance(given, str):
        given = Sort(property_name=given.removeprefix("-"), direction="DESCENDING" if given[:1] == "-" else "ASCENDING")
    if given.property_name not in definitions:
        raise _refused(f"property {given.property_name[:80]} does not exist.")
    if given.direction not in ("ASCENDING", "DESCENDING"):
        raise _refused("a direction is ASCENDING or DESCENDING.")
    return given


def _found(
    portal: Portal, kind: ObjectType, where: Condition, order: Condition, page: tuple[int, int]
) -> tuple[int, Sequence[Any]]:
    store = portal.store
    horizon = portal.time.ms() - round(portal.switches.search_lag * 1000)
    seen = _SEEN.replace(":type", "?1").replace(":horizon", "?2")
    fixed = (kind.name, horizon)
    total = store.rows(f"{seen} SELECT count(*) FROM seen WHERE {where.sql}", (*fixed, *where.values))[0][0]
    sql = (
        f"{seen} SELECT id, created, updated, fields FROM seen WHERE {where.sql} ORDER BY {order.sql} LIMIT ? OFFSET ?"
    )
    return total, store.rows(sql, (*fixed, *where.values, *order.values, *page))


def prepare(portal: Portal) -> None:
    """Teach the store what conditions call."""
    portal.store.function("folded", 1, filters.folded)
    portal.store.function("has_tokens", 2, filters.has_tokens)
    portal.store.function("has_words", 2, filters.has_words)


def _refused(why: str) -> HubSpotError:
    return invalid(f"There was a problem with the request: {why}")
