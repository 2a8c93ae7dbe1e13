"""First sync and the run after it: what is created, matched and linked, and that nothing follows."""

from __future__ import annotations

from connector.model.values import Side
from connector.testing.world import World, account, customer


def test_the_first_sync_creates_every_record_on_the_other_side(world: World) -> None:
    world.crm.add("companies", account("Acme", phone="1"))
    world.erp.add("customers", customer("Globex", tel="2"))
    report = world.sync()
    assert report.counts["created"] == 2
    assert sorted(row["title"] for row in world.erp.live("customers").values()) == ["Acme", "Globex"]
    assert sorted(row["name"] for row in world.crm.live("companies").values()) == ["Acme", "Globex"]
    assert report.status == "done"


def test_a_second_run_plans_nothing_writes_nothing_and_lists_once_per_side(world: World) -> None:
    for number in range(230):
        world.crm.add("companies", account(f"Acme {number}"))
    for number in range(120):
        world.erp.add("customers", customer(f"Globex {number}"))
    world.sync()
    assert len(world.links()) == 350
    assert world.plan() == []
    before = world.crm.state(), world.erp.state()
    world.crm.calls.clear()
    world.erp.calls.clear()
    report = world.sync()
    assert (world.crm.state(), world.erp.state()) == before
    assert world.crm.calls == {("changes", "companies"): 1}
    assert world.erp.calls == {("changes", "customers"): 1}
    assert report.counts["read"] == 0
    assert world.hints() == []


def test_records_with_an_equal_match_key_on_both_sides_are_linked_not_created(world: World) -> None:
    left = world.crm.add("companies", account("Acme", tax_id="DE 1", phone="1"))
    right = world.erp.add("customers", customer("Acme", vat_number="DE 1", mail="a@b.example"))
    assert [line.action for line in world.plan()] == ["link", "update", "update"]
    world.sync()
    assert world.pairs() == {left: right}
    assert world.crm.get("companies", left)["email"] == "a@b.example"
    assert world.erp.get("customers", right)["tel"] == "1"
    assert len(world.erp.live("customers")) == 1
    assert world.plan() == []


def test_a_match_key_that_fits_two_records_creates_and_links_nothing(world: World) -> None:
    world.crm.add("companies", account("Acme", tax_id="1"))
    world.erp.add("customers", customer("Acme A", vat_number="1"))
    world.erp.add("customers", customer("Acme B", vat_number="1"))
    report = world.sync()
    assert report.status == "partly"
    assert world.links() == []
    assert len(world.crm.live("companies")) == 1
    assert len(world.erp.live("customers")) == 2
    assert sorted(reason for _, _, reason in world.dead()) == ["in match review"] * 3


def test_a_record_that_fits_one_in_review_is_not_created_in_a_later_run(world: World) -> None:
    world.crm.add("companies", account("Acme", tax_id="1"))
    world.erp.add("customers", customer("Acme A", vat_number="1"))
    world.erp.add("customers", customer("Acme B", vat_number="1"))
    world.sync()
    world.erp.add("customers", customer("Acme C", vat_number="1"))
    world.sync()
    assert len(world.crm.live("companies")) == 1


def test_a_lost_store_is_rebuilt_from_the_external_keys_without_a_create_or_conflict(world: World) -> None:
    for number in range(30):
        world.crm.add("companies", account(f"Acme {number}", phone=str(number)))
        world.erp.add("customers", customer(f"Globex {number}"))
    world.sync()
    pairs = world.pairs()
    before = world.crm.state(), world.erp.state()
    world.lose_store()
    report = world.sync()
    assert (world.crm.state(), world.erp.state()) == before
    assert world.pairs() == pairs
    assert report.counts["created"] == report.counts["updated"] == 0
    assert world.conflicts() == []
    assert world.plan() == []


