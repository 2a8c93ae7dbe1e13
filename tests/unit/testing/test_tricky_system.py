"""The system that plays tricks: each trick does what it says, and what it may not do it never does."""

from __future__ import annotations

from random import Random

import pytest

from connector.errors import DeniedError, NotFoundError, RejectedError, TransientError, UncertainError
from connector.model.records import Key, Op, Record, Write
from connector.ports import Capabilities
from connector.testing.driver import HandClock
from connector.testing.samples import FULL
from connector.testing.simulator.systems import TRICKS, Trick, TrickySystem
from connector.testing.tables import MemoryObject

LAGGING = Capabilities(feed="overlap", versions="sortable", deletes="feed", page=3)


def system(powers: Capabilities = FULL, lag: float = 0.0) -> TrickySystem:
    made = TrickySystem("tricky", HandClock(), [MemoryObject("things", powers, "T", frozenset({"name", "phone"}))])
    made.lag = lag
    return made


def create(name: str) -> Write:
    return Write(Op.CREATE, None, f'{{"name":"{name}"}}'.encode(), None, name)


def names(of: TrickySystem) -> list[str]:
    return sorted(str(row["name"]) for row in of.live("things").values())


def feed(of: TrickySystem, cursor: str | None) -> tuple[list[Record], str | None]:
    """One whole pass; time goes by between its pages."""
    records: list[Record] = []
    while True:
        page = of.changes("things", cursor)
        records += page.records
        cursor = page.cursor
        if not page.more:
            return records, cursor
        of.clock.sleep(7.0)


@pytest.mark.parametrize("seed", range(20))
def test_a_lagging_feed_shows_every_change_though_in_another_order(seed: int) -> None:
    chance = Random(seed)
    tricky = system(LAGGING, lag=100.0)
    cursor: str | None = None
    known: dict[Key, object] = {}
    for number in range(40):
        if chance.random() < 0.4 or not tricky.live("things"):
            tricky.add("things", {"name": f"n{number}", "phone": "0"})
        else:
            tricky.edit("things", chance.choice(sorted(tricky.live("things"))), phone=f"v{number}")
        tricky.clock.sleep(chance.choice((0.5, 5.0, 60.0)))
        if chance.random() < 0.5:
            records, cursor = feed(tricky, cursor)
            known |= {record.key: record.fields for record in records}
    tricky.clock.sleep(101.0)
    records, cursor = feed(tricky, cursor)
    known |= {record.key: record.fields for record in records}
    assert known == tricky.live("things")


def test_a_lagging_search_does_not_know_a_new_record_at_once() -> None:
    tricky = system(LAGGING, lag=100.0)
    key = tricky.add("things", {"name": "new"})
    assert tricky.find("things", "name", ["new"]) == []
    assert tricky.scan("things", None).records == []
    assert key in tricky.read("things", [key])
    tricky.clock.sleep(100.0)
    assert [record.key for record in tricky.find("things", "name", ["new"])] == [key]


def test_a_late_request_is_an_answer_lost_now_and_a_write_later() -> None:
    tricky = system()
    tricky.tricks.append(Trick("write", "late", number=50))
    with pytest.raises(UncertainError):
        tricky.write("things", [create("a")])
    tricky.clock.sleep(49.0)
    tricky.arrive()
    assert names(tricky) == []
    tricky.clock.sleep(1.0)
    tricky.arrive()
    assert names(tricky) == ["a"]


def test_a_stale_read_shows_an_older_version_once() -> None:
    tricky = system()
    key = tricky.add("things", {"name": "a", "phone": "old"})
    tricky.edit("things", key, phone="new")
    tricky.tricks.append(Trick("read", "stale"))
    phones = [(tricky.read("things", [key])[key].fields or {})["phone"] for _ in range(2)]
    assert phones == ["old", "new"]


@pytest.mark.parametrize("kind", ["some-busy", "some-lost", "some-refused", "some-stale"])
def test_some_items_of_a_batch_fail_and_the_others_are_written(kind: str) -> None:
    tricky = system()
    tricky.tricks.append(Trick("write", kind, number=0b010))
    outcomes = tricky.write("things", [create("a"), create("b"), create("c")]).outcomes
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    assert names(tricky) == ["a", "c"]


