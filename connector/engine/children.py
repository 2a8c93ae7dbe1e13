"""Deletes that would leave other records without what they refer to: such a record waits for a person instead."""

from __future__ import annotations

from collections.abc import Sequence

from connector.engine.effects import Effects, call
from connector.engine.item import ItemPlan
from connector.engine.untold import chosen_policy, delete_policy
from connector.engine.work import Work
from connector.merge.records import Step
from connector.model.records import Key, Record
from connector.model.values import SIDES, Side

CHILDREN = "deleted, and other records there still refer to it"


def hold_parents(work: Work, plans: Sequence[ItemPlan]) -> Effects[None]:
    """Turn deletes of records that others require into holds. Asks the target, once per kind of child and batch."""
    if not work.spec.children:
        return
    for side in SIDES:
        ending = {key: plan for plan in plans if _deletes(work, plan, side) and (key := plan.item.keys[side])}
        for key in (yield from _parents(work, side, list(ending))) if ending else ():
            plan = ending[key]
            plan.step, plan.reason = Step.HOLD, CHILDREN
            row = plan.item.conflicts.get("*")
            plan.told = row is not None and row.reason == CHILDREN and row.choice is None


def _deletes(work: Work, plan: ItemPlan, side: Side) -> bool:
    if plan.step is None or plan.step.target is not side:
        return False
    row, policy = plan.item.conflicts.get("*"), delete_policy(work.spec, plan.item, side)
    if policy == "ask" and row is not None and row.choice is side.other:
        policy = chosen_policy(work.spec)
    return policy == "propagate"


def _parents(work: Work, side: Side, keys: Sequence[Key]) -> Effects[set[Key]]:
    """Those of the keys that a living record of another kind refers to."""
    found: set[Key] = set()
    size = work.spec.systems[side].capabilities.batch_read
    for child in work.spec.children:
        field = child.fields[side]
        if field is None:
            continue
        for start in range(0, len(keys), size):
            records: Sequence[Record] = yield from call(
                side, "find", child.objects[side], field, keys[start : start + size]
            )
            found.update(str(record.fields[field]) for record in records if record.fields)
    return found & set(keys)
