"""I36, I37: what a plan counts is what a run then writes, also under a new mapping; and a plan touches nothing."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from parts_b import PROFILES, SYNCS, UNITS, End, Stepper, Worlds, ends, in_step, stored, try_sync

from connector.engine.effects import Call, Commit
from connector.engine.sync import plan
from connector.errors import ConnectorError, DeniedError, Halted
from connector.mapping.translate import load_mapping
from connector.merge.rules import Policy, Unit
from connector.model.plan import PlanLine
from connector.model.records import Op
from connector.model.rows import HintRow
from connector.model.values import SIDES, Side, Sides
from connector.state.spool import FileSpool
from connector.testing.driver import Crash
from connector.testing.tables import LOST
from connector.testing.world import CRM_ACCOUNT, ERP_ACCOUNT, World

LINE = {"product": None, "description": "one", "quantity": "1", "unit_price": "2.50"}
WRITES = {"create": Op.CREATE, "update": Op.UPDATE, "retire": Op.UPDATE, "delete": Op.DELETE}
Tally = Counter[tuple[Side, Op]]


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Worlds]:
    with Worlds(tmp_path) as made:
        yield made


def planned(world: World, entity: str = "account", *, full: bool = False) -> Tally:
    """What a plan says would be written, by side and sort."""
    lines: list[PlanLine] = world.plan(entity, full=full)
    return Counter((line.side, WRITES[line.action]) for line in lines if line.side is not None)


def written(world: World, entity: str = "account", *, full: bool = False) -> Tally:
    """What a run really writes."""
    counts: Tally = Counter()
    before = {side: len(ends(world)[side].system.writes) for side in SIDES}
    world.sync(entity, full=full)
    for side in SIDES:
        for write in ends(world)[side].system.writes[before[side] :]:
            counts[side, write.op] += 1
    return counts


# ------------------------------------------------------------------------------------------------------ I36


def remapped(world: World, left: str = CRM_ACCOUNT, right: str = ERP_ACCOUNT, *units: str) -> None:
    """The same sync under other mappings. units: fields that are new in it."""
    spec = world.specs["account"]
    texts = Sides(left, right)
    for side in SIDES:
        system = spec.systems[side]
        mapping = load_mapping(texts[side], f"{system.name}/account.yaml")
        spec = replace(spec, systems=spec.systems.with_(side, replace(system, mapping=mapping)))
    world.specs["account"] = replace(spec, units=(*spec.units, *(Unit(name, (name,)) for name in units)))


def other_converter(world: World) -> None:
    """The right side's phone now goes through another field of the right side."""
    remapped(world, right=ERP_ACCOUNT.replace("phone: tel", "phone: tel2"))


def other_choices(world: World) -> None:
    """What was one status becomes two: the right side reads it another way round."""
    remapped(world, right=ERP_ACCOUNT.replace("{active: false, inactive: true}", "{active: true, inactive: false}"))


def new_field(world: World) -> None:
    """Both mappings read one field more."""
    remapped(world, CRM_ACCOUNT + "  website: web\n", ERP_ACCOUNT + "  website: homepage\n", "website")


def crossed_fields(world: World) -> None:
    """Notes and e-mail of one side change places."""
    crossed = ERP_ACCOUNT.replace("email: mail", "email: X").replace("notes: remarks", "notes: mail")
    remapped(world, right=crossed.replace("email: X", "email: remarks"))


def shorter(world: World) -> None:
    """Longer names have no image any more."""
    remapped(world, right=ERP_ACCOUNT.replace("max_length: 60", "max_length: 5"))


MAPS: dict[str, Callable[[World], None]] = {
    "another field": other_converter,
    "other choices": other_choices,
    "a new field": new_field,
    "fields crossed": crossed_fields,
    "a shorter field": shorter,
}
POLICIES: list[Policy | None] = [None, Policy.LEFT, Policy.RIGHT, Policy.MANUAL]