def test_wiped_bases_are_adopted_again_without_a_write_or_conflict(world: World) -> None:
    for number in range(30):
        world.crm.add("companies", account(f"Acme {number}", phone=str(number)))
    world.sync()
    before = world.crm.state(), world.erp.state()
    with world.store.begin() as tx:
        tx.connection.exec_driver_sql("delete from base")  # type: ignore[attr-defined]
        tx.connection.exec_driver_sql("update link set l_print = null, r_print = null")  # type: ignore[attr-defined]
    world.sync(full=True)
    assert (world.crm.state(), world.erp.state()) == before
    assert world.conflicts() == []
    key = next(iter(world.pairs()))
    world.crm.edit("companies", key, phone="new")
    world.sync()
    assert world.erp.get("customers", world.pairs()[key])["tel"] == "new"


def test_a_child_before_its_parent_ends_linked_to_it_in_the_same_run(world: World) -> None:
    child = world.crm.add("companies", account("Child", parent_id="C00002"))
    parent = world.crm.add("companies", account("Parent"))
    assert parent == "C00002"
    world.sync()
    pairs = world.pairs()
    assert world.erp.get("customers", pairs[child])["group_of"] == pairs[parent]
    assert world.plan() == []
    assert world.hints() == []


def test_a_cycle_of_references_ends_linked(world: World) -> None:
    a = world.crm.add("companies", account("A", parent_id="C00002"))
    b = world.crm.add("companies", account("B", parent_id="C00001"))
    world.sync()
    pairs = world.pairs()
    assert world.erp.get("customers", pairs[a])["group_of"] == pairs[b]
    assert world.erp.get("customers", pairs[b])["group_of"] == pairs[a]
    assert world.plan() == []


def test_records_outside_the_filter_are_skipped_and_counted(world: World) -> None:
    world.erp.add("customers", customer("Us", kind="internal"))
    report = world.sync()
    assert report.counts["skipped"] == 1
    assert world.crm.live("companies") == {}


def test_what_a_one_way_sync_does_not_create_is_matched_when_its_partner_turns_up(world: World) -> None:
    world.set("account", creates=frozenset({Side.RIGHT}))
    right = world.erp.add("customers", customer("Acme", vat_number="1"))
    world.sync()
    left = world.crm.add("companies", account("Acme", tax_id="1"))
    world.sync()
    assert world.pairs() == {left: right}
    assert len(world.erp.live("customers")) == 1


def test_a_second_record_that_fits_one_in_review_joins_the_review_on_whichever_side_it_comes(world: World) -> None:
    world.crm.add("companies", account("A", tax_id="1"))
    world.crm.add("companies", account("B", tax_id="1"))
    world.erp.add("customers", customer("C", vat_number="1"))
    world.sync()
    world.crm.add("companies", account("D", tax_id="1"))
    world.sync()
    assert world.links() == []
    assert len(world.dead()) == 4
    assert (len(world.crm.live("companies")), len(world.erp.live("customers"))) == (3, 1)


def test_a_skipped_record_that_is_gone_when_its_partner_comes_is_no_obstacle(world: World) -> None:
    world.set("account", creates=frozenset({Side.RIGHT}))
    right = world.erp.add("customers", customer("Acme", vat_number="1"))
    world.sync()
    world.erp.remove("customers", right)
    world.crm.add("companies", account("Acme", tax_id="1"))
    world.sync()
    assert len(world.links()) == 1
    assert len(world.erp.live("customers")) == 1


def test_a_default_the_target_fills_in_on_create_flows_back_into_the_empty_field(world: World) -> None:
    world.erp.rewrites("customers", lambda body: {**body, "mail": body.get("mail") or "office@default.example"})
    left = world.crm.add("companies", account("Acme"))
    given = world.crm.add("companies", account("Globex", email="own@globex.example"))
    world.sync()
    assert world.crm.get("companies", left)["email"] == "office@default.example"
    assert world.crm.get("companies", given)["email"] == "own@globex.example"
    assert world.plan() == []
