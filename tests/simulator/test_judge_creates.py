"""The judge of creates, links and rest (I1, I9, I10, I44): a history it must flag beside one it must not."""

from __future__ import annotations

import pytest
from judge_world import GUARDED, NOTHING, Court, company, opened, report

from connector.errors import ConnectorError, UncertainError
from connector.model.plan import PlanLine
from connector.model.records import Op, Write
from connector.model.rows import CandidateRow, DeadRow, HintRow, IntentRow, IntentState, LinkState
from connector.model.values import Side, maybe
from connector.testing.simulator.judge_rest import RestRules
from connector.testing.simulator.judge_rows import read_rows
from connector.testing.simulator.systems import Trick, TrickySystem
from connector.testing.world import World, account, customer

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE, DELETE = Op.CREATE, Op.UPDATE, Op.DELETE


# ------------------------------------------------------------------------------------------------ I9, I10, I44


def test_i9_a_record_is_created_twice(court: Court) -> None:
    company(court)
    court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
    assert "I9" in court.rules(rest=True)


def test_i9_a_link_is_rooted_in_our_own_creation(court: Court) -> None:
    company(court)
    court.write(LEFT, "account", CREATE, name="Acme", currency="EUR", state="customer")
    assert "I9" in court.rules()


def test_i9_people_may_add_the_same_twice(court: Court) -> None:
    company(court)
    second = court.world.crm.add("companies", account("Acme"))
    image = court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
    court.link("account", second, image)
    assert court.rules(rest=True) == set()


@pytest.mark.parametrize("known", [True, False])
def test_i9_a_record_that_was_there_to_be_linked_is_not_created(court: Court, known: bool) -> None:
    left = court.world.crm.add("companies", account("Acme", tax_id="T1"))
    right = court.world.erp.add("customers", customer("Acme", vat_number="T1"))
    court.read(LEFT, "account", left)
    if known:
        court.read(RIGHT, "account", right)
    court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False, vat_number="T1")
    assert court.rules() == ({"I9"} if known else set())


@pytest.mark.parametrize(
    ("shown", "ended", "known"),
    [
        (("it",), "done", True),
        (("it",), "failed", False),
        (("it", "kept"), "failed", True),
        (("before", "it"), "failed", True),
        (("it",), "plan", False),
        (("before", "it"), "plan", True),
        (("it", "after"), "failed", True),
    ],
)
def test_i9_what_was_shown_to_a_run_that_failed_or_to_a_plan_is_known_only_where_it_was_put_away(
    court: Court, shown: tuple[str, ...], ended: str, known: bool
) -> None:
    court.world.crm.add("companies", account("Acme", tax_id="T1"))
    right = court.world.erp.add("customers", customer("Acme", vat_number="T1"))
    if "before" in shown:
        court.read(RIGHT, "account", right)
        court.judge.run_ended(report())
    court.read(RIGHT, "account", right)
    if "kept" in shown:
        with court.world.store.begin() as tx:
            tx.put_candidates([CandidateRow(court.world.specs["account"].kind, RIGHT, right, "1", (b"1" * 8,))])
    if ended == "plan":
        court.judge.plan_ended()
    else:
        court.judge.run_ended(report() if ended == "done" else ConnectorError("it failed"))
    if "after" in shown:
        court.read(RIGHT, "account", right)
    court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False, vat_number="T1")
    assert court.rules() == ({"I9"} if known else set())


@pytest.mark.parametrize(("again", "tax_id", "limit"), [(True, None, True), (False, None, False), (True, "T1", False)])
def test_i9_where_nothing_tells_a_record_from_another_a_create_sent_again_is_a_known_limit(
    again: bool, tax_id: str | None, limit: bool
) -> None:
    with opened(NOTHING) as court:
        court.world.crm.add("companies", account("Acme", tax_id=tax_id))
        for token, lost in (("t", again), ("t" if again else "u", False)):
            shown = {"title": "Acme", "cur": "EUR", "blocked": False, "vat_number": tax_id}
            court.write(RIGHT, "account", CREATE, None, token, lost=lost, **shown)
        assert court.rules() == (set() if limit else {"I9"})
        assert bool(court.judge.verdicts.limits) is limit


def test_i9_a_natural_key_that_two_records_share_tells_nothing() -> None:
    with opened(NOTHING) as court:
        for name in ("Acme", "Globex"):
            court.world.crm.add("companies", account(name, tax_id="T1"))
            shown = {"title": name, "cur": "EUR", "blocked": False, "vat_number": "T1"}
            court.write(RIGHT, "account", CREATE, None, name, lost=True, **shown)
        court.write(RIGHT, "account", CREATE, None, "Acme", title="Acme", cur="EUR", blocked=False, vat_number="T1")
        assert court.rules() == set()


