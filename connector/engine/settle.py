"""Settlement: what a write leaves in the base once the target has shown the result. Holds prints and ids, no values.

It is fixed before the write is sent and stored with the intent: a run after a crash settles exactly the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from connector.engine.item import Item
from connector.engine.settle_lines import LineSettler, Prints, SettledLine, Trust
from connector.engine.shape import ABSENT, is_blank
from connector.engine.work import Work
from connector.mapping.translate import Decoded
from connector.merge.base import LINE, Base, LineBase, Pair, pack
from connector.merge.lines import LineWrite
from connector.merge.oscillation import note_writes
from connector.model.canonical import CANON_REV, dump
from connector.model.records import Record, Version
from connector.model.rows import LinkRow, LinkState
from connector.model.values import SIDES, Line, Side, Value


class Settlement(msgspec.Struct, array_like=True):
    """units: unit -> print of the source value, for every unit the write carries. closes: conflicts it ends.

    whole: print of the source record as planned, with its version: what the link's source side becomes. shared: units
    the other side gets a write of, too (merged values, lines); until that one is settled both are not in agreement.
    blank: units sent empty on create that may be filled from the other side: a default the target sets flows back.
    layout: how the units were read. written: prints of what an update writes.
    match: prints by which the source record of a create is matched, should it not be made. halves: of what is shared,
    what the target showed when it was planned: a base that has it on the target's side knows the other write as done.
    image: of a record that is put out of use, its print before that. table: where no lines were agreed on before, those
    that were alike when the write was planned. over: of what it closes, what the target showed when it was planned.
    """

    source_key: str | None
    version: str | None
    whole: bytes | None
    units: Prints
    closes: list[str]
    lines: list[SettledLine] | None = None
    removed: list[Pair] = []
    sealed: dict[str, bytes] = {}
    retire: bool = False
    shared: list[str] = []
    blank: list[str] = []
    layout: int = 0
    written: Prints = {}
    match: list[bytes] = []
    halves: Prints = {}
    image: bytes | None = None
    table: list[LineBase] = []
    over: Prints = {}


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Settlement)


def freeze(settlement: Settlement) -> bytes:
    return _ENCODER.encode(settlement)


def thaw(data: bytes) -> Settlement:
    return _DECODER.decode(data)


def forget(settlement: Settlement, names: frozenset[str]) -> None:
    """Leave out units that are read in another way since the write: their prints would not compare."""
    for name in names & settlement.units.keys():
        del settlement.units[name]
    settlement.whole = None
    if any(name == "lines" or name.startswith(LINE) for name in names):
        settlement.units.pop("lines", None)
        settlement.lines = None


def sent_values(work: Work, side: Side, body: bytes, units: Iterable[str]) -> dict[str, Value]:
    """What a write's body says of these units, as the target would show it."""
    by_name = work.shape.by_name
    names = {name for unit in units for name in (by_name[unit].fields if unit in by_name else (unit,))}
    decoded = work.spec.systems[side].mapping.decode(msgspec.json.decode(body))
    return {name: value for name, value in decoded.values.items() if name in names}


def source_of(work: Work, item: Item, source: Side, link: int, units: Iterable[str]) -> tuple[Prints, dict[str, bytes]]:
    """What the source shows of these units: their prints, and sealed values of those that keep them."""
    shape, encodings, values = work.shape, item.encodings[source], item.decoded[source].values
    prints = {unit: shape.print(unit, encodings[unit], source, link) for unit in units if unit in encodings}
    kept = [shape.by_name[unit] for unit in prints if shape.by_name[unit].sealed]
    shown = {unit.name: values.get(unit.fields[0]) for unit in kept if len(unit.fields) == 1}
    return prints, {name: work.vault.seal(dump((value, value)), b"base") for name, value in shown.items()}


def settled_lines(
    work: Work, source: Side, link: int, writes: Sequence[LineWrite], lines: Sequence[Line]
) -> list[SettledLine]:
    """What each written line settles to: prints of the source line's fields that this write carries."""
    by_key = {line.key: line for line in lines}
    found = []
    for write in writes:
        line = by_key.get(write.source)
        prints = work.shape.line_prints(line, source, link) if line is not None else {}
        found.append(SettledLine(write.source, write.line.key, {n: prints[n] for n in write.fields if n in prints}))
    return found


