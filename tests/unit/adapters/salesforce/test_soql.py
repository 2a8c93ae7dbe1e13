"""Ids, instants, escapes and chunks, as Salesforce has them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connector.adapters.salesforce.soql import (
    FIELD_BYTES,
    REQUEST_BYTES,
    ROOM,
    behind,
    encoded,
    fitting,
    grouped,
    identity,
    ids,
    instant,
    is_key,
    one_of,
    read_instant,
    select,
    text,
)


@pytest.mark.parametrize(
    ("short", "whole"), [("00D5g0000048ABc", "00D5g0000048ABcEAM"), ("001D000000IRFma", "001D000000IRFmaIAH")]
)
def test_an_id_of_15_characters_gets_the_suffix_that_holds_its_capitals(short: str, whole: str) -> None:
    assert identity(short) == whole
    assert identity(whole) == whole
    assert is_key(whole)
    assert not is_key(short)


@pytest.mark.parametrize(
    "odd", ["", "001", "001D000000IRFmaIAA", "001d000000irfmaIAH", "001D000000IRFma'--", "0" * 16, "ö" * 18, None, 7]
)
def test_what_is_no_id_is_none(odd: object) -> None:
    assert identity(odd) is None


def test_a_text_cannot_end_its_quotes() -> None:
    assert text("O'Brien\"\\ \n\r\t\b\f %_") == "'O\\'Brien\\\"\\\\ \\n\\r\\t\\b\\f %_'"


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("2026-11-01T09:12:44.000+0000", "2026-11-01T09:12:44Z"),
        ("2026-11-01T09:12:44.000+00:00", "2026-11-01T09:12:44Z"),
        ("2026-11-01T10:12:44+01:00", "2026-11-01T09:12:44Z"),
        ("2026-11-01T09:12:44.120Z", "2026-11-01T09:12:44.120Z"),
    ],
)
def test_instants_are_read_with_and_without_a_colon_in_the_zone(told: str, meant: str) -> None:
    assert instant(read_instant(told)) == meant


def test_an_instant_without_a_zone_is_none() -> None:
    with pytest.raises(ValueError, match="2026"):
        read_instant("2026-11-01T09:12:44")


def test_a_plus_does_not_turn_into_a_blank_on_the_way() -> None:
    assert "%2B" in encoded("x = 2026-11-01T00:00:00+00:00")
    assert encoded("A AND b") == "A+AND+b"


def test_a_page_goes_on_behind_the_last_record_of_its_second() -> None:
    at = datetime(2026, 11, 1, 9, 12, 44, tzinfo=UTC)
    condition = behind("SystemModstamp", at, "001D000000IRFmaIAH")
    assert condition == (
        "(SystemModstamp > 2026-11-01T09:12:44Z OR (SystemModstamp = 2026-11-01T09:12:44Z"
        " AND Id > '001D000000IRFmaIAH'))"
    )


def test_a_list_of_ids_with_all_fields_stays_within_a_request() -> None:
    keys = [f"001D{number:011}" + "AAA" for number in range(1000)]
    fields = grouped([f"A_Custom_Field_{number:04}__c" for number in range(1500)])
    longest = max(len(",".join(group)) for group in fields)
    assert longest <= FIELD_BYTES
    assert sum(map(len, fields)) == 1500
    room = (ROOM - longest) // 21
    assert room >= 200
    query = select(fields[0], "Account", [one_of("Id", ids(keys[:room]))])
    assert len(encoded(query)) + 1000 < REQUEST_BYTES


def test_values_are_chunked_by_what_they_take_in_an_address() -> None:
    literals = [text("ü'" * 100) for _ in range(50)]
    parts = list(fitting(literals, 4000))
    assert [one for part in parts for one in part] == literals
    assert len(parts) > 5
    assert all(len(encoded(",".join(part))) <= 4000 for part in parts)
    assert list(fitting(["x" * 5000], 4000)) == [["x" * 5000]]