def settled_world(worlds: Worlds, profile: str) -> World:
    world = worlds.new(PROFILES[profile])
    for end in ends(world):
        end.add(f"{end.side} one", phone="1", email="e", notes="n")
        end.add(f"{end.side} two", phone="2")
        end.add(f"{end.side} long name", notes="n")
    world.settle()
    names = ends(world).left.accounts()
    ends(world).left.system.edit("companies", names["left one"], state="former")
    for end in ends(world):  # what a new field will find: equal, different, on one side only, nothing
        for key in end.accounts().values():
            end.show(end.object, key, **({"web": None} if end.side is Side.LEFT else {"homepage": None, "tel2": None}))
        web = "web" if end.side is Side.LEFT else "homepage"
        end.show(end.object, end.accounts()["left one"], **{web: "same"})
        end.show(end.object, end.accounts()["left two"], **{web: str(end.side)})
    ends(world).left.show("companies", names["right one"], web="left only")
    ends(world).right.show("customers", ends(world).right.accounts()["right one"], tel2="other")
    world.settle()
    return world


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("policy", POLICIES)
def test_i36_a_new_mapping_writes_exactly_what_its_plan_counts(
    worlds: Worlds, name: str, policy: Policy | None
) -> None:
    begin = settled_world(worlds, "everything")
    begin.set("account", on_remap=policy)
    MAPS[name](begin)
    wanted = planned(begin, full=True)
    again = planned(begin, full=True)
    assert wanted == again
    if policy in (Policy.LEFT, Policy.RIGHT) and name != "a shorter field":
        assert wanted.total() > 0, "a mapping that asks for nothing proves nothing"
    before = {key: (end.side, end.get(key)) for end in ends(begin) for key in end.accounts().values()}
    assert written(begin, full=True) == wanted
    assert planned(begin, full=True) == Counter(), "one run brings everything the new mapping asks for"
    assert written(begin, full=True) == Counter()
    for side, row in before.values():
        assert row["name"] in ends(begin)[side].accounts()
    unchanged_or_noted(begin, before, CROSSED if name == "fields crossed" else {})


CROSSED = {"email": "notes", "notes": "email"}


def unchanged_or_noted(world: World, before: dict[str, tuple[Side, dict[str, object]]], right: dict[str, str]) -> None:
    """A value that is there no more is in the journal: as what its field showed before a write.

    right: what units are called now whose place on the right side has changed.
    """
    noted: dict[tuple[Side | None, str | None], set[tuple[str, str]]] = {}
    for row in world.look("journal", world.specs["account"].kind, None, None, 1000):
        if row.body is not None:
            values = msgspec.json.decode(world.vault.open(row.body, b"journal"), type=dict[str, str])
            noted.setdefault((row.side, row.key), set()).update(values.items())
    for key, (side, row) in before.items():
        now = ends(world)[side].get(key)
        names = right if side is Side.RIGHT else {}
        lost = [unit for unit in UNITS if row[unit] != now[unit] and row[unit] not in (None, "")]
        changed = {(names.get(unit, unit), str(row[unit])) for unit in lost}
        assert changed <= noted.get((side, key), set()), key


@pytest.mark.parametrize("policy", [Policy.LEFT, Policy.RIGHT])
@pytest.mark.parametrize("name", ["another field", "a new field"])
def test_i36_on_remap_says_which_side_stands_where_a_new_mapping_shows_different_values(
    worlds: Worlds, name: str, policy: Policy
) -> None:
    world = settled_world(worlds, "everything")
    world.set("account", on_remap=policy)
    MAPS[name](world)
    world.sync(full=True)
    left, right = world.crm.live("companies"), world.erp.live("customers")
    fields = ("phone", "tel2") if name == "another field" else ("web", "homepage")
    for one, other in world.pairs().items():
        shown = (left[one].get(fields[0]) or None, right[other].get(fields[1]) or None)
        assert shown[0] == shown[1], shown
    two = next(row for row in left.values() if row["name"] == ("right one" if name == "another field" else "left two"))
    expected = {
        "another field": {Policy.LEFT: "1", Policy.RIGHT: "other"},
        "a new field": {Policy.LEFT: "left", Policy.RIGHT: "right"},
    }
    assert two[fields[0]] == expected[name][policy]
    assert world.conflicts() == []


@pytest.mark.parametrize("name", ["another field", "a new field", "fields crossed"])
def test_i36_without_a_policy_a_new_mapping_overwrites_nothing_that_differs(worlds: Worlds, name: str) -> None:
    world = settled_world(worlds, "everything")
    MAPS[name](world)
    before = {end.side: end.system.live(end.object) for end in ends(world)}
    world.settle()
    for end in ends(world):
        for key, row in end.system.live(end.object).items():
            lost = {f: v for f, v in before[end.side][key].items() if v not in (None, "") and row[f] != v}
            assert lost == {}, (end.side, key)


