"""What must not be, the database itself forbids: each case goes past the code with raw SQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from state_samples import KIND, LEFT, RIGHT, conflict, half, hint, intent, line, linked

from connector.model.rows import IntentState, LinkState
from connector.model.values import Sides
from connector.ports import Store
from connector.state.errors import ImpossibleState

Raw = Callable[..., Any]

_LINK = "INSERT INTO link (id, kind, state, l_id, r_id, gen, layout, canon) VALUES "
_HINT = "INSERT INTO hint (kind, side, key, reason, due, attempts, first) VALUES "
_INTENT = (
    "INSERT INTO intent (token, kind, link, side, op, target, body, context, fields, state, first_sent, sent, epoch,"
    " attempts) VALUES "
)
_BODIES = "CAST('b' AS {blob}), CAST('c' AS {blob})"


@pytest.fixture(autouse=True)
def _filled(store: Store) -> None:
    """Links 1 (live), 2 (half), 3 (closed); L-alias leads to 1."""
    with store.begin() as tx:
        tx.insert_links([linked(1), half(2), linked(3, state=LinkState.CLOSED)])
        tx.add_aliases(KIND, LEFT, {"L-alias": 1})
        tx.put_intents([intent("t1")])
        tx.put_conflicts([conflict("name")])
        tx.put_hints([hint("L1")])
        tx.append_journal([line(), line(body=None)])


IMPOSSIBLE = {
    "two links with one left key": _LINK + "(9, 1, 1, 'L1', 'R9', 0, 0, 0)",
    "two links with one right key": _LINK + "(9, 1, 1, 'L9', 'R1', 0, 0, 0)",
    "a live and a closed link with one key": _LINK + "(9, 1, 1, 'L3', 'R9', 0, 0, 0)",
    "a link with an aliased key": _LINK + "(9, 1, 1, 'L-alias', 'R9', 0, 0, 0)",
    "a link taking another one's key": "UPDATE link SET r_id = 'R1' WHERE id = 3",
    "a link taking another one's alias": "UPDATE link SET l_id = 'L-alias' WHERE id = 3",
    "a linked link without right key": _LINK + "(9, 1, 1, 'L9', NULL, 0, 0, 0)",
    "a linked link without left key": "UPDATE link SET l_id = NULL WHERE id = 1",
    "a half link with both keys": _LINK + "(9, 1, 0, 'L9', 'R9', 0, 0, 0)",
    "a half link without keys": _LINK + "(9, 1, 0, NULL, NULL, 0, 0, 0)",
    "a held link without keys": _LINK + "(9, 1, 2, NULL, NULL, 0, 0, 0)",
    "an empty key": _LINK + "(9, 1, 1, '', 'R9', 0, 0, 0)",
    "an unknown state of a link": "UPDATE link SET state = 4 WHERE id = 1",
    "a link of an unknown kind": _LINK + "(9, 77, 1, 'L9', 'R9', 0, 0, 0)",
    "a link with a taken id": _LINK + "(1, 1, 1, 'L9', 'R9', 0, 0, 0)",
    "a link that changes its id": "UPDATE link SET id = 9 WHERE id = 2",
    "a link that changes its kind": "UPDATE link SET kind = kind + 1 WHERE id = 2",
    "a link that disappears": "DELETE FROM link WHERE id = 2",
    "an alias of a live link's key": "UPDATE identity SET alias = 1, link = 2 WHERE key = 'L1'",
    "a second alias of one key": "INSERT INTO identity VALUES (1, 0, 'L-alias', 2, 1)",
    "an alias of a live key": "INSERT INTO identity VALUES (1, 1, 'R1', 2, 1)",
    "an alias to no link": "INSERT INTO identity VALUES (1, 0, 'L-x', 99, 1)",
    "a key whose owner was taken away": "DELETE FROM identity WHERE key = 'L1'",
    "a base of no link": "INSERT INTO base VALUES (99, CAST('b' AS {blob}))",
    "an unknown side": _HINT + "(1, 2, 'k', 'feed', 0, 0, 0)",
    "a second hint for one key": _HINT + "(1, 0, 'L1', 'feed', 0, 0, 0)",
    "a sent intent without a time": "UPDATE intent SET state = 1",
    "an acknowledged intent without a time": "UPDATE intent SET state = 2",
    "an unknown state of an intent": "UPDATE intent SET state = 6",
    "an unknown operation": "UPDATE intent SET op = 3",
    "an update without target": "UPDATE intent SET target = NULL",
    "an intent of no link": _INTENT + f"('t9', 1, 99, 0, 0, NULL, {_BODIES}, '', 0, NULL, NULL, 0, 0)",
    "a second intent with one token": _INTENT + f"('t1', 1, 1, 0, 0, NULL, {_BODIES}, '', 0, NULL, NULL, 0, 0)",
    "a second conflict of one unit": "INSERT INTO conflict (link, unit, kind, reason, since) VALUES (1,'name',1,'',0)",
    "an unknown choice": "UPDATE conflict SET choice = 2",
    "a changed line of the journal": "UPDATE journal SET detail = 'nothing happened'",
    "a changed body in the journal": "UPDATE journal SET body = CAST('other' AS {blob})",
    "a removed line of the journal": "DELETE FROM journal",
    "a second number for one layout": "INSERT INTO layout VALUES (1, 1, '[]'), (1, 2, '[]')",
}


@pytest.mark.parametrize("statement", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_the_database_forbids(statement: str, store: Store, raw: Raw) -> None:
    blob = "BYTEA" if "Postgres" in type(store).__name__ else "BLOB"
    before = _everything(store)
    with pytest.raises(ImpossibleState, match="refused an impossible state"):
        raw(statement.replace("{blob}", blob))
    assert _everything(store) == before


def _everything(store: Store) -> object:
    with store.look() as tx:
        rows = (tx.links_by_id([1, 2, 3, 9]), tx.links_by_key(KIND, LEFT, ["L1", "L-alias"]), tx.journal(), tx.hints())
        return (*rows, tx.conflicts(), tx.open_intents(KIND, "", 10))


def test_a_body_of_the_journal_can_only_be_emptied(store: Store, raw: Raw) -> None:
    assert raw("UPDATE journal SET body = NULL") == 2
    with store.look() as tx:
        assert [row.body for row in tx.journal()] == [None, None]


def test_a_live_key_cannot_become_an_alias(store: Store) -> None:
    with pytest.raises(ImpossibleState), store.begin() as tx:
        tx.add_aliases(KIND, RIGHT, {"R1": 2})


def test_a_closed_link_whose_key_is_an_alias_cannot_be_opened_again(store: Store) -> None:
    with store.begin() as tx:
        tx.add_aliases(KIND, LEFT, {"L3": 1})
    with pytest.raises(ImpossibleState, match="leads to another link"), store.begin() as tx:
        tx.update_links([linked(3)])


def test_a_batch_with_one_impossible_link_stores_none_of_it(store: Store) -> None:
    with pytest.raises(ImpossibleState), store.begin() as tx:
        tx.insert_links([linked(10), linked(11, left="L1"), linked(12)])
    with store.look() as tx:
        assert tx.links_by_id([10, 11, 12]) == {}


def test_a_refused_transaction_cannot_commit_even_when_the_error_is_caught(store: Store) -> None:
    with pytest.raises(ImpossibleState), store.begin() as tx:  # noqa: PT012
        tx.put_hints([hint("lost")])
        with pytest.raises(ImpossibleState):
            tx.insert_links([linked(10), linked(11, left="L1")])
    with store.look() as tx:
        assert [row.key for row in tx.hints()] == ["L1"]
        assert tx.links_by_id([10]) == {}


def test_an_operation_the_protocol_does_not_know_is_refused(store: Store) -> None:
    with pytest.raises(ImpossibleState), store.begin() as tx:
        tx.put_intents([intent("t2", op="replace")])


def test_an_intent_is_not_sent_without_its_time(store: Store) -> None:
    with pytest.raises(ImpossibleState), store.begin() as tx:
        tx.mark_intents(["t1"], IntentState.SENT)


def test_a_merge_and_a_reopening_at_the_same_time_do_not_both_win(store: Store) -> None:
    """The check reads another table: on PostgreSQL only a lock keeps two transactions from missing each other."""
    done: list[str] = []
    both = threading.Barrier(2)

    def merge() -> None:
        both.wait(timeout=20)
        try:
            with store.begin() as tx:
                tx.add_aliases(KIND, LEFT, {"L3": 1})
            done.append("merge")
        except ImpossibleState:
            pass

    def reopen() -> None:
        both.wait(timeout=20)
        try:
            with store.begin() as tx:
                tx.update_links([linked(3, keys=Sides("L3", "R3"))])
            done.append("reopen")
        except ImpossibleState:
            pass

    threads = [threading.Thread(target=merge), threading.Thread(target=reopen)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(done) == 1
