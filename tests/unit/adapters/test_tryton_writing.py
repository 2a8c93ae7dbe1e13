"""Batches of writes to Tryton: all at once, each alone where one is refused, and inactive rows in two steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from connector.adapters.tryton.party import Party
from connector.adapters.tryton.writing import Writer
from connector.errors import ConnectorError, NotFoundError, RejectedError, StaleError, TransientError, UncertainError
from connector.model.records import Op, Outcome, Write

from .test_tryton_objects import PARTY, WORLD, party

UNIQUE = RejectedError("erp refuses it: The code on party must be unique.")


class Client:
    """Notes every call; `fail` may raise for it."""

    place = "erp"

    def __init__(self, fail: Callable[[str, Sequence[Any]], ConnectorError | None] = lambda name, rows: None) -> None:
        self.calls: list[tuple[str, list[Any]]] = []
        self._fail = fail
        self._ids = 100

    def _call(self, name: str, rows: Sequence[Any]) -> None:
        self.calls.append((name, list(rows)))
        error = self._fail(name, rows)
        if error is not None:
            raise error

    def create(self, model: str, values: Sequence[Mapping[str, Any]]) -> list[int]:
        self._call("create", values)
        self._ids += len(values)
        return list(range(self._ids - len(values), self._ids))

    def write(self, model: str, changes: Sequence[tuple[int, Any]], stamps: Mapping[str, str] | None = None) -> None:
        self._call("write", changes)

    def delete(self, model: str, keys: Sequence[int], stamps: Mapping[str, str] | None = None) -> None:
        self._call("delete", keys)


def creating(**fields: Any) -> Write:
    return Write(Op.CREATE, None, json.dumps(fields).encode(), None, "t")


def updating(key: str, version: str | None = None, **fields: Any) -> Write:
    return Write(Op.UPDATE, key, json.dumps(fields).encode(), version, "t")


def create(client: Client, *writes: Write, kind: Party = PARTY) -> list[Outcome]:
    return Writer(client).create(kind, writes)  # type: ignore[arg-type]


PARTY = Party(WORLD, "eu_vat", lambda address: False)


def change(client: Client, rows: Sequence[Any], *writes: Write) -> list[Outcome]:
    return Writer(client).change(
        Party(WORLD, "eu_vat", lambda address: False), writes, {str(row["id"]): row for row in rows}
    )  # type: ignore[arg-type]


def errors(outcomes: Sequence[Outcome]) -> list[type[ConnectorError] | None]:
    return [type(outcome.error) if outcome.error else None for outcome in outcomes]


def refuses(name: str) -> Callable[[str, Sequence[Any]], ConnectorError | None]:
    """Refuses every call that has a row of this name in it."""
    return lambda call, rows: RejectedError("no") if any(name in str(row) for row in rows) else None


def test_creates_go_in_one_call_and_what_is_refused_here_is_not_sent() -> None:
    client = Client()
    outcomes = create(client, creating(name="a"), creating(nofield=1), creating(name="b"))
    assert errors(outcomes) == [None, RejectedError, None]
    assert client.calls == [("create", [{"name": "a"}, {"name": "b"}])]
    assert [outcome.key for outcome in outcomes] == ["100", None, "101"]


def test_where_one_of_a_batch_is_refused_each_goes_alone() -> None:
    client = Client(refuses("bad"))
    outcomes = create(client, creating(name="a"), creating(name="bad"), creating(name="b"))
    assert errors(outcomes) == [None, RejectedError, None]
    assert [len(rows) for _, rows in client.calls] == [3, 1, 1, 1]


def test_a_number_that_two_writers_drew_is_transient_and_a_given_one_that_is_taken_is_refused() -> None:
    with pytest.raises(TransientError, match="draws another"):
        create(Client(lambda name, rows: UNIQUE), creating(name="a"))
    busy = Client(lambda name, rows: UNIQUE if len(rows) > 1 or "b" in str(rows) else None)
    done, taken = create(busy, creating(name="a"), creating(name="b"))
    assert (done.error, isinstance(taken.error, TransientError)) == (None, True)
    assert errors(create(Client(lambda name, rows: UNIQUE), creating(name="a", code="7"))) == [RejectedError]


def test_a_doubt_about_a_batch_is_raised_and_a_doubt_about_one_after_a_refusal_is_its_own() -> None:
    with pytest.raises(UncertainError):
        create(Client(lambda name, rows: UncertainError("lost")), creating(name="a"), creating(name="b"))

    def fail(name: str, rows: Sequence[Any]) -> ConnectorError | None:
        if len(rows) > 1:
            return RejectedError("one of them")
        return UncertainError("lost") if "b" in str(rows) else None

    assert errors(create(Client(fail), creating(name="a"), creating(name="b"))) == [None, UncertainError]


def test_an_inactive_party_is_created_active_and_put_to_sleep_then() -> None:
    client = Client()
    assert errors(create(client, creating(name="a"), creating(name="z", active=False))) == [None, None]
    assert client.calls[1] == ("write", [(101, {"active": False})])
    failing = Client(lambda name, rows: RejectedError("no") if name == "write" else None)
    outcomes = create(failing, creating(name="a"), creating(name="z", active=False))
    assert errors(outcomes) == [None, UncertainError], "it is there, and not as it was sent"


def test_an_inactive_party_is_woken_for_a_change_and_put_to_sleep_again_also_where_that_is_refused() -> None:
    client = Client()
    assert errors(change(client, [party(active=False)], updating("2", name="x"))) == [None]
    assert client.calls == [("write", [(2, {"active": True})]), ("write", [(2, {"name": "x", "active": False})])]
    failing = Client(refuses("bad"))
    assert errors(change(failing, [party(active=False)], updating("2", name="bad"))) == [RejectedError]
    assert failing.calls[-1] == ("write", [(2, {"active": False})])
    direct = Client()
    assert errors(change(direct, [party(active=False)], updating("2", active=True))) == [None]
    assert direct.calls == [("write", [(2, {"active": True})])]


def test_what_is_gone_or_has_moved_is_told_without_a_call_and_the_others_are_written() -> None:
    client = Client()
    rows = [party(), {**party(), "id": 3}]
    writes = [updating("9", name="x"), updating("2", "an older version", name="x"), updating("3", name="y")]
    assert errors(change(client, rows, *writes)) == [NotFoundError, StaleError, None]
    assert client.calls == [("write", [(3, {"name": "y"})])]
    version = PARTY.record(party()).version
    assert errors(change(Client(), rows, updating("2", version, name="x"))) == [None]


def test_deletes_of_one_model_go_in_one_call() -> None:
    client = Client()
    writes = [Write(Op.DELETE, key, b"", None, "t") for key in ("2", "3")]
    assert errors(change(client, [party(), {**party(), "id": 3}], *writes)) == [None, None]
    assert client.calls == [("delete", [2, 3])]