def test_i36_what_a_run_of_another_mapping_let_go_is_looked_at_when_the_mapping_is_as_before(worlds: Worlds) -> None:
    world = settled_world(worlds, "everything")
    units, key = world.specs["account"].units, ends(world).left.accounts()["left two"]
    world.crm.edit("companies", key, phone="left")
    world.erp.edit("customers", world.pairs()[key], tel="right")
    world.settle()
    assert [unit for unit, _ in world.conflicts()] == ["phone"]
    world.set("account", units=tuple(unit for unit in units if unit.name != "phone"))
    ends(world).left.add("one that is denied")
    world.erp.fail("write", DeniedError("not now"))
    with pytest.raises(DeniedError):
        world.sync()
    assert world.conflicts() == [], "the other mapping has no such field"
    world.set("account", units=units)
    world.settle()
    assert [unit for unit, _ in world.conflicts()] == ["phone"]


@pytest.mark.parametrize("side", SIDES)
def test_i36_a_remap_that_would_rewrite_too_many_records_is_halted_before_the_first_write(
    worlds: Worlds, side: Side
) -> None:
    world = worlds.new(PROFILES["everything"])
    end = ends(world)[side]
    for number in range(60):
        end.add(f"N{number}", phone=f"{number}", notes="n")
    world.settle()
    world.set("account", on_remap=Policy.LEFT if side is Side.LEFT else Policy.RIGHT)
    text = ERP_ACCOUNT.replace("phone: tel", "phone: tel2") if side is Side.LEFT else ERP_ACCOUNT
    left = CRM_ACCOUNT if side is Side.LEFT else CRM_ACCOUNT.replace("phone: phone", "phone: phone2")
    remapped(world, left, text)
    for one in ends(world):
        for key in one.accounts().values():
            other = "tel2" if one.side is Side.RIGHT else "phone2"
            if one.side is side.other:
                one.show(one.object, key, **{other: "was something else"})
    wanted = planned(world, full=True)
    assert wanted == {(side.other, Op.UPDATE): 60}
    before = world.crm.state() + world.erp.state()
    with pytest.raises(Halted) as halted:
        world.sync(full=True)
    assert halted.value.guard == "updates"
    assert world.crm.state() + world.erp.state() == before
    world.sync(full=True, allow=frozenset({"updates"}))
    assert planned(world, full=True) == Counter()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("seed", range(2))
def test_i36_what_a_plan_counts_is_what_the_run_writes_on_any_day(worlds: Worlds, profile: str, seed: int) -> None:
    world = worlds.new(PROFILES[profile])
    chance = random.Random(f"{profile} {seed}")
    for end in ends(world):
        for number in range(3):
            end.add(f"{end.side} {number}", phone="0", email="0", notes="0")
    world.settle()
    for day in range(3):
        for _ in range(6):
            people(world, chance, day)
        world.clock.advance(1000)
        full = chance.random() < 0.3
        wanted = planned(world, full=full)
        assert written(world, full=full) == wanted, (profile, seed, day)


def _linked(end: End) -> set[str]:
    pairs = end.world.pairs()
    return set(pairs) if end.side is Side.LEFT else set(pairs.values())


def people(world: World, chance: random.Random, day: int) -> None:
    end = ends(world)[chance.choice(SIDES)]
    key = chance.choice(sorted(end.accounts().values()))
    match chance.randrange(8):
        case 0:
            end.add(f"new {day} {chance.random()}", phone="x")
        case 1 if len(end.accounts()) > 3:
            end.remove(key)
        case 2 | 3:
            end.edit(key, phone=f"{chance.random()}")
        case 4:
            end.edit(key, notes=f"{day}", email=f"{day}")
        case 5:
            # A record that is linked already: one that is created in this very run is named by a second write.
            end.edit(key, parent=chance.choice(sorted(set(end.accounts().values()) & _linked(end))))
        case _:
            end.edit(key, email=f"{chance.random()}")


# ------------------------------------------------------------------------------------------------------ I37


