"""The spool in memory is the oracle of the file: whatever goes in, the same comes out of both, in the same order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from connector.model.records import Record
from connector.model.values import SIDES, Side
from connector.ports import Found, Spool
from connector.state.spool import FileSpool
from connector.testing.spool import MemorySpool

PHASES = (Phase.explicit, Phase.generate)
"""Making a failure smaller takes minutes here; the step at which the two part says what is wrong."""
KEYS = ("a", "b", "c")
LINKS = range(1, 6)
ALL = 1000

sides = st.sampled_from(SIDES)
keys = st.sampled_from(KEYS)
links = st.sampled_from(LINKS)
limits = st.sampled_from((1, 2, ALL))
prints = st.sampled_from((b"", b"p", b"p", b"q", b"r"))
fields = st.none() | st.dictionaries(
    keys, st.sampled_from((None, "é", 1, 1.5, True, "\ud83d", 10**30)) | st.just([{"no": "1", "qty": "2"}]), max_size=2
)
records = st.builds(
    *(Record, keys, st.sampled_from(("1", "2")), fields),
    st.sampled_from((None, datetime(2026, 1, 2, 3, 4, 5, 678000, UTC))),
    *(st.sampled_from((None, "me")), st.sampled_from((None, "you")), st.booleans(), st.none() | keys),
)
linked = st.lists(st.tuples(links, st.none() | records, keys), max_size=3)
unlinked = st.lists(st.tuples(records, st.booleans(), st.none() | keys), min_size=1, max_size=3)

Scene = dict[tuple[Side, str], tuple[bool, str | None, tuple[bytes, ...], str | None]]
scenes = st.dictionaries(
    st.tuples(sides, keys),
    st.tuples(st.booleans(), st.none() | keys, st.tuples(prints, prints), st.sampled_from((None, None, None, "a"))),
    min_size=2,
    max_size=6,
)


def shown(found: Found) -> tuple[Any, ...]:
    """A single without its number, which is the spool's own."""
    return found.record, found.own, found.partner, found.doubt


def paged(page: Callable[[int, int], list[Any]], number: Callable[[Any], int], limit: int) -> list[Any]:
    """All there is, page by page; numbers grow from row to row."""
    rows: list[Any] = []
    while part := page(number(rows[-1]) if rows else 0, limit):
        assert len(part) <= limit
        rows += part
    numbers = [number(row) for row in rows]
    assert numbers == sorted(set(numbers))
    return rows


def picture(spool: Spool, limit: int) -> dict[str, Any]:
    """Everything the spool shows, read with pages of this size."""
    singles = {
        side: paged(lambda after, most, of=side: spool.singles(of, after, most), lambda single: single.seq, limit)  # type: ignore[misc]
        for side in SIDES
    }
    pairs = paged(spool.pairs, lambda pair: pair[0].seq, limit)
    return {
        **{f"singles {side}": [shown(single) for single in singles[side]] for side in SIDES},
        "pairs": [(shown(left), shown(right)) for left, right in pairs],
        "linked": paged(spool.linked, lambda row: row[0], limit),
        "lonely": paged(spool.lonely, lambda row: row[0], limit),
        "counts": (spool.counts(), spool.count_pairs()),
        "unlisted": [spool.unlisted(side, LINKS) for side in SIDES],
    }


