"""Lines are made as they are to be; what is half done is taken back, or in doubt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from connector.adapters.hubspot.lines import positions
from connector.errors import ConnectorError, DeniedError, RejectedError, TransientError, UncertainError
from connector.model.records import Op, Outcome, Write

from .memory import Memory, adapter
from .test_hubspot_writing import BUSY, DEAL, LOST, REJECTED, creating, kinds, updating, write


def line(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "quantity": "1", **more}


def deal(portal: Memory, *names: str) -> tuple[str, list[str]]:
    """A deal with these lines, and their ids."""
    (made,) = write(portal, "deals", creating(**DEAL, lines=[line(name) for name in names]))
    key = str(made.key)
    return key, [one["id"] for one in lines_of(portal, key)]


def lines_of(portal: Memory, key: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = (adapter(portal).read("deals", [key])[key].fields or {})["lines"]
    return lines


def names_of(portal: Memory, key: str) -> list[str]:
    return [one["name"] for one in lines_of(portal, key)]


def live(portal: Memory, type_: str) -> list[str]:
    return [key for key, row in portal.rows.get(type_, {}).items() if row.gone is None]


def test_the_lines_of_a_hundred_new_documents_go_in_batches() -> None:
    portal = Memory()
    writes = [creating(n, **DEAL, lines=[line(f"{n}.{i}") for i in range(3)]) for n in range(100)]
    outcomes = write(portal, "deals", *writes)
    assert kinds(outcomes) == ["done"] * 100
    assert (portal.calls["create deals"], portal.calls["create line_items"]) == (1, 3)
    assert names_of(portal, str(outcomes[42].key)) == ["42.0", "42.1", "42.2"]


def test_lines_keep_their_order_whatever_ids_they_get() -> None:
    portal = Memory()
    key, (first, second, third) = deal(portal, "a", "b", "c")
    wanted = [{"id": third}, {"id": first}, line("new"), {"id": second}]
    assert kinds(write(portal, "deals", updating(key, lines=wanted))) == ["done"]
    assert names_of(portal, key) == ["c", "a", "new", "b"]


def test_only_what_differs_of_a_line_is_sent() -> None:
    portal = Memory()
    key, ids = deal(portal, "a", "b", "c")
    portal.calls.clear()
    sent: list[Any] = []
    portal.fail = lambda what, type_, rows: sent.extend(rows) if what == "update" else None
    same = [line("a", id=ids[0], quantity="1.0"), {"id": ids[1], "name": "B"}]
    assert kinds(write(portal, "deals", updating(key, lines=same))) == ["done"]
    assert [(one["id"], one["properties"]) for one in sent] == [(ids[1], {"name": "B"})]
    assert live(portal, "line_items") == ids[:2]
    assert portal.calls["update deals"] == portal.calls["create line_items"] == 0


@pytest.mark.parametrize(
    ("there", "wanted", "places"),
    [
        ({}, [None, None], [1, 2]),
        ({"a": "1", "b": "2", "c": "3"}, ["b", "c", None], [2, 3, 4]),
        ({"a": "1", "b": "2"}, ["b", "a"], [2, 3]),
        ({"a": "1", "b": "2"}, ["a", None, "b"], [1, 2, 3]),
        ({"a": None, "b": "x"}, ["a", "b"], [1, 2]),
        ({"a": "5", "b": None}, ["a", "b"], [5, 6]),
    ],
)
def test_a_line_keeps_its_place_where_it_can(there: dict[str, Any], wanted: list[Any], places: list[int]) -> None:
    assert positions(there, wanted) == places


@pytest.mark.parametrize("lines", [[{"id": "404"}], [{"id": "x"}]])
def test_lines_that_are_not_there_are_refused(lines: list[Any]) -> None:
    portal = Memory()
    key, ids = deal(portal, "a")
    for wrong in (lines, [{"id": ids[0]}, {"id": ids[0]}]):
        assert kinds(write(portal, "deals", updating(key, lines=wrong))) == ["RejectedError"]
    assert names_of(portal, key) == ["a"]


# ------------------------------------------------------------------------------------------------ half done


def striking(portal: Memory, on: str, error: ConnectorError, name: str = "bad") -> None:
    """Calls for line items that hold a line of this name fail; `remove` always does."""

    def fail(what: str, type_: str, rows: Sequence[Any]) -> ConnectorError | None:
        if what != on or type_ != "line_items":
            return None
        return error if what == "remove" or any(row["properties"].get("name") == name for row in rows) else None

    portal.fail = fail


def test_a_new_document_whose_line_is_refused_is_taken_back_with_its_other_lines() -> None:
    portal = Memory()
    striking(portal, "create", REJECTED)
    outcomes = write(
        portal,
        "deals",
        creating(1, **DEAL, lines=[line("a")]),
        creating(2, **DEAL, lines=[line("b"), line("bad")]),
        creating(3, **DEAL, lines=[]),
    )
    assert kinds(outcomes) == ["done", "RejectedError", "done"]
    assert live(portal, "deals") == [outcomes[0].key, outcomes[2].key]
    assert [portal.rows["line_items"][key].properties["name"] for key in live(portal, "line_items")] == ["a"]
    assert outcomes[1].key is None


@pytest.mark.parametrize("on", ["remove line_items", "remove deals"])
@pytest.mark.parametrize("error", [BUSY, LOST, REJECTED, DeniedError("no")])
def test_what_cannot_be_taken_back_is_in_doubt(on: str, error: ConnectorError) -> None:
    portal = Memory()

    def fail(what: str, type_: str, rows: Sequence[Any]) -> ConnectorError | None:
        if what == "create" and type_ == "line_items" and any(row["properties"]["name"] == "bad" for row in rows):
            return REJECTED
        return error if f"{what} {type_}" == on else None

    portal.fail = fail
    (outcome,) = write(portal, "deals", creating(**DEAL, lines=[line("a"), line("bad")]))
    assert isinstance(outcome.error, UncertainError)
    assert "is there all the same" in str(outcome.error)


@pytest.mark.parametrize("error", [BUSY, LOST, DeniedError("no")])
def test_a_new_document_of_whose_lines_nobody_knows_is_in_doubt_and_stays(error: ConnectorError) -> None:
    portal = Memory()
    striking(portal, "create", error)
    outcomes = write(portal, "deals", creating(1, **DEAL, lines=[line("bad")]), creating(2, **DEAL))
    assert kinds(outcomes) == ["UncertainError", "done"]
    assert len(live(portal, "deals")) == 2


def changed(portal: Memory, on: str, error: ConnectorError, **fields: Any) -> Sequence[Outcome]:
    """Two deals whose lines are changed, created and dropped; of the second the call `on` goes wrong."""
    good, (one, two) = deal(portal, "a", "b")
    bad, (three, _) = deal(portal, "c", "d")
    striking(portal, on, error)
    return write(
        portal,
        "deals",
        updating(good, lines=[{"id": one, "name": "A"}, line("new")] if on != "remove" else [{"id": one}, {"id": two}]),
        updating(bad, lines=[{"id": three, "name": "bad" if on == "update" else "C"}, line("bad")], **fields),
    )


# Of the two documents the second has its fields written before. One call changes lines of both, one makes lines of
# both, and one drops a line of the second alone.
HALF_DONE = [
    ("update", BUSY, ["TransientError", "UncertainError"]),
    ("update", LOST, ["UncertainError", "UncertainError"]),
    ("update", REJECTED, ["done", "UncertainError"]),
    ("create", BUSY, ["UncertainError", "UncertainError"]),
    ("create", LOST, ["UncertainError", "UncertainError"]),
    ("create", REJECTED, ["done", "UncertainError"]),
    ("remove", BUSY, ["done", "UncertainError"]),
    ("remove", LOST, ["done", "UncertainError"]),
    ("remove", REJECTED, ["done", "UncertainError"]),
]


@pytest.mark.parametrize(("on", "error", "wanted"), HALF_DONE)
def test_lines_that_go_wrong_after_something_is_written_are_in_doubt(
    on: str, error: ConnectorError, wanted: list[str]
) -> None:
    assert kinds(changed(Memory(), on, error, dealname="new")) == wanted


def test_the_first_line_that_is_refused_alone_is_a_refusal_and_what_is_busy_is_raised() -> None:
    outcomes = changed(Memory(), "update", REJECTED)
    assert kinds(outcomes) == ["done", "RejectedError"]
    with pytest.raises(TransientError):
        changed(Memory(), "update", BUSY)
    with pytest.raises(UncertainError):
        changed(Memory(), "update", LOST)


def test_lines_that_cannot_be_looked_at_are_raised_before_and_in_doubt_after_something_is_written() -> None:
    portal = Memory()
    key, _ = deal(portal, "a")
    portal.fail = lambda what, type_, rows: BUSY if what == "linked" else None
    with pytest.raises(TransientError):
        write(portal, "deals", updating(key, lines=[]))
    assert kinds(write(portal, "deals", updating(key, lines=[], dealname="new"))) == ["UncertainError"]


def test_a_delete_takes_the_document_and_says_what_is_refused() -> None:
    portal = Memory()
    key, ids = deal(portal, "a")
    crm = adapter(portal)
    removing = Write(Op.DELETE, key, b"", None, "d")
    portal.fail = lambda what, type_, rows: RejectedError("no") if what == "remove" else None
    assert kinds(crm.write("deals", [removing]).outcomes) == ["RejectedError"]
    portal.fail = lambda what, type_, rows: None
    (outcome,) = crm.write("deals", [removing]).outcomes
    assert (outcome.key, outcome.error) == (key, None)
    assert live(portal, "deals") == []
    assert live(portal, "line_items") == ids


def test_the_body_of_a_line_keeps_its_digits() -> None:
    portal = Memory()
    (made,) = write(portal, "deals", creating(**DEAL, lines=[line("a", quantity="2.50")]))
    assert json.dumps(lines_of(portal, str(made.key))[0]["quantity"]) == '"2.50"'