@pytest.mark.parametrize(
    ("profile", "lost", "limit"), [(NOTHING, True, True), (NOTHING, False, False), ("cu--", True, False)]
)
@pytest.mark.parametrize(("deleted", "rule"), [(False, "I9"), (True, "I15")])
def test_i9_the_image_of_a_record_whose_create_had_no_answer_is_a_limit_where_its_system_gives_nothing_away(
    profile: str, lost: bool, limit: bool, deleted: bool, rule: str
) -> None:
    """Deleted: by a person, and nobody can know that the one that stands is no other."""
    with opened(profile) as court:
        typed = court.world.erp.add("customers", customer("Acme", vat_number=None))
        if lost:
            court.trick(LEFT, Trick("write", "some-lost", number=255))
        write = Write(CREATE, None, b'{"name": "Acme", "currency": "EUR", "state": "customer"}', None, "t")
        court.world.crm.write("companies", [write])
        if deleted:
            court.world.erp.remove("customers", typed)
        court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
        assert (rule in court.rules()) is not limit


@pytest.mark.parametrize("lost", [True, False])
def test_i9_a_record_created_again_because_the_store_was_lost_may_meet_the_one_that_is_restored(lost: bool) -> None:
    with opened() as court:
        left = court.world.crm.add("companies", account("Acme"))
        right = court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
        if not lost:
            court.link("account", left, right)
        court.world.erp.remove("customers", right)
        court.judge.store_replaced()
        again = court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
        court.world.erp.restore("customers", right)
        found = {finding.rule for finding in court.sentences()}
        assert ("I9" in found) is not lost, (left, again)


@pytest.mark.parametrize("when", ["before", "shown", "unseen", "known"])
def test_i9_an_image_that_comes_back_after_the_look_is_made_again_as_if_it_had_ended(when: str) -> None:
    with opened() as court:
        left = court.world.crm.add("companies", account("Acme"))
        right = court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
        if when == "known":
            court.link("account", left, right)
        court.world.erp.remove("customers", right)
        court.judge.store_replaced()
        if when == "before":
            court.world.erp.restore("customers", right)
        court.world.erp.changes("customers", None)
        if when != "before":
            court.world.erp.restore("customers", right)
        if when == "shown":
            court.read(RIGHT, "account", right)
        court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
        assert court.rules() == {"before": {"I9"}, "shown": {"I9"}, "unseen": set(), "known": {"I15"}}[when]


def test_i9_a_process_that_wakes_up_late_and_sends_again_is_a_known_limit_without_a_unique_key() -> None:
    """Late: after `settle`, which in `c--s` is longer than any process sleeps."""
    for profile, broken in (("skewed", set()), ("c--s", {"I9"}), ("cu--", {"I9"})):
        with opened(profile) as court:
            court.world.crm.add("companies", account("Acme"))
            for process in ("first", "second"):
                court.judge.process = process
                court.write(RIGHT, "account", CREATE, None, "t", title="Acme", cur="EUR", blocked=False)
            assert court.rules() == broken


@pytest.mark.parametrize(
    ("profile", "sight", "limit"),
    [("c--s", "hidden", True), ("c--s", "back", False), ("c--s", "shown", False), ("cu--", "hidden", False)],
)
def test_i9_a_create_sent_again_because_nobody_found_what_it_had_made_is_a_known_limit_without_a_unique_key(
    profile: str, sight: str, limit: bool
) -> None:
    """Back: in sight again for the run that sends it again; that an earlier one did not see it excuses nothing."""
    with opened(profile) as court:
        court.world.crm.add("companies", account("Acme"))
        shown = {"title": "Acme", "cur": "EUR", "blocked": False, "crm_ref": "C1"}
        made = court.write(RIGHT, "account", CREATE, None, "t", lost=True, **shown)
        court.world.clock.advance(4000)
        system = court.system(RIGHT)
        assert isinstance(system, TrickySystem)
        if sight != "shown":
            system.hidden[made] = court.world.clock.now() + 1
        system.find("customers", "crm_ref", ["C1"])
        if sight == "back":
            court.rules()
            court.world.clock.advance(2)
            system.find("customers", "crm_ref", ["C1"])
        court.write(RIGHT, "account", CREATE, None, "t", **shown)
        assert ("I9" in court.rules()) is not limit