class SpoolsAgree(RuleBasedStateMachine):
    """Both spools get the same; after every step they show the same."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.memory, self.file = MemorySpool(), FileSpool(type(self).folder)

    def both(self, method: str, *args: Any, **options: Any) -> None:
        for spool in (self.memory, self.file):
            getattr(spool, method)(*args, **options)
        self.compare(ALL)

    @rule(limit=limits)
    def compare(self, limit: int) -> None:
        assert picture(self.file, limit) == picture(self.memory, limit)

    @rule(side=sides, rows=linked, replacing=st.booleans(), sorts=st.booleans())
    def add_linked(self, side: Side, rows: Any, replacing: bool, sorts: bool) -> None:
        self.both("add_linked", side, rows, replacing=replacing, sorts=sorts)

    @rule(side=sides, rows=unlinked, replacing=st.booleans(), sorts=st.booleans())
    def add_unlinked(self, side: Side, rows: Any, replacing: bool, sorts: bool) -> None:
        self.both("add_unlinked", side, rows, replacing=replacing, sorts=sorts)

    @rule(side=sides, rows=st.lists(st.tuples(links, st.sampled_from(("1", "2"))), max_size=2), sorts=st.booleans())
    def drop_linked(self, side: Side, rows: Any, sorts: bool) -> None:
        self.both("drop_linked", side, rows, sorts=sorts)

    @rule(
        side=sides,
        rows=st.lists(st.tuples(keys, st.sampled_from(("1", "2"))), max_size=2),
        replacing=st.booleans(),
        sorts=st.booleans(),
    )
    def drop_unlinked(self, side: Side, rows: Any, replacing: bool, sorts: bool) -> None:
        self.both("drop_unlinked", side, rows, replacing=replacing, sorts=sorts)

    @rule(values=st.dictionaries(st.tuples(sides, keys), st.tuples(prints, prints), max_size=6))
    def add_prints(self, values: dict[tuple[Side, str], tuple[bytes, ...]]) -> None:
        for spool in (self.memory, self.file):
            singles = [(side, single) for side in SIDES for single in spool.singles(side, 0, ALL)]
            known = [(single.seq, values.get((side, single.record.key))) for side, single in singles]
            spool.add_prints([(seq, value) for seq, value in known if value is not None])

    @rule(scene=scenes, steps=st.lists(st.sampled_from((0, 1, "partners")), min_size=1, max_size=4))
    def records_meet(self, scene: Scene, steps: list[int | str]) -> None:
        """A round from its start: unlinked records of both sides, their prints, and some matching."""
        self.both("clear")
        for (side, key), (own, partner, _, merged) in scene.items():
            self.both("add_unlinked", side, [(Record(key, "1", None, merged_into=merged), own, partner)])
        self.add_prints({place: values for place, (_, _, values, _) in scene.items()})
        for step in steps:
            self.both("match_partners") if step == "partners" else self.both("match", step)

    @rule(number=st.sampled_from((0, 1)))
    def match(self, number: int) -> None:
        self.both("match", number)

    @rule()
    def match_partners(self) -> None:
        self.both("match_partners")

    @rule(side=sides, rows=st.lists(st.tuples(keys, links, keys), max_size=2))
    def promote(self, side: Side, rows: list[tuple[str, int, str]]) -> None:
        distinct = len(rows) < 2 or all(one != other for one, other in zip(*rows, strict=True))
        self.both("promote", side, {key: (link, other) for key, link, other in rows[: None if distinct else 1]})

    @rule(side=sides, doubted=st.lists(keys, max_size=2))
    def doubt(self, side: Side, doubted: list[str]) -> None:
        self.both("doubt", side, doubted, "a person asked for it")

    @rule(side=sides, listed=st.lists(links, max_size=2))
    def note_listed(self, side: Side, listed: list[int]) -> None:
        self.both("note_listed", side, listed)

    @rule(one=st.integers(0, 3))
    def clear(self, one: int) -> None:
        if one == 0:
            self.both("clear")

    def teardown(self) -> None:
        self.memory.close()
        self.file.close()


def test_every_method_of_a_spool_is_tried() -> None:
    asked = {name for name in vars(Spool) if not name.startswith("_") and callable(getattr(Spool, name))}
    assert asked == {
        *("add_linked", "add_unlinked", "add_prints", "lonely", "linked", "match", "match_partners", "pairs"),
        *("singles", "promote", "doubt", "note_listed", "unlisted", "counts", "count_pairs", "clear", "close"),
        *("drop_linked", "drop_unlinked"),
    }


def test_the_spool_in_memory_and_the_file_agree(tmp_path: Path) -> None:
    machine = type("Machine", (SpoolsAgree,), {"folder": tmp_path})
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=15, phases=PHASES))


@pytest.fixture(params=["memory", "file"])
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    made: Spool = MemorySpool() if request.param == "memory" else FileSpool(tmp_path)
    yield made
    made.close()


def test_a_record_handed_out_is_the_callers(spool: Spool) -> None:
    record = Record("a", "1", {"lines": [{"qty": "1"}]})
    spool.add_unlinked(Side.LEFT, [(record, False, None)])
    assert record.fields is not None
    record.fields["lines"][0]["qty"] = "changed"
    (found,) = spool.singles(Side.LEFT, 0, 10)
    assert found.record.fields == {"lines": [{"qty": "1"}]}
    found.record.fields["lines"].clear()
    (again,) = spool.singles(Side.LEFT, 0, 10)
    assert again.record.fields == {"lines": [{"qty": "1"}]}


# ------------------------------------------------------------------------------------------- case by case


def put(spool: Spool, side: Side, key: str, partner: str | None = None) -> None:
    """An unlinked record; made by us when it carries a partner's key."""
    spool.add_unlinked(side, [(Record(key, "1", None), partner is not None, partner)])


