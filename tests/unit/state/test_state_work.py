"""Cursors, hints and intents: the same promises on both databases."""

from __future__ import annotations

import pytest
from state_samples import KIND, LEFT, OTHER, RIGHT, hint, intent, linked

from connector.model.rows import HintRow, IntentState
from connector.ports import Store
from connector.state.errors import ImpossibleState


def test_a_cursor_is_kept_per_kind_side_and_feed(store: Store) -> None:
    with store.begin() as tx:
        assert tx.cursor(KIND, LEFT) is None
        tx.set_cursor(KIND, LEFT, "10")
        tx.set_cursor(KIND, LEFT, "11")
        tx.set_cursor(KIND, LEFT, "sweep", feed="full")
        assert tx.cursor(KIND, LEFT) == "11"
        assert tx.cursor(KIND, LEFT, feed="full") == "sweep"
        assert tx.cursor(KIND, RIGHT) is None
        tx.set_cursor(KIND, LEFT, None)
        assert tx.cursor(KIND, LEFT) is None


def test_due_hints_come_in_order_page_by_page(store: Store) -> None:
    keys = ["b", "a", "Z", "é", "a1"]
    with store.begin() as tx:
        tx.put_hints([hint(key, side) for side in (RIGHT, LEFT) for key in keys])
        tx.put_hints([hint("later", due=100.0), hint("other", kind=OTHER)])
        seen: list[tuple[str, str]] = []
        while page := tx.due_hints(KIND, 50.0, seen[-1] if seen else ("", ""), 3):
            assert len(page) <= 3
            seen += [(row.side.value, row.key) for row in page]
    assert seen == [(side, key) for side in ("left", "right") for key in sorted(keys)]


def test_a_hint_comes_back_as_it_was_stored(store: Store) -> None:
    row = HintRow(KIND, RIGHT, "R1", "v3", "webhook", 2.5, 4, "account/left/L1", 1.5)
    with store.begin() as tx:
        tx.put_hints([row])
        assert tx.hints(KIND) == tx.hints() == tx.due_hints(KIND, 2.5, ("", ""), 10) == [row]
        assert tx.hints(OTHER) == []


def test_putting_a_hint_again_keeps_first_time_and_attempts_when_it_carries_zero(store: Store) -> None:
    with store.begin() as tx:
        tx.put_hints([hint("k", first=5.0, attempts=3, waits="a/left/b")])
        tx.put_hints([hint("k", first=0.0, attempts=0, due=9.0, reason="again")])
        assert tx.hints() == [hint("k", first=5.0, attempts=3, due=9.0, reason="again")]
        tx.put_hints([hint("k", first=7.0, attempts=1)])
        assert tx.hints() == [hint("k", first=7.0, attempts=1)]


def test_a_hint_put_again_for_the_same_reason_is_as_old_as_the_first(store: Store) -> None:
    with store.begin() as tx:
        tx.put_hints([hint("k", first=5.0)])
        tx.put_hints([hint("k", first=7.0, due=9.0)])
        assert tx.hints() == [hint("k", first=5.0, due=9.0)]
        tx.put_hints([hint("k", first=8.0, reason="another")])
        assert tx.hints() == [hint("k", first=8.0, reason="another")]


def test_a_hint_of_no_age_gets_one_when_it_is_put_again(store: Store) -> None:
    with store.begin() as tx:
        tx.put_hints([hint("k", first=0.0)])
        tx.put_hints([hint("k", first=7.0)])
        assert tx.hints() == [hint("k", first=7.0)]


def test_an_announced_version_never_falls(store: Store) -> None:
    with store.begin() as tx:
        tx.put_hints([hint("k", version="v5")])
        tx.put_hints([hint("k", version="v3"), hint("k", version=None)])
        assert tx.hints()[0].version == "v5"
        tx.put_hints([hint("k", version="v6")])
        assert tx.hints()[0].version == "v6"


