"""What is asked of Salesforce for a page, for keys and for values, without a Salesforce."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from connector.adapters.salesforce.client import SalesforceClient
from connector.adapters.salesforce.documents import Document
from connector.adapters.salesforce.failures import ShrinkError
from connector.adapters.salesforce.kinds import Kind, World
from connector.adapters.salesforce.reading import LEAST, Rows
from connector.adapters.salesforce.soql import REQUEST_BYTES, encoded, suffix
from connector.adapters.salesforce.table import Column, Table, WireTable
from connector.errors import ConfigError, DeniedError, NotFoundError, TransientError
from connector.rest.failures import Place

NOW = datetime(2026, 11, 1, 12, 30, 20, tzinfo=UTC)
STAMP = "2026-11-01T12:00:00.000+0000"


def key(number: int) -> str:
    short = f"001D{number:011}"
    return short + suffix(short)


def column(name: str, type_: str = "string", **more: Any) -> Column:
    return Column(name, type_, **{"length": 80, "createable": True, "updateable": True, **more})


def table(name: str, *columns: Column) -> Table:
    marks = [column("Id", "id"), column("SystemModstamp", "datetime"), column("IsDeleted", "boolean")]
    return Table(WireTable(name, [*marks, column("ERP_Id__c", external_id=True, unique=True), *columns]))


class Asked:
    """Stands for the client: keeps what was asked, and answers with the fields that were named."""

    place = Place("crm", "https://acme")

    def __init__(self, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        self.rows = rows
        self.calls: list[list[tuple[str, bool]]] = []
        self.fails: Exception | None = None

    def server_time(self) -> datetime:
        return NOW

    def query(self, soql: str, *, everything: bool) -> list[dict[str, Any]]:
        return self.queries([(soql, everything)])[0]

    def queries(self, asked: Sequence[tuple[str, bool]]) -> list[list[dict[str, Any]]]:
        self.calls.append(list(asked))
        if self.fails is not None:
            raise self.fails
        return [self._answer(soql) for soql, _ in asked]

    def _answer(self, soql: str) -> list[dict[str, Any]]:
        names = soql.removeprefix("SELECT ").partition(" FROM ")[0].split(",")
        source = soql.partition(" FROM ")[2].split(" ")[0]
        rows = [row for row in self.rows if row["table"] == source]
        return [{name: row.get(name, "x") for name in names} for row in rows]


def rows(asked: Asked, *columns: Column, **settings: Any) -> Rows:
    kind = Kind(table("Account", *columns), World(page=settings.pop("page", 2000)))
    return Rows(cast(SalesforceClient, asked), kind, 300, settings.get("hold_back", 30))


def row(number: int, of: str = "Account", **more: Any) -> dict[str, Any]:
    return {"table": of, "Id": key(number), "SystemModstamp": STAMP, "IsDeleted": False, **more}


def test_an_object_with_a_thousand_fields_is_read_in_parts_that_fit_into_a_request() -> None:
    names = [f"A_Field_With_A_Long_Name_{number:04}__c" for number in range(1000)]
    asked = Asked([row(number) for number in range(300)])
    source = rows(asked, *map(column, names))
    found = source.read([key(number) for number in range(300)])
    assert len(found) == 300
    assert set(names) < set(found[key(7)].fields or {})
    queries = [soql for call in asked.calls for soql, _ in call]
    assert len(asked.calls) == 2, "one for each 200 keys"
    assert len({re.findall("SELECT (.*) FROM", soql)[0] for soql in queries}) > 3
    assert all(len(encoded(soql)) + 1000 < REQUEST_BYTES for soql in queries)
    asked.calls.clear()
    page = source.scan(None)
    assert page.records == list(found.values()), "a page shows what a read shows"


def test_a_record_that_goes_between_two_parts_is_read_another_time() -> None:
    asked = Asked([row(1)])
    source = rows(asked, *(column(f"A_Field_With_A_Long_Name_{number:04}__c") for number in range(300)))
    whole = asked.queries
    asked.queries = lambda some: [part if n == 0 else [] for n, part in enumerate(whole(some))]  # type: ignore[method-assign]
    with pytest.raises(TransientError, match="went while it was read"):
        source.read([key(1)])


def test_what_changed_a_moment_ago_is_left_for_the_next_look() -> None:
    asked = Asked()
    source = rows(asked)
    first = source.changes(None)
    assert "WHERE SystemModstamp < 2026-11-01T12:29:50Z ORDER BY SystemModstamp,Id LIMIT 2000" in asked.calls[0][0][0]
    assert not asked.calls[0][0][1], "at first only what is live"
    source.changes(first.cursor)
    soql, everything = asked.calls[1][0]
    assert "SystemModstamp >= 2026-11-01T12:24:00Z AND SystemModstamp < 2026-11-01T12:29:50Z" in soql
    assert everything


def test_a_full_page_goes_on_behind_its_last_record() -> None:
    asked = Asked([row(1), row(2)])
    source = rows(asked, page=200)
    source._size = 2
    page = source.changes(None)
    assert page.more
    source.changes(page.cursor)
    assert f"AND Id > '{key(2)}'))" in asked.calls[1][0][0]


def test_a_page_that_was_too_much_is_smaller_next_time() -> None:
    asked = Asked()
    source = rows(asked)
    asked.fails = ShrinkError("too much")
    for _ in range(9):
        with pytest.raises(TransientError):
            source.scan(None)
    asked.fails = None
    source.scan(None)
    limits = [int(call[0][0].rpartition(" ")[2]) for call in asked.calls]
    assert limits[:3] == [2000, 1000, 500]
    assert limits[-1] == LEAST


def test_a_row_that_is_none_is_an_answer_nobody_can_use() -> None:
    for odd in ({"SystemModstamp": "yesterday"}, {"Id": "7"}, {"SystemModstamp": None}):
        source = rows(Asked([row(1) | odd]))
        with pytest.raises(DeniedError, match="unreadable"):
            source.read([key(1)])


def test_a_cursor_of_another_kind_of_object_asks_to_read_everything_again() -> None:
    cursor = "inner 20261101T120000.000000 20261101T123000.000000 - - -"
    with pytest.raises(NotFoundError):
        rows(Asked()).changes(cursor)


def test_values_no_record_can_hold_are_not_asked_for() -> None:
    asked = Asked()
    source = rows(asked, column("Number__c", "double"), column("Flag__c", "boolean"), column("Parent__c", "reference"))
    for name, values in (
        ("ERP_Id__c", ["", "x" * 81]),
        ("Number__c", ["seven", "' OR Id != '"]),
        ("Flag__c", ["yes"]),
        ("Parent__c", ["../x"]),
    ):
        assert list(source.find(name, values)) == []
    assert asked.calls == []
    with pytest.raises(ConfigError, match="nowhere"):
        source.find("nowhere", ["1"])


def test_a_find_leaves_out_what_differs_by_the_case_of_a_letter() -> None:
    asked = Asked([row(1, ERP_Id__c="ab"), row(2, ERP_Id__c="AB")])
    assert [record.key for record in rows(asked).find("ERP_Id__c", ["AB"])] == [key(2)]


def test_lines_without_a_number_come_last_and_new_numbers_rise() -> None:
    lines = table("Line__c", column("Invoice__c", "reference"), column("Line_Number__c", "double"), column("Text__c"))
    kind = Document(table("Invoice__c"), World(), lines, "Invoice__c")
    there = [
        row(1, "Line__c", Line_Number__c=None),
        row(2, "Line__c", Line_Number__c=7),
        row(3, "Line__c", Line_Number__c=2),
    ]
    assert [line["Id"] for line in kind.ordered(there)] == [key(3), key(2), key(1)]
    known = {line["Id"]: line for line in there}
    wanted = [{"id": key(3)}, {"Text__c": "new"}, {"id": key(2)}, {"id": key(1)}, {"Text__c": "last"}]
    given = [line.get("Line_Number__c") for line in kind._with_numbers(wanted, known)]
    assert given == [None, 3, None, 8, 9]
