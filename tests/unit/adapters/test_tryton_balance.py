"""What Tryton's parties owe, and which of them the feed tells of. No server: rows that answer Tryton's domains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector.adapters.tryton.balance import LINES, Balances
from connector.adapters.tryton.kinds import STAMP, World
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
        there = _at(row, name)
        return bool((there is not None or operator in ("=", "!=")) and COMPARED[operator](there, wanted))
    return fits(row, term)


def _at(row: Mapping[str, Any], name: str) -> Any:
    outer, _, inner = name.partition(".")
    return row["move"][inner] if outer == "move" else row[name]


class Ledger:
    """Parties and ledger lines in place of Tryton; also its clock."""

    place = "Tryton"

    def __init__(self, parties: int = 3) -> None:
        self.at = NOON
        self.calls = 0
        self.parties: list[dict[str, Any]] = []
        self.lines: list[dict[str, Any]] = []
        for key in range(1, parties + 1):
            self.party(NOON - timedelta(hours=1, seconds=parties - key))

    def party(self, at: datetime | None = None) -> None:
        self.parties.append({"id": len(self.parties) + 1, "create_date": at or self.at, "replaced_by": None})

    def book(
        self,
        party: int | None,
        debit: str,
        due: date | None = TOMORROW,
        *,
        receivable: bool = True,
        invoice: int | None = None,
        state: str = "posted",
        company: int = 1,
    ) -> int:
        """A line; its id."""
        figures = {"debit": Decimal(debit), "credit": Decimal(0)}
        facts = {"party": party, "maturity_date": due, "reconciliation": None, "account.type.receivable": receivable}
        origin = None if invoice is None else f"account.invoice,{invoice}"
        move = {"origin": origin, "state": state, "company": company, STAMP: self.at}
        self.lines.append({"id": len(self.lines) + 1, STAMP: self.at, "move": move, **figures, **facts})
        return len(self.lines)

    def post(self, key: int) -> None:
        """The line's move; the line itself stands still."""
        self.lines[key - 1]["move"] |= {"state": "posted", STAMP: self.at}

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
    return Balances(client, World("EUR", 1), 0.0, ledger)


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
    """The parties that one walk tells of, in its order, and where the next one starts.

    Without the newest party, which every walk but the first looks at again.
    """
    keys: list[str] = []
    newest, first = max(ledger.parties, key=lambda row: row["create_date"])["id"], cursor is None
    for records, after in pages(ledger, cursor):
        keys += [record.key for record in records]
        cursor = after
    assert cursor is not None
    if not first:
        keys.remove(str(newest))
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


A, B, NONE = 1, 2, None
OWED = {
    "a part of what is not due": ([(A, "44.62", TOMORROW), (A, "-20", None)], "24.62", "0"),
    "a part of what is due": ([(A, "44.62", YESTERDAY), (A, "-20", None)], "24.62", "24.62"),
    "too much": ([(A, "44.62", YESTERDAY), (A, "-50", None)], "-5.38", "0"),
    "of another invoice": ([(A, "50", YESTERDAY), (B, "100", TOMORROW), (B, "-80", None)], "70", "50"),
    "of no invoice": ([(A, "50", YESTERDAY), (B, "100", TOMORROW), (NONE, "-30", None)], "120", "20"),
    "a credit note to come": ([(A, "50", YESTERDAY), (B, "-30", TOMORROW)], "20", "20"),
    "a credit note that is due": ([(A, "50", YESTERDAY), (B, "-30", YESTERDAY), (3, "9", TOMORROW)], "29", "20"),
    "two dates": ([(A, "30", YESTERDAY), (A, "70", TOMORROW), (A, "-10", None)], "90", "20"),
    "a debt without a date": ([(NONE, "44.62", None)], "44.62", "44.62"),
}


@pytest.mark.parametrize(("lines", "open_", "overdue"), OWED.values(), ids=OWED)
def test_what_is_overdue_is_reckoned_invoice_by_invoice(ledger: Ledger, lines: Any, open_: str, overdue: str) -> None:
    for invoice, debit, due in lines:
        ledger.book(1, debit, due, invoice=invoice)
    assert owed(ledger, "1") == (open_, overdue)


