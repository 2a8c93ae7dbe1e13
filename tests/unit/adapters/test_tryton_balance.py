"""What Tryton's parties owe, and which of them the feed tells of. No server: rows that answer Tryton's domains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector.adapters.tryton.balance import LINES, Balances
from connector.adapters.tryton.kinds import STAMP
from connector.errors import ConfigError, NotFoundError
from connector.model.records import Record

from .tryton_rows import NOON

TODAY = NOON.date()
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
COMPARED = {
    "=": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "<": lambda one, other: one < other,
    "in": lambda one, other: one in other,
}


def fits(row: Mapping[str, Any], domain: Sequence[Any]) -> bool:
    """Whether the row is of that domain, as Tryton reads it."""
    either = domain[:1] == ["OR"]
    found = [_term(row, term) for term in (domain[1:] if either else domain)]
    return any(found) if either else all(found)


def _term(row: Mapping[str, Any], term: Sequence[Any]) -> bool:
    if isinstance(term[0], str) and term[0] != "OR":
        name, operator, wanted = term
        there = row[name]
        return bool((there is not None or operator in ("=", "!=")) and COMPARED[operator](there, wanted))
    return fits(row, term)


class Ledger:
    """Parties and ledger lines in place of Tryton; also its clock."""

    place = "Tryton"

    def __init__(self, parties: int = 3) -> None:
        self.at = NOON
        self.calls = 0
        self.parties = [{"id": key, "create_date": NOON, "replaced_by": None} for key in range(1, parties + 1)]
        self.lines: list[dict[str, Any]] = []

    def book(self, party: int | None, debit: str, due: date | None = TOMORROW, *, receivable: bool = True) -> int:
        """A line; its id."""
        figures = {"debit": Decimal(debit), "credit": Decimal(0)}
        facts = {"party": party, "maturity_date": due, "reconciliation": None, "account.type.receivable": receivable}
        self.lines.append({"id": len(self.lines) + 1, STAMP: self.at, **figures, **facts})
        return len(self.lines)

    def clear(self, *keys: int) -> None:
        for key in keys:
            self.lines[key - 1] |= {"reconciliation": 1, STAMP: self.at}

    def later(self, **time: float) -> None:
        self.at += timedelta(**time)

    def now(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        raise AssertionError("an adapter never sleeps")

    def rows(
        self, model: str, fields: Sequence[str], domain: Sequence[Any], order: Sequence[tuple[str, str]], limit: int
    ) -> list[Any]:
        self.calls += 1
        there = self.parties if model == "party.party" else self.lines
        found = [row for row in there if fits(row, domain)]
        for name, way in reversed(order):
            found.sort(key=lambda row: row[name], reverse=way == "DESC")
        return found[:limit]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def balances(ledger: Ledger) -> Balances:
    client: Any = ledger
    return Balances(client, "EUR", 0.0, ledger)


def pages(ledger: Ledger, cursor: str | None) -> Iterator[tuple[Sequence[Record], str]]:
    for _ in range(50):
        page = balances(ledger).changes(cursor)
        assert page.cursor is not None
        cursor = page.cursor
        yield page.records, cursor
        if not page.more:
            return
    raise AssertionError("a walk without an end")


def walk(ledger: Ledger, cursor: str | None = None) -> tuple[list[str], str]:
    """The parties that one walk tells of, in its order, and where the next one starts."""
    keys: list[str] = []
    for records, after in pages(ledger, cursor):
        keys += [record.key for record in records]
        cursor = after
    assert cursor is not None
    return keys, cursor


def owed(ledger: Ledger, key: str) -> tuple[str, str]:
    fields = balances(ledger).read([key])[key].fields
    assert fields is not None
    return fields["open"], fields["overdue"]


def test_open_receivable_lines_add_up_and_only_what_was_due_before_today_is_overdue(ledger: Ledger) -> None:
    for amount, due in (("10.10", YESTERDAY), ("20.20", TODAY), ("30.30", TOMORROW)):
        ledger.book(1, amount, due)
    ledger.book(1, "99", receivable=False)
    ledger.clear(ledger.book(1, "7.77", YESTERDAY))
    ledger.book(2, "1.00", YESTERDAY)
    assert (owed(ledger, "1"), owed(ledger, "2"), owed(ledger, "3")) == (
        ("60.60", "10.10"),
        ("1.00", "1.00"),
        ("0", "0"),
    )


PARTS = [
    # what was billed, when it is due, what was paid of it: open, overdue
    ("44.62", TOMORROW, "20.00", ("24.62", "0")),
    ("44.62", YESTERDAY, "20.00", ("24.62", "24.62")),
    ("44.62", YESTERDAY, "50.00", ("-5.38", "0")),
    ("44.62", None, "0.62", ("44.00", "44.00")),
]


@pytest.mark.parametrize(("billed", "due", "paid", "wanted"), PARTS)
def test_a_part_paid_has_no_date_and_takes_off_what_is_due(
    ledger: Ledger, billed: str, due: date | None, paid: str, wanted: tuple[str, str]
) -> None:
    ledger.book(1, billed, due)
    ledger.book(1, f"-{paid}", None)
    assert owed(ledger, "1") == wanted


def test_more_lines_than_one_call_shows_are_all_added_up(ledger: Ledger) -> None:
    for _ in range(LINES + 1):
        ledger.book(1, "0.01", TOMORROW)
    assert owed(ledger, "1") == ("10.01", "0")


def test_the_first_walk_tells_of_all_parties_page_by_page_and_the_next_of_nobody() -> None:
    ledger = Ledger(parties=250)
    ledger.parties[6]["replaced_by"] = 1
    ledger.book(250, "1")
    keys, cursor = walk(ledger)
    assert keys == [str(key) for key in range(1, 251) if key != 7]
    assert [len(records) for records, _ in pages(ledger, None)] == [100, 100, 49]
    assert walk(ledger, cursor)[0] == ["250"], "the newest line is looked at again"


def test_what_moves_while_all_parties_are_walked_is_told_of_afterwards() -> None:
    ledger = Ledger(parties=150)
    page = balances(ledger).changes(None)
    ledger.later(seconds=1)
    ledger.book(3, "5")
    rest, cursor = walk(ledger, page.cursor)
    assert "3" not in rest
    assert walk(ledger, cursor)[0] == ["3"]


def test_a_posting_and_a_reconciliation_are_each_told_of_and_only_once(ledger: Ledger) -> None:
    _, cursor = walk(ledger)
    ledger.later(minutes=1)
    line = ledger.book(2, "5")
    ledger.book(None, "6")
    ledger.book(3, "7", receivable=False)
    told, cursor = walk(ledger, cursor)
    assert told == ["2"]
    ledger.later(minutes=1)
    ledger.book(1, "8")
    told, cursor = walk(ledger, cursor)
    assert told == ["1", "2"], "the newest line is looked at again"
    ledger.later(minutes=1)
    ledger.clear(line)
    assert walk(ledger, cursor)[0] == ["1", "2"]


def test_a_new_day_tells_of_what_fell_due_although_no_line_moved(ledger: Ledger) -> None:
    ledger.book(2, "5", TODAY)
    ledger.book(3, "5", TOMORROW)
    ledger.clear(ledger.book(1, "5", TODAY))
    ledger.later(minutes=5)
    ledger.book(1, "1", None)
    _, cursor = walk(ledger)
    assert walk(ledger, cursor)[0] == ["1"], "the newest line is looked at again"
    ledger.later(days=1)
    told, cursor = walk(ledger, cursor)
    assert sorted(told) == ["1", "2"]
    assert owed(ledger, "2") == ("5", "5")
    assert walk(ledger, cursor)[0] == ["1"], "a day is told of once"
    ledger.later(days=3)
    assert sorted(walk(ledger, cursor)[0]) == ["1", "3"]


def test_a_day_that_ends_while_the_due_are_walked_leaves_nobody_out() -> None:
    ledger = Ledger(parties=120)
    for key in range(1, 121):
        ledger.book(key, "1", TODAY if key != 5 else TOMORROW)
    _, cursor = walk(ledger)
    ledger.later(days=1)
    page = balances(ledger).changes(cursor)
    assert (len(page.records), page.more) == (100, True)
    ledger.later(days=1)
    rest, cursor = walk(ledger, page.cursor)
    assert {record.key for record in page.records} | set(rest) >= {str(key) for key in range(1, 121) if key != 5}
    assert "5" in walk(ledger, cursor)[0]


def test_a_walk_that_is_under_way_at_midnight_is_ended_before_the_new_day(ledger: Ledger) -> None:
    ledger.book(1, "1", TODAY)
    _, cursor = walk(ledger)
    ledger.later(minutes=1)
    for _ in range(150):
        ledger.book(2, "1", None)
    page = balances(ledger).changes(cursor)
    assert page.more
    ledger.later(days=1)
    rest, cursor = walk(ledger, page.cursor)
    assert rest == ["2"]
    assert "1" in walk(ledger, cursor)[0]


def test_the_same_figures_are_the_same_version_whatever_the_day(ledger: Ledger) -> None:
    ledger.book(1, "5", YESTERDAY)
    before = balances(ledger).read(["1"])["1"]
    ledger.later(days=2)
    after = balances(ledger).read(["1"])["1"]
    assert before.version == after.version
    assert (before.fields or {})["as_of"] != (after.fields or {})["as_of"]
    ledger.book(1, "0.01", YESTERDAY)
    assert balances(ledger).read(["1"])["1"].version != before.version


def test_a_quiet_walk_costs_one_call_and_the_first_of_a_day_two(ledger: Ledger) -> None:
    _, cursor = walk(ledger)
    ledger.calls = 0
    _, cursor = walk(ledger, cursor)
    assert ledger.calls == 1
    ledger.later(days=1)
    walk(ledger, cursor)
    assert ledger.calls == 3


CURSORS = [
    "nothing",
    "all ",
    "own - - - 0",
    "due 2026-03-09 2026-03-99 0 own - - - 0",
    "moved 2026-03-09 2026-03-09 0 elsewhere",
    "sold 2026-03-09 2026-03-09 0 own - - - 0",
]


@pytest.mark.parametrize("cursor", CURSORS)
def test_a_cursor_of_somebody_else_is_refused(ledger: Ledger, cursor: str) -> None:
    with pytest.raises(NotFoundError):
        balances(ledger).changes(cursor)


def test_a_key_that_is_none_is_not_there_and_nothing_is_searched_by_field(ledger: Ledger) -> None:
    assert list(balances(ledger).read(["1", "9", "x", "01"])) == ["1"]
    with pytest.raises(ConfigError, match="mapping"):
        balances(ledger).find("party", ["1"])
