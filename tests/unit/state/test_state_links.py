"""Links, aliases, layouts and tombstones: the same promises on both databases."""

from __future__ import annotations

import pytest
from state_samples import KIND, LEFT, OTHER, RIGHT, half, linked

from connector.model.rows import LinkState
from connector.model.values import Sides
from connector.ports import Store
from connector.state.errors import ImpossibleState


def test_ids_are_never_handed_out_twice(store: Store) -> None:
    with store.begin() as tx:
        first = tx.reserve_ids(3)
        second = tx.reserve_ids(2)
    with store.begin() as tx:
        third = tx.reserve_ids(1)
    assert [*first, *second, *third] == sorted({*first, *second, *third})
    assert (len(first), len(second), len(third)) == (3, 2, 1)


def test_a_link_comes_back_as_it_was_stored(store: Store) -> None:
    row = linked(
        *(7, "L-7", "R-ü7"),
        gen=4,
        seen=Sides("v1", None),
        prints=Sides(b"12345678", None),
        layout=2,
        canon=1,
        base=b"\x00\xff" * 240,
    )
    with store.begin() as tx:
        tx.insert_links([row])
    with store.look() as tx:
        assert tx.links_by_key(KIND, LEFT, ["L-7", "L-8"]) == {"L-7": row}
        assert tx.links_by_key(KIND, RIGHT, ["R-ü7"]) == {"R-ü7": row}
        assert tx.links_by_key(KIND, LEFT, ["R-ü7"]) == {}
        assert tx.links_by_key(OTHER, LEFT, ["L-7"]) == {}
        assert tx.links_by_id([7, 8]) == {7: row}


def test_no_keys_are_no_rows(store: Store) -> None:
    with store.begin() as tx:
        assert tx.links_by_key(KIND, LEFT, []) == {}
        assert tx.links_by_id([]) == {}
        tx.insert_links([])
        tx.update_links([])
        tx.drop_intents([])


def test_one_call_takes_thousands_of_keys(store: Store) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(i) for i in range(1, 1302)])
        found = tx.links_by_key(KIND, RIGHT, [f"R{i}" for i in range(1, 1400)])
    assert {row.id for row in found.values()} == set(range(1, 1302))


def test_an_update_writes_everything_but_id_and_kind(store: Store) -> None:
    changed = linked(1, "L1", "R9", gen=8, prints=Sides(None, b"p"), layout=3, canon=2, base=b"new")
    changed.state = LinkState.HELD
    with store.begin() as tx:
        tx.insert_links([half(1)])
        tx.update_links([changed])
        assert tx.links_by_id([1]) == {1: changed}
        assert tx.links_by_key(KIND, RIGHT, ["R9"]) == {"R9": changed}


def test_an_update_without_base_removes_it(store: Store) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(1), linked(2)])
        tx.update_links([linked(1, base=None), linked(2, base=b"kept")])
        assert [row.base for row in tx.links_by_id([1, 2]).values()] == [None, b"kept"]


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [("v2", "v3", "v3"), ("v3", "v2", "v3"), ("v3", None, "v3"), (None, "v1", "v1"), ("v9", "v10", "v9")],
)
def test_seen_only_grows(store: Store, old: str | None, new: str | None, kept: str) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(1, seen=Sides(old, old))])
        tx.update_links([linked(1, seen=Sides(new, new))])
        assert tx.links_by_id([1])[1].seen == Sides(kept, kept)


def test_versions_compare_by_code_point_whatever_the_locale(store: Store) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(1, seen=Sides("a", "é"))])
        tx.update_links([linked(1, seen=Sides("B", "z"))])
        assert tx.links_by_id([1])[1].seen == Sides("a", "é")


def test_another_key_starts_its_versions_anew(store: Store) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(1, seen=Sides("v9", "v9"))])
        tx.update_links([linked(1, right="R-new", seen=Sides("v9", "v1"))])
        assert tx.links_by_id([1])[1].seen == Sides("v9", "v1")


def test_updating_an_unknown_link_is_refused(store: Store) -> None:
    with pytest.raises(ImpossibleState, match="not in the store"), store.begin() as tx:
        tx.update_links([linked(1)])


def test_an_old_key_is_free_once_the_link_has_another(store: Store) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(1)])
        tx.update_links([linked(1, right="R-new")])
        tx.insert_links([linked(2, right="R1")])
        assert {key: row.id for key, row in tx.links_by_key(KIND, RIGHT, ["R1", "R-new"]).items()} == {
            "R1": 2,
            "R-new": 1,
        }


def test_a_key_that_is_no_text_is_refused(store: Store) -> None:
    with pytest.raises(ImpossibleState, match="not valid text"), store.begin() as tx:
        tx.insert_links([linked(1, left="\ud83d")])


