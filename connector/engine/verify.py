"""Reads both sides fully, compares every field of every link, and proves the money. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from connector.engine.assess import Assessor, decode_items, lookups
from connector.engine.effects import Call, Effects, Tell, look
from connector.engine.item import Item, Partners, UnlinkedError
from connector.engine.shape import Shape
from connector.engine.spec import SyncSpec
from connector.engine.work import Work
from connector.errors import NoImageError
from connector.merge.documents import header_problem
from connector.merge.rules import Drift, Flow
from connector.model.entities import FieldType
from connector.model.records import Key, Page, Record
from connector.model.rows import LinkRow, LinkState
from connector.model.values import SIDES, Line, Money, Side, Sides, Value, Values, maybe, only
from connector.ports import Spool, Tx, Vault

BATCH = 400


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same on both sides. kind: field, missing, back, unlinked, money, conflict, held."""

    sync: str
    kind: str
    keys: Sides[Key | None]
    name: str = ""
    shown: Sides[str | None] = field(default_factory=lambda: Sides(None, None))
    reason: str = ""


@dataclass(slots=True)
class VerifyReport:
    """names: the two systems'. records, lines: per side. fields: name -> (same, different).

    sums: per side, figure and currency.
    """

    sync: str
    entity: str
    names: Sides[str]
    records: dict[Side, int] = field(default_factory=lambda: {Side.LEFT: 0, Side.RIGHT: 0})
    lines: dict[Side, int] = field(default_factory=lambda: {Side.LEFT: 0, Side.RIGHT: 0})
    linked: int = 0
    fields: dict[str, list[int]] = field(default_factory=dict)
    sums: dict[Side, dict[tuple[str, str], Decimal]] = field(default_factory=lambda: {Side.LEFT: {}, Side.RIGHT: {}})
    differences: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def clean(self) -> bool:
        return not self.differences


Sink = Callable[[Difference], None]


def verify(spec: SyncSpec, vault: Vault, spool: Spool, sink: Sink) -> Effects[VerifyReport]:
    """Every difference goes to `sink` as it is found; the report counts them. Memory stays flat."""
    work = Work(spec, Shape(spec, vault), vault, spool, "verify", 0.0, dry=True)
    spool.clear()
    report = VerifyReport(spec.name, spec.entity.name, spec.names)
    for side in SIDES:
        yield from _scan(work, side, report, sink)
    checker = _Checker(work, report, sink)
    after = 0
    while linked := spool.linked(after, BATCH):
        after = linked[-1][0]
        links: dict[int, LinkRow] = yield from look(_by_id([number for number, _ in linked]))
        items = [
            Item(links[number], both.map(lambda pair: pair[1] if pair else None), links[number].keys)
            for number, both in linked
        ]
        refs = decode_items(work, items)
        partners, conflicts = yield from look(lambda tx, refs=refs, links=links: lookups(tx, work, refs, list(links)))  # type: ignore[misc]
        frozen = {(row.link, row.unit) for row in conflicts}
        for item in items:
            checker.check(item, partners, frozen)
    for side in SIDES:
        _unlinked(work, side, report, sink)
    yield from _absent(work, report, sink)
    checker.compare_sums()
    return report


def _by_id(ids: Sequence[int]) -> Callable[[Tx], dict[int, LinkRow]]:
    return lambda tx: tx.links_by_id(ids)


def _scan(work: Work, side: Side, report: VerifyReport, sink: Sink) -> Effects[None]:
    """List one side into the spool: records with a link, and those without."""
    cursor: str | None = None
    while True:
        (page,) = yield [Call(side, "scan", (work.spec.systems[side].object, cursor))]
        if isinstance(page, Exception):
            raise page
        assert isinstance(page, Page)
        keys = [record.key for record in page.records]
        links: Mapping[Key, LinkRow] = yield from look(
            lambda tx, keys=keys: tx.links_by_key(work.spec.kind, side, keys)  # type: ignore[misc]
        )
        _sort_in(work, side, page.records, links, report)
        yield from _back(work, side, links, report, sink)
        yield Tell("verify", sum(report.records.values()))
        cursor = page.cursor
        if not page.more:
            return


def _sort_in(
    work: Work, side: Side, records: Sequence[Record], links: Mapping[Key, LinkRow], report: VerifyReport
) -> None:
    linked: list[tuple[int, Record | None, Key]] = []
    unlinked: list[tuple[Record, bool, Key | None]] = []
    for record in records:
        link = links.get(record.key)
        if link is None:
            if not work.decode(side, record).in_scope:
                report.skipped["filtered"] += 1
                continue
            unlinked.append((record, False, None))
        elif link.state is LinkState.CLOSED or link.keys[side] != record.key:
            report.skipped["closed"] += 1
            continue
        else:
            linked.append((link.id, record, record.key))
        report.records[side] += 1
    work.spool.add_linked(side, linked)
    work.spool.note_listed(side, [number for number, _, _ in linked])
    work.spool.add_unlinked(side, unlinked)


