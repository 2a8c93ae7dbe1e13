"""Candidates for the first link: the same promises on both databases."""

from __future__ import annotations

from state_samples import KIND, LEFT, OTHER, RIGHT, candidate

from connector.ports import Store


def test_a_candidate_comes_back_as_it_was_stored(store: Store) -> None:
    row = candidate("L1", b"\x00\x01", b"", b"abcdefgh", partner="R1", own=True)
    with store.begin() as tx:
        tx.put_candidates([row])
        assert tx.candidates_by_key(KIND, LEFT, ["L1", "L2"]) == {"L1": row}
        assert tx.page_candidates(KIND, LEFT, "", 10) == [row]
        assert tx.candidates_by_partner(KIND, LEFT, ["R1", "R2"]) == [row]


def test_candidates_are_found_by_the_print_of_one_rule(store: Store) -> None:
    rows = [candidate("L1", b"a", b"b"), candidate("L2", b"b", b"a"), candidate("L3", b"a", b"c")]
    with store.begin() as tx:
        tx.put_candidates([*rows, candidate("R1", b"a", side=RIGHT), candidate("L4", b"a", kind=OTHER)])
        assert tx.candidates(KIND, LEFT, 0, [b"a"]) == [rows[0], rows[2]]
        assert tx.candidates(KIND, LEFT, 1, [b"a", b"b", b"z"]) == [rows[0], rows[1]]
        assert tx.candidates(KIND, LEFT, 2, [b"a"]) == []


def test_an_empty_print_matches_nothing(store: Store) -> None:
    with store.begin() as tx:
        tx.put_candidates([candidate("L1", b"")])
        assert tx.candidates(KIND, LEFT, 0, [b""]) == []


def test_a_candidate_put_again_is_found_by_its_new_prints_only(store: Store) -> None:
    with store.begin() as tx:
        tx.put_candidates([candidate("L1", b"a", b"b"), candidate("L2", b"a")])
        tx.put_candidates([candidate("L1", b"x"), candidate("L1", b"c", version="v2")])
        assert tx.candidates(KIND, LEFT, 0, [b"a"]) == [candidate("L2", b"a")]
        assert tx.candidates(KIND, LEFT, 0, [b"c", b"x"]) == [candidate("L1", b"c", version="v2")]
        assert tx.candidates(KIND, LEFT, 1, [b"b"]) == []


def test_dropped_candidates_are_found_no_more(store: Store) -> None:
    with store.begin() as tx:
        tx.put_candidates([candidate("L1", b"a"), candidate("L2", b"a")])
        tx.drop_candidates(KIND, LEFT, ["L1", "never"])
        assert [row.key for row in tx.candidates(KIND, LEFT, 0, [b"a"])] == ["L2"]


def test_candidates_are_paged_by_key(store: Store) -> None:
    keys = [f"k{number:03}" for number in range(25)]
    with store.begin() as tx:
        tx.put_candidates([candidate(key, b"p") for key in reversed(keys)])
        seen: list[str] = []
        while page := tx.page_candidates(KIND, LEFT, seen[-1] if seen else "", 10):
            seen += [row.key for row in page]
    assert seen == keys


def test_a_candidate_without_prints_has_none(store: Store) -> None:
    with store.begin() as tx:
        tx.put_candidates([candidate("L1")])
        assert tx.candidates_by_key(KIND, LEFT, ["L1"])["L1"].prints == ()