def printed(spool: Spool, side: Side, key: str, value: bytes) -> None:
    (found,) = [single for single in spool.singles(side, 0, ALL) if single.record.key == key]
    spool.add_prints([(found.seq, (value,))])


def alone(spool: Spool, side: Side) -> list[str]:
    return [single.record.key for single in spool.singles(side, 0, ALL)]


def mated(spool: Spool) -> list[tuple[str, str]]:
    return [(left.record.key, right.record.key) for left, right in spool.pairs(0, ALL)]


def test_the_mate_of_a_record_that_is_replaced_is_alone_again(spool: Spool) -> None:
    put(spool, Side.LEFT, "a")
    put(spool, Side.RIGHT, "x", "a")
    spool.match_partners()
    put(spool, Side.LEFT, "a")
    assert (alone(spool, Side.LEFT), alone(spool, Side.RIGHT), mated(spool)) == (["a"], ["x"], [])


def test_the_mate_of_a_record_that_was_linked_with_another_is_alone_again(spool: Spool) -> None:
    put(spool, Side.LEFT, "a")
    put(spool, Side.RIGHT, "x", "a")
    spool.match_partners()
    spool.promote(Side.LEFT, {"a": (7, "y")})
    assert (alone(spool, Side.RIGHT), mated(spool)) == (["x"], [])


def test_a_new_record_has_nothing_of_one_that_is_gone(spool: Spool) -> None:
    put(spool, Side.LEFT, "a")
    put(spool, Side.RIGHT, "x")
    printed(spool, Side.LEFT, "a", b"p")
    printed(spool, Side.RIGHT, "x", b"p")
    spool.promote(Side.RIGHT, {"x": (7, "b")})
    put(spool, Side.RIGHT, "y")
    spool.match(0)
    assert (alone(spool, Side.LEFT), alone(spool, Side.RIGHT), mated(spool)) == (["a"], ["y"], [])


@pytest.mark.parametrize(("values", "pairs"), [((b"p", b"p"), [("a", "x")]), ((b"p", b"q"), [])])
def test_prints_given_again_replace_the_earlier(
    spool: Spool, values: tuple[bytes, ...], pairs: list[tuple[str, str]]
) -> None:
    put(spool, Side.LEFT, "a")
    put(spool, Side.RIGHT, "x")
    printed(spool, Side.RIGHT, "x", b"p")
    for value in values:
        printed(spool, Side.LEFT, "a", value)
    spool.match(0)
    assert mated(spool) == pairs


def test_a_record_is_in_one_pair_only_and_the_one_made_first_is_in_it(spool: Spool) -> None:
    """`b` was made from `c`, and `a` from `b`: `a` is there twice, and stays alone."""
    put(spool, Side.LEFT, "c")
    put(spool, Side.LEFT, "a", "b")
    put(spool, Side.RIGHT, "b", "c")
    spool.match_partners()
    assert (alone(spool, Side.LEFT), alone(spool, Side.RIGHT), mated(spool)) == (["a"], [], [("c", "b")])


def test_two_records_that_carry_each_other_are_a_pair(spool: Spool) -> None:
    put(spool, Side.LEFT, "a", "b")
    put(spool, Side.RIGHT, "b", "a")
    spool.match_partners()
    assert mated(spool) == [("a", "b")]
