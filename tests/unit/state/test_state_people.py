"""Conflicts, dead letters and the journal: the same promises on both databases."""

from __future__ import annotations

import pytest
from state_samples import KIND, LEFT, OTHER, RIGHT, conflict, dead, line, linked

from connector.model.values import Sides
from connector.ports import Store


@pytest.fixture
def linked_store(store: Store) -> Store:
    with store.begin() as tx:
        tx.insert_links([linked(1), linked(2)])
    return store


def test_a_conflict_comes_back_as_it_was_stored(linked_store: Store) -> None:
    row = conflict("name", prints=Sides(b"l", None), choice=RIGHT)
    with linked_store.begin() as tx:
        tx.put_conflicts([row])
        assert tx.conflicts() == tx.conflicts(KIND) == tx.conflicts(links=[1]) == [row]


def test_conflicts_are_found_by_kind_and_by_link(linked_store: Store) -> None:
    with linked_store.begin() as tx:
        tx.put_conflicts([conflict("name"), conflict("*", link=2), conflict("phone", kind=OTHER)])
        assert [row.unit for row in tx.conflicts()] == ["name", "phone", "*"]
        assert [row.unit for row in tx.conflicts(KIND)] == ["name", "*"]
        assert [row.unit for row in tx.conflicts(links=[1])] == ["name", "phone"]
        assert [row.unit for row in tx.conflicts(KIND, links=[1, 3])] == ["name"]
        assert tx.conflicts(links=[]) == []


def test_a_conflict_put_again_keeps_its_age(linked_store: Store) -> None:
    with linked_store.begin() as tx:
        tx.put_conflicts([conflict("name", since=10.0)])
        tx.put_conflicts([conflict("name", since=99.0, reason="drift")])
        assert tx.conflicts() == [conflict("name", since=10.0, reason="drift")]


def test_a_choice_stays_while_the_values_are_the_same(linked_store: Store) -> None:
    with linked_store.begin() as tx:
        tx.put_conflicts([conflict("name"), conflict("phone", prints=Sides(None, b"r"))])
        assert tx.choose(1, "name", RIGHT)
        assert tx.choose(1, "phone", LEFT)
        tx.put_conflicts([conflict("name"), conflict("phone", prints=Sides(None, b"r"))])
        assert [row.choice for row in tx.conflicts()] == [RIGHT, LEFT]
        tx.put_conflicts([conflict("name", prints=Sides(b"other", b"r")), conflict("phone")])
        assert [row.choice for row in tx.conflicts()] == [None, None]


def test_choosing_for_an_unknown_conflict_says_so(linked_store: Store) -> None:
    with linked_store.begin() as tx:
        assert not tx.choose(1, "name", LEFT)


def test_dropped_conflicts_are_gone_and_others_stay(linked_store: Store) -> None:
    with linked_store.begin() as tx:
        tx.put_conflicts([conflict("name"), conflict("phone"), conflict("name", link=2)])
        tx.drop_conflicts([(1, "name"), (2, "phone")])
        assert [(row.link, row.unit) for row in tx.conflicts()] == [(1, "phone"), (2, "name")]


def test_a_dead_letter_comes_back_with_a_number(store: Store) -> None:
    with store.begin() as tx:
        tx.put_dead([dead("R1", link=5)])
        (row,) = tx.dead()
        assert row.id is not None
        assert row == dead("R1", link=5, id=row.id)
        assert tx.dead(KIND) == [row]
        assert tx.dead(OTHER) == []
        assert tx.dead_by_key(KIND, RIGHT, ["R1", "R2"]) == {"R1": row}


def test_what_a_system_says_never_stops_the_store(store: Store) -> None:
    with store.begin() as tx:
        tx.put_dead([dead("R1", reason="name\0 is \ud83d too löng")])
        tx.append_journal([line(detail="zero\0byte")])
        assert tx.dead()[0].reason == "name is ? too löng"
        assert tx.journal()[0].detail == "zerobyte"


def test_a_dead_letter_put_again_keeps_its_age_and_adds_attempts(store: Store) -> None:
    with store.begin() as tx:
        tx.put_dead([dead("R1", since=10.0, attempts=3)])
        number = tx.dead()[0].id
        tx.put_dead([dead("R1", since=50.0, attempts=2, reason="still too long")])
        (row,) = tx.dead()
        assert (row.id, row.since, row.attempts, row.reason) == (number, 10.0, 5, "still too long")


def test_a_number_of_a_dead_letter_is_never_given_again(store: Store) -> None:
    with store.begin() as tx:
        tx.put_dead([dead("R1"), dead("R2")])
        numbers = {row.id for row in tx.dead()}
        tx.drop_dead(KIND, RIGHT, ["R1", "R2", "never"])
        assert tx.dead() == []
        tx.put_dead([dead("R3")])
        assert tx.dead()[0].id not in numbers


def test_the_journal_reads_newest_first(store: Store) -> None:
    with store.begin() as tx:
        tx.append_journal([line(detail=str(number), at=float(number)) for number in range(5)])
        rows = tx.journal(limit=3)
        assert [row.detail for row in rows] == ["4", "3", "2"]
        assert rows[0] == line(detail="4", at=4.0, seq=rows[0].seq)
        assert rows[0].seq is not None


def test_the_journal_is_found_by_kind_link_and_run(store: Store) -> None:
    with store.begin() as tx:
        tx.append_journal(
            [line(detail="a"), line(detail="b", link=2), line(detail="c", run="run2"), line(detail="d", kind=OTHER)]
        )
        tx.append_journal([line(detail="e", link=None, side=None, key=None, body=None)])
        found = {
            "kind": tx.journal(kind=KIND),
            "link": tx.journal(link=1),
            "run": tx.journal(run="run2"),
            "all": tx.journal(kind=KIND, link=1, run="run1"),
            "unknown": tx.journal(kind="never/seen/before"),
        }
        assert {name: "".join(row.detail for row in rows) for name, rows in found.items()} == {
            "kind": "ecba",
            "link": "dca",
            "run": "c",
            "all": "a",
            "unknown": "",
        }
        newest = tx.journal(limit=1)[0]
        assert (newest.link, newest.side, newest.key, newest.body) == (None, None, None, None)


def test_deletes_are_counted_since_a_time(store: Store) -> None:
    with store.begin() as tx:
        tx.append_journal([line("delete", at=float(at)) for at in range(10)])
        tx.append_journal([line("write", at=9.0), line("delete", at=9.0, kind=OTHER)])
        assert tx.count_deletes(KIND, 7.0) == 3
        assert tx.count_deletes("never/seen/before", 0.0) == 0


def test_bodies_expire_and_lines_stay(store: Store) -> None:
    with store.begin() as tx:
        tx.append_journal([line(at=1.0), line(at=2.0), line(at=3.0), line(at=1.0, body=None)])
        tx.add_inbox("crm", "e1", b"sealed", 1.0)
        assert tx.expire_bodies(3.0) == 3
        assert [row.body for row in tx.journal()] == [None, b"sealed", None, None]
        assert tx.expire_bodies(3.0) == 0
        assert not tx.add_inbox("crm", "e1", b"sealed", 9.0)