def test_dropped_hints_are_gone_and_others_stay(store: Store) -> None:
    with store.begin() as tx:
        tx.put_hints([hint("a"), hint("b"), hint("a", RIGHT)])
        tx.drop_hints(KIND, LEFT, ["a", "never"])
        assert [(row.side, row.key) for row in tx.hints()] == [(LEFT, "b"), (RIGHT, "a")]


def test_waiting_hints_are_released_by_what_they_wait_for(store: Store) -> None:
    with store.begin() as tx:
        tx.put_hints([hint("a", waits="account/left/1", due=1e12), hint("b", waits="account/left/2", due=1e12)])
        assert tx.release_hints(["account/left/1", "account/left/3"]) == 1
        assert [row.key for row in tx.due_hints(KIND, 1.0, ("", ""), 10)] == ["a"]
        assert tx.hints()[0].waits is None
        assert tx.release_hints(["account/left/1"]) == 0


def test_an_intent_comes_back_as_it_was_stored(store: Store) -> None:
    row = intent("t1", external="E1", state=IntentState.SENT, first_sent=1.5, sent=2.5, attempts=2)
    with store.begin() as tx:
        tx.insert_links([linked(1)])
        tx.put_intents([row])
        assert tx.open_intents(KIND, "", 10) == [row]


def test_open_intents_are_paged_by_token_and_leave_out_the_settled(store: Store) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(1)])
        for number, state in enumerate(IntentState):
            sent = 1.0 if state in (IntentState.SENT, IntentState.ACKED) else None
            tx.put_intents([intent(f"t{number}", state=state, first_sent=sent, sent=sent)])
        tx.put_intents([intent("other", kind=OTHER)])
        first = tx.open_intents(KIND, "", 2)
        second = tx.open_intents(KIND, first[-1].token, 2)
        assert [row.state for row in (*first, *second)] == [
            IntentState.PLANNED,
            IntentState.SENT,
            IntentState.ACKED,
        ]
        assert tx.open_intents(KIND, second[-1].token, 2) == []


def test_sending_notes_the_times_and_counts_what_was_refused(store: Store) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(1)])
        tx.put_intents([intent("t1"), intent("t2")])
        tx.mark_intents(["t1"], IntentState.SENT, at=10.0)
        tx.mark_intents(["t1"], IntentState.SENT, at=20.0, refused=True)
        sent, planned = tx.open_intents(KIND, "", 10)
        assert (sent.state, sent.first_sent, sent.sent, sent.attempts) == (IntentState.SENT, 10.0, 20.0, 1)
        assert planned == intent("t2")
        tx.mark_intents(["t1", "t2"], IntentState.DEAD)
        assert tx.open_intents(KIND, "", 10) == []


def test_putting_an_intent_again_keeps_when_it_was_first_sent(store: Store) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(1)])
        tx.put_intents([intent("t1", state=IntentState.SENT, first_sent=10.0, sent=10.0)])
        tx.put_intents([intent("t1", state=IntentState.SENT, first_sent=30.0, sent=30.0, body=b"same")])
        (row,) = tx.open_intents(KIND, "", 10)
        assert (row.first_sent, row.sent, row.body) == (10.0, 30.0, b"same")


def test_marking_an_intent_that_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(ImpossibleState, match="not in the store"), store.begin() as tx:
        tx.mark_intents(["t1"], IntentState.SENT, at=1.0)


def test_a_dropped_intent_leaves_nothing(store: Store) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(1)])
        tx.put_intents([intent(f"t{i:04}") for i in range(1100)])
        tx.drop_intents([f"t{i:04}" for i in range(1, 1100)])
        assert [row.token for row in tx.open_intents(KIND, "", 10)] == ["t0000"]


def test_intents_are_counted_per_state(store: Store) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(1)])
        tx.put_intents([intent("t1"), intent("t2"), intent("t3", kind=OTHER)])
        assert tx.count_intents(KIND)[IntentState.PLANNED] == 2
        assert tx.count_intents()[IntentState.PLANNED] == 3
        assert sum(tx.count_intents().values()) == 3