def test_partners_are_of_live_links_only(store: Store) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(1), half(2), linked(3, state=LinkState.CLOSED), linked(4, state=LinkState.HELD)])
        assert tx.partners(KIND, LEFT, ["L1", "L2", "L3", "L4", "L5"]) == {
            "L1": (1, "R1"),
            "L2": (2, None),
            "L4": (4, "R4"),
        }
        assert tx.partners(KIND, RIGHT, ["R1"]) == {"R1": (1, "L1")}


def test_links_are_paged_by_id_and_state(store: Store) -> None:
    states = list(LinkState)
    with store.begin() as tx:
        for id_ in range(1, 41):
            state = states[id_ % 4]
            tx.insert_links([half(id_) if state is LinkState.HALF else linked(id_, state=state)])
        tx.insert_links([linked(99, kind=OTHER)])
        wanted = [LinkState.LINKED, LinkState.HELD]
        seen: list[int] = []
        while page := tx.page_links(KIND, seen[-1] if seen else 0, 7, wanted):
            assert len(page) <= 7
            seen += [row.id for row in page]
        assert seen == [id_ for id_ in range(1, 41) if id_ % 4 in (1, 2)]
        assert tx.page_links(KIND, 0, 5, []) == []


def test_links_are_counted_per_state(store: Store) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(1), linked(2), half(3), linked(9, kind=OTHER)])
        assert tx.count_links(KIND) == {
            LinkState.HALF: 1,
            LinkState.LINKED: 2,
            LinkState.HELD: 0,
            LinkState.CLOSED: 0,
        }


def test_a_merged_key_leads_to_the_link_that_took_it_over(store: Store) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(1), linked(2)])
        tx.update_links([linked(2, state=LinkState.CLOSED)])
        tx.add_aliases(KIND, LEFT, {"L2": 1})
        found = tx.links_by_key(KIND, LEFT, ["L1", "L2"])
        assert found["L1"].id == 1
        assert found["L2"] is found["L1"]
        assert tx.partners(KIND, LEFT, ["L2"]) == {"L2": (1, "R1")}


def test_an_alias_follows_a_second_merge(store: Store) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(1), linked(2)])
        tx.add_aliases(KIND, LEFT, {"L-old": 2})
        tx.update_links([linked(2, state=LinkState.CLOSED)])
        tx.add_aliases(KIND, LEFT, {"L-old": 1, "L2": 1})
        assert {row.id for row in tx.links_by_key(KIND, LEFT, ["L-old", "L2"]).values()} == {1}


def test_a_link_may_take_its_own_alias_as_its_key(store: Store) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(1)])
        tx.add_aliases(KIND, LEFT, {"L-survivor": 1})
        tx.update_links([linked(1, left="L-survivor")])
        tx.add_aliases(KIND, LEFT, {"L1": 1})
        assert {row.id for row in tx.links_by_key(KIND, LEFT, ["L1", "L-survivor"]).values()} == {1}


def test_a_closed_link_can_be_opened_again(store: Store) -> None:
    with store.begin() as tx:
        tx.insert_links([linked(1, state=LinkState.CLOSED)])
        tx.update_links([linked(1, state=LinkState.HELD)])
        assert tx.partners(KIND, LEFT, ["L1"]) == {"L1": (1, "R1")}


def test_a_layout_has_one_number_per_kind(store: Store) -> None:
    with store.begin() as tx:
        assert tx.layout(KIND, ["name", "phone"]) == 1
        assert tx.layout(KIND, ["phone", "name"]) == 2
        assert tx.layout(OTHER, ["phone", "name"]) == 1
    with store.begin() as tx:
        assert tx.layout(KIND, ["name", "phone"]) == 1
        assert tx.layouts(KIND) == {1: ("name", "phone"), 2: ("phone", "name")}
        assert tx.layouts("never/seen/before") == {}


def test_a_known_layout_is_found_without_writing(store: Store) -> None:
    with store.begin() as tx:
        tx.layout(KIND, ["name"])
    with store.look() as tx:
        assert tx.layout(KIND, ["name"]) == 1


def test_tombstones_are_kept_per_kind_and_side_with_their_first_time(store: Store) -> None:
    with store.begin() as tx:
        tx.add_tombstones(KIND, LEFT, ["L1", "L2"], 10.0)
        tx.add_tombstones(KIND, LEFT, ["L2"], 20.0)
        assert tx.tombstones(KIND, LEFT, ["L1", "L2", "L3"]) == {"L1", "L2"}
        assert tx.tombstones(KIND, RIGHT, ["L1"]) == set()
        assert tx.tombstones(OTHER, LEFT, ["L1"]) == set()
        rows = tx.connection.exec_driver_sql("SELECT at FROM tombstone ORDER BY at").all()  # type: ignore[attr-defined]
        assert [at for (at,) in rows] == [10.0, 10.0]