def settle(
    work: Work,
    link: LinkRow,
    base: Base,
    settlement: Settlement,
    target: Side,
    record: Record,
    *,
    trust: Trust,
    sent: Mapping[str, Value] | None = None,
) -> tuple[LinkRow, Decoded, dict[str, bytes]]:
    """The link after the write, and what the record shows, decoded and encoded.

    trust: what is known of the record shown. sent: what was written, as the target would show it; not needed for OWN.
    """
    decoded = work.decode(target, record)
    shown = work.shape.shown(target, decoded, record.fields)
    values = decoded.values if trust is Trust.OWN or sent is None else sent
    settled = shown if trust is Trust.OWN else work.shape.encodings(values)
    _settle_units(work, link.id, base, settlement, target, trust, shown, settled, values)
    note_writes(base, target, settlement.written, work.started)
    if settlement.lines is not None:
        lines, wanted = decoded.values.get("lines"), values.get("lines")
        settler = LineSettler(work, link.id, base, target, trust)
        settler.settle(settlement.lines, settlement.removed, settlement.table, lines, wanted)
        _doubt(base, "lines", target, trust)
        if settler.guessed:  # what was sent may have been on its own side only, and is named when it is overwritten
            _doubt(base, "lines", target.other, trust)
        base.prints.pop("lines", None)  # nobody has yet looked at what else the list shows
        agreed = trust is Trust.OWN and "lines" in settlement.units and "lines" not in settlement.shared
        if "lines" in shown and agreed and settler.agreed(lines):
            mark = work.shape.print("lines", shown["lines"], target, link.id)
            base.prints["lines"] = _pair(target, settlement.units["lines"], mark)
    prints = link.prints
    # A record with a unit that nobody agreed on is not taken for unchanged, whoever looks at it next.
    whole = trust is Trust.OWN or all(unit in base.prints for unit in settlement.units if unit in shown)
    if (prints[target] is None and trust is Trust.OWN) or _all_agreed(work, link.id, base, target, shown):
        prints = prints.with_(target, work.shape.whole(shown, target, link.id) if whole else None)
    if settlement.whole is not None and whole:
        prints = prints.with_(target.other, settlement.whole)
    seen = link.seen.with_(target, _greatest(link.seen[target], record.version))
    seen = seen.with_(target.other, _greatest(seen[target.other], settlement.version))
    after = replace(
        link,
        state=LinkState.LINKED,
        keys=link.keys.with_(target, record.key),
        prints=prints,
        seen=seen,
        layout=work.layout,
        canon=CANON_REV,
        base=pack(base, work.shape.layout),
    )
    return after, decoded, shown


def settle_unseen(
    work: Work, link: LinkRow, base: Base, settlement: Settlement, target: Side, sent: Mapping[str, Value]
) -> LinkRow:
    """The link after a write that was done, and whose target ended before it showed it: what was sent is the base.

    Lines have no ids before they are shown: what they were made of is named when it is overwritten (0013).
    """
    shown = work.shape.encodings(sent)
    _settle_units(work, link.id, base, settlement, target, Trust.APPLIED, shown, shown, sent)
    note_writes(base, target, settlement.written, work.started)
    whole = settlement.whole
    if settlement.lines is not None:
        whole, base.doubted = None, base.doubted | {("lines", target is Side.RIGHT)}
    prints = link.prints.with_(target.other, whole)
    return replace(link, prints=prints, base=pack(base, work.shape.layout))


def _settle_units(
    work: Work,
    link: int,
    base: Base,
    settlement: Settlement,
    target: Side,
    trust: Trust,
    shown: Mapping[str, bytes],
    settled: Mapping[str, bytes],
    values: Mapping[str, Value],
) -> None:
    doubtful, proven = trust.doubtful, trust.proven  # looked up once: this loop sees every value of a first sync
    for unit, source_print in settlement.units.items():
        if doubtful and settled.get(unit) != shown.get(unit):
            _was_on_both(base, unit, settled.get(unit, ABSENT), shown)
            if unit in settled and unit not in shown:
                base.brought = base.brought | {(unit, work.shape.print(unit, settled[unit], target, link))}
            if unit in settlement.halves and unit in shown:
                _typed_over(work, link, base, unit, settlement, target, shown[unit])
        elif unit in settlement.shared:
            _settle_half(work, link, base, unit, settlement, target, settled, values)
        elif unit == "lines" or unit not in settled:
            continue
        elif unit not in settlement.blank or is_blank(shown.get(unit, settled[unit])):
            base.prints[unit] = _pair(target, source_print, work.shape.print(unit, settled[unit], target, link))
            if base.doubted or not proven:
                _doubt(base, unit, target, trust)
            if unit in settlement.sealed:
                _seal(work, base, unit, settlement, values, target)


