"""I1-I6: a run leaves nothing to plan, a second one changes nothing, and both sides are settled or say where not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from parts_a import ENTITIES, PROFILES, Arena, Builder, Desk, arenas
from parts_days import journalled, morning, noon, order, rest, rows, run_all, shown, unsettled

from connector.engine.spec import SystemSpec
from connector.mapping.translate import Decoded, Mapping
from connector.merge.fields import Cell, decide
from connector.merge.rules import Drift, Flow, Policy, Unit
from connector.model.values import Side, Value, Values
from connector.testing.tables import BUSY, LOST, Fields


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Builder]:
    with arenas(tmp_path) as builder:
        yield builder


def linked(arena: Arena, start: int = 0, **values: Any) -> tuple[str, str]:
    """One company, first made in system `start`, synced: its keys in the CRM and in the ERP."""
    key = arena.desks()[start].add(name="Acme", **{"phone": "p0", "email": "e0", "notes": "n0", **values})
    arena.sync()
    mate = arena.mates()[key]
    return (key, mate) if start == 0 else (mate, key)


# ------------------------------------------------------------------------------------------------------- I1


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("profile", PROFILES)
def test_i01_after_a_run_nothing_is_left_to_plan(build: Builder, profile: str, swapped: bool) -> None:
    arena = build(PROFILES[profile], swapped=swapped)
    morning(arena)
    for entity in ENTITIES:
        assert arena.plan(entity) == []
    noon(arena)
    rest(arena)


@pytest.mark.parametrize("profile", ["everything", "opaque overlap"])
def test_i01_a_record_held_for_a_person_is_not_planned_again(build: Builder, profile: str) -> None:
    arena = build(PROFILES[profile])
    left, right = linked(arena)
    arena.desks()[0].remove(left)
    arena.desks()[1].edit(right, phone="typed")
    arena.sync()
    assert arena.conflicts() == [("*", "deleted and changed")]
    assert arena.plan() == []


def odd(value: str, salt: str) -> str | None:
    """Some other text, or nothing: no converter would pass for an inverse of it."""
    number = blake2b(f"{salt}{value}".encode(), digest_size=2).digest()
    return (None, "", value[::-1], value.upper(), value[:1], "constant", f"{value}{salt}")[number[0] % 7]


class OddMapping(Mapping):
    """A mapping that no law holds for: each direction changes a text in a way of its own."""

    def __init__(self, plain: Mapping, salt: str) -> None:
        Mapping.__init__(self, plain.spec)
        self.salt = salt

    def decode(self, fields: Any) -> Decoded:
        found = Mapping.decode(self, fields)
        return replace(found, values=_texts(found.values, f"{self.salt}in"))

    def encode(self, values: Values, *, create: bool) -> dict[str, Any]:
        return Mapping.encode(self, _texts(values, f"{self.salt}out"), create=create)

    def image(self, name: str, value: Value, context: Values) -> Value:
        there = _texts({name: value}, f"{self.salt}out")[name]
        return _texts({name: Mapping.image(self, name, there, context)}, f"{self.salt}in")[name]


def _texts(values: Values, salt: str) -> dict[str, Value]:
    return {
        name: odd(value, salt + name) if name in ("phone", "email", "notes") and isinstance(value, str) else value
        for name, value in values.items()
    }


def _oddly(system: SystemSpec, salt: str) -> SystemSpec:
    return replace(system, mapping=OddMapping(system.mapping, salt))


@pytest.mark.parametrize("seed", range(12))
def test_i01_a_run_settles_under_any_mapping_whatever_it_does_to_the_values(build: Builder, seed: int) -> None:
    arena = build(swapped=seed % 2 == 1)
    spec = arena.specs["account"]
    arena.set("account", systems=spec.systems.map(lambda system: _oddly(system, f"{seed}{system.name}")))
    keys = [desk.add(name=f"N{n}", phone=f"p{n}{seed}", notes="n") for n, desk in enumerate(arena.desks() * 2)]
    settled(arena)
    for number, key in enumerate(keys):
        desk = arena.desks()[number % 2]
        desk.edit(key, phone=f"x{number}{seed}", email=f"y{number}")
        arena.desks()[(number + 1) % 2].edit(arena.mates()[key], notes=f"z{number}{seed}")
    settled(arena)


@pytest.mark.parametrize("seed", range(8))
def test_i01_a_run_settles_whatever_the_systems_make_of_what_is_written(build: Builder, seed: int) -> None:
    """Vendors trim, cut, capitalise, fill in: the base is what was shown, so it is no change."""
    arena = build()
    for system, name, fields in (
        (arena.crm, "companies", ("phone", "email")),
        (arena.erp, "customers", ("tel", "mail")),
    ):

        def keeps(body: Fields, salt: str = f"{seed}{name}", fields: tuple[str, ...] = fields) -> Fields:
            return {k: odd(v, salt + k) if k in fields and isinstance(v, str) else v for k, v in body.items()}

        system.rewrites(name, keeps)
    keys = [desk.add(name=f"N{n}", phone=f"p{n}{seed}") for n, desk in enumerate(arena.desks() * 2)]
    settled(arena)
    for number, key in enumerate(keys):
        arena.desks()[number % 2].edit(key, email=f"y{number}{seed}")
    settled(arena)


def settled(arena: Arena) -> None:
    """One run; then nothing to plan, and a second run writes nothing."""
    arena.sync()
    assert arena.plan() == []
    before = arena.crm.state() + arena.erp.state()
    arena.sync()
    assert arena.crm.state() + arena.erp.state() == before
    assert arena.plan() == []


# ------------------------------------------------------------------------------------------------------- I2


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("profile", PROFILES)
def test_i02_a_second_run_writes_nothing_and_changes_no_row_but_cursors(
    build: Builder, profile: str, full: bool
) -> None:
    """Open conflicts, held values, parked records and waiting references are there, too."""
    arena = build(PROFILES[profile])
    morning(arena)
    noon(arena)
    companies, customers = arena.desks()
    companies.edit("C00001", status="prospect")  # has no image
    waiting = companies.add(name="Waiting", parent="C00404")  # a parent that is not there
    arena.erp.reject_where(lambda body: body.get("title") == "Refused")
    companies.add(name="Refused")
    for _ in range(4):
        arena.clock.advance(1000)
        run_all(arena, full=full)
    assert customers.get(arena.mates()[waiting])["parent"] is None
    assert len(arena.conflicts()) >= 2
    assert arena.dead() != []
    before = everything(arena)
    run_all(arena, full=full)
    for old, new in zip(before, everything(arena), strict=True):
        assert old == new


def everything(arena: Arena) -> list[Any]:
    """Both systems, every row of the store by table, and how much was ever sent."""
    sent = len(arena.crm.writes), len(arena.erp.writes)
    return [arena.crm.state(), arena.erp.state(), sent, *sorted(rows(arena).items())]


# -------------------------------------------------------------------------------------------------- I3, I4, I5

BOOLS = (False, True)
UNITS = [
    Unit("f", ("f",), flow, policy, policy, fill_empty=fill, drift=drift)
    for flow, policy, fill, drift in itertools.product(Flow, Policy, BOOLS, Drift)
]


def cells() -> Iterator[Cell]:
    sides = (None, Side.LEFT, Side.RIGHT)
    for base, left, right, agree, empty, other, frozen, merges in itertools.product(BOOLS, repeat=8):
        if base or not (left or right):
            for chosen, newer in itertools.product(sides if frozen else (None,), sides):
                yield Cell(base, left, right, agree, empty, other, frozen, chosen, newer, merges)


CELLS = list(cells())


def mirror(cell: Cell) -> Cell:
    def other(side: Side | None) -> Side | None:
        return side.other if side is not None else None

    return replace(
        cell,
        changed_left=cell.changed_right,
        changed_right=cell.changed_left,
        empty_left=cell.empty_right,
        empty_right=cell.empty_left,
        chosen=other(cell.chosen),
        newer=other(cell.newer),
    )


def test_i03_both_sides_at_their_base_are_left_alone_in_every_cell() -> None:
    found = {
        decide(unit, cell).verb.value
        for unit in UNITS
        for cell in CELLS
        if cell.has_base and not cell.changed_left and not cell.changed_right and not cell.frozen
    }
    assert found == {"keep"}


def test_i04_a_changed_side_is_never_the_target_of_an_unchanged_one_in_every_cell() -> None:
    checked = 0
    for unit, cell in itertools.product(UNITS, CELLS):
        if unit.flow is Flow.BOTH and cell.has_base and not cell.frozen and cell.changed_left != cell.changed_right:
            checked += 1
            assert decide(unit, cell).verb.target is not (Side.LEFT if cell.changed_left else Side.RIGHT)
    assert checked > 1000


def test_i05_deciding_the_mirror_is_the_mirror_of_deciding_in_every_cell() -> None:
    for number, (unit, cell) in enumerate(itertools.product(UNITS, CELLS)):
        if number % 7:  # a seventh of all, of every unit and every cell; the field table's own test takes each
            continue
        turned = replace(unit, flow=unit.flow.mirrored, policy=unit.policy.mirrored, initial=unit.initial.mirrored)
        plain, other = decide(unit, cell), decide(turned, mirror(cell))
        assert other.verb is plain.verb.mirrored
        assert other.closes == plain.closes
        assert other.loser is (plain.loser.other if plain.loser is not None else None)


@pytest.mark.parametrize("policy", list(Policy))
@pytest.mark.parametrize("drift", list(Drift))
def test_i03_a_pair_that_differs_but_is_at_its_base_is_kept_by_a_run(
    build: Builder, policy: Policy, drift: Drift
) -> None:
    """The ERP keeps what it is sent in capitals: both sides differ for ever and nobody writes."""
    arena = build()
    arena.rule("account", phone={"policy": policy, "drift": drift})
    arena.erp.rewrites("customers", lambda body: {**body, "tel": str(body.get("tel")).upper()})
    left, right = linked(arena, phone="abc")
    arena.erp.rewrites("customers", lambda body: body)
    arena.desks()[0].edit(left, email="other")
    arena.desks()[1].edit(right, notes="other")
    arena.sync()
    arena.sync(full=True)
    assert arena.desks()[0].get(left)["phone"] == "abc"
    assert arena.desks()[1].get(right)["phone"] == "ABC"
    assert arena.conflicts() == []
    assert arena.desks()[1].get(right)["email"] == "other"


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("policy", list(Policy))
@pytest.mark.parametrize("value", ["new", None])
def test_i04_an_edit_on_one_side_reaches_the_other_whatever_the_policy(
    build: Builder, start: int, policy: Policy, value: str | None
) -> None:
    arena = build(swapped=policy is Policy.LEFT)
    arena.rule("account", phone={"policy": policy}, billing_address={"policy": policy})
    keys = linked(arena, street="s0", city="c0")
    arena.desks()[start].edit(keys[start], phone=value, street=value)
    arena.sync()
    for number in (0, 1):
        found = arena.desks()[number].get(keys[number])
        assert (found["phone"], found["street"], found["city"]) == (value, value, "c0")


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("policy", [Policy.MANUAL, Policy.LEFT, Policy.RIGHT])
@pytest.mark.parametrize("change", ["quantity", "remove", "add"])
def test_i04_a_changed_line_reaches_the_other_side_whatever_the_policy(
    build: Builder, start: int, policy: Policy, change: str
) -> None:
    arena = build()
    arena.rule("order", lines={"policy": policy})
    morning(arena)
    key = ("D00001", arena.mates("order")["D00001"])[start]
    desk = arena.desks("order")[start]
    drifted(desk, key, change)
    wanted = [(row["text"], row["quantity"]) for row in desk.get(key)["lines"]]
    arena.sync("order")
    for other in arena.desks("order"):
        assert [(row["text"], row["quantity"]) for row in next(iter(other.live().values()))["lines"]] == wanted
    assert unsettled(arena, "order") == []


@pytest.mark.parametrize("profile", PROFILES)
def test_i05_a_sync_with_its_sides_swapped_ends_the_same(build: Builder, profile: str) -> None:
    found = []
    for swapped in (False, True):
        arena = build(PROFILES[profile], swapped=swapped)
        arena.rule("account", email={"policy": Policy.LEFT if not swapped else Policy.RIGHT})
        morning(arena)
        noon(arena)
        arena.desks()[0].edit("C00001", email="eL")
        rest(arena)
        found.append((shown(arena), shown(arena, "order"), sorted(arena.conflicts()), journalled(arena)))
    assert found[0] == found[1]


# ------------------------------------------------------------------------------------------------------- I6


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("fault", ["lost", "busy", "lost read"])
def test_i06_at_rest_each_field_agrees_or_waits_or_is_at_its_base(build: Builder, profile: str, fault: str) -> None:
    arena = build(PROFILES[profile])
    morning(arena)
    noon(arena)
    for system in (arena.crm, arena.erp):
        if fault == "lost read":
            system.fail("read", BUSY, skip=1)
        else:
            system.fail("write", LOST if fault == "lost" else BUSY, after=fault == "lost", times=2)
    for entity in ENTITIES:
        try:
            arena.sync(entity)
        except type(BUSY):
            assert fault == "lost read"
    arena.crm.faults.clear()
    arena.erp.faults.clear()
    rest(arena)


@pytest.mark.parametrize("drift", list(Drift))
@pytest.mark.parametrize("flow", [Flow.L2R, Flow.R2L])
def test_i06_one_way_lines_follow_the_drift_rule_and_are_settled(build: Builder, drift: Drift, flow: Flow) -> None:
    """Row 10 for lines: an edit of the target's list is ignored, restored or reported."""
    for change in ("quantity", "remove", "add"):
        arena = build()
        arena.rule("order", lines={"flow": flow, "drift": drift})
        target = 1 if flow is Flow.L2R else 0
        key = order(arena, 1 - target)[target]
        desk = arena.desks("order")[target]
        drifted(desk, key, change)
        changed = [(row["text"], row["quantity"]) for row in desk.get(key)["lines"]]
        arena.sync("order")
        arena.sync("order")
        after = [(row["text"], row["quantity"]) for row in desk.get(key)["lines"]]
        assert (after == changed) is (drift is not Drift.RESTORE), (change, after)
        assert (("lines", "conflict") in arena.conflicts("order")) is (drift is Drift.REPORT), change
        assert arena.plan("order") == []
        assert unsettled(arena, "order") == [], change


def drifted(desk: Desk, key: str, change: str) -> None:
    if change == "quantity":
        desk.change_line(key, 0, quantity="7")
    elif change == "remove":
        desk.drop_line(key, 0)
    else:
        desk.add_line(key, text="drifted")
