"""Goes through everything the spool holds and says what would be done: the plan, and the numbers guards look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil

from connector.engine.assess import assess
from connector.engine.effects import Effects
from connector.engine.item import Item, ItemPlan
from connector.engine.items import each_batch
from connector.engine.untold import UNTOLD, delete_policy, is_untold
from connector.engine.work import MADE_UP, SURVIVOR_UNLINKED, Work
from connector.merge.fields import Verb
from connector.merge.records import Status, Step
from connector.model.canonical import encode
from connector.model.entities import FieldType
from connector.model.plan import PlanLine, Summary
from connector.model.values import SIDES, Money, Side, Sides, Value

Sink = Callable[[PlanLine], None]
BATCH = 400
FIRST_ROWS = (11, 12, 13)

_ACTION = {Verb.CONFLICT: "conflict", Verb.HOLD: "hold", Verb.DEFER: "wait", Verb.ADOPT: "adopt"}


@dataclass(slots=True)
class _Count:
    creates: Counter[Side] = field(default_factory=Counter)
    updates: Counter[Side] = field(default_factory=Counter)
    deletes: Counter[Side] = field(default_factory=Counter)
    ended: Counter[Side] = field(default_factory=Counter)
    missing: Counter[Side] = field(default_factory=Counter)
    first: Counter[Side] = field(default_factory=Counter)


def survey(work: Work, sink: Sink | None = None, *, dry: bool = True) -> Effects[Summary]:
    """Decide on everything without doing any of it. sink gets each line as it comes; the summary comes back."""
    summary = Summary(work.spec.name)
    count = _Count()

    def handle(items: list[Item]) -> Effects[None]:
        plans = yield from assess(work, items)
        for plan in plans:
            _tally_ending(work, count, plan)
            counted = changes_of(work, plan)
            for line in lines_of(work, plan):
                summary.count(line.action)
                _tally(count, line)
                if line.action == "update" and line.side is not None and line.side not in counted:
                    count.first[line.side] += 1
                if line.action == "create":
                    _amount(summary, plan)
                if sink is not None:
                    sink(line)

    yield from each_batch(work, BATCH, handle, dry=dry)
    summary.creates = Sides(count.creates[Side.LEFT], count.creates[Side.RIGHT])
    summary.updates = Sides(count.updates[Side.LEFT], count.updates[Side.RIGHT])
    summary.deletes = Sides(count.deletes[Side.LEFT], count.deletes[Side.RIGHT])
    summary.first = Sides(count.first[Side.LEFT], count.first[Side.RIGHT])
    summary.ended = Sides(count.ended[Side.LEFT], count.ended[Side.RIGHT])
    summary.missing = Sides(count.missing[Side.LEFT], count.missing[Side.RIGHT])
    summary.writes = sum(sum(c.values()) for c in (count.creates, count.updates, count.deletes))
    summary.calls = Sides(_calls(work, count, Side.LEFT), _calls(work, count, Side.RIGHT))
    return summary


def _calls(work: Work, count: _Count, side: Side) -> int:
    size = work.spec.systems[side].capabilities.batch_write
    return sum(ceil(counter[side] / size) for counter in (count.creates, count.updates, count.deletes))


def _is_first(work: Work, plan: ItemPlan) -> bool:
    """Whether an update only brings values where the sides never agreed yet: the rest of a create, or a first link.

    After a change of the mapping (another layout) such updates are a mass change like any other.
    """
    link = plan.item.link
    if plan.create is not None or link is None or link.layout != work.layout:
        return False
    return all(unit.decision.row in FIRST_ROWS for unit in plan.units if unit.values)


def _is_follow_up(work: Work, plan: ItemPlan) -> bool:
    """Whether an update only goes on with what this run made: to a record of its own, or a reference that waited."""
    item, fields = plan.item, work.spec.entity.fields
    written = [name for unit in plan.units if unit.values for name in unit.unit.fields]
    waited = not work.released.isdisjoint(zip(SIDES, map(str, item.keys), strict=True))
    own = item.link is not None and work.own_ids <= item.link.id < MADE_UP
    return own or (waited and all(fields[name].type is FieldType.REF for name in written))


def changes_of(work: Work, plan: ItemPlan) -> list[Side]:
    """The sides on which this plan changes a record, as a guard counts it: each record once in a run."""
    link = plan.item.link
    if link is None or plan.create is not None or link.id in work.open_links:
        return []
    if _is_first(work, plan) or _is_follow_up(work, plan):
        return []
    return [side for side in plan.targets() if link.id not in work.changed[side]]


def note_changed(work: Work, plans: Sequence[ItemPlan]) -> None:
    """These are about to be carried out: what comes up later in the run counts together with them."""
    for plan in plans:
        link = plan.item.link
        for side in changes_of(work, plan):
            if link is not None:
                work.changed[side].add(link.id)


def _tally_ending(work: Work, count: _Count, plan: ItemPlan) -> None:
    """What ended and nobody has dealt with yet; what waits for a person already is not news.

    What was held and is not any more (the record that was deleted here shows there what both agreed on again) is.
    """
    row = plan.item.conflicts.get("*")
    target = plan.step.target if plan.step is not None else None
    policy = work.spec.deletes if target is None else delete_policy(work.spec, plan.item, target)
    held = row is not None and (row.choice is not None or plan.step is Step.HOLD or policy == "ask")
    if plan.status is None or plan.step is None or held:
        return
    if plan.step.target is not None:
        count.ended[plan.step.target] += 1
    for side in SIDES:
        count.missing[side] += plan.status[side] is Status.MISSING


def _tally(count: _Count, line: PlanLine) -> None:
    if line.side is None:
        return
    if line.action == "create":
        count.creates[line.side] += 1
    elif line.action in ("delete", "retire"):
        count.deletes[line.side] += 1
    elif line.action == "update":
        count.updates[line.side] += 1


def _amount(summary: Summary, plan: ItemPlan) -> None:
    """The worth of a document to be created: its amount, or its total as the source shows it."""
    for decoded in plan.item.decoded.values():
        amount = plan.values.get("amount", decoded.values.get("total"))
        if isinstance(amount, Money):
            summary.amounts[amount.currency] = summary.amounts.get(amount.currency, Decimal(0)) + amount.amount


def lines_of(work: Work, plan: ItemPlan) -> list[PlanLine]:
    """The lines one item adds to a plan; none for an item that needs nothing."""
    item, spec = plan.item, work.spec
    if item.link is not None and item.link.id in work.open_links:
        return [PlanLine(spec.name, "wait", None, item.keys, reason="an earlier write's outcome is not known yet")]
    if plan.told:
        return []
    if plan.taken:
        return [PlanLine(spec.name, "wait", None, item.keys, reason=plan.reason, label=label(work, item))]
    if plan.create is not None:
        digest = _create_digest(work, item, plan.create)
        fields = tuple(plan.values)
        return [PlanLine(spec.name, "create", plan.create, item.keys, fields, "", "", digest, label(work, item))]
    if item.single is not None:
        return _single_lines(work, plan)
    if plan.step in (Step.KEEP, Step.MERGE):
        return _merge_lines(work, plan)
    return [_ending_line(work, plan)]


def _single_lines(work: Work, plan: ItemPlan) -> list[PlanLine]:
    item = plan.item
    if plan.waits is not None:
        return [PlanLine(work.spec.name, "wait", None, item.keys, reason=plan.reason, label=label(work, item))]
    if plan.refused:
        return [PlanLine(work.spec.name, "refuse", None, item.keys, reason=plan.reason, label=label(work, item))]
    return []


def _merge_lines(work: Work, plan: ItemPlan) -> list[PlanLine]:
    item, name = plan.item, work.spec.name
    shown = label(work, item)
    found = []
    if item.fresh:
        found.append(PlanLine(name, "link", None, item.keys, reason="match", digest="link", label=shown))
    for side in plan.targets():
        units = [unit for unit in plan.units if side in unit.values]
        values = {n: v for unit in units for n, v in unit.values[side].items()}
        rule = "; ".join(dict.fromkeys(f"{u.unit.source} row {u.decision.row}" for u in units))
        digest = digest_of(work, "update", side, values)
        fields = tuple(unit.unit.name for unit in units)
        found.append(PlanLine(name, "update", side, item.keys, fields, rule, "", digest, shown))
    for unit in plan.units:
        action = _ACTION.get(unit.decision.verb)
        if action is not None and action != "adopt":
            rule = f"{unit.unit.source} row {unit.decision.row}"
            reason = unit.reason or unit.waits or "both sides changed"
            found.append(PlanLine(name, action, None, item.keys, (unit.unit.name,), rule, reason, "", shown))
    return found


def _ending_line(work: Work, plan: ItemPlan) -> PlanLine:
    item, spec, step = plan.item, work.spec, plan.step
    assert step is not None
    digest = digest_of(work, step.value, step.target, {})
    if step is Step.MERGED and "*" in item.conflicts:
        rule, waits = "record table: merged", SURVIVOR_UNLINKED
        return PlanLine(spec.name, "wait", None, item.keys, (), rule, waits, "", label(work, item))
    if step.target is None:
        action = {Step.HOLD: "conflict", Step.CLOSE: "close", Step.MERGED: "close", Step.WAIT: "wait"}.get(
            step, "confirm"
        )
        rule = f"record table: {step}"
        return PlanLine(spec.name, action, None, item.keys, (), rule, plan.reason, digest, label(work, item))
    policy = delete_policy(spec, item, step.target)
    why = UNTOLD if is_untold(spec, item, step.target.other) else "deleted"
    action = {"ignore": "close", "archive": "retire", "propagate": "delete", "ask": "conflict"}[policy]
    side = step.target if action in ("retire", "delete") else None
    return PlanLine(spec.name, action, side, item.keys, (), f"deletes: {policy}", why, digest, label(work, item))


def _create_digest(work: Work, item: Item, target: Side) -> str:
    """Of what the source shows of every unit that may travel: a reference linked meanwhile is the same create."""
    shown = item.encodings[target.other]
    units = [unit.name for unit in work.spec.units if unit.flow.allows(target) and unit.name in shown]
    parts = [name.encode() + b"=" + shown[name] for name in units]
    return work.vault.token(b"create", target.encode(), *parts)[:20]


def digest_of(work: Work, action: str, side: Side | None, values: Mapping[str, Value]) -> str:
    """A fingerprint of what would be written; the values cannot be read from it."""
    parts = [f"{name}=".encode() + encode(values[name]) for name in sorted(values)]
    return work.vault.token(action.encode(), str(side).encode(), *parts)[:20]


def label(work: Work, item: Item) -> str:
    """What a person calls the record."""
    for decoded in item.decoded.values():
        words = [str(decoded.values[n]) for n in work.spec.entity.label if decoded.values.get(n)]
        if words:
            return " ".join(words)
    return str(item.keys.left or item.keys.right)