def _doubt(base: Base, unit: str, target: Side, trust: Trust) -> None:
    """Note whether what the target shows was written by us beyond doubt: if not, it is named when it is overwritten.

    If it was, both sides agree by that, and nothing of the unit is in doubt any more.
    """
    if trust.proven:
        base.doubted = base.doubted - {(unit, True), (unit, False)}
    else:
        base.doubted = base.doubted | {(unit, target is Side.LEFT)}


def _was_on_both(base: Base, unit: str, sent: bytes, shown: Mapping[str, bytes]) -> None:
    """What was sent may have been on both sides: whichever is empty is not filled as if it never held a value.

    Where the target shows what has no image (row 16), it was typed over what nobody can tell from the base or from what
    was sent: who types the old value again, on either side, looks as if nobody had touched it (0013).
    """
    if unit not in shown if unit in base.prints else not is_blank(sent):
        base.doubted = base.doubted | {(unit, True), (unit, False)}


def _typed_over(
    work: Work, link: int, base: Base, unit: str, settlement: Settlement, target: Side, shown: bytes
) -> None:
    """Somebody typed over a merged value, or over what was there before it: nobody knows, so it is named if merged."""
    if unit != "lines" and settlement.halves[unit] != work.shape.print(unit, shown, target, link):
        base.doubted = base.doubted | {(unit, target is Side.LEFT)}


def _settle_half(
    work: Work,
    link: int,
    base: Base,
    unit: str,
    settlement: Settlement,
    target: Side,
    settled: Mapping[str, bytes],
    values: Mapping[str, Value],
) -> None:
    """One of two writes of a unit is done: the target is ahead of its base, the source is at it and gets the rest.

    Where the base says that the other one is done, too, both sides have had what this one wrote.
    """
    old = base.prints.pop(unit, None)
    if old is None or unit == "lines":
        return
    shown = old[0 if target is Side.LEFT else 1]
    if unit in settled and shown == settlement.halves.get(unit):
        left, right = (work.shape.print(unit, settled[unit], side, link) for side in SIDES)
        base.prints[unit] = (left, right)
        if unit in settlement.sealed:
            value = values.get(work.shape.by_name[unit].fields[0])
            base.sealed[unit] = work.vault.seal(dump((value, value)), b"base")
        return
    base.prints[unit] = _pair(target, settlement.units[unit], shown)
    if unit in settlement.sealed:
        base.sealed[unit] = settlement.sealed[unit]


def _all_agreed(work: Work, link: int, base: Base, target: Side, shown: Mapping[str, bytes]) -> bool:
    """Whether the record shows nothing but what its base says: an edit made just before our write is not overlooked."""
    index = 0 if target is Side.LEFT else 1
    return all(
        base.prints[unit][index] == work.shape.print(unit, encoding, target, link)
        for unit, encoding in shown.items()
        if unit in base.prints
    )


def _greatest(old: Version | None, new: Version | None) -> Version | None:
    if old is None or new is None:
        return new if old is None else old
    return max(old, new)


def _pair(target: Side, source: bytes, shown: bytes) -> Pair:
    return (source, shown) if target is Side.RIGHT else (shown, source)


def _seal(work: Work, base: Base, unit: str, settlement: Settlement, values: Mapping[str, Value], target: Side) -> None:
    field = work.shape.by_name[unit].fields[0]
    plain = work.vault.open(settlement.sealed[unit], b"base")
    base.sealed[unit] = work.vault.seal(_join(plain, values.get(field), target), b"base")


def _join(source: bytes, shown: Value, target: Side) -> bytes:
    left, right = msgspec.msgpack.decode(source, type=list[bytes])
    mine = msgspec.msgpack.decode(dump((shown, shown)), type=list[bytes])[0]
    return msgspec.msgpack.encode([mine, right] if target is Side.LEFT else [left, mine])
