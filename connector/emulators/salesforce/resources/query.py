"""SOQL over REST: query, queryAll and what is left of a result (contract §2.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from connector.emulators.salesforce.errors import refusal
from connector.emulators.salesforce.http import Answer, Call
from connector.emulators.salesforce.instance import Instance
from connector.emulators.salesforce.router import route
from connector.emulators.salesforce.soql.parse import malformed, parse

LEAST_PAGE, MOST_PAGE = 200, 2000

_OPTION = re.compile(r"\s*batchSize\s*=\s*(\d{1,9})\s*", re.ASCII)
_LOCATOR = re.compile(r"(01g[A-Za-z0-9]{15})-(\d{1,9})", re.ASCII)


def _page_rows(instance: Instance, call: Call) -> int:
    """Rows of a page: what the caller asks for, though the vendor may give fewer."""
    option = call.headers.get("sforce-query-options")
    asked = MOST_PAGE
    if option is not None:
        match = _OPTION.fullmatch(option)
        if match is None or not LEAST_PAGE <= int(match[1]) <= MOST_PAGE:
            raise refusal("INVALID_BATCH_SIZE", f"batchSize must be between {LEAST_PAGE} and {MOST_PAGE}")
        asked = int(match[1])
    return min(asked, instance.org.switches.page_rows)


def _query(instance: Instance, call: Call, deleted: bool) -> Answer:
    if not call.params.get("q"):
        raise malformed("SOQL statements cannot be empty or null")
    query = parse(call.params["q"])
    size = _page_rows(instance, call)
    if query.count:
        return Answer(200, {"totalSize": instance.count(query, deleted), "done": True, "records": []})
    found = instance.found(query, deleted)
    return Answer(200, instance.page(found, 0, size, call.version))


def query(instance: Instance, call: Call, _: Mapping[str, str]) -> Answer:
    return _query(instance, call, deleted=False)


def query_all(instance: Instance, call: Call, _: Mapping[str, str]) -> Answer:
    return _query(instance, call, deleted=True)


def more(instance: Instance, call: Call, values: Mapping[str, str]) -> Answer:
    match = _LOCATOR.fullmatch(values["locator"])
    org = instance.org
    found = instance.locators.find(match[1], org.now(), org.switches.locator_seconds) if match else None
    if match is None or found is None or not 0 < int(match[2]) < len(found.rows):
        raise refusal("INVALID_QUERY_LOCATOR", "invalid query locator")
    return Answer(200, instance.page(found, int(match[2]), _page_rows(instance, call), call.version, match[1]))


ROUTES = (
    route("GET", "query", query, "q"),
    route("GET", "queryAll", query_all, "q"),
    route("GET", "query/{locator}", more),
    route("GET", "queryAll/{locator}", more),
)