def _back(work: Work, side: Side, links: Mapping[Key, LinkRow], report: VerifyReport, sink: Sink) -> Effects[None]:
    """What has ended and is listed all the same. A record that a person decided to leave alone has its print."""
    over = [
        key
        for key, link in links.items()
        if link.state is LinkState.CLOSED and link.keys[side] == key and link.prints[side] is None
    ]
    if not over:
        return
    ended: set[Key] = yield from look(lambda tx: tx.tombstones(work.spec.kind, side, over))
    for key in sorted(ended):
        report.differences["back"] += 1
        reason = f"deleted, but still or again in {work.spec.names[side]}"
        sink(Difference(work.spec.name, "back", links[key].keys, reason=reason))


def _unlinked(work: Work, side: Side, report: VerifyReport, sink: Sink) -> None:
    """Records without a link, where this sync should have made one."""
    after = 0
    wanted = side.other in work.spec.creates or (
        work.spec.entity.projects and any(unit.flow.allows(side.other) for unit in work.spec.units)
    )
    while found := work.spool.singles(side, after, BATCH):
        after = found[-1].seq
        for single in found:
            if not wanted:
                report.records[side] -= 1
                report.skipped["not in this direction"] += 1
                continue
            report.differences["unlinked"] += 1
            keys = only(side, single.record.key)
            sink(Difference(work.spec.name, "unlinked", keys, reason=f"only in {work.spec.names[side]}"))


def _absent(work: Work, report: VerifyReport, sink: Sink) -> Effects[None]:
    """Links of which a side was not listed."""
    after = 0
    while True:
        rows: list[LinkRow] = yield from look(_links_after(work.spec.kind, after))
        if not rows:
            return
        after = rows[-1].id
        for side in SIDES:
            missing = work.spool.unlisted(side, [row.id for row in rows])
            for row in rows:
                if row.id in missing:
                    report.differences["missing"] += 1
                    half = row.state is LinkState.HALF and row.keys[side] is None
                    reason = f"{'not made in' if half else 'linked, but not in'} {work.spec.names[side]}"
                    sink(Difference(work.spec.name, "missing", row.keys, reason=reason))


def _links_after(kind: str, after: int) -> Callable[[Tx], list[LinkRow]]:
    return lambda tx: tx.page_links(kind, after, 500, [LinkState.LINKED, LinkState.HALF])