@pytest.mark.parametrize(
    ("answered", "known", "limit"), [(False, False, True), (False, True, False), (True, False, False)]
)
def test_i9_a_create_without_an_answer_is_sent_again_beside_what_people_typed_where_that_cannot_be_linked(
    answered: bool, known: bool, limit: bool
) -> None:
    """What it made the first time is deleted meanwhile."""
    with opened("cu--") as court:
        left = court.world.crm.add("companies", account("Acme", tax_id="T1"))
        typed = court.world.erp.add("customers", customer("Acme", vat_number="T1"))
        if known:
            court.read(RIGHT, "account", typed)
        shown = {"title": "Acme", "cur": "EUR", "blocked": False, "vat_number": "T1"}
        made = court.write(RIGHT, "account", CREATE, None, "t", lost=not answered, **shown)
        if answered:
            court.link("account", left, made)
        court.world.erp.remove("customers", made)
        court.write(RIGHT, "account", CREATE, None, "t", **shown)
        again = {finding.what for finding in court.judge.verdicts.found if "twice" in finding.what}
        assert (not again, bool(court.judge.verdicts.limits)) == (limit, limit)


@pytest.mark.parametrize("lost", [True, False])
def test_i9_what_merges_made_one_is_not_made_again_unless_the_store_lost_what_told_of_it(
    court: Court, lost: bool
) -> None:
    second = court.world.erp.add("customers", customer("Globex"))
    other = court.write(LEFT, "account", CREATE, name="Globex", currency="EUR", state="customer")
    court.link("account", other, second)
    first = court.world.crm.add("companies", account("Acme"))
    image = court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
    if not lost:
        court.link("account", first, image)
    court.world.crm.merge("companies", other, first)
    court.world.erp.merge("customers", image, second)
    court.judge.store_replaced()
    court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
    assert court.rules() == (set() if lost else {"I9"})


@pytest.mark.parametrize("known", [True, False])
def test_i9_what_a_lost_create_made_is_not_known_by_what_it_was_merged_into_across_a_cross(known: bool) -> None:
    """Its key leads to the link of what it was merged into; the image there was merged into what it was made of."""
    with opened(NOTHING) as court:
        first = court.world.crm.add("companies", account("Acme"))
        image = court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
        survivor = court.link("account", first, image)
        second = court.world.erp.add("customers", customer("Globex"))
        other = court.write(LEFT, "account", CREATE, lost=True, name="Globex", currency="EUR", state="customer")
        if known:
            court.link("account", other, second)
            court.rules()
        court.world.crm.merge("companies", other, first)
        court.world.erp.merge("customers", image, second)
        if not known:
            with court.world.store.begin() as tx:
                tx.add_aliases(court.world.specs["account"].kind, LEFT, {other: survivor})
        court.write(LEFT, "account", CREATE, name="Globex", currency="EUR", state="customer")
        assert court.rules() == ({"I9"} if known else set())
        assert bool(court.judge.verdicts.limits) is not known


def test_i10_two_records_of_different_things_are_linked(court: Court) -> None:
    left = court.world.crm.add("companies", account("Acme"))
    right = court.world.erp.add("customers", customer("Globex"))
    court.link("account", left, right)
    assert court.rules(rest=True) == {"I10"}


def test_i10_a_record_is_in_two_links(court: Court) -> None:
    """The store forbids it; the judge does not take its word for it."""
    left, right = company(court)
    rows = read_rows(court.world, "account")
    judge = court.judge
    RestRules(judge.ledger, judge.verdicts, judge.writes, "account", rows).judge()
    assert judge.verdicts.found == []
    rows.aliases.append((LEFT, left, 1))
    RestRules(judge.ledger, judge.verdicts, judge.writes, "account", rows).judge()
    assert {finding.rule for finding in judge.verdicts.found} == {"I10"}, right


def test_i44_a_record_that_is_not_linked_needs_a_row(court: Court) -> None:
    key = court.world.crm.add("companies", account("Acme"))
    assert court.rules(rest=True) == {"I44"}
    assert key == "C00001"


@pytest.mark.parametrize("row", ["dead", "hint"])
def test_i44_a_dead_letter_or_a_hint_says_why(court: Court, row: str) -> None:
    key = court.world.crm.add("companies", account("Acme"))
    kind, now = court.world.specs["account"].kind, court.world.clock.now()
    with court.world.store.begin() as tx:
        if row == "dead":
            tx.put_dead([DeadRow(kind, LEFT, key, "create", "refused", "refused", now, 1)])
        else:
            tx.put_hints([HintRow(kind, LEFT, key, None, "waits", now + 900, 0, f"{kind}/left/C9", 1.0)])
    assert court.rules(rest=True) == set()