def test_a_lost_item_may_have_been_written() -> None:
    tricky = system()
    tricky.tricks.append(Trick("write", "some-lost", number=0b110))
    outcomes = tricky.write("things", [create("a"), create("b"), create("c")]).outcomes
    assert [outcome.error is None for outcome in outcomes] == [True, False, False]
    assert names(tricky) == ["a", "b"]


def test_answers_without_records_and_answers_too_few_were_written_all_the_same() -> None:
    tricky = system()
    tricky.tricks += [Trick("write", "bare"), Trick("write", "short"), Trick("write", "lost-after")]
    assert tricky.write("things", [create("a")]).outcomes[0].record is None
    assert len(tricky.write("things", [create("b"), create("c")]).outcomes) == 1
    with pytest.raises(UncertainError):
        tricky.write("things", [create("d")])
    assert names(tricky) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("kind", "error"), [("busy", TransientError), ("down", UncertainError), ("lost-before", UncertainError)]
)
def test_a_fault_before_the_write_writes_nothing(kind: str, error: type[Exception]) -> None:
    tricky = system()
    tricky.tricks.append(Trick("write", kind))
    with pytest.raises(error):
        tricky.write("things", [create("a")])
    assert names(tricky) == []


def test_short_and_empty_pages_lead_to_the_end_all_the_same() -> None:
    tricky = system(LAGGING)
    for number in range(8):
        tricky.add("things", {"name": f"n{number}"})
    tricky.tricks += [Trick("changes", "cut"), Trick("changes", "empty", skip=1), Trick("changes", "cut", number=2)]
    records, _ = feed(tricky, None)
    assert {record.key for record in records} == set(tricky.live("things"))


def test_an_omitted_or_hidden_record_is_there_again_later() -> None:
    tricky = system()
    key = tricky.add("things", {"name": "a"})
    tricky.tricks.append(Trick("scan", "omit"))
    assert tricky.scan("things", None).records == []
    tricky.hidden[key] = tricky.clock.now() + 10
    assert tricky.read("things", [key]) == {}
    tricky.clock.sleep(10.0)
    assert [record.key for record in tricky.scan("things", None).records] == [key]
    assert key in tricky.read("things", [key])


def test_poison_is_refused_until_it_is_accepted() -> None:
    tricky = system()
    key = tricky.add("things", {"name": "bad"})
    tricky.poison.add("bad")
    update = Write(Op.UPDATE, key, b'{"phone":"1"}', None, "t")
    errors = [outcome.error for outcome in tricky.write("things", [update]).outcomes]
    assert isinstance(errors[0], RejectedError)
    tricky.end_faults()
    assert tricky.write("things", [update]).outcomes[0].error is None


def test_an_outage_refuses_everything_and_counts_once() -> None:
    tricky = system()
    tricky.denied = True
    for method, rest in (("changes", (None,)), ("scan", (None,)), ("read", (["T1"],)), ("write", ([create("a")],))):
        with pytest.raises(DeniedError):
            getattr(tricky, method)("things", *rest)
    assert tricky.hits["outage"] == 1


def test_a_workflow_changes_a_record_after_our_write_as_somebody_else() -> None:
    tricky = system()
    tricky.meddling["things"] = (60.0, {"phone": "rewritten"})
    key = str(tricky.write("things", [create("a")]).outcomes[0].key)
    tricky.clock.sleep(60.0)
    tricky.arrive()
    record = tricky.read("things", [key])[key]
    assert (record.modified_by, (record.fields or {})["phone"]) == ("workflow", "rewritten")


@pytest.mark.parametrize("cursor", ["garbage", "-1", "9" * 40, "1.5", "９", "7"])
def test_a_place_the_feed_never_gave_is_not_found(cursor: str) -> None:
    with pytest.raises(NotFoundError):
        system().changes("things", cursor)


def test_every_trick_names_calls_that_exist() -> None:
    assert {method for methods in TRICKS.values() for method in methods} <= set(dir(TrickySystem))