class _Checker:
    """Compares items and adds up the money."""

    def __init__(self, work: Work, report: VerifyReport, sink: Sink) -> None:
        self.work = work
        self.report = report
        self.sink = sink
        both = work.spec.systems.map(lambda system: system.mapping.readable)
        units = {name: unit for unit in work.spec.units for name in unit.fields}
        self.names = [
            name
            for name, entity_field in work.spec.entity.fields.items()
            if name in both.left and name in both.right and (name in units or entity_field.computed)
        ]
        self.flows = {name: unit.flow for name, unit in units.items()}
        self.ignored = {
            name for name, unit in units.items() if unit.flow is not Flow.BOTH and unit.drift is Drift.IGNORE
        }

    def check(self, item: Item, partners: Partners, frozen: set[tuple[int, str]]) -> None:
        for side, decoded in item.decoded.items():
            self._add_up(item, side, decoded.values)
        if len(item.decoded) < 2:
            return
        self.report.linked += 1
        assert item.link is not None
        assessor = Assessor(self.work, item, partners)
        for name in self.names:
            unit = next((u.name for u in self.work.spec.units if name in u.fields), name)
            self._field(assessor, item, name, waits=(item.link.id, unit) in frozen or (item.link.id, "*") in frozen)

    def _field(self, assessor: Assessor, item: Item, name: str, *, waits: bool) -> None:
        left, right = (item.decoded[side] for side in SIDES)
        counts = self.report.fields.setdefault(name, [0, 0])
        held = left.held.get(name) or right.held.get(name)
        if held is None:
            if name not in left.values or name not in right.values:
                return
            same, held = self._same(assessor, name, left.values[name], right.values[name])
            if same:
                counts[0] += 1
                return
        if name in self.ignored and not held:
            self.report.skipped["drift ignored"] += 1
            return
        counts[1] += 1
        kind = "held" if held else "conflict" if waits else "field"
        self.report.differences[kind] += 1
        shown = maybe(_show(left.values.get(name)), _show(right.values.get(name)))
        reason = held or ("waits for a person" if waits else "differs")
        self.sink(Difference(self.work.spec.name, kind, item.keys, name, shown, reason))

    def _same(self, assessor: Assessor, name: str, left: Value, right: Value) -> tuple[bool, str | None]:
        """Whether both show the same; else why a value that is to travel cannot be carried across, if it cannot."""
        if name == "lines":
            return assessor.same_lines(left, right), None
        if assessor.same_reference(left, right):
            return True, None
        held = None
        for target, value, shown in ((Side.RIGHT, left, right), (Side.LEFT, right, left)):
            try:
                moved = assessor.carry(target.other, name, value)
                if assessor.same(target, {name: moved}, {name: shown}):
                    return True, None
            except UnlinkedError:
                continue
            except NoImageError as error:
                held = str(error) if self._travels(name, target) else held
        return False, held

    def _travels(self, name: str, target: Side) -> bool:
        """Whether the field is ever written there: what is not is not held, it only differs."""
        return name in self.flows and self.flows[name].allows(target)

    def _add_up(self, item: Item, side: Side, values: Values) -> None:
        """Sums per currency; and that header = lines + freight + tax, where a document shows them."""
        sums = self.report.sums[side]
        for name, entity_field in self.work.spec.entity.fields.items():
            value = values.get(name)
            if entity_field.type is FieldType.MONEY and isinstance(value, Money):
                figure = (name, value.currency)
                sums[figure] = sums.get(figure, Decimal(0)) + value.amount
        lines = values.get("lines")
        if not isinstance(lines, tuple):
            return
        rows = [line for line in lines if isinstance(line, Line)]
        self.report.lines[side] += len(rows)
        problem = header_problem(values)
        if problem is not None:
            self.report.differences["money"] += 1
            self.sink(
                Difference(
                    self.work.spec.name, "money", item.keys, "total", reason=f"{self.work.spec.names[side]}: {problem}"
                )
            )

    def compare_sums(self) -> None:
        """Both sides' sums must be equal to the cent for every figure both show."""
        left, right = (self.report.sums[side] for side in SIDES)
        both = {name for name, _ in left} & {name for name, _ in right} & set(self.names)
        for figure in sorted(set(left) | set(right)):
            if figure[0] in both and left.get(figure, Decimal(0)) != right.get(figure, Decimal(0)):
                self.report.differences["money"] += 1
                shown = maybe(str(left.get(figure, 0)), str(right.get(figure, 0)))
                none: Sides[Key | None] = maybe(None, None)
                reason = f"sum of {figure[0]} in {figure[1]} differs"
                self.sink(Difference(self.work.spec.name, "money", none, figure[0], shown, reason))


def _show(value: Value) -> str | None:
    if value is None:
        return None
    if isinstance(value, tuple) and not isinstance(value, (Money,)) and value and isinstance(value[0], Line):
        return f"{len(value)} lines"
    return str(value)


@dataclass(frozen=True, slots=True)
class Owed:
    """What one side's documents and its balances say is open, by currency."""

    name: str
    documents: dict[str, Decimal]
    balances: dict[str, Decimal]

    @property
    def foreign(self) -> str | None:
        """What is open in another currency than the one that all balances are in, which a ledger turns into its own."""
        others = [f"{amount} {code}" for code, amount in self.documents.items() if amount and code not in self.balances]
        return ", ".join(sorted(others)) if others and len(self.balances) == 1 else None


def owed(reports: Sequence[VerifyReport]) -> list[Owed]:
    """For each side, where invoices, payments and balances were verified together."""
    by_entity = {report.entity: report for report in reports}
    if not {"invoice", "payment", "balance"} <= by_entity.keys():
        return []
    found = []
    for side in SIDES:
        invoices, payments, balances = (
            {currency: amount for (name, currency), amount in by_entity[entity].sums[side].items() if name == figure}
            for entity, figure in (("invoice", "total"), ("payment", "amount"), ("balance", "open"))
        )
        codes = sorted(set(invoices) | set(payments) | set(balances))
        documents = {code: invoices.get(code, Decimal(0)) - payments.get(code, Decimal(0)) for code in codes}
        found.append(Owed(by_entity["balance"].names[side], documents, balances))
    return found


def balance_problems(reports: Sequence[VerifyReport]) -> list[str]:
    """Open balance = invoices - payments, per side and currency, where the two can be compared."""
    return [
        f"{side.name}: invoices less payments make {amount} {code}, balances say {side.balances.get(code, 0)}"
        for side in owed(reports)
        if side.foreign is None
        for code, amount in side.documents.items()
        if amount != side.balances.get(code, Decimal(0))
    ]


def not_compared(reports: Sequence[VerifyReport]) -> list[str]:
    """Why the balances of a side could not be compared with its documents."""
    return [
        f"{side.name}: {side.foreign} is open, and balances are kept in {next(iter(side.balances))}: not compared"
        for side in owed(reports)
        if side.foreign is not None
    ]