@pytest.mark.parametrize("dead", [True, False])
def test_i44_a_dead_letter_counts_beside_a_wait_that_is_over(court: Court, dead: bool) -> None:
    buyer, _ = company(court, "Buyer")
    key = court.world.crm.add("companies", account("Acme"))
    kind, now = court.world.specs["account"].kind, court.world.clock.now()
    with court.world.store.begin() as tx:
        tx.put_hints([HintRow(kind, LEFT, key, None, "waits", now + 900, 0, f"{kind}/left/{buyer}", 1.0)])
        if dead:
            tx.put_dead([DeadRow(kind, LEFT, key, "create", "refused", "refused", now, 1)])
    assert court.rules(rest=True) == (set() if dead else {"I44"})


@pytest.mark.parametrize(("profile", "found"), [(NOTHING, set()), (GUARDED, {"I44"})])
@pytest.mark.parametrize("row", ["dead", "hint"])
def test_i44_of_a_create_that_nothing_leads_to_the_row_of_its_source_says_enough(
    profile: str, found: set[str], row: str
) -> None:
    with opened(profile) as court:
        left = court.world.crm.add("companies", account("Acme"))
        court.read(LEFT, "account", left)
        court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False, lost=True)
        number = court.link("account", left, None, LinkState.HALF)
        with court.world.store.begin() as tx:
            kind, now = court.world.specs["account"].kind, court.world.clock.now()
            if row == "dead":
                tx.put_dead([DeadRow(kind, LEFT, left, "create", "unknown", "uncertain", now, 1, link=number)])
            else:
                tx.put_hints([HintRow(kind, LEFT, left, None, "waits", now + 900, 0, f"{kind}/left/C9", 1.0)])
        assert court.rules(rest=True) == found


def test_i44_what_waits_has_an_age(court: Court) -> None:
    key = court.world.crm.add("companies", account("Acme"))
    with court.world.store.begin() as tx:
        later = court.world.clock.now() + 500
        tx.put_dead([DeadRow(court.world.specs["account"].kind, LEFT, key, "create", "refused", "x", later, 1)])
    assert court.rules(rest=True) == {"I44"}


def test_i1_an_open_write_at_rest(court: Court) -> None:
    left, right = company(court)
    with court.world.store.begin() as tx:
        kind = court.world.specs["account"].kind
        tx.put_intents(
            [IntentRow("k", kind, 1, RIGHT, "update", right, left, b"", b"", "phone", None, IntentState.SENT, 1.0, 1.0)]
        )
    assert court.rules(rest=True) == {"I1"}


@pytest.mark.parametrize(
    ("profile", "others", "limit"), [("no-delete-feed", 0, True), ("no-delete-feed", 1, False), (GUARDED, 0, False)]
)
def test_i1_a_plan_may_confirm_for_ever_only_what_nobody_can_confirm_as_deleted(
    monkeypatch: pytest.MonkeyPatch, profile: str, others: int, limit: bool
) -> None:
    with opened(profile) as court:
        pairs = [company(court, f"N{number}") for number in range(1 + others)]
        court.world.crm.remove("companies", pairs[0][0])
        line = PlanLine("accounts", "confirm", None, maybe(*pairs[0]))
        monkeypatch.setattr(World, "plan", lambda world, entity: [line] if entity == "account" else [])
        monkeypatch.setattr(World, "sync", lambda world, entity, **options: report())
        found = {finding.rule for finding in court.judge.at_rest()}
        assert ("I1" in found) is not limit
        assert {finding.rule for finding in court.judge.verdicts.limits} == ({"I16"} if limit else set())


def test_i1_and_i2_a_plan_at_rest_that_still_wants_to_write(court: Court) -> None:
    court.world.crm.add("companies", account("Acme"))
    assert {"I1", "I2"} <= {finding.rule for finding in court.judge.at_rest()}


@pytest.mark.parametrize("typed_over", [True, False])
def test_i9_a_create_without_an_answer_is_found_by_its_natural_key_until_somebody_types_over_it(
    typed_over: bool,
) -> None:
    with opened("c---") as court:
        court.world.crm.add("companies", account("Acme", tax_id="T1"))
        shown = {"title": "Acme", "cur": "EUR", "blocked": False, "vat_number": "T1"}
        court.trick(RIGHT, Trick("write", "lost-after"))
        with pytest.raises(UncertainError):
            court.write(RIGHT, "account", CREATE, None, "t", **shown)
        (made,) = court.world.erp.live("customers")
        court.world.erp.edit("customers", made, vat_number="T2" if typed_over else "T1")
        court.write(RIGHT, "account", CREATE, None, "t", **shown)
        assert court.rules() == (set() if typed_over else {"I9"})
