"""The store in memory is the oracle of the real one: whatever is asked, both say the same, also when they refuse."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from store_moves import (
    EVERYTHING,
    GROUPS,
    KIND,
    MOVES,
    Move,
    act_on,
    acts,
    links,
    made,
    moves,
    name_of,
    of_group,
    parts_of,
    picture,
    spoil,
)
from store_postgres import empty, postgres

from connector.errors import ConnectorError
from connector.model.rows import LinkRow, LinkState
from connector.model.values import Side, Sides
from connector.ports import Store, Tx
from connector.state.errors import ImpossibleState, StoreError
from connector.state.store import open_store
from connector.state.vault import KeyVault, new_key
from connector.testing.store import MemoryStore

Opener = Callable[[], Store]
VAULT = KeyVault(new_key())
PHASES = (Phase.explicit, Phase.generate)
"""Making a failure smaller takes minutes here, and the first move that is answered differently says what is wrong."""


class Interrupted(BaseException):
    """The process died inside a transaction: nothing that any code would catch."""


def outcome(store: Store, asked: list[Move], ending: str, *, spoiling: bool) -> list[Any]:
    """What one transaction answered, up to and with the first error, and how it ended."""
    answers: list[Any] = []
    given: list[Any] = []
    try:
        with store.look() if ending == "look" else store.begin(durable=False) as tx:
            for move in asked:
                own = Move(move.method, deepcopy(move.args))
                given.append(own.args)
                if not _ask(tx, own, answers, caught=ending == "caught"):
                    break
            if ending == "died":
                raise Interrupted
    except Interrupted:
        answers.append("died")
    except ConnectorError as error:
        answers.append(("ended", name_of(error)))
    for args in given if spoiling else ():
        for arg in args:
            spoil(arg)
    answers.append(_after(tx))
    return answers


def _ask(tx: Tx, move: Move, answers: list[Any], *, caught: bool) -> bool:
    """Whether it was answered. An error that is caught must still keep the transaction from committing."""
    try:
        answers.append(made(tx, move))
    except ConnectorError as error:
        answers.append((move.method, name_of(error)))
        if not caught:
            raise
        answers.append(_after(tx))
        return False
    return True


def _after(tx: Tx) -> str:
    """What a transaction that failed or ended says to any question."""
    try:
        tx.hints()
    except ConnectorError as error:
        return name_of(error)
    return "answered"


class StoresAgree(RuleBasedStateMachine):
    """Random transactions on both stores: whole ones, ones that die half way, ones that are refused, and looks."""

    open_real: Opener

    def __init__(self) -> None:
        super().__init__()
        self.memory = MemoryStore()
        self.real = type(self).open_real()

    @initialize(rows=st.lists(links(), max_size=2), states=st.lists(st.sampled_from(LinkState), min_size=3, max_size=3))
    def begin_with_links(self, rows: list[LinkRow], states: list[LinkState]) -> None:
        half = LinkState.HALF
        first = [
            LinkRow(id_, KIND, state, Sides(f"k{id_}", None if state is half else f"k{id_}"), seen=Sides("2", "2"))
            for id_, state in enumerate(states, start=1)
        ]
        self.both([Move("insert_links", (first,))], "commit")
        self.both([Move("insert_links", (rows,))], "commit")

    @rule(
        asked=st.lists(moves, min_size=1, max_size=5),
        ending=st.sampled_from(("commit", "commit", "commit", "commit", "died", "caught", "look")),
    )
    def transaction(self, asked: list[Move], ending: str) -> None:
        self.both(asked, ending)

    @rule(chain=st.lists(acts, min_size=1, max_size=4))
    def keys_change_hands(self, chain: list[tuple[str, int, Side, str, str | None]]) -> None:
        for act, id_, *rest in chain:
            with self.memory.look() as tx:
                row = tx.links_by_id([id_])[id_]
            self.both([act_on(row, act, *rest)], "commit")

    @rule(asked=st.lists(moves, min_size=1, max_size=3))
    def a_look_sees_nothing_of_what_is_written_meanwhile(self, asked: list[Move]) -> None:
        parts = parts_of(asked)
        with self.memory.look() as one, self.real.look() as other:
            before = picture(one, parts)
            assert picture(other, parts) == before
            for move in asked:
                self.both([move], "commit")
            assert picture(one, parts) == picture(other, parts) == before

    @rule()
    def a_copy_goes_its_own_way(self) -> None:
        copy = self.memory.copy()
        outcome(self.memory, [Move("set_cursor", (KIND, "left", "elsewhere"))], "commit", spoiling=False)
        self.memory = copy

    def both(self, asked: list[Move], ending: str) -> None:
        wanted = outcome(self.memory, asked, ending, spoiling=True)
        found = outcome(self.real, asked, ending, spoiling=False)
        assert found == wanted, asked
        self.compare(parts_of(asked))

    def compare(self, parts: tuple[str, ...]) -> None:
        with self.memory.look() as one, self.real.look() as other:
            assert picture(other, parts) == picture(one, parts)

    def teardown(self) -> None:
        try:
            self.compare(EVERYTHING)
        finally:
            self.real.close()


def check(open_real: Opener, examples: int, steps: int) -> None:
    machine = type("Machine", (StoresAgree,), {"open_real": staticmethod(open_real)})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=steps, phases=PHASES)
    )


@pytest.fixture
def sqlite(tmp_path: Path) -> Opener:
    """Opens an empty store each time."""
    numbers, template = count(), tmp_path / "empty.db"
    open_store(f"sqlite:///{template}", VAULT).close()

    def opened() -> Store:
        path = shutil.copy(template, tmp_path / f"{next(numbers)}.db")
        return open_store(f"sqlite:///{path}", VAULT)

    return opened


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres(VAULT) as found:
        yield found


def emptied(address: str) -> Store:
    empty(address)
    return open_store(address, VAULT)


def test_every_method_of_a_transaction_is_tried() -> None:
    assert {name for name in vars(Tx) if not name.startswith("_") and callable(getattr(Tx, name))} == set(MOVES)


@pytest.mark.parametrize("group", GROUPS)
def test_both_agree_whatever_is_done_to_one_thing_again_and_again(group: str, sqlite: Opener) -> None:
    first = [LinkRow(id_, KIND, LinkState.LINKED, Sides(f"k{id_}", f"k{id_}")) for id_ in (1, 2)]

    @settings(max_examples=settings.default.max_examples // 4, phases=PHASES)
    @given(asked=of_group(group))
    def agree(asked: list[Move]) -> None:
        memory, real = MemoryStore(), sqlite()
        try:
            for move in [Move("insert_links", (first,)), *asked]:
                wanted = outcome(memory, [move], "commit", spoiling=True)
                assert outcome(real, [move], "commit", spoiling=False) == wanted, move
            with memory.look() as one, real.look() as other:
                assert picture(other, parts_of(asked)) == picture(one, parts_of(asked))
        finally:
            real.close()

    agree()


def test_the_store_in_memory_and_sqlite_agree(sqlite: Opener) -> None:
    check(sqlite, settings.default.max_examples // 2, 12)


def test_the_store_in_memory_and_postgresql_agree(address: str) -> None:
    check(lambda: emptied(address), 12, 8)


def test_a_look_reserves_no_ids(store: Store) -> None:
    with pytest.raises(StoreError), store.look() as tx:
        tx.reserve_ids(1)


# --------------------------------------------------------------------------------- who owns a key, case by case


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "memory":
        opened: Store = MemoryStore()
    elif request.param == "sqlite":
        opened = request.getfixturevalue("sqlite")()
    else:
        opened = emptied(request.getfixturevalue("address"))
    yield opened
    opened.close()


def _link(id_: int, left: str, state: LinkState = LinkState.LINKED) -> LinkRow:
    return LinkRow(id_, KIND, state, Sides(left, f"r{id_}"))


@pytest.fixture
def merged(store: Store) -> Store:
    """The record `b` of link 2 was merged into `a` of link 1."""
    with store.begin() as tx:
        tx.insert_links([_link(1, "a"), _link(2, "b", LinkState.CLOSED)])
        tx.add_aliases(KIND, Side.LEFT, {"b": 1})
    return store


def test_two_live_links_never_have_one_key(merged: Store) -> None:
    with merged.begin() as tx:
        tx.update_links([_link(1, "b")])
    with pytest.raises(ImpossibleState), merged.begin() as tx:
        tx.update_links([_link(2, "b")])


def test_a_link_that_lives_again_is_found_by_its_key(merged: Store) -> None:
    with merged.begin() as tx:
        tx.update_links([_link(1, "b")])
        tx.update_links([_link(1, "a")])
        tx.update_links([_link(2, "b")])
        assert {key: row.id for key, row in tx.links_by_key(KIND, Side.LEFT, ["a", "b"]).items()} == {"a": 1, "b": 2}


def test_a_key_merged_away_and_back_is_its_links_own_again(merged: Store) -> None:
    with merged.begin() as tx:
        tx.update_links([_link(1, "a", LinkState.CLOSED)])
        tx.add_aliases(KIND, Side.LEFT, {"a": 2, "b": 2})
        tx.update_links([_link(2, "b")])
        assert tx.aliases_of(KIND, [2]) == [(Side.LEFT, "a", 2)]
    with pytest.raises(ImpossibleState), merged.begin() as tx:
        tx.add_aliases(KIND, Side.LEFT, {"b": 1})
