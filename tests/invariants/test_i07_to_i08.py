"""I7 and I8: no value of a person is overwritten without a trace, and none that was edited away comes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from parts_a import LOOSE, POWERS, PROFILES, Arena, Builder, arenas, line
from parts_days import journalled, morning, noon, rest, shown

from connector.engine.effects import Call, Effect
from connector.merge.rules import Drift, Flow, Policy
from connector.model.values import Side
from connector.testing.tables import LOST
from connector.testing.world import FULL


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


# ------------------------------------------------------------------------------------------------------- I7


def typed_survives(arena: Arena, typed: str, entity: str) -> bool:
    return typed in shown(arena, entity) or typed in " ".join(journalled(arena, entity))


def step_edits(arena: Arena) -> list[tuple[int, str, dict[str, str]]]:
    """What a person may do at any moment: (system, key, values)."""
    mates = arena.mates()
    return [
        (0, "C00001", {"phone": "typed"}),
        (1, mates["C00001"], {"email": "typed"}),
        (1, mates["C00001"], {"phone": "typed"}),
        (0, "C00002", {"phone": "typed", "street": "typed"}),
        (1, mates["C00003"], {"notes": "typed"}),
    ]


@pytest.mark.parametrize(
    ("profile", "policy", "offset"),
    [
        ("everything", Policy.MANUAL, 0),
        ("everything", Policy.LEFT, 1),
        ("opaque overlap", Policy.LEFT, 3),
        ("no delete feed", Policy.RIGHT, 4),
    ],
)
def test_i07_an_edit_between_any_two_steps_of_a_run_is_shown_or_in_the_journal(
    build: Builder, profile: str, policy: Policy, offset: int
) -> None:
    ready = build(POWERS[profile])
    ready.rule("account", phone={"policy": policy}, email={"policy": policy})
    morning(ready)
    noon(ready)
    copy = build.clone(ready)
    copy.sync()
    steps = copy.driver.count
    assert steps >= 8
    edits = step_edits(ready)
    for step in range(1, steps + 1):
        system, key, values = edits[(step + offset) % len(edits)]
        arena = build.clone(ready)
        edit_at(arena, step, system, key, values)
        rest(arena, "account")
        assert typed_survives(arena, "typed", "account"), (step, system, key, values)


def edit_at(arena: Arena, step: int, system: int, key: str, values: dict[str, str]) -> None:
    """One run of the accounts, in which a person edits a record right before that effect."""
    done: list[int] = []

    def act(number: int, _: Effect) -> None:
        if number == step:
            alive = key in arena.desks()[system].live()
            arena.desks()[system if alive else 0].edit(key if alive else "C00001", **values)
            done.append(number)

    arena.act = act
    arena.sync()
    arena.act = None
    assert done == [step]


@pytest.mark.parametrize("profile", ["everything", "unconditional"])
def test_i07_a_line_edited_between_any_two_steps_is_shown_or_in_the_journal(build: Builder, profile: str) -> None:
    """Without conditional writes one gap remains, between the last look and the write: it is left out."""
    ready = build(PROFILES[profile])
    morning(ready)
    deals, orders = ready.desks("order")
    key = ready.mates("order")["D00001"]
    deals.change_line("D00001", 0, quantity="7")
    orders.change_line(key, 1, text="R")
    copy = build.clone(ready)
    copy.sync("order")
    for step in range(1, copy.driver.count + 1):
        system = step % 2
        arena = build.clone(ready)
        looked = False

        def act(number: int, effect: Effect, arena: Arena = arena, step: int = step, system: int = system) -> None:
            nonlocal looked
            writes = isinstance(effect, Call) and effect.method == "write"
            if number == step and not (profile == "unconditional" and (writes or looked)):
                arena.desks("order")[system].add_line(("D00001", key)[system], text="typed")
            looked = (isinstance(effect, Call) and effect.method == "read") or (looked and not writes)

        arena.act = act
        arena.sync("order")
        arena.act = None
        rest(arena, "order")
        for other in arena.desks("order"):
            texts = [row["text"] for row in next(iter(other.live().values()))["lines"]]
            assert "R" in texts, (step, system)
            if profile == "everything":
                assert "typed" in texts, (step, system)


@pytest.mark.parametrize(("size", "width"), [(1, 1), (2, 1), (1, 2), (2, 2), (50, 2)])
def test_i07_without_conditional_writes_the_gap_is_the_time_of_one_call(build: Builder, size: int, width: int) -> None:
    """However many calls a run makes. Calls of one moment are made one after the other here, so each has its step."""
    ready = build(replace(LOOSE, batch_write=size, concurrency=width))
    keys = [ready.desks()[0].add(name=f"N{number}", phone="p0") for number in range(6)]
    ready.sync()
    for key in keys:
        ready.desks()[0].edit(key, phone=f"new {key}")
    copy = build.clone(ready)
    copy.sync()
    waves = ceil(ceil(6 / size) / width)
    assert copy.driver.trace.count(f"{copy.side(1)} read") == 1 + waves  # the ERP's records, then each wave of them
    lost = []
    for step in range(1, copy.driver.count + 1):
        arena = build.clone(ready)
        edit_at(arena, step, 1, ready.mates()[keys[-1]], {"phone": "typed"})
        rest(arena, "account")
        if not typed_survives(arena, "typed", "account"):
            lost.append(step)
    assert 1 <= len(lost) <= 1 + min(width, ceil(6 / size))  # the commit that notes the write, and the calls


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize(
    "rule",
    [
        {"policy": Policy.LEFT},
        {"policy": Policy.RIGHT},
        {"policy": Policy.NEWEST},
        {"flow": Flow.L2R},
        {"flow": Flow.R2L},
        {"flow": Flow.L2R, "drift": Drift.REPORT},
    ],
)
def test_i07_a_write_over_a_persons_value_leaves_that_value_in_the_journal(
    build: Builder, rule: dict[str, Any], start: int
) -> None:
    arena = build(swapped=start == 1)
    arena.rule("account", phone=rule, billing_address=rule)
    keys = linked(arena, street="s0", city="c0")
    arena.desks()[start].edit(keys[start], phone="first", street="first street")
    arena.clock.advance(3600)
    arena.desks()[1 - start].edit(keys[1 - start], phone="second", city="second city")
    arena.sync()
    for typed in ("first", "first street", "second", "second city"):
        assert typed in shown(arena) | journalled(arena), (typed, arena.conflicts())
    assert arena.plan() == []


@pytest.mark.parametrize("initial", [Policy.LEFT, Policy.RIGHT, Policy.MANUAL])
def test_i07_the_value_that_loses_at_first_link_is_in_the_journal(build: Builder, initial: Policy) -> None:
    arena = build()
    arena.rule("account", phone={"initial": initial}, billing_address={"initial": initial})
    arena.desks()[0].add(name="Acme", tax_id="T", phone="of the CRM", street="crm street")
    arena.desks()[1].add(name="Acme", tax_id="T", phone="of the ERP", street="erp street")
    arena.sync()
    for typed in ("of the CRM", "of the ERP", "crm street", "erp street"):
        assert typed in shown(arena) | journalled(arena)


@pytest.mark.parametrize("policy", [Policy.LEFT, Policy.RIGHT])
@pytest.mark.parametrize("change", ["both edit", "edit and remove", "remove and edit"])
def test_i07_lines_that_lose_to_a_policy_are_in_the_journal(build: Builder, policy: Policy, change: str) -> None:
    arena = build()
    arena.rule("order", lines={"policy": policy})
    morning(arena)
    deals, orders = arena.desks("order")
    key = arena.mates("order")["D00001"]
    if change == "remove and edit":
        deals.drop_line("D00001", 0)
    else:
        deals.change_line("D00001", 0, text="typed in the CRM")
    if change == "edit and remove":
        orders.drop_line(key, 0)
    else:
        orders.change_line(key, 0, text="typed in the ERP")
    arena.sync("order")
    kept = " ".join(shown(arena, "order") | journalled(arena, "order", "overwritten"))
    assert change == "remove and edit" or "typed in the CRM" in kept
    assert change == "edit and remove" or "typed in the ERP" in kept
    assert arena.plan("order") == []


# ------------------------------------------------------------------------------------------------------- I8


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("profile", PROFILES)
def test_i08_a_value_that_was_edited_away_never_comes_back(build: Builder, profile: str, start: int) -> None:
    """Each later edit is made in the presence of the earlier; answers are lost and copies lag on the way."""
    arena = build(PROFILES[profile], swapped=start == 1)
    keys = linked(arena)
    for turn in range(4):
        number = (start + turn) % 2
        arena.desks()[number].edit(keys[number], phone=f"edit {turn}")
        system = (arena.erp, arena.crm)[number]
        system.fail("write", LOST, after=turn % 2 == 0)
        arena.sync()
        arena.desks()[number].edit(keys[number], email=f"mail {turn}")
        arena.sync()
        rest(arena, "account")
        for other in (0, 1):
            assert arena.desks()[other].get(keys[other])["phone"] == f"edit {turn}"
            assert arena.desks()[other].get(keys[other])["email"] == f"mail {turn}"
    assert arena.conflicts() == []


@pytest.mark.parametrize("system", [0, 1])
def test_i08_a_copy_that_lags_behind_does_not_bring_the_old_value_back(build: Builder, system: int) -> None:
    arena = build(replace(FULL, deletes="none"))
    keys = linked(arena)
    desk = arena.desks()[system]
    name = desk.object
    old = desk.system.read(name, [keys[system]])[keys[system]]
    desk.edit(keys[system], phone="later")
    desk.system.stale[keys[system]] = old
    arena.desks()[1 - system].edit(keys[1 - system], email="other")
    arena.sync()
    arena.clock.advance(1000)
    rest(arena, "account")
    for number in (0, 1):
        assert arena.desks()[number].get(keys[number])["phone"] == "later"
        assert arena.desks()[number].get(keys[number])["email"] == "other"


@pytest.mark.parametrize("drift", [Drift.RESTORE, Drift.IGNORE])
def test_i08_a_restored_one_way_value_leaves_the_later_edit_in_the_journal(build: Builder, drift: Drift) -> None:
    arena = build()
    arena.rule("account", phone={"flow": Flow.L2R, "drift": drift})
    _, right = linked(arena)
    arena.desks()[1].edit(right, phone="later")
    arena.sync()
    assert "later" in shown(arena) | journalled(arena, "account", "overwritten")
    assert (arena.desks()[1].get(right)["phone"] == "p0") is (drift is Drift.RESTORE)


def test_i08_without_conditional_writes_an_edit_before_the_last_look_is_kept(build: Builder) -> None:
    arena = build(LOOSE)
    left, right = linked(arena)
    arena.desks()[0].edit(left, phone="L")
    edited: list[int] = []

    def act(number: int, effect: Effect) -> None:
        reads = isinstance(effect, Call) and effect.method == "read" and effect.side is Side.RIGHT
        if reads and not edited and len(arena.look("open_intents", arena.specs["account"].kind, "", 9)) == 1:
            edited.append(number)
            arena.desks()[1].edit(right, phone="R")

    arena.act = act
    arena.sync()
    arena.act = None
    assert edited
    rest(arena, "account")
    assert arena.desks()[1].get(right)["phone"] == "R"
    assert arena.conflicts() == [("phone", "conflict")]


def test_i08_lines_edited_in_turns_end_as_they_were_typed_last(build: Builder) -> None:
    arena = build()
    morning(arena)
    keys = ("D00001", arena.mates("order")["D00001"])
    for turn in range(4):
        desk = arena.desks("order")[turn % 2]
        desk.change_line(keys[turn % 2], 0, text=f"turn {turn}")
        desk.edit(keys[turn % 2], lines=[*desk.get(keys[turn % 2])["lines"], line(f"added {turn}")])
        arena.sync("order")
        for number in (0, 1):
            texts = [row["text"] for row in arena.desks("order")[number].get(keys[number])["lines"]]
            assert texts == [f"turn {turn}", "two", *(f"added {n}" for n in range(turn + 1))]