def test_drafts_and_other_companies_are_not_owed_and_a_posting_is_told_of(ledger: Ledger) -> None:
    ledger.book(1, "7", company=2)
    ledger.book(3, "1")
    draft = ledger.book(2, "5", state="draft")
    _, cursor = walk(ledger)
    assert (owed(ledger, "1"), owed(ledger, "2")) == (("0", "0"), ("0", "0"))
    ledger.later(minutes=1)
    ledger.post(draft)
    told, cursor = walk(ledger, cursor)
    assert "2" in told
    assert owed(ledger, "2") == ("5", "0")
    assert walk(ledger, cursor)[0] == ["2"], "the newest posting is looked at again"


def test_a_clock_that_was_years_ahead_costs_a_whole_walk_and_hides_nothing(ledger: Ledger) -> None:
    ledger.later(days=3650)
    _, cursor = walk(ledger)
    ledger.later(days=-3650)
    with pytest.raises(NotFoundError, match="day to come"):
        balances(ledger).changes(cursor)


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
    rest = [record.key for records, cursor in pages(ledger, page.cursor) for record in records]
    assert "3" not in rest
    cursor = [cursor for _, cursor in pages(ledger, page.cursor)][-1]
    assert walk(ledger, cursor)[0] == ["3"]


def test_a_party_made_since_is_told_of_although_it_never_bought_anything() -> None:
    ledger = Ledger(parties=1)
    _, cursor = walk(ledger)
    assert walk(ledger, cursor)[0] == []
    ledger.later(minutes=1)
    for _ in range(230):
        ledger.party()
    ledger.later(minutes=1)
    ledger.party()
    told, cursor = walk(ledger, cursor)
    assert sorted(told, key=int) == [str(key) for key in range(1, 232)]
    assert walk(ledger, cursor)[0] == []
    none = Ledger(parties=0)
    (first,) = pages(none, None)
    none.party()
    assert [record.key for records, _ in pages(none, first[1]) for record in records] == ["1"]


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
    made = balances(ledger).changes(cursor)
    page = balances(ledger).changes(made.cursor)
    assert [record.key for record in page.records] == ["1", "2"]
    assert page.more
    ledger.later(days=1)
    page = balances(ledger).changes(page.cursor)
    assert [record.key for record in page.records] == ["2"]
    page = balances(ledger).changes(page.cursor)
    assert (list(page.records), page.more) == ([], False)
    assert set(walk(ledger, page.cursor)[0]) == {"1", "2"}


def test_the_same_figures_are_the_same_version_whatever_the_day(ledger: Ledger) -> None:
    ledger.book(1, "5", YESTERDAY)
    before = balances(ledger).read(["1"])["1"]
    ledger.later(days=2)
    after = balances(ledger).read(["1"])["1"]
    assert before.version == after.version
    assert (before.fields or {})["as_of"] != (after.fields or {})["as_of"]
    ledger.book(1, "0.01", YESTERDAY)
    assert balances(ledger).read(["1"])["1"].version != before.version


def test_a_quiet_walk_costs_three_calls_and_the_first_of_a_day_four(ledger: Ledger) -> None:
    """Parties made, what the newest of them owes, lines moved; and what fell due."""
    _, cursor = walk(ledger)
    ledger.calls = 0
    _, cursor = walk(ledger, cursor)
    assert ledger.calls == 3
    ledger.later(days=1)
    walk(ledger, cursor)
    assert ledger.calls == 7


CURSORS = [
    "nothing",
    "own - - - 0",
    "due 2026-03-09 2026-03-99 - 0 own - - - 0",
    "made 2026-03-09 2026-03-09 20260399T000000.000000 0 own - - - 0",
    "moved 2026-03-09 2026-03-09 - 0 elsewhere",
    "sold 2026-03-09 2026-03-09 - 0 own - - - 0",
]


@pytest.mark.parametrize("cursor", CURSORS)
def test_a_cursor_of_somebody_else_is_refused(ledger: Ledger, cursor: str) -> None:
    with pytest.raises(NotFoundError):
        balances(ledger).changes(cursor)


def test_a_key_that_is_none_is_not_there_and_nothing_is_searched_by_field(ledger: Ledger) -> None:
    assert list(balances(ledger).read(["1", "9", "x", "01"])) == ["1"]
    with pytest.raises(ConfigError, match="mapping"):
        balances(ledger).find("party", ["1"])
