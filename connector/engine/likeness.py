"""Which record is the one we made: by what it shows, where the system keeps no key of ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from connector.engine.effects import Effects, call, look
from connector.engine.work import Work
from connector.model.records import Key, Record
from connector.model.rows import IntentRow, LinkRow
from connector.model.values import Line, Side, Values
from connector.ports import Tx


def own_unlinked(work: Work, side: Side, since: float) -> Effects[dict[bytes, list[Record]]]:
    """Records we made on that side that no link knows, touched since then, by what names them."""
    system = work.spec.systems[side]
    records: Sequence[Record] = yield from call(side, "find", system.object, "created_by", [str(system.principal)])
    linked: dict[Key, LinkRow] = yield from look(
        lambda tx: tx.links_by_key(work.spec.kind, side, [record.key for record in records])
    )
    free: dict[bytes, list[Record]] = {}
    for record in records:
        old = record.modified is not None and record.modified.timestamp() < since - work.spec.margin
        if record.key not in linked and not old:
            free.setdefault(name_of(work, work.decode(side, record).values), []).append(record)
    return free


def find_tagged(work: Work, side: Side, keys: Sequence[str]) -> Effects[dict[str, list[Record]]]:
    """Records of that side that carry one of these keys and that we made, by key."""
    system = work.spec.systems[side]
    found: dict[str, list[Record]] = {}
    size = system.capabilities.batch_read
    for start in range(0, len(keys), size):
        records: Sequence[Record] = yield from call(
            side, "find", system.object, str(system.mapping.external_key), keys[start : start + size]
        )
        for record in records:
            if work.is_ours(side, record) or system.principal is None:
                partner = work.decode(side, record).partner
                if partner is not None:
                    found.setdefault(partner, []).append(record)
    return found


def assign(
    work: Work, side: Side, rows: Sequence[IntentRow], free: dict[bytes, list[Record]]
) -> tuple[list[tuple[IntentRow, Record]], list[IntentRow], list[tuple[IntentRow, int]]]:
    """Each create with the record it made, those that made none, and those nobody can tell, with how many it could be.

    A record that somebody changed since no longer shows what was sent: it counts where no other has its name.
    """
    made: list[tuple[IntentRow, Record]] = []
    rest: dict[bytes, list[IntentRow]] = {}
    for row in rows:
        body = msgspec.json.decode(work.vault.open(row.body, b"intent"))
        sent = work.spec.systems[side].mapping.decode(body).values
        name = name_of(work, sent)
        same = next((record for record in free.get(name, ()) if shows(work.decode(side, record).values, sent)), None)
        if same is None:
            rest.setdefault(name, []).append(row)
        else:
            free[name].remove(same)
            made.append((row, same))
    missing: list[IntentRow] = []
    unclear: list[tuple[IntentRow, int]] = []
    for name, alike in rest.items():
        left = free.get(name, [])
        if not left:
            missing.extend(alike)
        elif len(left) == len(alike) == 1:
            made.append((alike[0], left[0]))
        else:
            unclear.extend((row, len(left)) for row in alike)
            left = []
        free[name] = [record for record in left if not (len(left) == len(alike) == 1)]
    others = [record for records in free.values() for record in records]
    found = _renamed(work, side, missing, others)
    tokens, keys = {row.token for row, _ in found}, {record.key for _, record in found}
    missing = [row for row in missing if row.token not in tokens]
    others = [record for record in others if record.key not in keys]
    return _over_names([*made, *found], missing, unclear, others)


def _renamed(
    work: Work, side: Side, missing: Sequence[IntentRow], rest: Sequence[Record]
) -> list[tuple[IntentRow, Record]]:
    """Creates whose record has another name since, but what first links are made by: one of each, on either hand."""
    claims: list[tuple[IntentRow, list[Record]]] = []
    for row in missing:
        number, wanted, _ = _sent_key(work, side, row)
        alike = [r for r in rest if wanted and work.match_prints(side, work.decode(side, r))[number] == wanted]
        claims.append((row, alike))
    claimed = Counter(record.key for _, alike in claims for record in alike)
    return [(row, alike[0]) for row, alike in claims if len(alike) == 1 == claimed[alike[0].key]]


def _sent_key(work: Work, side: Side, row: IntentRow) -> tuple[int, bytes, dict[str, Any]]:
    """The first match rule with a value in what was sent, its print (b"" where there is none), and what was sent."""
    body = msgspec.json.decode(work.vault.open(row.body, b"intent"))
    prints = work.match_prints(side, work.spec.systems[side].mapping.decode(body))
    number, value = next(((n, value) for n, value in enumerate(prints) if value), (0, b""))
    return number, value, body


def _over_names(
    made: list[tuple[IntentRow, Record]],
    missing: list[IntentRow],
    unclear: list[tuple[IntentRow, int]],
    rest: Sequence[Record],
) -> tuple[list[tuple[IntentRow, Record]], list[IntentRow], list[tuple[IntentRow, int]]]:
    """A record may have been given another name since we made it: what is left over may be one of those not found."""
    if not rest or not missing:
        return made, missing, unclear
    if len(rest) == len(missing) == 1 and not unclear:
        return [*made, (missing[0], rest[0])], [], unclear
    return made, [], [*unclear, *((row, len(rest)) for row in missing)]


def name_of(work: Work, values: Values) -> bytes:
    """Required fields and whatever names a record, as one comparable text; references are no part of a name."""
    fields = work.spec.entity.fields
    names = [n for n, f in fields.items() if (f.required or n in work.spec.entity.label) and f.ref is None]
    return "\x1f".join(str(values.get(name)) for name in names).encode()


def shows(shown: Values, sent: Values) -> bool:
    """True when a record shows every value that was sent. Lines are compared in order; new ones had no id when sent."""
    return all(_same(value, shown.get(name)) for name, value in sent.items())


def _same(sent: object, shown: object) -> bool:
    mine, theirs = _lines(sent), _lines(shown)
    if mine is None or theirs is None:
        return sent == shown
    return len(mine) == len(theirs) and all(
        a.key in (None, b.key) and shows(b.values, a.values) for a, b in zip(mine, theirs, strict=True)
    )


def _lines(value: object) -> list[Line] | None:
    """The lines, where the value is one of those; money and references are tuples of their own."""
    if type(value) is not tuple:
        return None
    return [line for line in value if isinstance(line, Line)]


def find_alike(work: Work, side: Side, rows: Sequence[IntentRow]) -> Effects[dict[str, list[Record]]]:
    """Unlinked records of that side that the first match rule with a value takes for the one sent, by token."""
    mapping, object_ = work.spec.systems[side].mapping, work.spec.systems[side].object
    found: dict[str, list[Record]] = {}
    for row in rows:
        number, wanted, body = _sent_key(work, side, row)
        field = mapping.source_of(work.spec.match[number][0]) if wanted else None
        if field is None or body.get(field) is None:
            continue
        records: Sequence[Record] = yield from call(side, "find", object_, field, [str(body[field])])
        linked: dict[Key, LinkRow] = yield from look(_linked_among(work, side, [record.key for record in records]))
        found[row.token] = [
            record
            for record in records
            if record.key not in linked and work.match_prints(side, work.decode(side, record))[number] == wanted
        ]
    return found


def _linked_among(work: Work, side: Side, keys: Sequence[Key]) -> Callable[[Tx], dict[Key, LinkRow]]:
    return lambda tx: tx.links_by_key(work.spec.kind, side, keys)