def troubled(world: World) -> None:
    """A store with everything in it: open writes, hints, dead letters, conflicts, missing records, news, merges."""
    left, right = ends(world)
    for end in ends(world):
        for number in range(4):
            end.add(f"{end.side} {number}", phone="0", email="0")
    order = left.add_order("O", left.accounts()["left 0"], [LINE])
    world.settle(*SYNCS)
    names = left.accounts()
    left.edit(names["left 1"], phone="L")
    right.edit(right.accounts()["left 1"], phone="R")
    world.sync()
    world.erp.reject_where(lambda fields: fields.get("title") == "refused")
    left.add("refused")
    world.sync()
    world.erp.fail("write", LOST, after=True, times=2)
    left.add("unclear")
    left.edit(names["left 2"], email="unclear")
    try_sync(world)
    left.add("child", parent=left.add("late parent"))
    left.remove(names["left 3"])
    right.remove(right.accounts()["right 0"])
    world.crm.merge("companies", left.accounts()["right 1"], left.accounts()["right 2"])
    left.edit_lines(order, [{**left.lines(order)[0], "quantity": "9"}])
    right.edit(right.accounts()["right 3"], notes="news")
    kind = world.specs["account"].kind
    with world.store.begin() as tx:
        tx.put_hints([HintRow(kind, Side.LEFT, names["left 0"], "9" * 12, "webhook", world.clock.now())])
        tx.put_hints([HintRow(kind, Side.RIGHT, "K99999", None, "webhook", world.clock.now())])


@pytest.mark.parametrize(("profile", "full"), [(name, n % 2 == 0) for n, name in enumerate(PROFILES)])
def test_i37_a_plan_writes_to_neither_system_and_changes_no_row_of_the_store(
    worlds: Worlds, profile: str, full: bool
) -> None:
    world = worlds.new(PROFILES[profile])
    troubled(world)
    world.clock.advance(1000)
    before = stored(world), world.crm.state(), world.erp.state(), len(world.crm.writes), len(world.erp.writes)
    for entity in SYNCS:
        first = world.plan(entity, full=full)
        assert first or entity == "product"
        assert world.plan(entity, full=full) == first, "the second look sees the same"
    after = stored(world), world.crm.state(), world.erp.state(), len(world.crm.writes), len(world.erp.writes)
    assert after[1:] == before[1:]
    for table, rows in before[0].items():
        assert after[0][table] == rows, table


def test_i37_a_plan_yields_no_commit_and_no_write_whatever_fails_in_it(worlds: Worlds) -> None:
    world = worlds.new()
    troubled(world)
    for method in ("changes", "read", "scan"):
        for skip in range(3):
            for error in (LOST, ConnectorError("no")):
                world.crm.fail(method, error, skip=skip)
                seen: list[Call | Commit] = []
                with suppress(ConnectorError):
                    _plan_stepped(world, seen)
                world.crm.faults.clear()
                assert not [effect for effect in seen if isinstance(effect, Commit) or effect.method == "write"]


def _plan_stepped(world: World, seen: list[Call | Commit]) -> None:
    spool = FileSpool(world.folder)
    run = Stepper(world, plan(world.specs["account"], world.vault, spool, lambda line: None, full=True))
    try:
        while run.coming is not None:
            seen.append(run.coming)
            run.step()
        if run.error is not None:
            raise run.error
    finally:
        spool.close()


@pytest.mark.parametrize("side", SIDES)
def test_i37_a_plan_between_two_runs_or_after_a_crash_changes_nothing_of_the_end(worlds: Worlds, side: Side) -> None:
    begin = worlds.new()
    troubled(begin)
    begin.clock.advance(1000)
    steps = worlds.copy(begin)
    steps.sync()
    for crash in range(1, steps.driver.count, 6):
        found = []
        for look in (False, True):
            world = worlds.copy(begin)
            world.crm.reject, world.erp.reject = begin.crm.reject, begin.erp.reject
            with pytest.raises(Crash):
                world.sync(crash=crash)
            world.clock.advance(1000)
            if look:
                world.plan(full=True)
            for _ in range(3):
                world.sync()
                world.clock.advance(1000)
            left, right = ends(world)
            records = left.system.live(left.object), right.system.live(right.object)
            found.append((records, world.conflicts(), world.dead()))
            worlds.done(world)
        assert found[0] == found[1], crash


def test_i37_an_empty_store_is_planned_without_a_row(worlds: Worlds) -> None:
    world = worlds.new()
    for end in ends(world):
        end.add("both", tax_id="T1")
        end.add(f"only {end.side}")
    before = stored(world)
    assert planned(world) == {(Side.LEFT, Op.CREATE): 1, (Side.RIGHT, Op.CREATE): 1}
    assert stored(world) == before
    world.settle()
    in_step(world)
